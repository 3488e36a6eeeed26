"""What quantization did to the layers of dense and LSTM models: ranges, errors, and small bar charts of values."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

from emopress.measure.details import passes_of
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

BARS = "▁▂▃▄▅▆▇█"
KEY = "quantized_layers"


def bars(counts: Sequence[int]) -> str:
    """Draw counts as a row of bars, the highest at full height; an empty bin is a dot."""
    top = max(counts, default=0)
    return "".join(BARS[-(-count * len(BARS) // top) - 1] if count else "·" for count in counts)


def ranges_table(details: Mapping[str, Any], variants: Sequence[str]) -> Markdown:
    """List each layer that a pass quantized, for the first seed of each variant."""
    rows = []
    for variant in variants:
        seed = next(iter(details[variant].values()))
        for step in passes_of(seed["recipe"]):
            layers = seed["findings"].get(step["name"], {}).get(KEY, {})
            for name, facts in layers.items():
                histogram = facts["histogram"]
                low, high = histogram["edges"]
                ratio = facts["signal_to_noise_db"]
                rows.append(
                    {
                        "Variant": t.code(variant),
                        "Layer": t.code(name),
                        "Bits": t.count(facts["bits"]),
                        "Percentile": Markdown(f"{facts['percentile']:g}"),
                        "Clipped": Markdown(f"{100 * facts['clipped_share']:.3g} %"),
                        "Zeros": Markdown(f"{100 * facts['zero_share']:.3g} %"),
                        "Mean squared error": Markdown(f"{facts['mean_squared_error']:.2g}"),
                        "Signal to noise": t.EMPTY if ratio is None else f"{ratio:.1f} dB",
                        "KS": t.decimals(facts.get("kolmogorov_smirnov", nan), 3),
                        "Values": Markdown(f"{low:.2g} to {high:.2g}"),
                        "Before": bars(histogram["before"]),
                        "After": bars(histogram["after"]),
                    }
                )
    if all(row["KS"] == t.EMPTY for row in rows):
        for row in rows:
            del row["KS"]
    return t.table(rows, left=("Variant", "Layer", "Values", "Before", "After"))
