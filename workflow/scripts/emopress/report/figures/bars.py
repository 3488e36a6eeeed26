"""Bars per variant: the baselines' scores, how much faster and how much smaller a variant is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from emopress.measure.deciding import judge_of
from emopress.measure.results import speedup_claimed
from emopress.report.figures.style import (
    GREY,
    add_axes,
    fitted,
    heading,
    new_figure,
    note,
    plain,
    style_of,
    text_width,
)

BLUE, PALE, ORANGE = "#0072B2", "#CBDFEC", "#D55E00"
ROW = 0.2  # inches between two bars
GAP = 0.14  # inches between two variants of two bars
HEAD = 0.34  # inches for the heading of a group
NAMES = 3.6  # inches that the names may take
PLOT = 5.0  # inches
LOG_FROM = 12.0  # greatest by least ratio from which on the axis is logarithmic


@dataclass(frozen=True)
class Bar:
    """One bar: its length, what it is written beside it, and whether it is a claim."""

    value: float
    words: str
    colour: str
    claimed: bool = True
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    """The bars of one variant, below each other, and a pale one behind the first."""

    name: str
    bars: Sequence[Bar]
    behind: float | None = None


Groups = Sequence[tuple[str, Sequence[Row]]]


def baseline_figure(table: pd.DataFrame, *, title: str) -> Figure:
    """Draw what decides and macro F1 of the models without passes, with their 95 % intervals.

    `table`: one dataset's rows of the summary, indexed by variant.
    """
    models = table[[("+" not in str(name)) for name in table.index]]
    told = list(zip(judge_of(table).reported, (BLUE, ORANGE), strict=False))
    models = models.sort_values(told[0][0].column, ascending=False, kind="stable")
    rows = [
        Row(str(name), [_score(row, metric.column, colour) for metric, colour in told])
        for name, row in models.iterrows()
    ]
    key = [(metric.name, colour, True) for metric, colour in told]
    return _page(
        [("", rows)],
        title=title,
        subtitle="Models without passes",
        explained="On the test split; thin lines and brackets: 95 % intervals.",
        axis_label="Percent",
        key=key,
        ratio=False,
        empty="No model stands in this study without a pass.",
    )


def speedup_figure(table: pd.DataFrame, *, title: str) -> Figure:
    """Draw each variant's speedup over its reference, and over PyTorch where that was timed.

    Variants stand below the model that their recipes start from, the fastest first. A speedup that
    is within the timing's own spread is hatched.
    """
    groups = []
    pytorch = unclaimed = False
    for root, rows in _by_root(table[table["speedup"].notna()], "speedup"):
        group = []
        for name, row in rows.iterrows():
            claimed = speedup_claimed(row)
            unclaimed |= not claimed
            words, behind = times(row["speedup"]), None
            if not pd.isna(row.get("speedup_over_pytorch", float("nan"))):
                behind = float(row["speedup_over_pytorch"])
                words += f"  ({times(behind)})"
                pytorch = True
            group.append(Row(str(name), [Bar(float(row["speedup"]), words, BLUE, claimed)], behind))
        groups.append((f"from {root}", group))
    key = [("over the reference as a bundle", BLUE, True)]
    if pytorch:
        key.append(("pale, in brackets: over the reference in PyTorch", PALE, True))
    if unclaimed:
        key.append(("hatched, grey: within the timing's own spread, no speedup shown", BLUE, False))
    return _page(
        groups,
        title=title,
        subtitle="Speedup",
        explained="Median latency of one text, the reference's divided by the variant's.",
        axis_label="Times as fast",
        key=key,
        ratio=True,
        empty="No variant has a reference that was timed.",
    )


def compression_figure(table: pd.DataFrame, *, title: str) -> Figure:
    """Draw how many times smaller each variant's shipped files are than its reference's."""
    groups = [
        (
            f"from {root}",
            [
                Row(str(name), [Bar(float(row["compression"]), times(row["compression"]), BLUE)])
                for name, row in rows.iterrows()
            ],
        )
        for root, rows in _by_root(table[table["compression"].notna()], "compression")
    ]
    return _page(
        groups,
        title=title,
        subtitle="Compression",
        explained="Bytes of the shipped files, the reference's divided by the variant's.",
        axis_label="Times as small",
        key=[],
        ratio=True,
        empty="No variant has a reference to be compared with.",
    )


def times(value: float) -> str:
    """Write a ratio with two digits or more: 0.87x, 3.9x, 142x."""
    return (
        f"{value:.2f}x" if value < 0.995 else f"{value:.1f}x" if value < 99.5 else f"{value:.0f}x"
    )


def _score(row: pd.Series, metric: str, colour: str) -> Bar:
    low, high = (100 * float(row[f"{metric}_{end}"]) for end in ("low", "high"))
    words = f"{100 * row[metric]:.1f}"
    interval = None if pd.isna(low) or pd.isna(high) else (low, high)
    words += "" if interval is None else f"  ({low:.1f} to {high:.1f})"
    return Bar(100 * float(row[metric]), words, colour, interval=interval)


def _by_root(table: pd.DataFrame, column: str) -> list[tuple[str, pd.DataFrame]]:
    """Return (model that the recipes start from, its rows, greatest first), in the table's order."""
    roots = pd.Series([str(name).split("+")[0] for name in table.index], index=table.index)
    return [
        (root, table[roots == root].sort_values(column, ascending=False, kind="stable"))
        for root in dict.fromkeys(roots)
    ]


