"""What the passes did, what searches chose, and engines told apart from compression, in the report."""

import numpy as np
import pandas as pd
import pytest

from emopress.measure.deciding import Judge
from emopress.measure.details import last_sorts, prunes_single_weights
from emopress.measure.results import rows_of as rows_of_summary
from emopress.report.figures.costs import pareto_figure
from emopress.report.figures.draw import drawing_of
from emopress.report.figures.fitting import width
from emopress.report.figures.looks import SORTS, looks_of
from emopress.report.tables import scores as sections
from emopress.report.tables.pass_results import facts, findings_table, searches_table
from emopress.report.tables.ranges import bars, ranges_table
from emopress.report.tables.speed import other_engines_table

JUDGE = Judge("single", "accuracy")
TRIM = {"name": "trim", "kind": "trim"}
MAG = {"name": "mag50", "kind": "prune", "method": "magnitude"}
KD = {"name": "kd", "kind": "distill", "student": "micro"}
INT4 = {"name": "int4", "kind": "quantize", "method": "int4"}
AUTO = {
    "name": "auto",
    "kind": "search",
    "prefer": "size",
    "budget": {"max_size_mb": 0.5, "max_accuracy_loss": 2},
}
MODEL = {"name": "big", "family": "transformer"}
MISSED = {"chosen": "big+trim", "met": False, "misses": {"max_size_mb": 0.1234}, "trials": 4}


def seed(*steps, **findings):
    return {"recipe": [MODEL, *steps], "findings": findings}


def rows_of(table):
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_known_facts_get_words_and_units_and_unknown_ones_stand_as_they_are():
    found = {
        "vocabulary_before": 119547,
        "vocabulary_after": 9000,
        "unknown_token_share_test_before": 0.00031,
        "unknown_token_share_test_after": 0.0125,
        "max_logit_gap": 1.1920929e-06,
        "adapter_size_bytes": 1_200_000,
        "inference_precision": "f32",
        "my|key": "<b>*x*",
        "calibrated": True,
    }
    assert facts([found]) == (
        "vocabulary entries: 119,547 → 9,000; unknown tokens in the test texts: "
        "0.031 % → 1.25 %; largest change of a logit: 1.2e-06; size of the adapters: 1.20 MB; "
        r"computes in: f32; my\|key: &lt;b&gt;\*x\*; calibrated: yes"
    )


def test_long_lists_and_texts_are_cut_and_say_so():
    assert facts([{"heads": list(range(9))}]) == "heads: (0, 1, 2, 3, 4, 5, … 3 more)"
    assert facts([{"heads": [6] * 12}, {"heads": [6] * 12}]) == "heads: (12 × 6)"
    assert facts([{"layer_map": [[0, 5], [1, 11]]}]).endswith("((0, 5), (1, 11))")
    assert facts([{"x": {f"k{i}": i for i in range(8)}}]).endswith("k5: 5, … 2 more}")
    assert facts([{"x": "a" * 100}]) == "x: " + "a" * 60 + "…"


def test_seeds_become_a_range_or_a_list():
    found = [{"zero_share_of_linear_weights": 0.5, "student_layers": [0, 3], "way": "a"}]
    assert facts(found * 2).startswith("zeros in the linear layers: 50 %; ")
    other = [{"zero_share_of_linear_weights": 0.25, "student_layers": [0, 5], "way": "a"}]
    assert facts([*found, *other]) == (
        "zeros in the linear layers: 25 % to 50 %; student: (0, 3) / (0, 5); way: a"
    )


def test_what_a_variant_inherits_stands_with_its_parent_alone():
    details = {
        "big": {"0": seed()},
        "big+trim": {"0": seed(TRIM, trim={"vocabulary_after": 9})},
        "big+trim+int4": {"0": seed(TRIM, INT4, trim={"vocabulary_after": 9}, int4={"a": 1})},
        "big+mag50+int4": {"0": seed(MAG, INT4, mag50={"b": 2}, int4={"a": 1})},
        "big+auto": {"0": seed(TRIM, AUTO, trim={"vocabulary_after": 9}, auto=MISSED)},
    }
    shown = [row[:2] for row in rows_of(findings_table(details, list(details)))]
    assert shown == [
        ["`big+trim`", "`trim`"],
        ["`big+trim+int4`", "`int4`"],
        ["`big+mag50+int4`", "`mag50`"],
        ["`big+mag50+int4`", "`int4`"],
    ]
    alone = {name: details[name] for name in ("big", "big+auto")}  # its choice is not listed
    assert [row[:2] for row in rows_of(findings_table(alone, list(alone)))] == [
        ["`big+auto`", "`trim`"]
    ]
    assert findings_table({"big": details["big"]}, ["big"]) == ""


