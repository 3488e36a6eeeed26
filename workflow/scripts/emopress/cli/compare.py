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

    from emopress.runtime.bundle import Bundle

DESCRIPTION = """\
Predict the texts of FILE with two bundles and compare what each got right. FILE is .csv or .tsv (UTF-8,
with a header), .xlsx, .parquet, or .txt (lines text;label). Its labels are the bundles' label names, or their
indices, 0 being the first, or any numbers that --numbered explains. Take texts that neither model was
trained on.

FILE is read as the workflow reads it: a quotation mark in a .tsv is a character like any other, a .csv
is read by RFC 4180 and nothing else, and what cannot be meant is an error that names the row.

Prints accuracy and macro F1 of both with 95 % intervals (bootstrap over the texts, stratified by label
where each text has one; exact ones where there are fewer than 100 texts, or resampling gives one number),
what changes from A to B with its interval, made the same way, and whether that is more than chance
gives: McNemar's exact test for accuracy, the paired bootstrap for macro F1 (with fewer than 100 texts a
paired permutation test). Macro F1 is the mean over all labels of the model: a label without a text
counts as 0. The same is told of each label's F1.

Of models that give any number of labels a text is right if its whole set is (subset accuracy), and
micro F1 (over all pairs of text and label), sample F1 and Jaccard index (means of the texts' own) are told
too. Their FILE has a column of label names, parted by --separator (an empty cell: no label), or, with
--label-columns, a column of 0 and 1 for each label, called as the label is.
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
        help="what parts the labels of a text that has several (default: a comma)",
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
    """Print the comparison; UserError for bundles or a file that do not fit."""
    from emopress.cli.comparison import compared, page
    from emopress.cli.labelled import Labelled, read_labelled, read_sets
    from emopress.measure.deciding import FEW_TEXTS
    from emopress.runtime.bundle import read_bundle

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
            f"{bundles[0].folder}: gives one label per text; --label-columns is not for it"
        )
    else:
        texts, truth = read_labelled(file, labels)
    given = [
        predicted(bundle, texts, labels, arguments.threads, arguments.device) for bundle in bundles
    ]
    found = compared(bundles, labels, truth, given, arguments.data)
    if len(texts) < FEW_TEXTS:
        warn(few(len(texts), arguments.data))
    shown = json.dumps(found, ensure_ascii=False, indent=2) if arguments.json else page(found)
    sys.stdout.buffer.write(f"{shown}\n".encode("utf-8", "replace"))
    return 0


def few(texts: int, path: Path) -> str:
    """Say what so few texts cannot show.

    McNemar's exact test has p = 2 / 2^k where the models differ in k texts and one is right on all of
    them; so with fewer than some k nothing is shown, however many are alike.
    """
    from emopress.measure.deciding import FEW_TEXTS
    from emopress.measure.paired import ALPHA

    least = math.ceil(math.log2(2 / ALPHA))
    if texts < least:
        return f"{path}: {texts} texts; no difference at all can be shown with fewer than {least}"
    return (
        f"{path}: {texts} texts are few; a difference in accuracy of less than {least} of them "
        f"({100 * least / texts:.1f} points) cannot be shown; take {FEW_TEXTS} or more"
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
    """Return the labels that a bundle gives to the texts, one by one, in the order of `labels`.

    Class indices [N], or where it gives any number of them bools [N, C].
    """
    import numpy as np

    from emopress.runtime.load import load
    from emopress.tasks import decided

    own = bundle.manifest["labels"]
    # run() has verified it
    model = load(bundle.folder, threads=threads, verify=False, device=device)
    said = decided(model.predict_proba(texts), model.thresholds)
    if said.ndim == 2:
        return said[:, [own.index(label) for label in labels]]
    return np.array([labels.index(label) for label in own])[said]
