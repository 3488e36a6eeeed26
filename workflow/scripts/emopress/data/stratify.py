"""Cuts texts with any number of labels in two parts that have each label in the same share."""

from collections.abc import Sequence

import numpy as np


def iterative_split(
    labels: Sequence[tuple[int, ...]], *, share: float, seed: int, classes: int
) -> np.ndarray:
    """Return which of N texts go into a part of about `share` of them, bools [N].

    `labels`: the class indices of each text, none of them twice. Iterative stratification (Sechidis,
    Tsoumakas, Vlahavas 2011, "On the stratification of multi-label data", algorithm 1, for two
    parts): again and again the label with the fewest texts left is taken, and each of its texts goes
    where most of this label are still missing; of equals, where most texts are missing; of equals,
    where a coin with `seed` says. Texts come in an order that the seed shuffles. Those without any
    label are shared out last, by the number of texts alone. The part's size is not exact, as the
    labels come first: it may be off by a few texts per label.
    ValueError for a label that has a single text, which no cut can share.
    """
    texts = len(labels)
    rng = np.random.default_rng(seed)
    members: list[list[int]] = [[] for _ in range(classes)]
    for text in rng.permutation(texts).tolist():
        for label in labels[text]:
            members[label].append(text)
    left = np.array([len(texts_of_label) for texts_of_label in members])
    if (left == 1).any():
        raise ValueError("a label has only 1 text; it takes 2 to have some in both parts")
    shares = np.array([1 - share, share])  # of the rest and of the part
    missing = np.outer(left, shares)  # [classes, 2] texts
    missing_texts = texts * shares
    place = np.full(texts, -1)

    def put(text: int, missing_here: np.ndarray) -> None:
        best = np.flatnonzero(missing_here == missing_here.max())
        best = best[missing_texts[best] == missing_texts[best].max()]
        where = int(best[0] if len(best) == 1 else rng.choice(best))
        place[text] = where
        missing_texts[where] -= 1
        for label in labels[text]:
            missing[label, where] -= 1
            left[label] -= 1

    while left.any():
        rarest = int(np.where(left > 0, left, texts + 1).argmin())
        for text in members[rarest]:
            if place[text] < 0:
                put(text, missing[rarest])
    for text in np.flatnonzero(place < 0).tolist():
        put(text, missing_texts)
    return place == 1
