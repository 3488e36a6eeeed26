"""What a bundle's manifest takes over from its parent: everything but the few facts that are its own."""

from emopress.artifact import read_json, write_json
from emopress.bundle.manifest import OWN, derived, exported
from emopress.checkpoint import Checkpoint
from emopress.runtime.bundle_reader import read_bundle

CHECKPOINT = {
    "format": 1,
    "family": "linear",
    "labels": ["joy", "fear"],
    "normalise": "none",
    "analyzer": "word",
    "ngrams": [1, 1],
    "recipe": [{"name": "base"}],
    "findings": {},
    "nonzero_params": 7,
    "a fact of tomorrow": [1, 2],
    "versions": {"torch": "0"},
    "trained_on": {"device": "cpu"},
    "parent": None,
    "files": {},
}


def test_a_child_inherits_facts_that_nobody_listed(tmp_path):
    folders = [tmp_path / name for name in ("checkpoint", "bundle", "child")]
    for folder in folders:
        folder.mkdir()
        (folder / "weights").write_text(folder.name)
    write_json(folders[0] / "checkpoint.json", CHECKPOINT)
    exported(folders[1], Checkpoint(folders[0], CHECKPOINT), ("numpy",), runtime="linear")
    parent = read_bundle(folders[1])
    step = {"name": "int8"}
    derived(
        folders[2],
        parent,
        step,
        ("numpy",),
        findings={"share": 0.5},
        nonzero_params=6,
        packed=True,
    )
    child = read_bundle(folders[2]).facts
    assert child["a fact of tomorrow"] == parent.facts["a fact of tomorrow"] == [1, 2]
    assert child["recipe"] == [{"name": "base"}, step]
    assert child["findings"] == {"int8": {"share": 0.5}}
    assert (child["nonzero_params"], parent.facts["nonzero_params"]) == (6, 7)
    assert child["packed"] is True and "packed" not in parent.facts
    assert read_json(folders[1] / "provenance.json").keys().isdisjoint({"trained_on", "files"})
    for key in OWN:
        facts = [facts.get(key) for facts in (CHECKPOINT, parent.facts, child)]
        if key == "format":
            assert facts == [1, 2, 2]
        elif key == "trained_on":
            assert facts == [{"device": "cpu"}, None, None]
        else:
            assert facts[0] != facts[1], key
            assert key == "versions" or facts[1] != facts[2], key