def test_a_search_tells_its_choice_its_budget_and_what_it_missed():
    met = {"chosen": "big+int4", "met": True, "misses": {}, "trials": 4}
    details = {"big": {"0": seed()}, "big+auto": {"0": seed(TRIM, AUTO, auto=MISSED)}}
    (row,) = rows_of(searches_table(details, list(details), JUDGE))
    assert row == [
        "`big+auto`",
        "4",
        "size: ≤ 0.5 MB; loss of accuracy: ≤ 2 points of accuracy",
        "size",
        "`big+trim`",
        "**no**, missed: size by 0.123 MB",
    ]
    details["big+auto"]["1"] = seed(INT4, AUTO, auto=met)
    table = searches_table(details, list(details), JUDGE)
    assert [row[1] for row in rows_of(table)] == ["0", "1"]
    assert rows_of(table)[1][-2:] == ["`big+int4`", "yes"]
    assert searches_table({"big": {"0": seed()}}, ["big"], JUDGE) == ""


def layer(percentile, **changes):
    return {
        "percentile": percentile, "bits": 4, "clipped_share": 0.0051, "zero_share": 0.25,
        "mean_squared_error": 1.234e-5, "signal_to_noise_db": 20.06,
        "histogram": {"edges": [-1.5, 2.25], "before": [1, 0, 7, 8], "after": [0, 4, 0, 16]},
        **changes,
    }  # fmt: skip


def test_quantized_layers_have_a_table_of_their_own():
    q4 = {"name": "q4", "kind": "quantize", "method": "affine"}
    layers = {"vectors": layer(99.5), "output": layer(100, signal_to_noise_db=None)}
    found = {
        "validation_macro_f1_before": 0.8123,
        "validation_macro_f1_after": 0.7,
        "quantized_layers": layers,
    }
    assert facts([found]) == (
        "macro F1 on validation: 81.2 % → 70 %; percentile by layer: vectors 99.5, output 100"
    )
    details = {"big": {"0": seed()}, "big+q4": {"0": seed(q4, q4=found), "1": seed(q4, q4={})}}
    assert rows_of(ranges_table(details, list(details))) == [
        [
            *("`big+q4`", "`vectors`", "4", "99.5", "0.51 %", "25 %", "1.2e-05", "20.1 dB"),
            *("-1.5 to 2.2", "▁·▇█", "·▂·█"),
        ],
        [
            *("`big+q4`", "`output`", "4", "100", "0.51 %", "25 %", "1.2e-05", "–"),
            *("-1.5 to 2.2", "▁·▇█", "·▂·█"),
        ],
    ]
    assert ranges_table({"big": {"0": seed()}}, ["big"]) == ""
    assert bars([]) == "" and bars([0, 0]) == "··"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], False),
        ([MAG], True),
        ([MAG, INT4], True),
        ([TRIM, MAG, AUTO], True),  # more passes than the variant's name has
        ([MAG, KD], False),  # the student has none of its teacher's zeros
        ([KD, MAG], True),
        ([{**MAG, "method": "structured"}], False),
    ],
)
def test_zeros_are_explained_where_there_are_some(steps, expected):
    assert prunes_single_weights({"v": {"0": seed(*steps)}}) is expected


# variant: family, runtime, accuracy on validation and test, bytes, p50
ROWS = {
    "big": ("transformer", "onnxruntime", 0.90, 0.90, 90e6, 8.0),
    "big+int8": ("transformer", "onnxruntime", 0.895, 0.90, 23e6, 4.0),
    "big+ov-fp32": ("transformer", "openvino", 0.90, 0.90, 90e6, 5.0),
    "big+ov-int8": ("transformer", "openvino", 0.893, 0.89, 24e6, 2.5),
    "big+bad": ("transformer", "onnxruntime", 0.80, 0.95, 1e6, 0.5),
    "linear": ("linear", "linear", 0.88, 0.88, 2e6, 0.1),
}
PYTORCH = {
    "variant": "big",
    "runtime": "pytorch",
    "threads": 1,
    "latency_ms_p50": 5.0,
    "latency_ms_p95": 9.0,
    "throughput": 9.0,
}
TIMING = {"environment": {"threads": [1, 2]}, "rows": [PYTORCH], "processes": []}
OPENVINO = {"kind": "openvino", "precision": "fp32"}
STEPS = {
    "big+int8": [{"name": "int8", "kind": "quantize", "method": "static"}],
    "big+ov-fp32": [{"name": "ov-fp32", **OPENVINO}],
    "big+ov-int8": [{"name": "ov-int8", **OPENVINO, "precision": "int8"}],
    "big+bad": [INT4],
}


