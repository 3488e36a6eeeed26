"""The statistics file: its shape, its numbers against the modules it is made of, and files that do not fit."""

import numpy as np
import pandas
import pytest
from sklearn.metrics import accuracy_score, f1_score
from two_models import compare

from emopress.artifact import read_json, write_json
from emopress.errors import UserError
from emopress.measure.judge import judge
from emopress.measure.paired import holm
from emopress.measure.predictions import read_predictions

LABELS = ["joy", "fear", "anger"]
TRUTH = np.arange(90) % 3
NOISE = [0.0, 0.05, 0.2]
# how often right on the test texts, and on the validation texts
SKILL = {"big": (0.95, 0.9), "big+int8": (0.9, 0.9), "svm": (0.5, 0.7), "svm-word": (0.6, 0.4)}
TEACHERS = {"big": None, "big+int8": "big", "svm": None, "svm-word": None}
COMPARED = [
    "variant", "accuracy_difference", "accuracy_low", "accuracy_high", "macro_f1_difference",
    "macro_f1_low", "macro_f1_high", "macro_f1_p", "only_this_right", "only_other_right",
    "mcnemar_p", "mcnemar_p_holm", "macro_f1_p_holm", "macro_f1_shown", "shown",
]  # fmt: skip


def probabilities(rng, truth, skill):
    """Rows that sum to 1 with the largest at the true label in `skill` of them."""
    given = np.where(rng.random(len(truth)) < skill, truth, (truth + 1) % 3)
    sure = rng.uniform(0.5, 0.95, len(truth))
    table = np.repeat((1 - sure)[:, None] / 2, 3, axis=1)
    table[np.arange(len(truth)), given] = sure
    return table


def part(rng, split, noise, truth, skill):
    frame = pandas.DataFrame(
        {
            "id": [f"{split}-{i}" for i in range(len(truth))],
            "split": split,
            "noise": noise,
            "label": truth,
        }
    )
    table = probabilities(rng, truth, skill)
    return frame.assign(**{name: table[:, i] for i, name in enumerate(LABELS)})


@pytest.fixture
def files(tmp_path):
    """Predictions of four variants with two seeds; `write(**changes)` makes the statistics."""
    paths = {}
    for v, (variant, (skill, validation)) in enumerate(SKILL.items()):
        for seed in (0, 1):
            rng = np.random.default_rng([v, seed])
            parts = [part(rng, "validation", 0.0, TRUTH[:60], validation)]
            parts += [part(rng, "test", noise, TRUTH, skill - noise) for noise in NOISE]
            paths[variant, seed] = tmp_path / f"{variant}-{seed}.parquet"
            pandas.concat(parts, ignore_index=True).to_parquet(paths[variant, seed])
    texts = pandas.DataFrame({"id": [f"test-{i}" for i in range(90)], "label": TRUTH})
    texts.assign(text=[f"text {i}" for i in range(90)]).to_parquet(tmp_path / "test.parquet")
    for name in ("train", "validation"):
        own = pandas.DataFrame(
            {"text": [f"{name} {i}" for i in range(60)], "label": [0, 1, 2] * 20}
        )
        own.to_parquet(tmp_path / f"{name}.parquet")
    write_json(
        tmp_path / "cut.json",
        {"max_length": 9, "unit": "tokens", "texts": {"test": 90}, "cut": {"test": 9}},
    )
    return paths


@pytest.fixture
def write(tmp_path, files):
    def run(files=files, **changes):
        arguments = {
            "bundles": list(files),
            "predictions": list(files.values()),
            "cut": [tmp_path / "cut.json" for _ in files],
            "train": tmp_path / "train.parquet",
            "validation": tmp_path / "validation.parquet",
            "test": tmp_path / "test.parquet",
            "labels": LABELS,
            "teachers": TEACHERS,
            "linears": ["svm-word", "svm"],
            "reference": "big",
            "judge_by": ("single", "accuracy"),
            "resamples": 1000,
            "most_flips": 5,
            "statistics": tmp_path / "statistics.json",
            "flips": tmp_path / "flips.csv",
            **changes,
        }
        judge(**arguments)
        return read_json(tmp_path / "statistics.json"), pandas.read_csv(tmp_path / "flips.csv")

    return run


