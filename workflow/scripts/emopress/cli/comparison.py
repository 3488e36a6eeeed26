"""Compares what two bundles predict for the same texts: scores, differences and their certainty."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emopress.measure.deciding import MACRO_F1, names_of
from emopress.tasks import MULTI, SINGLE

if TYPE_CHECKING:
    import numpy as np

    from emopress.measure.intervals import Scored
    from emopress.runtime.bundle_reader import Bundle


def compared(
    bundles: list["Bundle"],
    labels: list[str],
    truth: "np.ndarray",
    predictions: list["np.ndarray"],
    path: Path,
) -> dict[str, Any]:
    """Return everything to print: scores as fractions, differences from the first bundle to the second.

    truth and each of `predictions`: class indices [N], or bools [N, C] if a text may have any number of labels.
    """
    import numpy as np

    from emopress.card.facts import RESAMPLES
    from emopress.measure.deciding import FEW_TEXTS
    from emopress.measure.exact import bounds_of, score_bounds
    from emopress.measure.paired import ALPHA, difference, label_differences
    from emopress.measure.scoring import observed, resampled

    metrics = names_of(MULTI if truth.ndim == 2 else SINGLE)
    both = np.stack(predictions)[:, None]  # [bundles, seeds, N] or [bundles, seeds, N, C]
    drawn = resampled(truth, both, classes=len(labels), resamples=RESAMPLES)
    columns = [drawn.column(i) for i in (0, 1)]
    points = [observed(truth, classes, len(labels)) for classes in predictions]
    sides = []
    for bundle, classes, one, column in zip(bundles, predictions, points, columns, strict=True):
        exact = score_bounds(truth, classes[None], len(labels))
        side: dict[str, Any] = {"bundle": str(bundle.folder), "size_bytes": bundle.size_bytes}
        for name in metrics:
            low, high = bounds_of(getattr(column, name), exact[name], few=len(truth) < FEW_TEXTS)
            side |= {name: float(getattr(one, name)), f"{name}_low": low, f"{name}_high": high}
        sides.append(side)
    tested = difference(
        truth, both[1], both[0], classes=len(labels), drawn=(columns[1], columns[0])
    )
    ends = ("difference", "low", "high")
    change = {f"{name}_{end}": tested[f"{name}_{end}"] for name in metrics for end in ends}
    of_labels = label_differences(
        truth, both[1], both[0], classes=len(labels), drawn=(columns[1], columns[0])
    )
    support = truth.sum(axis=0) if truth.ndim == 2 else np.bincount(truth, minlength=len(labels))
    return {
        "data": str(path),
        "texts": len(truth),
        "labels": labels,
        "labels_without_texts": [
            label for label, texts in zip(labels, support, strict=True) if not texts
        ],
        "a": sides[0],
        "b": sides[1],
        "b_minus_a": {
            **change,
            "only_a_right": tested["only_other_right"],
            "only_b_right": tested["only_this_right"],
            "accuracy_p": tested["mcnemar_p"],
            "accuracy_shown": tested["mcnemar_p"] < ALPHA,
            "macro_f1_p": tested["macro_f1_p"],
            "macro_f1_shown": tested["macro_f1_p"] < ALPHA,
        },
        "per_label": {
            label: {"texts": int(support[i])} | _of_label(i, points, of_labels[i])
            for i, label in enumerate(labels)
        },
    }


def _of_label(place: int, points: list["Scored"], ends: tuple[float, float]) -> dict[str, float]:
    """Return the F1 of one label for both bundles, and its change with the ends of its interval."""
    a, b = (float(one.f1[place]) for one in points)
    low, high = ends
    return {"f1_a": a, "f1_b": b, "f1_difference": b - a, "f1_low": low, "f1_high": high}


def page(result: dict[str, Any]) -> str:
    """Return the result of `compared` as text."""
    from emopress.report.words.markup import size
    from emopress.report.words.phrases import p_phrase

    a, b, change = result["a"], result["b"], result["b_minus_a"]
    titles = names_of(MULTI if "sample_f1" in a else SINGLE)
    table: list[tuple[str, ...]] = [("", "A", "B", "B minus A")]
    for name, title in titles.items():
        scores = [
            f"{100 * side[name]:.1f} % "
            f"({100 * side[f'{name}_low']:.1f} to {100 * side[f'{name}_high']:.1f})"
            for side in (a, b)
        ]
        table.append((title, *scores, _points(change, name)))
    more = b["size_bytes"] - a["size_bytes"]
    sizes = (
        size(a["size_bytes"]),
        size(b["size_bytes"]),
        f"{'-' if more < 0 else '+'}{size(abs(more))}",
    )
    table.append(("size", *sizes))
    by_label: list[tuple[str, ...]] = [("F1 of", "texts", "A", "B", "B minus A")]
    for label, one in result["per_label"].items():
        scores = [f"{100 * one[key]:.1f} %" for key in ("f1_a", "f1_b")]
        by_label.append((label, f"{one['texts']:,}", *scores, _points(one, "f1")))
    without = result["labels_without_texts"]
    accuracy = titles["accuracy"]
    return "\n".join(
        [
            f"{result['texts']:,} texts of {result['data']}; 95 % intervals",
            f"A  {a['bundle']}",
            f"B  {b['bundle']}",
            "",
            *_aligned(table),
            "",
            *_aligned(by_label),
            "",
            f"Only A is right on {change['only_a_right']:,} texts, only B on "
            f"{change['only_b_right']:,}.",
            f"{accuracy}: {verdict(change, 'accuracy')} (McNemar exact {p_phrase(change['accuracy_p'])})",
            f"macro F1: {verdict(change, 'macro_f1')} "
            f"({MACRO_F1.test(result['texts'])} {p_phrase(change['macro_f1_p'])})",
            *(
                [f"Labels without texts, which count as 0 in macro F1: {', '.join(without)}."]
                if without
                else []
            ),
        ]
    )


def _points(change: dict[str, Any], name: str) -> str:
    return (
        f"{100 * change[f'{name}_difference']:+.1f} points "
        f"({100 * change[f'{name}_low']:+.1f} to {100 * change[f'{name}_high']:+.1f})"
    )


def _aligned(table: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]


def verdict(change: dict[str, Any], name: str) -> str:
    """Say what the test of a metric shows."""
    if not change[f"{name}_shown"]:
        return "no difference shown"
    return f"{'B' if change[f'{name}_difference'] > 0 else 'A'} is better"