def _page(
    groups: Groups,
    *,
    title: str,
    subtitle: str,
    explained: str,
    axis_label: str,
    key: Sequence[tuple[str, str, bool]],
    ratio: bool,
    empty: str,
) -> Figure:
    """Lay out the bars of all groups on one page, as tall as they need."""
    rows = [row for _, group in groups for row in group]
    with rc_context(style_of([title, *(row.name for row in rows)])):
        heads = sum(HEAD for head, group in groups if head and group)
        tall = heads + sum(ROW * len(row.bars) + _gap(row) for row in rows) + 0.1
        figure = new_figure(NAMES + PLOT + 0.9, tall + (1.55 + 0.2 * len(key) if rows else 0.9))
        height = figure.get_size_inches()[1]
        heading(figure, plain(title), subtitle)
        if not rows:
            figure.text(0.012, 0.25, empty, fontsize=10)
            return figure
        note(figure, explained)
        widest = max(text_width(figure, row.name, 8.2) for row in rows)
        widest = max(widest, *(text_width(figure, head, 8.2, "bold") for head, _ in groups))
        left = min(NAMES, widest) + 0.3
        axes = add_axes(figure, left, height - 1.0 - tall, NAMES + PLOT + 0.7 - left, tall)
        axes.set_ylim(tall, 0)
        values = [bar.value for row in rows for bar in row.bars]
        values += [row.behind for row in rows if row.behind is not None]
        start = _scale(axes, values, ratio)
        y = 0.05
        for head, group in groups:
            if head and group:
                _name(figure, axes, head, y + HEAD - 0.12, left, weight="bold")
                y += HEAD
            for row in group:
                middle = y + ROW * len(row.bars) / 2
                _name(figure, axes, row.name, middle, left)
                if row.behind is not None:
                    axes.barh(
                        y + ROW / 2, row.behind - start, left=start, height=0.8 * ROW, color=PALE
                    )
                for bar in row.bars:
                    _draw(axes, bar, y + ROW / 2, start, row.behind)
                    y += ROW
                y += _gap(row)
        axes.set_yticks([])
        axes.set_xlabel(axis_label + (" (log scale)" if axes.get_xscale() == "log" else ""))
        axes.grid(axis="x", color="#E8E8E8", linewidth=0.6)
        _key(figure, key, left)
    return figure


def _gap(row: Row) -> float:
    return GAP if len(row.bars) > 1 else 0.0


def _scale(axes: Axes, values: Sequence[float], ratio: bool) -> float:
    """Set the limits so that the words beside the bars fit; return where the bars start."""
    low, high = min(values), max(values)
    if ratio and (high / low > LOG_FROM and low > 0):
        low, high = min(low, 1.0), max(high, 1.0)
        reach = high / low
        axes.set_xscale("log")
        axes.set_xlim(low / reach**0.02, high * reach**0.2)
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=40))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
        axes.axvline(1, color=GREY, lw=0.9)
        return 1.0
    axes.set_xlim(0, 1.2 * max(high, 1.0) if ratio else max(100.0, 1.02 * high))
    if ratio:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
        axes.axvline(1, color=GREY, lw=0.9)
    return 0.0


def _name(
    figure: Figure, axes: Axes, name: str, y: float, left: float, *, weight: str = "normal"
) -> None:
    """Write a name left of the axes, `left` inches wide."""
    text, size = fitted(figure, name, left - 0.3, 8.2, weight=weight)
    axes.annotate(
        text,
        (0, y),
        xycoords=axes.get_yaxis_transform(),
        xytext=(-6, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=size,
        fontweight=weight,
        annotation_clip=False,
    )


def _draw(axes: Axes, bar: Bar, y: float, start: float, behind: float | None) -> None:
    """Draw a bar, on top of the pale one if there is one, with its interval and its words."""
    thick = (0.8 if behind is None else 0.42) * ROW
    look: dict[str, Any] = {"facecolor": bar.colour, "linewidth": 0.0}
    if not bar.claimed:
        look = {"facecolor": "#EDF3F8", "edgecolor": bar.colour, "linewidth": 0.6, "hatch": "////"}
    axes.barh(y, bar.value - start, left=start, height=thick, **look)
    ends = [value for value in (bar.value, behind) if value is not None]
    if bar.interval:
        low, high = bar.interval
        axes.plot([low, high], [y, y], color="#111111", lw=1.0)
        for edge in (low, high):
            axes.plot([edge, edge], [y - 0.045, y + 0.045], color="#111111", lw=1.0)
        inside = high > 0.72 * axes.get_xlim()[1]
        place, left, colour = low if inside else high, inside, "white" if inside else "#111111"
    else:
        # Of a ratio below 1 too: left of its bar the words would meet the names.
        left, place = False, max(start, *ends)
        colour = "#111111" if bar.claimed else "#777777"
    axes.annotate(
        bar.words,
        (place, y),
        xytext=(-4 if left else 4, -0.3),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=7.8,
        color=colour,
    )


def _key(figure: Figure, key: Sequence[tuple[str, str, bool]], left: float) -> None:
    """Write below the plot what the colours mean."""
    if not key:
        return
    width, height = figure.get_size_inches()
    handles = [
        Patch(facecolor=colour, label=words)
        if claimed
        else Patch(facecolor="#EDF3F8", edgecolor=colour, hatch="////", lw=0.6, label=words)
        for words, colour, claimed in key
    ]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(left / width, 0.06 / height),
        frameon=False,
        fontsize=8.2,
        borderaxespad=0,
        handlelength=1.6,
        labelspacing=0.35,
    )