def respoil(path, change):
    """Change a predictions file's table in place."""
    frame = pandas.read_parquet(path)
    change(frame).to_parquet(path)


def given(files, variant, noise=0.0):
    parts = [read_predictions(files[variant, s], LABELS).part("test", noise) for s in (0, 1)]
    return np.stack([each.predicted for each in parts])


def test_shape(write):
    found, _ = write()
    assert list(found) == [
        "task", "judge_by", "resamples", "n_test", "n_validation", "linear", "reference", "noise", "variants",
        "texts",
    ]  # fmt: skip
    assert (found["resamples"], found["n_test"], found["n_validation"]) == (1000, 90, 60)
    assert found["noise"] == NOISE and found["reference"] == "big"
    assert list(found["variants"]) == list(SKILL)
    entry = found["variants"]["big+int8"]
    assert list(entry) == [
        "teacher", "seeds", "accuracy", "macro_f1", "micro_f1", "class_f1", "ece", "reliability",
        "agreement", "against", "noise",
    ]  # fmt: skip
    assert list(entry["accuracy"]) == ["mean", "sd", "low", "high", "by_seed"]
    assert sorted(entry["against"]["teacher"]) == sorted(COMPARED)


def test_scores_are_those_of_scikit_learn(write, files):
    found, _ = write()
    for variant in SKILL:
        entry, seeds = found["variants"][variant], given(files, variant)
        accuracy = [accuracy_score(TRUTH, each) for each in seeds]
        macro = [f1_score(TRUTH, each, average="macro") for each in seeds]
        by_label = [f1_score(TRUTH, each, average=None) for each in seeds]
        for i, label in enumerate(LABELS):
            own = entry["class_f1"][label]
            assert own["by_seed"] == pytest.approx([scores[i] for scores in by_label])
            assert own["low"] <= own["mean"] <= own["high"] and own["low"] < own["high"]
        for name, values in (("accuracy", accuracy), ("macro_f1", macro), ("micro_f1", accuracy)):
            assert entry[name]["by_seed"] == pytest.approx(values)
            assert entry[name]["mean"] == pytest.approx(np.mean(values))
            assert entry[name]["sd"] == pytest.approx(np.std(values, ddof=1))
            assert entry[name]["low"] < entry[name]["mean"] < entry[name]["high"]
    agree = (given(files, "big") == given(files, "big+int8")).mean()
    agreement = found["variants"]["big+int8"]["agreement"]
    assert agreement["mean"] == pytest.approx(agree)
    assert agreement["low"] < agree < agreement["high"]
    assert found["variants"]["svm"]["agreement"] is None


def test_comparisons_are_those_of_two_models_alone(write, files):
    found, _ = write()
    for kind, other in (("teacher", "big"), ("linear", "svm"), ("reference", "big")):
        entry = found["variants"]["big+int8"]["against"][kind]
        models = [given(files, "big+int8"), given(files, other)]
        alone = compare(TRUTH, *models, classes=3, resamples=1000)
        assert entry["variant"] == other
        for name in COMPARED[1:11]:
            assert entry[name] == pytest.approx(alone[name]), name


