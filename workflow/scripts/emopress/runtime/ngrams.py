"""Character and word n-grams of a text, as scikit-learn's vectorisers cut them."""

from collections.abc import Callable

Analyzer = Callable[[str], list[str]]


def inside_word(word: str, shortest: int, longest: int) -> list[str]:
    """Return the character n-grams of a word in lower case, framed by one space on each side."""
    grams: list[str] = []
    framed = f" {word} "
    size = len(framed)
    for n in range(shortest, longest + 1):
        if n >= size:
            grams.append(framed)
            break
        grams += [framed[start : start + n] for start in range(size - n + 1)]
    return grams


def char_wb(text: str, shortest: int, longest: int) -> list[str]:
    """Return the character n-grams inside each word, the word framed by one space on each side.

    Equals scikit-learn's analyzer='char_wb': a framed word shorter than n gives itself once, and
    nothing for longer n.
    """
    return [gram for word in text.lower().split() for gram in inside_word(word, shortest, longest)]


def words(text: str, shortest: int, longest: int) -> list[str]:
    r"""Return the word n-grams, words being runs of anything but white space (`\S+`).

    scikit-learn's default token pattern would cut Bengali words at their vowel signs.
    """
    tokens = text.lower().split()
    return [
        " ".join(tokens[start : start + n])
        for n in range(shortest, longest + 1)
        for start in range(len(tokens) - n + 1)
    ]


def analyzer(kind: str, ngrams: list[int]) -> Analyzer:
    """Return the function text -> n-grams for `char_wb` or `word`."""
    shortest, longest = ngrams
    cut = {"char_wb": char_wb, "word": words}[kind]
    return lambda text: cut(text, shortest, longest)
