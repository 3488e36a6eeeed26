"""The charts from synthetic results: complete, deterministic, legible, in any script."""

import itertools
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import vl_convert

from emopress.errors import UserError
from emopress.measure.exact import FEW_IN_CELL
from emopress.report.figures import fonts
from emopress.report.figures.bars import baseline_figure, compression_figure, speedup_figure, times
from emopress.report.figures.costs import MAX_NUMBERS, highlighted, pareto_figure
from emopress.report.figures.curves import points_of, training_figure
from emopress.report.figures.draw import dataset_figures, drawing_of, save, write_figures
from emopress.report.figures.fitting import fitted, paragraph, plain, shortened, width, wrapped
from emopress.report.figures.looks import BLUE, line_look
from emopress.report.figures.matrices import DEEP, confusion_figure
from emopress.report.figures.names import SPEC, figure_files, figure_names
from emopress.report.figures.parts import log_ticks, page
from emopress.report.figures.placement import spread, within
from emopress.report.figures.reliability import reliability_figure
from emopress.report.figures.svg import finished
from emopress.report.figures.techniques import (
    best_of_each,
    chosen_measures,
    position,
    score_step,
    techniques_figure,
)

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
PASSES = {
    "int8": {"kind": "quantize", "method": "static"},
    "int4": {"kind": "quantize", "method": "int4"},
    "mag": {"kind": "prune", "method": "magnitude"},
    "kd": {"kind": "distill"},
    "trim": {"kind": "trim"},
    "pack": {"kind": "pack"},
    "qat": {"kind": "qat"},
}
FEW = ["teacher", "teacher+int8", "teacher+kd", "teacher+kd+int8", "linear"]
MANY = [  # 42 variants, some with long names
    *(
        "+".join(["a-teacher-model", *middle, last])
        for middle in ([], ["trim"], ["trim", "kd"], ["trim", "kd", "mag"], ["kd", "mag", "pack"])
        for last in PASSES
    ),
    *(f"other+{name}" for name in ("int8", "int4", "kd")),
    "a-teacher-model",
    "other",
    "linear",
    "linear+int8",
]
HOSTILE = ["<script>alert(1)</script>|", "$x$", "&amp;", "teacher+" + "long" * 30, "a\tb"]
LABELS = ["anger", "<b>", "$y$"]
BENGALI = ["রাগ", "ক্ষোভ", "বিস্ময় কি"]
has_bengali = pytest.mark.skipif(
    not any("beng" in path.name.lower() for path in fonts._installed()),
    reason="needs a Bengali font",
)


