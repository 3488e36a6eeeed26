"""After a whole run: what a change makes again, and what it leaves alone."""

import os
from pathlib import Path

import pytest
import yaml

DATASET = "demo-en"
TRAINING = ("fine-tune", "train ", "distil", "prune", "fetch", "split", "logits")


def split(messages):
    """Return the jobs that concern one variant, and the words that start the others."""
    seeds = {m.split(": ", 1)[1].split(", progress")[0] for m in messages if "(seed 0)" in m}
    return seeds, {m for m in messages if "(seed 0)" not in m}


REPORTING = {
    f"{DATASET}: time all bundles side by side, alone on the machine, progress in "
    f"results/logs/time/{DATASET}.log",
    f"{DATASET}: intervals, paired tests, calibration, progress in results/logs/judge/{DATASET}.log",
    "aggregate 14 bundles into results/summary.csv",
    f"{DATASET}: draw the figures",
    "write results/report.md and results/report.html",
}
SEARCH = {
    "search tiny -> +auto (seed 0), trials in results/demo-en/tiny+auto/seed0/trials.json",
    "evaluate tiny+auto (seed 0)",
}


def test_nothing_to_do(project):
    assert project.planned() == []


def test_a_passes_parameter(project):
    def more_texts(text):
        assert "static, calibration: {texts: 10}" in text
        return text.replace("static, calibration: {texts: 10}", "static, calibration: {texts: 11}")

    with project.changed("miniature.yaml", more_texts):
        variants, others = split(project.planned())
    assert variants == {
        "quantize tiny -> +int8-static (seed 0)",
        "evaluate tiny+int8-static (seed 0)",
        *SEARCH,
    }
    assert others == REPORTING


def test_a_training_setting_of_the_student(project):
    def longer(text):
        changed = text.replace(
            "student: micro, train: {epochs: 1", "student: micro, train: {epochs: 2"
        )
        assert changed != text
        return changed

    with project.changed("miniature.yaml", longer):
        variants, others = split(project.planned())
    assert variants == {
        "distil tiny -> +kd-micro (seed 0)",
        "export tiny+kd-micro (seed 0)",
        "evaluate tiny+kd-micro (seed 0)",
    }
    assert others == REPORTING


@pytest.mark.parametrize("key", ["rounds: 1", "texts: 5"])
def test_timing_settings(project, key):
    name = key.split(":")[0]
    with project.changed("miniature.yaml", lambda text: text.replace(key, f"{name}: 3")):
        variants, others = split(project.planned())
    assert variants == SEARCH, "a search times its trials"
    assert others == REPORTING


def test_a_library_module(project):
    """Snakemake does not see imports; the rules name them as their input `code`."""
    masks = Path("workflow") / "scripts" / "emopress" / "compress" / "prune_magnitude.py"
    with project.changed(masks, lambda text: text + "\n# a change\n"):
        variants, others = split(project.planned())
    assert variants == {
        "prune tiny -> +mag50 (seed 0)",
        "export tiny+mag50 (seed 0)",
        "quantize tiny+mag50 -> +int8-dynamic (seed 0)",
        "evaluate tiny+mag50+int8-dynamic (seed 0)",
        "pack tiny+mag50 -> +pack (seed 0)",
        "evaluate tiny+mag50+pack (seed 0)",
    }
    assert others == REPORTING


def test_a_module_of_the_report(project):
    tables = Path("workflow") / "scripts" / "emopress" / "report" / "markdown.py"
    with project.changed(tables, lambda text: text + "\n# a change\n"):
        assert project.planned() == ["write results/report.md and results/report.html"]


def test_key_order(project, backwards):
    def reverse(text):
        return yaml.safe_dump(backwards(yaml.safe_load(text)), sort_keys=False)

    with project.changed("miniature.yaml", reverse):
        assert project.planned() == []


def test_defaults_written_out(project):
    def explicit(text):
        return (
            text.replace("method: dynamic}", "method: dynamic, per_channel: true}")
            + "device: auto\n"
        )

    with project.changed("miniature.yaml", explicit):
        assert project.planned() == []


def test_another_variant_makes_only_that(project):
    def one_more(text):
        return text.replace("      - linear\n", "      - tiny+mag50\n      - linear\n")

    with project.changed("miniature.yaml", one_more):
        variants, others = split(project.planned())
    assert variants == {"evaluate tiny+mag50 (seed 0)"}
    assert f"{DATASET}: draw the figures" in others and not any(
        m.startswith(TRAINING) for m in others
    )


@pytest.mark.parametrize("variant", ["linear+int8-weights", "tiny+int8-static"])
def test_one_rule_gives_the_same_file_again(project, variant):
    path = project.results / DATASET / variant / "seed0" / "predictions.parquet"
    kept = path.with_name("kept")
    os.replace(path, kept)
    try:
        name = str(path.relative_to(project.folder))
        assert project.planned(name) == [f"{DATASET}: evaluate {variant} (seed 0)"]
        project.snakemake(name)
        assert path.read_bytes() == kept.read_bytes()
    finally:
        os.replace(kept, path)
