"""Generative or discriminative: what an interval decides, in what words, and the figure's lines."""

import pytest

from emopress.report.bits_figure import bits_figure, series
from emopress.report.questions import (
    NO,
    NO_LEAD,
    UNTOLD,
    YES,
    above_zero,
    answers,
    cost_table,
    hurts_generative_alone,
    loses_lead,
    more_robust,
    preferred,
    section,
)


def about(value, half=0.01):
    return {"value": value, "low": value - half, "high": value + half}


UP, DOWN, NOUGHT = about(0.05), about(-0.05), about(0.001)


def test_an_interval_decides():
    assert [above_zero(found) for found in (UP, DOWN, NOUGHT)] == [YES, NO, UNTOLD]
    assert [more_robust(found) for found in (UP, DOWN, NOUGHT)] == [NO, YES, UNTOLD]
    assert above_zero({"value": 0.1, "low": 0.0, "high": 0.2}) == UNTOLD


@pytest.mark.parametrize(
    ("fp32", "quantized", "change", "expected"),
    [
        (UP, UP, UP, NO_LEAD),  # it loses more to noise already in fp32
        (NOUGHT, UP, UP, UNTOLD),  # whether there is a lead is not known
        (DOWN, NOUGHT, UP, YES),
        (DOWN, DOWN, UP, YES),  # smaller, though still there
        (DOWN, DOWN, NOUGHT, NO),
        (DOWN, NOUGHT, DOWN, NO),
        (DOWN, NOUGHT, NOUGHT, UNTOLD),
    ],
)
def test_a_lead_is_lost_kept_or_never_was(fp32, quantized, change, expected):
    assert loses_lead(fp32, quantized, change) == expected


@pytest.mark.parametrize(
    ("generative", "discriminative", "difference", "expected"),
    [
        (UP, NOUGHT, UP, YES),
        (UP, DOWN, UP, YES),
        (UP, UP, UP, NO),  # both are hurt
        (UP, NOUGHT, NOUGHT, UNTOLD),
        (NOUGHT, NOUGHT, NOUGHT, UNTOLD),
        (NOUGHT, DOWN, UP, UNTOLD),
        (DOWN, NOUGHT, NOUGHT, NO),  # random texts are better for it
        (NOUGHT, UP, DOWN, NO),
    ],
)
def test_unconditional_texts_hurt_one_kind_alone(generative, discriminative, difference, expected):
    assert hurts_generative_alone(generative, discriminative, difference) == expected


def both(found):
    return {"macro_f1": found, "accuracy": found}


def step(name, bits=4, method="gpfq", texts=64, balanced=True):
    calibration = {"texts": texts, "balanced": balanced}
    return {"name": name, "method": method, "bits": bits, "calibration": calibration}


def entry(own, difference, **changes):
    name = own["name"] if own else "fp32"
    return {
        "step": own,
        "variants": {"generative": f"g+{name}", "discriminative": f"d+{name}"},
        "generative": both(UP), "discriminative": both(NOUGHT), "difference": both(difference),
        **changes,
    }  # fmt: skip


def noise(own, difference, change):
    sides = entry(own, difference)
    return {
        "step": own,
        "variants": sides["variants"],
        "shares": [{"noise": share, **sides} for share in (0.05, 0.2)],
        "mean": sides,
        "more_than_fp32": both(change) if change else None,
    }


Q4, R4, U4 = step("gpfq4"), step("rtn4", method="rtn"), step("gpfq4-un", balanced=False)
FEW = step("gpfq4-few", texts=16)
QUESTIONS = {
    "fp32": {"generative": "g", "discriminative": "d"},
    "noise": [noise(None, DOWN, None), noise(R4, DOWN, UP), noise(Q4, NOUGHT, UP)],
    "bits": [entry(own, UP) for own in (Q4, R4, FEW, U4)],
    "calibration": [entry(Q4, NOUGHT, unconditional={"step": U4})],
}


def test_one_pass_answers_for_all_of_its_bits():
    assert preferred(QUESTIONS["bits"], 4)["step"] is Q4
    assert preferred(QUESTIONS["bits"][1:2], 4)["step"] is R4
    assert preferred(QUESTIONS["bits"], 3) is None


def test_the_answers_in_words():
    found = answers(QUESTIONS)
    assert [answer.verdict for answer in found] == [YES, YES, YES, UNTOLD]
    fp32, lost, sensitive, calibrated = (str(answer.line) for answer in found)
    assert fp32.startswith("**In fp32, is the generative model more robust to noise?** Yes: ")
    assert "over 5, 20 % of changed characters" in fp32
    assert "by −5.00 points (95 % −6.0 to −4.0)" in fp32
    assert "This agrees with the publication" in fp32
    assert "Does it lose that in 4 bits?" in lost and "`gpfq4`" in lost
    assert "+5.00 points (95 % +4.0 to +6.0) more than in fp32" in lost
    assert "costs it +5.00 points" in sensitive and "+0.10 points" in sensitive
    assert "The data do not tell:" in calibrated and "Neither for nor against" in calibrated
    assert "`gpfq4` against `gpfq4-un`" in calibrated


def test_without_noise_and_few_bits_nothing_is_asked():
    assert answers({"fp32": {}, "noise": [], "bits": [], "calibration": []}) == []
    disagrees = answers({**QUESTIONS, "noise": [noise(None, UP, None)]})[0]
    assert disagrees.verdict == NO and "disagrees with the publication" in disagrees.line


def test_the_section_has_its_tables():
    parts = [
        {"split": "validation", "noise": 0.0, "mean": 1.0, "quantiles": {"5": 0.1, "50": 0.9}},
        {"split": "test", "noise": 0.2, "mean": 4.5678, "quantiles": {"5": 0.25, "50": 3.0}},
    ]
    details = {"d": {"0": {}}, "g": {"0": {"cross_entropy": {"unit": "nats", "parts": parts}}}}
    found = section({"questions": QUESTIONS}, details, ["d", "g"], {"demo": True})
    assert len(found["answers"]) == 4
    assert "| none (fp32) | −5.00 (−6.0 to −4.0) |" in found["noise_table"]
    assert "| `gpfq4-un` | gpfq | 4 | 64 texts, class-unconditional |" in found["bits_table"]
    assert "| `g` | 20 % | 4.57 | 0.25 | 3.00 |" in found["cost_table"]
    assert "1.00" not in found["cost_table"] and "Demo corpus" in found["cost_table"]
    assert cost_table({"d": {"0": {}}}, ["d"], {}) is None
    assert section({}, details, ["d", "g"], {}) is None


def test_the_figure_draws_the_largest_sample_of_each_line():
    lines = series(QUESTIONS["bits"])
    assert lines[("generative", "gpfq", True)] == [(4, "g+gpfq4")]
    assert lines[("discriminative", "gpfq", False)] == [(4, "d+gpfq4-un")]
    assert len(lines) == 6
    score = {"macro_f1": {"mean": 0.5, "low": 0.4, "high": 0.6}}
    names = ["g", "d", *(name for points in lines.values() for _, name in points)]
    statistics = {"questions": QUESTIONS, "variants": dict.fromkeys(names, score)}
    (axes,) = bits_figure(statistics, title="Some texts").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["fp32", "4"]
    assert not bits_figure({}, title="Other texts").axes