def study(variants, seeds=1, labels=LABELS, noise=(0.0, 0.05, 0.1)):
    """Return summary rows, details and statistics of data set `d` with these variants."""
    random = np.random.default_rng(len(variants))
    rows, details, found = [], {}, {}
    for number, variant in enumerate(variants):
        model, *passes = variant.split("+")
        family = "linear" if model == "linear" else "transformer"
        accuracies = []
        for seed in range(seeds):
            matrix = np.diag(random.integers(50, 90, len(labels)))
            matrix[0, -1] = 100 * len(labels) - matrix.sum()
            accuracies.append(float(np.trace(matrix) / matrix.sum()))
            details.setdefault(variant, {})[str(seed)] = {
                "per_class": {
                    label: {"precision": 0.9, "recall": 0.8, "f1": 0.85, "support": 66}
                    for label in labels
                },
                "confusion": matrix.tolist(),
                "n_test": int(matrix.sum()),
                "recipe": [
                    {"name": model, "family": family},
                    *({"name": name, **PASSES.get(name, {"kind": "x"})} for name in passes),
                ],
                "findings": {},
            }
        mean = float(np.mean(accuracies))
        sd = float(np.std(accuracies, ddof=1)) if seeds > 1 else None
        interval = {"mean": mean, "sd": sd, "low": mean - 0.03, "high": mean + 0.03}
        size = 9e7 / (1 + 0.7 * number)
        curve = [
            {
                "noise": share,
                "accuracy": mean - share * random.uniform(0.5, 1.5),
                "accuracy_low": 0.1,
                "accuracy_high": 0.9,
                "macro_f1": 0.5,
            }
            for share in noise
        ]
        low = np.arange(3, 10) / 10
        found[variant] = {
            "teacher": "teacher",
            "seeds": list(range(seeds)),
            **{
                score: {**interval, "by_seed": accuracies}
                for score in ("accuracy", "macro_f1", "micro_f1")
            },
            "ece": 0.03,
            "reliability": {
                "low": low.tolist(),
                "high": (low + 0.1).tolist(),
                "count": [10] * 7,
                "confidence": (low + 0.05).tolist(),
                "accuracy": (low + 0.02).tolist(),
            },
            "agreement": {"mean": 0.9, "low": 0.8, "high": 0.95} if passes else None,
            "against": {"teacher": None, "linear": None, "reference": None},
            "noise": curve,
        }
        scores = {
            f"{score}{end}": value
            for score in ("accuracy", "macro_f1", "micro_f1")
            for end, value in (
                ("", mean),
                ("_sd", sd),
                ("_low", mean - 0.03),
                ("_high", mean + 0.03),
            )
        }
        rows.append(
            {
                "dataset": "d",
                "variant": variant,
                "task": "single",
                "judge_by": "accuracy",
                "family": family,
                "runtime": "onnxruntime" if family == "transformer" else "linear",
                "reference": variants[0],
                "teacher": variants[0],
                "linear": None,
                "simulated": number == 1,
                "seeds": seeds,
                "threads": 1,
                **scores,
                "validation_accuracy": mean,
                "validation_macro_f1": mean,
                "ece": 0.03,
                "agreement": 0.9 if passes else None,
                "params": 1e6,
                "nonzero_params": 1e6,
                "size_bytes": size,
                "bits_per_weight": 8.0,
                "compression": 9e7 / size,
                "latency_ms_p50": 8.0 / (1 + 0.5 * number),
                "latency_ms_p50_sd": None,
                "latency_ms_p95": 9.0,
                "throughput": 100.0,
                "speedup": 1 + 0.5 * number,
                "timing_spread": 0.05 if number != 2 else 99.0,
                "speedup_shown": number != 2,
                "speedup_over_pytorch": 2 + number if family == "transformer" else None,
                "all_threads": 2,
                "all_latency_ms_p50": 4.0,
                "all_throughput": 200.0,
                "peak_memory_bytes": 5e7 + size,
                "cold_start_ms": 300.0,
                **{f"accuracy_noise_{100 * p['noise']:g}": p["accuracy"] for p in curve[1:]},
            }
        )
    statistics = {
        "resamples": 100,
        "n_test": 100 * len(labels),
        "n_validation": 100,
        "linear": None,
        "reference": variants[0],
        "noise": list(noise),
        "variants": found,
    }
    frame = pd.DataFrame(rows)
    frame["all_threads"] = frame["all_threads"].astype("Int64")
    return frame, details, statistics


def log(number):
    return [
        {"epoch": float(e), "loss": 4.0 / e, "validation_macro_f1": 0.5 + e / 100}
        for e in range(1, number + 1)
    ]


def figures_of(variants, seeds=1, labels=LABELS, title="A title"):
    summary, details, statistics = study(variants, seeds, labels)
    table = summary.set_index("variant")
    entry = {"labels": labels, "title": title, "demo": True}
    figures = dataset_figures(table, details, statistics, entry, "d")
    figures["training"] = training_figure({name: log(3) for name in variants}, title=title)
    return figures


def inputs(variants, **options):
    labels = options.get("labels", LABELS)
    summary, details, statistics = study(variants, **options)
    return {
        "summary": summary,
        "details": {"d": details},
        "statistics": {"d": statistics},
        "datasets": {"d": {"labels": labels, "title": "Ein Titel", "demo": False}},
        "curves": {"d": {variants[0]: log(4)}},
    }


def rows_of_spec(spec):
    """Return all rows of data of a spec, in the order in which they are drawn."""
    found = []
    if isinstance(spec, dict):
        data = spec.get("data", {})
        found += data.get("values", []) if isinstance(data, dict) else []
        for name, part in spec.items():
            found += rows_of_spec(part) if name != "data" else []
    elif isinstance(spec, list):
        for part in spec:
            found += rows_of_spec(part)
    return found


def texts_of(spec):
    """Return the texts of a spec's rows."""
    return [row["text"] for row in rows_of_spec(spec) if "text" in row]


def scales_of(spec, channel):
    """Return the scales that the views of a spec give a channel."""
    found = []
    if isinstance(spec, dict):
        scale = spec.get("encoding", {}).get(channel, {}).get("scale")
        found += [scale] if scale else []
        for part in spec.values():
            found += scales_of(part, channel)
    elif isinstance(spec, list):
        for part in spec:
            found += scales_of(part, channel)
    return found


