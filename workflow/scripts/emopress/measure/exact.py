"""Exact intervals for where a bootstrap says too little: it has no width, or there are few texts.

Of 36 texts that are all right every resample is all right; that leaves an error of one text in ten open
nevertheless: 90.3 to 100 % (Clopper & Pearson 1934). A score that is not a proportion is derived from some:

- F1 of a label is 2 J / (1 + J), J being the share of right ones among the texts that have the label or
  are given it.
- A mean of such (macro F1), and the difference of two shares (texts that one model alone has right, and
  the other alone), take their bounds from those of the parts: each part's distance to its bound, squared,
  summed (MOVER, Zou & Donner 2008, Statistics in Medicine 27, 1693).
- A mean over texts of values between 0 and 1 (sample F1, Jaccard index) spreads no more than a share with
  the same mean.

Counts may be fractions: means over training seeds. Labels are class indices, truth [N], given [seeds, N],
or bools with the labels as a last axis.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emopress.measure.intervals import LEVEL, interval
from emopress.measure.scoring import observed, right
from emopress.measure.sets import SET_SCORES
from emopress.train.overlap import text_f1, text_jaccard

FEW_IN_CELL = 30  # of one label (that have it or are given it), or of one bin of confidence
NO_WIDTH = 1e-12
Bounds = tuple[float, float]


def proportion(hits: float, trials: float) -> Bounds:
    """Return the 95 % interval of a share by Clopper & Pearson, 0 to 1 without a trial."""
    from scipy.special import (
        betaincinv,
    )  # that of scipy.stats.beta, whose import takes four times as long

    tail = (1 - LEVEL) / 2
    misses = trials - hits
    low = float(betaincinv(hits, misses + 1, tail)) if hits > NO_WIDTH else 0.0
    high = float(betaincinv(hits + 1, misses, 1 - tail)) if misses > NO_WIDTH else 1.0
    return low, high


def paired(gains: float, losses: float, trials: float) -> Bounds:
    """Return the 95 % interval of (gains - losses) / trials, two shares of the same texts."""
    if not trials:
        return -1.0, 1.0
    up, down = gains / trials, losses / trials
    (up_low, up_high), (down_low, down_high) = proportion(gains, trials), proportion(losses, trials)
    low = up - down - np.hypot(up - up_low, down_high - down)
    high = up - down + np.hypot(up_high - up, down - down_low)
    return max(-1.0, float(low)), min(1.0, float(high))


def mean_of(points: Sequence[float], bounds: Sequence[Bounds], count: int) -> Bounds:
    """Return the interval of sum(points) / count, given each point's own."""
    middle = sum(points) / count
    below, above = (
        np.sqrt(sum((point - ends[side]) ** 2 for point, ends in zip(points, bounds, strict=True)))
        for side in (0, 1)
    )
    return float(middle - below / count), float(middle + above / count)


def f1_of(jaccard: float) -> float:
    """Return the F1 of a label of which this share is right among the texts that have it or are given it."""
    return 2 * jaccard / (1 + jaccard)


def has_no_width(bounds: Bounds) -> bool:
    """Say whether a bootstrap's interval has no width."""
    return bounds[1] - bounds[0] < NO_WIDTH


def bounds_of(drawn: np.ndarray, exact: Bounds, *, few: bool) -> Bounds:
    """Return the interval of resampled values, or the exact one where texts are `few` or it has no width."""
    resampled_bounds = interval(drawn)
    return exact if few or has_no_width(resampled_bounds) else resampled_bounds


def score_bounds(truth: np.ndarray, given: np.ndarray, classes: int) -> dict[str, Any]:
    """Return the exact interval of every score by name, and those of the labels' F1 as `f1`, a list."""
    texts, points = len(truth), observed(truth, given, classes)

    def share(mean: Any) -> Bounds:
        return proportion(float(np.mean(mean)) * texts, texts)

    true, predicted = _tables(truth, classes), _tables(given, classes)
    hits = (predicted & true).sum(axis=-2).mean(axis=0)
    union = (predicted | true).sum(axis=-2).mean(axis=0)
    f1 = points.f1.mean(axis=0)
    known = np.asarray(true.any(axis=0))
    of_labels = []
    for score, right_ones, all_ones, has in zip(f1, hits, union, known, strict=True):
        low, high = map(f1_of, proportion(float(right_ones), float(all_ones)))
        # A label without texts is 0 in macro F1, whatever is drawn, and nothing is known of it.
        of_labels.append((min(low, float(score)), max(high, float(score))) if has else (0.0, 1.0))
    result: dict[str, Any] = {
        "accuracy": share(points.accuracy),
        "macro_f1": _macro(f1, of_labels, known),
        "micro_f1": share(points.micro_f1),
        "f1": of_labels,
        "trials": union.tolist(),
    }
    for name in SET_SCORES:
        if hasattr(points, name):
            result[name] = share(getattr(points, name))
    return result


