"""Unicode normalisation of the texts, before training and, with the same code, at prediction time.

The method `bengali` gives what the models of csebuetnlp (BanglaBERT) were trained on: an own, small
equivalent of the rules of github.com/csebuetnlp/normalizer in its default setting. The rules:

1. Control characters, soft hyphen, zero width space, word joiner and byte order mark go; ZWJ and
   ZWNJ stay, because they carry meaning in Bengali. Then canonical composition (NFC).
2. Variants of quotation marks become ' and ".
3. Latin letters with diacritics become their base letter; Bengali marks are never touched.
4. Bengali spellings in several code points that mean one letter: BA + nukta is RA, A + AA-sign is
   AA, and E-sign + AA-sign or AU-mark (a candrabindu may stand between) is the O- or AU-sign.
   The currency numerator four (U+09F7), typed for its looks, becomes the danda (U+0964).
5. Dashes and CJK punctuation become ASCII; NFKC last does the same for full-width forms and the
   ellipsis; runs of white space become one space.

YYA, RRA and RHA (U+09DF, U+09DC, U+09DD): the original composes them and then applies NFKC, which
takes them apart again, since Unicode excludes them from composition. So the text that its models
see has base letter + nukta, and so has ours.

Where this differs from the original, on purpose:
- the encoding repair by ftfy is left out (mojibake, HTML entities):
  this module, which a shipped model needs to predict, imports nothing but the standard library;
- white space at both ends goes;
- the rules are repeated until nothing changes, so that normalising twice is normalising once;
- two slips in the original's Latin table (a capital S and a capital Y with an accent that become
  small letters) are not repeated.
"""

import re
import unicodedata
from collections.abc import Callable

from emopress.errors import UserError

_NUKTA, _CANDRABINDU = "\u09bc", "\u0981"
_E_SIGN, _AA_SIGN, _AU_MARK = "\u09c7", "\u09be", "\u09d7"
_O_SIGN, _AU_SIGN = "\u09cb", "\u09cc"

_SINGLE_QUOTES = "`\u00b4\u2018\u2019\u201a\u201b\u275b\u275c"
_DOUBLE_QUOTES = (
    "\u00ab\u00bb\u2039\u203a\u201c\u201d\u201e\u201f\u275d\u275e\u276e\u276f"
    "\u300a\u300b\u300c\u300d\u301d\u301e\u301f\uff02"
)
_PUNCTUATION = {
    "\u09f7": "\u0964",
    "\u2013": "-",
    "\u2014": " - ",
    "\u2501": "-",
    "\u2026": "...",
    "\u2236": ":",
    "\u3001": ",",
    "\u3008": "<",
    "\u3009": ">",
    "\u3010": "[",
    "\u3011": "]",
}
_LATIN_WITHOUT_DECOMPOSITION = dict(zip("ÐðĐđĦħıĿŀŁłØøŦŧɨ", "DdDdHhiLlLlOoTti", strict=True))
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff]")
_SPLIT_VOWEL = re.compile(f"{_E_SIGN}({_CANDRABINDU}?)([{_AA_SIGN}{_AU_MARK}])")
_STRAY_AU_MARK = re.compile(f"{_E_SIGN}([^{_AU_MARK}]){_AU_MARK}")


def _latin_bases() -> dict[str, str]:
    """Map each Latin letter that decomposes into an ASCII letter and marks to that letter."""
    bases = dict(_LATIN_WITHOUT_DECOMPOSITION)
    for code in (*range(0x00C0, 0x0250), *range(0x1E00, 0x1F00)):
        base, *marks = list(unicodedata.normalize("NFD", chr(code)))
        if marks and base.isascii() and base.isalpha():
            bases[chr(code)] = base
    return bases


_CHARACTERS = str.maketrans(
    _latin_bases()
    | dict.fromkeys(_SINGLE_QUOTES, "'")
    | dict.fromkeys(_DOUBLE_QUOTES, '"')
    | _PUNCTUATION
)


def normaliser(method: str) -> Callable[[str], str]:
    """Return the function that normalises a text by `method`; applying it twice changes nothing.

    `none` strips both ends and turns runs of white space into one space; `bengali` applies the
    rules in this module's docstring. Any other method is a UserError.
    """
    if method not in METHODS:
        raise UserError(f"normalise: unknown method '{method}'; allowed: {', '.join(METHODS)}")
    return METHODS[method]


def normalise_text(text: str, method: str) -> str:
    """Return `text` normalised by `method` (see `normaliser`)."""
    return normaliser(method)(text)


def collapse_white_space(text: str) -> str:
    """Turn runs of Unicode white space into one space and strip both ends."""
    return " ".join(text.split())


def _bengali_once(text: str) -> str:
    # Invisible characters first: between two code points they would hide a pair from what follows.
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    text = text.translate(_CHARACTERS)
    text = text.replace("\u09ac" + _NUKTA, "\u09b0").replace("\u0985" + _AA_SIGN, "\u0986")
    text = _SPLIT_VOWEL.sub(
        lambda match: (_O_SIGN if match[2] == _AA_SIGN else _AU_SIGN) + match[1], text
    )
    text = _STRAY_AU_MARK.sub(lambda match: match[1] + _AU_SIGN, text)
    return collapse_white_space(unicodedata.normalize("NFKC", text))


def _bengali(text: str) -> str:
    while (once := _bengali_once(text)) != text:
        text = once
    return text


METHODS: dict[str, Callable[[str], str]] = {"none": collapse_white_space, "bengali": _bengali}
