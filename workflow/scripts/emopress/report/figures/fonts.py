"""Letters beyond Latin, Greek and Cyrillic: shaped with an installed font, or reported as missing one."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import uharfbuzz as harfbuzz

from emopress.errors import UserError

BASE = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first comes with vl-convert
KNOWN = ("LATIN", "GREEK", "CYRILLIC", "SUPERSCRIPT", "SUBSCRIPT")  # scripts that it has
FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
)
PREFERRED = ("NotoSans", "NotoSerif", "Lohit", "")  # files that start so come first
PACKAGES = {  # Debian's and Ubuntu's names
    "BENGALI": "fonts-noto-core or fonts-beng",
    **dict.fromkeys(("CJK", "HANGUL", "HIRAGANA", "KATAKANA"), "fonts-noto-cjk"),
}
JOINERS = "\u200c\u200d"


def fonts_for(texts: Iterable[str], where: str) -> dict[str, Path]:
    """Return script -> font file for the letters that the base font lacks; none where it has all.

    Letters that change shape beside each other get a font with rules for it. Where no installed font has a
    script's letters, a UserError names `where` the text is from, the script and what to install.
    Signs that are no letters, pictographs say, are let through: they show as a box.
    """
    letters: dict[str, set[int]] = {}
    for character in sorted({c for text in texts for c in text if is_foreign(c)}):
        letters.setdefault(script_of(character), set()).add(ord(character))
    return {script: _font(script, letters[script], where) for script in letters}


def is_foreign(character: str) -> bool:
    """Say whether the base font lacks a character that is a letter, a mark or a digit."""
    return (
        ord(character) > 0x52F
        and unicodedata.category(character)[0] in "LMN"
        and script_of(character) not in KNOWN
    )


def script_of(character: str) -> str:
    """Return the first word of a character's Unicode name, which is its script's for letters."""
    return unicodedata.name(character, "UNKNOWN").split()[0]


def runs_of(text: str) -> list[tuple[str, str]]:
    """Return the pieces of a text with the script of each, "" for what the base font draws."""
    runs: list[tuple[str, str]] = []
    for character in text:
        script = script_of(character) if is_foreign(character) else ""
        if runs and (runs[-1][0] == script or character in JOINERS):
            runs[-1] = runs[-1][0], runs[-1][1] + character
        else:
            runs.append((script, character))
    return runs


def outline(text: str, file: Path, size: float) -> tuple[str, float]:
    """Return text of one script, shaped, as the path of an SVG from its baseline on, and its width."""
    font = harfbuzz.Font(_face(file))
    buffer = harfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    harfbuzz.shape(font, buffer)
    scale, x, path = size / _face(file).upem, 0.0, []
    for glyph, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        left, up = x + place.x_offset, place.y_offset
        pen = _Pen(scale, left, up)
        font.draw_glyph_with_pen(glyph.codepoint, pen)
        path += pen.path
        x += place.x_advance
    return "".join(path), x * scale


class _Pen:
    """Collects a glyph's outline as commands of an SVG path; heights are turned to grow downwards."""

    def __init__(self, scale: float, left: float, up: float) -> None:
        self.path: list[str] = []
        self._scale, self._left, self._up = scale, left, up

    def _add(self, command: str, *points: tuple[float, float]) -> None:
        places = (
            f"{self._scale * (x + self._left):.2f},{-self._scale * (y + self._up):.2f}"
            for x, y in points
        )
        self.path.append(command + " ".join(places))

    def moveTo(self, point: tuple[float, float]) -> None:  # the names of a pen
        self._add("M", point)

    def lineTo(self, point: tuple[float, float]) -> None:
        self._add("L", point)

    def qCurveTo(self, *points: tuple[float, float]) -> None:
        self._add("Q", *points)

    def curveTo(self, *points: tuple[float, float]) -> None:
        self._add("C", *points)

    def closePath(self) -> None:
        self.path.append("Z")


def _font(script: str, letters: set[int], where: str) -> Path:
    files = [file for file in _installed() if _draws(file, script, frozenset(letters))]
    if not files:
        package = PACKAGES.get(script, "fonts-noto-core")
        raise UserError(
            f"{where}: no installed font draws its {script.capitalize()} letters "
            f"({''.join(map(chr, sorted(letters)))[:12]}): install one (Debian: apt install {package}) "
            "into the system's font folders or ~/.local/share/fonts"
        )
    return min(files, key=lambda file: (_rank(file), len(file.name), file.name))


def _installed() -> list[Path]:
    """Return the font files of the usual folders that are upright and regular by their names."""
    files = (
        file
        for folder in FOLDERS
        for file in Path(folder).expanduser().rglob("*")
        if file.suffix.lower() in (".ttf", ".otf", ".ttc")
    )
    return [f for f in files if not re.search("bold|black|italic|light|mono|ui-", f.stem.lower())]


def _rank(file: Path) -> int:
    return next(i for i, start in enumerate(PREFERRED) if file.name.startswith(start))


@cache
def _face(file: Path) -> harfbuzz.Face:
    return harfbuzz.Face(harfbuzz.Blob.from_file_path(str(file)))


@cache
def _draws(file: Path, script: str, letters: frozenset[int]) -> bool:
    """Say whether a font has all letters and, where they change shape beside each other, rules for it."""
    face = harfbuzz.Face(harfbuzz.Blob.from_file_path(str(file)))
    if not letters <= set(face.unicodes):  # a file that is no font has none
        return False
    shaped = script == "ARABIC" or any(unicodedata.category(chr(c))[0] == "M" for c in letters)
    buffer = harfbuzz.Buffer()
    buffer.add_str("".join(map(chr, sorted(letters))))
    buffer.guess_segment_properties()
    return not shaped or buffer.script in _scripts_with_rules(face)


def _scripts_with_rules(face: harfbuzz.Face) -> set[str]:
    tags = [*face.get_table_script_tags("GSUB"), *face.get_table_script_tags("GPOS")]
    return {harfbuzz.ot_tag_to_script(tag) for tag in tags}