def drawn(svg):
    """Return (text, box in pixels, whether it lies level) of every text, and the drawing's size."""
    root = ElementTree.fromstring(svg)
    boxes = []

    def walk(element, x, y, level, style):
        style = {**style, **element.attrib}
        for name, arguments in re.findall(r"(\w+)\(([^)]*)\)", element.get("transform", "")):
            numbers = [float(n) for n in arguments.split(",")]
            if name == "translate":
                x, y = x + numbers[0], y + (numbers[1] if len(numbers) > 1 else 0)
            elif name == "rotate" and numbers[0]:
                level = False
        if element.tag.endswith("}text"):
            size = float(style["font-size"].removesuffix("px"))
            bold = style.get("font-weight") in ("bold", "600")
            wide = width(" ".join(element.text.split()), size, bold=bold)
            left = x - {"middle": 0.5, "end": 1.0}.get(style.get("text-anchor"), 0.0) * wide
            boxes.append(
                (element.text, (left, y - 0.75 * size, left + wide, y + 0.22 * size), level)
            )
        for child in element:
            walk(child, x, y, level, style)

    walk(root, 0.0, 0.0, True, {})
    return boxes, float(root.get("width")), float(root.get("height"))


def overlapping(boxes, slack=1.0):
    return [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(boxes, 2)
        if min(a[2], b[2]) - max(a[0], b[0]) > slack and min(a[3], b[3]) - max(a[1], b[1]) > slack
    ]


CASES = {
    "few": (FEW, 1, LABELS),
    "seeds": (FEW, 3, LABELS),
    "many": (MANY, 2, ["sadness", "joy", "love", "anger", "fear", "surprise"]),
    "hostile": (HOSTILE, 1, LABELS),
    "one": (["teacher"], 1, ["no", "yes"]),
}


@pytest.mark.parametrize("case", CASES)
def test_no_text_is_cut_off_or_covers_another(case):
    for kind, spec in figures_of(*CASES[case], title="Ein Titel | <i>").items():
        boxes, wide, tall = drawn(drawing_of(spec, kind))
        assert boxes and wide < 780, kind
        for text, (x0, y0, x1, y1), level in boxes:
            if level:
                inside = x0 >= 0 and y0 >= 0 and x1 <= wide and y1 <= tall
                assert inside, f"{kind}: {text!r} is cut off"
        assert overlapping([(text, box) for text, box, level in boxes if level]) == [], kind


@pytest.mark.parametrize("case", ["seeds", "many"])
def test_vega_has_nothing_to_warn_of(case, capfd):
    for spec in figures_of(*CASES[case]).values():
        vl_convert.vegalite_to_svg(spec, show_warnings=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_drawn_on_the_edge(case):
    """Slanted texts and marks too: a drawing's outermost pixels are white."""
    for kind, spec in figures_of(*CASES[case]).items():
        svg = drawing_of(spec, kind)
        wide, tall = (float(ElementTree.fromstring(svg).get(side)) for side in ("width", "height"))
        box = f'viewBox="-20 -20 {wide + 40} {tall + 40}"'
        wider = re.sub(
            r'width="[^"]*" height="[^"]*" viewBox="[^"]*"',
            f'width="{wide + 40}" height="{tall + 40}" {box}',
            svg,
            count=1,
        )
        shown = vl_convert.svg_to_png(svg), vl_convert.svg_to_png(wider)
        outside = re.sub(r"<rect [^>]*fill=\"(?:white|#FFFFFF)\"[^>]*/>", "", wider, count=1)
        cover = f'<rect x="0" y="0" width="{wide}" height="{tall}" fill="white"/></svg>'
        blank = re.sub(r">.*</svg>", f">{cover}", wider, count=1, flags=re.S)
        covered = outside.rstrip().removesuffix("</svg>") + cover
        assert vl_convert.svg_to_png(covered) == vl_convert.svg_to_png(blank), kind
        assert shown[0] != shown[1]


@pytest.mark.parametrize("case", CASES)
def test_no_axis_of_a_score_passes_what_a_score_can_be(case):
    for kind, spec in figures_of(*CASES[case]).items():
        if kind not in ("compression", "speedup"):
            for scale in scales_of(spec, "y"):
                top = 100 if kind != "training" else 110
                assert -16 <= scale["domain"][0] < scale["domain"][1] <= top, kind


def test_files_are_those_named_and_small(tmp_path):
    given = inputs(MANY, labels=["sadness", "joy", "love", "anger", "fear", "surprise"])
    paths = write_figures(**given, out=tmp_path)
    names = figure_names("d", training=True, noise=True)
    assert [p.name for p in paths] == [f"{n}{end}" for n in names for end in (".svg", ".png", SPEC)]
    for path in paths:
        if path.suffix == ".svg":
            text = path.read_text(encoding="utf-8")
            assert len(text.encode()) < 150_000, path.name
            assert "date" not in text.lower() and "<script" not in text
            assert ElementTree.fromstring(text).tag.endswith("svg")
        elif path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            spec = json.loads(path.read_text(encoding="utf-8"))
            svg = path.with_name(path.name.removesuffix(SPEC) + ".svg").read_text(encoding="utf-8")
            assert drawing_of(spec, "x") == svg


def test_figures_are_the_same_bytes_again(tmp_path):
    first, second = (write_figures(**inputs(FEW, seeds=2), out=tmp_path / name) for name in "ab")
    assert len(first) == 30
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_names_need_nothing_heavy_and_leave_out_what_a_dataset_has_not(tmp_path):
    files = figure_files("d", training=True, noise=True)
    assert files["size"] == "d-accuracy-size" and files["techniques"] == "d-techniques"
    assert set(files) - set(figure_files("d", noise=True)) == {"training"}
    assert set(files) - set(figure_files("d", training=True)) == {"noise"}
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import emopress.report.figures.names; "
        "print([m for m in ('vl_convert', 'numpy', 'pandas', 'uharfbuzz') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    given = inputs(FEW, noise=(0.0,))
    given["curves"] = {}
    paths = write_figures(**given, out=tmp_path)
    assert {path.name.split(".")[0] for path in paths} == set(figure_names("d"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda i: i["statistics"].clear(), r"results/statistics/d\.json: not handed"),
        (lambda i: i["statistics"]["d"]["variants"].pop("linear"), "no variant 'linear'"),
        (lambda i: i["curves"].update(e={}), "training curves: 'e' is no dataset"),
    ],
)
def test_bad_input_is_one_line(tmp_path, spoil, message):
    given = inputs(FEW)
    spoil(given)
    with pytest.raises(UserError, match=message) as caught:
        write_figures(**given, out=tmp_path)
    assert "\n" not in str(caught.value)


