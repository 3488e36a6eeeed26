"""Make the two demo corpora: `python data/demo/generate.py` writes them, `--check` compares.

Standard library only and one fixed seed, so every machine writes the same bytes. A text is a
sentence shape whose slots are filled from phrases_bn.py or phrases_en.py; then come typos, emoji
and endings, label noise, and planted repeats.
"""

import argparse
import csv
import io
import random
import re
import sys
import unicodedata
from pathlib import Path
from types import ModuleType

import phrases_bn
import phrases_en

HERE = Path(__file__).resolve().parent
SEED = 20240607
TEXTS = 1200
EXACT_DUPLICATES = 12  # same text, same label
NEAR_DUPLICATES = 6  # same label, differs in punctuation or spaces only
CONTRADICTIONS = 4  # same text, another label
LABEL_NOISE = 0.05  # share of texts whose label was exchanged with a text of another label
TYPO = 0.1  # chance of a typo, and again of one more
EMOJI = 0.08
RANDOM_EMOJI = 0.3  # share of those emoji that say nothing about the label
CORPORA = {"demo-bn.csv": phrases_bn, "demo-en.csv": phrases_en}

SLOT = re.compile(r"\{(\w+)(~|:\w+)?\}")
TWICE = re.compile(r"\b(\w+) and \1\b")  # "sad and sad" is drawn again
VIRAMA = "\u09cd"
JOINERS = "\u200c\u200d"
# Letters with a dot below have two encodings; real comments mix them, so some texts use this one.
PRECOMPOSED = {"\u09a1\u09bc": "\u09dc", "\u09a2\u09bc": "\u09dd", "\u09af\u09bc": "\u09df"}

Row = tuple[str, str]  # text, label


def counts_by_label(shares: dict[str, float], total: int) -> dict[str, int]:
    """Split `total` over the labels in proportion to `shares` (largest remainders get the rest)."""
    exact = {label: total * share / sum(shares.values()) for label, share in shares.items()}
    counts = {label: int(value) for label, value in exact.items()}
    by_remainder = sorted(exact, key=lambda label: counts[label] - exact[label])
    for label in by_remainder[: total - sum(counts.values())]:
        counts[label] += 1
    return counts


def clusters(text: str) -> list[str]:
    """Split `text` into written units: letters with their signs, whole Bengali conjuncts."""
    units: list[str] = []
    for char in text:
        joins = unicodedata.category(char) in ("Mn", "Mc") or char in JOINERS
        after_virama = units and units[-1].rstrip(JOINERS).endswith(VIRAMA) and char.isalpha()
        if units and (joins or after_virama):
            units[-1] += char
        else:
            units.append(char)
    return units


def plain(text: str) -> str:
    """The key under which two texts count as the same: NFKC, lower case, letters and digits only."""
    kept = (
        char if unicodedata.category(char)[0] in "LMN" else " "
        for char in unicodedata.normalize("NFKC", text).casefold()
    )
    return " ".join("".join(kept).split())


def expand(template: str, label: str, phrases: ModuleType, rng: random.Random) -> str:
    """Fill the slots of `template` for `label`, recursively."""

    def fill(match: re.Match[str]) -> str:
        name, mark = match.group(1), match.group(2) or ""
        options, drawn = phrases.SLOTS[name], label
        if mark == "~":
            drawn = rng.choice([other for other in phrases.SHARES if other != label])
        elif mark:
            drawn = mark[1:]
        if isinstance(options, dict):
            options = options[drawn]
        return expand(rng.choice(options.split("|")), drawn, phrases, rng)

    return SLOT.sub(fill, template)


def mistype(text: str, similar: dict[str, str], rng: random.Random) -> str:
    """One typo inside a longer word: drop, double, exchange or confuse; never inside a cluster."""
    words = text.split(" ")
    long_words = [i for i, word in enumerate(words) if len(clusters(word)) >= 4]
    if not long_words:
        return text
    at = rng.choice(long_words)
    units = clusters(words[at])
    i = rng.randrange(1, len(units) - 1)
    kind = rng.choice(["drop", "double", "exchange", "confuse", "confuse"])
    if kind == "drop":
        del units[i]
    elif kind == "double":
        units.insert(i, units[i])
    elif kind == "exchange":
        units[i], units[i + 1] = units[i + 1], units[i]
    else:
        units[i] = "".join(similar.get(char, char) for char in units[i])
    words[at] = "".join(units)
    return " ".join(words)


