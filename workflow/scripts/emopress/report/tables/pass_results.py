"""The tables of what the passes did and what the searches chose, in words and units."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emopress.measure.deciding import Judge
from emopress.measure.details import passes_of
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

Format = Callable[[Any], Markdown]
SCORE = ("score", "accuracy")  # of `prefer`: the metric that decides
LONGEST_LIST = 6  # items of a list or mapping; more are cut off
LONGEST_TEXT = 60


def _share(value: Any) -> Markdown:
    """Format a share so that a small one does not look like zero: 0.031 %."""
    return Markdown(f"{100 * value:.3g} %")


def _tiny(value: Any) -> Markdown:
    return Markdown(f"{value:.1e}")


def shown(value: Any) -> Markdown:
    """Write a value as it is, escaped; a long list or text is cut off."""
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


# A pair of keys, *_before and *_after, is listed once, without the ending.
WORDS: dict[str, tuple[str, Format]] = {
    "vocabulary": ("vocabulary entries", t.count),
    "embedding_rows_removed_share": ("embedding rows removed", _share),
    "unknown_token_share_test": ("unknown tokens in the test texts", _share),
    "max_logit_gap": ("largest change of a logit", _tiny),
    "zero_share_of_linear_weights": ("zeros in the linear layers", _share),
    "params": ("parameters", t.short_count),
    "student_layers": ("student", shown),
    "layer_map": ("layers paired as [student, teacher]", shown),
    "trainable_params": ("trained parameters", t.short_count),
    "trainable_share": ("share of parameters trained", _share),
    "base_bits": ("bits of the frozen base", t.count),
    "max_merge_gap": ("largest change of a logit through merging", _tiny),
    "adapter_size_bytes": ("size of the adapters", t.size),
    "fake_quantized_layers": ("fake-quantized layers", t.count),
    "activation_ranges": ("activation ranges", t.count),
    "range_width_to_calibrated_median": ("width of trained over calibrated ranges", t.ratio),
    "logit_error_share_of_sd": ("error of the shipped file's logits, of their sd", _share),
    "int8_weight_share": ("weights stored in 8 bits", _share),
    "four_bit_weight_share": ("weights stored in 4 bits", _share),
    "half_weight_share": ("weights stored in 16 bits", _share),
    "block_size": ("4-bit weights per scale, at most", t.count),
    "weights_rounded_to_zero": ("weights rounded to zero", t.count),
    "products": ("matrix products", t.count),
    "products_in_four_bits": ("matrix products with 4-bit weights", t.count),
    "products_in_half_precision": ("matrix products in 16 bits", t.count),
    "heads_per_layer_after": ("heads left per layer", shown),
    "ffn_per_layer_after": ("FFN neurons left per layer", shown),
    "layers_after": ("layers left", t.count),
    "layers_kept": ("indices of the layers left", shown),
    "layers_factored": ("layers factored", t.count),
    "layers_left_dense": ("layers left dense", t.count),
    "mean_rank": ("mean rank", t.decimals),
    "mean_energy_kept": ("mean share of energy kept", _share),
    "calibration_texts": ("calibration texts", t.count),
    "calibration_tokens": ("calibration tokens", t.count),
    "layers_kept_fp32": ("layers kept in fp32", t.count),
    "packed_tensors": ("packed tensors", t.count),
    "dense_size_bytes": ("dense size of packed tensors", t.size),
    "stored_size_bytes": ("stored size of packed tensors", t.size),
    "inference_precision": ("computes in", shown),
    "words": ("words with a vector", t.count),
    "words_in_the_file": ("words with a vector in the file", t.count),
    "words_in_the_file_share": ("share of words with a vector in the file", _share),
    "words_in_another_spelling": ("words that the file spells differently", t.count),
    "lines_passed_over": ("lines of the file skipped because they repeat a word", t.count),
    "words_not_in_it": ("training words without a vector in the file", t.count),
    "vectors_sha256": ("SHA-256 of the file of vectors", shown),
    "validation_macro_f1": ("macro F1 on validation", _share),
    "quantized_layers": ("percentile by layer", _percentiles),
}


def facts(findings: Sequence[Mapping[str, Any]]) -> Markdown:
    """Write the findings of one pass, given one mapping per seed, in one line.

    Known keys get words and units, others are shown as they are. Numbers that differ between seeds
    become a range, other values are listed.
    """
    values: dict[str, list[Any]] = {}
    for one in findings:
        for key, value in one.items():
            values.setdefault(key, []).append(value)
    parts = []
    for key in values:
        stem, _, end = key.rpartition("_")
        if end == "after" and f"{stem}_before" in values:
            continue
        if end == "before" and (after := values.get(f"{stem}_after")):
            words, form = WORDS.get(stem, (stem, shown))
            change = Markdown(f"{_over(values[key], form)} → {_over(after, form)}")
            parts.append(_named(words, change))
        else:
            words, form = WORDS.get(key, (key, shown))
            parts.append(_named(words, _over(values[key], form)))
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


def findings_table(details: Mapping[str, Any], variants: Sequence[str]) -> Markdown:
    """List what each pass did, variant by variant, as the passes recorded it.

    What a variant inherits from another one in the table (its parent, say) is listed only there.
    Searches have a table of their own.
    """
    rows = []
    for variant in variants:
        seeds = details[variant]
        for name in _passes_with_findings(seeds):
            findings = _findings(seeds, name)
            origins = _origins(variant, details)
            if not any(_findings(details[other], name) == findings for other in origins):
                rows.append(
                    {
                        "Variant": t.code(variant),
                        "Pass": t.code(name),
                        "What it did": facts(findings),
                    }
                )
    return t.table(rows, left=("Variant", "Pass", "What it did"))


def _findings(seeds: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [seed["findings"].get(name, {}) for seed in seeds.values()]


def _searches(seed: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the search steps of a seed's recipe by name."""
    return {s["name"]: s for s in passes_of(seed["recipe"]) if s["kind"] == "search"}


