"""Reads of Snakemake's command line what Snakemake itself drops, or tells in no words that help."""

import difflib
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

CONFIGFILE = ("--configfile", "--configfiles")
CONFIG = ("--config", "-C")
SLURM = "snakemake_executor_plugin_slurm"
ENDINGS = (".yaml", ".yml", ".json")  # of config files


def repeated_configfiles(arguments: Sequence[str]) -> list[str]:
    """Return the files of every --configfile flag but the last, absolute, in their order.

    Snakemake takes several files after one flag, and silently forgets those of an earlier flag.
    """
    return [
        os.path.abspath(path) for group in _groups(arguments, CONFIGFILE)[:-1] for path in group
    ]


def targets(words: Sequence[str]) -> list[str]:
    """Return the targets that this process was started with, if it is Snakemake's; else none.

    Snakemake has parsed the same words so; but while it reads the workflow it does not know them.
    """
    program = Path(words[0])
    if "snakemake" not in (program.name, program.parent.name):
        return []
    from snakemake.cli import get_argument_parser

    return list(get_argument_parser().parse_known_args(list(words[1:]))[0].targets or [])


def check_configfiles(arguments: Sequence[str]) -> None:
    """End this process with one line if a file after --configfile cannot be read, or a flag has a word too many.

    Snakemake reads these files before any file of the workflow, and names neither file nor line; or it
    shows a traceback. profiles/default therefore has this run while the command line is read. Flags of
    several values (--configfile, --config, --cache) take all words up to the next flag: so a target
    after them, without --, is told of.
    """
    from emopress.study.config_file import unreadable

    for group in _groups(arguments, CONFIG):
        for word in group:
            if "=" not in word:
                sys.exit(f"--config {' '.join(group)}: {_no_pair(word, group)}")
    for group in _groups(arguments, ("--executor", "-e", "--workflow-profile")):
        if any(Path(word).name == "slurm" for word in group) and not find_spec(SLURM):
            sys.exit(
                "the executor slurm is an extra: make setup EXTRAS=slurm, or "
                "pip install -r requirements-slurm.lock"
            )
    for group in _groups(arguments, ("--cache",)):
        if group:
            words = " ".join(group)
            sys.exit(
                f"--cache {words}: name no rule; if it is a target, put -- before it: --cache -- {words}"
            )
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
