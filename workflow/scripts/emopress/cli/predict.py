"""`predict`: label and probability of texts from the command line, a file or standard input.

Needs numpy and the bundle's own runtime: onnxruntime and tokenizers, openvino, or nothing more.
"""

import argparse
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from emopress.cli.options import add_bundle, add_device, add_form, add_threads, positive
from emopress.cli.texts import texts_in
from emopress.errors import UserError

if TYPE_CHECKING:
    from emopress.runtime.classifier import Classifier

DESCRIPTION = """\
Print the most likely label of each text with its probability, one line per text, in the order of the
texts, as soon as each is known. Without TEXT (or with -), the texts are the lines of standard input:

  %(prog)s BUNDLE "i feel wonderful" "leave me alone"
  %(prog)s BUNDLE texts.txt
  %(prog)s BUNDLE reviews.csv --text-column review
  %(prog)s BUNDLE < texts.txt | paste - texts.txt
  %(prog)s BUNDLE --json --all < texts.txt | jq .probabilities.joy

Output is label, tab, probability (four digits); with --all the other labels follow with their
probabilities, the most likely first. With --json each line is an object with text, label, probability and,
with --all, probabilities: an object with every label in the model's order.

A model that gives any number of labels prints those whose probability reaches their threshold (see
bundle.json), the most likely first, each followed by its probability; the line is empty if there are
none. With --json, label and probability are replaced by labels, an object of label and probability.

For an empty line (or one of white space only) label and probability are empty, with --json null, so
that line n of the output always belongs to line n of the input. Input is UTF-8; other bytes become
U+FFFD. Long texts are cut off as in training, at the model's maximum number of tokens, and lines after a
million bytes. A TEXT that starts with - goes after --.
"""


def add_parser(subparsers: Any) -> None:
    """Add `predict` to the commands."""
    parser = subparsers.add_parser(
        "predict",
        help="print label and probability of texts",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_bundle(parser)
    parser.add_argument("text", metavar="TEXT", nargs="*", default=[], help="texts to judge")
    parser.add_argument(
        "--file", metavar="FILE", help="a file of texts, one a line, or a table; -: standard input"
    )
    parser.add_argument(
        "--text-column", metavar="NAME", help="column of a table's texts (default: text)"
    )
    add_form(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--all", action="store_true", help="print the probabilities of all labels")
    parser.add_argument(
        "--batch-size",
        type=positive,
        default=1,
        metavar="N",
        help="texts per call of the model, at most (default: 1, as measured in the report; in a "
        "dynamic int8 model the texts of a batch share a range of activations, which changes "
        "probabilities slightly)",
    )
    add_threads(parser)
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a line per text; UserError if there is no bundle."""
    from emopress.runtime.bundle import load

    classifier = load(arguments.bundle, threads=arguments.threads, device=arguments.device)
    line_of = partial(
        json_line if arguments.json else tsv_line,
        labels=classifier.labels,
        thresholds=classifier.thresholds,
        every=arguments.all,
    )
    for texts in texts_in(arguments):
        rows = probabilities(classifier, texts)
        lines = [line_of(text, row) + "\n" for text, row in zip(texts, rows, strict=True)]
        sys.stdout.buffer.write("".join(lines).encode("utf-8"))
        sys.stdout.buffer.flush()
    return 0


def probabilities(classifier: "Classifier", texts: list[str]) -> list[list[float] | None]:
    """Return the probabilities of each text in label order, None for a text without content."""
    full = [text for text in texts if classifier.normalise(text)]
    if not full:
        return [None] * len(texts)
    rows = classifier.predict_proba(full, batch_size=len(full)).tolist()
    if any(value != value for row in rows for value in row):
        raise UserError("the output of the model is not a number (NaN), so it cannot be used")
    remaining = iter(rows)
    return [next(remaining) if classifier.normalise(text) else None for text in texts]


def chosen(row: list[float], thresholds: list[float] | None) -> list[int]:
    """Return the predicted labels, the most likely first: one, or with thresholds all that reach theirs."""
    order = sorted(range(len(row)), key=lambda i: -row[i])
    return order[:1] if thresholds is None else [i for i in order if row[i] >= thresholds[i]]


def tsv_line(
    text: str,
    row: list[float] | None,
    *,
    labels: list[str],
    thresholds: list[float] | None,
    every: bool,
) -> str:
    """Return the predicted labels, with `every` all labels, each with its probability."""
    if row is None:
        cells = 2 * (len(labels) if every else 1) if thresholds is None else 1
        return "\t" * (cells - 1)
    shown = chosen(row, [0.0] * len(row) if every else thresholds)
    return "\t".join(f"{labels[i]}\t{row[i]:.4f}" for i in shown)


def json_line(
    text: str,
    row: list[float] | None,
    *,
    labels: list[str],
    thresholds: list[float] | None,
    every: bool,
) -> str:
    """Return a JSON object: text, label and probability (or labels), with `every` all probabilities."""
    predicted = row and {labels[i]: round(row[i], 6) for i in chosen(row, thresholds)}
    shown: dict[str, Any] = {"text": text}
    if thresholds is None:
        label, probability = next(iter(predicted.items())) if predicted else (None, None)
        shown |= {"label": label, "probability": probability}
    else:
        shown["labels"] = predicted
    if every:
        shown["probabilities"] = row and {
            label: round(value, 6) for label, value in zip(labels, row, strict=True)
        }
    return json.dumps(shown, ensure_ascii=False)
