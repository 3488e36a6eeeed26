"""What would be made: job counts, shared prefixes, single targets."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.exceptions import MissingRuleException, WorkflowError

from emopress.families import FAMILIES

ROOT = Path(__file__).parents[2]
ONCE = [
    "noise",
    "time",
    "judge",
    "aggregate",
    "figures",
    "rulegraph",
    "render",
    "report",
]
PER_DATASET = ("noise", "time", "judge", "figures")


def test_miniature(plan, miniature):
    assert plan(miniature).counts == {
        "fetch_data": 1,
        "prepare_data": 1,
        "describe_data": 1,
        "finetune": 1,
        "train_linear": 1,
        "train_dense": 1,
        "teacher_logits": 3,  # tiny; of tiny+trim and tiny+trim+kd-layer for their children
        "distill": 1,
        "distill_whitebox": 1,
        "trim": 1,
        "prune_magnitude": 1,
        "prune_structured": 1,
        "low_rank": 1,
        "adapt": 1,
        "qat": 1,
        "convert_qat": 1,
        # tiny, +mag50, +kd-micro, +lora, +trim, +trim+kd-layer, +trim+kd-layer+cut50
        "export": 7,
        "export_linear": 1,
        "export_dense": 1,
        "quantize": 3,  # tiny+int8-dynamic for the search alone
        "quantize_blocks": 1,
        "quantize_half": 1,
        "quantize_linear": 1,
        "quantize_affine": 1,
        "pack": 1,
        "search": 1,
        "predict": 15,
        **dict.fromkeys(ONCE, 1),
    }


def test_default_study(plan, default_config):
    variants = [v for block in default_config["study"] for v in block["variants"]]
    counts = plan(None).counts  # no config file given: the default one
    assert counts["finetune"] == counts["train_linear"] == counts["fetch_data"] == 2
    assert all(counts[rule] == 2 for rule in PER_DATASET)
    assert counts["distill"] == 2  # tiny+kd-micro on both
    ends = [v.split("+")[-1] for v in variants]
    assert counts["quantize"] == sum(end in ("int8-static", "int8-dynamic") for end in ends) + 2, (
        "two more for the orders that the search tries after trim"
    )
    assert counts["predict"] == len(variants) + 3, "the search's trials that are no variants"
    assert all(counts[rule] == 1 for rule in ONCE if rule not in PER_DATASET)


def test_shared_prefixes_are_made_once(plan, miniature):
    miniature["study"][0]["variants"] = [
        "tiny",
        *(f"tiny+kd-micro+{end}" for end in ("int8-static", "int8-dynamic", "mag50")),
        "tiny+kd-micro+mag50+int8-static",
    ]
    counts = plan(miniature).counts
    assert (counts["finetune"], counts["distill"], counts["teacher_logits"]) == (1, 1, 1)
    assert counts["prune_magnitude"] == 1
    assert counts["export"] == 3 and counts["quantize"] == 3


def test_a_teacher_of_two_students_gives_its_logits_once(plan, miniature):
    miniature["passes"]["kd-hot"] = {"kind": "distill", "student": "micro", "temperature": 8}
    miniature["study"][0]["variants"] = ["tiny", "tiny+kd-micro", "tiny+kd-hot"]
    counts = plan(miniature).counts
    assert (counts["distill"], counts["teacher_logits"]) == (2, 1)


def test_every_seed_is_made(plan, miniature):
    miniature["seeds"] = [0, 1, 2]
    counts = plan(miniature).counts
    assert counts["finetune"] == 3 and counts["predict"] == 3 * 15
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


def test_a_dense_bundle_alone(plan, miniature):
    path = "results/demo-en/dense+q4/seed0/bundle/bundle.json"
    made = plan(miniature, path)
    assert set(made.counts) == {
        "fetch_data",
        "prepare_data",
        "train_dense",
        "export_dense",
        "quantize_affine",
    }


def test_two_models_fetch_their_file_of_vectors_once(plan, miniature, tmp_path):
    miniature["mirror"] = str(tmp_path)
    (tmp_path / "vectors").mkdir()
    (tmp_path / "vectors" / "v.zip").write_bytes(b"")
    vectors = {"source": "glove", "file": "v.zip", "licence": "MIT"}
    for size in (50, 100):
        miniature["models"][f"glove-{size}"] = {
            "family": "dense",
            "vectors": {**vectors, "dimension": size, "member": f"v.{size}d.txt"},
            "train": {"epochs": 1, "learning_rate": 0.01},
        }
    miniature["study"][0]["variants"] = ["glove-50", "glove-100", "glove-100+q4", "dense"]
    made = plan(miniature, "bundles")
    assert (made.counts["fetch_vectors"], made.counts["train_dense"]) == (1, 3)
    assert "results/vectors/v.zip/manifest.json" in made.made
    alone = plan(miniature, "results/demo-en/dense/seed0/bundle/bundle.json")
    assert alone.counts["fetch_vectors"] == 0


def test_a_dense_model_can_teach(plan, miniature):
    path = "results/demo-en/dense+kd-micro+mag50/seed0/bundle/bundle.json"
    counts = plan(miniature, path).counts
    assert (counts["distill"], counts["export_dense"], counts["export"]) == (1, 1, 1)


@pytest.mark.parametrize("target", ["bundles", "data"])
def test_other_targets(plan, miniature, target):
    counts = plan(miniature, target).counts
    searched = 3 if target == "bundles" else 0  # the search judges its parent and two trials
    assert counts["predict"] == searched and counts["prepare_data"] == 1


def test_several_teachers_give_their_logits(plan, miniature):
    kd = {"kind": "distill", "student": "micro", "teachers": ["linear", "tiny+int8-static"]}
    miniature["passes"]["kd-all"] = kd
    made = plan(miniature, "results/demo-en/tiny+kd-all/seed0/checkpoint/checkpoint.json")
    taught = {wildcards["variant"] for rule, wildcards in made.jobs if rule == "teacher_logits"}
    assert taught == {"tiny", "linear", "tiny+int8-static"}


def test_a_pass_distils_from_its_parent_only_where_it_says_so(plan, miniature):
    path = "results/demo-en/tiny+cut50/seed0/checkpoint/checkpoint.json"
    assert plan(miniature, path).counts["teacher_logits"] == 1
    del miniature["passes"]["cut50"]["distill"]
    assert plan(miniature, path).counts["teacher_logits"] == 0


def test_two_config_files(plan):
    grid = plan([ROOT / "config" / "paper-grid.yaml", ROOT / "config" / "miniature.yaml"])
    assert grid.counts["predict"] == 22 and grid.counts["fetch_model"] == 0
    emotion = [ROOT / "config" / "emotion-quantization.yaml", ROOT / "config" / "miniature.yaml"]
    assert plan(emotion).counts["adapt"] == 2


@pytest.mark.parametrize("name", ["paper-grid", "emotion-quantization", "real-cpu", "study"])
def test_shipped_study(plan, tmp_path, name):
    if name == "real-cpu":  # whose tokenizer is in a mirror only: as if it was fetched
        fetched = tmp_path / "results" / "tokenizers" / "encoder"
        fetched.mkdir(parents=True)
        (fetched / "pretrained.json").write_text("{}")
    assert plan(ROOT / "config" / f"{name}.yaml").counts["fetch_model"] > 0


def test_word_vectors_study(plan):
    counts = plan(ROOT / "config" / "glove.yaml").counts
    assert counts["train_dense"] == 8 and counts["fetch_vectors"] == 0
    glove = "results/emotion/glove-100+int4-best/seed0/bundle/bundle.json"
    assert plan(ROOT / "config" / "glove.yaml", glove).counts["fetch_vectors"] == 1


def test_a_dense_student_of_any_teacher(plan, miniature):
    miniature["models"]["words"] = {
        "family": "dense",
        "vectors": {"source": "random", "dimension": 4},
        "train": {"epochs": 1, "learning_rate": 0.01},
    }
    miniature["passes"]["kd-words"] = {"kind": "distill", "student": "words"}
    miniature["passes"]["q4"] = {
        "kind": "quantize", "method": "affine", "bits": 4, "percentile": 100
    }  # fmt: skip
    roots = ["tiny", "linear", "words", "tiny+kd-words", "linear+kd-words+q4"]
    again = ["words+kd-words", "words+kd-micro", "linear+kd-words+kd-micro"]
    miniature["study"][0] |= {"variants": [*roots, *again], "reference": "tiny"}
    made = plan(miniature)
    assert {w["variant"] for rule, w in made.jobs if rule == "export_dense"} == {
        "words", "tiny+kd-words", "linear+kd-words", "words+kd-words"
    }  # fmt: skip
    assert made.counts["distill_dense"] == 3 and made.counts["distill"] == 2
    assert made.counts["export"] == 3


def test_the_grid_of_dense_layers(plan):
    counts = plan(ROOT / "config" / "dense-grid.yaml").counts
    assert counts["train_dense"] == 54 and counts["quantize_affine"] == 108
    assert counts["trade_off"] == 3
    assert plan(ROOT / "config" / "glove.yaml").counts["trade_off"] == 0


def test_figures_and_report_are_not_planned_for_unknown_names(plan, miniature):
    with pytest.raises((MissingRuleException, WorkflowError)):
        plan(miniature, "results/demo-en/tiny+squash/seed0/bundle/bundle.json")
    with pytest.raises((MissingRuleException, WorkflowError)):
        plan(miniature, "results/nothing/tiny/seed0/bundle/bundle.json")


def test_impossible_chain_asked_for_by_path(plan, miniature):
    path = "results/demo-en/linear+mag50/seed0/checkpoint/checkpoint.json"
    with pytest.raises(WorkflowError) as caught:
        plan(miniature, path)
    assert "variant 'linear+mag50': pass 'mag50' (prune magnitude) cannot be applied" in str(
        caught.value
    )


def test_timing_takes_all_cores(plan, miniature, snakemake):
    rules = {rule.name: rule for rule in plan(miniature, cores=4).rules}
    assert rules["time"].resources["_cores"].value == 4


def test_joined_spans_are_made_once_and_labelled_by_every_teacher(plan, miniature):
    kd = {"kind": "distill", "student": "micro", "teachers": ["linear", "tiny+int8-static"]}
    spans = {"texts": 30, "folds": 3}
    miniature["passes"]["kd-spans"] = {**kd, "joined_spans": spans}
    miniature["passes"]["kd-dense"] = {**kd, "student": "dense", "joined_spans": spans}
    miniature["passes"]["kd-layers"] = {"kind": "distill", "layers": [0], "joined_spans": spans}
    made = plan(
        miniature,
        *(
            f"results/demo-en/tiny+{name}/seed0/checkpoint/checkpoint.json"
            for name in ("kd-spans", "kd-dense", "kd-layers")
        ),
    )
    assert made.counts["joined_spans"] == made.counts["out_of_fold_logits"] == 1
    asked = [wildcards for rule, wildcards in made.jobs if rule == "spans_logits"]
    assert {one["variant"] for one in asked} == {"tiny", "tiny+int8-static"} and len(asked) == 2
    logits = "results/demo-en/linear/seed0/logits/joined-spans.30-in-3.safetensors"
    assert logits in made.made


@pytest.mark.parametrize(("width", "threads"), [(128, 1), (512, 2)])
def test_a_small_model_is_trained_with_one_thread_and_exported_ahead(
    plan, miniature, width, threads
):
    """Two small models are trained side by side; a larger one has both threads, and its export a job of its own."""
    miniature["models"]["tiny"]["init"] |= {"width": width}
    small = width == 128
    rules = {rule.name: rule for rule in plan(miniature, cores=4).rules}
    of_tiny = SimpleNamespace(model="tiny", get={"model": "tiny"}.get)
    of_student = SimpleNamespace(parent="tiny", step="kd-micro", get={}.get)
    assert rules["finetune"].resources["_cores"].evaluate(of_tiny).value == threads
    assert rules["distill"].resources["_cores"].evaluate(of_student).value == 1
    ahead = {name: dict(rule.params._allitems()).get("ahead") for name, rule in rules.items()}
    export = [FAMILIES["transformer"].export.maker, rules["export"].input.code]
    assert ahead["finetune"](of_tiny, None) == (export if small else None)
    assert ahead["distill"](of_student, None) == export
    assert {
        name for name in ahead if ahead[name] and name.startswith(("quantize", "export"))
    } == set()


def test_study_of_joined_spans(plan):
    counts = plan(ROOT / "config" / "joined-spans.yaml").counts
    assert counts["joined_spans"] == counts["out_of_fold_logits"] == 3  # one a seed
    assert counts["distill_conv"] == 12 and counts["spans_logits"] == 0
