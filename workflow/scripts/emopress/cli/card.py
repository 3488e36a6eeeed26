"""`emopress card BUNDLE`: writes a Hugging Face model card for a bundle."""

import argparse
import sys
from pathlib import Path
from typing import Any

from emopress.artifact import replaced_file
from emopress.cli.options import add_bundle, warn
from emopress.errors import UserError


def add_parser(subparsers: Any) -> None:
    """Add `card` to the commands."""
    parser = subparsers.add_parser(
        "card",
        help="write a Hugging Face model card",
        description="Write a Hugging Face model card for a bundle to standard output or to a file.",
    )
    add_sources(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write to FILE")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the files that a card is written from."""
    add_bundle(parser)
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="predictions.parquet of the bundle (default: the one beside it in a results folder)",
    )
    parser.add_argument(
        "--data-card",
        type=Path,
        metavar="FILE",
        help="card.json of its data set (default: data/DATASET/card.json in the results folder)",
    )
    parser.add_argument("--without-metrics", action="store_true", help="leave the scores out")


def run(arguments: argparse.Namespace) -> int:
    """Write the card; UserError if a file is missing, or if --out exists and --force is not given."""
    out: Path | None = arguments.out
    if out and out.is_dir():
        raise UserError(f"{out}: a folder; give the name of a file, such as {out / 'README.md'}")
    if out and out.exists() and not arguments.force:
        raise UserError(f"{out}: exists already; --force replaces it")
    from emopress.card.facts import gather
    from emopress.card.text import card_text, unknown_licences

    facts = gather(
        arguments.bundle,
        predictions=arguments.predictions,
        data_card=arguments.data_card,
        with_metrics=not arguments.without_metrics,
    )
    text = card_text(facts)
    for line in unknown_licences(facts):
        warn(line)
    if out is None:
        sys.stdout.buffer.write(text.encode())
        return 0
    try:
        with replaced_file(out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror or error})") from None
    return 0
