"""SVG files made small: shared words drawn once, short numbers, nothing that nobody refers to."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from xml.etree.ElementTree import Element, SubElement

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
G, USE, PATH, DEFS = (f"{{{SVG}}}{tag}" for tag in ("g", "use", "path", "defs"))
HREF = f"{{{XLINK}}}href"
GEOMETRY = ("d", "transform", "x", "y", "width", "height")
_LONG = re.compile(r"-?\d+\.\d{3,}")
_SHIFT = re.compile(r"translate\((-?[\d.]+) 0\)")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_PLACE = re.compile(r"translate\((-?[\d.]+) (-?[\d.]+)\) (scale\([^)]*\))")
Word = tuple[
    str, str, tuple[tuple[str, str], ...]
]  # style, scale; which glyph how far to the right


def small_svg(text: str) -> str:
    """Return an SVG of matplotlib's that looks the same and is several times smaller.

    A word that stands in several places becomes one definition that each place uses; coordinates
    keep two decimals (a hundredth of a point); comments, metadata, indentation and ids to which
    nothing refers go.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(text)
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    defs = Element(DEFS)
    _gather_glyphs(root, defs)
    _share_words(root, defs)
    root.insert(0, defs)
    _tidy(root, _references(root))
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>") + "\n"


def _gather_glyphs(root: Element, defs: Element) -> None:
    """Move the letters' outlines to `defs`, under short names, and write their places as x."""
    names: dict[str, str] = {}
    for group in list(root.iter(G)):
        for inner in group.findall(DEFS):
            for glyph in inner.findall(PATH):
                if glyph.get("transform") == "scale(0.015625)":  # 1 / 64, a font's own units
                    names[f"#{glyph.get('id')}"] = f"g{len(names)}"
                    glyph.set("id", names[f"#{glyph.get('id')}"])
                    inner.remove(glyph)
                    defs.append(glyph)
            if len(inner) == 0:
                group.remove(inner)
    for use in root.iter(USE):
        if use.get(HREF) in names:
            use.set(HREF, f"#{names[use.get(HREF, '')]}")
            shift = _SHIFT.fullmatch(use.get("transform", ""))
            if shift:
                del use.attrib["transform"]
                use.set("x", f"{float(shift.group(1)):.0f}")


def _share_words(root: Element, defs: Element) -> None:
    """Draw the glyphs of a word that stands more than once in `defs`, and refer to them."""
    words: list[tuple[Element, re.Match[str], Word]] = []
    for group in root.iter(G):
        place = _PLACE.fullmatch(group.get("transform", ""))
        plain = set(group.attrib) <= {"style", "transform"} and all(
            child.tag == USE and set(child.attrib) <= {HREF, "x"} for child in group
        )
        if place and plain and len(group):
            glyphs = tuple((c.get(HREF, ""), c.get("x", "")) for c in group)
            words.append((group, place, (group.get("style", ""), place.group(3), glyphs)))
    number = Counter(word for *_, word in words)
    names: dict[Word, str] = {}
    for group, place, word in words:
        if number[word] < 2:
            continue
        glyphs_of = list(group)
        if word not in names:
            names[word] = f"w{len(names)}"
            look = {"style": word[0]} if word[0] else {}
            shared = SubElement(defs, G, {"id": names[word], "transform": word[1], **look})
            shared.extend(glyphs_of)
        for glyph in glyphs_of:
            group.remove(glyph)
        group.attrib.clear()
        x, y = (f"{float(number):.1f}" for number in place.group(1, 2))
        SubElement(group, USE, {HREF: f"#{names[word]}", "x": x, "y": y})


def _references(root: Element) -> set[str]:
    """Return the ids to which something in the drawing refers."""
    used = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == HREF and value.startswith("#"):
                used.add(value[1:])
            used.update(_REFERENCE.findall(value))
    return used


def _tidy(element: Element, used: set[str]) -> None:
    """Shorten an element and all below it, and leave out groups that draw or say nothing."""
    element.text = (element.text or "").strip() or None
    element.tail = None
    if element.get("id") not in used:
        element.attrib.pop("id", None)
    for name, value in element.attrib.items():
        if name in GEOMETRY:
            element.set(name, _short(value, path=name == "d"))
        elif name == "style":
            element.set(name, value.replace(": ", ":").replace("; ", ";"))
    children = list(element)
    for child in children:
        element.remove(child)
    for child in children:
        _tidy(child, used)
        if child.tag == G and (len(child) == 0 or not child.attrib):
            element.extend(list(child))
        elif child.tag == G and len(child) == 1 and set(child[0].attrib) == {HREF}:
            child[0].attrib.update(child.attrib)
            element.append(child[0])
        else:
            element.append(child)


def _short(value: str, *, path: bool) -> str:
    value = " ".join(value.split())
    if "matrix" not in value:
        parts = re.split(r"(scale\([^)]*\))", value)  # scales are small and stay as they are
        value = "".join(p if p.startswith("scale") else _LONG.sub(_rounded, p) for p in parts)
    return re.sub(r" ?([A-Za-z]) ?", r"\1", value) if path else value


def _rounded(match: re.Match[str]) -> str:
    number = f"{float(match.group()):.2f}".rstrip("0").rstrip(".")
    return "0" if number == "-0" else number