def bars_of(spec):
    """Return (start, end, whether its edge is dashed) of each bar, the pale ones behind first."""
    bars = [row for row in rows_of_spec(spec) if {"start", "value"} <= row.keys()]
    return [(bar["start"], bar["value"], bar["dash"] != [1, 0]) for bar in bars]


def test_baselines_are_the_models_without_passes_with_their_intervals():
    table = study(FEW)[0].set_index("variant")
    spec = baseline_figure(table, title="")
    names = texts_of(spec)
    assert [n for n in names if n in FEW] == sorted(
        ["teacher", "linear"], key=lambda n: -table.loc[n, "accuracy"]
    )
    best = table.loc[["teacher", "linear"], "accuracy"].max()
    assert bars_of(spec)[0] == (0, pytest.approx(100 * best), False)
    lines = [(row["low"], row["high"]) for row in rows_of_spec(spec) if "high" in row]
    assert pytest.approx((100 * best - 3, 100 * best + 3)) in lines
    words = f"{100 * best:.1f}  ({100 * best - 3:.1f} to {100 * best + 3:.1f})"
    assert words in names


def test_speedups_are_grouped_by_teacher_sorted_and_unclaimed_ones_dashed():
    table = study(["a", "a+kd", "a+int8", "b", "b+int8"])[0].set_index("variant")
    table["speedup"] = [1.0, 2.0, 3.0, 1.05, 4.0]
    table["timing_spread"] = 0.1
    table["speedup_over_pytorch"] = [2.0, 4.0, 6.0, np.nan, 8.0]
    spec = speedup_figure(table, title="")
    texts = texts_of(spec)
    names = [t for t in texts if t in {*table.index, "from a", "from b"}]
    assert names == ["from a", "a+int8", "a+kd", "a", "from b", "b+int8", "b"]
    assert "3.0x  (6.0x)" in texts and times(1.05) in texts
    bars = bars_of(spec)
    assert {start for start, *_ in bars} == {0} and len(bars) == 9
    dashed = [(end, edge) for _, end, edge in bars if edge]
    assert dashed == [(1.05, True)]  # b; a is its own reference
    assert [text for text in texts if "no speedup shown" in text] == [texts[-1]]
    assert all("type" not in scale for scale in scales_of(spec, "x"))


def test_a_wide_range_of_ratios_is_on_a_log_axis_from_one():
    table = study(["a", "a+kd", "a+int8"])[0].set_index("variant")
    table["compression"] = [1.0, 0.5, 50.0]
    spec = compression_figure(table, title="")
    assert {scale["type"] for scale in scales_of(spec, "x")} == {"log"}
    assert "Times as small (log scale)" in json.dumps(spec)
    assert sorted(bars_of(spec)) == [(1.0, 0.5, False), (1.0, 1.0, False), (1.0, 50.0, False)]
    table["compression"] = np.nan
    assert "No variant has a reference" in texts_of(compression_figure(table, title=""))[-1]


