"""House rules for rules: what each must state."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = {"report", "bundles", "data"}


def blocks():
    """Return the text of every rule by its name."""
    found = {}
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for part in re.split(r"^(?=rule |use rule )", path.read_text("utf-8"), flags=re.MULTILINE)[
            1:
        ]:
            if part.startswith("rule "):
                found[re.match(r"rule (\w+):", part).group(1)] = part
    return found


def derived():
    """Return the names of the rules that change some of another rule (`use rule A as B with`)."""
    texts = (path.read_text("utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    return [
        name for text in texts for name in re.findall(r"^use rule \w+ as (\w+) with:", text, re.M)
    ]


RULES, DERIVED = blocks(), derived()


@pytest.fixture
def rules(plan, miniature):
    return {rule.name: rule for rule in plan(miniature).rules}


def test_rules_are_those_that_are_planned_with(rules):
    assert set(rules) == {*RULES, *DERIVED} | TARGETS


def test_every_rule_has_log_message_and_named_files(rules):
    for name in (*RULES, *DERIVED):
        rule = rules[name]
        assert rule.log, name
        assert rule.message, name
        for files in (rule.input, rule.output):
            for key, value in files._allitems():
                assert key or "<function" in str(value), (
                    f"{name}: {value} has no name"
                )  # unpack() names them


def test_every_script_rule_takes_its_library_code_as_input(rules):
    assert all("code" in dict(rules[name].input._allitems()) for name in DERIVED)
    for name, text in RULES.items():
        if "script:" in text:
            assert "code" in dict(rules[name].input._allitems()), name
            script = re.search(r'"\.\./scripts/(\w+\.py)"', text).group(1)
            assert f'code_of("{script}")' in text, name


@pytest.mark.parametrize("name", RULES)
def test_directives(name):
    text = RULES[name]
    stated = set(re.findall(r"^    (\w+):", text, flags=re.MULTILINE))
    assert {"output", "log", "threads", "message", "conda"} <= stated
    assert {"script", "shell"} & stated and "run" not in stated


def test_no_script_reads_the_config():
    for path in (ROOT / "workflow" / "scripts").rglob("*.py"):
        assert "snakemake.config" not in path.read_text("utf-8"), path
