"""What the scatter plots draw besides points: markers, the interval bar, the list of names."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from emopress.report.figures.style import GREY, fitted

LINE = 0.185  # inches between two names of the list
LEGEND_COLUMNS = 3
LEGEND_LINE = 0.2  # inches
MARKER_SIZES = {
    "D": 6.4,
    "d": 8.2,
    "P": 9.0,
    "X": 9.0,
    "*": 12.0,
    "p": 8.6,
}  # points; to look alike


def dot(
    colour: str,
    marker: str,
    hollow: bool,
    x: float | None = None,
    y: float | None = None,
    **more: str,
) -> Line2D:
    """Return a variant's marker at (`x`, `y`), or at no place for a legend."""
    return Line2D(
        [] if x is None else [x],
        [] if y is None else [y],
        linestyle="",
        marker=marker,
        markersize=MARKER_SIZES.get(marker, 7.5),
        markerfacecolor="white" if hollow else colour,
        markeredgecolor=colour if hollow else "white",
        markeredgewidth=1.5 if hollow else 0.8,
        zorder=4,
        **more,  # type: ignore[arg-type]
    )


def interval_bar(axes: Axes, top: float, half: float, n_test: int) -> None:
    """Draw, right of the axes, a 95 % interval of `half` points on either side, 2 `half` long.

    `top` is the height of the best point, beside which the bar stands; an axis that is too short
    for it cuts it.
    """
    low, high = axes.get_ylim()
    upper = min(high, max(top + half, low + 2 * half))  # inside the axes if it fits
    bottom = max(low, upper - 2 * half)
    words = "half the bar" if upper - bottom > 1.999 * half else "the bar is cut"
    where = axes.get_yaxis_transform()
    axes.plot(
        [1.02, 1.02],
        [bottom, upper],
        color=GREY,
        lw=2.2,
        transform=where,
        clip_on=False,
        solid_capstyle="butt",
    )
    axes.text(
        1.034,
        upper,
        f"95 % interval, {n_test:,} texts: ±{half:.1f} ({words})",
        transform=where,
        rotation=270,
        va="top",
        ha="left",
        fontsize=7.5,
        color=GREY,
    )


def legend_height(entries: int) -> float:
    """Return the inches that a legend of so many entries takes below the plot, its title included."""
    return LEGEND_LINE * (-(-entries // LEGEND_COLUMNS) + 1) + 0.15


def legend(figure: Figure, handles: Sequence[Line2D], top: float) -> None:
    """Write what the markers mean in columns, `top` inches above the figure's lower edge."""
    width, height = figure.get_size_inches()
    box = figure.legend(
        handles=list(handles),
        title="Last pass of the recipe",
        loc="upper left",
        bbox_to_anchor=(0.55 / width, top / height),
        ncols=LEGEND_COLUMNS,
        frameon=False,
        fontsize=8.2,
        title_fontsize=8.2,
        alignment="left",
        handletextpad=0.4,
        columnspacing=1.5,
        borderaxespad=0,
    )
    box.get_title().set_color(GREY)


def name_list(
    figure: Figure,
    left: float,
    names: Sequence[str],
    marks: Sequence[tuple[str, str, bool]],
    optimal: Sequence[bool],
) -> None:
    """List number, marker and name of every variant right of the plot, the front's in bold."""
    width, height = figure.get_size_inches()
    room = width - left - 0.6
    top = height - 0.85
    figure.text(
        left / width, top / height, "bold: on the front", fontsize=7.5, color=GREY, va="center"
    )
    for row, (name, (colour, marker, hollow), best) in enumerate(
        zip(names, marks, optimal, strict=True), start=1
    ):
        y = (top - LINE * row) / height
        weight = "bold" if best else "normal"
        figure.text(
            (left + 0.18) / width,
            y,
            str(row),
            fontsize=8.2,
            ha="right",
            va="center",
            fontweight=weight,
        )
        mark = dot(colour, marker, hollow, (left + 0.33) / width, y)
        mark.set(transform=figure.transFigure, markersize=0.82 * mark.get_markersize())
        figure.add_artist(mark)
        text, size = fitted(figure, name, room, 8.2, weight=weight)
        figure.text((left + 0.46) / width, y, text, fontsize=size, va="center", fontweight=weight)
