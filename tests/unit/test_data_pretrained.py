"""Pretrained checkpoints: safetensors only, from a mirror or the hub, with a record of it."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from emopress.artifact import read_json, sha256_of
from emopress.data.hub import resolve_revision
from emopress.data.pretrained import (
    fetch_model,
    fetch_tokenizer,
    is_pinned,
    licence_of,
    mirrored_files,
)
from emopress.errors import UserError

COMMIT = "a" * 40
SOURCE = {"repo": "someone/model", "revision": "main"}
CARD = "---\nlanguage: bn\nlicense: apache-2.0\n---\n# Model\nlicense: mit\n"


def weights(text="{}"):
    """Return a safetensors file without tensors: the length of its header and that."""
    return chr(len(text)) + 7 * "\0" + text


FILES = {
    "config.json": '{"model_type": "bert"}',
    "model.safetensors": weights(),
    "tokenizer.json": "{}",
    "vocab.txt": "[PAD]\n",
    "README.md": CARD,
    "LICENSE.txt": "Apache",
    "pytorch_model.bin": "pickle",
    "flax_model.msgpack": "other",
}
KEPT = [
    "LICENSE.txt",
    "README.md",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "vocab.txt",
]


def folder_of(path, *without):
    path.mkdir(parents=True)
    for name, text in FILES.items():
        if name not in without:
            (path / name).write_text(text)
    return path


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Put a hub in place whose one repository is a folder; returns the folder and the calls."""
    folder, calls = folder_of(tmp_path / "snapshot"), []

    class Api:
        def repo_info(self, repo, *, revision):
            calls.append(("resolve", repo, revision))
            return type("Info", (), {"sha": COMMIT})

    def snapshot_download(repo, *, revision, allow_patterns):
        calls.append(("download", repo, revision))
        assert not {"pytorch_model.bin", "*", "*.bin"} & set(allow_patterns)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return folder, calls


def test_model_from_a_mirror(tmp_path):
    folder_of(tmp_path / "two" / "models" / "mbert")
    dest = tmp_path / "checkpoint"
    fetch_model("mbert", SOURCE, mirrors=[tmp_path / "one", tmp_path / "two"], dest=dest)
    assert sorted(path.name for path in dest.iterdir()) == sorted([*KEPT, "pretrained.json"])
    record = read_json(dest / "pretrained.json")
    assert record["origin"] == "mirror"
    assert (record["licence"], record["commit"]) == ("apache-2.0", None)
    assert sorted(record["files"]) == KEPT
    assert record["files"]["config.json"]["sha256"] == sha256_of(dest / "config.json")


def test_model_from_the_hub(tmp_path, hub):
    dest = tmp_path / "checkpoint"
    fetch_model("mbert", SOURCE, mirrors=[], dest=dest)
    record = read_json(dest / "pretrained.json")
    assert (record["repo"], record["revision"], record["commit"]) == (
        "someone/model",
        "main",
        COMMIT,
    )
    assert sorted(record["files"]) == KEPT
    assert hub[1] == [("resolve", "someone/model", "main"), ("download", "someone/model", COMMIT)]


def test_pickle_only_checkpoints_are_refused(tmp_path, hub):
    (hub[0] / "model.safetensors").unlink()
    folder_of(tmp_path / "mirror" / "models" / "mbert", "model.safetensors")
    for mirrors in ([], [tmp_path / "mirror"]):
        with pytest.raises(
            UserError, match=r"no model\.safetensors, and pickle checkpoints"
        ) as caught:
            fetch_model("mbert", SOURCE, mirrors=mirrors, dest=tmp_path / "checkpoint")
        assert "save_pretrained" in str(caught.value) and "DIR/models/mbert/" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "checkpoint").exists()


@pytest.mark.parametrize(
    ("without", "message"),
    [
        (["config.json"], "has no config.json"),
        (["tokenizer.json", "vocab.txt"], "has neither tokenizer.json nor vocab.txt"),
    ],
)
def test_incomplete_checkpoint(tmp_path, without, message):
    folder_of(tmp_path / "models" / "mbert", *without)
    with pytest.raises(UserError, match=message):
        fetch_model("mbert", SOURCE, mirrors=[tmp_path], dest=tmp_path / "checkpoint")


@pytest.mark.parametrize("where", ["tokenizers", "models"])
def test_tokenizer_from_a_mirror(tmp_path, where):
    folder = tmp_path / where / "bn"
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("[PAD]\n")
    fetch_tokenizer("bn", {}, mirrors=[tmp_path], dest=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "pretrained.json",
        "vocab.txt",
    ]


