#!/bin/bash
# BERT's normaliser and pre-tokenizer in tokenizers know punctuation and accents of Unicode 8, but lower case of Unicode 17.
#
# Version: tokenizers 0.23.3 (below, as in requirements.lock).
# Expected: one Unicode for all properties, as in Python's unicodedata: punctuation is cut off, accents go with
#   strip_accents, and with handle_chinese_chars each character of CJK Extension E (Unicode 8, U+2B820 to U+2CEAF) is a
#   word of its own, as those of the blocks before it are.
# Seen: marks of Unicode 9 and later (the Bengali abbreviation sign U+09FD of Unicode 10, U+2E52 of 14) stay part of the
#   word, and U+166D, which Unicode 12 made a symbol, is cut off; accents of later Unicode (U+09FE, a Bengali sandhi mark
#   of 11) survive strip_accents; 256 characters at the beginning of Extension E (U+2B820 to U+2B91F) are not parted from their
#   neighbours. The same call lower-cases U+A7DC (Unicode 16). Whoever computes the same ids elsewhere, from Python's
#   tables say, gets others.
# Exits 0 while that is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tokenizers==0.23.3
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import unicodedata

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

normalizer = BertNormalizer(strip_accents=True, lowercase=True)


def words(character):
    text = normalizer.normalize_str(f"a{character}b")
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(text)]


CASES = {  # a character -> what is expected of it between two letters, what is seen
    "!": ("cut off", "cut off"),
    "\u0964": ("cut off", "cut off"),  # the danda, Unicode 1.1
    "\u09fd": ("cut off", "part of the word"),
    "\u2e52": ("cut off", "part of the word"),
    "\u166d": ("part of the word", "cut off"),
    "\u0301": ("removed", "removed"),
    "\u09fe": ("removed", "part of the word"),
    "\U0002b81f": ("cut off", "cut off"),  # the end of the block before Extension E
    "\U0002b820": ("cut off", "part of the word"),
    "\U0002b91f": ("cut off", "part of the word"),
    "\U0002b920": ("cut off", "cut off"),
    "\ua7dc": ("lower case", "lower case"),
}
FOUND = {
    "cut off": lambda c, parts: parts == ["a", c, "b"],
    "removed": lambda c, parts: parts == ["ab"],
    "lower case": lambda c, parts: parts == ["a\u019bb"],
    "part of the word": lambda c, parts: parts == [f"a{c}b"],
}
as_seen = True
for character, (expected, seen) in CASES.items():
    parts = words(character)
    found = next((name for name, fits in FOUND.items() if fits(character, parts)), str(parts))
    name = unicodedata.name(character, "(newer than Python's Unicode)")
    print(f"U+{ord(character):04X} {name}: {found}" + ("" if found == expected else f", expected: {expected}"))
    as_seen &= found == seen
print("as described" if as_seen else "changed")
sys.exit(not as_seen)
PYTHON
