"""What a comment in a module makes again: what that module shapes, and nothing else."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from emopress.jobs import code as closure
from emopress.runtime.bundle import RUNTIMES

TRAIN = {"epochs": 1, "learning_rate": 0.01}
LSTM = {"family": "lstm", "kind": "discriminative", "width": 8, "state": 8, "train": TRAIN}
LSTM["tokenizer"] = {"train": "wordpiece", "vocab_size": 300}
CONV = {"family": "conv", "width": 4, "filters": 4, "train": TRAIN}
CONV["tokenizer"] = {"train": "wordpiece", "vocab_size": 300}
KD_DENSE = {"kind": "distill", "student": "dense", "train": TRAIN}
CHECKPOINT = "/checkpoint/checkpoint.json"
# They read the logits of the model before them, a transformer.
STUDENTS = {"tiny+kd-micro", "tiny+kd-dense", "tiny+trim+kd-layer", "tiny+trim+kd-layer+cut50"}
TRAINED = {"tiny", "tiny+mag50", "tiny+trim", "tiny+low-rank", "tiny+low-rank+qat8", "tiny+lora"}
MODULES = {  # of a pass of the study
    "compress/prune_magnitude.py": "mag50",
    "compress/prune_structured.py": "cut50",
    "compress/qat.py": "qat8",
    "compress/trim.py": "trim",
    "compress/adapt.py": "lora",
    "bundle/quantize_half.py": "fp16",
    "bundle/quantize_affine.py": "q4",
}
ALL = {"linear", "dense", "lstm", "conv", *STUDENTS, *TRAINED}


ROOMS = {  # rules -> the rooms in the stamp of each, beside the ground floor
    "fetch_data fetch_vectors fetch_model fetch_tokenizer": "data",
    "prepare_data describe_data": "data runtime",  # normalisation
    "finetune distill": "train",
    "train_linear out_of_fold_logits": "linear runtime train",  # n-grams
    "joined_spans": "train",
    "train_dense distill_dense": "data dense runtime train",  # zip files, words
    "train_lstm distill_lstm": "lstm train",
    "train_conv distill_conv": "conv runtime train",  # pieces
    "trim distill_whitebox prune_magnitude prune_structured low_rank qat": "compress train",
    "adapt": "compress runtime train",  # layers in 4 bits
    "quantize quantize_blocks openvino export": "bundle runtime train",
    "quantize_half pack": "bundle runtime",
    "quantize_linear export_linear": "bundle linear runtime",
    "export_dense": "bundle dense runtime",
    "quantize_affine": "bundle runtime",
    "quantize_lstm export_lstm": "bundle lstm runtime train",
    "export_conv": "bundle conv runtime",
    "convert_qat": "bundle compress runtime train",
    "teacher_logits spans_logits time aggregate": "measure runtime train",
    "predict predict_generative": "measure runtime",
    "search": "bundle measure runtime train",
    "noise": "measure",
    "judge": "data measure runtime train",
    "figures trade_off": "measure report train",
    "render": "data measure report runtime study train",
}


@pytest.fixture
def study(miniature):
    """The miniature study, with an LSTM, a convolutional model and a student of another family."""
    miniature["models"] |= {"lstm": LSTM, "conv": CONV}
    miniature["passes"]["kd-dense"] = KD_DENSE
    miniature["study"][0]["variants"] += ["lstm", "conv", "tiny+kd-dense"]
    return miniature


def test_the_rooms_in_the_stamp_of_each_rule(plan, study, tmp_path):
    expected = {rule: set(ROOMS[rules].split()) for rules in ROOMS for rule in rules.split()}
    engines = {name.split(":")[0].replace(".", "/") + ".py" for name in RUNTIMES.values()}
    held = {}
    for rule in plan(study, "report").rules:
        if "code" not in rule.input.keys():  # noqa: SIM118
            assert not rule.output or rule.name == "rulegraph"
            continue
        stamp = rule.input.code
        stamp = stamp(SimpleNamespace(variant="tiny")) if callable(stamp) else stamp
        modules = [line.split()[1] for line in (tmp_path / stamp).read_text("utf-8").splitlines()]
        held[rule.name] = {name.split("/")[1] for name in modules if name.count("/") > 1}
        if any(name.endswith(CHECKPOINT) for name in rule.output):
            assert not engines & set(modules), rule.name
    assert held == expected


@pytest.fixture
def after(plan, study, tmp_path, monkeypatch):
    """Return a function: the files that a finished study makes again after a comment in some modules.

    Its `made` are all files of the study. They are there, but empty; the library is a copy.
    """
    library = tmp_path / "scripts"
    shutil.copytree(closure.SCRIPTS, library, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(closure, "SCRIPTS", library)
    made = plan(study, "report").made
    stamps, kept = tmp_path / closure.STAMPS, tmp_path / "kept"
    shutil.copytree(stamps, kept)
    end = max(path.stat().st_mtime for path in stamps.iterdir()) + 1
    for path in (tmp_path / name for name in made):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (end, end))

    def changed(*modules):
        before = {library / "emopress" / name: None for name in modules}
        for path in before:
            before[path] = path.read_bytes()
            path.write_bytes(before[path] + b"\n# a comment\n")
        closure._imports.cache_clear()
        files = plan(study, "report").to_make
        for path, text in before.items():
            path.write_bytes(text)
        shutil.rmtree(stamps)
        shutil.copytree(kept, stamps)
        return files

    changed.made = made
    assert changed() == set()
    return changed


def variants(files):
    """Return the variants of which a checkpoint is among some files."""
    return {Path(name).parts[2] for name in files if name.endswith(CHECKPOINT)}


def modules_of(room):
    """Return all modules of a room."""
    package = closure.SCRIPTS / "emopress"
    return [path.relative_to(package) for path in (package / room).rglob("*.py")]


def test_no_model_is_made_again_for_what_is_around_jobs_or_tells_of_them(after):
    """The progress bar and the trackers are in the room `jobs`, for which nothing at all is made again."""
    assert variants(after.made) == ALL
    assert after(*modules_of("jobs")) == set()
    for room in ("report", "card", "cli", "study"):
        assert variants(after(*modules_of(room))) == set(), room


def test_no_model_is_made_again_for_a_runtime_but_students_of_a_teacher_in_it(after):
    for runtime, name in RUNTIMES.items():
        module = name.split(":")[0].removeprefix("emopress.").replace(".", "/")
        files = after(f"{module}.py")
        assert variants(files) == (STUDENTS if runtime == "onnxruntime" else set()), runtime
        evaluated = {Path(name).parts[2] for name in files if name.endswith("predictions.parquet")}
        assert "tiny+auto" in evaluated, "a search's choice may run in any"
        own = {"tiny": "onnxruntime", "lstm": "onnxruntime"}
        own |= {name: name for name in ("linear", "dense", "conv")}
        assert evaluated & set(own) == {model for model, needs in own.items() if needs == runtime}


def test_all_models_are_made_again_for_the_training_loop(after):
    assert variants(after("train/loop.py")) == ALL - {"linear"}  # scikit-learn's


def test_a_pass_and_what_hangs_from_it_are_made_again_for_its_module(after):
    def of_variants(files):
        return {name for name in files if name.startswith("results/demo-en/")}

    for module, step in MODULES.items():
        expected = {f for f in of_variants(after.made) if step in Path(f).parts[2].split("+")}
        assert of_variants(after(module)) == expected, module
