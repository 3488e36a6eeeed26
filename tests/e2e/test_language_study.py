"""Texts of other languages than the two that the project was tried on, from the config to the report."""

import csv

import pandas
import pytest
import yaml

from conftest import Project
from emopress.artifact import read_json

LANGUAGES = {  # tag -> its name in the report, the model, and what texts of two labels are made of
    "de": (
        "German",
        "words",
        {
            "Ärger": "ich bin so wütend über Straße Müll Lärm",
            "Freude": "heute fühle Glück schön süß Spaß",
        },
    ),
    "hi": (
        "Hindi",
        "words",
        {"anger": "मुझे बहुत गुस्सा आया झगड़ा बुरा क्रोध", "joy": "आज मैं बहुत खुश हूँ सुंदर प्यार हँसी"},
    ),
    "zh-Hant": (
        "Chinese (zh-Hant)",
        "characters",
        {"anger": "氣 死 我 了 討 厭 怒 吵", "joy": "開 心 今 天 真 好 笑 愛"},
    ),
    "ar-EG": (
        "Arabic (ar-EG)",
        "characters",
        {"anger": "أنا غاضب جدا من هذا الظلم والضجيج", "joy": "أنا سعيد اليوم والحياة جميلة وحلوة"},
    ),
}


def write_texts(path, labels, spaced):
    """Write 45 different texts per label, each some of the label's words."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for number in range(45):
            for label, words in labels.items():
                found = words.split()
                chosen = [found[(number * step + step) % len(found)] for step in (1, 2, 3, 5)]
                text = (" " if spaced else "").join([*chosen, found[number // 8 % len(found)]])
                writer.writerow([f"{text} {number}", label])


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The project after `snakemake report` of a study of linear models, a data set for each language."""
    made = Project(tmp_path_factory.mktemp("languages"))
    datasets = {}
    for tag, (_, _, labels) in LANGUAGES.items():
        path = made.folder / f"{tag}.csv"
        write_texts(path, labels, spaced=not tag.startswith("zh"))
        datasets[f"set-{tag.lower()}"] = {
            "title": f"Texts in {tag}",
            "language": tag,
            "labels": list(labels),
            "source": {"files": [{"name": path.name, "path": path.name}]},
            "licence": "MIT",
        }
    study = {
        "name": "languages",
        "seeds": [0],
        "datasets": datasets,
        "models": {
            "words": {"family": "linear", "analyzer": "word", "ngrams": [1, 2]},
            "characters": {"family": "linear", "analyzer": "char_wb", "ngrams": [1, 3]},
        },
        "passes": {},
        "study": [
            {"dataset": f"set-{tag.lower()}", "variants": [model]}
            for tag, (_, model, _) in LANGUAGES.items()
        ],
        "evaluate": {"noise": [0.2]},
        "statistics": {"resamples": 1000},
        "timing": {"threads": [1], "rounds": 1, "texts": 4, "warmup": 1, "cold_starts": 0},
    }
    made.config.write_text(yaml.safe_dump(study, allow_unicode=True), "utf-8")
    made.snakemake("report")
    return made


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_study_of_its_texts(ran, tag):
    name, model, labels = LANGUAGES[tag]
    results = ran.results / "data" / f"set-{tag.lower()}"
    card = read_json(results / "card.json")
    assert (card["language"], card["normalise"]) == (tag, "none")
    texts = pandas.concat(
        pandas.read_parquet(results / f"{part}.parquet") for part in ("train", "validation", "test")
    )
    written = pandas.read_csv(ran.folder / f"{tag}.csv")["text"]
    assert sorted(texts["text"]) == sorted(written)  # none is lost and none is changed
    summary = pandas.read_csv(ran.results / "summary.csv").set_index("dataset")
    row = summary.loc[f"set-{tag.lower()}"]
    assert row["variant"] == model and row["accuracy"] > 0.9
    report = (ran.results / "report.md").read_text("utf-8")
    page = (ran.results / "report.html").read_text("utf-8")
    assert name in page and all(label in page and label in report for label in labels)
