"""Turns the Markdown of the report into HTML or plain text; HTML in it stays text."""

import re
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markupsafe import Markup

from emopress.report.words.markup import Markdown

_ALIGNED = {"text-align:left": "left", "text-align:right": "right", "text-align:center": "middle"}

LONG = 40  # characters; longer cells need a wide column
_UNIT = re.compile(r"(\d) (?=%|MB|kB|ms\b)")
_P = re.compile(r"\bp (=|&lt;) (?=\d)")


@cache
def _parser() -> MarkdownIt:
    """Return a parser without HTML blocks and without images, which would load files."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def html_of(markdown: str) -> Markup:
    """Return Markdown as HTML; tables scroll sideways, and alignment is a class instead of a style."""
    parser = _parser()
    tokens = parser.parse(markdown)
    for token, content in pairwise(tokens):
        style = token.attrs.pop("style", None)
        if style is not None:
            long = " long" if len(content.content) > LONG else ""
            token.attrs["class"] = f"{_ALIGNED[str(style)]}{long}"
    html = parser.renderer.render(tokens, parser.options, {})
    html = html.replace(
        "<table>", '<div class="scroll" tabindex="0" role="region" aria-label="table"><table>'
    )
    return Markup(html.replace("</table>", "</table></div>"))


def inline_html_of(markdown: str) -> Markup:
    """Return one line of Markdown as HTML without a paragraph; numbers stay together with their units."""
    html = _UNIT.sub("\\1\u00a0", _parser().renderInline(markdown))
    return Markup(_P.sub("p\u00a0\\1\u00a0", html))


def plain_text(markdown: str) -> str:
    """Return the text that one line of Markdown shows, without any markup."""
    tokens = _parser().parseInline(markdown)[0].children or []
    return "".join("\n" if token.type == "softbreak" else token.content for token in tokens)


def heading_of(name: str) -> Markdown:
    """Turn a file's name into words: accuracy-bars -> Accuracy bars."""
    words = re.sub(r"[-_]+", " ", name).strip()
    return Markdown(words[:1].upper() + words[1:])
