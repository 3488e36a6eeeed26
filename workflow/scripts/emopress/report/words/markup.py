"""Markdown for text that may hold anything, tables from data frames, and every number format."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

EMPTY = "–"
_SPECIAL = re.compile(r"([\\`*_\[\]|~$#])")
_LEADING = re.compile(r"^[=+\-:!]")
_LIST_ITEM = re.compile(r"^(\d+)([.)])(?=\s|$)")


class Markdown(str):
    """Text that is already Markdown and must not be escaped again."""


def escape(value: object) -> Markdown:
    """Return `value` as Markdown that shows exactly its text, on one line.

    Markup characters get a backslash, `<`, `>` and `&` become entities, any white space becomes one
    blank, and a first character that would open a list, a heading or a formula is escaped. Text
    that is Markdown already is returned as it is.
    """
    if isinstance(value, Markdown):
        return value
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    text = _LIST_ITEM.sub(r"\1\\\2", text)
    if _LEADING.match(text):
        text = "\\" + text
    return Markdown(text)


def code(value: object) -> Markdown:
    """Return `value` in the type of code, or escaped where a code span could not hold it."""
    text = str(value)
    if not text or re.search(r"[`|<>]|\s\s|[\n\r\t]|^\s|\s$", text):
        return escape(text)
    return Markdown(f"`{text}`")


def link(text: object, url: object) -> Markdown:
    """Return a link to an http(s) address, or the text alone if the address is none."""
    address = str(url or "")
    if not re.match(r"^https?://[^\s<>\"'`|\\]+$", address):
        return escape(text)
    return Markdown(f"[{escape(text)}]({address.replace('(', '%28').replace(')', '%29')})")


def join(parts: Sequence[Markdown], separator: str = ", ") -> Markdown:
    """Join pieces of Markdown; a dash stands for none."""
    return Markdown(separator.join(parts)) if parts else Markdown(EMPTY)


def missing(value: object) -> bool:
    """Say whether `value` is None or NaN."""
    return value is None or (isinstance(value, float) and value != value)


def percent(value: float, sd: float | None = None) -> Markdown:
    """Format a fraction in percent with two decimals, with its sd over seeds: 92.65 ± 0.21."""
    if missing(value):
        return Markdown(EMPTY)
    tail = "" if missing(sd) or sd is None else f" ± {100 * sd:.2f}"
    return Markdown(f"{100 * value:.2f}{tail}")


def interval(low: float, high: float) -> Markdown:
    """Format an interval of fractions in percent: 91.5 to 93.7."""
    if missing(low) or missing(high):
        return Markdown(EMPTY)
    return Markdown(f"{100 * low:.1f} to {100 * high:.1f}")


def points_interval(low: float, high: float) -> Markdown:
    """Format an interval of differences in percentage points, signed: −1.4 to +0.2."""
    if missing(low) or missing(high):
        return Markdown(EMPTY)
    return Markdown(f"{100 * low:+.1f} to {100 * high:+.1f}".replace("-", "−"))


def p_value(value: float) -> Markdown:
    """Format a p-value with two significant digits, below 0.0001 as such."""
    if missing(value):
        return Markdown(EMPTY)
    return Markdown("< 0.0001" if value < 1e-4 else f"{value:.2g}")


def share(value: float) -> Markdown:
    """Format a fraction as a share: 25.2 %."""
    return Markdown(EMPTY if missing(value) else f"{100 * value:.1f} %")


def points(value: float) -> Markdown:
    """Format a difference of two fractions in percentage points, signed: −0.80."""
    if missing(value):
        return Markdown(EMPTY)
    return Markdown(f"{100 * value:+.2f}".replace("-", "−"))


def size(size_bytes: float) -> Markdown:
    """Format bytes in MB (10^6 bytes) with two decimals, below 0.1 MB in kB: 22.71 MB, 38.2 kB."""
    if missing(size_bytes):
        return Markdown(EMPTY)
    if size_bytes < 1e5:
        return Markdown(f"{size_bytes / 1e3:.1f} kB")
    return Markdown(f"{size_bytes / 1e6:.2f} MB")


def count(value: float) -> Markdown:
    """Format a whole number with commas: 12,729."""
    return Markdown(EMPTY if missing(value) else f"{round(value):,}")


def short_count(value: float) -> Markdown:
    """Format a large number: 22.71 M, 512.3 k, 87."""
    if missing(value):
        return Markdown(EMPTY)
    if value >= 999_950:
        return Markdown(f"{value / 1e6:.2f} M")
    return Markdown(f"{value / 1e3:.1f} k" if value >= 1000 else f"{value:.0f}")


def decimals(value: float, places: int = 2, sd: float | None = None) -> Markdown:
    """Format a number with a fixed number of decimals, with its sd over seeds if there is one."""
    if missing(value):
        return Markdown(EMPTY)
    tail = "" if missing(sd) or sd is None else f" ± {sd:.{places}f}"
    return Markdown(f"{value:,.{places}f}{tail}")


def ratio(value: float) -> Markdown:
    """Format a ratio with one decimal, two below 1: 3.9x, 0.87x."""
    if missing(value):
        return Markdown(EMPTY)
    return Markdown(f"{value:.1f}x" if value >= 0.995 else f"{value:.2f}x")


def setting(value: object) -> Markdown:
    """Write a config value as one reads it in YAML, nested ones in brackets."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{escape(key)}: {setting(item)}" for key, item in value.items())
        return Markdown(f"{{{inner}}}")
    if isinstance(value, (list, tuple)):
        return Markdown("(" + ", ".join(setting(item) for item in value) + ")")
    if isinstance(value, bool) or value is None:
        return Markdown({True: "yes", False: "no", None: "none"}[value])
    if isinstance(value, (int, float)):
        return Markdown(f"{value:g}" if abs(value) < 1e6 else f"{value}")
    return escape(value)


def settings(values: Mapping[str, object], skip: Sequence[str] = ()) -> Markdown:
    """Write a config entry's keys and values in one line, in their order."""
    parts = [
        Markdown(f"{escape(key)}: {setting(value)}")
        for key, value in values.items()
        if key not in skip
    ]
    return join(parts, "; ")


def frame_of(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return rows as a data frame whose cells keep their type, `Markdown` among them."""
    return pd.DataFrame(list(rows), dtype=object)


def markdown_table(frame: pd.DataFrame, *, left: Sequence[str] = (), note: str = "") -> Markdown:
    """Write a data frame as a Markdown table: columns in `left` to the left, others to the right.

    Headings and cells are escaped unless they are Markdown. `note` stands on a line
    above the table. A table without rows becomes a sentence that says so.
    """
    lead = f"{note}\n\n" if note else ""
    if frame.empty:
        return Markdown(f"{lead}(no rows)")
    heads = [str(column) for column in frame.columns]
    lines = [
        _row([escape(head) for head in heads]),
        _row([Markdown(":---" if head in left else "---:") for head in heads]),
    ]
    for row in frame.itertuples(index=False, name=None):
        lines.append(_row([Markdown(EMPTY) if missing(cell) else escape(cell) for cell in row]))
    return Markdown(lead + "\n".join(lines))


def _row(cells: Sequence[Markdown]) -> str:
    return "| " + " | ".join(cells) + " |"
