"""Markdown that shows hostile text as text, and number formats."""

import pytest

from emopress.report.words import markup as t


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<script>|", r"&lt;script&gt;\|"),
        ("=1+1", r"\=1+1"),
        ("- item", r"\- item"),
        ("+ item", r"\+ item"),
        ("# head", r"\# head"),
        ("1. first", r"1\. first"),
        ("3.9x", "3.9x"),
        ("a\nb\r\n\tc", "a b c"),
        ("`code`", r"\`code\`"),
        ("[x](y)", r"\[x\](y)"),
        ("*b* _i_ ~s~ $m$", r"\*b\* \_i\_ \~s\~ \$m\$"),
        ("a\\|b", r"a\\\|b"),
        ("AT&T &lt;", "AT&amp;T &amp;lt;"),
        ("রাগ", "রাগ"),
        (7, "7"),
    ],
)
def test_escape(text, expected):
    assert t.escape(text) == expected


def test_markdown_is_not_escaped_twice():
    once = t.escape("<b>|")
    assert t.escape(once) == once


def test_code_spans_only_where_they_are_safe():
    assert t.code("a+b-c_d") == "`a+b-c_d`"
    assert t.code("a`b") == r"a\`b"
    assert t.code("a|<b") == r"a\|&lt;b"


def test_links_only_to_web_addresses():
    assert t.link("MIT", "https://a.org/x_(y)") == "[MIT](https://a.org/x_%28y%29)"
    assert t.link("MIT", "javascript:alert(1)") == "MIT"
    assert t.link("MIT", None) == "MIT"


def test_table_has_one_cell_per_column_whatever_the_text():
    rows = [{"na|me": "<script>|", "n": 1}, {"na|me": "a\nb", "n": 2}, {"na|me": None, "n": 3}]
    lines = t.table([*rows, {"n": 4, "more": float("nan")}], left=("na|me",)).splitlines()
    assert lines[0] == r"| na\|me | n | more |"
    assert lines[1] == "| :--- | ---: | ---: |"
    assert lines[2:4] == [r"| &lt;script&gt;\| | 1 | – |", "| a b | 2 | – |"]
    assert lines[4:] == ["| – | 3 | – |", "| – | 4 | – |"]


def test_markdown_is_not_escaped_again():
    table = t.table([{"name": t.code("a_b"), "text": "a_b"}])
    assert table.splitlines()[-1] == r"| `a_b` | a\_b |"


def test_a_table_without_rows_is_empty():
    assert t.table([]) == ""


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (t.percent(0.92654), "92.65"),
        (t.percent(0.92654, 0.0021), "92.65 ± 0.21"),
        (t.percent(0.5, float("nan")), "50.00"),
        (t.points(-0.008), "−0.80"),
        (t.points(0.008), "+0.80"),
        (t.share(0.2517), "25.2 %"),
        (t.size(22_713_216), "22.71 MB"),
        (t.size(480_000), "0.48 MB"),
        (t.size(38_240), "38.2 kB"),
        (t.short_count(22_713_216), "22.71 M"),
        (t.short_count(512_300), "512.3 k"),
        (t.short_count(999_990), "1.00 M"),
        (t.short_count(87), "87"),
        (t.count(12729.0), "12,729"),
        (t.decimals(1.234), "1.23"),
        (t.ratio(3.94), "3.9x"),
        (t.ratio(0.873), "0.87x"),
        (t.ratio(0.9999), "1.0x"),
        (t.ratio(float("nan")), "–"),
        (t.settings({"lr": 1e-4, "epochs": 5, "init": {"width": 384}, "on": True}), None),
    ],
)
def test_number_formats(shown, expected):
    if expected is None:
        expected = "lr: 0.0001; epochs: 5; init: {width: 384}; on: yes"
    assert shown == expected
