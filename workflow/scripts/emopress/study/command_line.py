"""Checks the command that the user typed for what Snakemake would ignore, or reject with an unhelpful message."""

import argparse
import shlex
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from emopress.errors import nearest
from emopress.study.config_file import unreadable

SLURM = "snakemake_executor_plugin_slurm"
ENDINGS = (".yaml", ".yml", ".json")  # of config files


@cache
def typed_command() -> argparse.Namespace | None:
    """Return this process's command as Snakemake's parser reads it; None if another program runs.

    The one place that looks at the command line. Snakemake's objects do not have all of it when it is
    needed: the config files are read before the workflow, the targets are set after it, and of a repeated
    flag only the last is left. `repeated` has the words after each --configfile and --config, by name, if
    there are several.
    """
    program = Path(sys.argv[0])
    if "snakemake" not in (program.name, program.parent.name):
        return None
    from snakemake.cli import get_argument_parser

    # Snakemake's parser would end the program, with its usage, for an executor whose plugin is not installed.
    executor = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    executor.add_argument("--executor", "-e")
    chosen, words = executor.parse_known_args()
    command: argparse.Namespace = get_argument_parser().parse_known_args(words)[0]
    command.executor = chosen.executor
    flags = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flags.add_argument("--configfile", "--configfiles", nargs="*", action="append", default=[])
    flags.add_argument("--config", "-C", nargs="*", action="append", default=[])
    groups = vars(flags.parse_known_args()[0])
    command.repeated = {flag: words for flag, words in groups.items() if len(words) > 1}
    return command


def typed_targets() -> list[str]:
    """Return the targets of the command; Snakemake's workflow knows them only after it has been read."""
    command = typed_command()
    return list(command.targets or []) if command else []


def repeated_flag() -> str | None:
    """Return in one line which flag of the command is given several times, None if none is."""
    command = typed_command()
    for flag, groups in command.repeated.items() if command else ():
        words = shlex.join([f"--{flag}", *(word for group in groups for word in group)])
        return (
            f"--{flag} is given {len(groups)} times, and Snakemake reads only the last; give all values after "
            f"one: {words}"
        )
    return None


def command_error() -> str | None:
    """Return in one line what is wrong with a config file or with the words after a flag, None if nothing is.

    Snakemake reads config files before any file of the workflow, and names neither file nor line of one that
    it cannot read. The profiles therefore call this while they are read. Flags of several values
    (--configfile, --config, --cache) take all words up to the next flag, a target without -- before it too.
    """
    command = typed_command()
    if command is None:
        return None
    if error := repeated_flag():
        return error
    pairs = command.config or []
    for word in pairs:
        if "=" not in word:
            return f"--config {' '.join(pairs)}: {_no_pair(word, pairs)}"
    slurm = "slurm" in (command.executor, Path(command.workflow_profile or "").name)
    if slurm and not find_spec(SLURM):
        return (
            "the executor slurm is an extra: make setup EXTRAS=slurm, or "
            "pip install -r requirements-slurm.lock"
        )
    if command.cache:
        words = " ".join(command.cache)
        return f"--cache {words}: name no rule; if it is a target, put -- before it: --cache -- {words}"
    files = [str(path) for path in command.configfile or []]
    for path in files:
        if fault := unreadable(path):
            return f"config: {fault}{_remedy(path, files)}"
    return None


def _no_pair(word: str, words: list[str]) -> str:
    """Say what is wrong with a word after --config, and where it may belong."""
    if word.endswith(ENDINGS):
        return f"{word!r} is not KEY=VALUE; a config file follows --configfile"
    pairs = [other for other in words if "=" in other]
    targets = [other for other in words if "=" not in other]
    return (
        f"{word!r} is not KEY=VALUE; if it is a target, put -- before it: "
        f"{' '.join(['--config', *(pairs or ['KEY=VALUE']), '--', *targets])}"
    )


def _remedy(path: str, words: list[str]) -> str:
    """Return what to do about a config file that cannot be read, where its name suggests something; else ''."""
    if not path.endswith(ENDINGS):
        files = [other for other in words if other.endswith(ENDINGS)] or ["FILE.yaml"]
        targets = [other for other in words if not other.endswith(ENDINGS)]
        command = " ".join(["--configfile", *files, "--", *targets])
        return f"; --configfile takes it for a config file: if it is a target, put -- before it: {command}"
    folder = Path(path).parent
    if Path(path).exists() or not folder.is_dir():
        return ""
    names = [file.name for file in folder.iterdir() if file.name.endswith(ENDINGS)]
    near = nearest(Path(path).name, names)
    return f"; did you mean {str(folder / near)!r}?" if near else ""
