"""The output layer of a published classifier: which labels its rows are for, and in which order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNNAMED = re.compile(r"LABEL_\d+")  # what transformers writes where no names were given
FINE_TUNE = "fine-tune it (train.epochs)"


@dataclass(frozen=True)
class Head:
    """What happens to the output layer of a checkpoint.

    `order`: for each label of the data set the row that it has in the file; None if the layer is to be
    new, and `why` says the reason, in words that go on after the folder's name.
    """

    order: list[int] | None
    why: str = ""


def stated_labels(config: Mapping[str, Any]) -> list[str] | None:
    """Return the label names of a config.json in the order of the rows, None if it gives no names.

    They are in id2label or, the other way round, in label2id. LABEL_0, LABEL_1, ... are not names; two
    lists that contradict each other count as none.
    """
    forward, backward = config.get("id2label"), config.get("label2id")
    named, statements = [], set()
    if isinstance(forward, Mapping):
        named.append({str(index): str(name) for index, name in forward.items()})
    if isinstance(backward, Mapping):
        named.append({str(index): str(name) for name, index in backward.items()})
    for names in named:
        ordered = [names.get(str(index)) for index in range(len(names))]
        present = [name for name in ordered if name is not None]
        if present and len(present) == len(names) and not all(map(UNNAMED.fullmatch, present)):
            statements.add(tuple(present))
    return list(statements.pop()) if len(statements) == 1 else None


def head_of(
    config: Mapping[str, Any],
    rows: int | None,
    labels: Sequence[str],
    given: Sequence[str] | None = None,
) -> Head:
    """Decide on the output layer of a checkpoint for a data set that has these `labels`.

    `config` is its config.json, `rows` those of the layer in its weights (None: it has none), `given`
    the names that the user gave to the rows. The labels are compared as they are, then without regard
    to capitals, spaces, hyphens and underscores.
    """
    if rows is None:
        return Head(None, "its weights have no output layer")
    if config.get("problem_type") == "regression" and not given:
        return Head(None, f"its head is a regression's; {FINE_TUNE}")
    theirs = list(given) if given else stated_labels(config)
    ours = f"the data set has {len(labels)} ({shown(labels)})"
    if theirs is None and rows == len(labels):
        return Head(
            None,
            f"its config.json gives its {rows} labels no names, or contradicting ones, so their order is not known; "
            f"give them as `labels` of the model, in the order of its head, or {FINE_TUNE}",
        )
    if theirs is None or len(theirs) != rows:
        named = f"; {len(theirs)} are named ({shown(theirs)})" if theirs else ""
        return Head(None, f"a classifier of {rows} labels{named}, {ours}; {FINE_TUNE}")
    for form in (str, _plain):
        places = {form(name): row for row, name in enumerate(theirs)}
        normalised = [form(name) for name in labels]
        if len(places) == rows == len(set(normalised)) and set(normalised) == set(places):
            return Head([places[name] for name in normalised])
    way = "or give the data set its labels"
    if rows == len(labels):
        way += (
            ", or give the data set's names for its rows, in their order, as `labels` of the model"
        )
    return Head(
        None, f"a classifier of {rows} labels ({shown(theirs)}), {ours}; {FINE_TUNE}, {way}"
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def shown(names: Sequence[str], most: int = 12) -> str:
    """Return names in one line, of many only the first."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