def write_text(label: str, phrases: ModuleType, rng: random.Random) -> str:
    """One text for `label`: shape, slots, typos, ending, emoji."""
    weights, shapes = zip(*phrases.SHAPES, strict=True)
    text = expand(rng.choices(shapes, weights)[0], label, phrases, rng)
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    while rng.random() < TYPO:
        text = mistype(text, phrases.SIMILAR, rng)
    if text[-1].isalnum() or unicodedata.category(text[-1])[0] == "M":
        text += rng.choice(phrases.ENDINGS.split("|"))
    if rng.random() < EMOJI:
        mood = rng.choice(list(phrases.SHARES)) if rng.random() < RANDOM_EMOJI else label
        text += " " + rng.choice(phrases.EMOJI[mood].split("|"))
    if rng.random() < 0.1:
        for two, one in PRECOMPOSED.items():
            text = text.replace(two, one)
    return text


def exchange_labels(rows: list[Row], near: dict[str, list[str]], rng: random.Random) -> None:
    """Label noise in place: pairs of rows swap labels, two of three within near classes.

    The counts per label stay as they were.
    """
    left = round(LABEL_NOISE * len(rows) / 2)
    free = list(range(len(rows)))
    rng.shuffle(free)
    while left:
        first = free.pop()
        label = rows[first][1]
        wanted = (
            near[label] if rng.random() < 2 / 3 else [other for other in near if other != label]
        )
        second = next((i for i in free if rows[i][1] in wanted), None)
        if second is None:
            continue
        free.remove(second)
        (text_a, label_a), (text_b, label_b) = rows[first], rows[second]
        rows[first], rows[second] = (text_a, label_b), (text_b, label_a)
        left -= 1


def repeats(rows: list[Row], phrases: ModuleType, rng: random.Random) -> list[Row]:
    """The planted rows: exact and near duplicates, contradictions; each source is used once."""
    labels = list(phrases.SHARES)
    wanted = [labels[i % len(labels)] for i in range(EXACT_DUPLICATES + NEAR_DUPLICATES)]
    sources: dict[str, list[str]] = {
        label: [t for t, own in rows if own == label] for label in labels
    }
    planted: list[Row] = []
    for i, label in enumerate(wanted):
        text = sources[label].pop(rng.randrange(len(sources[label])))
        if i >= EXACT_DUPLICATES:
            text = text.replace(" ", "  ", 1) + rng.choice(["!!!", " ...", "?"])
        planted.append((text, label))
    for label in labels[:CONTRADICTIONS]:
        text = sources[label].pop(rng.randrange(len(sources[label])))
        planted.append((text, phrases.NEAR[label][0]))
    return planted


def corpus(phrases: ModuleType) -> list[Row]:
    """All rows of one corpus, in their final order."""
    rng = random.Random(SEED)
    labels = list(phrases.SHARES)
    fresh = counts_by_label(phrases.SHARES, TEXTS)
    for i in range(EXACT_DUPLICATES + NEAR_DUPLICATES):
        fresh[labels[i % len(labels)]] -= 1
    for label in labels[:CONTRADICTIONS]:
        fresh[phrases.NEAR[label][0]] -= 1
    rows: list[Row] = []
    seen: set[str] = set()
    for label, count in fresh.items():
        while count:
            text = write_text(label, phrases, rng)
            if plain(text) in seen or TWICE.search(text):
                continue
            seen.add(plain(text))
            rows.append((text, label))
            count -= 1
    exchange_labels(rows, phrases.NEAR, rng)
    rows += repeats(rows, phrases, rng)
    rng.shuffle(rows)
    return rows


def as_csv(rows: list[Row]) -> bytes:
    """The file as bytes: header `text,label`, UTF-8, Unix line ends on every platform."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write the corpora, or compare with `--check`; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit 1 on a difference"
    )
    check = parser.parse_args(arguments).check
    stale = []
    for name, phrases in CORPORA.items():
        made, path = as_csv(corpus(phrases)), HERE / name
        if not check:
            path.write_bytes(made)
        elif not path.is_file() or path.read_bytes() != made:
            stale.append(name)
    if stale:
        print(f"{', '.join(stale)}: not what generate.py makes; run python data/demo/generate.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
