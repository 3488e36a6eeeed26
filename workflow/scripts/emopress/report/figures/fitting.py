"""How wide text is, and names that fit into the room there is; for Liberation Sans, which is as wide as Arial."""

import unicodedata
from collections.abc import Iterable

WIDTHS = {  # characters by their width in thousandths of the size; all others: OTHER
    191: "'",
    222: "ijl",
    260: "|",
    278: " !,./:;I[\\]ft",
    334: "()-`r{}",
    355: '"',
    389: "*",
    469: "^",
    500: "Jckvsxyz",
    584: "+<=>~",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1000: "…",
    1015: "@",
}
WIDTH_OF = {character: width for width, characters in WIDTHS.items() for character in characters}
OTHER, WIDER, WIDE, BOLD = 556, 650, 1000, 1.09
LEAST = 9.0  # pixels: nothing is smaller
SPREAD = 1.15  # from line to line


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide `text` is in pixels at a size in pixels."""
    thousandths = sum(map(_width, text))
    return thousandths * size / 1000 * (BOLD if bold else 1.0)


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):  # drawn onto the letter before
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return WIDE
    letter = unicodedata.normalize("NFD", character)[0]  # without its accents
    return WIDTH_OF.get(letter, OTHER if ord(letter) < 0x250 else WIDER)


def plain(text: str) -> str:
    """Return `text` on one line, without characters that cannot be seen or break a line."""
    text = "".join(c if c.isprintable() or unicodedata.category(c) == "Cf" else " " for c in text)
    return " ".join(text.split())


def shortened(text: str, length: int) -> str:
    """Return `text` with at most `length` characters, an ellipsis for those in its middle."""
    if len(text) <= length:
        return text
    head = length // 2
    tail = length - 1 - head
    return f"{text[:head]}…{text[len(text) - tail :]}"


def fitted(text: str, room: float, size: float, *, bold: bool = False) -> tuple[str, float]:
    """Return `text`, ready to draw, and a size at which it is no wider than `room` pixels.

    It shrinks to the size LEAST; what is too long even then loses letters in its middle.
    """
    text = plain(text)
    natural = width(text, size, bold=bold)
    if natural > room:
        size = max(min(LEAST, size), size * room / natural)
    kept = len(text)
    while kept > 3 and width(shortened(text, kept), size, bold=bold) > room + 0.01:
        kept -= 1
    return shortened(text, kept), size


def wrapped(name: str, room: float, size: float, *, lines: int = 2) -> tuple[list[str], float]:
    """Return a variant's name on up to `lines` lines, broken before a `+`, and a size that fits."""
    first, *rest = plain(name).split("+")
    rows = [first]
    for piece in (f"+{part}" for part in rest):
        if len(rows) < lines and width(rows[-1] + piece, size) > room:
            rows.append("")
        rows[-1] += piece
    fits = [fitted(row, room, size) for row in rows]
    return [text for text, _ in fits], min(points for _, points in fits)


def paragraph(words: str, room: float, size: float) -> list[str]:
    """Return `words` on as many lines as `room` pixels ask for."""
    lines: list[str] = []
    for word in words.split():
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def widest(texts: Iterable[str], size: float, *, bold: bool = False) -> float:
    """Return the width of the widest of `texts`, 0 of none."""
    return max((width(plain(text), size, bold=bold) for text in texts), default=0.0)
