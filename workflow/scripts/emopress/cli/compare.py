"""`compare`: which of two bundles is better on a user's own labelled texts, and how sure that is."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emopress.cli.options import add_bundle, add_threads
from emopress.errors import UserError
from emopress.tasks import SINGLE, task_of

if TYPE_CHECKING:
    import numpy as np

    from emopress.runtime.bundle import Bundle

METRICS = {"accuracy": "accuracy", "macro_f1": "macro F1"}

DESCRIPTION = """\
Predict the texts of FILE with two bundles and compare what each got right. FILE is .csv or .tsv (UTF-8,
with a header), .xlsx (first sheet), or .txt (lines text;label). Its labels are the bundles' label names,
or their indices, 0 being the first. Take texts that neither model was trained on.

Prints accuracy and macro F1 of both with 95 % intervals (bootstrap over the texts, stratified by label),
what changes from A to B with its interval, and whether that is more than chance gives: McNemar's exact
test for accuracy, the paired bootstrap for macro F1. Macro F1 is the mean over all labels of the model:
a label without a text counts as 0.
"""


def add_parser(subparsers: Any) -> None:
    """Add `compare` to the commands."""
    parser = subparsers.add_parser(
        "compare",
        help="compare two bundles on labelled texts",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_bundle(parser, "bundle_a")
    add_bundle(parser, "bundle_b")
    parser.add_argument("--data", metavar="FILE", type=Path, required=True, help="labelled texts")
    for what in ("text", "label"):
        parser.add_argument(
            f"--{what}-column",
            metavar="NAME",
            default=what,
            help=f"column of the {what}s (default: {what})",
        )
    parser.add_argument("--json", action="store_true", help="one JSON object; scores as fractions")
    add_threads(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison; UserError for bundles or a file that do not fit."""
    from emopress.runtime.bundle import read_bundle

    bundles = [read_bundle(path) for path in (arguments.bundle_a, arguments.bundle_b)]
    labels = common_labels(bundles)
    for bundle in bundles:
        if task_of(bundle.manifest) != SINGLE:
            raise UserError(
                f"{bundle.folder}: gives any number of labels per text; compare takes models that "
                "give one (the workflow's report compares the others)"
            )
    texts, truth = read_labelled(
        arguments.data, arguments.text_column, arguments.label_column, labels
    )
    given = [predicted(bundle, texts, labels, arguments.threads) for bundle in bundles]
    found = compared(bundles, labels, truth, given, arguments.data)
    shown = json.dumps(found, ensure_ascii=False, indent=2) if arguments.json else page(found)
    sys.stdout.buffer.write(f"{shown}\n".encode("utf-8", "replace"))
    return 0


def common_labels(bundles: list["Bundle"]) -> list[str]:
    """Return the labels of both bundles, in the first one's order; UserError if they differ."""
    first, second = (bundle.manifest["labels"] for bundle in bundles)
    if sorted(first) != sorted(second):
        raise UserError(
            f"{bundles[1].folder} has the labels {', '.join(second)}, but {bundles[0].folder} has "
            f"{', '.join(first)}; only models with the same labels can be compared"
        )
    return list(first)


def read_labelled(
    path: Path, text_column: str, label_column: str, labels: list[str]
) -> tuple[list[str], "np.ndarray"]:
    """Return texts and class indices [N] of a user's file; UserError names row and column."""
    import numpy as np

    from emopress.data.read import checked_text, records

    if not path.is_file():
        raise UserError(f"{path}: no such file; expected labelled texts (.csv, .tsv, .xlsx, .txt)")
    texts, classes = [], []
    for row, (text, label) in records(path, [text_column, label_column]):
        place = f"{path}, row {row}, column"
        texts.append(checked_text(text, f"{place} '{text_column}'"))
        classes.append(class_of(label, labels, f"{place} '{label_column}'"))
    if not texts:
        raise UserError(f"{path}: no texts; expected a header and at least one row")
    return texts, np.array(classes)


def class_of(cell: Any, labels: list[str], place: str) -> int:
    """Return the class that a cell names, by its label or by its index."""
    from emopress.data.labels import checked_label

    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # a workbook stores the number 1 as 1.0
    word = cell if cell is None else str(cell).strip()
    if word and word not in labels and word.isdecimal() and int(word) < len(labels):
        return int(word)
    return labels.index(checked_label(word, labels, place))


