"""What a drawing of vl-convert's still needs: shaped letters of all scripts, and attributes written once."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from emopress.report.figures.fitting import width
from emopress.report.figures.fonts import outline, runs_of

SVG = "http://www.w3.org/2000/svg"
TEXT, SPAN, G, PATH = (f"{{{SVG}}}{tag}" for tag in ("text", "tspan", "g", "path"))
LEFT_OUT = ("class", "role", "aria-roledescription", "aria-hidden", "aria-label", "pointer-events")
INHERITED = (
    "fill", "stroke", "stroke-width", "font-family", "font-size", "font-weight", "text-anchor",
)  # fmt: skip
LEFT = {"middle": 0.5, "end": 1.0}  # how much of a text lies left of its place
ElementTree.register_namespace("", SVG)


def finished(svg: str, fonts: Mapping[str, Path], description: str) -> str:
    """Return a drawing with a description, smaller, and with letters that need no font of the reader's.

    `fonts`: script -> font file. Such letters become outlines, because the renderer shapes a text by
    the rules of its first letter's script and lets its syllables overlap.
    """
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for text in [child for child in parent if child.tag in (TEXT, SPAN)]:
            if any(script for script, _ in runs_of(text.text or "")):
                _outline(text, fonts)
    _tidy(root)
    root.set("role", "img")
    root.set("aria-label", description)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _outline(text: ElementTree.Element, fonts: Mapping[str, Path]) -> None:
    """Turn a text into a group: a path for each run of a foreign script, a text for all between."""
    size = float(text.get("font-size", "12px").removesuffix("px"))
    bold = text.get("font-weight", "normal") not in ("normal", "400")
    pieces: list[ElementTree.Element] = []
    x = 0.0
    for script, piece in runs_of(text.text or ""):
        if script:
            path, wide = outline(piece, fonts[script], size)
            pieces.append(ElementTree.Element(PATH, {"d": path}))
        else:  # spaces at its ends would be left out
            x += width(piece[: len(piece) - len(piece.lstrip())], size, bold=bold)
            wide = width(piece.lstrip(), size, bold=bold)
            pieces.append(ElementTree.Element(TEXT, {"text-anchor": "start"}))
            pieces[-1].text = piece.strip()
        pieces[-1].set("transform", f"translate({x:.1f},0)")
        x += wide
    left = LEFT.get(text.attrib.pop("text-anchor", ""), 0.0) * x
    text.tag, text.text = G, None
    inner = ElementTree.SubElement(text, G, {"transform": f"translate({-left:.1f},0)"})
    inner.extend(pieces)


def _tidy(element: ElementTree.Element) -> None:
    """Leave out what draws nothing; attributes that all children share move to their parent."""
    for name in LEFT_OUT:
        element.attrib.pop(name, None)
    element.tail = None
    for child in list(element):
        _tidy(child)
        empty = child.tag == G and len(child) == 0
        background = child.tag == PATH and child.get("d") and _plain(child)
        if empty or child.get("display") == "none" or background:
            element.remove(child)
    if element.tag != G or len(element) == 0:
        return
    for name in INHERITED:
        values = {child.get(name) for child in element}
        if len(values) == 1 and None not in values:
            element.set(name, values.pop() or "")
            for child in element:
                del child.attrib[name]
    if len(element) == 1 and element[0].tag == G and not _moves(element[0]):
        inner = element[0]
        element.remove(inner)
        element.attrib.update(inner.attrib)
        element.extend(list(inner))


def _plain(path: ElementTree.Element) -> bool:
    """Say whether a path has neither a place, a fill nor a stroke of its own: a group's background."""
    return not {"fill", "stroke", "transform"} & path.attrib.keys()


def _moves(group: ElementTree.Element) -> bool:
    return bool({"transform", "opacity", "clip-path"} & group.attrib.keys())
