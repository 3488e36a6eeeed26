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
Print the most likely label of each text and its probability: one line per text, in the order of the
texts, as soon as it is known. Without TEXT (or with -) texts are the lines of standard input:

  %(prog)s BUNDLE "i feel wonderful" "leave me alone"
  %(prog)s BUNDLE texts.txt
  %(prog)s BUNDLE reviews.csv --text-column review
  %(prog)s BUNDLE < texts.txt | paste - texts.txt
  %(prog)s BUNDLE --json --all < texts.txt | jq .probabilities.joy

A model that gives any number of labels prints those whose probability is at least their threshold
(bundle.json has it), the most likely first, each followed by its probability; a line is empty if there is
none. With --json label and probability give way to labels, an object of label and probability.

Output is label, tab, probability (four digits); with --all the other labels follow, each with its
probability, the most likely first. With --json each line is an object with text, label, probability, and
with --all probabilities, an object with every label in the model's order.

An empty line (or one of white space only) holds nothing to judge: its output line has an empty label and
probability, with --json null, so that line n of the output always belongs to line n of the input.
Input is UTF-8; bytes that are not become U+FFFD. Long texts are cut as in training, at the model's
maximum number of tokens, and lines at a million bytes. A TEXT that starts with - goes after --.

A single TEXT that is a file's name is read as that file, as --file FILE is: a text a line, or the texts of
a table's column (.csv, .tsv, .xlsx, .parquet; its rows without any value are passed over). A text that
happens to be a file's name goes through standard input.
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
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--all", action="store_true", help="the probabilities of all labels")
    parser.add_argument(
        "--batch-size",
        type=positive,
        default=1,
        metavar="N",
        help="up to so many texts per call of the model (default: 1, each text by itself, as "
        "the report measured it; in a dynamic int8 model the texts of a batch share a range "
        "of activations, which moves probabilities a little)",
    )
    add_threads(parser)
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a line per text; UserError for what is no bundle."""
    from emopress.runtime.load import load

    classifier = load(arguments.bundle, threads=arguments.threads, device=arguments.device)
    if classifier.thresholds is None:
        line = json_line if arguments.json else tsv_line
    else:
        told_of = json_labels if arguments.json else tsv_labels
        line = partial(told_of, thresholds=classifier.thresholds)
    for texts in texts_in(arguments):
        told = [
            line(text, row, classifier.labels, every=arguments.all) + "\n"
            for text, row in zip(texts, probabilities(classifier, texts), strict=True)
        ]
        sys.stdout.buffer.write("".join(told).encode("utf-8"))
        sys.stdout.buffer.flush()
    return 0


def probabilities(classifier: "Classifier", texts: list[str]) -> list[list[float] | None]:
    """Return each text's probabilities in label order, or None for a text that holds nothing."""
    full = [text for text in texts if classifier.normalise(text)]
    if not full:
        return [None] * len(texts)
    rows = classifier.predict_proba(full, batch_size=len(full)).tolist()
    if any(value != value for row in rows for value in row):
        raise UserError("the model's output is not a number (NaN); it is of no use")
    found = iter(rows)
    return [next(found) if classifier.normalise(text) else None for text in texts]


def tsv_line(text: str, row: list[float] | None, labels: list[str], *, every: bool) -> str:
    """Return label and probability, and with `every` the other labels' too, the most likely first."""
    count = len(labels) if every else 1
    if row is None:
        return "\t" * (2 * count - 1)
    order = sorted(range(len(row)), key=lambda i: -row[i])[:count]
    return "\t".join(f"{labels[i]}\t{row[i]:.4f}" for i in order)


def json_line(text: str, row: list[float] | None, labels: list[str], *, every: bool) -> str:
    """Return a JSON object: text, label, probability, and with `every` all probabilities."""
    best = None if row is None else row.index(max(row))
    shown: dict[str, Any] = {
        "text": text,
        "label": None if best is None else labels[best],
        "probability": None if row is None or best is None else round(row[best], 6),
    }
    if every:
        shown["probabilities"] = row and {
            label: round(value, 6) for label, value in zip(labels, row, strict=True)
        }
    return json.dumps(shown, ensure_ascii=False)


def above(row: list[float], thresholds: list[float]) -> list[int]:
    """Return which labels are predicted, the most likely first."""
    order = sorted(range(len(row)), key=lambda i: -row[i])
    return [i for i in order if row[i] >= thresholds[i]]


def tsv_labels(
    text: str, row: list[float] | None, labels: list[str], *, every: bool, thresholds: list[float]
) -> str:
    """Return the predicted labels with their probabilities; with `every` all labels, whatever they are."""
    if row is None:
        return ""
    shown = above(row, [0.0] * len(row) if every else thresholds)
    return "\t".join(f"{labels[i]}\t{row[i]:.4f}" for i in shown)


def json_labels(
    text: str, row: list[float] | None, labels: list[str], *, every: bool, thresholds: list[float]
) -> str:
    """Return a JSON object: text, labels (None for a text that holds nothing), with `every` all probabilities."""
    found = row and {labels[i]: round(row[i], 6) for i in above(row, thresholds)}
    shown: dict[str, Any] = {"text": text, "labels": found}
    if every:
        shown["probabilities"] = row and {
            label: round(value, 6) for label, value in zip(labels, row, strict=True)
        }
    return json.dumps(shown, ensure_ascii=False)
