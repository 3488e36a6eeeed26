"""What the passes found or did, and what the searches chose, in words and units."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emopress.measure.deciding import Judge
from emopress.measure.details import passes_of
from emopress.report.tables.scores import note_of
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

Format = Callable[[Any], Markdown]
SCORE = ("score", "accuracy")  # what a search prefers that goes by the metric that decides
LONGEST_LIST = 6  # of a list or a dict that is shown whole
LONGEST_TEXT = 60


def _share(value: Any) -> Markdown:
    """Format a share such that a small one does not look like none: 0.031 %."""
    return Markdown(f"{100 * value:.3g} %")


def _tiny(value: Any) -> Markdown:
    return Markdown(f"{value:.1e}")


def shown(value: Any) -> Markdown:
    """Write a value as it is, escaped; a long list or text is cut and says so."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return t.escape(value[:LONGEST_TEXT] + "…")
    if isinstance(value, Mapping):
        items = [Markdown(f"{t.escape(key)}: {shown(item)}") for key, item in value.items()]
        return Markdown(f"{{{_cut(items)}}}")
    if isinstance(value, (list, tuple)):
        if len(value) > LONGEST_LIST and all(item == value[0] for item in value):
            return Markdown(f"({len(value)} × {shown(value[0])})")
        return Markdown(f"({_cut([shown(item) for item in value])})")
    return t.setting(value)


def _cut(items: Sequence[Markdown]) -> Markdown:
    more = len(items) - LONGEST_LIST
    return t.join([*items[:LONGEST_LIST], *([Markdown(f"… {more} more")] if more > 0 else [])])


def _percentiles(layers: Any) -> Markdown:
    return t.join(
        [Markdown(f"{t.escape(k)} {facts['percentile']:g}") for k, facts in layers.items()]
    )


WORDS: dict[
    str, tuple[str, Format]
] = {  # a pair *_before, *_after stands here once, without the end
    "vocabulary": ("vocabulary entries", t.count),
    "embedding_rows_removed_share": ("embedding rows removed", _share),
    "unknown_token_share_test": ("unknown tokens among those of the test texts", _share),
    "max_logit_gap": ("largest change of a logit", _tiny),
    "zero_share_of_linear_weights": ("zeros among the weights of linear layers", _share),
    "params": ("parameters", t.short_count),
    "student_layers": ("student", shown),
    "layer_map": ("layers paired as [student, teacher]", shown),
    "trainable_params": ("trained parameters", t.short_count),
    "trainable_share": ("of all parameters trained", _share),
    "base_bits": ("bits of the frozen base", t.count),
    "max_merge_gap": ("largest change of a logit by merging", _tiny),
    "adapter_size_bytes": ("adapters alone", t.size),
    "fake_quantized_layers": ("fake-quantized layers", t.count),
    "activation_ranges": ("activation ranges", t.count),
    "range_width_to_calibrated_median": (
        "width of the trained ranges over the calibrated",
        t.ratio,
    ),
    "logit_error_share_of_sd": (
        "logits of the shipped file off the trained model's, of their sd",
        _share,
    ),
    "int8_weight_share": ("weights stored in 8 bits", _share),
    "four_bit_weight_share": ("weights stored in 4 bits", _share),
    "half_weight_share": ("weights stored in 16 bits", _share),
    "block_size": ("weights per scale, of those in 4 bits, at most", t.count),
    "weights_rounded_to_zero": ("weights rounded to zero", t.count),
    "products": ("matrix products", t.count),
    "products_in_half_precision": ("of them in 16 bits", t.count),
    "heads_per_layer_after": ("heads left per layer", shown),
    "ffn_per_layer_after": ("FFN neurons left per layer", shown),
    "layers_after": ("layers left", t.count),
    "layers_kept": ("namely", shown),
    "layers_factored": ("layers factored", t.count),
    "layers_left_dense": ("left dense", t.count),
    "mean_rank": ("mean rank", t.decimals),
    "mean_energy_kept": ("mean share of energy kept", _share),
    "calibration_texts": ("calibration texts", t.count),
    "calibration_tokens": ("their tokens", t.count),
    "layers_kept_fp32": ("layers kept in fp32", t.count),
    "packed_tensors": ("packed tensors", t.count),
    "dense_size_bytes": ("their dense size", t.size),
    "stored_size_bytes": ("their stored size", t.size),
    "inference_precision": ("computes in", shown),
    "words": ("words with a vector", t.count),
    "words_in_the_file": ("of them in the file of vectors", t.count),
    "words_in_the_file_share": ("that is, of all", _share),
    "words_in_another_spelling": ("of them in another spelling there", t.count),
    "lines_passed_over": ("more lines of the file with the same words, passed over", t.count),
    "words_not_in_it": ("training words that it lacks", t.count),
    "vectors_sha256": ("its sha256", shown),
    "validation_macro_f1": ("macro F1 on validation", _share),
    "quantized_layers": ("percentile by layer", _percentiles),
}