def difference_bounds(
    truth: np.ndarray, this: np.ndarray, other: np.ndarray, classes: int
) -> dict[str, Any]:
    """Return the exact interval of `this` less `other` in every score by name, and `f1`, a list by label.

    Where two models never differ, the interval says how many of further texts may still differ. `trials`: how many
    texts have a label or are given it.
    """
    texts = len(truth)
    result: dict[str, Any] = {"accuracy": _paired(right(truth, this), right(truth, other), texts)}
    if truth.ndim == 2:
        for name, of_text in (("sample_f1", text_f1), ("jaccard", text_jaccard)):
            result[name] = _paired(of_text(truth, this), of_text(truth, other), texts)
    true = _tables(truth, classes)
    mine, theirs = _tables(this, classes), _tables(other, classes)
    of_labels, points, trials = [], [], []
    for label in range(classes):
        columns = [np.asarray(table[..., label]) for table in (true, mine, theirs)]
        point, bounds, concerned = _label_difference(*columns)
        points.append(point)
        of_labels.append(bounds)
        trials.append(concerned)
    result |= {"f1": of_labels, "trials": trials}
    result["macro_f1"] = _macro(np.array(points), of_labels, np.asarray(true.any(axis=0)))
    result["micro_f1"] = result["jaccard" if truth.ndim == 2 else "accuracy"]
    return result


def _tables(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return labels as bools, the labels as a last axis."""
    if labels.dtype == np.bool_:
        return labels
    return np.asarray(labels[..., None] == np.arange(classes))


def _macro(f1: np.ndarray, bounds: Sequence[Bounds], known: np.ndarray) -> Bounds:
    kept = [place for place, has in enumerate(known) if has]
    return mean_of([float(f1[i]) for i in kept], [bounds[i] for i in kept], len(f1))


def _paired(mine: np.ndarray, theirs: np.ndarray, texts: float) -> Bounds:
    """Return the interval of the mean difference of values from 0 to 1, [seeds, N] each."""
    apart = np.asarray(mine, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    gains, losses = (np.clip(sign * apart, 0, None).sum(axis=-1).mean() for sign in (1, -1))
    return paired(float(gains), float(losses), texts)


def _label_difference(
    true: np.ndarray, mine: np.ndarray, theirs: np.ndarray
) -> tuple[float, Bounds, int]:
    """Return the difference of one label's F1, its interval and its trials, from bools [N] and [seeds, N].

    The distances to the bounds are those of the share of right decisions among the texts that have the
    label or are given it by either model, converted to F1. Nothing is known of a label that no text has.
    """
    concerned = true | mine.any(axis=0) | theirs.any(axis=0)
    if not true.any():
        return 0.0, (-1.0, 1.0), int(concerned.sum())
    mine_right, theirs_right = ((predicted == true)[:, concerned] for predicted in (mine, theirs))
    low, high = _paired(mine_right, theirs_right, float(concerned.sum()))
    share = float(mine_right.mean() - theirs_right.mean())
    jaccards = [[_jaccard(true, one) for one in predicted] for predicted in (mine, theirs)]
    point = float(np.mean([*map(f1_of, jaccards[0])]) - np.mean([*map(f1_of, jaccards[1])]))
    base = float(np.mean(jaccards))
    bounds = (
        max(-1.0, point - _in_f1(base, share - low)),
        min(1.0, point + _in_f1(base, high - share)),
    )
    return point, bounds, int(concerned.sum())


def _in_f1(base: float, change: float) -> float:
    """Return what a change of the share of right ones, up from `base` or down to it, is in F1 at most."""
    up = f1_of(min(1.0, base + change)) - f1_of(base)
    return max(up, f1_of(base) - f1_of(max(0.0, base - change)))


def _jaccard(true: np.ndarray, predicted: np.ndarray) -> float:
    union = int((true | predicted).sum())
    return float((true & predicted).sum() / union) if union else 0.0
