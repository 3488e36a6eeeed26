"""What a job knows of its run shapes no result: another context makes nothing again, and every rule has it."""

import json

from emopress.jobs.context import FILE

COUNTS = "results/data/demo-en/counts.json"


def test_another_context_makes_nothing_again(plan, miniature, tmp_path):
    plan(miniature, COUNTS, cores=1, executor="local")
    before = json.loads((tmp_path / FILE).read_text("utf-8"))
    assert (before["tracking"], before["cores"], before["mirrors"]) == ("none", 1, [])
    other = {**miniature, "name": "other", "tracking": "mlflow", "mirror": [str(tmp_path)]}
    assert plan(other, COUNTS, cores=4).needed == set()
    assert json.loads((tmp_path / FILE).read_text("utf-8")) == before  # by a dry run
    plan(other, COUNTS, cores=4, executor="local")
    assert plan(miniature, COUNTS, cores=1).needed == set()


def test_a_dry_run_writes_no_context(plan, miniature, tmp_path):
    plan(miniature, COUNTS)
    assert not (tmp_path / FILE).exists()


def test_every_script_gets_the_context_and_no_rule_records_it(plan, miniature):
    rules = [rule for rule in plan(miniature).rules if rule.script]
    assert len(rules) > 20
    assert all(rule._is_deriving_function(rule.params.context) for rule in rules)
