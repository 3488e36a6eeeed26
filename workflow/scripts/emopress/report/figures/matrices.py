"""Tables of shaded cells: a data set's confusion matrices as small multiples, and the cells themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from emopress.measure.results import recipe_order
from emopress.report.figures.costs import highlighted
from emopress.report.figures.fitting import fitted, widest
from emopress.report.figures.looks import BLUE, INK, MUTED, SIZE, SMALL, Spec
from emopress.report.figures.parts import LEFT, WIDTH, mark, named, page, panels, pixels, texts

CELL, MANY_CELL, SMALL_CELL = 34, 29, 19  # pixels
FEW = 12  # labels; of more the cells are small, and only some variants are drawn
SHOWN = 6  # variants of so many labels
MANY = 16  # variants; of more the cells hold the percent alone
MOST = 60  # variants that are drawn at most
BLANK = 0.005  # a smaller share is left blank where there are many matrices
LABEL = 110  # pixels that a label may take
DEEP = 0.6  # the darkest cell's opacity, on which words can be read in the light and in the dark
TRUE_LABELS = "true labels together"  # heading; no variant has spaces in its name


def summed_confusion(seeds: Mapping[str, Mapping[str, Any]]) -> np.ndarray:
    """Return the confusion counts of one variant summed over its seeds (rows = true labels)."""
    return np.sum(
        [np.asarray(entry["confusion"], dtype=np.int64) for entry in seeds.values()], axis=0
    )


def matrices(details: Mapping[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return what is drawn of a data set: by heading the counts [C, C] and the texts of each row [C].

    If texts have any number of labels (the details then say which occur together), a row counts the texts that have the
    label, not its sum, and TRUE_LABELS comes first: the true labels themselves, so that mistakes can be distinguished
    from labels that do occur together.
    """
    drawn: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for variant in recipe_order(list(details)):
        seeds = details[variant]
        counts = summed_confusion(seeds)
        first = next(iter(seeds.values()))
        if "cooccurrence" in first:
            together = np.asarray(first["cooccurrence"], dtype=np.int64)
            drawn.setdefault(TRUE_LABELS, (together, np.diag(together)))
            drawn[variant] = counts, len(seeds) * np.diag(together)
        else:
            drawn[variant] = counts, counts.sum(axis=1)
    return drawn


def row_shares(matrix: np.ndarray, texts: np.ndarray | None = None) -> np.ndarray:
    """Return each count as a fraction of its row's `texts`, else its sum; a row of none stays 0."""
    totals = (matrix.sum(axis=1) if texts is None else texts)[:, None]
    return np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)


def confusion_figure(
    table: pd.DataFrame, details: Mapping[str, Any], labels: Sequence[str], *, title: str
) -> Spec:
    """Return one matrix per variant: percent of the true label's texts, and the count below it.

    `table`: the data set's rows of the summary, `details` its entries by variant and seed. Rows are
    true labels, columns predicted ones, in the order of `labels`; counts are summed over seeds. Of
    more than MANY variants the matrices have no counts. Of more than MOST, or SHOWN if there are more
    than FEW labels, only the models without passes and some of the size front are drawn. Where texts
    have any number of labels the first matrix has the true ones both ways (co-occurrence).
    """
    drawn = matrices(details)
    many_labels = len(labels) > FEW
    most = SHOWN if many_labels else MOST
    if len(drawn) > most:
        chosen = {TRUE_LABELS, *highlighted(table, most)}
        drawn = {name: one for name, one in drawn.items() if name in chosen}
    counts = not many_labels and len(drawn) <= MANY
    cell = SMALL_CELL if many_labels else CELL if counts else MANY_CELL
    side = cell * len(labels)
    left = min(LABEL, widest(labels, SMALL)) + 30
    columns = max(1, int((WIDTH + LEFT - left + 24) // (max(side, 110) + 24)))
    seeds = max(len(one) for one in details.values())
    whose = "texts that have the label" if TRUE_LABELS in drawn else "true label's texts"
    note = f"Percent of the {whose}" + (", count below" if counts else ", blank below 0.5")
    note += f" (summed over {seeds} seeds)" if seeds > 1 and counts else ""
    note += ". Rows: true labels; columns: predicted labels."
    if len(drawn) < len(details):
        note += f" {len(drawn)} of {len(details)} variants: models without passes and some of the "
        note += "front against size; the page shows all."
    names = [fitted(label, LABEL, SMALL) for label in labels]
    views = []
    for place, (name, (matrix, rows)) in enumerate(drawn.items()):
        ends = place % columns == 0, place + columns >= len(drawn) or columns == 1
        views.append(_matrix(name, matrix, row_shares(matrix, rows), names, cell, counts, *ends))
    width = WIDTH + LEFT - left
    grid = panels(views, columns, 24)
    return page("Confusion on the test split", title, note, grid, left=left, width=width)


def cells(values: Sequence[Mapping[str, Any]]) -> list[Spec]:
    """Return cells `x, y, x2, y2` in pixels, shaded by their `share` from 0 to 1."""
    shaded = [{**value, "share": round(DEEP * value["share"], 3)} for value in values]
    return [
        mark(
            "rect",
            shaded,
            pixels("x", "y", "x2", "y2"),
            fill=BLUE,
            fillOpacity={"expr": "datum.share"},
        )
    ]


def _matrix(
    name: str,
    matrix: np.ndarray,
    shares: np.ndarray,
    labels: Sequence[tuple[str, float]],
    cell: int,
    counts: bool,
    first: bool,
    lowest: bool,
) -> Spec:
    side = cell * len(labels)
    boxes, words = [], named(name, 0, -11, max(side, 110), SMALL + 1)
    size = 10 if cell == SMALL_CELL else SMALL
    for (row, column), share in np.ndenumerate(shares):
        x, y = column * cell, row * cell
        look = {"x": x + cell / 2, "y": y + cell / 2}
        if share >= BLANK:
            box = {"x": x + 0.5, "y": y + 0.5, "x2": x + cell - 0.5, "y2": y + cell - 0.5}
            boxes.append({**box, "share": float(share)})
        number = int(matrix[row, column])
        if counts:
            ink = INK if number else MUTED
            above = {"y": look["y"] - 6, "text": f"{100 * share:.0f}", "size": SIZE}
            below = {"y": look["y"] + 8, "text": str(number), "size": 9}
            words += [{**look, **one, "colour": ink, "centred": 1} for one in (above, below)]
        elif share >= BLANK:
            words.append({**look, "text": f"{100 * share:.0f}", "size": size, "centred": 1})
    frame = [{"x": 0, "y": 0, "x2": side, "y2": side}]
    layers = [
        mark("rect", frame, pixels("x", "y", "x2", "y2"), fill=BLUE, fillOpacity=0.04),
        *cells(boxes),
        texts([word for word in words if "centred" in word], align="center"),
        texts([word for word in words if "centred" not in word]),
    ]
    middle = [(place * cell + cell / 2, text, size) for place, (text, size) in enumerate(labels)]
    if first:
        beside = [{"x": -6, "y": y, "text": text, "size": size} for y, text, size in middle]
        layers.append(texts(beside, align="right"))
    if lowest:
        under = [{"x": x, "y": side + 8, "text": text, "size": size} for x, text, size in middle]
        layers.append(texts(under, align="right", angle=315, baseline="middle"))
    return {"width": max(side, 110), "height": side, "layer": layers}
