"""Generative against discriminative: pairs, contrasts by hand, and what the statistics file tells of them."""

import numpy as np
import pytest

from emopress.measure.intervals import Scored, interval
from emopress.measure.questions import (
    Pair,
    calibrated,
    collapsed,
    noise_losses,
    pairs_of,
    questions,
)
from emopress.measure.sampled import Sampled


def step(name, bits=4, method="gpfq", texts=64, balanced=True):
    calibration = {"texts": texts, "balanced": balanced}
    return {"name": name, "method": method, "bits": bits, "calibration": calibration}


STEPS = [None, step("q4"), step("q4-un", balanced=False), step("q4-small", texts=16)]


def models(kinds=("discriminative", "generative"), steps=STEPS):
    return [
        {"variant": f"{kind[:4]}+{s['name']}" if s else kind[:4], "kind": kind, "step": s}
        for kind in kinds
        for s in steps
    ]


def test_pairs_have_the_same_pass():
    found = pairs_of([*models(), {"variant": "gene+q2", "kind": "generative", "step": step("q2")}])
    assert [(pair.generative, pair.discriminative) for pair in found] == [
        ("gene", "disc"), ("gene+q4", "disc+q4"), ("gene+q4-un", "disc+q4-un"),
        ("gene+q4-small", "disc+q4-small"),
    ]  # fmt: skip
    assert found[0].step is None and found[1].step == STEPS[1]
    assert pairs_of(models(kinds=["generative"])) == []
    assert pairs_of(models(steps=STEPS[1:])) == []
    assert pairs_of([]) == []


def test_the_first_model_of_a_kind_alone_counts():
    q4, q3 = step("q4"), step("q3", bits=3)
    entries = [
        ("g0+q4", "generative", q4),  # g0 is not there in fp32
        ("g1", "generative", None), ("g2", "generative", None),
        ("g2+q4", "generative", q4), ("g2+q3", "generative", q3), ("g1+q3", "generative", q3),
        ("d1+q4", "discriminative", q4), ("d1+q3", "discriminative", q3), ("d1", "discriminative", None),
    ]  # fmt: skip
    found = pairs_of([{"variant": v, "kind": k, "step": s} for v, k, s in entries])
    assert [(pair.generative, pair.discriminative) for pair in found] == [
        ("g1", "d1"), ("g1+q3", "d1+q3"),
    ]  # fmt: skip


def test_only_the_balance_may_differ():
    pairs = pairs_of(models())
    (found,) = calibrated(pairs)
    assert [pair.generative for pair in found] == ["gene+q4", "gene+q4-un"]


def scored(table):
    """Scores of one label, so that macro F1 is half the accuracy: values [rows, variants]."""
    table = np.asarray(table, dtype=float)
    return Scored(table, (table / 2)[..., None])


@pytest.fixture
def scores():
    """Two kinds in fp32, 4 bits conditional and unconditional; three resamples; two training seeds."""
    variants = ["disc", "disc+q4", "disc+q4-un", "gene", "gene+q4", "gene+q4-un"]
    clean = np.array([0.90, 0.88, 0.88, 0.80, 0.70, 0.60])
    noisy = {0.0: clean, 0.1: clean - [0.2, 0.2, 0.3, 0.1, 0.2, 0.3]}
    noisy[0.2] = noisy[0.1] - 0.1
    spread = np.array([[0.0], [0.01], [-0.01]])
    seeds = np.array([-0.05, 0.05])
    return Sampled(
        variants,
        {share: scored(values[:, None] + seeds) for share, values in noisy.items()},
        {share: scored(values + spread * [0, 0, 0, 1, 1, 1]) for share, values in noisy.items()},
    )


