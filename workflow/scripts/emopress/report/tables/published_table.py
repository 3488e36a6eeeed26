"""The tables of published results beside those of this run, and what differs between the two."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.report.tables.published_rows import (
    DOUBTFUL,
    SCORES,
    WITHIN,
    compared,
    figure,
    printed,
)
from emopress.report.tables.speed import speedup
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

WORDS = {
    "accuracy_percent": "accuracy",
    "macro_f1_percent": "macro F1",
    "params_m": "parameters",
    "size_mb": "size",
    "compression": "compression",
    "speedup": "speedup",
    "latency_ms": "latency",
}
DEMO = "This is a demo corpus: the table shows what that of a real study looks like, but nothing in it can be compared."


def published_table(
    mapping: Mapping[str, Mapping[str, str]],
    published: Mapping[str, Any],
    rows: pd.DataFrame,
    *,
    demo: bool = False,
) -> Markdown:
    """Write published and reproduced results of one data set: scores, costs, what differs, sources.

    `mapping`: variant -> {row, differs}; `published`: that of `load_published`; `rows`: the summary's,
    indexed by variant. Empty if no variant has a published row. For a demo corpus no difference is
    computed.
    """
    entries = compared(mapping, published, rows)
    if not entries:
        return Markdown("")
    sources = published["sources"]
    costs = _costs_table(entries, rows)
    note = f"{t.DEMO_NOTE}\n\n" if demo else ""
    parts = [
        note + _scores_table(entries, sources, demo),
        DEMO if demo else _about_scores(entries),
        costs and note + costs,
        costs and _about_costs(entries),
    ]
    lists = {
        "What differs between the publication and this run:": _differences(entries),
        "What the publications leave open or get wrong:": _doubts(entries, sources),
        "Sources:": _sources(entries, sources),
    }
    for title, lines in lists.items():
        parts += [title, "\n".join(f"- {line}" for line in lines)]
    return Markdown("\n\n".join(part for part in parts if part))


def _scores_table(
    entries: Sequence[Mapping[str, Any]], sources: Mapping[str, Any], demo: bool
) -> Markdown:
    lines = []
    for item in entries:
        row, name = item["row"], item["source"]
        recipe = [t.escape(part) for part in (row.get("teacher"), row["recipe"]) if part]
        line: dict[str, object] = {
            "Variant": t.code(item["variant"]),
            "Published": Markdown(f"{t.link(name, sources[name].get('url'))}: {t.join(recipe)}"),
        }
        for score, head in SCORES.items():
            tail = "" if score == "accuracy" else " of F1"
            line[f"{head} published"] = printed(row, f"{score}_percent")
            line["our F1" if tail else "ours"] = t.percent(
                item["ours"][score], item["ours"].get(f"{score}_sd")
            )
            if not demo:
                gap = item.get(f"{score}_difference")
                line[f"difference{tail}"] = t.EMPTY if gap is None else t.points(gap)
                line[f"in words{tail}"] = item.get(f"{score}_position") or t.EMPTY
        lines.append(line)
    return t.table(lines, left=("Variant", "Published", "in words", "in words of F1"))


def _costs_table(entries: Sequence[Mapping[str, Any]], rows: pd.DataFrame) -> Markdown:
    """Write size, compression, speedup and latency, each if some source printed it."""
    lines = []
    for item in entries:
        ours, row = item["ours"], item["row"]
        cells: dict[str, dict[str, object]] = {
            "size_mb": {
                "Size published, MB": printed(row, "size_mb"),
                "our size": t.size(ours["size_bytes"]),
            },
            "compression": {
                "Compression published": printed(row, "compression"),
                "our compression": t.ratio(ours["compression"]),
            },
            "speedup": {
                "Speedup published": printed(row, "speedup"),
                "our speedup": _speedup(ours, rows),
                "ours over PyTorch": speedup(ours, "speedup_over_pytorch"),
            },
            "latency_ms": {
                "Latency published, ms": printed(row, "latency_ms"),
                "our latency, ms": t.decimals(ours["latency_ms_p50"]),
            },
        }
        figures = [key for key in cells if _any(entries, key)]
        if any(key in row for key in figures):
            line: dict[str, object] = {"Variant": t.code(item["variant"])}
            for key in figures:
                line |= cells[key]
            lines.append(line)
    return t.table(lines, left=("Variant",))


def _speedup(ours: pd.Series, rows: pd.DataFrame) -> Markdown:
    """Write our speedup, with the engine if it is not that of the reference."""
    engine = rows["runtime"].get(ours["reference"], ours["runtime"])
    tail = "" if engine == ours["runtime"] else f" in {t.escape(ours['runtime'])}"
    return Markdown(speedup(ours) + tail)


def _about_scores(entries: Sequence[Mapping[str, Any]]) -> str:
    text = (
        "Differences are ours minus theirs, in points. "
        f'"{WITHIN.capitalize()}" means that the published score lies in our 95 % interval, so no difference is shown. '
        'With "higher" and "lower" it lies outside; but the published scores are uncertain too, and by how much is '
        "not published, so a small difference may still be due to chance."
    )
    if any(item["row"]["elsewhere"] for item in entries):
        text += ' "Elsewhere" is another value that the same source prints.'
    return text


def _about_costs(entries: Sequence[Mapping[str, Any]]) -> str:
    bases = t.join(
        [t.code(name) for name in dict.fromkeys(i["ours"]["reference"] for i in entries)]
    )
    text = (
        "Our size is that of the shipped files in MB (10^6 bytes). Our compression and speedup are relative to "
        f"{bases}, each in the engine of its files"
    )
    if _any(entries, "speedup"):
        text += (
            "; a speedup in brackets is not shown by the timing; over PyTorch means relative to the same reference in "
            "PyTorch fp32. Published compression and speedup are relative to the teacher of that row"
        )
    if _any(entries, "latency_ms"):
        text += ". Latencies were measured on different machines and cannot be compared"
    if any(item["row"]["cannot_be"] for item in entries):
        text += ". †: the figure cannot be what its column says, for the reason given below"
    return text + "."


def _any(entries: Iterable[Mapping[str, Any]], key: str) -> bool:
    return any(item["row"].get(key) is not None for item in entries)


def _differences(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    groups: dict[str, list[Markdown]] = {}
    for item in entries:
        groups.setdefault(item["differs"], []).append(t.code(item["variant"]))
    return [f"{t.join(names)}: {t.escape(text)}" for text, names in groups.items()]


def _doubts(entries: Sequence[Mapping[str, Any]], sources: Mapping[str, Any]) -> list[str]:
    """Return the sources' errors, then each figure that cannot be what it says, grouped by reason."""
    names = dict.fromkeys(item["source"] for item in entries)
    lines = [f"{t.escape(n)}: {t.escape(text)}" for n in names for text in sources[n]["errors"]]
    groups: dict[tuple[str, str], list[Markdown]] = {}
    for item in entries:
        for key, reason in item["row"]["cannot_be"].items():
            words = f"{WORDS[key]} {figure(key, item['row'][key])} of {t.code(item['id'])}"
            groups.setdefault((item["source"], reason), []).append(Markdown(words))
    for (name, reason), figures in groups.items():
        lines.append(f"{t.escape(name)}{DOUBTFUL}: {t.escape(reason)} ({t.join(figures)}).")
    return lines or ["nothing that we know of."]


def _sources(entries: Sequence[Mapping[str, Any]], sources: Mapping[str, Any]) -> list[str]:
    lines = []
    for name in dict.fromkeys(item["source"] for item in entries):
        source = sources[name]
        parts = [t.link(source["title"], source.get("url"))]
        parts += [t.escape(source[key]) for key in ("where", "data", "setting") if key in source]
        lines.append(f"{t.escape(name)}: {t.join(parts, '. ')}.")
    return lines