def test_a_small_study_has_numbers_on_its_log_axis():
    assert log_ticks(0.015, 3.0) == [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]
    assert log_ticks(1e-3, 1e3) == [
        0.001,
        0.003,
        0.01,
        0.03,
        0.1,
        0.3,
        1,
        3,
        10,
        30,
        100,
        300,
        1000,
    ]
    assert log_ticks(2.2, 2.9) == [2.2, 2.4, 2.6, 2.8]
    table = study(["teacher", "teacher+kd"])[0].set_index("variant")
    table["size_bytes"] = [2.4e6, 2.5e6]
    boxes, *_ = drawn(drawing_of(pareto_figure(table, "size", title=""), "x"))
    assert {"2", "2.5", "3"} <= {text for text, *_ in boxes}


def test_the_scatter_holds_every_variant_its_interval_and_what_its_looks_mean():
    table = study(FEW, seeds=3)[0].set_index("variant")
    by_seed = {name: [0.5, 0.6, 0.7] for name in FEW}
    spec = pareto_figure(table, "size", title="T", by_seed=by_seed, n_test=300)
    points = [row for row in rows_of_spec(spec) if "variant" in row]
    assert [point["variant"] for point in points] == FEW
    assert [point["y"] for point in points] == pytest.approx(100 * table["accuracy"])
    assert [point["low"] for point in points] == pytest.approx(100 * table["accuracy_low"])
    assert [point["x"] for point in points] == pytest.approx(table["size_bytes"] / 1e6)
    assert [point["fill"] == "#FFFFFF" for point in points] == [False, True, False, False, False]
    texts = texts_of(spec)
    assert {*FEW, "Pareto front", "hollow: simulated", "small: one seed"} <= set(texts)
    assert any("95 % intervals on 300 texts" in text for text in texts)
    many = texts_of(pareto_figure(study(MANY)[0].set_index("variant"), "latency", title=""))
    assert {str(n) for n in range(1, len(MANY) + 1)} <= set(many) and MANY[-1] in many
    with pytest.raises(UserError, match="allowed: size, latency"):
        pareto_figure(table, "colour", title="")


def test_highlighted_are_models_and_front_thinned_evenly():
    table = pd.DataFrame(
        {
            "size_bytes": [90.0, 80, 70, 60, 50, 40, 95],
            "accuracy": [0.9, 0.95, 0.92, 0.91, 0.85, 0.84, 0.5],
            "macro_f1": [0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.95],
            "task": "single",
            "judge_by": "accuracy",
        },
        index=["m", "m+a", "m+b", "m+c", "m+d", "m+e", "m+worse"],
    )
    assert highlighted(table, 9) == ["m", "m+a", "m+b", "m+c", "m+d", "m+e"]
    assert highlighted(table, 4) == ["m", "m+a", "m+c", "m+e"]
    assert highlighted(table, 1) == ["m"]
    by_f1 = table.assign(judge_by="macro_f1")
    assert highlighted(by_f1, 9) == ["m", "m+e", "m+worse"]  # the front of what decides


@pytest.mark.parametrize(("count", "named"), [(MAX_NUMBERS, MAX_NUMBERS), (MAX_NUMBERS + 40, 0)])
def test_of_very_many_variants_models_and_front_are_named(count, named):
    variants = ["m", *(f"m+v{number}" for number in range(count - 1))]
    summary, details, _ = study(variants)
    table = summary.set_index("variant")
    told = highlighted(table, MAX_NUMBERS) if not named else variants
    spec = pareto_figure(table, "size", title="")
    assert len([row for row in rows_of_spec(spec) if "low" in row]) == count  # all are drawn
    texts = texts_of(spec)
    assert [text for text in texts if text in variants] == told
    numbers = [str(number) for number in range(1, len(told) + 1)]
    assert sorted(text for text in texts if text.isdigit()) == sorted(2 * numbers)  # plot and key
    note = f"{len(told)} of {count} variants"
    assert (note in " ".join(texts)) == (len(told) < count)
    assert ("m" in told) and (len(told) < count) == (not named)
    texts = texts_of(confusion_figure(table, details, LABELS, title=""))
    assert (note in " ".join(texts)) == (len(told) < count)
    assert texts.count("m") == 1 and "".join(texts).count("+v") == len(told) - 1


