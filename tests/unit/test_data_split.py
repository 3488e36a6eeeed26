"""Splits: the published procedure to the letter, and no shared text in the clean one."""

import pandas as pd
import pytest

from emopress.data.split import SPLITS, letters_key, make_splits
from emopress.errors import UserError

LABELS = ["joy", "sadness"]
SIZES = {"test_size": 0.3, "validation_size": 0.1, "seed": 42}


def rows_of(texts, labels, given=None):
    return pd.DataFrame(
        {
            "id": [f"demo-{row:05d}" for row in range(1, len(texts) + 1)],
            "row": range(1, len(texts) + 1),
            "text": texts,
            "label": labels,
            "given_split": pd.Series(given or [None] * len(texts), dtype=object),
            "numeric": False,
        }
    )


@pytest.fixture
def rows():
    texts = [f"text {number // 2 * 2 if number % 10 == 1 else number}" for number in range(200)]
    texts += ["Text 4!", "text 6 ?", "twice", "twice"]
    labels = ["joy" if number // 2 % 3 else "sadness" for number in range(200)]
    return rows_of(texts, [*labels, labels[4], "sadness", "joy", "sadness"])


def test_letters_key():
    assert letters_key("  কী\u2014হ\u2019ল?! ") == letters_key("কী হল") == "কীহল"
    assert letters_key("\uff21\u200d b") == "ab"
    assert letters_key("\u2764 !") == "\u2764!" != letters_key("!")


@pytest.mark.parametrize(
    "texts",
    [
        ["❤\ufe0f", "☹\ufe0f", "☀\ufe0f"],  # with the selector of their looks
        ["1\ufe0f\u20e3", "2\ufe0f\u20e3", "1"],  # keycaps
        ["🇧🇩", "🇧🇷", "👍🏽", "👍🏿", "👨\u200d👩\u200d👧", "👨\u200d👩\u200d👦"],
        ["k 😀", "k 😡", "K", "না 😀", "না 😡", "好👍", "好👎"],  # one letter and a sign
        ["<3", ":3", "3", ":D", "D:", "d", "5/5", "55"],
        ["!!!", "???", "...", "\u0301", "\u0300", "\u200d", "\u200b"],
    ],
)
def test_texts_that_are_hardly_letters_are_not_taken_for_one_another(texts):
    assert len({letters_key(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("❤\ufe0f", " ❤"),  # one heart, typed on two phones
        ("k", "K!!"),
        ("好", "好。"),
        ("না", "না।"),
        ("5/5", "5 / 5."),
        ("so happy", "So happy!! 😀"),
        ("so happy", "(so) 'happy'"),
    ],
)
def test_texts_that_say_the_same(text, same):
    assert letters_key(text) == letters_key(same)


def test_one_emoji_per_text_is_split_and_not_dropped():
    faces = {"joy": "☺❤✌☀⭐☘", "sadness": "☹☁☂⛈❄☔"}
    texts = [(f"{face}\ufe0f", label) for label, found in faces.items() for face in found]
    made = make_splits(
        rows_of(*map(list, zip(*texts, strict=True))),
        {"method": "clean", "test_size": 0.3, "validation_size": 0.25, "seed": 1},
        LABELS,
    )
    assert sorted(pd.concat(made.values())["text"]) == sorted(text for text, _ in texts)


def test_paper_is_the_published_procedure(rows):
    from sklearn.model_selection import train_test_split

    made = make_splits(rows, {"method": "paper", **SIZES}, LABELS)
    unique = rows.drop_duplicates(["text", "label"])
    train, test, train_y, _ = train_test_split(
        unique["text"].tolist(), unique["label"].tolist(), test_size=0.3, random_state=42
    )
    assert sorted(made["test"]["text"]) == sorted(test)
    assert sorted([*made["train"]["text"], *made["validation"]["text"]]) == sorted(train)
    assert len(made["validation"]) == pytest.approx(0.1 * len(train), abs=1)
    share = made["validation"]["label"].mean() - sum(y == "sadness" for y in train_y) / len(train)
    assert abs(share) < 0.05


def test_clean_shares_no_group(rows):
    made = make_splits(rows, {"method": "clean", **SIZES}, LABELS)
    keys = {part: set(made[part]["text"].map(letters_key)) for part in SPLITS}
    assert not keys["train"] & keys["test"]
    assert not keys["train"] & keys["validation"]
    assert not keys["validation"] & keys["test"]
    texts = pd.concat(made.values())["text"]
    assert "twice" not in set(texts)
    assert texts.map(letters_key).is_unique
    assert (letters_key("text 4") in keys["train"] | keys["validation"] | keys["test"]) is True


@pytest.mark.parametrize("method", ["paper", "clean"])
def test_frames_are_deterministic_and_in_file_order(rows, method):
    first = make_splits(rows, {"method": method, **SIZES}, LABELS)
    again = make_splits(rows.copy(), {"method": method, **SIZES}, LABELS)
    other = make_splits(rows, {"method": method, **SIZES, "seed": 7}, LABELS)
    for part in SPLITS:
        pd.testing.assert_frame_equal(first[part], again[part])
        assert list(first[part].columns) == ["id", "text", "label"]
        assert first[part]["label"].dtype == "int64"
        assert first[part]["id"].is_monotonic_increasing
    assert first["test"]["id"].tolist() != other["test"]["id"].tolist()
    ids = pd.concat(first.values())["id"]
    assert ids.is_unique


def test_labels_are_positions_in_the_config(rows):
    made = make_splits(rows, {"method": "paper", **SIZES}, ["sadness", "joy"])
    by_id = rows.set_index("id")["label"]
    for part in made.values():
        assert [["sadness", "joy"][label] for label in part["label"]] == by_id[part["id"]].tolist()


GIVEN = rows_of(
    ["a", "b", "b!", "c", "d", "A.", "c", "e", "a", "d", "f"],
    ["joy", "joy", "joy", "joy", "joy", "joy", "joy", "joy", "joy", "sadness", "sadness"],
    ["train"] * 5 + ["validation"] * 3 + ["test"] * 3,
)


@pytest.mark.parametrize("method", ["given", "paper"])
def test_published_splits_stay_as_they_are(method):
    made = make_splits(GIVEN, {"method": method}, LABELS)
    assert {part: made[part]["text"].tolist() for part in SPLITS} == {
        "train": ["a", "b", "b!", "c", "d"],
        "validation": ["A.", "c", "e"],
        "test": ["a", "d", "f"],
    }


def test_clean_takes_test_texts_out_of_train_and_validation():
    made = make_splits(GIVEN, {"method": "clean"}, LABELS)
    assert {part: made[part]["text"].tolist() for part in SPLITS} == {
        "train": ["b"],  # "a" stands in test, "c" in validation, "d" has two labels
        "validation": ["c", "e"],
        "test": ["a", "f"],
    }


def two_files(labels=("joy", "sadness"), sets=False):
    """Return 100 texts of train, one in five of the second label, and 20 of test."""
    names = [labels[n % 5 == 0] for n in range(120)]
    texts = [f"text {n}" for n in range(120)]
    rows = rows_of(texts, names, ["train"] * 100 + ["test"] * 20)
    return rows.assign(label=[(name,) for name in names]) if sets else rows


@pytest.mark.parametrize("method", ["given", "paper", "clean"])
def test_validation_is_cut_from_train_where_no_file_is_one(method):
    split = {"method": method, **SIZES}
    rows = two_files()
    made = make_splits(rows, split, LABELS)
    assert made["test"]["text"].tolist() == rows["text"][100:].tolist()
    assert made["validation"]["label"].value_counts().to_dict() == {0: 8, 1: 2}
    assert made["train"]["label"].value_counts().to_dict() == {0: 72, 1: 18}
    train = pd.concat([made["train"], made["validation"]])["text"]
    assert sorted(train) == sorted(rows["text"][:100])
    pd.testing.assert_frame_equal(
        made["validation"], make_splits(rows, split, LABELS)["validation"]
    )
    other = make_splits(rows, split | {"seed": 7}, LABELS)
    assert made["validation"]["id"].tolist() != other["validation"]["id"].tolist()


def test_validation_that_is_cut_shares_no_text_with_a_clean_train():
    rows = two_files()
    rows.loc[50:59, "text"] = [f"TEXT {n}!" for n in range(10)]  # as ten others of train
    rows.loc[60:62, "text"] = [f"text {n}." for n in range(100, 103)]  # as three of test
    made = make_splits(rows, {"method": "clean", **SIZES}, LABELS)
    keys = {part: set(made[part]["text"].map(letters_key)) for part in SPLITS}
    assert not keys["validation"] & keys["train"] and not keys["test"] & keys["train"]
    assert not keys["test"] & keys["validation"]


def test_validation_of_sets_is_cut_iteratively():
    made = make_splits(two_files(sets=True), {"method": "given", **SIZES}, LABELS)
    counts = made["validation"]["label"].value_counts().to_dict()
    assert counts == {(0,): 8, (1,): 2} and len(made["train"]) == 90


def test_a_label_of_train_that_is_too_rare_for_validation():
    rows = two_files()
    rows.loc[1, "label"], rows.loc[0::5, "label"] = "sadness", "joy"
    with pytest.raises(
        UserError, match=r"cannot cut validation \(share 0.1\) from 100 texts \(joy"
    ):
        make_splits(rows, {"method": "given", **SIZES}, LABELS)


def test_what_cannot_be_split():
    few = rows_of(["a", "b", "c"], ["joy", "joy", "sadness"])
    with pytest.raises(UserError, match=r"cannot cut test \(share 0.3\) from 3 texts \(joy 2"):
        make_splits(few, {"method": "clean", **SIZES}, LABELS)
    with pytest.raises(UserError, match="method 'given' needs a `split`"):
        make_splits(few, {"method": "given"}, LABELS)
    with pytest.raises(UserError, match="unknown method 'random'; allowed: paper, given, clean"):
        make_splits(few, {"method": "random"}, LABELS)
    mixed = rows_of(["a", "b"], ["joy", "joy"], ["train", None])
    with pytest.raises(UserError, match="either every file of the source has a `split` or none"):
        make_splits(mixed, {"method": "given"}, LABELS)
    no_test = rows_of(["a", "b"], ["joy", "joy"], ["train", "validation"])
    with pytest.raises(UserError, match="leaves no text for test"):
        make_splits(no_test, {"method": "given"}, LABELS)
