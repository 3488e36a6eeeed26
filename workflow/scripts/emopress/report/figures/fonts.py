"""Fonts for text that DejaVu Sans cannot draw: found among those installed, or told to be missing."""

import unicodedata
from collections.abc import Iterable
from functools import cache

from fontTools.ttLib import TTFont, TTLibError
from matplotlib import font_manager, ft2font

from emopress.errors import UserError

BASE = "DejaVu Sans"  # comes with matplotlib, so figures look alike everywhere
PREFERRED = ("Noto Sans", "Noto Serif", "Lohit", "")  # families that start so come first
# scripts whose letters change shape beside each other: the OpenType tags of a font that can do it
SHAPED = {
    "ARABIC": {"arab"},
    "BENGALI": {"beng", "bng2"},
    "DEVANAGARI": {"deva", "dev2"},
    "GUJARATI": {"gujr", "gjr2"},
    "GURMUKHI": {"guru", "gur2"},
    "KANNADA": {"knda", "knd2"},
    "KHMER": {"khmr"},
    "MALAYALAM": {"mlym", "mlm2"},
    "MYANMAR": {"mymr", "mym2"},
    "ORIYA": {"orya", "ory2"},
    "SINHALA": {"sinh"},
    "TAMIL": {"taml", "tml2"},
    "TELUGU": {"telu", "tel2"},
}
PACKAGES = {  # Debian's and Ubuntu's names
    "BENGALI": "fonts-noto-core or fonts-beng",
    "CJK": "fonts-noto-cjk",
    "HANGUL": "fonts-noto-cjk",
    "HIRAGANA": "fonts-noto-cjk",
    "KATAKANA": "fonts-noto-cjk",
}
Face = tuple[str, str]  # family, file


def families(texts: Iterable[str], where: str) -> list[str]:
    """Return the families that together draw `texts`, DejaVu Sans first; matplotlib falls back.

    A script whose letters are shaped gets a font with rules for it. Where no installed font has a
    letter, a UserError names `where` the text is from, the script and what to install. Signs that
    are no letters, pictographs say, are let through: they show as a box.
    """
    lacking = _lacking(frozenset("".join(texts)))
    chosen = [BASE]
    while lacking:
        script = _script(lacking[0])
        family = _family_for(lacking, script)
        if family is None:
            raise UserError(_message(lacking, script, where))
        chosen.append(family)
        lacking = tuple(c for c in lacking if not _has(family, c))
    return chosen


def _lacking(characters: frozenset[str]) -> tuple[str, ...]:
    """Return the letters, marks and digits that DejaVu Sans has not, in the order of Unicode."""
    known = _characters(font_manager.findfont(BASE))
    return tuple(
        c for c in sorted(characters) if ord(c) not in known and unicodedata.category(c)[0] in "LMN"
    )


def _family_for(lacking: tuple[str, ...], script: str) -> str | None:
    """Return the family that has the first of `lacking`, and of those the most of the others."""
    for fresh in (False, True):  # a font installed since matplotlib made its list is not in it
        if fresh:
            _look_again()
        faces = [
            (family, file)
            for family, file in _installed()
            if ord(lacking[0]) in _characters(file) and _shapes(file, script)
        ]
        if faces:
            best = max(
                faces,
                key=lambda face: (
                    sum(ord(c) in _characters(face[1]) for c in lacking),
                    *_rank(face),
                ),
            )
            return best[0]
    return None


def _installed() -> list[Face]:
    """Return the upright regular faces that matplotlib knows, in a fixed order."""
    return sorted(
        {
            (font.name, font.fname)
            for font in font_manager.fontManager.ttflist
            if font.style == "normal" and font.weight in (400, "normal", "regular")
        }
    )


def _look_again() -> None:
    """Add the fonts of the system's folders that matplotlib's list lacks."""
    known = {font.fname for font in font_manager.fontManager.ttflist}
    for file in sorted(set(font_manager.findSystemFonts()) - known):
        try:
            font_manager.fontManager.addfont(file)
        except (OSError, RuntimeError, ValueError):  # no font that matplotlib can draw
            continue


def _rank(face: Face) -> tuple[int, int]:
    """Return what orders faces that have equally many characters: the greatest is taken."""
    place = next(i for i, start in enumerate(PREFERRED) if face[0].startswith(start))
    return -place, -len(face[0])


def _has(family: str, character: str) -> bool:
    return any(ord(character) in _characters(file) for name, file in _installed() if name == family)


@cache
def _characters(file: str) -> frozenset[int]:
    try:
        return frozenset(ft2font.FT2Font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _shapes(file: str, script: str) -> bool:
    """Say whether a font has rules to shape a script, or the script needs none."""
    if script not in SHAPED:
        return True
    try:
        with TTFont(file, lazy=True, fontNumber=0) as font:
            if "GSUB" not in font:
                return False
            records = font["GSUB"].table.ScriptList.ScriptRecord
            return bool(SHAPED[script] & {record.ScriptTag for record in records})
    except (OSError, TTLibError):
        return False


def _script(character: str) -> str:
    """Return the first word of a character's Unicode name, which is its script's for letters."""
    return unicodedata.name(character, "UNKNOWN").split()[0]


def _message(lacking: tuple[str, ...], script: str, where: str) -> str:
    own = "".join(c for c in lacking if _script(c) == script)[:12]
    package = PACKAGES.get(script, "fonts-noto-core")
    return (
        f"{where}: no installed font draws its {script.capitalize()} letters ({own}): install one "
        f"(Debian: apt install {package}) where matplotlib looks, the system's font folders or "
        "~/.local/share/fonts"
    )
