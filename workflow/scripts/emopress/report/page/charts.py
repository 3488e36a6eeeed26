"""The report's charts as the page draws them itself: with its data, its themes, selection and tooltips."""

from collections.abc import Collection
from typing import Any

from emopress.measure.deciding import METRICS, Metric
from emopress.report.figures import looks
from emopress.report.figures.costs import COSTS
from emopress.report.figures.curves import lines
from emopress.report.figures.looks import DASHES, LINES, Spec, in_the_dark, line_look, path_of
from emopress.report.figures.parts import at
from emopress.report.figures.reliability import diagonal
from emopress.report.figures.scatter import front, scatter
from emopress.rows import Look

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans Bengali', sans-serif"
# of 1, 2, 3, ... 10, 20, 30, ... those that begin with 1, 2 or 5
LOG_LABEL = (
    "indexof([1, 2, 5], round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))) < 0"
    " ? '' : format(datum.value, '.3~f')"
)
PICKED = "datum.variant === picked"


def look_of(look: Look) -> dict[str, str]:
    """Return a look as the page draws it."""
    both = {"light": look.colour, "dark": in_the_dark(look.colour)}
    return {"words": look.words, "path": path_of(look), **both}


def line_looks() -> list[dict[str, Any]]:
    """Return the looks of lines in the order in which they are handed out: colours, then dashes."""
    drawn = (line_look(place) for place in range(len(LINES) * len(DASHES)))
    return [
        {"light": one["colour"], "dark": in_the_dark(one["colour"]), "dash": one["dash"]}
        for one in drawn
    ]


def specs(keys: Collection[str]) -> dict[str, Any]:
    """Return every specification; the page fills in their named data (and redraws on a change).

    `keys`: of the metrics (`deciding.METRICS`) that the page draws.
    """
    used = {key: metric for key, metric in METRICS.items() if key in keys}
    epoch = _axis("x", "Epoch", tickMinStep=1, format="d")
    return {
        "pareto": {
            column: {key: pareto_spec(title, metric) for key, metric in used.items()}
            for column, _, title in COSTS.values()
        },
        "noise": {
            key: _lines_spec(
                f"{metric.title} against the share of changed characters",
                _axis("x", "Characters changed, %", tickCount=5),
                f"{metric.title} on test, %",
                band=True,
            )
            for key, metric in used.items()
        },
        "reliability": _reliability_spec(),
        "loss": _lines_spec("Training loss by epoch", epoch, "Training loss"),
        "score": _lines_spec("Macro F1 on validation by epoch", epoch, "Macro F1 on validation, %"),
    }


def choices() -> dict[str, str]:
    """Return the words of the selector of costs."""
    return {column: name.capitalize() for name, (column, _, _) in COSTS.items()}


def config() -> Spec:
    """Return Vega-Lite's config of the page's charts; in the dark the page replaces its colours."""
    return looks.config(FONT)


def pareto_spec(axis_title: str, metric: Metric) -> Spec:
    """Return the scatter of a metric against a cost, with what is picked, filtered and labelled.

    Data: `points` (those of `scatter`, and faint, label, align, lift, description) and `front` (x, y,
    order). Parameter: `picked`, the variant that stands out.
    """
    y = _axis("y", f"{metric.title} on test, %", tickCount=6, domain=False, ticks=False)
    x = _axis("x", axis_title, labelExpr=LOG_LABEL, labelOverlap="greedy", labelSeparation=8)
    x["scale"] = {"type": "log", "nice": False, "padding": 26}
    spec = scatter(x, {**y, "scale": {**y["scale"], "padding": 14}})
    bars, points = spec["layer"]
    dim: Spec = {"condition": {"test": "datum.faint", "value": 0.1}, "value": 1}
    bars["encoding"]["opacity"] = {
        "condition": [{"test": "datum.faint", "value": 0.08}, {"test": PICKED, "value": 1}],
        "value": 0.32,
    }
    del points["mark"]["size"], points["mark"]["opacity"], bars["mark"]["opacity"]
    points["encoding"] |= {
        "size": {"condition": {"test": PICKED, "value": 340}, "value": 130},
        "opacity": dim,
        "description": {"field": "description", "type": "nominal"},
    }
    labels: Spec = {
        "transform": [{"filter": "datum.label"}],
        "mark": {
            "type": "text",
            "align": {"expr": "datum.align"},
            "dy": {"expr": "datum.lift"},
            "fontWeight": 600,
            "aria": False,
        },
        "encoding": {
            "y": {**spec["encoding"]["y"], "field": "high"},
            "text": {"field": "label"},
            "opacity": dim,
        },
    }
    return {
        **_frame("Scatter plot: each mark is a variant, further up and further left is better"),
        "data": {"name": "points"},
        "params": [{"name": "picked", "value": ""}],
        **spec,
        "layer": [{"data": {"name": "front"}, **front()}, bars, points, labels],
    }


def _lines_spec(description: str, x: Spec, y_title: str, *, band: bool = False) -> Spec:
    """Return lines of `points` (variant, x, y, colour, dash, description), with bands from low to high."""
    spec = lines(x, _axis("y", y_title, tickCount=6, domain=False, ticks=False), band=band)
    spec["layer"][-1]["encoding"]["description"] = {"field": "description", "type": "nominal"}
    return {**_frame(description), "data": {"name": "points"}, **spec}


def _reliability_spec() -> Spec:
    """Return accuracy against confidence with the diagonal on which both are equal."""
    spec = _lines_spec(
        "Accuracy of the answers against the confidence they were given with",
        _axis("x", "Confidence, %"),
        "Accuracy, %",
    )
    marks = spec["layer"][-1]
    marks["encoding"]["opacity"] = {"condition": {"test": "datum.faint", "value": 0.3}, "value": 1}
    numbers = {"type": "text", "dy": -8, "fontSize": 9, "opacity": 0.75, "aria": False}
    few = {"transform": [{"filter": "datum.faint"}], "mark": numbers}
    for channel in ("x", "y"):
        ends = {"domain": [0, 100], "zero": True, "nice": False}
        spec["encoding"][channel] = {**spec["encoding"][channel], "scale": ends}
    spec["layer"] = [diagonal(), *spec["layer"], {**few, "encoding": {"text": {"field": "n"}}}]
    return spec


def _frame(description: str) -> Spec:
    return {
        "description": description,
        "width": "container",
        "height": "container",
        "autosize": {"type": "fit", "contains": "padding", "resize": True},
        "padding": 4,
    }


def _axis(field: str, title: str, **axis: Any) -> Spec:
    return at(
        field,
        scale={"zero": False, "padding": 8, "nice": field == "y"},
        axis={"title": title, "grid": field == "y", "labelOverlap": True, **axis},
    )