def test_who_is_compared_with_whom(write):
    found, _ = write()
    against = {name: entry["against"] for name, entry in found["variants"].items()}
    pairs = {
        name: {kind: entry and entry["variant"] for kind, entry in kinds.items()}
        for name, kinds in against.items()
    }
    # svm is the linear one with the higher accuracy on validation, though not on test
    assert found["linear"] == "svm"
    assert pairs == {
        "big": {"teacher": None, "linear": "svm", "reference": None},
        "big+int8": {"teacher": "big", "linear": "svm", "reference": "big"},
        "svm": {"teacher": None, "linear": None, "reference": "big"},
        "svm-word": {"teacher": None, "linear": "svm", "reference": "big"},
    }
    # one family of five pairs: svm against big and big against svm are the same
    family = [
        against["big"]["linear"],
        against["big+int8"]["teacher"],
        against["big+int8"]["linear"],
        against["svm-word"]["linear"],
        against["svm-word"]["reference"],
    ]
    adjusted = holm([entry["mcnemar_p"] for entry in family])
    assert [entry["mcnemar_p_holm"] for entry in family] == pytest.approx(adjusted)
    assert all(entry["shown"] == (entry["mcnemar_p_holm"] < 0.05) for entry in family)
    for p in ("mcnemar_p_holm", "macro_f1_p_holm"):
        assert against["svm"]["reference"][p] == against["big"]["linear"][p]
        assert against["big+int8"]["reference"][p] == against["big+int8"]["teacher"][p]
    assert against["svm"]["reference"]["shown"] and not against["big+int8"]["teacher"]["shown"]


def test_noise(write, files):
    found, _ = write()
    entry = found["variants"]["svm"]
    assert [row["noise"] for row in entry["noise"]] == NOISE
    for row in entry["noise"]:
        seeds = given(files, "svm", row["noise"])
        assert row["accuracy"] == pytest.approx((seeds == TRUTH).mean())
        macro = [f1_score(TRUTH, each, average="macro") for each in seeds]
        assert row["macro_f1"] == pytest.approx(np.mean(macro))
        assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
    clean = entry["noise"][0]
    assert (clean["accuracy_low"], clean["accuracy_high"]) == (
        entry["accuracy"]["low"],
        entry["accuracy"]["high"],
    )


def test_calibration_is_pooled_over_seeds(write, files):
    found, _ = write()
    entry = found["variants"]["big"]
    assert sum(entry["reliability"]["count"]) == 2 * 90
    gaps = np.abs(np.array(entry["reliability"]["accuracy"]) - entry["reliability"]["confidence"])
    assert entry["ece"] == pytest.approx(gaps @ entry["reliability"]["count"] / 180)


def test_flips(write, files):
    found, table = write()
    assert set(table["variant"]) == {"big+int8"}  # the only one with a teacher
    assert 0 < len(table) <= 5
    sure = table[["teacher_probability", "variant_probability"]].min(axis=1)
    assert (sure.diff().dropna() <= 0).all()
    assert (table["teacher_label"] != table["variant_label"]).all()
    first = table.iloc[0]
    place = int(first["id"].removeprefix("test-"))
    assert first["text"] == f"text {place}" and first["label"] == LABELS[TRUTH[place]]
    assert first["variant_label"] == LABELS[given(files, "big+int8")[first["seed"], place]]
    assert found["variants"]["big+int8"]["agreement"]["mean"] < 1


def test_one_seed_and_no_linear_model(write, files):
    alone = {(v, s): path for (v, s), path in files.items() if s == 0 and v.startswith("big")}
    found, _ = write(
        files=alone,
        teachers={"big": None, "big+int8": "big"},
        linears=[],
        reference=None,
    )
    entry = found["variants"]["big+int8"]
    assert entry["seeds"] == [0] and entry["accuracy"]["sd"] is None
    assert found["linear"] is None and found["reference"] is None
    assert entry["against"]["linear"] is None and entry["against"]["reference"] is None
    assert entry["against"]["teacher"]["variant"] == "big"


def test_same_files_same_bytes(write, tmp_path):
    write()
    first = [(tmp_path / name).read_bytes() for name in ("statistics.json", "flips.csv")]
    write()
    assert first == [(tmp_path / name).read_bytes() for name in ("statistics.json", "flips.csv")]


def test_a_variants_numbers_do_not_depend_on_the_others(write, files):
    whole, _ = write()
    few = {key: path for key, path in files.items() if key[0].startswith("big")}
    teachers = {"big": None, "big+int8": "big"}
    found, _ = write(files=few, teachers=teachers, linears=[])
    for variant in few:
        for name in ("accuracy", "macro_f1", "noise"):
            assert found["variants"][variant[0]][name] == whole["variants"][variant[0]][name]


