"""Word vectors and dense layers: vectors from a file, how many layers pay, few bits, in one really run study."""

import csv
import hashlib

import numpy as np
import pandas
import pytest
import yaml

from conftest import Project
from emopress.artifact import read_json
from emopress.measure.summary import summary_errors
from emopress.runtime.lexicon import words_of

DIMENSION = 12
TRAIN = {"epochs": 3, "batch_size": 32, "learning_rate": 0.02}
LAYERS = {"flat": [], "narrow": [8], "wide": [32], "deep": [8, 8]}
VARIANTS = [*LAYERS, "wide+int4-best"]


def write_vectors(corpus, path):
    """Write random vectors of the words of a corpus's first texts, as GloVe's files hold them."""
    rng = np.random.default_rng(0)
    with corpus.open(encoding="utf-8", newline="") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)][:100]
    words = sorted({word for text in texts for word in words_of(text)})
    lines = (f"{word} {' '.join(f'{x:.3f}' for x in rng.normal(size=DIMENSION))}" for word in words)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return words


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The project after `snakemake report` of a study of dense layers on vectors of a mirror."""
    made = Project(tmp_path_factory.mktemp("dense"))
    mirror = made.folder / "mirror"
    (mirror / "vectors").mkdir(parents=True)
    file = mirror / "vectors" / "small.txt"
    made.words = write_vectors(made.folder / "data" / "demo" / "demo-en.csv", file)
    vectors = {
        "source": "glove",
        "dimension": DIMENSION,
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "licence": "none: random numbers",
        "min_count": 1,
    }
    common = {"family": "dense", "vectors": vectors, "train": TRAIN}
    study = {
        "name": "dense",
        "seeds": [0, 1],
        "mirror": "mirror",
        "study": [{"dataset": "demo-en", "variants": VARIANTS}],
        "models": {name: {**common, "layers": layers} for name, layers in LAYERS.items()},
        "passes": {
            "int4-best": {"kind": "quantize", "method": "affine", "bits": 4, "search": [100, 99]}
        },
        "evaluate": {"noise": []},
        "statistics": {"resamples": 1000},
        "timing": {"rounds": 1, "texts": 5, "cold_starts": 1},
    }
    made.config.write_text(yaml.safe_dump(study), "utf-8")
    made.snakemake("report")
    return made


def test_summary(ran):
    summary = pandas.read_csv(ran.results / "summary.csv")
    assert summary["variant"].tolist() == VARIANTS and summary_errors(summary) == []
    assert set(summary["runtime"]) == {"dense"} and set(summary["seeds"]) == {2}
    sizes = summary.set_index("variant")["size_bytes"]
    assert (
        sizes["flat"] < sizes["narrow"] < sizes["wide"] and sizes["wide+int4-best"] < sizes["flat"]
    )


def test_words_of_the_file_are_found(ran):
    bundle = read_json(ran.results / "demo-en" / "flat" / "seed0" / "bundle" / "provenance.json")
    found = bundle["findings"]["flat"]
    assert 0 < found["words_in_the_file"] <= len(ran.words)
    assert found["words_not_in_it"] > 0
    assert bundle["licences"] == ["none: random numbers"]


def test_the_best_trade_off_is_told_and_drawn(ran):
    report = (ran.results / "report.md").read_text("utf-8")
    told = report.split("Within one standard error of it are ")[1].split(".")[0]
    assert any(f"`{name}`" in told for name in LAYERS)
    assert "figures/demo-en-trade-off.svg" in report
    assert (ran.results / "figures" / "demo-en-trade-off.svg").is_file()
    assert "`wide+int4-best`" in report  # and what 4 bits did to its layers


def test_layers_are_told_of(ran):
    layers = read_json(ran.results / "details.json")["demo-en"]["wide+int4-best"]["0"]["findings"]
    assert set(layers["int4-best"]["quantized_layers"]) == {"vectors", "hidden0", "output"}
