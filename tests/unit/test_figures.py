"""The static figures from synthetic results: complete, deterministic, legible, in any script."""

import io
import itertools
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib.collections import PathCollection
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from emopress.errors import UserError
from emopress.measure.exact import FEW_IN_CELL
from emopress.report.figures import fonts
from emopress.report.figures.bars import baseline_figure, compression_figure, speedup_figure, times
from emopress.report.figures.confusion import confusion_figure
from emopress.report.figures.draw import dataset_figures, write_figures
from emopress.report.figures.highlights import highlighted
from emopress.report.figures.layers import (
    crossings,
    layers_of,
    ordered_rows,
    with_bends,
    without_cycles,
)
from emopress.report.figures.names import figure_files, figure_names
from emopress.report.figures.radar import (
    best_of_each,
    chosen_measures,
    position,
    radar_figure,
    score_step,
)
from emopress.report.figures.reliability import reliability_figure
from emopress.report.figures.rulegraph import read_rulegraph, rulegraph_figure
from emopress.report.figures.spread import spread, within
from emopress.report.figures.style import fitted, new_figure, plain, save_figure, shortened, wrapped
from emopress.report.figures.svg import small_svg
from emopress.report.figures.training import look_of, points_of, training_figure

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
    not any("Bengali" in font.name for font in font_manager.fontManager.ttflist),
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