def test_a_contrast_by_hand(scores):
    assert scores.noise == [0.1, 0.2]
    terms = noise_losses(Pair("gene", "disc", None), [0.1, 0.2])
    found = scores.contrast(terms["discriminative"])
    assert found["accuracy"] == {
        "value": pytest.approx(0.25), "low": pytest.approx(0.25), "high": pytest.approx(0.25),
        "seeds": pytest.approx([0.25, 0.25]),
    }  # fmt: skip
    assert found["macro_f1"]["value"] == pytest.approx(0.125)
    # only the generative model's scores move from resample to resample
    found = scores.contrast([(1.0, "disc", 0.0), (-1.0, "gene", 0.0)])["accuracy"]
    low, high = interval(np.array([0.1, 0.09, 0.11]))
    assert found == {
        "value": pytest.approx(0.1), "low": pytest.approx(low), "high": pytest.approx(high),
        "seeds": pytest.approx([0.1, 0.1]),
    }  # fmt: skip


def test_every_seed_has_its_own_value(scores):
    seeds = scored([[0.9, 0.7], [0.5, 0.6]])  # two variants, two seeds
    own = Sampled(["one", "other"], {0.0: seeds}, {0.0: scored([[0.8, 0.55]])})
    found = own.contrast([(1.0, "one", 0.0), (-1.0, "other", 0.0)])["macro_f1"]
    assert found["seeds"] == pytest.approx([0.2, 0.05])
    assert found["value"] == pytest.approx(0.125)


def test_what_scores_below_half_of_fp32_has_collapsed(scores):
    start = Pair("gene", "disc", None)
    assert collapsed(Pair("gene+q4", "disc+q4", step("q4")), start, scores) == []
    low = scored(
        [[0.80], [0.39], [0.90], [0.46]]
    )  # 0.39 is below half of 0.80, 0.46 above half of 0.90
    own = Sampled(
        ["gene", "gene+q4", "disc", "disc+q4"], {0.0: low}, {0.0: scored([low.accuracy[:, 0]])}
    )
    assert collapsed(Pair("gene+q4", "disc+q4", step("q4")), start, own) == ["generative"]


def test_the_questions_by_hand(scores):
    found = questions(pairs_of(models(steps=STEPS[:3])), scores)
    fp32, q4, _ = found["noise"]
    assert fp32["step"] is None and fp32["more_than_fp32"] is None
    assert [entry["noise"] for entry in fp32["shares"]] == [0.1, 0.2]

    def value(entry):
        return pytest.approx(entry["accuracy"]["value"])

    assert value(fp32["shares"][0]["difference"]) == -0.1  # 0.1 less 0.2
    assert value(fp32["mean"]["generative"]) == 0.15
    assert value(fp32["mean"]["difference"]) == -0.1
    assert value(q4["mean"]["difference"]) == 0.0
    assert value(q4["more_than_fp32"]) == 0.1
    q4_bits, un_bits = found["bits"]
    assert value(q4_bits["generative"]) == 0.1 and value(q4_bits["discriminative"]) == 0.02
    assert value(q4_bits["difference"]) == 0.08 and value(un_bits["difference"]) == 0.18
    assert fp32["collapsed"] == q4["collapsed"] == [] and found["loudest"] == 0.2
    assert [level["variants"]["generative"] for level in found["levels"]] == [
        *("gene", "gene+q4", "gene+q4-un")
    ]
    assert value(found["levels"][1]["generative"]["clean"]) == 0.7
    assert value(found["levels"][1]["generative"]["noisy"]) == 0.4
    (calibration,) = found["calibration"]
    assert calibration["step"]["name"] == "q4"
    assert calibration["unconditional"]["step"]["name"] == "q4-un"
    assert value(calibration["generative"]) == 0.1 and value(calibration["discriminative"]) == 0.0
    assert value(calibration["difference"]) == 0.1


def test_without_noise_there_is_no_question_of_it(scores):
    clean = Sampled(scores.variants, {0.0: scores.observed[0.0]}, {0.0: scores.drawn[0.0]})
    found = questions(pairs_of(models(steps=STEPS[:2])), clean)
    assert found["noise"] == [] and len(found["bits"]) == 1 and found["loudest"] is None
    assert found["levels"][0]["generative"]["noisy"] is None
