"""Published against reproduced: what a source printed beside what this run measured, and what differs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.report.tables.scores import note_of, speedup
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

SCORES = {"accuracy": "Accuracy %", "macro_f1": "Macro F1 %"}
WORDS = {
    "accuracy_percent": "accuracy",
    "macro_f1_percent": "macro F1",
    "params_m": "parameters",
    "size_mb": "size",
    "compression": "compression",
    "speedup": "speedup",
    "latency_ms": "latency",
}
NOT_AS_IT_SAYS = " †"
WITHIN = "within our interval"
DEMO = (
    "On a demo corpus this shows what the table of a real study looks like: nothing in it can be compared, "
    "whatever is said below to differ."
)


def judged(published_percent: float, low: float, high: float) -> str:
    """Say where a published score lies to our own 95 % interval, whose ends are fractions.

    Empty where there is no interval. The other side's chance, which it does not print, comes on top:
    so "higher" and "lower" are no test of two models.
    """
    if t.missing(low) or t.missing(high):
        return ""
    if 100 * low <= published_percent <= 100 * high:
        return WITHIN
    return "ours is higher" if published_percent < 100 * low else "ours is lower"


def compared(
    mapping: Mapping[str, Mapping[str, str]], published: Mapping[str, Any], rows: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return one entry per variant of `mapping`, in the order of `rows` (indexed by variant).

    An entry holds `variant`, `id`, `row` (the published one), `source` (its name), `differs`, `own`
    (the summary's row) and, per score that was published, `<score>_difference` (ours less theirs, a
    fraction) and `<score>_judged`. UserError if `mapping` names what is not there.
    """
    absent = [name for name in mapping if name not in rows.index]
    if absent:
        raise UserError(f"published: variant {absent[0]!r} is not in the summary")
    entries = []
    for variant in (name for name in rows.index if name in mapping):
        key = mapping[variant]["row"]
        if key not in published["rows"]:
            raise UserError(f"published: variant {variant!r}: unknown row {key!r}")
        row, own = published["rows"][key], rows.loc[variant]
        entry = {
            "variant": str(variant),
            "id": key,
            "row": row,
            "source": row["source"],
            "differs": mapping[variant]["differs"],
            "own": own,
        }
        for score in SCORES:
            theirs = row.get(f"{score}_percent")
            if theirs is not None:
                entry[f"{score}_difference"] = float(own[score]) - theirs / 100
                entry[f"{score}_judged"] = judged(theirs, own[f"{score}_low"], own[f"{score}_high"])
        entries.append(entry)
    return entries


def published_table(
    mapping: Mapping[str, Mapping[str, str]],
    published: Mapping[str, Any],
    rows: pd.DataFrame,
    entry: Mapping[str, Any],
) -> Markdown | None:
    """Write published against reproduced for one data set: scores, costs, what differs, sources.

    `mapping`: variant -> {row, differs}; `published`: that of `load_published`; `rows`: the summary's,
    indexed by variant. None if no variant has a published row. On a demo corpus no difference is
    computed and nothing is judged.
    """
    found = compared(mapping, published, rows)
    if not found:
        return None
    sources = published["sources"]
    costs = _costs_table(found, rows, entry)
    parts = [
        _scores_table(found, sources, entry),
        DEMO if entry.get("demo") else _how_to_read(found),
        costs or "",
        _how_costs_read(found) if costs else "",
        "What differs between the publication and this run:",
        _bullets(_differences(found)),
        "What the publications themselves leave open or get wrong:",
        _bullets(_doubts(found, sources)),
        "Sources:",
        _bullets(_sources(found, sources)),
    ]
    return Markdown("\n\n".join(part for part in parts if part))


def _scores_table(
    found: Sequence[Mapping[str, Any]], sources: Mapping[str, Any], entry: Mapping[str, Any]
) -> Markdown:
    lines = []
    for item in found:
        row, name = item["row"], item["source"]
        what = [t.escape(part) for part in (row.get("teacher"), row["recipe"]) if part]
        line: dict[str, object] = {
            "Variant": t.code(item["variant"]),
            "Published": Markdown(f"{t.link(name, sources[name].get('url'))}: {t.join(what)}"),
        }
        for score, head in SCORES.items():
            line[f"{head} published"] = printed(row, f"{score}_percent")
            line["ours" if score == "accuracy" else "our F1"] = t.percent(
                item["own"][score], item["own"].get(f"{score}_sd")
            )
            if not entry.get("demo"):
                gap = item.get(f"{score}_difference")
                tail = "" if score == "accuracy" else " of F1"
                line[f"difference{tail}"] = t.EMPTY if gap is None else t.points(gap)
                line[f"in words{tail}"] = item.get(f"{score}_judged") or t.EMPTY
        lines.append(line)
    left = ("Variant", "Published", "in words", "in words of F1")
    return t.markdown_table(t.frame_of(lines), left=left, note=note_of(entry))