def summary(rows=ROWS):
    names = ("family", "runtime", "validation_accuracy", "accuracy", "size_bytes", "latency_ms_p50")
    frame = pd.DataFrame(
        [
            {"variant": variant, **dict(zip(names, values, strict=True))}
            for variant, values in rows.items()
        ]
    )
    return frame.assign(
        dataset="d", task="single", judge_by="accuracy", seeds=1,
        simulated=False, reference="big", params=1e6, nonzero_params=1e6,
        compression=90e6 / frame["size_bytes"], speedup=8.0 / frame["latency_ms_p50"],
        latency_ms_p50_sd=np.nan, latency_ms_p95=9.0, throughput=9.0, timing_spread=0.01, ece=0.03,
        validation_macro_f1=0.5,
        macro_f1=0.5, macro_f1_sd=np.nan, macro_f1_low=0.4, macro_f1_high=0.6, accuracy_sd=np.nan,
        accuracy_low=frame["accuracy"] - 0.02, accuracy_high=frame["accuracy"] + 0.02,
        speedup_over_pytorch=np.nan, bits_per_weight=32.0,
    )  # fmt: skip


def details_of(rows=ROWS):
    return {name: {"0": seed(*STEPS.get(name, []))} for name in rows}


def test_speedups_in_another_engine_are_marked_and_split():
    table = rows_of_summary(summary(), "d")
    lines = sections.main_table(table).splitlines()
    heads = [cell.strip() for cell in lines[0].strip("|").split("|")]
    engines = {row[0].strip("`"): row[heads.index("Engine")] for row in rows_of("\n".join(lines))}
    assert engines == {
        name: "other engine" if name in ("big+ov-fp32", "big+ov-int8", "linear") else "same"
        for name in ROWS
    }
    found = other_engines_table(table, details_of(), TIMING, "timing.json")
    split = {row[0]: row[2:] for row in rows_of(found)}
    assert split == {  # 8 / 2.5 = 8 / 5 * 5 / 2.5
        "`big+ov-fp32`": ["1.6x", "`big+ov-fp32`", "1.6x", "1.0x"],
        "`big+ov-int8`": ["3.2x", "`big+ov-fp32`", "1.6x", "2.0x"],
    }
    few = {name: row for name, row in ROWS.items() if name != "big+ov-fp32"}
    rows = rows_of_summary(summary(few), "d")
    (row,) = rows_of(other_engines_table(rows, details_of(few), TIMING, "timing.json"))
    assert row[2:] == ["3.2x", "not timed", "–", "–"]
    timed = {**TIMING, "rows": [{**PYTORCH, "runtime": "openvino-reference"}]}
    (row,) = rows_of(other_engines_table(rows, details_of(few), timed, "timing.json"))
    assert row[2:] == ["3.2x", "the reference row", "1.6x", "2.0x"]


def test_no_mark_where_there_is_one_engine():
    few = {name: ROWS[name] for name in ("big", "big+int8")}
    table = rows_of_summary(summary(few), "d")
    assert "Engine" not in sections.main_table(table)
    assert other_engines_table(table, details_of(few), TIMING, "timing.json") == ""


def test_colours_follow_kind_and_method_not_names():
    details = {
        "big": {"0": seed()},
        "big+odd": {"0": seed({**MAG, "name": "odd"})},
        "big+auto": {"0": seed(TRIM, INT4, AUTO)},
    }
    sorts = last_sorts(details, dict.fromkeys(details, "transformer"))
    assert sorts == {"big": "transformer", "big+odd": "prune magnitude", "big+auto": "search"}
    looks = looks_of([*SORTS, "new"])
    assert looks["quantize static"] == looks["quantize dynamic"] != looks["quantize int4"]
    assert looks["new"].words == "new"
    markers = {(look.colour, look.marker) for look in looks.values()}
    assert len(markers) == len({look.words for look in looks.values()})


def test_a_legend_with_every_sort_of_pass_fits_on_the_page():
    rows = {
        f"m{i}": ("transformer", "onnxruntime", 0.9, 0.8 + i / 300, 1e6 * (i + 1), 1.0 + i)
        for i in range(30)
    }
    sorts = dict(zip(rows, [*SORTS] * 2, strict=False))
    frame = summary(rows).assign(reference="m0")
    spec = pareto_figure(frame.set_index("variant"), "size", sorts=sorts, title="A title")
    words = {look.words for look in SORTS.values()}
    _, plot, legend, names = spec["vconcat"]
    values = [row for layer in legend["layer"] for row in layer["data"]["values"]]
    texts = [row for row in values if "text" in row]
    assert {row["text"] for row in texts} == words | {"Pareto front"}
    assert len(texts) == len(words) + 1
    assert all(0 <= row["y"] <= legend["height"] for row in values)
    assert all(row["x"] + width(row["text"], row["size"]) <= plot["width"] for row in texts)
    assert drawing_of(spec, "x") and names["height"] > 0
