"""Writes results/report.md: every text that comes from data or config is escaped for Markdown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError

from emopress.artifact import replaced_file
from emopress.errors import UserError
from emopress.report.words import markup as t


def write_markdown(view: Mapping[str, Any], *, template: Path | str, out: Path | str) -> None:
    """Write the report to `out`; `view` is that of `report_view`."""
    text = _render(Path(template), view)
    with replaced_file(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


def markdown_environment() -> Environment:
    """Return a Jinja environment that escapes every expression which is not Markdown yet."""
    return Environment(
        undefined=StrictUndefined,
        finalize=t.escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def _render(template: Path, context: Mapping[str, Any]) -> str:
    """Render a template, with at most one blank line in a row."""
    try:
        text = (
            markdown_environment().from_string(template.read_text(encoding="utf-8")).render(context)
        )
    except FileNotFoundError:
        raise UserError(f"{template}: no such file") from None
    except TemplateError as error:
        raise UserError(f"{template}: {error}") from None
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    return "\n".join(kept).strip() + "\n"
