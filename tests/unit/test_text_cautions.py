"""What the answer says of the texts: each number by hand, and silence where there is nothing to say."""

import copy

import pytest

from emopress.measure.deciding import Judge
from emopress.report.tables.data_card import cut_table
from emopress.report.words.text_cautions import few_vectors, text_cautions

NONE = {
    "test_in_train": 0,
    "test_in_validation": 0,
    "test_in_train_or_validation": 0,
    "validation_in_train": 0,
}
WHOLE = {
    "max_length": None,
    "unit": "tokens",
    "shares": dict.fromkeys(("train", "validation", "test"), 0.0),
}
CLEAN = {
    "n": {"train": 4000, "validation": 400, "test": 500},
    "shared": {"exact": NONE, "letters": NONE},
    "leaked": None,
    "without": {"train": [], "validation": [], "test": []},
    "cut": {"linear": WHOLE, "big": WHOLE, "big+int8": WHOLE, "big+kd": WHOLE, "big+fp16": WHOLE},
}
F1 = {"joy": {"mean": 0.6}, "fear": {"mean": 0.5}, "love": {"mean": 0.0}, "awe": {"mean": 0.4}}
VARIANTS = {name: {"class_f1": F1} for name in CLEAN["cut"]}


@pytest.fixture
def texts():
    return copy.deepcopy(CLEAN)


def cut(train, validation, test, max_length=32, unit="tokens"):
    shares = {"train": train, "validation": validation, "test": test}
    return {"max_length": max_length, "unit": unit, "shares": shares}


def told_of(variant, texts):
    return text_cautions(variant, texts, VARIANTS, judge=Judge("single", "accuracy"))


def test_clean_texts_need_no_word(texts):
    assert told_of("linear", texts) == []


def test_few_texts(texts):
    texts["n"] |= {"test": 36, "validation": 18}
    assert told_of("linear", texts) == [
        "There are only 36 test texts (each is worth 2.8 points of accuracy) and 18 validation texts, on which "
        "variants were chosen, so small differences may be due to chance."
    ]
    texts["n"] |= {"test": 99, "validation": 100}
    (line,) = text_cautions("linear", texts, VARIANTS, judge=Judge("single", "macro_f1"))
    assert line == "There are only 99 test texts, so small differences may be due to chance."
    texts["n"]["test"] = 100
    assert told_of("linear", texts) == []


def test_shared_texts_with_both_scores(texts):
    texts["shared"] = {
        "letters": {
            "test_in_train": 118,
            "test_in_validation": 4,
            "test_in_train_or_validation": 121,
            "validation_in_train": 10,
        },
        "exact": {**NONE, "test_in_train_or_validation": 110},
    }
    texts["leaked"] = {
        "labels": 3,
        "variants": {
            "linear": {
                "accuracy": [0.66215, 0.5637],
                "macro_f1": [0.61, 0.52],
                "macro_f1_of_all": [0.46, 0.39],
            },
            "big": {"accuracy": [1.0, 0.5], "macro_f1": [1.0, 0.4]},
        },
    }
    start = (
        "121 of the 500 test texts (24.2 %) also occur in train or validation if only letters are compared (118 in "
        "train, 4 in validation; 110 match in every character, as models read them). "
    )
    shared, again = told_of("linear", texts)
    assert shared == start + (
        "`linear` has 66.22 % accuracy on these (n = 121) and 56.37 % on the others (n = 379): expect the latter "
        "on new texts."
    )
    assert again == (
        "10 of the 400 validation texts (2.5 %) also occur in train if only letters are compared: choices made on "
        "validation rely in part on texts that were trained on."
    )
    assert told_of("big", texts)[0].startswith(f"{start}`big` has 100.00 % accuracy")
    shared, _ = text_cautions("linear", texts, VARIANTS, judge=Judge("single", "macro_f1"))
    assert (
        "61.00 % macro F1 on these (n = 121) and 52.00 % on the others (n = 379), over the 3 labels that both "
        "have. Over all 4 labels it has 39.00 % on the others: expect that on new texts."
    ) in shared
    texts["leaked"]["labels"] = 4
    shared, _ = text_cautions("linear", texts, VARIANTS, judge=Judge("single", "macro_f1"))
    assert shared.endswith("52.00 % on the others (n = 379): expect the latter on new texts.")


def test_a_single_shared_text(texts):
    texts["shared"]["letters"] = {**NONE, "test_in_train": 1, "test_in_train_or_validation": 1}
    texts["leaked"] = {
        "labels": 1,
        "variants": {"linear": {"macro_f1": [1.0, 0.5], "macro_f1_of_all": [0.25, 0.7]}},
    }
    (line,) = text_cautions("linear", texts, VARIANTS, judge=Judge("multi", "macro_f1"))
    assert line.startswith("1 of the 500 test texts (0.2 %) also occurs in train or validation")
    assert "over the 1 label that both have" in line


