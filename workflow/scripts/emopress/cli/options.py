"""Options that several commands share."""

import argparse
from pathlib import Path

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
