"""Options that several commands share."""

import argparse
import sys
from pathlib import Path

from emopress.data.formats import KEYS, QUOTINGS

BUNDLE_HELP = "folder of a bundle (bundle.json is in it)"


def positive(text: str) -> int:
    """Return a whole number above zero; ValueError, which argparse tells, for anything else."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


positive.__name__ = (
    "whole number above zero"  # argparse: invalid whole number above zero value: '0'
)


def add_bundle(parser: argparse.ArgumentParser, name: str = "bundle") -> None:
    """Add the path of a bundle as a positional argument."""
    parser.add_argument(name, metavar=name.upper(), type=Path, help=BUNDLE_HELP)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --threads."""
    parser.add_argument(
        "--threads", type=positive, default=1, metavar="N", help="threads of the model (default: 1)"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument(
        "--device",
        choices=("cpu", "auto", "cuda"),
        default="cpu",
        help="where bundles of the transformers runtime compute; auto: the first CUDA device, else "
        "the CPU. All others: the CPU (default: cpu)",
    )


def add_form(parser: argparse.ArgumentParser) -> None:
    """Add how a table is to be read, where its ending does not say it."""
    parser.add_argument(
        "--delimiter",
        metavar="CHARACTER",
        help=r"what parts the cells of a .csv or .tsv (default: a comma, a tab); \t is a tab",
    )
    parser.add_argument(
        "--quoting",
        choices=QUOTINGS,
        help="of a .csv or .tsv. none: quotation marks are characters like any other; csv: as RFC 4180 "
        "says; multiline: the same, and cells may hold line breaks together with delimiters "
        "(default: none where tabs part the cells, else csv)",
    )
    parser.add_argument(
        "--sheet",
        help="name of the sheet of an .xlsx, or its number from 1 on (default: the first)",
    )


def add_numbered(parser: argparse.ArgumentParser) -> None:
    """Add what numbers stand for in a table's labels."""
    parser.add_argument(
        "--numbered",
        metavar="LABEL=NUMBER",
        nargs="+",
        type=_label_and_number,
        default=[],
        help="what the numbers in the label column stand for",
    )


def form_in(arguments: argparse.Namespace) -> dict[str, str]:
    """Return those of delimiter, quoting and sheet that are given."""
    given = {key: getattr(arguments, key) for key in KEYS}
    return {key: value for key, value in given.items() if value is not None}


def warn(message: str) -> None:
    """Print a warning."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


def _label_and_number(text: str) -> tuple[str, str]:
    label, number = text.rsplit("=", 1)
    float(number)
    return number, label


_label_and_number.__name__ = "LABEL=NUMBER"
