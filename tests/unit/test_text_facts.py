"""What a reader must know of the texts: shared by splits, without a label, cut; every number by hand."""

import numpy as np
import pandas
import pytest
from sklearn.metrics import f1_score
from tokenizers import Tokenizer

from emopress.artifact import read_json, write_json
from emopress.measure.cut import count_cut, shares_cut
from emopress.measure.evaluated import Evaluated
from emopress.measure.text_facts import leaked_scores, text_facts
from emopress.runtime.bundle import load

LABELS = ["joy", "fear", "anger"]


def evaluated(texts, truth, given):
    """Predictions `given` (variant -> a row per seed) of some test texts."""
    table = pandas.DataFrame({"id": range(len(texts)), "text": texts, "label": truth})
    predicted = np.array(list(given.values()))
    return Evaluated(
        variants=list(given),
        seeds=list(range(predicted.shape[1])),
        labels=LABELS,
        texts=table,
        noise=[0.0],
        predicted={0.0: predicted},
        confidence={},
        validation=np.zeros(len(given)),
        n_validation=2,
    )


@pytest.fixture
def splits(tmp_path):
    """Four training and two validation texts, one of which is a training text in capitals."""
    for name, rows in {
        "train": [("good day", 0), ("bad day", 1), ("Oh no!", 1), ("late", 2)],
        "validation": [("GOOD DAY", 0), ("why me", 1)],
    }.items():
        table = pandas.DataFrame(rows, columns=["text", "label"])
        table.to_parquet(tmp_path / f"{name}.parquet")
    return {name: tmp_path / f"{name}.parquet" for name in ("train", "validation")}


def test_shared_texts_and_labels_without_texts(splits):
    found = evaluated(
        ["good day", "oh, no", "why me?", "late", "new", "newer"],
        [0, 1, 1, 1, 0, 1],
        {"a": [[0, 1, 1, 0, 1, 1]]},
    )
    facts = text_facts(found, **splits, cut={})
    assert facts["n"] == {"train": 4, "validation": 2, "test": 6}
    assert facts["shared"] == {
        "exact": {
            "test_in_train": 2,
            "test_in_validation": 0,
            "test_in_train_or_validation": 2,
            "validation_in_train": 0,
        },
        "letters": {
            "test_in_train": 3,
            "test_in_validation": 2,  # "good day" too, which train has as well
            "test_in_train_or_validation": 4,
            "validation_in_train": 1,
        },
    }
    assert facts["without"] == {"train": [], "validation": ["anger"], "test": ["anger"]}
    scores = facts["leaked"]["variants"]["a"]
    assert scores["accuracy"] == [3 / 4, 1 / 2]
    assert facts["leaked"]["labels"] == 2
    # of joy and fear: 2/3 and 4/5 on the shared texts, 0 and 2/3 on the others
    assert scores["macro_f1"] == pytest.approx([(2 / 3 + 4 / 5) / 2, (0 + 2 / 3) / 2])
    # of all three, anger being 0
    assert scores["macro_f1_of_all"] == pytest.approx([(2 / 3 + 4 / 5) / 3, (0 + 2 / 3) / 3])


def test_the_scores_are_means_over_seeds_and_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=60)
    given = {name: rng.integers(3, size=(2, 60)) for name in ("a", "b")}
    known = rng.random(60) < 0.3
    found = evaluated([f"text {i}" for i in range(60)], truth, given)
    scores = leaked_scores(found, known)["variants"]
    for name, seeds in given.items():
        for place, rows in enumerate((known, ~known)):
            right = [(seed[rows] == truth[rows]).mean() for seed in seeds]
            macro = [f1_score(truth[rows], seed[rows], average="macro") for seed in seeds]
            assert scores[name]["accuracy"][place] == pytest.approx(np.mean(right))
            assert scores[name]["macro_f1"][place] == pytest.approx(np.mean(macro))


@pytest.mark.parametrize("known", [True, False])
def test_without_two_sorts_of_texts_there_is_nothing_to_compare(known):
    found = evaluated(["a", "b"], [0, 1], {"a": [[0, 1]]})
    assert leaked_scores(found, np.full(2, known)) is None


def test_sets_of_labels(splits):
    for path in splits.values():
        frame = pandas.read_parquet(path)
        frame.assign(label=[[one] for one in frame["label"]]).to_parquet(path)
    truth = [[0, 1], [1], [], [0]]
    table = np.zeros((1, 1, 4, 3), dtype=bool)
    table[0, 0, [0, 0, 3], [0, 1, 0]] = (
        True  # the first and the last text are right, and the empty one
    )
    found = evaluated(["good day", "late", "new", "newer"], truth, {"a": np.zeros((1, 4))})
    found.predicted[0.0] = table
    facts = text_facts(found, **splits, cut={})
    assert facts["without"] == {"train": [], "validation": ["anger"], "test": ["anger"]}
    scores = facts["leaked"]["variants"]["a"]
    assert scores["accuracy"] == [1 / 2, 1.0] and scores["sample_f1"] == [1 / 2, 1.0]
    assert facts["leaked"]["labels"] == 1 and scores["macro_f1"] == [1.0, 1.0]  # of joy alone


def words(count):
    return " ".join(["good"] * count)


@pytest.fixture
def lengths(tmp_path):
    """Texts of 1, 4, ... words as two splits."""
    paths = {}
    for name, counts in (("train", [1, 4, 60]), ("test", [200, 1])):
        paths[name] = tmp_path / f"{name}.parquet"
        table = pandas.DataFrame({"text": [words(count) for count in counts]})
        table.to_parquet(paths[name])
    return paths


@pytest.mark.parametrize("name", ["bert", "bert-dynamic", "distilbert"])
def test_what_is_cut_is_what_the_tokenizer_cuts(artifacts, lengths, name, caplog):
    caplog.set_level("INFO")
    classifier = load(artifacts.bundles[name])
    limit = classifier.max_length
    found = count_cut(classifier, lengths)
    plain = Tokenizer.from_file(str(artifacts.bundles[name] / "tokenizer.json"))
    plain.no_truncation()
    cut = {
        split: sum(
            len(plain.encode(text).ids) > limit for text in pandas.read_parquet(path)["text"]
        )
        for split, path in lengths.items()
    }
    assert found == {
        "max_length": limit,
        "unit": "tokens",
        "texts": {"train": 3, "test": 2},
        "cut": cut,
    }
    assert cut["test"] == 1
    told = f"test: 50.0 % of the texts (1 of 2) are longer than max_length {limit} tokens"
    assert told in caplog.text


def test_a_text_of_just_the_limit_is_whole(artifacts):
    """Special tokens count, as they do in training."""
    classifier = load(artifacts.bundles["bert"])
    fits = classifier.max_length - 2
    assert classifier.too_long([words(fits), words(fits + 1)]) == [False, True]


def test_a_linear_model_reads_all(artifacts, lengths):
    found = count_cut(load(artifacts.bundles["linear"]), lengths)
    assert found["max_length"] is None and found["cut"] == {"train": 0, "test": 0}


def test_shares_over_seeds(tmp_path):
    paths = {}
    for seed, cut in ((0, 1), (1, 2)):
        paths["a", seed] = tmp_path / f"{seed}.json"
        one = {"texts": {"train": 4}, "cut": {"train": cut}}
        write_json(paths["a", seed], {"max_length": 9, "unit": "tokens", **one})
    assert shares_cut(paths) == {"a": {"max_length": 9, "unit": "tokens", "shares": {"train": 0.5}}}
    assert read_json(paths["a", 1])["cut"] == {"train": 2}
