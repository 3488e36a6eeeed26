"""A directed graph in layers: who stands in which row, in which order, and how far across."""

import itertools
from collections.abc import Sequence

import networkx as nx

from emopress.report.figures.spread import spread

Node = str | tuple[str, str, int]  # a bend of an edge is (from, to, layer)
SWEEPS = 24


def without_cycles(graph: nx.DiGraph) -> tuple[nx.DiGraph, list[tuple[str, str]]]:
    """Return the graph without the edges that point back, and these edges.

    In each strongly connected part the nodes are lined up by what leaves minus what enters (Eades,
    Lin and Smyth 1993: the greatest first, of equals the one with fewer edges, again and again);
    edges against that line point back.
    """
    line: dict[str, int] = {}
    for part in nx.strongly_connected_components(graph):
        left = graph.subgraph(part).copy()
        while left:
            first = max(
                left, key=lambda n: (left.out_degree(n) - left.in_degree(n), -graph.degree(n), n)
            )
            line[first] = len(line)
            left.remove_node(first)
    back = []
    for part in nx.strongly_connected_components(graph):
        back += [(a, b) for a, b in graph.subgraph(part).edges if line[a] >= line[b]]
    kept = graph.copy()
    kept.remove_edges_from(back)
    return kept, sorted(back)


def layers_of(graph: nx.DiGraph) -> dict[str, int]:
    """Return each node's layer: one below its lowest parent; a source just above its children."""
    layer = {
        node: depth
        for depth, nodes in enumerate(nx.topological_generations(graph))
        for node in sorted(nodes)
    }
    for node in sorted(graph):
        if graph.in_degree(node) == 0 and graph.out_degree(node):
            layer[node] = min(layer[child] for child in graph.successors(node)) - 1
    return layer


def with_bends(edges: Sequence[tuple[str, str]], layer: dict[str, int]) -> nx.DiGraph:
    """Return a graph in which an edge over several layers has a node, a bend, in each between."""
    bent = nx.DiGraph()
    bent.add_nodes_from((node, {"layer": depth}) for node, depth in layer.items())
    for a, b in edges:
        before: Node = a
        for depth in range(layer[a] + 1, layer[b]):
            bend = (a, b, depth)
            bent.add_node(bend, layer=depth)
            bent.add_edge(before, bend)
            before = bend
        bent.add_edge(before, b)
    return bent


def ordered_rows(bent: nx.DiGraph) -> list[list[Node]]:
    """Return the nodes of each layer from left to right, with few crossings.

    Barycentre heuristic (Sugiyama, Tagawa and Toda 1981): sweeps down and up, each node at the mean
    place of its neighbours in the layer before; the best order seen is kept.
    """
    rows: list[list[Node]] = []
    for node in nx.lexicographical_topological_sort(bent, key=str):
        depth = bent.nodes[node]["layer"]
        rows += [[] for _ in range(depth + 1 - len(rows))]
        rows[depth].append(node)
    best, fewest = rows, crossings(bent, rows)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        rows = [list(row) for row in rows]
        for depth in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            fixed = {node: i for i, node in enumerate(rows[depth - 1 if down else depth + 1])}
            near = bent.predecessors if down else bent.successors
            own = {node: i for i, node in enumerate(rows[depth])}
            rows[depth].sort(key=lambda n: _mean([fixed[m] for m in near(n)], own[n]))
        number = crossings(bent, rows)
        if number < fewest:
            best, fewest = rows, number
    return best


def crossings(bent: nx.DiGraph, rows: Sequence[Sequence[Node]]) -> int:
    """Return how many pairs of edges cross between neighbouring layers."""
    number = 0
    for upper, lower in itertools.pairwise(rows):
        place = {node: i for i, node in enumerate(lower)}
        seen: list[int] = []
        for node in upper:
            ends = sorted(place[child] for child in bent.successors(node) if child in place)
            number += sum(other > end for end in ends for other in seen)
            seen += ends
    return number


def across(
    bent: nx.DiGraph, rows: Sequence[Sequence[Node]], width: dict[Node, float], gap: float
) -> dict[Node, float]:
    """Return each node's centre, so that none overlap and each is near its neighbours' mean."""
    at: dict[Node, float] = {}
    gaps = [[(width[a] + width[b]) / 2 + gap for a, b in itertools.pairwise(row)] for row in rows]
    for row, apart in zip(rows, gaps, strict=True):
        middle = sum(apart) / 2
        at.update(zip(row, (x - middle for x in spread([0.0] * len(row), apart)), strict=True))
        shift = sum(at[node] for node in row) / len(row)
        at.update({node: at[node] - shift for node in row})
    for sweep in range(2 * SWEEPS):
        order = range(len(rows)) if sweep % 2 == 0 else range(len(rows) - 1, -1, -1)
        for depth in order:
            near = bent.predecessors if sweep % 2 == 0 else bent.successors
            if sweep >= SWEEPS:  # in the end the neighbours on both sides
                near = lambda n: [*bent.predecessors(n), *bent.successors(n)]  # noqa: E731
            wished = [_mean([at[m] for m in near(n)], at[n]) for n in rows[depth]]
            at.update(zip(rows[depth], spread(wished, gaps[depth]).tolist(), strict=True))
    return at


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
