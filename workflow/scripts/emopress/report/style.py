"""What all figures share: fonts, colours, markers, page layout in inches, saving."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emopress.artifact import replaced_file

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so figures look alike everywhere
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "emopress",  # without it, ids in the SVG differ from run to run
}
GREY = "#555555"

# Okabe and Ito's colours, told apart by the colour-blind, and shades of them; each look has a marker
# of its own too. By sort of the last pass, kind and method; for a model without passes its family.
ADAPTERS = ("#CC79A7", ">", "adapters (LoRA, QLoRA)")
INT8 = ("#D55E00", "v", "quantize, 8 bit")
INT4 = ("#7F2704", "X", "quantize, 4 bit")
HALF = ("#F5A15B", "s", "quantize, 16 bit")
SORTS = {
    "transformer": ("#000000", "o", "none: transformer"),
    "linear": ("#999999", "s", "none: linear model"),
    "distill": ("#0072B2", "^", "distill"),
    "trim": ("#0072B2", "<", "trim vocabulary"),
    "prune structured": ("#009E73", "P", "prune, structured"),
    "low-rank": ("#009E73", "p", "low-rank"),
    "prune magnitude": ("#009E73", "D", "prune, magnitude"),
    "pack": ("#004D38", "d", "pack"),
    "adapt lora": ADAPTERS,
    "adapt qlora": ADAPTERS,
    "qat": ("#882255", "o", "qat"),
    "quantize static": INT8,
    "quantize dynamic": INT8,
    "quantize weight-only": INT8,
    "quantize int4": INT4,
    "quantize nf4": INT4,
    "quantize fp16": HALF,
    "quantize bf16": HALF,
    "openvino": ("#56B4E9", "H", "to OpenVINO"),
    "search": ("#E8C400", "*", "search"),
}
OTHERS = (("#8C6D1F", "p"), ("#E69F00", "h"), ("#555555", "^"))
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def looks_of(sorts: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Return colour, marker and words for each sort that occurs, in a fixed order.

    Sorts that do nearly the same share a look.
    """
    looks = {sort: look for sort, look in SORTS.items() if sort in sorts}
    for number, sort in enumerate(sorted(set(sorts) - set(SORTS))):
        colour, marker = OTHERS[number % len(OTHERS)]
        looks[sort] = (colour, marker, sort)
    return looks


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` by `height` inches that draws without a display."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def add_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches from the figure's lower left corner."""
    page_width, page_height = figure.get_size_inches()
    return figure.add_axes(
        (left / page_width, bottom / page_height, width / page_width, height / page_height)
    )


def heading(figure: Figure, title: str, subtitle: str) -> None:
    """Write what the figure shows and, below it, of which data set, at the upper left corner."""
    height = figure.get_size_inches()[1]
    figure.text(
        0.012,
        1 - 0.13 / height,
        subtitle,
        va="top",
        fontsize=12,
        fontweight="bold",
        color="#111111",
    )
    figure.text(0.012, 1 - 0.40 / height, title, va="top", fontsize=9.5, color=GREY)


def plain(text: str) -> str:
    """Return `text` such that matplotlib does not read mathematics into it."""
    return text.replace("$", r"\$")


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Save a figure as `path`.svg and `path`.png, without dates, and return the two paths."""
    paths = [path.with_name(f"{path.name}.svg"), path.with_name(f"{path.name}.png")]
    with rc_context(STYLE):
        for target, metadata in zip(paths, ({"Date": None}, {"Software": None}), strict=True):
            with replaced_file(target) as temporary:
                figure.savefig(temporary, dpi=160, metadata=metadata, facecolor="white")
    return paths
