"""Reads of Snakemake's command line what Snakemake itself drops."""

import os
import sys
from collections.abc import Sequence

FLAGS = ("--configfile", "--configfiles")


def repeated_configfiles(arguments: Sequence[str]) -> list[str]:
    """Return the files of every --configfile flag but the last, absolute, in their order.

    Snakemake takes several files after one flag, and silently forgets those of an earlier flag.
    """
    return [os.path.abspath(path) for group in _groups(arguments)[:-1] for path in group]


def configfiles(arguments: Sequence[str]) -> list[str]:
    """Return the files of every --configfile flag, as they are given."""
    return [path for group in _groups(arguments) for path in group]


def _groups(arguments: Sequence[str]) -> list[list[str]]:
    groups: list[list[str]] = []
    taking = False
    for argument in arguments:
        if argument.startswith("-"):
            flag, _, value = argument.partition("=")
            taking = flag in FLAGS
            if taking:
                groups.append([value] if value else [])
        elif taking:
            groups[-1].append(argument)
    return groups


def check_configfiles(arguments: Sequence[str]) -> None:
    """End this process with one line if a file after --configfile cannot be read.

    Snakemake reads them before any file of the workflow, and names neither file nor line; or it shows a
    traceback. profiles/default therefore has this run while the command line is read.
    """
    from emopress.config_file import unreadable

    for path in configfiles(arguments):
        fault = unreadable(path)
        if fault:
            sys.exit(f"config: {fault}")
