"""`compare`: which of two bundles is better on a user's own labelled texts, and how sure that is."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emopress.cli.options import (
    add_bundle,
    add_device,
    add_form,
    add_numbered,
    add_threads,
    form_in,
    warn,
)
from emopress.errors import UserError
from emopress.tasks import MULTI, task_of

if TYPE_CHECKING:
    import numpy as np

    from emopress.runtime.bundle_reader import Bundle

DESCRIPTION = """\
Predict the texts of FILE with two bundles and compare the results. FILE is .csv or .tsv (UTF-8, with a
header), .xlsx, .parquet, or .txt (lines text;label). Its labels are the label names of the bundles, their
indices (0 is the first), or numbers that --numbered explains. Use texts that neither model was trained on.

FILE is read as in the workflow: quotation marks in a .tsv are ordinary characters, a .csv follows
RFC 4180, and a row that cannot be read is an error.

Prints accuracy and macro F1 of both with 95 % intervals (bootstrap over the texts, stratified by label
if each text has one; exact if there are fewer than 100 texts or all resamples give the same number), the
difference from A to B with an interval of the same kind, and whether it is more than chance:
McNemar's exact test for accuracy, the paired bootstrap for macro F1 (a paired permutation test with
fewer than 100 texts). Macro F1 is the mean over all labels of the model; a label without texts
counts as 0. The F1 of each label is printed in the same way.

For models that give any number of labels, a text is right if its whole set of labels is (subset accuracy).
Micro F1 (over all pairs of text and label), sample F1 and Jaccard index (means over texts) are printed
too. FILE then has a column of label names, separated by --separator (an empty cell means no label), or, with
--label-columns, a column of 0 and 1 for each label, named like the label.
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
    parser.add_argument(
        "--separator",
        default=",",
        metavar="SEP",
        help="separates the labels of a text that has several (default: a comma)",
    )
    parser.add_argument(
        "--label-columns", action="store_true", help="a column of 0 and 1 for each label"
    )
    add_form(parser)
    add_numbered(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object; scores as fractions")
    add_threads(parser)
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison; UserError if the bundles or the file do not fit together."""
    from emopress.cli.comparison import compared, page
    from emopress.cli.labelled import Labelled, read_labelled, read_sets
    from emopress.measure.deciding import FEW_TEXTS
    from emopress.runtime.bundle_reader import read_bundle

    bundles = [read_bundle(path) for path in (arguments.bundle_a, arguments.bundle_b)]
    labels = common_labels(bundles)
    file = Labelled(
        arguments.data,
        warn,
        text_column=arguments.text_column,
        label_column=arguments.label_column,
        form=form_in(arguments),
        numbered=dict(arguments.numbered),
    )
    if common_task(bundles) == MULTI:
        separator = None if arguments.label_columns else arguments.separator
        texts, truth = read_sets(file, labels, separator=separator)
    elif arguments.label_columns:
        raise UserError(
            f"{bundles[0].folder}: it gives one label per text, for which there is no --label-columns"
        )
    else:
        texts, truth = read_labelled(file, labels)
    predictions = [
        predicted(bundle, texts, labels, arguments.threads, arguments.device) for bundle in bundles
    ]
    result = compared(bundles, labels, truth, predictions, arguments.data)
    if len(texts) < FEW_TEXTS:
        warn(few(len(texts), arguments.data))
    shown = json.dumps(result, ensure_ascii=False, indent=2) if arguments.json else page(result)
    sys.stdout.buffer.write(f"{shown}\n".encode("utf-8", "replace"))
    return 0


def few(texts: int, path: Path) -> str:
    """Say what so few texts cannot show.

    McNemar's exact test has p = 2 / 2^k if the models differ on k texts and one is right on all of
    them, so for small k it cannot show a difference, whatever the other texts are.
    """
    from emopress.measure.deciding import FEW_TEXTS
    from emopress.measure.paired import ALPHA

    least = math.ceil(math.log2(2 / ALPHA))
    if texts < least:
        return f"{path}: {texts} texts; with fewer than {least} no difference can be shown"
    return (
        f"{path}: {texts} texts are few; a difference in accuracy of fewer than {least} of them "
        f"({100 * least / texts:.1f} points) cannot be shown; use {FEW_TEXTS} or more"
    )


def common_labels(bundles: list["Bundle"]) -> list[str]:
    """Return the labels of both bundles, in the first one's order; UserError if they differ."""
    first, second = (bundle.manifest["labels"] for bundle in bundles)
    if sorted(first) != sorted(second):
        raise UserError(
            f"{bundles[1].folder} has the labels {', '.join(second)}, but {bundles[0].folder} has "
            f"{', '.join(first)}; only models with the same labels can be compared"
        )
    return list(first)


def common_task(bundles: list["Bundle"]) -> str:
    """Return the task of both bundles; UserError if they differ."""
    first, second = (task_of(bundle.manifest) for bundle in bundles)
    if first != second:
        several, one = bundles if first == MULTI else bundles[::-1]
        raise UserError(
            f"{several.folder} gives any number of labels per text, {one.folder} one; "
            "only models of the same kind can be compared"
        )
    return first


def predicted(
    bundle: "Bundle", texts: list[str], labels: list[str], threads: int, device: str
) -> "np.ndarray":
    """Return the labels that a bundle predicts for the texts, one at a time, in the order of `labels`.

    Class indices [N], or bools [N, C] if a text may have any number of labels.
    """
    import numpy as np

    from emopress.runtime.bundle import load
    from emopress.tasks import decided

    names = bundle.manifest["labels"]
    # run() has verified the bundle
    model = load(bundle.folder, threads=threads, verify=False, device=device)
    decisions = decided(model.predict_proba(texts), model.thresholds)
    if decisions.ndim == 2:
        return decisions[:, [names.index(label) for label in labels]]
    return np.array([labels.index(name) for name in names])[decisions]
