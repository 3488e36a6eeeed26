"""Reads a predictions file: per split and share of noise, the label of each text and its probability."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas
import pyarrow

from emopress.errors import UserError
from emopress.measure.prediction_columns import PREDICTED, PREDICTION_COLUMNS
from emopress.tasks import label_array

COLUMNS = list(PREDICTION_COLUMNS)  # then one probability column per label
SET_COLUMNS = [*COLUMNS, PREDICTED]  # where a text has any number of labels


@dataclass(frozen=True)
class Part:
    """The rows of one split at one share of noise, in file order; N texts, C labels.

    ids [N] str; truth [N] class indices; probabilities [N, C]. Where texts have any number of labels
    truth is bools [N, C], and so is `decisions`, which holds the labels that are predicted.
    """

    ids: np.ndarray
    truth: np.ndarray
    probabilities: np.ndarray
    decisions: np.ndarray | None = None

    @property
    def predicted(self) -> np.ndarray:
        """The most probable label of each text, [N] class indices; of equals the first. Or `decisions`."""
        return self.probabilities.argmax(axis=1) if self.decisions is None else self.decisions

    @property
    def confidence(self) -> np.ndarray:
        """The probability of that label, [N].

        Of a set of labels: of its least sure decision, a label's probability if it is predicted and
        what is missing to 1 if not.
        """
        if self.decisions is None:
            return self.probabilities.max(axis=1)
        return np.where(self.decisions, self.probabilities, 1 - self.probabilities).min(axis=1)


@dataclass(frozen=True)
class Predictions:
    """A predictions file by (split, noise); noise 0.0 is the clean text."""

    path: Path
    parts: dict[tuple[str, float], Part]

    def part(self, split: str, noise: float = 0.0) -> Part:
        """Return one part; UserError if the file does not have it."""
        try:
            return self.parts[split, noise]
        except KeyError:
            raise UserError(f"{self.path}: no rows of split {split} at noise {noise:g}") from None

    @property
    def noise(self) -> list[float]:
        """The shares of noise of the test texts, 0.0 among them, ascending."""
        return sorted(noise for split, noise in self.parts if split == "test")


def read_predictions(path: Path, labels: list[str]) -> Predictions:
    """Read a predictions file; UserError names it if it is absent, damaged or of other labels."""
    try:
        frame = pandas.read_parquet(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, pyarrow.ArrowException) as error:
        raise UserError(f"{path}: not a readable Parquet file ({error})") from None
    parts = checked_parts(frame, path, labels)
    if not np.isfinite(frame[labels].to_numpy()).all():
        raise UserError(f"{path}: a probability is not finite")
    return Predictions(path, parts)


def checked_parts(
    frame: pandas.DataFrame, path: Path, labels: list[str]
) -> dict[tuple[str, float], Part]:
    """Return the parts of a predictions file; UserError for other columns or labels out of range."""
    several = PREDICTED in frame.columns
    expected = SET_COLUMNS if several else COLUMNS
    if list(frame.columns) != [*expected, *labels]:
        names = ", ".join(expected)
        raise UserError(f"{path}: columns {list(frame.columns)}, expected {names}, {labels}")
    for column in expected[3:]:
        if not frame[column].explode().dropna().isin(range(len(labels))).all():
            raise UserError(f"{path}: a {column} is outside 0 to {len(labels) - 1}")

    def part(rows: pandas.DataFrame) -> Part:
        truth = label_array(rows["label"].tolist(), len(labels))
        decisions = label_array(rows[PREDICTED].tolist(), len(labels)) if several else None
        return Part(rows["id"].to_numpy(), truth, rows[labels].to_numpy(), decisions)

    return {
        (str(split), float(noise)): part(rows)
        for (split, noise), rows in frame.groupby(["split", "noise"])
    }
