"""Right and wrong decisions per label, by hand, and in the report's table."""

from emopress.measure.details import label_decisions, predicted_counts
from emopress.report.tables.scores import class_table

# two labels, two seeds: [[TN, FP], [FN, TP]] each
SEEDS = {
    "0": {"label_confusion": [[[5, 1], [2, 2]], [[7, 0], [3, 0]]]},
    "1": {"label_confusion": [[[4, 2], [1, 3]], [[6, 1], [2, 1]]]},
}


def test_counts_are_summed_over_seeds():
    assert label_decisions(SEEDS) == {"TP": [5, 1], "FP": [3, 1], "FN": [3, 5], "TN": [9, 13]}
    assert label_decisions({"0": {"confusion": [[1]]}}) == {}


def test_the_table_has_them_only_where_texts_have_sets():
    scores = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 4}
    rows = {"per_class": {"joy": scores, "fear": scores}}
    tested = {"class_f1": {key: {"low": 0.4, "high": 0.6} for key in ("joy", "fear")}}
    entry = {"labels": ["joy", "fear"]}
    sets = {seed: {**rows, **counts} for seed, counts in SEEDS.items()}
    table = class_table(sets, tested, entry, "d", "v").splitlines()
    assert table[0].endswith("| Test texts | TP | FP | FN | TN |")
    assert table[2].startswith("| joy |") and table[2].endswith("| 4 | 5 | 3 | 3 | 9 |")
    assert table[3].endswith("| 4 | 1 | 1 | 5 | 13 |")
    one = {"0": {**rows, "confusion": [[2, 2], [0, 4]]}}
    assert "TP" not in class_table(one, tested, entry, "d", "v")


def test_shares_of_few_texts_stand_with_their_exact_interval():
    many = {"precision": 0.9, "recall": 1.0, "f1": 0.95, "support": 36}
    few = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 3}
    rows = {"per_class": {"joy": many, "fear": few}, "confusion": [[36, 0], [0, 3]]}
    tested = {"class_f1": {key: {"low": 0.4, "high": 0.6} for key in ("joy", "fear")}}
    table = class_table({"0": rows}, tested, {"labels": ["joy", "fear"]}, "d", "v").splitlines()
    assert table[2].startswith("| joy | 90.00 | 100.00 | 95.00 |")
    assert table[3].startswith("| fear | 100.00 (29.2 to 100.0) | 100.00 (29.2 to 100.0) |")
    assert predicted_counts(SEEDS, ["joy", "fear"]) == [4.0, 1.0]  # 3 and 5, 0 and 2
    wrong = {"confusion": [[1, 2], [0, 3]]}
    assert predicted_counts({"0": wrong, "1": rows}, ["joy", "fear"]) == [18.5, 4.0]
