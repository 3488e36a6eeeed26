"""`emopress card`: what a model card says of a bundle, its scores, its data and its licences."""

import json
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml
from carded import CATALOGUE, MACRO_F1, ROOT, write_data_card, write_predictions
from scipy.stats import binomtest

from command_line import STUCK_S
from emopress.card.limitations import limitations
from emopress.card.steps import recipe_lines
from emopress.cli import main
from emopress.data import licences
from emopress.passes import PASSES
from emopress.report.words.markup import escape
from emopress.runtime.bundle_reader import read_bundle


@pytest.fixture
def shipped(tmp_path, artifacts, demo):
    """Return a function: a copy of a bundle in a results folder, its manifest changed, and its card."""

    def ship(name="bert-static", variant="bert+static", data=None, **manifest):
        seed = tmp_path / "results" / "demo-en" / variant / "seed0"
        shutil.copytree(artifacts.bundles[name], seed / "bundle")
        path = seed / "bundle" / "bundle.json"
        facts = json.loads(path.read_text("utf-8")) | manifest
        path.write_text(json.dumps(facts), encoding="utf-8")
        write_predictions(seed / "predictions.parquet", facts["labels"])
        write_data_card(
            tmp_path / "results" / "data" / "demo-en" / "card.json", demo, **(data or {})
        )
        return seed / "bundle"

    return ship


@pytest.fixture
def card(capsys):
    """Return a function that runs the command and gives front matter and body."""

    def run(*arguments):
        assert main(["card", *map(str, arguments)]) == 0
        text = capsys.readouterr().out
        _, front, body = re.split(r"^---$", text, maxsplit=2, flags=re.MULTILINE)
        return yaml.safe_load(front), body

    return run