def test_bins_of_few_answers_look_it():
    table, _, found = study(["teacher"])
    bins = found["variants"]["teacher"]["reliability"]
    bins |= {
        "low": [0.2, 0.8],
        "high": [0.4, 1.0],
        "confidence": [0.3, 0.9],
        "accuracy": [0.5, 0.9],
    }
    bins["count"] = [FEW_IN_CELL - 1, FEW_IN_CELL]
    spec = reliability_figure(table.set_index("variant"), found, title="")
    bars = [row for row in rows_of_spec(spec) if "bar" in row and "text" not in row]
    assert [row["text"] for row in rows_of_spec(spec) if "foot" in row] == ["29"]
    colours = {bar["x"]: (bar["dot"], bar["bar"]) for bar in bars}
    assert len(colours) == 2
    assert all(one != other for one, other in zip(colours[30.0], colours[90.0], strict=True))
    assert "bins of fewer than 30" in " ".join(texts_of(spec))


def test_the_table_of_techniques_takes_the_best_on_validation_of_each():
    table = study(FEW)[0].set_index("variant")
    table["validation_accuracy"] = [0.9, 0.7, 0.6, 0.8, 0.5]
    sorts = dict(
        zip(
            FEW,
            ["transformer", "quantize static", "distill", "quantize dynamic", "linear"],
            strict=True,
        )
    )
    best = best_of_each(table, sorts)
    assert best["quantize, 8 bit"] == "teacher+kd+int8"  # static and dynamic share a look
    assert list(best.values()) == ["teacher", "linear", "teacher+kd", "teacher+kd+int8"]
    spec = techniques_figure(table, title="", sorts=sorts, reference="teacher")
    texts = texts_of(spec)
    shown = [
        text for text in texts if text in {*best, "the reference", "the reference (simulated)"}
    ]
    assert shown == ["the reference", *best]
    cells = [row for row in rows_of_spec(spec) if "share" in row]
    assert len({(cell["x"], cell["y"]) for cell in cells}) == len(cells) <= 6 * 5
    assert max(cell["share"] for cell in cells) == DEEP
    measures = chosen_measures(table)
    assert [m.column for m in measures] == [
        "accuracy",
        "macro_f1",
        "accuracy_noise_10",
        "compression",
        "speedup",
        "peak_memory_bytes",
    ]
    bare = table.drop(columns=[c for c in table if "noise" in c])
    bare["peak_memory_bytes"] = np.nan
    assert [m.column for m in chosen_measures(bare)][4:] == ["agreement", "ece"]
    several = bare.assign(task="multi", judge_by="macro_f1", validation_macro_f1=[0, 1, 2, 3, 4])
    named = [(m.column, m.name) for m in chosen_measures(several)][:2]
    assert named == [("macro_f1", "macro F1"), ("accuracy", "subset accuracy")]
    assert best_of_each(several, sorts)["quantize, 8 bit"] == "teacher+kd+int8"


def test_shades_of_a_cell_by_hand():
    table = pd.DataFrame(
        {
            "accuracy": [0.90, 0.88, 0.60],
            "macro_f1": [0.9, 0.9, 0.9],
            "compression": [1.0, 4.0, 16.0],
            "speedup": [0.5, 1.0, np.nan],
            "peak_memory_bytes": [8e8, 2e8, 1e8],
            "ece": [0.02, 0.04, 0.1],
            "bits_per_weight": [32.0, 8.0, 4.0],
            "task": "single",
            "judge_by": "accuracy",
        }
    )
    measures = {m.column: m for m in chosen_measures(table)}
    assert (
        score_step(table, list(measures.values())) == 40.0
    )  # the first step that 30 points fit into
    at = {
        column: [position(table.loc[i], m, table, 40.0) for i in range(3)]
        for column, m in measures.items()
    }
    assert at["accuracy"] == pytest.approx([1.0, 0.95, 0.25])
    assert at["compression"] == pytest.approx([0.0, 0.5, 1.0])  # log 1, log 4 / log 16
    assert at["speedup"][:2] == [0.5, 1.0] and at["speedup"][2] is None  # best is 1x: no log
    assert at["peak_memory_bytes"] == pytest.approx([0.0, 2 / 3, 1.0])
    assert at["ece"] == pytest.approx([1.0, 0.95, 0.8])


def test_losses_of_different_kinds_are_percent_of_their_first():
    entries = [
        {"epoch": 1.0, "loss": None, "validation_macro_f1": 0.5},
        {"epoch": 2.0, "loss": 4.0},
        {"epoch": 3.0, "loss": 1.0, "validation_macro_f1": 0.75},
    ]
    assert points_of("a", entries, "loss") == [(2.0, 100.0), (3.0, 25.0)]
    assert points_of("a", entries, "validation_macro_f1") == [(1.0, 50.0), (3.0, 75.0)]
    assert points_of("a", [{"epoch": 1.0, "loss": 0.0}], "loss") == []
    spec = training_figure({"a": entries, "b": log(2)}, seed=3)
    assert "Training loss, % of its first epoch's" in json.dumps(spec)
    assert "Training, seed 3 only" in texts_of(spec)
    assert len({json.dumps(line_look(place)) for place in range(100)}) == 100
    with pytest.raises(UserError, match="line 1 has no number 'epoch'"):
        training_figure({"a": [{"loss": 1.0}]})
    assert "No variant of this data set was trained in epochs." in texts_of(training_figure({}))


