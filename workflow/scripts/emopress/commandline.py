"""Reads of Snakemake's command line what Snakemake itself drops."""

import os
from collections.abc import Sequence

FLAGS = ("--configfile", "--configfiles")


def repeated_configfiles(arguments: Sequence[str]) -> list[str]:
    """Return the files of every --configfile flag but the last, absolute, in their order.

    Snakemake takes several files after one flag, and silently forgets those of an earlier flag.
    """
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
    return [os.path.abspath(path) for group in groups[:-1] for path in group]