def predicted(bundle: "Bundle", texts: list[str], labels: list[str], threads: int) -> "np.ndarray":
    """Return the class indices [N], by `labels`, that a bundle gives to the texts, one by one."""
    import numpy as np

    from emopress.runtime.bundle import load

    own = bundle.manifest["labels"]
    order = np.array([labels.index(label) for label in own])
    model = load(bundle.folder, threads=threads, verify=False)  # run() has verified it
    return order[model.predict_logits(texts).argmax(axis=1)]


def compared(
    bundles: list["Bundle"],
    labels: list[str],
    truth: "np.ndarray",
    given: list["np.ndarray"],
    path: Path,
) -> dict[str, Any]:
    """Return all that is printed: scores as fractions, differences from the first bundle to the second."""
    import numpy as np

    from emopress.card.facts import RESAMPLES
    from emopress.measure.intervals import interval, observed, resampled
    from emopress.measure.paired import ALPHA, difference

    both = np.stack(given)[:, None]  # [bundles, seeds, N]
    drawn = resampled(truth, both, classes=len(labels), resamples=RESAMPLES)
    columns = [drawn.column(i) for i in (0, 1)]
    sides = []
    for bundle, classes, column in zip(bundles, given, columns, strict=True):
        points = observed(truth, classes, len(labels))
        side: dict[str, Any] = {"bundle": str(bundle.folder), "size_bytes": bundle.size_bytes}
        for name in METRICS:
            low, high = interval(getattr(column, name))
            side |= {name: float(getattr(points, name)), f"{name}_low": low, f"{name}_high": high}
        sides.append(side)
    change = difference(
        truth, both[1], both[0], classes=len(labels), drawn=(columns[1], columns[0])
    )
    missing = sorted(set(range(len(labels))) - set(truth.tolist()))
    return {
        "data": str(path),
        "texts": len(truth),
        "labels": labels,
        "labels_without_texts": [labels[i] for i in missing],
        "a": sides[0],
        "b": sides[1],
        "b_minus_a": {
            **{
                f"{name}_{part}": change[f"{name}_{part}"]
                for name in METRICS
                for part in ("difference", "low", "high")
            },
            "only_a_right": change["only_other_right"],
            "only_b_right": change["only_this_right"],
            "accuracy_p": change["mcnemar_p"],
            "accuracy_shown": change["mcnemar_p"] < ALPHA,
            "macro_f1_p": change["macro_f1_p"],
            "macro_f1_shown": change["macro_f1_p"] < ALPHA,
        },
    }


def page(found: dict[str, Any]) -> str:
    """Return what `compared` gave, for reading."""
    from emopress.report.phrases import told_p

    a, b, change = found["a"], found["b"], found["b_minus_a"]
    table: list[tuple[str, ...]] = [("", "A", "B", "B less A")]
    for name, title in METRICS.items():
        scores = [
            f"{100 * side[name]:.1f} % "
            f"({100 * side[f'{name}_low']:.1f} to {100 * side[f'{name}_high']:.1f})"
            for side in (a, b)
        ]
        points = (
            f"{100 * change[f'{name}_difference']:+.1f} points "
            f"({100 * change[f'{name}_low']:+.1f} to {100 * change[f'{name}_high']:+.1f})"
        )
        table.append((title, *scores, points))
    sizes = [f"{side['size_bytes'] / 1e6:.2f} MB" for side in (a, b)]
    table.append(("size", *sizes, f"{(b['size_bytes'] - a['size_bytes']) / 1e6:+.2f} MB"))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
    without = found["labels_without_texts"]
    return "\n".join(
        [
            f"{found['texts']:,} texts of {found['data']}; 95 % intervals",
            f"A  {a['bundle']}",
            f"B  {b['bundle']}",
            "",
            *rows,
            "",
            f"A alone is right on {change['only_a_right']:,} texts, B alone on "
            f"{change['only_b_right']:,}.",
            f"accuracy: {verdict(change, 'accuracy')} (McNemar exact {told_p(change['accuracy_p'])})",
            f"macro F1: {verdict(change, 'macro_f1')} "
            f"(paired bootstrap {told_p(change['macro_f1_p'])})",
            *([f"Without a text, and so 0 in macro F1: {', '.join(without)}."] if without else []),
        ]
    )


def verdict(change: dict[str, Any], name: str) -> str:
    """Return in words what the test of a metric says."""
    if not change[f"{name}_shown"]:
        return "no difference shown"
    return f"{'B' if change[f'{name}_difference'] > 0 else 'A'} is better"