def test_many_matrices_have_no_counts_and_no_zeros():
    def drawn_of(variants, labels=LABELS):
        summary, details, _ = study(variants, labels=labels)
        return texts_of(confusion_figure(summary.set_index("variant"), details, labels, title=""))

    few, many = drawn_of(FEW), drawn_of(MANY)
    assert any("count below" in text for text in few)
    assert any("blank below 0.5" in text for text in many)
    assert "0" in few and "0" not in many
    assert {*FEW} <= {*few} and {"a-teacher-model", "linear+int8"} <= {*many}
    labels = [f"label {n}" for n in range(28)]
    several = drawn_of(MANY, labels)
    assert any("6 of 42 variants" in text for text in several)
    assert {"a-teacher-model", "other", "linear", *labels} <= {*several}


def test_cells_are_shaded_by_their_share_of_the_row():
    summary, details, _ = study(["teacher"], labels=["no", "yes"])
    details["teacher"]["0"]["confusion"] = [[60, 40], [0, 0]]
    spec = confusion_figure(summary.set_index("variant"), details, ["no", "yes"], title="")
    cells = [row["share"] for row in rows_of_spec(spec) if "share" in row]
    assert cells == pytest.approx([0.6 * DEEP, 0.4 * DEEP])
    texts = texts_of(spec)
    assert {"60", "40", "0"} <= set(texts) and BLUE in json.dumps(spec)


@has_bengali
def test_bengali_is_drawn_by_a_font_that_shapes_it():
    chosen = fonts.fonts_for(["abc", *BENGALI], "data set 'd'")
    assert list(chosen) == ["BENGALI"] and "beng" in chosen["BENGALI"].name.lower()
    assert fonts.fonts_for(["abc ∆ é ру"], "x") == {}
    for kind, spec in figures_of(FEW, labels=BENGALI, title="বাংলা পাঠ (two)").items():
        svg = drawing_of(spec, kind)
        root = ElementTree.fromstring(svg)
        letters = "".join(
            element.text or "" for element in root.iter() if element.tag.endswith("text")
        )
        assert not any(map(fonts.is_foreign, letters)), (
            f"{kind}: a reader's font would have to draw it"
        )
        assert "(two)" in letters and "বাংলা পাঠ" in root.get("aria-label")
        assert len([e for e in root.iter() if e.tag.endswith("path")]) > 2
    file = chosen["BENGALI"]
    wide = {text: fonts.outline(text, file, 40)[1] for text in ("ক্ষ", "ক", "ষ", "রা", "র", "কা")}
    assert wide["ক্ষ"] < 0.85 * (wide["ক"] + wide["ষ"])  # one letter, narrower than its parts
    assert wide["রা"] > 1.2 * wide["র"]  # a sign beside its letter has a width of its own


def test_texts_of_two_scripts_keep_their_order_and_their_places():
    assert fonts.runs_of("aa রাগ b") == [("", "aa "), ("BENGALI", "রাগ"), ("", " b")]
    assert fonts.runs_of("ру é") == [("", "ру é")] and fonts.runs_of("") == []


def test_a_missing_font_names_data_set_script_and_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "_installed", lambda: [])
    with pytest.raises(UserError) as caught:
        write_figures(**inputs(FEW, labels=BENGALI), out=tmp_path)
    message = str(caught.value)
    assert message.startswith(
        "figures of data set 'd': no installed font draws its Bengali letters"
    )
    assert "fonts-noto-core or fonts-beng" in message and "~/.local/share/fonts" in message
    assert "\n" not in message and list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"Cjk.*fonts-noto-cjk"):
        fonts.fonts_for(["漢字"], "x")
    assert fonts.fonts_for(["\U0001fae8 ☃"], "x") == {}  # a pictograph is no letter


@has_bengali
def test_a_font_is_looked_for_where_it_was_installed_since(monkeypatch, tmp_path):
    file = fonts.fonts_for(["কি"], "x")["BENGALI"]
    monkeypatch.setattr(fonts, "FOLDERS", (str(tmp_path),))
    with pytest.raises(UserError, match="no installed font draws its Bengali letters"):
        fonts.fonts_for(["কি"], "x")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / file.name).write_bytes(file.read_bytes())
    assert fonts.fonts_for(["কি"], "x") == {"BENGALI": tmp_path / "deep" / file.name}


