"""Trains the linear baseline with scikit-learn and writes it as arrays, without pickle."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from emopress.artifact import replaced_folder
from emopress.checkpoint import library_versions, write_manifest
from emopress.errors import UserError
from emopress.runtime.ngrams import analyzer
from emopress.train.data import data_hash, read_split


def negative_log_likelihood(scale: float, margins: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean NLL of softmax(scale * margins) [N, C] for class indices [N]."""
    scaled = scale * margins
    top = scaled.max(axis=1, keepdims=True)
    log_norm = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
    return float(np.mean(log_norm - scaled[np.arange(len(labels)), labels]))


def fit_scale(margins: np.ndarray, labels: np.ndarray) -> float:
    """Return the factor that makes SVM margins the best-calibrated logits on validation.

    This is temperature scaling (Guo, Pleiss, Sun, Weinberger 2017); it changes no prediction.
    """
    found = minimize_scalar(
        negative_log_likelihood, bounds=(0.05, 50), args=(margins, labels), method="bounded"
    )
    return float(found.x)


def all_margins(svm: LinearSVC, features: Any, classes: int) -> np.ndarray:
    """Return one margin per class [N, C]; scikit-learn gives a single column for two classes."""
    margins = svm.decision_function(features)
    return np.stack([-margins, margins], axis=1) if classes == 2 else margins


def save_arrays(
    path: Path, grams: list[str], idf: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> None:
    """Write the arrays of `runtime.linear` with fp32 weights [V, C]."""
    np.savez_compressed(
        path,
        vocabulary=np.frombuffer("\n".join(grams).encode("utf-8"), dtype=np.uint8),
        idf=idf.astype(np.float32),
        weights=weights.astype(np.float32),
        bias=bias.astype(np.float32),
    )


def train_linear(
    *,
    step: dict[str, Any],
    data: dict[str, Any],
    seed: int,
    train: Path,
    validation: Path,
    out: Path,
) -> None:
    """Train the linear model of config entry `step` and write it as a checkpoint to `out`."""
    fit, held_out = read_split(train), read_split(validation)
    present = set(fit.labels)
    absent = [name for i, name in enumerate(data["labels"]) if i not in present]
    if absent:
        raise UserError(f"{train}: no training text has the label {', '.join(absent)}")
    vectorizer = TfidfVectorizer(
        analyzer=analyzer(step["analyzer"], step["ngrams"]),
        min_df=step["min_count"],
        max_features=step["max_features"],
        sublinear_tf=True,
    )
    try:
        features = vectorizer.fit_transform(fit.texts)
    except ValueError as error:  # scikit-learn's only way to say that no n-gram is left
        raise UserError(f"models.{step['name']}: {error} (min_count {step['min_count']})") from None
    weighting = None if step["class_weight"] == "none" else step["class_weight"]
    svm = LinearSVC(C=step["C"], class_weight=weighting, random_state=seed)
    svm.fit(features, fit.labels)
    classes = len(data["labels"])
    margins = all_margins(svm, vectorizer.transform(held_out.texts), classes)
    scale = fit_scale(margins, np.array(held_out.labels))
    coefficients, intercept = svm.coef_.T, svm.intercept_
    if classes == 2:
        coefficients = np.concatenate([-coefficients, coefficients], axis=1)
        intercept = np.concatenate([-intercept, intercept])
    weights, bias = coefficients * scale, intercept * scale
    grams = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
    with replaced_folder(out) as folder:
        save_arrays(folder / "model.npz", grams, vectorizer.idf_, weights, bias)
        write_manifest(
            folder,
            {
                "family": "linear",
                **data,
                "analyzer": step["analyzer"],
                "ngrams": step["ngrams"],
                "recipe": [step],
                "seed": seed,
                "parent": None,
                "base": None,
                "licences": [],
                "data_sha256": data_hash(train, validation),
                "params": int(weights.size + bias.size),
                "nonzero_params": int(np.count_nonzero(weights.astype(np.float32)))
                + int(np.count_nonzero(bias)),
                "versions": library_versions("scikit-learn", "numpy"),
            },
        )
