"""The page's figures as Vega-Lite specifications, and their colours in the light and in the dark."""

from collections.abc import Collection, Sequence
from typing import Any

from emopress.measure.deciding import METRICS, Metric
from emopress.report.figures.style import LINES

Spec = dict[str, Any]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans Bengali', sans-serif"

# matplotlib's markers as paths in a square from -1 to 1, for marks and for the legend alike
SHAPES = {
    "o": "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z",
    "s": "M-.85,-.85H.85V.85H-.85Z",
    "^": "M0,-1L1,.8H-1Z",
    "v": "M0,1L1,-.8H-1Z",
    "<": "M-1,0L.8,-1V1Z",
    ">": "M1,0L-.8,-1V1Z",
    "D": "M0,-1.1L1.1,0L0,1.1L-1.1,0Z",
    "d": "M0,-1.2L.75,0L0,1.2L-.75,0Z",
    "P": "M-.4,-1H.4V-.4H1V.4H.4V1H-.4V.4H-1V-.4H-.4Z",
    "X": "M-1,-.5L-.5,-1L0,-.5L.5,-1L1,-.5L.5,0L1,.5L.5,1L0,.5L-.5,1L-1,.5L-.5,0Z",
    "p": "M0,-1L.95,-.31L.59,.81H-.59L-.95,-.31Z",
    "H": "M1,0L.5,.87H-.5L-1,0L-.5,-.87H.5Z",
    "8": "M.92,.38L.38,.92H-.38L-.92,.38V-.38L-.38,-.92H.38L.92,-.38Z",
    "h": "M0,-1L.87,-.5V.5L0,1L-.87,.5V-.5Z",
    "*": "M0,-1.2L.3,-.4L1.1,-.37L.48,.15L.7,.95L0,.5L-.7,.95L-.48,.15L-1.1,-.37L-.3,-.4Z",
}
# what is too dark to be seen in the dark, lightened
IN_THE_DARK = {
    "#000000": "#E6E9ED",
    "#0072B2": "#4BA3E3",
    "#009E73": "#2FC79B",
    "#D55E00": "#F0813A",
    "#7F2704": "#C9744B",
    "#004D38": "#7FB8A4",
    "#882255": "#D0679D",
    "#8C6D1F": "#C3A04A",
    "#555555": "#A6ADB5",
}
DASHES = ([1, 0], [7, 3], [2, 3], [9, 3, 2, 3])  # after each round of colours the next
LINE_COLOURS = LINES
SURFACES = {"light": "#FFFFFF", "dark": "#181C22"}
_INK = {
    "light": {"text": "#16191D", "muted": "#565F6B", "grid": "#E9ECEF", "line": "#AEB6C0"},
    "dark": {"text": "#E8EBEF", "muted": "#A3ACB8", "grid": "#262C34", "line": "#59636F"},
}
COSTS = {
    "size_bytes": ("Size", "Size of the shipped files, MB (log scale)"),
    "latency_ms_p50": ("Latency", "Median time of one text, ms (log scale)"),
}
# of 1, 2, 3, ... 10, 20, 30, ... those that begin with 1, 2 or 5
LOG_LABEL = (
    "indexof([1, 2, 5], round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))) < 0"
    " ? '' : format(datum.value, '.3~f')"
)


def in_the_dark(colour: str) -> str:
    """Return the colour that stands for `colour` on a dark surface."""
    return IN_THE_DARK.get(colour, colour)


def look_of(look: Sequence[str]) -> dict[str, str]:
    """Return a look (colour, marker, words) of `style.looks_of` as the page draws it."""
    colour, marker, words = look
    path = SHAPES.get(marker, SHAPES["o"])
    return {"words": words, "path": path, "light": colour, "dark": in_the_dark(colour)}


def line_looks() -> list[dict[str, Any]]:
    """Return the looks of lines in the order in which they are handed out: colours, then dashes."""
    return [
        {"light": colour, "dark": in_the_dark(colour), "dash": dash}
        for dash in DASHES
        for colour in LINE_COLOURS
    ]


def specs(keys: Collection[str]) -> dict[str, Any]:
    """Return every specification; the page fills in their named data (and redraws on a change).

    `keys`: of the metrics (`deciding.METRICS`) that the page draws.
    """
    used = {key: metric for key, metric in METRICS.items() if key in keys}
    return {
        "pareto": {x: {key: pareto_spec(x, metric) for key, metric in used.items()} for x in COSTS},
        "noise": {
            key: _lines_spec(
                f"{metric.title} against the share of changed characters",
                x={"title": "Characters changed, %", "axis": {"tickCount": 5}},
                y={"title": f"{metric.title} on test, %"},
                band=True,
            )
            for key, metric in used.items()
        },
        "reliability": _reliability_spec(),
        "loss": _lines_spec("Training loss by epoch", x=_EPOCH, y={"title": "Training loss"}),
        "score": _lines_spec(
            "Macro F1 on validation by epoch", x=_EPOCH, y={"title": "Macro F1 on validation, %"}
        ),
    }


def choices() -> dict[str, str]:
    """Return the words of the selector of costs."""
    return {key: words for key, (words, _) in COSTS.items()}


def config(theme: str) -> Spec:
    """Return Vega-Lite's config for the theme `light` or `dark`."""
    ink = _INK[theme]
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": ink["muted"],
            "titleColor": ink["muted"],
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 10,
            "labelPadding": 6,
            "gridColor": ink["grid"],
            "domainColor": ink["line"],
            "tickColor": ink["line"],
            "tickSize": 4,
        },
        "text": {"fill": ink["text"], "fontSize": 12},
        "line": {"strokeCap": "round"},
        "mark": {"color": ink["muted"]},  # of lines that stand for no variant
    }


