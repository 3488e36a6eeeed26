"""Gathers the facts for a model card: the bundle, its scores on the test texts, and its data."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from emopress.artifact import PROVENANCE, read_json
from emopress.errors import UserError
from emopress.runtime.bundle_reader import MANIFEST, Bundle, read_bundle
from emopress.runtime.normalise import METHODS

if (
    TYPE_CHECKING
):  # scikit-learn takes seconds to import, and a card without metrics needs none of it
    from emopress.measure.metrics import Scores
    from emopress.measure.predictions import Part

CATALOGUE = Path(__file__).parents[4] / "config" / "datasets.yaml"
NEEDED_KEYS = (
    "labels", "language", "max_length", "normalise", "recipe", "licences", "params",
    "nonzero_params", "runtime", "seed", "files",
)  # fmt: skip
CARD_KEYS = (
    "dataset", "title", "demo", "labels", "licence", "licence_url", "citation", "split", "texts",
    "counts", "label_shares", "lengths", "leakage",
)  # fmt: skip
MODEL_FILES = {  # files that each runtime needs
    "onnxruntime": ("model.onnx", "tokenizer.json"),
    "openvino": ("model.xml", "model.bin", "tokenizer.json"),
    "transformers": ("config.json", "tokenizer.json"),  # and weights, in one file or in shards
    "linear": ("model.npz",),
    "dense": ("model.npz",),
    "conv": ("model.npz",),
}
RESAMPLES = 10_000
GIVE = "give it with {flag}, or leave the scores out with --without-metrics"


@dataclass(frozen=True)
class Measured:
    """Scores on the clean test texts, and 95 % intervals [low, high] of accuracy and macro F1.

    `several`: the other scores of texts that may have any number of labels, by name, with intervals.
    """

    scores: "Scores"
    accuracy: tuple[float, float]
    macro_f1: tuple[float, float]
    several: dict[str, tuple[float, tuple[float, float]]]
    never: list[str]  # labels that were predicted for no test text


@dataclass(frozen=True)
class Facts:
    """Everything that a model card is written from."""

    bundle: Bundle
    variant: str
    measured: Measured | None
    data: dict[str, Any] | None  # the data card
    hub_data: str | None  # the data set's hub repository
    cut: dict[str, Any] | None = (
        None  # how many texts are longer than the model reads (measure.cut)
    )


def gather(
    folder: Path,
    *,
    predictions: Path | None = None,
    data_card: Path | None = None,
    with_metrics: bool = True,
) -> Facts:
    """Read a bundle, its predictions and its data card, and check that they belong together.

    By default the files are where the workflow writes them: predictions.parquet beside the bundle and
    data/<dataset>/card.json in the results folder. UserError if a file is missing, is damaged or does
    not belong to the bundle. With `with_metrics=False` no predictions are needed, and no data card.
    """
    bundle = opened(folder)
    labels, place = bundle.manifest["labels"], folder.resolve()
    laid_out = place.name == "bundle" and re.fullmatch(r"seed\d+", place.parent.name)
    if laid_out:
        variant = place.parents[1].name
        results, dataset = place.parents[3], place.parents[2].name
        predictions = predictions or place.parent / "predictions.parquet"
        usual = results / "data" / dataset / "card.json"
        if data_card is None and (with_metrics or usual.is_file()):
            data_card = usual
    else:
        variant = "+".join(str(step["name"]) for step in bundle.facts["recipe"])
    lengths = place.parent / "cut.json"
    cut = read_json(lengths) if laid_out and lengths.is_file() else None
    measured = None
    if with_metrics:
        from emopress.measure.predictions import read_predictions

        predictions = _there(predictions, folder, "predictions.parquet", "--predictions FILE")
        data_card = _there(data_card, folder, "data card", "--data-card FILE")
        measured = measure(read_predictions(predictions, labels).part("test"), labels)
    data = _read_data_card(data_card, labels) if data_card else None
    if measured and data:
        support = {label: row["support"] for label, row in measured.scores.per_class.items()}
        if support != data["counts"]["test"]:
            raise UserError(
                f"{predictions}: its test texts are not those of {data_card}: {support} texts "
                f"per label instead of {data['counts']['test']}"
            )
    return Facts(bundle, variant, measured, data, _hub_data(data) if data else None, cut)


def opened(folder: Path) -> Bundle:
    """Open a bundle and check its files; UserError if it is not one or lacks what a user needs."""
    bundle = read_bundle(folder, verify=False)
    manifest = bundle.manifest
    absent = [key for key in NEEDED_KEYS if key not in bundle.facts]
    if absent:
        where = PROVENANCE if "provenance" in manifest else MANIFEST
        raise UserError(f"{folder / where}: not from a complete bundle, it has no {absent[0]!r}")
    if manifest["normalise"] not in METHODS:
        raise UserError(f"{folder / MANIFEST}: unknown normalise {manifest['normalise']!r}")
    for name in manifest["files"]:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{folder / MANIFEST}: lists a file outside the bundle, {name!r}")
    for name in MODEL_FILES.get(manifest["runtime"], ()):
        if name not in manifest["files"]:
            raise UserError(
                f"{folder / MANIFEST}: does not list {name}, which runtime {manifest['runtime']} needs"
            )
    return read_bundle(folder)


def measure(test: "Part", labels: list[str]) -> Measured:
    """Return the scores of the test texts with their bootstrap intervals."""
    import numpy as np

    from emopress.measure.deciding import FEW_TEXTS
    from emopress.measure.exact import bounds_of, score_bounds
    from emopress.measure.metrics import scores
    from emopress.measure.scoring import observed, resampled
    from emopress.measure.sets import SET_SCORES

    predicted, classes = test.predicted, len(labels)
    one = predicted[None, None]  # one variant with one seed
    drawn = resampled(test.truth, one, classes=classes, resamples=RESAMPLES).column(0)
    points = observed(test.truth, predicted, classes)
    several = predicted.ndim == 2
    given = set((np.flatnonzero(predicted.any(axis=0)) if several else predicted).tolist())
    names = ("micro_f1", *SET_SCORES) if test.truth.ndim == 2 else ()
    exact, few = score_bounds(test.truth, predicted[None], classes), len(test.ids) < FEW_TEXTS

    def bounds(name: str) -> tuple[float, float]:
        return bounds_of(getattr(drawn, name), exact[name], few=few)

    return Measured(
        scores=scores(test.truth, predicted, labels),
        accuracy=bounds("accuracy"),
        macro_f1=bounds("macro_f1"),
        several={name: (float(getattr(points, name)), bounds(name)) for name in names},
        never=[label for index, label in enumerate(labels) if index not in given],
    )


def _there(path: Path | None, folder: Path, what: str, flag: str) -> Path:
    """Return `path` if it is a file; UserError says what to do if it is not."""
    if path is None:
        reason = (
            f"{folder}: not in a results folder of the workflow, so its {what} cannot be located"
        )
    elif not path.is_file():
        reason = f"{path}: no such file"
    else:
        return path
    raise UserError(f"{reason}; {GIVE.format(flag=flag)}")


def _read_data_card(path: Path, labels: list[str]) -> dict[str, Any]:
    card = read_json(path, cure="expected a data card, results/data/DATASET/card.json")
    absent = [key for key in CARD_KEYS if not isinstance(card, dict) or key not in card]
    if absent:
        raise UserError(f"{path}: not a data card, it has no {absent[0]!r}")
    if card["labels"] != labels:
        raise UserError(
            f"{path}: not the data of the bundle: labels {card['labels']} instead of {labels}"
        )
    return dict(card)


def _hub_data(card: dict[str, Any]) -> str | None:
    """Return the hub repository of the data, if the catalogue has a data set with the same files."""
    import yaml

    if not CATALOGUE.is_file():
        return None
    catalogue = yaml.load(CATALOGUE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    entry = catalogue.get(card["dataset"])
    if entry is None or "hub" not in entry["source"]:
        return None
    published = {file["name"]: file.get("sha256") for file in entry["source"]["files"]}
    used = {name: facts.get("sha256") for name, facts in (card.get("source") or {}).items()}
    return str(entry["source"]["hub"]["repo"]) if used == published else None
