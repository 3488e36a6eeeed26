"""`emopress verify RESULTS`: names every damaged or missing file of a results folder."""

import argparse
import shlex
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add `verify` to the commands."""
    parser = subparsers.add_parser(
        "verify",
        help="find damaged files in a results folder",
        description="Compare every file below a results folder with the hash that was recorded of it, "
        "and name those that are damaged, truncated or missing, a line each. The exit status is 1 if "
        "there is one.",
    )
    parser.add_argument("results", metavar="RESULTS", type=Path, help="a results folder")
    parser.add_argument(
        "--remove",
        action="store_true",
        help="remove what is damaged (a checkpoint or bundle as a whole), for the workflow to make it "
        "again, and print the targets that have it do so at once",
    )


def run(arguments: argparse.Namespace) -> int:
    """Tell what is damaged; return 1 if something is and stays so."""
    from emopress.jobs.verify import remove, verify

    results: Path = arguments.results
    verdict = verify(results)
    for path, why in verdict.damaged:
        print(why if why.startswith(str(path)) else f"{path}: {why}")
    counts = f"{verdict.checked} files sound, {len(verdict.damaged)} damaged or missing"
    without = len(verdict.unrecorded)
    print(f"{results}: {counts}" + (f", {without} without a record" if without else ""))
    if not arguments.remove:
        return int(bool(verdict.damaged))
    gone = remove(results, verdict.damaged)
    for path in gone:
        print(f"removed {path}")
    targets = " ".join(shlex.quote(str(path)) for path in gone.values() if path)
    if targets:
        print(
            "what needs it makes it again; to have it now run snakemake with your options and these "
            f"targets, in the folder that {results.name}/ lies in:\n-- {targets}"
        )
    return 0