@has_bengali
def test_a_font_without_rules_for_a_script_does_not_count(monkeypatch):
    file = fonts.fonts_for(["কি"], "x")["BENGALI"]
    face = fonts._face(file)
    assert "Beng" in fonts._scripts_with_rules(face) and "Arab" not in fonts._scripts_with_rules(
        face
    )
    monkeypatch.setattr(fonts, "_scripts_with_rules", lambda face: {"Latn"})
    draws = fonts._draws.__wrapped__
    assert draws(file, "BENGALI", frozenset(map(ord, "কখ")))  # beside each other as they are alone
    assert not draws(file, "BENGALI", frozenset(map(ord, "কি")))
    assert not draws(file, "ARABIC", frozenset(map(ord, "ক")))


def test_a_file_that_is_no_font_draws_nothing(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert not fonts._draws(tmp_path / "broken.ttf", "BENGALI", frozenset({0x995}))


def test_names_are_fitted_wrapped_and_plain():
    assert fitted("short", 200, 12) == ("short", 12)
    text, size = fitted("m" * 200, 200, 12)
    assert size == 9.0 and "…" in text and text.startswith("mmm") and text.endswith("mmm")
    assert width(text, size) <= 200
    assert shortened("abcdefgh", 5) == "ab…gh" and shortened("abc", 5) == "abc"
    lines, _ = wrapped("minilm+trim+kd3+cut50+int8-dynamic", 120, 12)
    assert "".join(lines) == "minilm+trim+kd3+cut50+int8-dynamic"
    assert len(lines) == 2 and lines[1].startswith("+")
    assert plain("a\nb\t $x$\x00") == "a b $x$"
    lines = paragraph("one two three four", width("one two", 12), 12)
    assert lines == ["one two", "three", "four"]


def test_a_width_is_that_of_the_font_that_is_drawn():
    """Vega measures with the font that it draws with; an axis title's width shows in the drawing's."""
    for text in ("Accuracy on test, %", "tiny+int8-dynamic", "WiMm…", "ÄÖß é"):
        mark = {"type": "text", "text": text, "fontSize": 20, "align": "left", "font": fonts.BASE}
        spec = {"data": {"values": [{}]}, "mark": mark, "width": 1, "height": 1, "padding": 0}
        svg = vl_convert.vegalite_to_svg({**spec, "config": {"view": {"stroke": None}}})
        measured = float(ElementTree.fromstring(svg).get("width"))
        assert width(text, 20) == pytest.approx(measured, rel=0.06, abs=2), text


def test_spread_is_the_nearest_that_leaves_room():
    assert spread([0.0, 5.0], [1.0]).tolist() == [0.0, 5.0]
    assert spread([1.0, 1.0], [1.0]).tolist() == [0.5, 1.5]
    assert spread([0.0, 0.0, 0.0], [1.0, 2.0]) == pytest.approx([-4 / 3, -1 / 3, 5 / 3])
    assert spread([], []).tolist() == []
    assert within(np.array([-1.0, 0.0]), [1.0], 0.0, 3.0).tolist() == [0.0, 1.0]
    assert within(np.array([2.5, 3.5]), [1.0], 0.0, 3.0).tolist() == [2.0, 3.0]


def test_a_drawing_is_tidied_and_keeps_what_is_drawn():
    spec = page("Head", "<b> & $x$", "note " * 40, *figures_of(FEW)["size"]["vconcat"][1:])
    raw = vl_convert.vegalite_to_svg(spec)
    small = finished(raw, {}, "what it <shows>")
    assert len(small) < 0.7 * len(raw) and "aria-hidden" not in small and "class=" not in small
    root = ElementTree.fromstring(small)
    assert (root.get("role"), root.get("aria-label")) == ("img", "what it <shows>")
    words = [e.text for e in ElementTree.fromstring(raw).iter() if e.tag.endswith("text")]
    assert [e.text for e in root.iter() if e.tag.endswith("text")] == words
    assert vl_convert.svg_to_png(small) == vl_convert.svg_to_png(raw)  # to the pixel
    assert finished(raw, {}, "what it <shows>") == small


def test_saving_is_whole_or_not_at_all(tmp_path):
    spec = page("<script>|", "$x$", "")
    paths = save(spec, drawing_of(spec, "x"), tmp_path / "graph")
    names = ["graph.png", "graph.svg", "graph.vl.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert "<script" not in paths[0].read_text(encoding="utf-8")
    assert json.loads(paths[2].read_text(encoding="utf-8")) == spec
