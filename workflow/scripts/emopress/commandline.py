"""Reads of Snakemake's command line what Snakemake itself drops, or tells in no words that help."""

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

CONFIGFILE = ("--configfile", "--configfiles")
CONFIG = ("--config", "-C")
ENDINGS = (".yaml", ".yml", ".json")  # of config files


def repeated_configfiles(arguments: Sequence[str]) -> list[str]:
    """Return the files of every --configfile flag but the last, absolute, in their order.

    Snakemake takes several files after one flag, and silently forgets those of an earlier flag.
    """
    return [
        os.path.abspath(path) for group in _groups(arguments, CONFIGFILE)[:-1] for path in group
    ]


def check_configfiles(arguments: Sequence[str]) -> None:
    """End this process with one line if a file after --configfile cannot be read, or --config has no KEY=VALUE.

    Snakemake reads them before any file of the workflow, and names neither file nor line; or it shows a
    traceback. profiles/default therefore has this run while the command line is read. Either flag takes
    all words up to the next one: so a target after them, without --, is told of.
    """
    from emopress.config_file import unreadable

    for group in _groups(arguments, CONFIG):
        for word in group:
            if "=" not in word:
                sys.exit(f"--config {' '.join(group)}: {_no_pair(word, group)}")
    for group in _groups(arguments, CONFIGFILE):
        for path in group:
            if fault := unreadable(path):
                sys.exit(f"config: {fault}{_meant(path, group)}")


def _no_pair(word: str, group: list[str]) -> str:
    """Say what is wrong with a word after --config, and what it may have been meant for."""
    if word.endswith(ENDINGS):
        return f"{word!r} is no KEY=VALUE; a config file follows --configfile"
    pairs = [other for other in group if "=" in other]
    targets = [other for other in group if "=" not in other]
    return (
        f"{word!r} is no KEY=VALUE; if it is a target, put -- before it: "
        f"{' '.join(['--config', *(pairs or ['KEY=VALUE']), '--', *targets])}"
    )


def _meant(path: str, group: list[str]) -> str:
    """Return what to do about a config file that cannot be read, where its name tells; else nothing."""
    if not path.endswith(ENDINGS):
        files = [other for other in group if other.endswith(ENDINGS)] or ["FILE.yaml"]
        targets = [other for other in group if not other.endswith(ENDINGS)]
        whole = " ".join(["--configfile", *files, "--", *targets])
        return f"; --configfile takes it for a config file: if it is a target, put -- before it: {whole}"
    here = Path(path).parent
    if Path(path).exists() or not here.is_dir():
        return ""
    names = [file.name for file in here.iterdir() if file.name.endswith(ENDINGS)]
    close = difflib.get_close_matches(Path(path).name, names, n=1)
    return f" (meant {here / close[0]}?)" if close else ""


def _groups(arguments: Sequence[str], flags: tuple[str, ...]) -> list[list[str]]:
    """Return what follows each of these flags, up to the next flag."""
    groups: list[list[str]] = []
    taking = False
    for argument in arguments:
        if argument.startswith("-"):
            flag, _, value = argument.partition("=")
            taking = flag in flags
            if taking:
                groups.append([value] if value else [])
        elif taking:
            groups[-1].append(argument)
    return groups
