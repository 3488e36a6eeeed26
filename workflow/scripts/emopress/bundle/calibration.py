"""What a quantizer is calibrated on: the inputs of a graph for a sample of the training texts."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.tokens import encoder_of
from emopress.tasks import label_array
from emopress.train.sample import calibration_rows
from emopress.train.splits import Split, read_split

if TYPE_CHECKING:
    from emopress.entries.quantize import Calibration

Feed = dict[str, np.ndarray]


def in_own_order(rows: list[int], split: Split) -> list[int]:
    """Return rows of a split ordered by their texts, then by their labels.

    A quantizer that adds up or averages over the texts then ends with the same bits whatever the order
    in which the data set has them.
    """
    return sorted(rows, key=lambda row: (split.texts[row], str(split.labels[row])))


def calibration_feeds(
    bundle: Bundle, train: Path, calibration: "Calibration", seed: int
) -> list[Feed]:
    """Return input_ids and attention_mask [1, T] of each text that config entry `calibration` asks for.

    One text a feed: padding would widen the activation ranges. They are `in_own_order`.
    """
    split = read_split(train)
    encoder = encoder_of(bundle)
    labels = label_array(split.labels, len(bundle.manifest["labels"]))
    rows = calibration_rows(
        labels, texts=calibration.texts, balanced=calibration.balanced, seed=seed
    )
    return [encoder([split.texts[row]]) for row in in_own_order(rows, split)]