def _costs_table(
    found: Sequence[Mapping[str, Any]], rows: pd.DataFrame, entry: Mapping[str, Any]
) -> Markdown | None:
    """Write size, compression, speedup and latency, each where some source printed it, else None."""
    figures = [
        key for key in ("size_mb", "compression", "speedup", "latency_ms") if _any(found, key)
    ]
    lines = []
    for item in found:
        own, row = item["own"], item["row"]
        if not any(key in row for key in figures):
            continue
        line: dict[str, object] = {"Variant": t.code(item["variant"])}
        for key in figures:
            if key == "size_mb":
                line |= {
                    "Size published, MB": printed(row, key),
                    "our size": t.size(own["size_bytes"]),
                }
            elif key == "compression":
                line |= {"Compression published": printed(row, key)}
                line |= {"our compression": t.ratio(own["compression"])}
            elif key == "speedup":
                line |= {"Speedup published": printed(row, key)}
                line |= {"our speedup": _speedup(own, rows)}
                line |= {"ours over PyTorch": speedup(own, "speedup_over_pytorch")}
            else:
                line |= {"Latency published, ms": printed(row, key)}
                line |= {"our latency, ms": t.decimals(own["latency_ms_p50"])}
        lines.append(line)
    if not lines:
        return None
    return t.markdown_table(t.frame_of(lines), left=("Variant",), note=note_of(entry))


def printed(row: Mapping[str, Any], key: str) -> Markdown:
    """Write a published figure as it was printed, with the other value that the source has for it."""
    if row.get(key) is None:
        return Markdown(t.EMPTY)
    text = _figure(key, row[key])
    if key in row["elsewhere"]:
        text += f" (elsewhere {_figure(key, row['elsewhere'][key])})"
    return Markdown(text + NOT_AS_IT_SAYS if key in row["cannot_be"] else text)


def _figure(key: str, value: float) -> str:
    if key.endswith("_percent") and isinstance(value, float):
        return f"{value:.2f}"
    unit = "x" if key in ("compression", "speedup") else ""
    return f"{value:,.10g}{unit}"


def _speedup(own: pd.Series, rows: pd.DataFrame) -> Markdown:
    """Write our speedup, with the engine if it is another than the reference's."""
    told, base = speedup(own), own["reference"]
    if base in rows.index and rows.loc[base, "runtime"] != own["runtime"]:
        told = Markdown(f"{told} in {t.escape(own['runtime'])}")
    return told


def _how_to_read(found: Sequence[Mapping[str, Any]]) -> str:
    text = (
        "Differences are ours less theirs, in points. "
        f'"{WITHIN.capitalize()}": the published score lies in the 95 % interval of ours, so no difference is shown. '
        '"Higher" and "lower" lie outside it; the published scores have a chance of their own, which nobody printed, '
        "so a small one may still be none."
    )
    if any(item["row"]["elsewhere"] for item in found):
        text += ' "Elsewhere" is what the same source prints for it in another place.'
    return text


def _how_costs_read(found: Sequence[Mapping[str, Any]]) -> str:
    bases = t.join([t.code(name) for name in dict.fromkeys(i["own"]["reference"] for i in found)])
    text = (
        f"Ours: size is that of the shipped files in MB (10^6 bytes); compression and speedup are against {bases}, "
        "each in the engine of its files"
    )
    if _any(found, "speedup"):
        text += (
            "; in brackets, a speedup that timing does not show; over PyTorch: against the same reference in PyTorch "
            "fp32. Published compression and speedup are against the row's own teacher"
        )
    if _any(found, "latency_ms"):
        text += ". Latencies are of different machines and tell nothing about each other"
    if any(item["row"]["cannot_be"] for item in found):
        text += ". †: the figure cannot be what its column says; why stands below"
    return text + "."


def _any(found: Iterable[Mapping[str, Any]], key: str) -> bool:
    return any(item["row"].get(key) is not None for item in found)


def _differences(found: Sequence[Mapping[str, Any]]) -> list[str]:
    groups: dict[str, list[Markdown]] = {}
    for item in found:
        groups.setdefault(item["differs"], []).append(t.code(item["variant"]))
    return [f"{t.join(names)}: {t.escape(text)}" for text, names in groups.items()]


def _doubts(found: Sequence[Mapping[str, Any]], sources: Mapping[str, Any]) -> list[str]:
    """Return the sources' errors, then each figure that cannot be what it says, grouped by why."""
    names = dict.fromkeys(item["source"] for item in found)
    lines = [f"{t.escape(n)}: {t.escape(text)}" for n in names for text in sources[n]["errors"]]
    groups: dict[tuple[str, str], list[Markdown]] = {}
    for item in found:
        for key, why in item["row"]["cannot_be"].items():
            told = f"{WORDS[key]} {_figure(key, item['row'][key])} of {t.code(item['id'])}"
            groups.setdefault((item["source"], why), []).append(Markdown(told))
    for (name, why), members in groups.items():
        lines.append(f"{t.escape(name)}{NOT_AS_IT_SAYS}: {t.escape(why)} ({t.join(members)}).")
    return lines or ["nothing that we know of."]


def _sources(found: Sequence[Mapping[str, Any]], sources: Mapping[str, Any]) -> list[str]:
    lines = []
    for name in dict.fromkeys(item["source"] for item in found):
        source = sources[name]
        told = [t.link(source["title"], source.get("url"))]
        told += [t.escape(source[key]) for key in ("where", "data", "setting") if key in source]
        lines.append(f"{t.escape(name)}: {t.join(told, '. ')}.")
    return lines


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