def test_other_texts_are_refused(write, files):
    respoil(files["svm", 1], lambda frame: frame.assign(id=frame["id"].str.replace("test-7", "x")))
    with pytest.raises(UserError, match=r"svm-1\.parquet and .*test\.parquet: not the same texts"):
        write()


def test_other_labels_are_refused(write, files):
    respoil(files["svm", 1], lambda frame: frame.assign(label=frame["label"].to_numpy()[::-1]))
    with pytest.raises(UserError, match=r"svm-1\.parquet and .*test\.parquet: not the same labels"):
        write()


def test_other_validation_texts_are_refused(write, files):
    respoil(files["svm", 0], lambda frame: frame.drop(index=3))
    with pytest.raises(UserError, match=r"svm-0.* and .*big-0.*: not the same texts of the valid"):
        write()


def test_other_noise_is_refused(write, files):
    respoil(files["svm", 0], lambda frame: frame[frame["noise"] < 0.2])
    with pytest.raises(UserError, match=r"svm-0.* and .*big-0.*: not the same shares of noise"):
        write()


def test_noise_without_the_clean_texts_is_refused(write, files):
    for path in files.values():
        respoil(path, lambda f: f[(f["noise"] > 0) | (f["split"] == "validation")])
    with pytest.raises(UserError, match=r"big-0\.parquet: no rows of split test at noise 0"):
        write()


def test_missing_seed_and_missing_partner(write, files):
    with pytest.raises(UserError, match="others are compared with, was not evaluated"):
        write(teachers={**TEACHERS, "svm": "gone"})
    del files["svm", 1]
    with pytest.raises(UserError, match="svm was not evaluated with seed 1"):
        write()
    with pytest.raises(UserError, match="no predictions"):
        write(files={})


def test_predictions_by_split_and_noise(files):
    found = read_predictions(files["big", 0], LABELS)
    assert found.noise == NOISE
    assert found.part("test").probabilities.shape == (90, 3)
    assert list(found.part("validation").ids[:2]) == ["validation-0", "validation-1"]
    assert found.part("test", 0.2).truth.tolist() == TRUTH.tolist()
    part = found.part("test")
    assert (part.confidence == part.probabilities[np.arange(90), part.predicted]).all()


def test_bad_predictions_are_refused(tmp_path, files):
    path = files["big", 0]
    with pytest.raises(UserError, match=r"columns .*expected id, split, noise, label, \['fear'"):
        read_predictions(path, ["fear", "joy", "anger"])
    with pytest.raises(UserError, match="no such file"):
        read_predictions(tmp_path / "none.parquet", LABELS)
    (tmp_path / "text.parquet").write_text("id,split")
    with pytest.raises(UserError, match=r"text\.parquet: not a readable Parquet file"):
        read_predictions(tmp_path / "text.parquet", LABELS)
    respoil(path, lambda frame: frame.assign(joy=np.nan))
    with pytest.raises(UserError, match="a probability is not finite"):
        read_predictions(path, LABELS)
    respoil(path, lambda frame: frame.assign(joy=0.5, label=3))
    with pytest.raises(UserError, match="a label is outside 0 to 2"):
        read_predictions(path, LABELS)


def test_lstms_of_both_kinds_are_compared(write):
    assert "questions" not in write()[0]
    kinds = {"big": "generative", "svm": "discriminative"}
    lstms = [{"variant": name, "kind": kind, "step": None} for name, kind in kinds.items()]
    found, _ = write(lstms=lstms)
    (noise,) = found["questions"]["noise"]
    assert noise["variants"] == {"generative": "big", "discriminative": "svm"}
    of = found["variants"]
    for entry, row in zip(noise["shares"], (1, 2), strict=True):
        lost = {n: of[n]["accuracy"]["mean"] - of[n]["noise"][row]["accuracy"] for n in kinds}
        told = entry["difference"]["accuracy"]
        assert told["value"] == pytest.approx(lost["big"] - lost["svm"])
        assert told["low"] < told["value"] < told["high"]
    assert found["questions"]["bits"] == found["questions"]["calibration"] == []