def texts_of(figure):
    """Return (text, corners of its box in pixels) of every text that is drawn."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = []
    for artist in figure.findobj(Text):
        if artist.get_text().strip() and artist.get_visible():
            box = artist.get_window_extent(renderer)
            boxes.append((artist, (box.x0, box.y0, box.x1, box.y1)))
    return boxes


def drawn(figure):
    """Return those of `texts_of` that show: matplotlib keeps ticks outside the limits as well."""
    ticks = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            shown = {id(tick) for tick in axis._update_ticks()} if axes.axison else set()
            for tick in [*axis.majorTicks, *axis.minorTicks]:
                if id(tick) not in shown:
                    ticks |= {id(tick.label1), id(tick.label2)}
    return [(artist, box) for artist, box in texts_of(figure) if id(artist) not in ticks]


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
    for kind, figure in figures_of(*CASES[case], title="Ein Titel | <i>").items():
        page = figure.bbox
        boxes = drawn(figure)
        for artist, (x0, y0, x1, y1) in boxes:
            inside = x0 >= -1 and y0 >= -1 and x1 <= page.x1 + 1 and y1 <= page.y1 + 1
            assert inside, f"{kind}: {artist.get_text()!r} is cut off"
        if kind in ("size", "latency"):
            continue  # tested with the placement of labels
        straight = [(a.get_text(), box) for a, box in boxes if a.get_rotation() % 90 == 0]
        assert overlapping(straight) == [], kind


def test_files_are_those_named_and_small(tmp_path):
    given = inputs(MANY, labels=["sadness", "joy", "love", "anger", "fear", "surprise"])
    paths = write_figures(**given, out=tmp_path)
    names = figure_names("d", training=True, noise=True)
    assert [p.name for p in paths] == [f"{n}.{end}" for n in names for end in ("svg", "png")]
    for path in paths:
        if path.suffix == ".svg":
            text = path.read_text(encoding="utf-8")
            assert len(text.encode()) < 150_000, path.name
            assert "date" not in text.lower() and "<script" not in text
            assert ElementTree.fromstring(text).tag.endswith("svg")
        else:
            assert path.read_bytes().startswith(b"\x89PNG")


def test_figures_are_the_same_bytes_again(tmp_path):
    first, second = (
        [
            *write_figures(**inputs(FEW, seeds=2), out=tmp_path / name),
            *save_figure(rulegraph_figure(random_rules(9, 14, 0)), tmp_path / name / "rulegraph"),
        ]
        for name in "ab"
    )
    assert len(first) == 22
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_names_need_no_matplotlib_and_leave_out_what_a_dataset_has_not(tmp_path):
    files = figure_files("d", training=True, noise=True)
    assert files["size"] == "d-accuracy-size" and files["techniques"] == "d-techniques"
    assert set(files) - set(figure_files("d", noise=True)) == {"training"}
    assert set(files) - set(figure_files("d", training=True)) == {"noise"}
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import emopress.report.figures.names; "
        "print([m for m in ('matplotlib', 'numpy', 'pandas', 'networkx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    given = inputs(FEW, noise=(0.0,))
    given["curves"] = {}
    paths = write_figures(**given, out=tmp_path)
    assert {path.stem for path in paths} == set(figure_names("d"))


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


def bars_of(figure):
    """Return (start, length, hatched) of each bar, from top to bottom."""
    patches = [p for c in figure.axes[0].containers for p in c.patches]
    return [(p.get_x(), p.get_width(), bool(p.get_hatch())) for p in patches]


def test_baselines_are_the_models_without_passes_with_their_intervals():
    table = study(FEW)[0].set_index("variant")
    figure = baseline_figure(table, title="")
    names = [text.get_text() for text in figure.axes[0].texts]
    assert [n for n in names if n in FEW] == sorted(
        ["teacher", "linear"], key=lambda n: -table.loc[n, "accuracy"]
    )
    best = table.loc[["teacher", "linear"], "accuracy"].max()
    assert bars_of(figure)[0] == (0, pytest.approx(100 * best), False)
    lines = [tuple(line.get_xdata()) for line in figure.axes[0].lines]
    assert pytest.approx((100 * best - 3, 100 * best + 3)) in lines
    words = f"{100 * best:.1f}  ({100 * best - 3:.1f} to {100 * best + 3:.1f})"
    assert words in names


def test_speedups_are_grouped_by_teacher_sorted_and_unclaimed_ones_hatched():
    table = study(["a", "a+kd", "a+int8", "b", "b+int8"])[0].set_index("variant")
    table["speedup"] = [1.0, 2.0, 3.0, 1.05, 4.0]
    table["timing_spread"] = 0.1
    table["speedup_over_pytorch"] = [2.0, 4.0, 6.0, np.nan, 8.0]
    figure = speedup_figure(table, title="")
    texts = [text.get_text() for text in figure.axes[0].texts]
    names = [t for t in texts if t in {*table.index, "from a", "from b"}]
    assert names == ["from a", "a+int8", "a+kd", "a", "from b", "b+int8", "b"]
    assert "3.0x  (6.0x)" in texts and times(1.05) in texts
    starts = bars_of(figure)
    assert figure.axes[0].get_xscale() == "linear" and {start for start, *_ in starts} == {0}
    assert [hatched for *_, hatched in starts] == [False] * 8 + [True]  # b; a is its own reference
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(legend) == 3 and "no speedup shown" in legend[2]


def test_a_wide_range_of_ratios_is_on_a_log_axis_from_one():
    table = study(["a", "a+kd", "a+int8"])[0].set_index("variant")
    table["compression"] = [1.0, 0.5, 50.0]
    figure = compression_figure(table, title="")
    assert figure.axes[0].get_xscale() == "log" and "log scale" in figure.axes[0].get_xlabel()
    assert sorted(width for _, width, _ in bars_of(figure)) == pytest.approx([-0.5, 0.0, 49.0])
    table["compression"] = np.nan
    assert "No variant has a reference" in compression_figure(table, title="").texts[-1].get_text()


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
    figure = reliability_figure(table.set_index("variant"), found, title="")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts if text.get_text().isdigit()] == ["29"]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    colours = {line.get_xdata()[0]: line.get_color() for line in dots}
    assert colours[30.0] != colours[90.0]
    assert any(
        "bins of fewer than 30" in " ".join(text.get_text().split()) for text in figure.texts
    )


def test_radar_takes_the_best_on_validation_of_each_technique():
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
    figure = radar_figure(table, title="", sorts=sorts, reference="teacher")
    assert len(figure.axes) == 4
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


def test_places_on_a_spoke_by_hand():
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
    assert score_step(table, list(measures.values())) == 10.0  # 30 points need 4 rings of 10
    at = {
        column: [position(table.loc[i], m, table, 10.0) for i in range(3)]
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
    figure = training_figure({"a": entries, "b": log(2)}, seed=3)
    assert figure.axes[0].get_ylabel() == "Training loss, % of its first epoch's"
    assert "Training, seed 3 only" in {text.get_text() for text in figure.texts}
    assert len({look_of(place) for place in range(100)}) == 100
    with pytest.raises(UserError, match="line 1 has no number 'epoch'"):
        training_figure({"a": [{"loss": 1.0}]})


def test_many_matrices_have_no_counts_and_no_zeros():
    few = confusion_figure({"d": study(FEW)[1]}, "d", LABELS)
    many = confusion_figure({"d": study(MANY)[1]}, "d", LABELS)
    assert "count below" in few.texts[2].get_text()
    assert "blank below 0.5" in many.texts[2].get_text()
    assert {t.get_text() for t in few.axes[0].texts} >= {"0"}
    assert "0" not in {t.get_text() for axes in many.axes for t in axes.texts}


@has_bengali
def test_bengali_is_drawn_by_a_font_that_shapes_it():
    chosen = fonts.families(["abc", *BENGALI], "data set 'd'")
    assert chosen[0] == "DejaVu Sans" and len(chosen) == 2 and "Bengali" in chosen[1]
    assert fonts.families(["abc ∆ é ру"], "x") == ["DejaVu Sans"]
    for figure in figures_of(FEW, labels=BENGALI, title="বাংলা পাঠ").values():
        families = {tuple(t.get_fontfamily()) for t, _ in drawn(figure) if "\u09be" in t.get_text()}
        assert families == {tuple(chosen)}
    figure = new_figure(3, 1)
    widths = []
    for text in ("ক্ষ", "ক", "ষ"):  # the conjunct is one letter, narrower than its parts
        artist = figure.text(0, 0, text, family=chosen, fontsize=40)
        widths.append(artist.get_window_extent(figure.canvas.get_renderer()).width)
    assert widths[0] < 0.85 * (widths[1] + widths[2])


def test_a_missing_font_names_data_set_script_and_packages(tmp_path, monkeypatch):
    plain_fonts = [f for f in font_manager.fontManager.ttflist if f.name.startswith("DejaVu")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", plain_fonts)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [])
    with pytest.raises(UserError) as caught:
        write_figures(**inputs(FEW, labels=BENGALI), out=tmp_path)
    message = str(caught.value)
    assert message.startswith(
        "figures of data set 'd': no installed font draws its Bengali letters"
    )
    assert "fonts-noto-core or fonts-beng" in message and "~/.local/share/fonts" in message
    assert "\n" not in message and list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"Cjk.*fonts-noto-cjk"):
        fonts.families(["漢字"], "x")
    assert fonts.families(["\U0001fae8 ☃"], "x") == ["DejaVu Sans"]  # a pictograph is no letter


@has_bengali
def test_a_font_installed_since_is_found(monkeypatch):
    files = [f.fname for f in font_manager.fontManager.ttflist if "Sans Bengali" in f.name]
    plain_fonts = [f for f in font_manager.fontManager.ttflist if f.name.startswith("DejaVu")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", plain_fonts)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: files)
    assert "Bengali" in fonts.families(["কি"], "x")[1]


def test_a_font_without_rules_for_a_script_does_not_count():
    file = font_manager.findfont("DejaVu Sans")
    assert fonts._shapes(file, "ARABIC") and not fonts._shapes(file, "BENGALI")
    assert fonts._shapes(file, "LATIN") and not fonts._shapes("/nowhere.ttf", "BENGALI")


def test_names_are_fitted_wrapped_and_never_mathematics():
    figure = new_figure(5, 5)
    assert fitted(figure, "short", 2.0, 8.0) == ("short", 8.0)
    text, size = fitted(figure, "m" * 200, 2.0, 8.0)
    assert size == 5.5 and "…" in text and text.startswith("mmm") and text.endswith("mmm")
    assert shortened("abcdefgh", 5) == "ab…gh" and shortened("abc", 5) == "abc"
    lines, _ = wrapped(figure, "minilm+trim+kd3+cut50+int8-dynamic", 1.2, 8.0)
    assert lines.replace("\n", "") == "minilm+trim+kd3+cut50+int8-dynamic"
    assert lines.count("\n") == 1 and lines.split("\n")[0].endswith("+")
    assert plain("a\nb\t $x$\x00") == r"a b \$x\$"


def test_spread_is_the_nearest_that_leaves_room():
    assert spread([0.0, 5.0], [1.0]).tolist() == [0.0, 5.0]
    assert spread([1.0, 1.0], [1.0]).tolist() == [0.5, 1.5]
    assert spread([0.0, 0.0, 0.0], [1.0, 2.0]) == pytest.approx([-4 / 3, -1 / 3, 5 / 3])
    assert spread([], []).tolist() == []
    assert within(np.array([-1.0, 0.0]), [1.0], 0.0, 3.0).tolist() == [0.0, 1.0]
    assert within(np.array([2.5, 3.5]), [1.0], 0.0, 3.0).tolist() == [2.0, 3.0]


def test_small_svg_shares_words_and_keeps_what_is_referred_to():
    figure = new_figure(3, 3)
    axes = figure.add_subplot()
    for y in (0.2, 0.4, 0.6):
        axes.text(0.5, y, "repeated <words>")
    axes.bar([0.5], [0.5], hatch="//")
    axes.scatter([0.1, 0.2], [0.1, 0.2])
    assert any(isinstance(c, PathCollection) for c in axes.collections)
    raw = io.StringIO()
    figure.savefig(raw, format="svg")
    small = small_svg(raw.getvalue())
    assert len(small) < 0.6 * len(raw.getvalue())
    root = ElementTree.fromstring(small)
    href = "{http://www.w3.org/1999/xlink}href"
    used = {e.get(href)[1:] for e in root.iter() if (e.get(href) or "").startswith("#")}
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert used <= set(ids) and len(ids) == len(set(ids))
    for marker in ("clip-path", "url(#"):
        assert marker in small
    words = [e for e in root.iter() if (e.get(href) or "").startswith("#w")]
    places = [
        {e.get("y") for e in words if e.get(href) == name} for name in {e.get(href) for e in words}
    ]
    assert max(map(len, places)) == 3  # one definition, three places
    assert small_svg(raw.getvalue()) == small


def random_rules(number, edges, seed):
    """Return Mermaid source of so many rules, with some edges against the order."""
    random = np.random.default_rng(seed)
    lines = ["---", "title: DAG", "---", "flowchart TB"]
    lines += [f"\tid{i}[rule_with_a_name_{i}]" for i in range(number)]
    for _ in range(edges):
        a, b = sorted(random.choice(number, 2, replace=False))
        a, b = (b, a) if random.random() < 0.05 else (a, b)
        lines.append(f"\tid{a} --> id{b}")
    return "\n".join([*lines, "\tstyle id0 fill:#57CED9,stroke-width:2px,color:#333333"])


@pytest.mark.parametrize(("number", "edges"), [(1, 0), (2, 1), (20, 45), (34, 110)])
def test_boxes_of_the_rule_graph_do_not_overlap(number, edges):
    figure = rulegraph_figure(random_rules(number, edges, seed=1))
    texts = [(a.get_text(), box) for a, box in drawn(figure)]
    assert sum(text.startswith("rule_with") for text, _ in texts) == number
    assert overlapping(texts) == []
    boxes = []
    for patch in figure.axes[0].patches:
        if isinstance(patch, FancyBboxPatch):
            box = patch.get_window_extent()
            boxes.append(("box", (box.x0, box.y0, box.x1, box.y1)))
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0
    assert len(boxes) == number and overlapping(boxes, slack=0) == []
    for text, (x0, _, x1, _) in texts:
        if text.startswith("rule_with"):
            assert any(b[0] <= x0 and x1 <= b[2] for _, b in boxes)


def test_rules_stand_below_what_they_need_and_cycles_are_told():
    source = (
        "flowchart TB\n a[x]\n b[y]\n c[z]\n d[w]\n a --> b\n b --> c\n c --> b\n a --> c\n"
        " a --> a\n c --> d\n"
    )
    graph = read_rulegraph(source)
    assert not graph.has_edge("x", "x")
    forward, back = without_cycles(graph)
    assert nx.is_directed_acyclic_graph(forward) and len(back) == 1
    layer = layers_of(forward)
    assert all(layer[a] < layer[b] for a, b in forward.edges) and layer["x"] == 0
    notes = " ".join(text.get_text() for text in rulegraph_figure(source).texts)
    assert "Dashed" in notes
    with pytest.raises(UserError, match="edge a --> q names no rule"):
        read_rulegraph("flowchart TB\n a[x]\n a --> q\n")
    with pytest.raises(UserError, match="no rule in it"):
        rulegraph_figure("Traceback")


def test_the_order_of_rows_uncrosses_edges():
    layer = {"a": 0, "b": 0, "c": 1, "d": 1, "far": 2}
    bent = with_bends([("a", "d"), ("b", "c"), ("c", "far"), ("a", "far")], layer)
    assert bent.number_of_nodes() == 6  # one bend, of the edge that passes a row
    assert crossings(bent, [["a", "b"], ["c", "d", ("a", "far", 1)], ["far"]]) == 2
    assert crossings(bent, ordered_rows(bent)) == 0


def test_saving_is_whole_or_not_at_all(tmp_path):
    figure = rulegraph_figure("flowchart TB\n a[<script>|]\n b[$x$]\n a --> b\n")
    paths = save_figure(figure, tmp_path / "graph")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.png", "graph.svg"]
    assert "<script" not in paths[0].read_text(encoding="utf-8")