@pytest.fixture
def refused(capsys):
    """Return a function that runs a command that must fail and gives its one line."""

    def run(*arguments):
        assert main([*map(str, arguments)]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1, (out, err)
        return err

    return run


def test_front_matter(shipped, card):
    front, _ = card(shipped())
    index = front.pop("model-index")
    assert front == {
        "language": "en",
        "license": "mit",  # of the data; nothing else went in
        "library_name": "onnx",
        "pipeline_tag": "text-classification",
        "tags": ["emotion-classification", "model-compression", "emopress", "quantize"],
        "metrics": ["accuracy", "f1"],
    }
    (model,) = index
    (result,) = model["results"]
    assert model["name"] == "bert+static"
    assert result["task"] == {"type": "text-classification", "name": "Emotion classification"}
    assert result["dataset"] == {
        "type": "demo-en",
        "name": "English demo corpus",
        "split": "test",
    }
    assert [(m["type"], m["name"], m["value"]) for m in result["metrics"]] == [
        ("accuracy", "Accuracy", 0.75),
        ("f1", "Macro F1", round(MACRO_F1, 4)),
    ]


def test_the_hub_client_reads_the_front_matter(shipped, capsys):
    from huggingface_hub import ModelCard

    assert main(["card", str(shipped())]) == 0
    data = ModelCard(capsys.readouterr().out).data
    assert [(one.metric_name, one.metric_value) for one in data.eval_results] == [
        ("Accuracy", 0.75),
        ("Macro F1", round(MACRO_F1, 4)),
    ]


def test_scores_and_intervals(shipped, card):
    _, body = card(shipped())
    # 9 of 12 texts are right; they are few, so the interval is that of Clopper and Pearson.
    low, high = binomtest(9, 12).proportion_ci(method="exact")
    assert f"| Accuracy | 75.00 | {100 * low:.1f} to {100 * high:.1f} |" in body
    assert "exact and binomial (Clopper-Pearson" in body
    assert f"| Macro F1 | {100 * MACRO_F1:.2f} |" in body
    assert "On the 12 test texts of English demo corpus" in body
    # sadness: 2 right of 5 given, of 2 there; fear: 1 of 1 given, of 2 there
    assert "| sadness | 40.00 | 100.00 | 57.14 | 2 |" in body
    assert "| fear | 100.00 | 50.00 | 66.67 | 2 |" in body
    assert "| surprise | 0.00 | 0.00 | 0.00 | 2 |" in body
    assert "**It gave no test text these labels: `surprise`.**" in body


def test_body_tells_what_it_is(shipped, card, artifacts):
    bundle = shipped()
    _, body = card(bundle)
    manifest = json.loads((bundle / "bundle.json").read_text("utf-8"))
    steps = re.findall(r"^(\d)\. `(.*?)`: (.*)$", body, flags=re.MULTILINE)
    assert [(int(n), name) for n, name, _ in steps] == [(1, "tiny"), (2, "a-name")]
    assert "calibrated ranges" in steps[1][2] and "texts: 20" in steps[1][2]
    assert f"{read_bundle(bundle).facts['params']:,} parameters" in body
    size = sum((bundle / name).stat().st_size for name in (*manifest["files"], "bundle.json"))
    assert f"{size / 1e6:.2f} MB to ship" in body or f"{size / 1e3:.1f} kB to ship" in body
    assert "Demo corpus." in body and "Written for emopress" in body
    assert "first 32 tokens" in body and "Language: English" in body
    assert "no label for that" in body


def test_limits_in_another_language():
    """Whether a label stands for no emotion, and what a word is, is known of English."""
    lengths = {"words": {"median": 1.0}, "characters": {"median": 12.0}}
    data = {"title": "T", "lengths": lengths, "label_shares": {"train": {"怒": 0.5, "無": 0.5}}}
    data["leakage"] = {"letters_only": {"test_in_train_or_validation": 0}}
    data["counts"] = {"test": {"怒": 3, "無": 0}}
    manifest = {
        "language": "zh-Hant",
        "runtime": "onnxruntime",
        "max_length": 64,
        "labels": ["怒", "無"],
    }
    bundle = SimpleNamespace(facts=manifest)
    found = " ".join(
        limitations(SimpleNamespace(bundle=bundle, data=data, measured=None, cut=None))
    )
    assert "Language: Chinese (zh-Hant)." in found
    assert "half the texts of its data have at most 12 characters" in found
    assert "unless a label stands for that." in found and "no label for that" not in found


def test_texts_that_were_cut_and_labels_without_test_texts_are_told():
    data = {
        "title": "T",
        "lengths": {"words": {"median": 12.0}},
        "label_shares": {"train": {"a": 1.0}},
    }
    data |= {"leakage": {"letters_only": {"test_in_train_or_validation": 0}}}
    data |= {"counts": {"test": {"a": 8, "b": 0}}}
    manifest = {"language": "en", "runtime": "dense", "max_length": 6, "labels": ["a", "b"]}
    counted = {"cut": {"test": 1}, "texts": {"test": 8}}
    facts = SimpleNamespace(
        bundle=SimpleNamespace(facts=manifest),
        data=data,
        measured=SimpleNamespace(never=[]),
        cut=counted,
    )
    found = " ".join(limitations(facts))
    assert (
        "it reads the first 6 words of a text (half the texts of its data have at most 12 words)"
        in found
    )
    assert "ignores the rest; 12.5 % of the test texts are longer and were cut off." in found
    assert (
        "No test text has the label `b`: nothing is known about it, and macro F1 counts it as 0."
        in found
    )


def test_what_was_cut_stands_beside_the_bundle(shipped, card):
    bundle = shipped()
    assert "were cut" not in card(bundle)[1]
    counted = {"max_length": 32, "unit": "tokens", "cut": {"test": 3}, "texts": {"test": 12}}
    (bundle.parent / "cut.json").write_text(json.dumps(counted), "utf-8")
    assert "25.0 % of the test texts are longer and were cut" in card(bundle)[1]


def test_every_kind_of_bundle_has_a_card(artifacts, demo, tmp_path, card):
    predictions, data = tmp_path / "p.parquet", tmp_path / "card.json"
    write_predictions(predictions, demo["en"].labels)
    write_data_card(data, demo)
    libraries = set()
    for name, folder in artifacts.bundles.items():
        front, body = card(folder, "--predictions", predictions, "--data-card", data)
        libraries.add(front["library_name"])
        assert ("import json, numpy, onnxruntime" in body) == (
            name.split("-")[0] not in ("linear", "dense", "conv")
        )
    assert libraries == {"onnx", "emopress"}


def test_a_card_names_no_command_that_refuses_the_bundle(artifacts, demo, tmp_path, card):
    predictions, data = tmp_path / "p.parquet", tmp_path / "card.json"
    write_predictions(predictions, demo["en"].labels)
    write_data_card(data, demo)
    bundle = shutil.copytree(artifacts.bundles["conv"], tmp_path / "bundle")
    files = bundle, "--predictions", predictions, "--data-card", data
    assert "emopress export --onnx" in card(*files)[1]
    facts = json.loads((bundle / "bundle.json").read_text("utf-8"))
    (bundle / "bundle.json").write_text(json.dumps({**facts, "wide_ngrams": [2, 5]}), "utf-8")
    assert "emopress export --onnx" not in card(*files)[1]


def test_every_pass_has_its_words():
    more = {"distill layers": {"layers": [0, 2]}, "distill hidden": {"hidden_weight": 1.0}}
    for sort, row in PASSES.items():
        kind, *method = sort.split()
        settings = more.get(sort) or dict(zip(("method",), method, strict=False))
        step = {"name": "p", "kind": kind, **settings}
        (line,) = recipe_lines([step])
        assert row.does and line.startswith(f"`p`: {escape(row.does)}")


def test_the_student_and_its_settings_are_told(shipped, card):
    recipe = [
        {"name": "minilm", "family": "transformer", "hub": "a/b", "revision": "c" * 40},
        {
            "name": "kd",
            "kind": "distill",
            "student": "small",
            "temperature": 3.0,
            "student_model": {"name": "small", "family": "transformer", "init": {"layers": 2}},
        },
    ]
    _, body = card(shipped(recipe=recipe))
    assert (
        f"1. `minilm`: the published checkpoint [a/b](https://huggingface.co/a/b) at revision `{'c' * 40}`"
        in body
    )
    assert (
        "the student is a new model `small` (layers: 2); parameters: student: small; temperature: 3"
        in body
    )


BANGLABERT = {"name": "banglabert", "family": "transformer", "hub": "csebuetnlp/banglabert"}
STUDENT = {
    "name": "kd",
    "kind": "distill",
    "student_model": {"name": "small", "family": "transformer", "init": {"layers": 2}},
}


@pytest.mark.parametrize("stated", ["cc-by-nc-sa-4.0", "not stated by banglabert"])
@pytest.mark.parametrize("recipe", [[BANGLABERT], [BANGLABERT, STUDENT]])
def test_banglabert_is_not_for_commercial_use(shipped, card, stated, recipe):
    front, body = card(shipped(licences=[stated, "apache-2.0"], recipe=recipe))
    assert front["license"] == "cc-by-nc-sa-4.0"
    assert "**Not for commercial use.** This model was made from csebuetnlp/banglabert" in body
    row = next(line for line in body.splitlines() if line.startswith("| csebuetnlp/banglabert |"))
    assert "[CC BY-NC-SA 4.0](https://creativecommons.org/licenses/by-nc-sa/4.0/)" in row
    for words in ("forbids commercial use", "credit the authors", "under the same licence"):
        assert words in row


def test_a_licence_of_ones_own_is_told_with_what_to_do(shipped, capsys):
    bundle = shipped(data={"licence": "ours", "title": "Reviews"})
    assert main(["card", str(bundle)]) == 0
    out, err = capsys.readouterr()
    assert "license: other" in out and err == (
        "warning: the licence of Reviews, 'ours', is not one that emopress knows (pddl, mit, "
        "apache-2.0, cc-by-4.0, gemma, cc-by-nc-sa-4.0), so the card says license: other and tells readers "
        "to ask; if it is one of these, or yours to choose, set `licence` in the config, or edit the card\n"
    )
    (bundle.parents[3] / "data" / "demo-en" / "card.json").unlink()
    assert main(["card", str(bundle), "--without-metrics"]) == 0
    assert "not known without its data card (--data-card FILE)" in capsys.readouterr().err


def test_a_tokenizer_counts_as_a_source(shipped, card):
    student = {**STUDENT["student_model"], "tokenizer": {"hub": "csebuetnlp/banglabert"}}
    recipe = [{"name": "linear", "family": "linear"}, {**STUDENT, "student_model": student}]
    front, body = card(shipped(recipe=recipe))
    assert front["license"] == "cc-by-nc-sa-4.0"
    assert "the tokenizer of csebuetnlp/banglabert" in body


@pytest.mark.parametrize(
    ("of_checkpoints", "of_data", "expected"),
    [
        ([], "MIT (copyright 2022 Somebody)", "mit"),
        (["apache-2.0"], "MIT", "apache-2.0"),
        (["mit", "cc-by-4.0"], "Apache-2.0", "cc-by-4.0"),
        (["apache-2.0"], "CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
        (["apache-2.0, cc-by-nc-sa-4.0"], "MIT", "cc-by-nc-sa-4.0"),
        (["openrail"], "MIT", "other"),
        (["not stated by mine"], "MIT", "other"),
        (["cc-by-nc-sa-4.0"], "educational and research use only (as its authors state)", "other"),
        (["apache-2.0"], None, "other"),
    ],
)
def test_the_strictest_licence_decides(shipped, card, of_checkpoints, of_data, expected):
    front, body = card(shipped(licences=of_checkpoints, data={"licence": of_data}))
    assert front["license"] == expected
    assert ("ask the owner" in body) == (expected == "other")
    stated = [*of_checkpoints, of_data or ""]
    assert ("Not for commercial use" in body) == any("-nc-" in one.lower() for one in stated)


def test_research_only_data_is_named_as_a_limit(shipped, card):
    entry = CATALOGUE["emotion"]
    told = {key: entry[key] for key in ("licence", "licence_url", "title")}
    front, body = card(shipped(licences=["apache-2.0"], data=told))
    assert front["license_name"] == "see-model-card"
    assert front["license_link"] == "https://github.com/dair-ai/emotion_dataset#usage"
    assert "educational and research use only" in body
    assert (
        "**Ask before you use it.** It is not known what the licence of emotion: English Twitter"
        in body
    )


@pytest.mark.parametrize("same", [True, False])
def test_the_hub_data_set_is_known_by_its_hashes(shipped, card, same):
    files = CATALOGUE["emotion"]["source"]["files"]
    source = {file["name"]: {"sha256": file["sha256"], "origin": "mirror"} for file in files}
    if not same:
        source["train.txt"]["sha256"] = "0" * 64
    front, _ = card(shipped(data={"dataset": "emotion", "source": source}))
    assert front.get("datasets") == (["dair-ai/emotion"] if same else None)
    dataset = front["model-index"][0]["results"][0]["dataset"]["type"]
    assert dataset == ("dair-ai/emotion" if same else "emotion")


def test_base_model(shipped, card):
    base = {"name": "minilm", "repo": "sentence-transformers/all-MiniLM-L6-v2", "commit": None}
    front, _ = card(shipped(base=base, licences=["apache-2.0"]))
    assert front["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"


def test_hostile_text_stays_text(shipped, card):
    evil = "<script>alert(1)</script>\n---\nlicense: mit\n# head | [x](javascript:y) `"
    recipe = [{"name": evil, "family": "transformer", "hub": evil, "train": {evil: evil}}]
    data = {key: evil for key in ("title", "citation", "licence", "licence_url")}
    front, body = card(shipped(data=data, recipe=recipe, licences=[evil], versions={evil: evil}))
    assert front["license"] == "other"
    assert front["model-index"][0]["results"][0]["dataset"]["name"] == evil
    assert "<script" not in body and "\nlicense: mit" not in body and "\n# head" not in body
    assert "](javascript" not in body.replace("\\[x\\](javascript", "")


def test_the_snippet_runs_and_agrees(artifacts, demo, tmp_path, card):
    """What the card prints as code gives what the bundle gives, in a process without torch."""
    from emopress.runtime.bundle import load

    for name, normalise in (("bert-dynamic", "none"), ("distilbert-static", "bengali")):
        folder = shutil.copytree(artifacts.bundles[name], tmp_path / name)
        path = folder / "bundle.json"
        facts = json.loads(path.read_text("utf-8")) | {"normalise": normalise}
        path.write_text(json.dumps(facts), encoding="utf-8")
        _, body = card(folder, "--without-metrics")
        code = re.search(r"```python\n(.*?)```", body, flags=re.DOTALL)[1]
        example = "i  feel “wonderful” today… " * 9
        code = code.replace("i feel wonderful today", example)
        code += "\nimport sys; assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            env={"PYTHONPATH": str(ROOT / "workflow" / "scripts")},
            capture_output=True,
            text=True,
            timeout=STUCK_S,
        )
        assert done.returncode == 0, done.stderr
        label, probability = done.stdout.split()
        expected = load(folder).predict_proba([example])[0]
        assert label == facts["labels"][expected.argmax()]
        assert float(probability) == pytest.approx(expected.max(), abs=1e-5)


def test_a_moved_bundle_needs_its_files_named(shipped, tmp_path, card, refused):
    bundle = shipped()
    moved = shutil.copytree(bundle, tmp_path / "moved")
    predictions, data = (
        bundle.parent / "predictions.parquet",
        tmp_path / "results/data/demo-en/card.json",
    )
    line = refused("card", moved)
    assert "--predictions FILE" in line and "--without-metrics" in line
    line = refused("card", moved, "--predictions", predictions)
    assert "--data-card FILE" in line and "--without-metrics" in line
    front, _ = card(moved, "--predictions", predictions, "--data-card", data)
    assert front["model-index"][0]["name"] == "tiny+a-name"
    front, body = card(moved, "--without-metrics")
    assert "model-index" not in front and front["license"] == "other"
    assert "written without scores" in body and "without a data card" in body
    front, body = card(bundle, "--without-metrics")
    assert "model-index" not in front and front["license"] == "mit"
    assert "English demo corpus. Licence: MIT" in body


def test_missing_files_of_a_results_folder_are_named(shipped, tmp_path, refused):
    bundle = shipped()
    data = tmp_path / "results/data/demo-en/card.json"
    data.unlink()
    line = refused("card", bundle)
    assert str(data) in line and "--data-card FILE" in line
    (bundle.parent / "predictions.parquet").unlink()
    line = refused("card", bundle)
    assert "predictions.parquet: no such file" in line and "--predictions FILE" in line


def test_predictions_and_data_of_other_labels_are_refused(shipped, tmp_path, refused, demo):
    bundle = shipped()
    other = tmp_path / "other.parquet"
    write_predictions(other, demo["bn"].labels)
    assert f"{other}: columns" in refused("card", bundle, "--predictions", other)
    other.write_text("no parquet")
    assert f"{other}: not a readable Parquet" in refused("card", bundle, "--predictions", other)
    card = tmp_path / "card.json"
    write_data_card(card, demo, labels=demo["bn"].labels)
    assert "not the data of the bundle" in refused("card", bundle, "--data-card", card)
    counts = {part: dict.fromkeys(demo["en"].labels, 3) for part in ("train", "test")}
    write_data_card(card, demo, counts=counts)
    assert "its test texts are not those of" in refused("card", bundle, "--data-card", card)
    card.write_text("{}")
    assert "not a data card, it has no 'dataset'" in refused("card", bundle, "--data-card", card)


def test_wrong_and_damaged_bundles_are_refused(shipped, tmp_path, refused):
    assert "no such file; expected a bundle" in refused("card", tmp_path / "nowhere")
    assert "bundle.json: no such file" in refused("card", tmp_path)
    (tmp_path / "checkpoint.json").write_text("{}")
    assert "a checkpoint, which only training reads" in refused("card", tmp_path)
    assert "a file; expected a bundle" in refused("card", tmp_path / "checkpoint.json")
    bundle = shipped()
    path = bundle / "bundle.json"
    good = json.loads(path.read_text("utf-8"))

    def refusal(**changes):
        path.write_text(json.dumps(good | changes), encoding="utf-8")
        return refused("card", bundle)

    assert "a file outside the bundle" in refusal(files={"../x": "0" * 32})
    assert "a file outside the bundle" in refusal(files={"/etc/hosts": "0" * 32})
    assert "unknown normalise" in refusal(normalise='")\nimport os')
    del good["files"]["tokenizer.json"]
    assert "does not list tokenizer.json" in refusal()
    path.write_text("[]")
    assert "damaged (not a JSON object)" in refused("card", bundle)
    path.write_text(json.dumps(good))


def test_damaged_files_are_refused(shipped, refused):
    bundle = shipped()
    (bundle / "tokenizer.json").write_text("{}")
    assert "tokenizer.json: damaged" in refused("card", bundle)


def test_out_replaces_nothing_unasked(shipped, tmp_path, refused, capsys):
    bundle, out = shipped(), tmp_path / "new" / "README.md"
    assert main(["card", str(bundle), "--out", str(out)]) == 0
    assert capsys.readouterr().out == "" and out.read_text("utf-8").startswith(
        "---\nlanguage: en\n"
    )
    out.write_text("mine")
    assert "--force replaces it" in refused("card", bundle, "--out", out)
    assert out.read_text() == "mine"
    assert main(["card", str(bundle), "--out", str(out), "--force"]) == 0
    assert out.read_text("utf-8").startswith("---\n")
    assert "a folder" in refused("card", bundle, "--out", tmp_path, "--force")
    blocked = out / "below" / "README.md"
    assert "cannot be written" in refused("card", bundle, "--out", blocked)


@pytest.mark.parametrize(
    "name", ["MIT", "mit license", "Apache 2.0", "CC BY 4.0", "cc by-nc-sa 4.0"]
)
def test_licences_are_recognised_by_name(name):
    assert licences.recognise(name) is not None


@pytest.mark.parametrize("name", ["MIT-0", "cc-by-nc-nd-4.0", "mit or gpl", "", "(MIT)"])
def test_other_licences_are_not_taken_for_known_ones(name):
    assert licences.recognise(name) is None


def test_known_checkpoints_have_known_licences():
    assert set(licences.CHECKPOINTS.values()) <= set(licences.KNOWN)
    for repo, licence in licences.CHECKPOINTS.items():
        manifest = {"recipe": [{"name": "m", "family": "transformer", "hub": repo}]}
        (found,) = licences.checkpoint_licences(manifest | {"licences": ["not stated by m"]})
        assert (found.of, found.known.id) == (repo, licence)
