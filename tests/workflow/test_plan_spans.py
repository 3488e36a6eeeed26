"""Joined spans through the workflow: made, labelled by two teachers of two families, and learnt from."""

from emopress.artifact import read_json
from emopress.train.logits import read_logits, teacher_facts
from emopress.train.spans import folds_of, read_spans
from emopress.train.splits import read_split


def test_a_student_of_two_teachers_learns_from_joined_spans(plan, miniature, tmp_path):
    spans = {"texts": 60, "folds": 3}
    kd = {"kind": "distill", "student": "dense", "teachers": ["dense"], "joined_spans": spans}
    kd["train"] = {"epochs": 1, "learning_rate": 0.01}
    miniature["passes"] = {"kd": kd}
    miniature["models"] = {name: miniature["models"][name] for name in ("linear", "dense")}
    miniature["study"][0] |= {"variants": ["linear", "linear+kd"], "reference": "linear"}
    student = "results/demo-en/linear+kd/seed0/checkpoint/checkpoint.json"
    plan(miniature, student, executor="local")
    assert plan(miniature, student).needed == set()

    data = tmp_path / "results" / "data" / "demo-en"
    made = read_spans(data / "joined-spans" / "60-in-3.seed0.parquet")
    split = read_split(data / "train.parquet")
    fold = dict(zip(split.ids, folds_of(split.labels, folds=3, seed=0).tolist(), strict=True))
    named = [name.split("+") for name in made.ids]
    assert [[fold[one] for one in pair] for pair in named] == [[f, f] for f in made.folds.tolist()]
    for teacher in ("linear", "dense"):
        logits = tmp_path / "results" / "demo-en" / teacher / "seed0" / "logits"
        assert read_logits(logits / "joined-spans.60-in-3.safetensors", ids=made.ids).shape == (
            60,
            6,
        )
        facts = [teacher_facts(path) for path in sorted(logits.iterdir())]
        assert len(facts) == 2 and facts[0] == facts[1]
    recipe = read_json(tmp_path / student)["recipe"]
    assert recipe[-1]["joined_spans"] == spans

    del kd["joined_spans"]
    assert "joined_spans" not in plan(miniature, student).counts
