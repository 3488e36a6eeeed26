"""`emopress push BUNDLE REPO`: uploads a bundle and its model card to the Hugging Face hub."""

import argparse
from typing import Any

from emopress.cli.card import add_sources
from emopress.cli.options import warn
from emopress.errors import UserError


def add_parser(subparsers: Any) -> None:
    """Add `push` to the commands."""
    parser = subparsers.add_parser(
        "push",
        help="upload a bundle to the Hugging Face hub",
        description="Upload the files of a bundle, with its model card as README.md, to the Hugging Face "
        "hub in one commit. Log in with `hf auth login`, or set HF_TOKEN. HF_ENDPOINT selects another "
        "hub.",
    )
    add_sources(parser)
    parser.add_argument("repo", metavar="REPO", help="OWNER/NAME; created if it does not exist")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="list what would be uploaded, without using the network",
    )
    parser.add_argument(
        "--private", action="store_true", help="upload to a private repository only"
    )
    parser.add_argument("--revision", metavar="BRANCH", help="branch; created if it does not exist")
    parser.add_argument("--message", help="commit message (default: names the bundle)")
    parser.add_argument("--create-pr", action="store_true", help="open a pull request instead")


def run(arguments: argparse.Namespace) -> int:
    """Upload the bundle, or with --dry-run list what would be uploaded; UserError if it cannot."""
    if arguments.create_pr and arguments.revision not in (None, "main"):
        raise UserError("push: --create-pr opens a pull request against main; leave --revision out")
    from emopress.card.facts import gather
    from emopress.card.text import card_text, licence_id, unknown_licences
    from emopress.card.upload import Upload, check_repo, push, shipment

    check_repo(arguments.repo)
    facts = gather(
        arguments.bundle,
        predictions=arguments.predictions,
        data_card=arguments.data_card,
        with_metrics=not arguments.without_metrics,
    )
    upload = Upload(
        repo=arguments.repo,
        private=arguments.private,
        revision=arguments.revision,
        message=arguments.message or f"Upload {facts.variant}, seed {facts.bundle.facts['seed']}",
        create_pr=arguments.create_pr,
    )
    for line in unknown_licences(facts):
        warn(line)
    files = shipment(facts.bundle, card_text(facts, repo=arguments.repo))
    if arguments.dry_run:
        print(upload.plan(files, licence_id(facts)))
    else:
        print(push(upload, files))
    return 0
