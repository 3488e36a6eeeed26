"""Markdown for any text, tables of rows, and the formats of numbers."""

import re
from collections.abc import Mapping, Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]|~$#])")
_LEADING = re.compile(r"^[=+\-:!]")
_LIST_ITEM = re.compile(r"^(\d+)([.)])(?=\s|$)")


class Markdown(str):
    """Text that is already Markdown and must not be escaped again."""


EMPTY = Markdown("–")
DEMO_NOTE = Markdown("*Demo corpus: these numbers say nothing about real texts.*")


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
    return Markdown(separator.join(parts)) if parts else EMPTY


def missing(value: object) -> bool:
    """Say whether `value` is None or NaN."""
    return value is None or (isinstance(value, float) and value != value)


def percent(value: float, sd: float | None = None) -> Markdown:
    """Format a fraction in percent with two decimals, with its sd over seeds: 92.65 ± 0.21."""
    if missing(value):
        return EMPTY
    tail = "" if missing(sd) or sd is None else f" ± {100 * sd:.2f}"
    return Markdown(f"{100 * value:.2f}{tail}")


def interval(low: float, high: float) -> Markdown:
    """Format an interval of fractions in percent: 91.5 to 93.7."""
    if missing(low) or missing(high):
        return EMPTY
    return Markdown(f"{100 * low:.1f} to {100 * high:.1f}")


def points_interval(low: float, high: float) -> Markdown:
    """Format an interval of differences in percentage points, signed: −1.4 to +0.2."""
    if missing(low) or missing(high):
        return EMPTY
    return Markdown(f"{100 * low:+.1f} to {100 * high:+.1f}".replace("-", "−"))


def p_value(value: float) -> Markdown:
    """Format a p-value with two significant digits, below 0.0001 as such."""
    if missing(value):
        return EMPTY
    return Markdown("< 0.0001" if value < 1e-4 else f"{value:.2g}")


def share(value: float) -> Markdown:
    """Format a fraction as a share: 25.2 %."""
    return EMPTY if missing(value) else Markdown(f"{100 * value:.1f} %")


def points(value: float) -> Markdown:
    """Format a difference of two fractions in percentage points, signed: −0.80."""
    if missing(value):
        return EMPTY
    return Markdown(f"{100 * value:+.2f}".replace("-", "−"))


def size(size_bytes: float) -> Markdown:
    """Format bytes in MB (10^6 bytes) with two decimals, below 0.1 MB in kB: 22.71 MB, 38.2 kB."""
    if missing(size_bytes):
        return EMPTY
    if size_bytes < 1e5:
        return Markdown(f"{size_bytes / 1e3:.1f} kB")
    return Markdown(f"{size_bytes / 1e6:.2f} MB")


def count(value: float) -> Markdown:
    """Format a whole number with commas: 12,729."""
    return EMPTY if missing(value) else Markdown(f"{round(value):,}")


def short_count(value: float) -> Markdown:
    """Format a large number: 22.71 M, 512.3 k, 87."""
    if missing(value):
        return EMPTY
    if value >= 999_950:
        return Markdown(f"{value / 1e6:.2f} M")
    return Markdown(f"{value / 1e3:.1f} k" if value >= 1000 else f"{value:.0f}")


def decimals(value: float, places: int = 2, sd: float | None = None) -> Markdown:
    """Format a number with a fixed number of decimals, with its sd over seeds if there is one."""
    if missing(value):
        return EMPTY
    tail = "" if missing(sd) or sd is None else f" ± {sd:.{places}f}"
    return Markdown(f"{value:,.{places}f}{tail}")


def ratio(value: float) -> Markdown:
    """Format a ratio with one decimal, two below 1: 3.9x, 0.87x."""
    if missing(value):
        return EMPTY
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


def table(rows: Sequence[Mapping[str, object]], *, left: Sequence[str] = ()) -> Markdown:
    """Return rows as a Markdown table: columns in `left` are aligned to the left, others to the right.

    The columns are the keys of all rows, in the order in which they first occur. Headings and cells are
    escaped unless they are Markdown already. Without rows the text is empty.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[row.get(column) for column in columns] for row in rows]
    lines = [
        [escape(column) for column in columns],
        [Markdown(":---" if column in left else "---:") for column in columns],
        *([EMPTY if missing(cell) else escape(cell) for cell in row] for row in cells),
    ]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines) if rows else "")
