"""Predictions and a data card such as the workflow leaves beside a bundle, small enough to check by hand."""

import json
from pathlib import Path

import numpy as np
import pandas
import yaml

ROOT = Path(__file__).parents[2]
CATALOGUE = yaml.safe_load((ROOT / "config" / "datasets.yaml").read_text("utf-8"))
TRUTH = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
SAID = [0, 0, 1, 1, 2, 2, 3, 3, 4, 0, 0, 0]  # 9 of 12 right; label 5 (surprise) for no text
MACRO_F1 = (4 / 7 + 1 + 1 + 1 + 2 / 3 + 0) / 6


def write_predictions(path, labels):
    """Write the predictions above as the test rows, and validation and noise rows that are all wrong."""
    parts = []
    for split, noise, said in (
        ("validation", 0.0, [5 - t for t in TRUTH]),
        ("test", 0.0, SAID),
        ("test", 0.1, [(t + 1) % 6 for t in TRUTH]),
    ):
        probabilities = np.full((len(TRUTH), len(labels)), 0.1)
        probabilities[np.arange(len(TRUTH)), said] = 0.5
        frame = pandas.DataFrame(
            {"id": [f"{split}-{i}" for i in range(len(TRUTH))], "split": split, "noise": noise}
        )
        parts.append(
            frame.assign(
                label=TRUTH, **{name: probabilities[:, i] for i, name in enumerate(labels)}
            )
        )
    pandas.concat(parts).to_parquet(path, index=False)


def write_data_card(path, demo, dataset="demo-en", **changes):
    """Write the data card of the English demo corpus, under another name and with `changes`."""
    from emopress.data.counts import data_card

    frame = demo["en"].frame
    splits = {"train": frame[:900], "validation": frame[900:1050], "test": frame[1050:]}
    rows = frame.assign(numeric=False, given_split=None)
    card = data_card(dataset, CATALOGUE["demo-en"], rows, splits)
    card["counts"]["test"] = dict.fromkeys(card["labels"], 2)  # those of the predictions
    card["texts"]["test"] = len(TRUTH)
    card |= {"source": None, **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(card), encoding="utf-8")