def _passes_with_findings(seeds: Mapping[str, Any]) -> list[str]:
    names = [
        name
        for seed in seeds.values()
        for name, findings in seed["findings"].items()
        if findings and name not in _searches(seed)
    ]
    return list(dict.fromkeys(names))


def _origins(variant: str, details: Mapping[str, Any]) -> list[str]:
    """Return the listed variants that `variant` was made from, by its name or by a search's choice."""
    parts = variant.split("+")
    names = ["+".join(parts[:end]) for end in range(1, len(parts))]
    for seed in details[variant].values():
        names += [str(seed["findings"].get(name, {}).get("chosen")) for name in _searches(seed)]
    return [name for name in names if name in details]


def searches_table(details: Mapping[str, Any], variants: Sequence[str], judge: Judge) -> Markdown:
    """List what each search chose and whether that meets its budget."""
    several = any(len(details[variant]) > 1 for variant in variants)
    rows = []
    for variant in variants:
        for seed, entry in details[variant].items():
            for name, step in _searches(entry).items():
                result = entry["findings"].get(name, {})
                rows.append(
                    {
                        "Variant": t.code(variant),
                        **({"Seed": seed} if several else {}),
                        "Trials": t.count(result["trials"]),
                        "Budget": _budget(step["budget"], judge),
                        "Prefers": judge.metric.name if step["prefer"] in SCORE else step["prefer"],
                        "Chosen": t.code(result["chosen"]),
                        "Budget met": "yes" if result["met"] else _missed(result["misses"], judge),
                    }
                )
    return t.table(rows, left=("Variant", "Budget", "Prefers", "Chosen", "Budget met"))


def _budget(budget: Mapping[str, float], judge: Judge) -> Markdown:
    limits = [
        _named(judge.limit_name(key), Markdown(f"≤ {limit:g} {judge.unit(key)}"))
        for key, limit in budget.items()
    ]
    return t.join(limits, "; ")


def _missed(misses: Mapping[str, float], judge: Judge) -> Markdown:
    parts = [
        Markdown(f"{judge.limit_name(key)} by {over:.3g} {judge.unit(key)}")
        for key, over in misses.items()
    ]
    return Markdown(f"**no**, missed: {t.join(parts)}")
