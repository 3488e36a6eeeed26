"""Writes results/report.html: one file with its styles, scripts, numbers and figures in it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from emopress.artifact import replaced_file
from emopress.errors import UserError
from emopress.report.figures.looks import DARK
from emopress.report.figures.names import TRADE_OFF
from emopress.report.page import charts
from emopress.report.page.embedded import shown_answers
from emopress.report.page.html import heading_of, html_of, inline_html_of

TEMPLATES = Path(__file__).parents[4] / "report" / "page"
MAX_BYTES = 3_000_000
DRAWN_BY_THE_PAGE = (
    "accuracy-size",
    "accuracy-latency",
    "confusion",
    "noise",
    "reliability",
    "training",
)
CAPTIONS = {
    "baseline": "Models without passes: their scores",
    "speedup": "How much faster, by teacher",
    "compression": "How much smaller, by teacher",
    "techniques": "Six measures per technique",
    TRADE_OFF: "Number and width of the dense layers: score against size; shaded: the best trade-off",
    "bits": "Macro F1 of both kinds of LSTM against bits",
    "cross-entropy": "What a token costs the generative LSTM, clean and noisy",
}
POLICY = (  # loads nothing, sends nothing, evaluates no strings, runs only these scripts
    "default-src 'none'; script-src {scripts}; style-src {styles}; style-src-attr 'none'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)


def write_page(
    *,
    context: Mapping[str, Any],
    data: Mapping[str, Any],
    figures: Mapping[str, Mapping[str, Any]],
    out: Path | str,
) -> None:
    """Write the page to `out`.

    `context` is that of `view.report_view`; `data` that of `data.page_data`; `figures`: name -> spec.
    A figure named <data set>-<kind> is shown with its data set unless the page has a chart of that kind
    itself, any other one among those of the whole study.
    If the file would exceed MAX_BYTES, the largest figures are left out and the page lists them.
    """
    drawn = {name: spec for name, spec in figures.items() if not name.endswith(DRAWN_BY_THE_PAGE)}
    left_out: list[str] = []
    page = _page(context, data, drawn, left_out)
    while len(page.encode()) > MAX_BYTES and drawn:
        largest = max(drawn, key=lambda name: len(_json(drawn[name])))
        del drawn[largest]
        left_out.append(largest)
        page = _page(context, data, drawn, left_out)
    with replaced_file(out) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def _page(
    context: Mapping[str, Any],
    data: Mapping[str, Any],
    figures: Mapping[str, Mapping[str, Any]],
    left_out: list[str],
) -> str:
    style, script, library = _read("report.css"), _read("report.js"), _library()
    policy = POLICY.format(
        scripts=" ".join(_hash(text) for text in (library, script)), styles=_hash(style)
    )
    names = [dataset["name"] for dataset in context["datasets"]]
    embedded = {
        **data,
        "specs": charts.specs({gain["key"] for one in data["datasets"] for gain in one["gains"]}),
        "config": charts.config(),
        "dark": DARK,
        "figures": figures,
        "lines": charts.line_looks(),
        "choices": charts.choices(),
    }
    placed: dict[str, list[dict[str, str]]] = {name: [] for name in [*names, ""]}
    for name in figures:
        owner = max((n for n in names if name.startswith(f"{n}-")), key=len, default="")
        kind = name.removeprefix(f"{owner}-")
        placed[owner].append({"name": name, "caption": CAPTIONS.get(kind) or heading_of(kind)})
    extra = {
        "policy": policy,
        "style": Markup(style),
        "script": Markup(script),
        "library": Markup(library),
        "embedded": Markup(_json(embedded)),
        "answers": shown_answers(context, data),
        "placed": placed,
        "left_out": sorted(left_out),
    }
    try:
        return _templates().get_template("report.html.j2").render({**context, **extra})
    except TemplateError as error:
        raise UserError(f"{TEMPLATES / 'report.html.j2'}: {error}") from None


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"md": html_of, "line": inline_html_of}
    return environment


@cache
def _library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script; it takes seconds, so only once."""
    import vl_convert

    script = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub lacks the default
    if "</script" in script or "<!--" in script:
        raise UserError(
            "report: the plotting library cannot be embedded in a page; pin vl-convert-python"
        )
    return str(script)


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the source expression that allows exactly this inline text in a policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Mapping[str, Any]) -> str:
    """Return compact JSON that cannot end the element around it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