def facts(found: Sequence[Mapping[str, Any]]) -> Markdown:
    """Write what one pass found, given its findings seed by seed, in one line.

    Known keys get words and units, others are shown as they are. Numbers that differ between seeds
    become a range, other values are listed.
    """
    parts, done = [], set()
    for key in dict.fromkeys(key for one in found for key in one):
        values = [one[key] for one in found if key in one]
        stem, _, end = key.rpartition("_")
        after = f"{stem}_after"
        if key in done or not values:
            continue
        if end == "before" and any(after in one for one in found):
            words, form = WORDS.get(stem, (stem, shown))
            last = [one[after] for one in found if after in one]
            parts.append(_named(words, Markdown(f"{_over(values, form)} → {_over(last, form)}")))
            done.add(after)
        else:
            words, form = WORDS.get(key, (key, shown))
            parts.append(_named(words, _over(values, form)))
    return t.join(parts, "; ")


def _named(words: str, value: Markdown) -> Markdown:
    return Markdown(f"{t.escape(words)}: {value}")


def _over(values: Sequence[Any], form: Format) -> Markdown:
    """Write the values of several seeds as one, a range, or a list."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        low, high = form(min(values)), form(max(values))
        return low if low == high else Markdown(f"{low} to {high}")
    texts = dict.fromkeys(
        form(value) if isinstance(value, (int, float, Mapping)) else shown(value)
        for value in values
    )
    return t.join(list(texts), " / ")


def findings_table(
    details: Mapping[str, Any], variants: Sequence[str], entry: Mapping[str, Any]
) -> Markdown | None:
    """List what each pass did, variant by variant; None if no pass of the data set tells anything.

    What a variant inherits from another one of the table (its parent, say) stands there alone.
    Searches have a table of their own.
    """
    rows = []
    for variant in variants:
        seeds = details[variant]
        for name in _passes_with_findings(seeds):
            own = [seed["findings"].get(name, {}) for seed in seeds.values()]
            if any(_tells(details[other], name, own) for other in _origins(variant, details)):
                continue
            rows.append(
                {"Variant": t.code(variant), "Pass": t.code(name), "What it did": facts(own)}
            )
    left = ("Variant", "Pass", "What it did")
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry)) if rows else None


def _searches(seed: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the search steps of a seed's recipe by their names."""
    return {s["name"]: s for s in passes_of(seed["recipe"]) if s["kind"] == "search"}


def _passes_with_findings(seeds: Mapping[str, Any]) -> list[str]:
    names = [
        name
        for seed in seeds.values()
        for name, found in seed["findings"].items()
        if found and name not in _searches(seed)
    ]
    return list(dict.fromkeys(names))


def _origins(variant: str, details: Mapping[str, Any]) -> list[str]:
    """Return the listed variants that `variant` was made from, by its name or by a search's choice."""
    parts = variant.split("+")
    names = ["+".join(parts[:end]) for end in range(1, len(parts))]
    for seed in details[variant].values():
        names += [str(seed["findings"].get(name, {}).get("chosen")) for name in _searches(seed)]
    return [name for name in names if name in details]


def _tells(seeds: Mapping[str, Any], name: str, found: Sequence[Mapping[str, Any]]) -> bool:
    return [seed["findings"].get(name, {}) for seed in seeds.values()] == list(found)


def searches_table(
    details: Mapping[str, Any], variants: Sequence[str], entry: Mapping[str, Any], judge: Judge
) -> Markdown | None:
    """List what each search chose and whether that meets its budget; None if there is no search."""
    rows = []
    several = any(len(details[variant]) > 1 for variant in variants)
    for variant in variants:
        for seed, facts_of in details[variant].items():
            for name, step in _searches(facts_of).items():
                found = facts_of["findings"].get(name, {})
                rows.append(
                    {
                        "Variant": t.code(variant),
                        **({"Seed": seed} if several else {}),
                        "Trials": t.count(found["trials"]),
                        "Budget": _budget(step["budget"], judge),
                        "Prefers": judge.metric.name if step["prefer"] in SCORE else step["prefer"],
                        "Chosen": t.code(found["chosen"]),
                        "Budget met": "yes" if found["met"] else _missed(found["misses"], judge),
                    }
                )
    left = ("Variant", "Budget", "Prefers", "Chosen", "Budget met")
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry)) if rows else None


def _budget(budget: Mapping[str, float], judge: Judge) -> Markdown:
    return t.join(
        [
            _named(judge.limit_name(key), Markdown(f"≤ {limit:g} {judge.unit(key)}"))
            for key, limit in budget.items()
        ],
        "; ",
    )


def _missed(misses: Mapping[str, float], judge: Judge) -> Markdown:
    parts = [
        Markdown(f"{judge.limit_name(key)} by {over:.3g} {judge.unit(key)}")
        for key, over in misses.items()
    ]
    return Markdown(f"**no**, missed: {t.join(parts)}")
