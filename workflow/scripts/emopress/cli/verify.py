"""`emopress verify RESULTS`: lists the damaged and missing files of a results folder."""

import argparse
import shlex
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add `verify` to the commands."""
    parser = subparsers.add_parser(
        "verify",
        help="find damaged files in a results folder",
        description="Compare every file below a results folder with its recorded hash and list those that "
        "are damaged, truncated or missing, one per line. The exit status is 1 if there are any.",
    )
    parser.add_argument("results", metavar="RESULTS", type=Path, help="a results folder")
    parser.add_argument(
        "--remove",
        action="store_true",
        help="remove what is damaged (a checkpoint or bundle as a whole) so that the workflow makes it "
        "again, and print the targets for doing so at once",
    )


def run(arguments: argparse.Namespace) -> int:
    """List what is damaged; return 1 if anything is and was not removed."""
    from emopress.jobs.damage import remove, verify

    results: Path = arguments.results
    verdict = verify(results)
    for path, why in verdict.damaged:
        print(why if why.startswith(str(path)) else f"{path}: {why}")
    counts = f"{verdict.checked} files intact, {len(verdict.damaged)} damaged or missing"
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
            "the workflow makes these again when they are needed; to do so now, run snakemake with your options and "
            f"these targets, in the folder that contains {results.name}/:\n-- {targets}"
        )
    return 0
