"""Writes noisy copies of the test texts: characters deleted, swapped, replaced or inserted, seeded.

Typing errors made up by chance are the usual test of how a text model bears what users really type
(Belinkov and Bisk 2018, Synthetic and Natural Noise Both Break Neural Machine Translation). There they
are made within words, and so they are here: white space stays where it is.

A character is what a reader takes for one: an extended grapheme cluster (Unicode Standard Annex 29), so
that a Bengali conjunct with its vowel sign is moved, lost or replaced as a whole.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import pandas
import regex

from emopress.artifact import replaced_file
from emopress.errors import UserError

SEED = 0  # the same noisy texts for every bundle, seed and run
CLUSTER = regex.compile(r"\X")
COMBINING = regex.compile(r"\p{M}|[\u200c\u200d]")  # joins the character before it


def characters(text: str) -> list[str]:
    """Return the grapheme clusters of a text; joined they are the text."""
    return CLUSTER.findall(text)


def blank(character: str) -> bool:
    """Return whether a cluster is white space, or a mark that hangs on white space."""
    return character[0].isspace()


class Alphabet:
    """The characters of some texts, drawn as often as they occur there.

    White space is left out, and so are marks that stand alone: they would join the character before.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(characters(text))
        for character in list(counts):
            if blank(character) or COMBINING.match(character):
                del counts[character]
        self.characters = sorted(counts)
        self.ends = list(accumulate(counts[character] for character in self.characters))

    def draw(self, rng: np.random.Generator) -> str:
        """Return a character; each is as likely as it is frequent."""
        return self.characters[bisect_right(self.ends, int(rng.integers(self.ends[-1])))]

    def draw_other(self, rng: np.random.Generator, character: str) -> str:
        """Return a character that is not `character`; there must be one."""
        while (drawn := self.draw(rng)) == character:
            pass
        return drawn


def edits(characters: int, share: float, rng: np.random.Generator) -> int:
    """Return how many of `characters` are changed: characters x share, rounded up or down by chance.

    It is rounded up with the probability of its fraction, so that the mean is the nominal share for
    texts of every length; rounding to the nearest would leave short texts alone, and a binomial
    count would add a spread that has nothing to do with the model.
    """
    exact = characters * share
    return int(exact) + int(rng.random() < exact - int(exact))


def noisy(text: str, share: float, rng: np.random.Generator, alphabet: Alphabet) -> str:
    """Return `text` with `share` of its characters changed, white space not counted.

    The characters are drawn without repetition. Each is deleted, swapped with a neighbour, replaced,
    or gets a new one before or behind it, with equal probabilities among what is possible there and
    changes the text: a swap needs a different neighbour in the same word that is not to be changed
    itself, and the last character of a text is not deleted.
    """
    result = characters(text)
    places = [place for place, one in enumerate(result) if not blank(one)]
    chosen = rng.choice(len(places), size=edits(len(places), share, rng), replace=False)
    changed = {places[index] for index in chosen}
    left = len(places)
    for place in sorted(changed, reverse=True):  # from the end: the places before it stay
        neighbours = [
            near
            for near in (place - 1, place + 1)
            if 0 <= near < len(result)
            and near not in changed
            and not blank(result[near])
            and result[near] != result[place]
        ]
        kinds = ["insert"]
        kinds += ["delete"] * (left > 1) + ["swap"] * bool(neighbours)
        kinds += ["replace"] * (alphabet.characters != [result[place]])
        match kinds[rng.integers(len(kinds))]:
            case "insert":
                at = place + int(rng.integers(2))
                result.insert(at, alphabet.draw(rng))
                left += 1
            case "delete":
                del result[place]
                left -= 1
            case "swap":
                near = neighbours[rng.integers(len(neighbours))]
                result[place], result[near] = result[near], result[place]
            case "replace":
                result[place] = alphabet.draw_other(rng, result[place])
    return "".join(result)


def noise_frame(table: pandas.DataFrame, shares: Sequence[float]) -> pandas.DataFrame:
    """Return id, noise (the share) and text: all rows of `table`, in order, per share.

    The noise of a text depends on its place in the table and on the share alone.
    """
    texts = table["text"].tolist()
    alphabet = Alphabet(texts)
    if shares and not alphabet.characters:
        raise UserError("noise: no test text has a character to put in; set evaluate.noise to []")
    rows = [
        (one, share, noisy(text, share, generator(index, share), alphabet))
        for share in shares
        for index, (one, text) in enumerate(zip(table["id"], texts, strict=True))
    ]
    frame = pandas.DataFrame(rows, columns=["id", "noise", "text"])
    return frame.astype({"id": str, "noise": "float64", "text": str})


def generator(index: int, share: float) -> np.random.Generator:
    """Return the random numbers for text `index` at a share."""
    return np.random.default_rng([SEED, index, round(share * 1e9)])


def noise(test: Path, shares: list[float], out: Path) -> None:
    """Write the noisy texts of the table `test` (id, text) to `out`; no row if `shares` is empty."""
    frame = noise_frame(pandas.read_parquet(test, columns=["id", "text"]), shares)
    with replaced_file(out) as temporary:
        frame.to_parquet(temporary, index=False)