def test_tokenizer_from_the_hub_has_no_weights(tmp_path, hub):
    fetch_tokenizer("bn", SOURCE, mirrors=[], dest=tmp_path / "out")
    record = read_json(tmp_path / "out" / "pretrained.json")
    assert "model.safetensors" not in record["files"] and record["commit"] == COMMIT


def test_no_mirror_has_it(tmp_path):
    with pytest.raises(UserError, match="model 'mbert': no mirror has it; looked at") as caught:
        fetch_model("mbert", SOURCE, mirrors=[tmp_path / "a", tmp_path / "b"], dest=tmp_path / "c")
    for mirror in ("a", "b"):
        assert f"{tmp_path / mirror / 'models' / 'mbert'}/" in str(caught.value)


def test_hub_failures_are_one_line(tmp_path, monkeypatch):
    class Api:
        def repo_info(self, repo, *, revision):
            raise ConnectionError("no network\nat all")

    def snapshot_download(repo, **options):
        raise OSError("no network\nat all")

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    message = "someone/model: cannot resolve revision 'main' .*no network at all"
    with pytest.raises(UserError, match=message):
        resolve_revision("someone/model", "main")
    pinned = SOURCE | {"revision": COMMIT}
    with pytest.raises(UserError, match=f"someone/model at {COMMIT} .*no network at all") as caught:
        fetch_model("mbert", pinned, mirrors=[], dest=tmp_path / "checkpoint")
    assert "--config mirror=DIR reads DIR/models/mbert/" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="model 'mbert': its source needs repo and revision"):
        fetch_model("mbert", {}, mirrors=[], dest=tmp_path / "checkpoint")


def test_a_commit_is_its_own_revision():
    assert resolve_revision("someone/model", COMMIT) == COMMIT


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        (CARD, "apache-2.0"),
        ("---\nlicenses:\n- cc-by-nc-sa-4.0\n---\n", "cc-by-nc-sa-4.0"),
        ("---\nlanguage: bn\n---\n", None),
        ("# Model\nlicense: mit\n", None),
        ("---\n: [\n---\n", None),
    ],
)
def test_licence_of_a_model_card(tmp_path, card, licence):
    (tmp_path / "README.md").write_text(card)
    assert licence_of(tmp_path / "README.md") == licence
    assert licence_of(tmp_path / "none.md") is None


def test_weights_must_have_the_expected_hash(tmp_path):
    folder = tmp_path / "mirror" / "models" / "mbert"
    folder_of(folder)
    right = sha256_of(folder / "model.safetensors")
    mirrors, dest = [tmp_path / "mirror"], tmp_path / "checkpoint"
    with pytest.raises(UserError, match=f"expected sha256 {'0' * 64}, found {right}") as error:
        fetch_model("mbert", {**SOURCE, "sha256": "0" * 64}, mirrors=mirrors, dest=dest)
    assert "\n" not in str(error.value) and not dest.exists()
    fetch_model("mbert", {**SOURCE, "sha256": right}, mirrors=mirrors, dest=dest)
    assert (dest / "pretrained.json").exists()


SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def sharded(folder):
    folder_of(folder, "model.safetensors")
    for file in SHARDS:
        (folder / file).write_text(weights(json.dumps({"__metadata__": {"file": file}})))
    index = {"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return {file: sha256_of(folder / file) for file in SHARDS}


def test_shards_have_a_hash_each(tmp_path):
    right = sharded(tmp_path / "mirror" / "models" / "large")
    mirrors, dest = [tmp_path / "mirror"], tmp_path / "checkpoint"
    fetch_model("large", {**SOURCE, "sha256": right}, mirrors=mirrors, dest=dest)
    assert read_json(dest / "pretrained.json")["files"][SHARDS[1]]["sha256"] == right[SHARDS[1]]
    wrong = {**right, SHARDS[1]: "0" * 64}
    with pytest.raises(UserError, match=rf"wrong {SHARDS[1]}, expected sha256 0000"):
        fetch_model("large", {**SOURCE, "sha256": wrong}, mirrors=mirrors, dest=dest)
    first = {SHARDS[0]: right[SHARDS[0]]}
    with pytest.raises(UserError, match=rf"sha256 lacks the hash of {SHARDS[1]}; give it as"):
        fetch_model("large", {**SOURCE, "sha256": first}, mirrors=mirrors, dest=dest)


@pytest.mark.parametrize("text", ['{"weight_map": {', '{"other": {}}', "[1]"])
def test_a_damaged_index_is_one_line(tmp_path, text):
    folder = tmp_path / "mirror" / "models" / "large"
    sharded(folder)
    (folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(UserError, match=r"model 'large': .*index\.json is damaged") as error:
        fetch_model("large", SOURCE, mirrors=[tmp_path / "mirror"], dest=tmp_path / "out")
    assert "\n" not in str(error.value)


def test_only_a_commit_of_the_hub_is_pinned(tmp_path):
    assert is_pinned({**SOURCE, "revision": COMMIT}, [])
    assert not is_pinned({**SOURCE, "revision": COMMIT}, [tmp_path])
    for revision in ("main", COMMIT[1:], COMMIT + "0", COMMIT.upper()):
        assert not is_pinned({**SOURCE, "revision": revision}, [])
    assert not is_pinned({"sha256": "0" * 64}, [])


@pytest.mark.parametrize("kind", ["model", "tokenizer"])
def test_the_hashes_of_what_a_mirror_has(tmp_path, hub, kind):
    fetch = {"model": fetch_model, "tokenizer": fetch_tokenizer}[kind]
    mirror, dest = tmp_path / "mirror", tmp_path / "dest"
    place = folder_of(mirror / "models" / "mbert")

    def hashes(*mirrors, stated=None):
        return mirrored_files(kind, "mbert", mirrors=mirrors, dest=dest, stated=stated)

    assert hashes() == {} and hashes(tmp_path / "empty") == {}
    before = hashes(tmp_path / "empty", mirror)
    kept = [name for name in KEPT if kind == "model" or name != "model.safetensors"]
    assert before == {name: sha256_of(place / name) for name in kept}
    fetch("mbert", {}, mirrors=[mirror], dest=dest)
    assert hashes(mirror) == hashes() == before  # what was fetched, where no mirror is given
    others = {name: sha256 for name, sha256 in before.items() if name != "model.safetensors"}
    for stated in ("0" * 64, {"model.safetensors": "0" * 64}):  # gigabytes are not read for nothing
        assert hashes(mirror, stated=stated) == hashes(stated=stated) == others
    kept = (dest / "pretrained.json").read_text()
    (dest / "pretrained.json").write_text(kept[:99])  # damaged: it will be fetched again
    assert hashes() == {} and hashes(mirror) == before
    (dest / "pretrained.json").write_text(kept)
    (place / "vocab.txt").write_text("[CLS]\n")
    assert {name for name in before if hashes(mirror)[name] != before[name]} == {"vocab.txt"}
    assert hashes() == before
    fetch("mbert", SOURCE, mirrors=[], dest=dest)
    assert hashes() == hashes(mirror) == {}  # it came from the hub


def fetch_named(root, name, **changes):
    """Fetch the mirrored checkpoint `theirs` for a model called `name`, after files of it have changed."""
    for file, text in changes.items():
        (root / "mirror" / "models" / "theirs" / file.replace("_", ".")).write_text(text)
    dest = root / "results" / "models" / name
    fetch_model("theirs", {}, mirrors=[root / "mirror"], dest=dest)
    return dest / "model.safetensors"


def test_one_checkpoint_under_two_names_takes_its_room_once(tmp_path):
    folder_of(tmp_path / "mirror" / "models" / "theirs")
    first = fetch_named(tmp_path, "a")
    second = fetch_named(tmp_path, "b")
    assert first.samefile(second) and first.stat().st_nlink == 2
    assert not first.samefile(tmp_path / "mirror" / "models" / "theirs" / "model.safetensors")
    records = [read_json(path.with_name("pretrained.json")) for path in (first, second)]
    assert records[0] == records[1]
    shutil.rmtree(first.parent)
    assert second.read_text() == weights()


def test_other_weights_of_the_same_size_and_damaged_ones_are_not_shared(tmp_path):
    folder_of(tmp_path / "mirror" / "models" / "theirs")
    first = fetch_named(tmp_path, "a", model_safetensors=weights("{      }"))
    other = fetch_named(tmp_path, "b", model_safetensors=weights("{}      "))
    assert first.stat().st_size == other.stat().st_size and not first.samefile(other)
    other.write_text(weights("{     } "))
    third = fetch_named(tmp_path, "c")
    assert not third.samefile(other) and third.read_text() == weights("{}      ")


def test_two_jobs_that_fetch_at_once_copy_once(tmp_path, monkeypatch):
    folder_of(tmp_path / "mirror" / "models" / "theirs")
    copied, copy = [], shutil.copyfile

    def slowly(source, target):
        copied.append(source.name)
        time.sleep(0.05)
        return copy(source, target)

    monkeypatch.setattr("emopress.data.pretrained.shutil.copyfile", slowly)
    with ThreadPoolExecutor() as pool:
        paths = list(pool.map(lambda name: fetch_named(tmp_path, name), ["a", "b", "c"]))
    assert copied.count("model.safetensors") == 1 and paths[0].stat().st_nlink == 3