def test_all_texts_shared(texts):
    texts["shared"]["letters"] = {**NONE, "test_in_train": 500, "test_in_train_or_validation": 500}
    (line,) = told_of("linear", texts)
    assert line.startswith("500 of the 500 test texts (100.0 %)")
    assert line.endswith("So it is not known how good the model is on texts that it has not seen.")


def test_labels_without_texts(texts):
    texts["without"] |= {"test": ["love"], "validation": ["love", "awe"]}
    test, validation = text_cautions(
        "linear", texts, VARIANTS, judge=Judge("multi", "subset_accuracy")
    )
    assert test == (
        "No test text has the label `love`: nothing is known about it, and macro F1 counts it as 0. Over the other 3 "
        "labels `linear` has a macro F1 of 50.00 %, with it 37.50 %."
    )
    assert validation == (
        "No validation text has the labels `love`, `awe`: epochs and variants were chosen without them, and "
        "their thresholds could not be tuned."
    )
    _, single = told_of("linear", texts)
    assert single.endswith("epochs and variants were chosen without them.")


def test_a_hostile_label_is_text(texts):
    texts["without"]["test"] = ["x|<b>`"]
    (line,) = text_cautions(
        "linear",
        texts,
        {"linear": {"class_f1": {"x|<b>`": {"mean": 0.0}, **F1}}},
        judge=Judge("single", "accuracy"),
    )
    assert "<b>" not in line and "x\\|&lt;b&gt;" in line


def test_texts_that_the_chosen_variant_cuts(texts):
    texts["cut"]["big"] = cut(1.0, 1.0, 0.9958)
    assert told_of("big", texts) == [
        "100.0 % of the texts are longer than max_length (32 tokens) and were cut off (train 100.0 %, validation "
        "100.0 %, test 99.6 %): `big` does not read their ends (a larger max_length would help)."
    ]
    texts["cut"]["big"] = cut(0.0, 0.2, 0.1, max_length=6, unit="words")
    assert told_of("big", texts) == [
        "20.0 % of the texts are longer than max_length (6 words) and were cut off (train 0.0 %, validation 20.0 %, "
        "test 10.0 %): `big` does not read their ends."
    ]


def test_texts_that_only_others_cut(texts):
    texts["cut"] |= {"big": cut(0.08, 0.07, 0.06), "big+int8": cut(0.08, 0.07, 0.06)}
    told = (
        "8.0 % of the texts are longer than max_length (32 tokens) and were cut off "
        "(train 8.0 %, validation 7.0 %, test 6.0 %)"
    )
    assert told_of("linear", texts) == [
        f"It is compared with `big`, `big+int8`, for which {told}; `linear` reads all of them whole."
    ]
    texts["cut"] |= {name: cut(0.06, 0.0, 0.0) for name in ("big+kd", "big+fp16")}
    texts["cut"]["linear"] = cut(0.01, 0.0, 0.0, max_length=64, unit="words")
    assert told_of("linear", texts) == [
        f"It is compared with `big`, `big+int8`, `big+kd` and 1 more, for which up to {told}; `linear` reads "
        "more of them."
    ]


@pytest.mark.parametrize(("share", "lines"), [(0.05, 0), (0.051, 1)])
@pytest.mark.parametrize("place", range(3))
def test_above_five_percent_of_any_split(texts, share, lines, place):
    texts["cut"]["big"] = cut(*(share if i == place else 0.0 for i in range(3)))
    assert len(told_of("big", texts)) == lines


def test_few_words_with_a_pretrained_vector():
    def seeds(*shares):
        return {
            str(i): {"findings": {"d": {"words_in_the_file_share": s}}}
            for i, s in enumerate(shares)
        }

    assert (
        few_vectors({"0": {"findings": {"d": {"words": 3}}}}) == few_vectors(seeds(0.5, 0.9)) == []
    )
    assert few_vectors(seeds(0.5, 0.481)) == [
        "Its file of word vectors has only 48.1 % of the words of the training texts: the file may be "
        "for another language or spelling."
    ]


def test_the_data_card_has_a_row_per_way_of_reading(texts):
    texts["cut"] |= {
        "big": cut(0.08, 0.07, 0.06),
        "big+int8": cut(0.08, 0.07, 0.06),
        "big+kd": cut(0, 0, 0, 200, "words"),
    }
    assert cut_table(texts["cut"]).splitlines() == [
        "| Reads at most | Variants | train | validation | test |",
        "| :--- | :--- | ---: | ---: | ---: |",
        "| the whole text | `linear`, `big+fp16` | 0.0 % | 0.0 % | 0.0 % |",
        "| 32 tokens | `big`, `big+int8` | 8.0 % | 7.0 % | 6.0 % |",
        "| 200 words | `big+kd` | 0.0 % | 0.0 % | 0.0 % |",
    ]
