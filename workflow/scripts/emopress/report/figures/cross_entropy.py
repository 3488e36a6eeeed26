"""What a token costs the generative LSTM: boxes on clean and on noisy texts, in full and in few bits."""

from collections.abc import Mapping
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from emopress.report.figures.style import add_axes, heading, new_figure, note, plain, style_of
from emopress.report.words.verdicts import FIRST, listed

WIDTH = 0.8  # of the room of one variant, for its boxes together
SHADES = ("#D55E00", "#E58B4D", "#F0B68D", "#F8DCC9")  # clean, then more and more noise
HEAD = "Cross-entropy of the test texts' tokens: the generative LSTM"


def cross_entropy_figure(
    statistics: Mapping[str, Any], details: Mapping[str, Any], *, title: str
) -> Figure:
    """Draw the tokens' cross-entropy (nats) in fp32 and in the bits that the section lists, a box per share of noise.

    `details`: variant -> seed -> entry with `cross_entropy`; of several seeds it is the first.
    """
    questions = statistics.get("questions")
    with rc_context(style_of([title])):
        if questions is None:
            figure = new_figure(9.0, 1.4)
            heading(figure, plain(title), HEAD)
            figure.text(0.012, 0.4, "This data set has no LSTMs of both kinds.", fontsize=10)
            return figure
        figure = new_figure(9.8, 5.2)
        heading(figure, plain(title), HEAD)
        note(
            figure,
            "Boxes: half of the tokens, and the median; whiskers: 90 %; dots: the mean. True label, first seed.",
        )
        axes = add_axes(figure, 0.75, 0.6, 8.75, 3.7)
        levels = listed(questions)
        shades: dict[float, str] = {}
        for place, level in enumerate(levels):
            parts = _test_parts(details[level["variants"][FIRST]])
            step = WIDTH / len(parts)
            for rank, part in enumerate(parts):
                shade = shades.setdefault(part["noise"], SHADES[min(rank, len(SHADES) - 1)])
                axes.bxp(
                    [_box(part)],
                    positions=[place + step * (rank - (len(parts) - 1) / 2)],
                    widths=0.85 * step,
                    showfliers=False,
                    showmeans=True,
                    patch_artist=True,
                    manage_ticks=False,
                    boxprops={"facecolor": shade, "linewidth": 0.8},
                    medianprops={"color": "black"},
                    meanprops={"marker": "o", "mfc": "black", "mec": "black", "ms": 3},
                )
        bits = [f"{level['step']['bits']} bits" if level["step"] else "fp32" for level in levels]
        axes.set_xticks(range(len(levels)), bits)
        axes.set_xlim(-0.5, len(levels) - 0.5)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("Nats per token")
        axes.grid(axis="y", color="#E8E8E8", linewidth=0.6)
        handles = [
            Patch(facecolor=shade, edgecolor="black", label=f"{100 * share:g} % noise")
            for share, shade in shades.items()
        ]
        figure.legend(
            handles=handles, loc="upper right", ncols=len(handles), frameon=False, fontsize=8
        )
    return figure


def _test_parts(seeds: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what is known of the test texts, from clean to most noise."""
    parts = next(iter(seeds.values()))["cross_entropy"]["parts"]
    return sorted((p for p in parts if p["split"] == "test"), key=lambda part: part["noise"])


def _box(part: Mapping[str, Any]) -> dict[str, float]:
    low, first, middle, third, high = (part["quantiles"][q] for q in ("5", "25", "50", "75", "95"))
    return {
        "whislo": low,
        "q1": first,
        "med": middle,
        "q3": third,
        "whishi": high,
        "mean": part["mean"],
    }
