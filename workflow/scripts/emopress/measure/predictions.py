"""Reads a predictions file: per split and noise, who said what of which text and how surely."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas
import pyarrow

from emopress.errors import UserError

COLUMNS = ["id", "split", "noise", "label"]  # then one probability column per label


@dataclass(frozen=True)
class Part:
    """The rows of one split at one share of noise, in file order; N texts, C labels.

    ids [N] str; truth [N] class indices; probabilities [N, C].
    """

    ids: np.ndarray
    truth: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """The most probable label of each text, [N] class indices; of equals the first."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """The probability of that label, [N]."""
        return self.probabilities.max(axis=1)


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
    if list(frame.columns) != [*COLUMNS, *labels]:
        expected = ", ".join(COLUMNS)
        raise UserError(f"{path}: columns {list(frame.columns)}, expected {expected}, {labels}")
    if not frame["label"].isin(range(len(labels))).all():
        raise UserError(f"{path}: a label is none of 0 to {len(labels) - 1}")
    if not np.isfinite(frame[labels].to_numpy()).all():
        raise UserError(f"{path}: a probability is no finite number")
    return Predictions(
        path,
        {
            (str(split), float(noise)): Part(
                rows["id"].to_numpy(), rows["label"].to_numpy(), rows[labels].to_numpy()
            )
            for (split, noise), rows in frame.groupby(["split", "noise"])
        },
    )