def pareto_spec(x: str, metric: Metric) -> Spec:
    """Return the scatter of a metric against a cost, with the front and 95 % intervals.

    Data: `points` (variant, x, y, low, high, fill, bar, path, faint, label, align, lift, told) and `front`
    (x, y). Parameter: `picked`, the variant that stands out.
    """
    at_x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"type": "log", "nice": False, "padding": 26},
        "axis": {
            "title": COSTS[x][1],
            "grid": False,
            "labelExpr": LOG_LABEL,
            "labelOverlap": "greedy",
            "labelSeparation": 8,
        },
    }
    at_y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"zero": False, "nice": True, "padding": 14},
        "axis": {
            "title": f"{metric.title} on test, %",
            "tickCount": 6,
            "domain": False,
            "ticks": False,
        },
    }
    dim = {"condition": {"test": "datum.faint", "value": 0.1}}
    points: Spec = {
        "mark": {"type": "point", "strokeWidth": 1.4, "name": "points"},
        "encoding": {
            "fill": _as_it_is("fill"),
            "stroke": _as_it_is("stroke"),
            "shape": _as_it_is("path"),
            "size": {"condition": {"test": "datum.variant === picked", "value": 340}, "value": 130},
            "opacity": {**dim, "value": 1},
            "description": {"field": "told", "type": "nominal"},
        },
    }
    bars: Spec = {
        "mark": {"type": "rule", "strokeWidth": 1.4, "aria": False},
        "encoding": {
            "y": {**at_y, "field": "low"},
            "y2": {"field": "high"},
            "color": _as_it_is("bar"),
            "opacity": {
                "condition": [
                    {"test": "datum.faint", "value": 0.08},
                    {"test": "datum.variant === picked", "value": 1},
                ],
                "value": 0.32,
            },
        },
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
            "y": {**at_y, "field": "high"},
            "text": {"field": "label"},
            "opacity": {**dim, "value": 1},
        },
    }
    return {
        **_frame("Scatter plot: each mark is a variant, further up and further left is better"),
        "data": {"name": "points"},
        "params": [{"name": "picked", "value": ""}],
        "encoding": {"x": at_x, "y": at_y},
        "layer": [
            {
                "data": {"name": "front"},
                "mark": {
                    "type": "line",
                    "strokeDash": [4, 4],
                    "strokeWidth": 1.2,
                    "aria": False,
                },
                "encoding": {"order": {"field": "order", "type": "quantitative"}},
            },
            bars,
            points,
            labels,
        ],
    }


_EPOCH = {"title": "Epoch", "axis": {"tickMinStep": 1, "format": "d"}}


def _lines_spec(description: str, *, x: Spec, y: Spec, band: bool = False) -> Spec:
    """Return lines of `points` (variant, x, y, colour, dash, told), with bands from low to high."""
    at_x = _axis("x", x["title"], **x.get("axis", {}))
    at_y = _axis("y", y["title"], tickCount=6, domain=False, ticks=False)
    by_variant = {"detail": {"field": "variant"}}
    layers: list[Spec] = [
        {
            "mark": {"type": "line", "strokeWidth": 2, "aria": False},
            "encoding": {
                **by_variant,
                "color": _as_it_is("colour"),
                "strokeDash": _as_it_is("dash"),
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 36, "opacity": 1},
            "encoding": {
                "color": _as_it_is("colour"),
                "description": {"field": "told", "type": "nominal"},
            },
        },
    ]
    if band:
        layers.insert(
            0,
            {
                "mark": {"type": "area", "opacity": 0.12, "aria": False},
                "encoding": {
                    **by_variant,
                    "y": {**at_y, "field": "low"},
                    "y2": {"field": "high"},
                    "color": _as_it_is("colour"),
                },
            },
        )
    return {
        **_frame(description),
        "data": {"name": "points"},
        "encoding": {"x": at_x, "y": at_y},
        "layer": layers,
    }


def _reliability_spec() -> Spec:
    """Return accuracy against confidence with the diagonal on which both are equal."""
    spec = _lines_spec(
        "Accuracy of the answers against the confidence they were given with",
        x={"title": "Confidence, %"},
        y={"title": "Accuracy, %"},
    )
    marks = spec["layer"][-1]
    marks["encoding"]["opacity"] = {"condition": {"test": "datum.faint", "value": 0.3}, "value": 1}
    spec["layer"].append(
        {
            "transform": [{"filter": "datum.faint"}],
            "mark": {"type": "text", "dy": -8, "fontSize": 9, "opacity": 0.75, "aria": False},
            "encoding": {"text": {"field": "n"}},
        }
    )
    ends = {"domain": [0, 100], "zero": True, "nice": False}
    for channel in ("x", "y"):
        spec["encoding"][channel]["scale"] = ends
    spec["layer"].insert(
        0,
        {
            "data": {"values": [{"x": 0, "y": 0}, {"x": 100, "y": 100}]},
            "mark": {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1.2, "aria": False},
        },
    )
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
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"zero": False, "padding": 8, "nice": field == "y"},
        "axis": {"title": title, "grid": field == "y", "labelOverlap": True, **axis},
    }


def _as_it_is(field: str) -> Spec:
    """Return an encoding by values that are colours, paths or dashes themselves."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}
