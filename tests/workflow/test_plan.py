"""What would be made: job counts, shared prefixes, single targets."""

from pathlib import Path

import pytest
from snakemake.exceptions import MissingRuleException, WorkflowError

ROOT = Path(__file__).parents[2]
ONCE = ["time", "aggregate", "figures", "rulegraph", "render", "report"]


def test_miniature(plan, miniature):
    assert plan(miniature).counts == {
        "fetch_data": 1,
        "prepare_data": 1,
        "describe_data": 1,
        "finetune": 1,
        "train_linear": 1,
        "teacher_logits": 1,
        "distill": 1,
        "prune": 1,
        "export": 3,  # tiny, tiny+mag50, tiny+kd-micro
        "export_linear": 1,
        "quantize": 2,
        "quantize_linear": 1,
        "predict": 6,
        **dict.fromkeys(ONCE, 1),
    }


def test_default_study(plan, default_config):
    variants = [v for block in default_config["study"] for v in block["variants"]]
    counts = plan(None).counts  # no config file given: the default one
    assert counts["predict"] == len(variants)
    assert counts["finetune"] == counts["train_linear"] == counts["fetch_data"] == 2
    assert counts["time"] == 2
    assert counts["distill"] == 3  # tiny+kd-micro twice, linear+kd-micro
    assert counts["quantize"] == sum("int8-static" in v or "int8-dynamic" in v for v in variants)
    assert all(counts[rule] == 1 for rule in ONCE if rule != "time")


def test_shared_prefixes_are_made_once(plan, miniature):
    miniature["study"][0]["variants"] = [
        "tiny",
        *(f"tiny+kd-micro+{end}" for end in ("int8-static", "int8-dynamic", "mag50")),
        "tiny+kd-micro+mag50+int8-static",
    ]
    counts = plan(miniature).counts
    assert (counts["finetune"], counts["distill"], counts["teacher_logits"]) == (1, 1, 1)
    assert counts["prune"] == 1
    assert counts["export"] == 3 and counts["quantize"] == 3


def test_a_teacher_of_two_students_gives_its_logits_once(plan, miniature):
    miniature["passes"]["kd-hot"] = {"kind": "distill", "student": "micro", "temperature": 8}
    miniature["study"][0]["variants"] = ["tiny", "tiny+kd-micro", "tiny+kd-hot"]
    counts = plan(miniature).counts
    assert (counts["distill"], counts["teacher_logits"]) == (2, 1)


def test_every_seed_is_made(plan, miniature):
    miniature["seeds"] = [0, 1, 2]
    counts = plan(miniature).counts
    assert counts["finetune"] == 3 and counts["predict"] == 18
    assert counts["prepare_data"] == counts["time"] == counts["aggregate"] == 1


def test_one_bundle_alone(plan, miniature):
    path = "results/demo-en/linear+int8-weights/seed0/bundle/bundle.json"
    made = plan(miniature, path)
    assert set(made.counts) == {
        "fetch_data",
        "prepare_data",
        "train_linear",
        "export_linear",
        "quantize_linear",
    }
    assert path in made.made


def test_a_variant_outside_the_study_can_be_asked_for_by_path(plan, miniature):
    path = "results/demo-en/linear+kd-micro+mag50/seed7/bundle/bundle.json"
    assert plan(miniature, path).counts["distill"] == 1


@pytest.mark.parametrize("target", ["bundles", "data"])
def test_other_targets(plan, miniature, target):
    counts = plan(miniature, target).counts
    assert counts["predict"] == 0 and counts["prepare_data"] == 1


def test_figures_and_report_are_not_planned_for_unknown_names(plan, miniature):
    with pytest.raises((MissingRuleException, WorkflowError)):
        plan(miniature, "results/demo-en/tiny+qat/seed0/bundle/bundle.json")
    with pytest.raises((MissingRuleException, WorkflowError)):
        plan(miniature, "results/nothing/tiny/seed0/bundle/bundle.json")


def test_impossible_chain_asked_for_by_path(plan, miniature):
    path = "results/demo-en/linear+mag50/seed0/checkpoint/checkpoint.json"
    with pytest.raises(WorkflowError) as caught:
        plan(miniature, path)
    assert "variant 'linear+mag50': pass 'mag50' (prune) cannot be applied" in str(caught.value)


def test_timing_takes_all_cores(plan, miniature, snakemake):
    rules = {rule.name: rule for rule in plan(miniature, cores=4).rules}
    assert rules["time"].resources["_cores"].value == 4
    assert rules["finetune"].resources["_cores"].value == 2
