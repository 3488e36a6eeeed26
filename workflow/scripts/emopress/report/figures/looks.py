"""Colours, markers and sizes of all charts, in Markdown and on the page, in the light and in the dark."""

from collections.abc import Sequence
from typing import Any

from emopress.families import FAMILIES
from emopress.passes import PASSES
from emopress.rows import Look

Spec = dict[str, Any]

# matplotlib's letters for markers, as paths in a square from -1 to 1
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
# By sort of the last pass, kind and method; for a model without passes its family.
SORTS: dict[str, Look] = {
    **{family: row.look for family, row in FAMILIES.items()},
    **{sort: row.look for sort, row in PASSES.items()},
}
OTHERS = (("#8C6D1F", "p"), ("#E69F00", "h"), ("#555555", "^"))
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
DASHES = ([1, 0], [7, 3], [2, 3], [9, 3, 2, 3])  # after each round of colours the next

SURFACES = {"light": "#FFFFFF", "dark": "#181C22"}
INK, MUTED, GRID, AXIS = "#16191D", "#565F6B", "#E9ECEF", "#AEB6C0"
WHITE, BLUE, PALE, ORANGE, REST, REGION = (
    "#FFFFFF", "#0072B2", "#CBDFEC", "#D55E00", "#C9CED4", "#DCEFE6",
)  # fmt: skip
# What stands for a colour on a dark surface; all others are seen on both.
IN_THE_DARK = {
    "#000000": "#E6E9ED",
    BLUE: "#4BA3E3",
    "#009E73": "#2FC79B",
    ORANGE: "#F0813A",
    "#7F2704": "#C9744B",
    "#004D38": "#7FB8A4",
    "#882255": "#D0679D",
    "#8C6D1F": "#C3A04A",
    "#555555": "#A6ADB5",
    "#6B6B6B": "#9AA1AA",
}
GROUNDS_IN_THE_DARK = {
    WHITE: SURFACES["dark"],
    INK: "#E8EBEF",
    MUTED: "#A3ACB8",
    GRID: "#262C34",
    AXIS: "#59636F",
    PALE: "#27435A",
    REST: "#434B55",
    REGION: "#1D3A30",
}
DARK = IN_THE_DARK | GROUNDS_IN_THE_DARK
SIZE, SMALL, HEAD = 12, 11, 16  # pixels


def looks_of(sorts: Sequence[str]) -> dict[str, Look]:
    """Return the look of each sort that occurs, in a fixed order.

    Sorts that do nearly the same share a look.
    """
    looks = {sort: look for sort, look in SORTS.items() if sort in sorts}
    for number, sort in enumerate(sorted(set(sorts) - set(SORTS))):
        colour, marker = OTHERS[number % len(OTHERS)]
        looks[sort] = Look(colour, marker, sort)
    return looks


def path_of(look: Look) -> str:
    """Return a look's marker as a path; one that is not known is a circle."""
    return SHAPES.get(look.marker, SHAPES["o"])


def in_the_dark(colour: str) -> str:
    """Return the colour that stands for `colour` on a dark surface."""
    return DARK.get(colour, colour)


def line_look(place: int) -> Spec:
    """Return colour, dashes and marker of the line at a place of a list, as a chart's rows hold them."""
    rounds = place // len(LINES) + place // (len(LINES) * len(MARKERS))
    return {
        "colour": LINES[place % len(LINES)],
        "dash": DASHES[rounds % len(DASHES)],
        "path": SHAPES[MARKERS[place % len(MARKERS)]],
    }


def config(font: str) -> Spec:
    """Return Vega-Lite's config of all charts, in light colours."""
    return {
        "font": font,
        "background": "transparent",
        "view": {"stroke": None},
        "axis": {
            "labelColor": MUTED,
            "titleColor": MUTED,
            "labelFontSize": SIZE,
            "titleFontSize": SIZE,
            "titleFontWeight": "normal",
            "titlePadding": 10,
            "labelPadding": 6,
            "gridColor": GRID,
            "domainColor": AXIS,
            "tickColor": AXIS,
            "tickSize": 4,
            "labelFlush": False,
        },
        "text": {"fill": INK, "fontSize": SIZE},
        "line": {"strokeCap": "round"},
        "mark": {"color": MUTED},  # of lines that stand for no variant
    }
