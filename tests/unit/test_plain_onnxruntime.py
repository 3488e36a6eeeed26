"""The thirteen lines of docs/plain_onnxruntime.py predict what emopress does, with no emopress at all."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from command_line import STUCK_S
from plain_entries import built

SCRIPT = Path(__file__).parents[2] / "docs" / "plain_onnxruntime.py"


def test_it_is_thirteen_lines_and_imports_no_emopress():
    code = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    docstring, *rest = code.body
    imports = [node for node in rest if isinstance(node, ast.Import | ast.ImportFrom)]
    lines = {line for node in rest for line in range(node.lineno, node.end_lineno + 1)}
    assert isinstance(docstring, ast.Expr) and len(lines) - len(imports) == 13
    names = {(getattr(node, "module", None) or node.names[0].name) for node in imports}
    assert names == {"json", "sys", "pathlib", "numpy", "onnxruntime", "tokenizers"}


def predicted(bundle, text, folder):
    """Return what the script prints for a text in a process that finds no emopress."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(bundle), f"  {text}\t\n "],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=STUCK_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["bert", "distilbert-static", "electra-dynamic"])
@pytest.mark.parametrize("place", [0, 7, -2, -1])  # two texts, odd letters, one that is cut
def test_same_label_and_probability(artifacts, texts, probabilities, tmp_path, name, place):
    logits = ast.literal_eval(predicted(artifacts.bundles[name], texts[place], tmp_path))
    from emopress.runtime.bundle_reader import read_bundle
    from emopress.tasks import softmax

    assert list(logits) == read_bundle(artifacts.bundles[name]).facts["labels"]
    found = softmax(np.array(list(logits.values())))
    assert found == pytest.approx(probabilities[name][place], abs=1e-5)


def test_the_comment_on_sets_of_labels_is_true(sets, filled, training, texts, tmp_path):
    """The sigmoid of what is printed, against the thresholds of the manifest, gives emopress's labels."""
    from emopress.bundle.export import export_transformer
    from emopress.runtime.bundle import load
    from emopress.runtime.bundle_reader import read_bundle
    from emopress.tasks import decided, sigmoid
    from emopress.train.finetune import finetune
    from emopress.train.run import TrainingRun

    files, data = sets
    entry = filled(
        "transformer",
        family="transformer",
        init={"architecture": "bert", "layers": 1, "width": 32, "heads": 2, "ffn": 64},
        tokenizer={"train": "wordpiece", "vocab_size": 400, "lowercase": False},
        train=training(epochs=1),
    )
    finetune(
        step=built({"name": "tiny", **entry}),
        data=data,
        seed=0,
        device="cpu",
        train=files["train"],
        validation=files["validation"],
        pretrained=None,
        pretrained_tokenizer=None,
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=tmp_path / "checkpoint",
    )
    bundle = tmp_path / "bundle"
    export_transformer(tmp_path / "checkpoint", bundle)
    facts = read_bundle(bundle).facts
    assert facts["task"] == "multi"
    logits = ast.literal_eval(predicted(bundle, texts[0], tmp_path))
    assert list(logits) == facts["labels"]
    found = sigmoid(np.array([list(logits.values())]))
    model = load(bundle)
    assert found == pytest.approx(model.predict_proba(texts[:1]), abs=1e-5)
    said = decided(model.predict_proba(texts[:1]), model.thresholds)[0]
    assert (found[0] >= np.array(facts["thresholds"])).tolist() == said.tolist()


def test_the_comment_on_bengali_is_true():
    """normalise_text is importable where only Python is, and is not what joining the words does."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from emopress.runtime.normalise import normalise_text as n;"
        "print(n('\\u09ac\\u09bc', 'bengali') != '\\u09ac\\u09bc', n(' a  b ', 'none'))"
    )
    library = SCRIPT.parents[1] / "workflow" / "scripts"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(library)], capture_output=True, text=True
    )
    assert done.stdout == "True a b\n", done.stderr
