"""What all figures share: fonts, colours, markers, page layout in inches, saving."""

import unicodedata
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from emopress.artifact import replaced_file
from emopress.report.figures.fonts import BASE, families
from emopress.report.figures.svg import small_svg

STYLE: Any = {
    "font.family": [BASE],
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
NOTE = 8.5  # points

# Okabe and Ito's colours, told apart by the colour-blind, and shades of them; each look has a marker
# of its own too. By sort of the last pass, kind and method; for a model without passes its family.
ADAPTERS = ("#CC79A7", ">", "adapters (LoRA, QLoRA)")
INT8 = ("#D55E00", "v", "quantize, 8 bit")
INT4 = ("#7F2704", "X", "quantize, 4 bit")
HALF = ("#F5A15B", "s", "quantize, 16 bit")
SORTS = {
    "transformer": ("#000000", "o", "none: transformer"),
    "linear": ("#999999", "s", "none: linear model"),
    "dense": ("#8A8A8A", "h", "none: word vectors, dense layers"),
    "lstm": ("#6B6B6B", "8", "none: LSTM"),
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
    "quantize affine": ("#B8651B", "d", "quantize, 2 to 8 bit"),
    "quantize rtn": ("#B8651B", "<", "quantize LSTM, to nearest"),
    "quantize gpfq": ("#B8651B", ">", "quantize LSTM, path-following"),
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
    """Return `text` on one line, such that matplotlib does not read mathematics into it."""
    text = "".join(c if c.isprintable() or unicodedata.category(c) == "Cf" else " " for c in text)
    return " ".join(text.split()).replace("$", r"\$")


def style_of(texts: Iterable[str], where: str = "figure") -> Any:
    """Return STYLE with the fonts that `texts` need; UserError naming `where` if there are none."""
    return {**STYLE, "font.family": families(texts, where)}


def text_width(figure: Figure, text: str, size: float, weight: str = "normal") -> float:
    """Return how wide `text` is in inches at a size in points."""
    artist = Text(0, 0, plain(text), fontsize=size, fontweight=weight)
    artist.set_figure(figure)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    return float(artist.get_window_extent(renderer).width / figure.dpi)


def fitted(
    figure: Figure,
    text: str,
    room: float,
    size: float,
    *,
    least: float = 5.5,
    weight: str = "normal",
) -> tuple[str, float]:
    """Return `text`, ready to draw, and a size at which it is no wider than `room` inches.

    It shrinks to the size `least`; what is too long even then loses letters in its middle.
    """
    for _ in range(4):  # widths are whole pixels, so one step may end a little too wide
        width = text_width(figure, text, size, weight)
        if width <= room or size <= least:
            break
        size = max(least, 0.995 * size * room / width)
    kept = len(text)
    while kept > 3 and text_width(figure, shortened(text, kept), size, weight) > 1.02 * room:
        kept -= 1
    return plain(shortened(text, kept)), size


def shortened(text: str, length: int) -> str:
    """Return `text` with at most `length` characters, an ellipsis for those in its middle."""
    if len(text) <= length:
        return text
    head = length // 2
    tail = length - 1 - head
    return f"{text[:head]}…{text[len(text) - tail :]}"


def wrapped(
    figure: Figure, name: str, room: float, size: float, *, lines: int = 2, least: float = 5.5
) -> tuple[str, float]:
    """Return a variant's name on up to `lines` lines, broken after a `+`, and a size that fits."""
    pieces = [f"{part}+" for part in name.split("+")]
    pieces[-1] = pieces[-1][:-1]
    rows = [""]
    for piece in pieces:
        if rows[-1] and len(rows) < lines and text_width(figure, rows[-1] + piece, size) > room:
            rows.append("")
        rows[-1] += piece
    fits = [fitted(figure, row, room, size, least=least) for row in rows]
    return "\n".join(text for text, _ in fits), min(points for _, points in fits)


def note(figure: Figure, text: str) -> None:
    """Write how to read a figure below its heading, on as many lines as its width asks for."""
    width, height = figure.get_size_inches()
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(figure, longer, NOTE) > 0.976 * width:
            lines.append(word)
        else:
            lines[-1] = longer
    look: Any = {"va": "top", "fontsize": NOTE, "color": GREY, "linespacing": 1.15}
    figure.text(0.012, 1 - 0.60 / height, "\n".join(map(plain, lines)), **look)


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Save a figure as `path`.svg and `path`.png, without dates, and return the two paths."""
    paths = [path.with_name(f"{path.name}.svg"), path.with_name(f"{path.name}.png")]
    drawing = StringIO()
    with rc_context(STYLE):
        figure.savefig(drawing, format="svg", metadata={"Date": None}, facecolor="white")
        with replaced_file(paths[0]) as temporary:
            temporary.write_text(small_svg(drawing.getvalue()), encoding="utf-8")
        with replaced_file(paths[1]) as temporary:
            figure.savefig(
                temporary, format="png", dpi=160, metadata={"Software": None}, facecolor="white"
            )
    return paths
