"""Trains the linear baseline with scikit-learn and writes it as arrays, without pickle."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.svm import LinearSVC

from emopress.artifact import replaced_folder
from emopress.checkpoint import library_versions, write_manifest
from emopress.errors import UserError
from emopress.tasks import label_array, sigmoid
from emopress.train.ngram_features import NgramFeatures, fit_ngrams
from emopress.train.splits import Split, data_hash, read_split
from emopress.train.thresholds import thresholds_for, tuned_for

if TYPE_CHECKING:
    from emopress.entries.linear import Linear
    from emopress.entries.step import Step


def negative_log_likelihood(scale: float, margins: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean NLL of softmax(scale * margins) [N, C] for class indices [N].

    For sets of labels, bools [N, C]: of each label's sigmoid(scale * margin).
    """
    scaled = scale * margins
    if labels.ndim == 2:
        return float(np.logaddexp(0, np.where(labels, -scaled, scaled)).mean())
    top = scaled.max(axis=1, keepdims=True)
    log_norm = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
    return float(np.mean(log_norm - scaled[np.arange(len(labels)), labels]))


def fit_scale(margins: np.ndarray, labels: np.ndarray) -> float:
    """Return the factor that makes SVM margins the best-calibrated logits on validation.

    This is temperature scaling (Guo, Pleiss, Sun, Weinberger 2017); it changes no prediction.
    """
    result = minimize_scalar(
        negative_log_likelihood, bounds=(0.05, 50), args=(margins, labels), method="bounded"
    )
    return float(result.x)


def fit_svms(
    features: Any, labels: np.ndarray, settings: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights [V, C] and bias [C] of linear SVMs, one against the rest per label.

    labels: class indices [N], or bools [N, C]. `settings` are LinearSVC's.
    """
    if labels.ndim == 2:
        svms = [LinearSVC(**settings).fit(features, column) for column in labels.T]
        weights = np.concatenate([svm.coef_ for svm in svms]).T
        return weights, np.concatenate([svm.intercept_ for svm in svms])
    svm = LinearSVC(**settings).fit(features, labels)
    weights, bias = svm.coef_.T, svm.intercept_
    if weights.shape[1] == 1:  # two classes: scikit-learn gives the second one's alone
        return np.concatenate([-weights, weights], axis=1), np.concatenate([-bias, bias])
    return weights, bias


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


@dataclass(frozen=True)
class LinearModel:
    """A trained linear model: its features, weights [V, C] and bias [C], and the scale that calibrates its margins."""

    features: NgramFeatures
    weights: np.ndarray
    bias: np.ndarray
    scale: float

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Return the logits [N, C] of texts that are normalised."""
        margins: np.ndarray = self.features.of(texts) @ self.weights + self.bias
        return margins * self.scale


def require_all_labels(labels: np.ndarray, names: Sequence[str], where: str) -> None:
    """Raise UserError unless every label is that of a text; labels: class indices [N] or bools [N, C]."""
    present = set(labels.tolist()) if labels.ndim == 1 else set(np.flatnonzero(labels.any(axis=0)))
    absent = [name for i, name in enumerate(names) if i not in present]
    if absent:
        raise UserError(f"{where} has the label {', '.join(absent)}")


def fit_linear(
    step: "Step[Linear]",
    texts: Sequence[str],
    labels: np.ndarray,
    held_out: Split,
    *,
    names: Sequence[str],
    seed: int,
) -> LinearModel:
    """Return the linear model `step` of some texts, calibrated on the texts `held_out`.

    labels: class indices [N] of `names`, or bools [N, C].
    """
    entry = step.entry
    features, found = fit_ngrams(
        texts,
        labels,
        name=step.name,
        kind=entry.analyzer,
        ngrams=entry.ngrams,
        min_count=entry.min_count,
        max_features=entry.max_features,
        features=entry.features,
    )
    weighting = None if entry.class_weight == "none" else entry.class_weight
    settings = {"C": entry.C, "class_weight": weighting, "random_state": seed}
    weights, bias = fit_svms(found, labels, settings)
    margins = features.of(held_out.texts) @ weights + bias
    scale = fit_scale(margins, label_array(held_out.labels, len(names)))
    return LinearModel(features, weights, bias, scale)


def train_linear(
    *,
    step: "Step[Linear]",
    data: dict[str, Any],
    seed: int,
    train: Path,
    validation: Path,
    out: Path,
) -> None:
    """Train the linear model `step` and write it as a checkpoint to `out`."""
    entry, names = step.entry, data["labels"]
    fit, held_out = read_split(train), read_split(validation)
    labels, held_out_labels = (label_array(s.labels, len(names)) for s in (fit, held_out))
    require_all_labels(labels, names, f"{train}: no training text")
    model = fit_linear(step, fit.texts, labels, held_out, names=names, seed=seed)
    weights, bias = model.weights * model.scale, model.bias * model.scale
    thresholds = {}
    if labels.ndim == 2:
        thresholds["thresholds"] = thresholds_for(
            tuned_for(data), sigmoid(model.logits(held_out.texts)), held_out_labels
        )
    with replaced_folder(out) as folder:
        save_arrays(folder / "model.npz", model.features.grams, model.features.idf, weights, bias)
        write_manifest(
            folder,
            {
                "family": "linear",
                **data,
                **thresholds,
                "analyzer": entry.analyzer,
                "ngrams": entry.ngrams,
                "recipe": [step.recorded],
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
