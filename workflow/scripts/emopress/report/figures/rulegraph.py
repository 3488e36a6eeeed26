"""The graph of the workflow's rules, drawn from Snakemake's Mermaid source as rows of boxes."""

import itertools
import re

import networkx as nx
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from emopress.errors import UserError
from emopress.report.figures.layers import (
    Node,
    across,
    layers_of,
    ordered_rows,
    with_bends,
    without_cycles,
)
from emopress.report.figures.style import (
    add_axes,
    fitted,
    heading,
    new_figure,
    note,
    style_of,
    text_width,
)

_NODE = re.compile(r"^\s*(\w+)\[\"?(.*?)\"?\]\s*$", re.MULTILINE)
_EDGE = re.compile(r"^\s*(\w+)\s*-->\s*(\w+)\s*$", re.MULTILINE)
BOX = 0.3  # inches high
ROW = 0.74  # inches from row to row
GAP = 0.2  # inches between boxes
BEND = 0.06  # inches that an edge passing a row takes
WIDEST = 2.6  # inches of a rule's name
SIZE = 8.5


def read_rulegraph(mermaid: str) -> nx.DiGraph:
    """Return the rules and what feeds what from `snakemake --rulegraph mermaid-js`.

    UserError if there is no node in it or an edge names an unknown one.
    """
    mermaid = mermaid[
        max(0, mermaid.find("flowchart")) :
    ]  # what a program printed before is cut off
    names = dict(_NODE.findall(mermaid))
    if not names:
        raise UserError("results/rulegraph.mmd: no rule in it; is it Mermaid of Snakemake?")
    graph = nx.DiGraph()
    graph.add_nodes_from(names.values())
    for a, b in _EDGE.findall(mermaid):
        if a not in names or b not in names:
            raise UserError(f"results/rulegraph.mmd: edge {a} --> {b} names no rule")
        if names[a] != names[b]:  # a rule that feeds itself needs no arrow
            graph.add_edge(names[a], names[b])
    return graph


def rulegraph_figure(mermaid: str) -> Figure:
    """Draw the rules in rows from top to bottom, each below all that it needs.

    An arrow that others imply (a to b to c implies a to c) is left out. Where rules feed each other
    in turn, since one rule makes several variants, the arrow that points up is dashed.
    """
    graph = read_rulegraph(mermaid)
    forward, back = without_cycles(graph)
    reduced = nx.transitive_reduction(forward)
    layer = layers_of(reduced)
    both = [(b, a) for a, b in back]  # drawn through the rows like the others, arrow at the top
    edges = sorted({*reduced.edges, *both})
    bent = with_bends(edges, layer)
    rows = ordered_rows(bent)
    with rc_context(style_of(graph)):
        probe = new_figure(1, 1)
        words = {node: fitted(probe, node, WIDEST, SIZE) for node in graph}
        wide: dict[Node, float] = {node: BEND for node in bent}
        wide.update({n: min(WIDEST, text_width(probe, n, SIZE)) + 0.24 for n in graph})
        x = across(bent, rows, wide, GAP)
        left = min(x[n] - wide[n] / 2 for n in bent)
        right = max(x[n] + wide[n] / 2 for n in bent)
        width = max(5.0, right - left + 0.5)
        tall = ROW * (len(rows) - 1) + BOX
        figure = new_figure(width, tall + 1.45)
        heading(figure, "From the data to the report, rule by rule", "Rules of the workflow")
        note(
            figure,
            "An arrow that follows from others is left out."
            + (" Dashed: back to a rule that runs again for other variants." if back else ""),
        )
        axes = add_axes(figure, 0, 0.2, width, tall + 0.08)
        axes.set_axis_off()
        axes.set(xlim=(0, width), ylim=(tall + 0.04, -0.04))
        shift = (width - right - left) / 2
        place = {n: (x[n] + shift, BOX / 2 + ROW * bent.nodes[n]["layer"]) for n in bent}
        for a, b in edges:
            points = [
                place[a],
                *(place[(a, b, d)] for d in range(layer[a] + 1, layer[b])),
                place[b],
            ]
            up, down = (b, a) in back, (a, b) in reduced.edges
            axes.add_patch(_arrow(points, up=up, down=down))
        for node in graph:
            cx, cy = place[node]
            axes.add_patch(
                FancyBboxPatch(
                    (cx - wide[node] / 2, cy - BOX / 2),
                    wide[node],
                    BOX,
                    boxstyle="round,pad=0,rounding_size=0.07",
                    facecolor="#EDF3F8",
                    edgecolor="#0072B2",
                    linewidth=0.9,
                    zorder=3,
                )
            )
            text, size = words[node]
            axes.text(cx, cy, text, fontsize=size, ha="center", va="center", zorder=4)
    return figure


def _arrow(points: list[tuple[float, float]], *, up: bool, down: bool) -> FancyArrowPatch:
    """Return a smooth line through the points from box to box, with heads where it leads."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    corners = [(x0, y0 + BOX / 2), *points[1:-1], (x1, y1 - BOX / 2)]
    vertices, codes = [corners[0]], [Path.MOVETO]
    for (ax, ay), (bx, by) in itertools.pairwise(corners):
        bow = 0.5 * (by - ay)
        vertices += [(ax, ay + bow), (bx, by - bow), (bx, by)]
        codes += [Path.CURVE4] * 3
    style = {(False, True): "-|>", (True, False): "<|-", (True, True): "<|-|>"}[(up, down)]
    return FancyArrowPatch(
        path=Path(vertices, [int(code) for code in codes]),
        arrowstyle=f"{style},head_length=3.2,head_width=1.7",
        color="#8C6D1F" if up else "#777777",
        linestyle="--" if up else "-",
        linewidth=0.9,
        shrinkA=0,
        shrinkB=0,
        zorder=2,
    )
