"""Reads the predictions of all variants of a data set side by side, and checks that they fit together."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas

from emopress.errors import UserError
from emopress.measure.deciding import FEW_TEXTS, Metric
from emopress.measure.predictions import Part, read_predictions
from emopress.measure.scoring import observed
from emopress.tasks import label_array


@dataclass(frozen=True)
class Evaluated:
    """What all variants of a data set predicted for its texts.

    texts: id, text and label of the test split; noise: the shares, 0.0 first. By variant:
    predicted[noise] and confidence[noise] [variants, seeds, N]: predicted label and its probability.
    validation [variants]: the metric that decides, mean over seeds. Where texts have any number of labels predicted is
    bools [variants, seeds, N, C], accuracy asks for the whole set, and probabilities has those of the
    clean texts, of the same shape; else it is None.
    """

    variants: list[str]
    seeds: list[int]
    labels: list[str]
    texts: pandas.DataFrame
    noise: list[float]
    predicted: dict[float, np.ndarray]
    confidence: dict[float, np.ndarray]
    validation: np.ndarray
    n_validation: int
    probabilities: np.ndarray | None = None

    @cached_property
    def truth(self) -> np.ndarray:
        """The true labels of the test texts, [N] class indices or bools [N, C]."""
        return label_array(self.texts["label"].tolist(), len(self.labels))

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each variant among the variants."""
        return {variant: place for place, variant in enumerate(self.variants)}

    @property
    def few(self) -> bool:
        """Whether there are so few test texts that intervals are exact."""
        return len(self.texts) < FEW_TEXTS

    def place(self, variant: str) -> int:
        """Return a variant's place among the variants."""
        return self.places[variant]


def same_texts(part: Part, other: Part, path: Path, other_path: Path, split: str) -> None:
    """Raise UserError if two files do not hold the same texts with the same labels in one order."""
    for what, mine, theirs in (
        ("texts", part.ids, other.ids),
        ("labels", part.truth, other.truth),
    ):
        if not np.array_equal(mine, theirs):
            raise UserError(
                f"{path} and {other_path}: not the same {what} of the {split} split; delete the "
                "older one and run the workflow again"
            )


def read_all(
    predictions: dict[tuple[str, int], Path], test: Path, labels: list[str], metric: Metric
) -> Evaluated:
    """Read all predictions of a data set; UserError names two files that do not fit together.

    `metric`: what decides.
    """
    if not predictions:
        raise UserError("statistics: no predictions")
    variants = list(dict.fromkeys(variant for variant, _ in predictions))
    seeds = sorted({seed for _, seed in predictions})
    for key in ((variant, seed) for variant in variants for seed in seeds):
        if key not in predictions:
            raise UserError(f"statistics: {key[0]} was not evaluated with seed {key[1]}")
    texts = pandas.read_parquet(test, columns=["id", "text", "label"])
    truth = label_array(texts["label"].tolist(), len(labels))
    known = Part(texts["id"].to_numpy(), truth, np.empty((0, 0)))
    first_path = predictions[variants[0], seeds[0]]
    first = read_predictions(first_path, labels)
    first.part("test")  # the clean texts: without them there is nothing to compare noise with
    shape = (len(variants), len(seeds), len(texts))
    several = truth.ndim == 2
    predicted_shape = (*shape, len(labels)) if several else shape
    predicted: dict[float, np.ndarray] = {
        noise: np.empty(predicted_shape, np.bool_ if several else np.int16) for noise in first.noise
    }
    probabilities = np.empty(predicted_shape, dtype=np.float32) if several else None
    confidence = {noise: np.empty(shape) for noise in first.noise}
    validation = np.empty(shape[:2])
    for i, variant in enumerate(variants):
        for j, seed in enumerate(seeds):
            path = predictions[variant, seed]
            current = read_predictions(path, labels)
            if current.noise != first.noise:
                raise UserError(
                    f"{path} and {first_path}: not the same shares of noise, {current.noise} and "
                    f"{first.noise}; delete the older one and run the workflow again"
                )
            for noise in first.noise:
                part = current.part("test", noise)
                same_texts(part, known, path, test, "test")
                predicted[noise][i, j] = part.predicted
                confidence[noise][i, j] = part.confidence
                if probabilities is not None and not noise:
                    probabilities[i, j] = part.probabilities
            held_out = current.part("validation")
            same_texts(held_out, first.part("validation"), path, first_path, "validation")
            score = observed(held_out.truth, held_out.predicted, len(labels))
            validation[i, j] = getattr(score, metric.column)
    return Evaluated(
        variants,
        seeds,
        labels,
        texts,
        first.noise,
        predicted,
        confidence,
        validation.mean(axis=1),
        len(first.part("validation").ids),
        probabilities,
    )
