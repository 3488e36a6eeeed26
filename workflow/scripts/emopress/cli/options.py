"""Options shared by several commands."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from emopress.data.formats import (
    KEYS,
    QUOTINGS,
    Form,
    endings_of,
    form_of,
    is_delimiter,
    on_command_line,
)
from emopress.errors import UserError

BUNDLE_HELP = "folder of a bundle (the one with bundle.json)"


def positive(text: str) -> int:
    """Return a whole number above zero; ValueError, which argparse reports, for anything else."""
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
        help="device for bundles with the runtime transformers; auto: the first CUDA device if there is "
        "one, else the CPU. Other runtimes use the CPU (default: cpu)",
    )


def add_form(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to read a table."""
    parser.add_argument(
        "--delimiter",
        type=_delimiter,
        metavar="CHARACTER",
        help=r"separates the cells of a .csv or .tsv (default: a comma or a tab); \t is a tab",
    )
    parser.add_argument(
        "--quoting",
        choices=QUOTINGS,
        help="for a .csv or .tsv. none: quotation marks are ordinary characters; csv: as in RFC 4180; "
        "multiline: the same, and cells may contain line breaks together with delimiters "
        "(default: none if tabs separate the cells, else csv)",
    )
    parser.add_argument(
        "--sheet",
        help="name of the sheet of an .xlsx, or its number, counted from 1 (default: the first that is not hidden)",
    )


def add_numbered(parser: argparse.ArgumentParser) -> None:
    """Add the meaning of numbers in the label column."""
    parser.add_argument(
        "--numbered",
        metavar="LABEL=NUMBER",
        nargs="+",
        type=_label_and_number,
        default=[],
        help="what the numbers in the label column stand for",
    )


def form_in(arguments: argparse.Namespace) -> dict[str, str]:
    """Return delimiter, quoting and sheet as far as they are given."""
    given = {key: getattr(arguments, key) for key in KEYS}
    return {key: value for key, value in given.items() if value is not None}


def form_on_disk(path: Path, given: Mapping[str, str]) -> Form:
    """Return the form of a table, most of which follows from its suffix; UserError for an option without effect."""
    ending = path.suffix.lower()
    for key in given:
        if ending not in endings_of(key):
            fitting = " and ".join(endings_of(key))
            raise UserError(f"{path}: --{key} has no effect; it is for {fitting} files")
    return form_of(ending, given, option=on_command_line)


def warn(message: str) -> None:
    """Print a warning."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


def _delimiter(text: str) -> str:
    if not is_delimiter(text):
        raise ValueError(text)
    return text


def _label_and_number(text: str) -> tuple[str, str]:
    label, number = text.rsplit("=", 1)
    float(number)
    return number, label


_delimiter.__name__ = "delimiter (one character, or \\t)"
_label_and_number.__name__ = "LABEL=NUMBER"
