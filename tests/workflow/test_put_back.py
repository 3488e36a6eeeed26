"""Local files that are put back to an older version with its time: what was made of them is made again."""

import os
import shutil

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from emopress.artifact import sha256_of

TARGETS = [
    "results/data/mine/counts.json",
    "results/models/bert/pretrained.json",
    "results/tokenizers/tiny/pretrained.json",
    "results/vectors/v.txt/manifest.json",
]
DATA, MODEL, TOKENIZER, VECTORS = (
    {"fetch_data", "prepare_data"},
    {"fetch_model"},
    {"fetch_tokenizer"},
    {"fetch_vectors"},
)


def lines(word):
    labels = ("joy", "fear")
    return "text,label\n" + "".join(f"{word} {n},{labels[n % 2]}\n" for n in range(60))


@pytest.fixture
def study(tmp_path, miniature):
    """A config whose every file is a local one, and these files."""
    mirror = tmp_path / "mirror"
    folder = mirror / "models" / "bert"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert", "vocab_size": 1}')
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    Tokenizer(WordLevel({"[UNK]": 0}, "[UNK]")).save(str(folder / "tokenizer.json"))
    shutil.copytree(folder, mirror / "tokenizers" / "words")
    (mirror / "vectors").mkdir()
    (mirror / "vectors" / "v.txt").write_text("good 1 2\n")
    (tmp_path / "mine.csv").write_text(lines("new"))
    glove = {"source": "glove", "file": "v.txt", "dimension": 2, "licence": "MIT"}
    train = {"epochs": 1, "learning_rate": 0.01}
    miniature["mirror"] = str(mirror)
    miniature["models"]["bert"] = {"family": "transformer", "from_mirror": True, "train": train}
    miniature["models"]["tiny"]["tokenizer"] = {"from_mirror": "words"}
    miniature["models"]["glove"] = {"family": "dense", "vectors": glove, "train": train}
    miniature["datasets"] = {
        "mine": {
            "title": "Mine",
            "language": "en",
            "labels": ["joy", "fear"],
            "source": {"files": [{"name": "a.csv", "path": str(tmp_path / "mine.csv")}]},
            "licence": "MIT",
        }
    }
    return miniature


def put_back(path, content):
    """Write other content, and the times of long ago, as cp -p does."""
    new = path.with_name("new")
    new.write_text(content)
    os.replace(new, path)
    os.utime(path, (1e9, 1e9))


def test_an_older_version_with_its_time_is_noticed(plan, study, tmp_path, backwards):
    mirror = tmp_path / "mirror"
    everything = DATA | MODEL | TOKENIZER | VECTORS
    assert plan(study, *TARGETS).needed == everything
    plan(study, *TARGETS, executor="local")
    assert plan(study, *TARGETS).needed == plan(backwards(study), *TARGETS).needed == set()

    old = {
        tmp_path / "mine.csv": (lines("old"), DATA),
        mirror / "models" / "bert" / "model.safetensors": ("\2" + 7 * "\0" + "{ }", MODEL),
        mirror / "tokenizers" / "words" / "tokenizer.json": ("{}", TOKENIZER),
        mirror / "vectors" / "v.txt": ("good 2 1\n", VECTORS),
    }
    for path, (content, rules) in old.items():
        kept = path.read_text()
        put_back(path, content)
        assert plan(study, *TARGETS).needed == rules, path.name
        path.write_text(kept)
        assert plan(study, *TARGETS).needed == set(), "the times alone plan nothing"

    put_back(tmp_path / "mine.csv", lines("old"))
    plan(study, *TARGETS, executor="local")
    assert (tmp_path / "results/data/mine/raw/a.csv").read_text() == lines("old")
    assert plan(study, *TARGETS).needed == set()

    del study["mirror"]  # what was fetched from it stays
    assert plan(study, *TARGETS).needed == set()

    stated = sha256_of(tmp_path / "mine.csv")
    study["datasets"]["mine"]["source"]["files"][0]["sha256"] = stated
    assert plan(study, *TARGETS).needed == set(), "it is that of the file, stated or not"
    put_back(tmp_path / "mine.csv", lines("new"))
    assert plan(study, *TARGETS).needed == DATA, "the job will say that the file is another"
