"""What would be made of the study of large decoders, and what a dry run of it prints."""

from pathlib import Path

CONFIG = Path(__file__).parents[2] / "config"
STUDY = CONFIG / "llm-gpu.yaml"


def test_a_base_is_fetched_and_never_exported_for_itself(plan, capsys):
    found = plan(STUDY)
    bases = [w["model"] for name, w in found.jobs if name == "fetch_model"]
    assert sorted(bases) == ["distilbert", "gemma", "mistral", "mistral-instruct"]
    exported = {w["variant"] for name, w in found.jobs if name == "export"}
    assert exported == {"distilbert", "gemma+lora", "mistral+lora", "mistral-instruct+qlora"}
    assert found.counts["adapt"] == 2 * 3 and found.counts["predict"] == 2 * 5
    told = capsys.readouterr().err
    rows = [line for line in told.splitlines() if line.startswith("goemotions/mistral-instruct+q")]
    assert len(rows) == 1 and "qlora, 8 x 64, checkpointing" in rows[0]
    assert "GPU memory of each training run, computed" in told


def test_in_miniature_the_same_variants_need_no_network(plan, capsys):
    found = plan([STUDY, CONFIG / "llm-miniature.yaml"])
    assert found.counts["adapt"] == 3 and "fetch_model" not in found.counts
    assert "demo-en/gemma+lora" in capsys.readouterr().err


def test_a_study_without_decoders_prints_nothing(plan, miniature, capsys):
    plan(miniature)
    assert "GPU memory of each training run" not in capsys.readouterr().err
