"""What is shipped of a bundle, and what is told of it beside: bundle.json and provenance.json."""

import json
import shutil

import numpy as np
import pytest
from resealed import alone, reseal

from emopress.artifact import PROVENANCE, read_json, sha256_of, write_json
from emopress.cli import main
from emopress.errors import UserError
from emopress.jobs.damage import verify
from emopress.jobs.ledger import table_of
from emopress.measure.search import copy_bundle
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import RUNTIME_KEYS, read_bundle

FAMILIES = ["bert", "bert-static", "pruned-static", "linear-int8", "dense-int3", "conv-int4"]
SHIPPED = {"format", "labels", "normalise", "runtime", "files", "provenance"}
FRESH = """
import json, sys
import numpy as np
from emopress.runtime.bundle import load
texts = json.load(open(sys.argv[2], encoding="utf-8"))
np.save(sys.argv[3], load(sys.argv[1]).predict_proba(texts))
"""


@pytest.mark.parametrize("name", FAMILIES)
def test_it_holds_what_prediction_reads_and_nothing_else(artifacts, name):
    bundle = read_bundle(artifacts.bundles[name])
    assert set(bundle.manifest) == {*SHIPPED, *RUNTIME_KEYS[bundle.manifest["runtime"]]}
    text = (bundle.folder / "bundle.json").read_text("utf-8")
    assert text == json.dumps(bundle.manifest, separators=(",", ":"), ensure_ascii=False) + "\n"
    assert all(len(digits) == 32 for digits in bundle.manifest["files"].values())
    for file, digits in bundle.manifest["files"].items():
        assert sha256_of(bundle.folder / file).startswith(digits)
    made = read_json(bundle.folder / PROVENANCE)
    assert {"recipe", "findings", "licences", "parent", "seed", "versions", "params"} <= set(made)
    assert not set(made) & set(bundle.manifest)


def test_a_small_manifest_of_a_small_bundle(artifacts):
    size = (artifacts.bundles["linear-int8"] / "bundle.json").stat().st_size
    assert size < 330  # 74 of them are the labels; it was 2 kB, 7 % of such a bundle


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_shipped_alone_predicts(artifacts, name, texts, probabilities, tmp_path, python):
    copy = alone(artifacts.bundles[name], tmp_path / "copy")
    assert sum(f.stat().st_size for f in copy.iterdir()) == read_bundle(copy).size_bytes
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    python(FRESH, copy, tmp_path / "texts.json", tmp_path / "found.npy")
    assert np.array_equal(np.load(tmp_path / "found.npy"), probabilities[name])
    verdict = verify(copy)
    assert verdict.damaged == [] and verdict.checked == len(read_bundle(copy).manifest["files"])
    file = next(iter(read_bundle(copy).manifest["files"]))
    (copy / file).write_bytes((copy / file).read_bytes()[:-1])
    assert [path for path, _ in verify(copy).damaged] == [copy / file]


def test_what_needs_the_provenance_says_so_in_one_line(artifacts, tmp_path, capsys):
    copy = alone(artifacts.bundles["bert"], tmp_path / "copy")
    for command in (["card", copy, "--without-metrics"], ["push", copy, "me/it", "--dry-run"]):
        assert main([*map(str, command)]) == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and f"{PROVENANCE}: no such file; the bundle predicts" in err
    with pytest.raises(UserError, match=r"no such file; the bundle predicts without it.*copy it"):
        copy_bundle(copy, {"name": "auto"}, findings={}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_bundles_provenance_is_refused(artifacts, copied):
    folder = copied("bert")
    shutil.copyfile(artifacts.bundles["linear"] / PROVENANCE, folder / PROVENANCE)
    with pytest.raises(UserError, match=r"provenance\.json: damaged, or another bundle's"):
        assert read_bundle(folder).facts
    assert len(load(folder).predict_proba(["so"])[0]) == 6  # it is not read


def test_damage_is_found_and_the_hash_stands_for_all(copied):
    folder = copied("linear")
    assert set(table_of(folder / "bundle.json")) == {"model.npz", PROVENANCE}
    before = sha256_of(folder / "bundle.json")
    reseal(folder, recipe=[{"name": "another"}])
    assert verify(folder).damaged == [] and sha256_of(folder / "bundle.json") != before
    (folder / PROVENANCE).write_text("{}")
    assert [path for path, _ in verify(folder).damaged] == [folder / PROVENANCE]


def test_a_bundle_of_the_workflow_is_not_whole_without_it(copied, tmp_path):
    """Where the ledger knows the bundle, its provenance belongs to it: the next pass reads it."""
    from emopress.jobs.ledger import record

    results = tmp_path / "results"
    folder = shutil.copytree(copied("linear"), results / "d" / "v" / "seed0" / "bundle")
    record(folder / "bundle.json", results)
    (folder / PROVENANCE).unlink()
    assert verify(results).damaged == [(folder / PROVENANCE, "missing")]


def test_a_bundle_of_format_1_predicts_and_is_told_of(copied, texts, probabilities, capsys):
    """Those that users have: all facts in bundle.json, with sizes and whole hashes."""
    from emopress.artifact import file_table

    folder = copied("bert-static")
    facts = read_bundle(folder).facts
    for name in ("bundle.json", PROVENANCE):
        (folder / name).unlink()
    old = {k: v for k, v in facts.items() if k not in ("files", "provenance")}
    write_json(folder / "bundle.json", {**old, "format": 1, "files": file_table(folder)})
    assert np.array_equal(load(folder).predict_proba(texts), probabilities["bert-static"])
    assert verify(folder).damaged == []
    assert main(["card", str(folder), "--without-metrics"]) == 0
    assert "`bundle.json`" in capsys.readouterr().out
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=r"tokenizer\.json: damaged .* 2 bytes of \d+; copy the"):
        load(folder)
