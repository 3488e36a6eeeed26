"""Which rules make, export and evaluate LSTM classifiers."""

import pytest

TOKENIZER = {"train": "words", "vocab_size": 300}
SHAPE = {"family": "lstm", "width": 8, "state": 8, "tokenizer": TOKENIZER}
TRAIN = {"epochs": 1, "learning_rate": 0.01}


@pytest.fixture
def config(miniature):
    """The miniature study with LSTM classifiers in the place of its variants."""
    miniature["models"] |= {
        "disc": {**SHAPE, "kind": "discriminative", "train": TRAIN},
        "gen": {**SHAPE, "kind": "generative", "label_width": 4, "train": TRAIN},
    }
    miniature["passes"]["kd"] = {"kind": "distill", "student": "disc"}
    variants = ["disc", "gen", "gen+int8-dynamic", "gen+kd", "tiny", "tiny+kd"]
    miniature["study"][0]["variants"] = variants
    return miniature


def test_every_rule_makes_its_own(plan, config):
    jobs = plan(config).jobs
    made = {rule: [wildcards for name, wildcards in jobs if name == rule] for rule, _ in jobs}
    assert {w["model"] for w in made["train_lstm"]} == {"disc", "gen"}
    assert {w["variant"] for w in made["export_lstm"]} == {"disc", "gen", "gen+kd", "tiny+kd"}
    assert len(made["distill_lstm"]) == 2 and "distill" not in made
    assert [w["variant"] for w in made["export"]] == ["tiny"]
    assert {w["variant"] for w in made["predict_generative"]} == {"gen", "gen+int8-dynamic"}
    assert {w["variant"] for w in made["predict"]} == {"disc", "gen+kd", "tiny", "tiny+kd"}


def test_a_tokenizer_is_fetched(plan, config, tmp_path):
    (tmp_path / "tokenizers" / "bert-base-uncased").mkdir(parents=True)
    config["mirror"] = str(tmp_path)
    config["models"]["gen"]["tokenizer"] = {"from_mirror": "bert-base-uncased"}
    path = "results/demo-en/gen/seed0/checkpoint/checkpoint.json"
    assert set(plan(config, path).counts) == {
        "fetch_data",
        "prepare_data",
        "fetch_tokenizer",
        "train_lstm",
    }
