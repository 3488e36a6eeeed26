"""Divides the rows of a data set into train, validation and test."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.data.stratify import iterative_split
from emopress.errors import UserError

SPLITS = ("train", "validation", "test")
METHODS = ("paper", "given", "clean")
VARIATION_SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
SENTENCE_ENDS = ".!?\u0589\u061f\u06d4\u0964\u0965\u1362\u3002"  # of Armenian, Arabic, Urdu, Indic, Ethiopic, CJK


def letters_key(text: str) -> str:
    """Return what two texts share that differ only in case, white space, punctuation and symbols.

    NFKC and case folding, then everything but letters, marks and numbers goes (Unicode L, M and N;
    marks include the vowel signs of Bengali). Of a text with fewer than two letters that leaves too
    little to tell it from others (`k 😀` and `k 😡`, `<3`, `5/5`, an emoji with its variation selector):
    it is compared as it is but for case, white space, variation selectors (which say how a sign
    looks) and, where there is a letter or a number, the marks that end a sentence.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kinds = [unicodedata.category(char)[0] for char in folded]
    if kinds.count("L") >= 2:
        return "".join(char for char, kind in zip(folded, kinds, strict=True) if kind in "LMN")
    whole = VARIATION_SELECTORS.sub("", "".join(folded.split()))
    return whole.rstrip(SENTENCE_ENDS) if "L" in kinds or "N" in kinds else whole


def shared_texts(keys: Mapping[str, pd.Series]) -> dict[str, int]:
    """Return how many texts of one split have the key of a text of another one."""
    train, validation = set(keys["train"]), set(keys["validation"])
    return {
        "test_in_train": int(keys["test"].isin(train).sum()),
        "test_in_validation": int(keys["test"].isin(validation).sum()),
        "test_in_train_or_validation": int(keys["test"].isin(train | validation).sum()),
        "validation_in_train": int(keys["validation"].isin(train).sum()),
    }


def make_splits(
    rows: pd.DataFrame, split: dict[str, Any], labels: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return train, validation and test: frames of id, text (raw) and label, in file order.

    `label` is a class index (int64), or where a text has a tuple of labels that of their indices,
    ascending. `rows` as `read_rows` gives them; `split` has `method`, and unless the files are the splits
    `test_size` (share of all), `validation_size` (share of what is left for training) and `seed`.

    - `paper`: the published split. Rows equal in text and label count once, then scikit-learn's
      `train_test_split(test_size, random_state=seed)` in file order, not stratified, makes test;
      validation is cut from train only, stratified by label, with the same seed. Where the files
      are the splits, those are the published ones, as with `given`.
    - `given`: the files are the splits, unchanged.
    - `clean`: texts with one `letters_key` are a group; a group with more than one label goes, of
      any other the first text stays, so no group is in two splits. Both cuts are stratified by
      label. Where the files are the splits, the text in test stays, else the one in validation.

    Where the files are train and test, by any method validation is cut from train, stratified by label.
    Where texts have sets of labels, a row repeats or contradicts another by its whole set, and what
    is stratified is so iteratively, with sizes that are not exact (`stratify.iterative_split`).
    A split without rows, or a label too rare to be divided, is a UserError.
    """
    method = split["method"]
    if method not in METHODS:
        raise UserError(f"split: unknown method '{method}'; allowed: {', '.join(METHODS)}")
    index = {label: position for position, label in enumerate(labels)}
    table = rows[["id", "text"]].assign(label=_indices(rows["label"], index))
    has_given = bool(rows["given_split"].notna().any())
    if has_given and not rows["given_split"].isin(SPLITS).all():
        raise UserError(
            "split: either every file of the source has a `split` or none; "
            f"allowed: {', '.join(SPLITS)}"
        )
    if method == "given" and not has_given:
        raise UserError(
            "split: method 'given' needs a `split` (train, validation, test) for every file of the "
            "source; allowed without: paper, clean"
        )
    if has_given:
        kept = table if method != "clean" else _one_per_group(table, rows["given_split"])
        given = rows["given_split"].loc[kept.index]
        parts = {name: kept[given == name] for name in SPLITS}
        if not (rows["given_split"] == "validation").any() and not parts["train"].empty:
            parts["train"], parts["validation"] = _cut(
                parts["train"], split["validation_size"], split["seed"], True, labels, "validation"
            )
    else:
        kept = (
            table.drop_duplicates(["text", "label"]) if method == "paper" else _one_per_group(table)
        )
        stratified = method == "clean"
        rest, test = _cut(kept, split["test_size"], split["seed"], stratified, labels, "test")
        train, validation = _cut(
            rest, split["validation_size"], split["seed"], True, labels, "validation"
        )
        parts = {"train": train, "validation": validation, "test": test}
    for name, part in parts.items():
        if part.empty:
            raise UserError(f"split: method '{method}' leaves no text for {name}")
    return {name: part.reset_index(drop=True) for name, part in parts.items()}


def _indices(names: pd.Series, index: dict[str, int]) -> pd.Series:
    """Return class indices for label names, ascending tuples of them for tuples."""
    if isinstance(names.iloc[0], tuple):
        return names.map(lambda labels: tuple(sorted(index[name] for name in labels)))
    return names.map(index).astype("int64")


def label_counts(label: pd.Series, labels: Sequence[str]) -> dict[str, int]:
    """Return how many texts have each label, given class indices or tuples of them."""
    counts = label.explode().value_counts()
    return {name: int(counts.get(index, 0)) for index, name in enumerate(labels)}


def _one_per_group(table: pd.DataFrame, given: pd.Series | None = None) -> pd.DataFrame:
    """Keep one row of each group of equal `letters_key`, none of a group with several labels."""
    keys = table["text"].map(letters_key)
    agreeing = table["label"].groupby(keys).transform("nunique") == 1
    kept, keys = table[agreeing], keys[agreeing]
    if given is not None:
        # A text of test must not be trained on, so test keeps it and the others lose it.
        order = given[agreeing].map({"test": 0, "validation": 1, "train": 2})
        keys = keys.loc[order.sort_values(kind="stable").index]
    first = keys.drop_duplicates().index
    return kept.loc[first.sort_values()]


def _cut(
    table: pd.DataFrame,
    size: float,
    seed: int,
    stratified: bool,
    labels: Sequence[str],
    what: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (the rest, a part of share `size`), both in file order."""
    from sklearn.model_selection import train_test_split

    sets = isinstance(table["label"].iloc[0], tuple)
    try:
        if stratified and sets:
            inside = iterative_split(
                table["label"].tolist(), share=size, seed=seed, classes=len(labels)
            )
            return table[~inside], table[inside]
        rest, part = train_test_split(
            table,
            test_size=size,
            random_state=seed,
            stratify=table["label"] if stratified else None,
        )
    except ValueError as error:
        shown = ", ".join(f"{name} {n}" for name, n in label_counts(table["label"], labels).items())
        why = str(error) if sets else "both parts need texts of every label"
        raise UserError(
            f"split: cannot cut {what} (share {size}) from {len(table)} texts ({shown}): {why}; "
            f"give more texts, or another split.{what}_size"
        ) from error
    return rest.sort_index(), part.sort_index()
