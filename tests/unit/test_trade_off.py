"""The trade-off study: which models take part, the one-standard-error rule by hand, the figure and the sentence."""

import json

import pandas as pd
import pytest

from emopress.errors import UserError
from emopress.measure.deciding import METRICS
from emopress.measure.details import Trials, trials_of
from emopress.measure.pareto import best_trade_off, layer_grid
from emopress.report.figures.draw import drawing_of, save
from emopress.report.figures.looks import REGION
from emopress.report.figures.names import TRADE_OFF, figure_files
from emopress.report.figures.trade_off import trade_off_figure
from emopress.report.words.answer import trade_off_phrase

SHAPES = {"flat": [], "w16": [16], "w64": [64], "w64-64": [64, 64]}
SIZES = {"flat": 100_000, "w16": 110_000, "w64": 120_000, "w64-64": 900_000}
VALIDATION = {
    "flat": [0.70, 0.70],
    "w16": [0.795, 0.795],
    "w64": [0.80, 0.80],
    "w64-64": [0.77, 0.85],
}


def models(shapes):
    return {name: {"family": "dense", "layers": layers} for name, layers in shapes.items()}


def test_which_models_take_part():
    known = {**models(SHAPES), "linear": {"family": "linear"}, "again": models(SHAPES)["w16"]}
    variants = ["linear", "w16", "w16+int8", "flat", "w64", "again", "w64-64+int8"]
    assert layer_grid(variants, known) == []  # three different ones
    assert layer_grid([*variants, "w64-64"], known) == ["w16", "flat", "w64", "again", "w64-64"]


def test_one_standard_error_by_hand():
    # w64-64: mean 0.81, squared deviations 0.0032 over four models of one degree of freedom each,
    # so s^2 = 0.0008, and the standard error sqrt(0.0008 / 2) = 0.02: from 0.79 on
    found = best_trade_off(VALIDATION, SIZES)
    assert (found.best, found.smallest) == ("w64-64", "w16")
    assert found.floor == pytest.approx(0.79) and found.within[-2:] == ["w64", "w64-64"]
    sure = best_trade_off({**VALIDATION, "w64-64": [0.81, 0.81]}, SIZES)
    assert (sure.within, sure.smallest) == (["w64-64"], "w64-64")
    assert best_trade_off({**VALIDATION, "flat": [0.7]}, SIZES) is None


def details():
    return {
        name: {
            str(seed): {
                "recipe": [{"name": name, "family": "dense", "layers": SHAPES[name]}],
                "scores": {
                    "validation": {"accuracy": 0.5, "macro_f1": score},
                    "test": {"accuracy": 0.6, "macro_f1": score - 0.15},
                },
            }
            for seed, score in enumerate(VALIDATION[name])
        }
        for name in SHAPES
    }


@pytest.fixture
def table():
    return pd.DataFrame({"size_bytes": SIZES}).assign(task="single", judge_by="macro_f1")


def test_trials_come_from_the_details(table):
    found = trials_of(table, details(), list(SHAPES))
    assert found["w64-64"].layers == [64, 64] and found["w16"].size_bytes == 110_000
    assert found["w64-64"].validation == [0.77, 0.85]
    assert found["w64-64"].test == pytest.approx([0.62, 0.70])
    old = details()
    by_accuracy = trials_of(table.assign(judge_by="accuracy"), details(), list(SHAPES))["w16"]
    assert set(by_accuracy.validation) == {0.5} and set(by_accuracy.test) == {0.6}
    del old["w16"]["0"]["scores"]
    with pytest.raises(UserError, match=r"details\.json: w16: no key scores"):
        trials_of(table, old, list(SHAPES))


def test_the_answer_in_words(table):
    told = trade_off_phrase(table, details(), list(SHAPES))
    assert told.startswith(
        "The best on validation by macro F1 is `w64-64` (81.00 %). Within one standard error"
    )
    assert "The smallest of these is `w16` with 0.11 MB and a macro F1 of 64.50 % on test" in told
    assert told.endswith(" (`w64-64`: 66.00 %).")


def panels(spec):
    """Return the two panels' layers: on validation, on test."""
    (grid,) = (view for view in spec["vconcat"] if "concat" in view)
    return [panel["layer"] for panel in grid["concat"]]


def with_look(layers, **look):
    return [one for one in layers if look.items() <= one["mark"].items()]


def test_the_figure(table, tmp_path):
    trials = trials_of(table, details(), list(SHAPES))
    spec = trade_off_figure(trials, METRICS["macro_f1"], title="$x$ <b> |")
    regions = [with_look(panel, type="rect", fill=REGION) for panel in panels(spec)]
    assert [len(region) for region in regions] == [1, 1]
    on_validation = regions[0][0]["data"]["values"][0]
    assert on_validation["floor"] == pytest.approx(79.0) and on_validation["left"] < 0.11
    rings = [
        ring["data"]["values"]
        for panel in panels(spec)
        for ring in with_look(panel, opacity=1, size=380)
    ]
    assert [[one["x"] for one in ring] for ring in rings] == [[0.11], [0.11]]
    assert rings[1][0]["y"] == pytest.approx(64.5)
    again = trade_off_figure(trials, METRICS["macro_f1"], title="$x$ <b> |")
    first = save(spec, drawing_of(spec, "x"), tmp_path / "a")
    second = save(again, drawing_of(again, "x"), tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_one_seed_has_no_region():
    trials = {name: Trials(SHAPES[name], SIZES[name], [0.8], [0.7]) for name in SHAPES}
    spec = trade_off_figure(trials, METRICS["macro_f1"], title="one seed")
    assert [with_look(panel, type="rect", fill=REGION) for panel in panels(spec)] == [[], []]
    assert "One seed" in json.dumps(spec["vconcat"][0])


def test_only_asked_for_it_is_among_the_files():
    assert figure_files("d", trade_off=True)["trade_off"] == f"d-{TRADE_OFF}"
    assert "trade_off" not in figure_files("d", training=True, noise=True)
