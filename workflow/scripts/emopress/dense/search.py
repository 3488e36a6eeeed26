"""Quantizes the layers of a dense bundle, each to a given percentile or to the one that loses least."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from emopress.dense.quantization import quantize, told, weight_range
from emopress.errors import UserError
from emopress.runtime.bundle import load
from emopress.runtime.dense import DenseClassifier, forward, pooled
from emopress.runtime.layers import Layer, read_model
from emopress.tasks import label_array

Loss = Callable[[Sequence[Layer]], float]


def coded(layer: Layer, step: dict[str, Any], percentile: float) -> tuple[Layer, dict[str, Any]]:
    """Return a layer as codes that span the range of a percentile, and what that did to it."""
    weights = layer.weights()
    low, high = weight_range(weights, symmetric=step["symmetric"], percentile=percentile)
    try:
        found = quantize(weights, bits=step["bits"], low=low, high=high)
    except ValueError as error:
        raise UserError(
            f"pass {step['name']}, layer {layer.name}, percentile {percentile:g}: {error}"
        ) from None
    facts = {"percentile": percentile, **told(weights, found, low=low, high=high)}
    return layer.coded(found.codes, found.bits, found.scale, found.zero_point), facts


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean of -log softmax(logits)[label] for logits [N, C] and class indices [N].

    For sets of labels, bools [N, C]: the mean binary cross-entropy of the sigmoids.
    """
    if labels.ndim == 2:
        signed = np.where(labels, -logits, logits).astype(np.float64)
        return float(np.logaddexp(0, signed).mean())
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    likelihood = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(axis=1))
    return -float(likelihood.mean())


def search_layers(
    layers: Sequence[Layer], step: dict[str, Any], loss: Loss
) -> tuple[list[Layer], dict[str, Any]]:
    """Return the layers as codes, each with the percentile of `step["search"]` that loses least.

    From the first layer to the last, each on top of those already quantized, those after it in full
    precision. `loss` is what is to be small; of equal percentiles the largest, which clips least, is
    taken. With the layers come the facts of each, its trials among them.
    """
    current, facts = list(layers), {}
    for place, layer in enumerate(layers):
        trials: dict[str, float] = {}
        best: tuple[float, Layer, dict[str, Any]] | None = None
        for percentile in sorted(step["search"], reverse=True):
            trial, told_of = coded(layer, step, percentile)
            lost = loss([*current[:place], trial, *current[place + 1 :]])
            trials[f"{percentile:g}"] = lost
            if best is None or lost < best[0]:
                best = lost, trial, told_of
        assert best is not None  # the schema asks for one percentile at least
        current[place] = best[1]
        facts[layer.name] = {**best[2], "validation_loss_by_percentile": trials}
    return current, facts


class Same:
    """A layer that equals itself alone, and so can be a key: its arrays have no equality of a layer."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.layer is self.layer

    def __hash__(self) -> int:
        return hash(self.layer.name)


def validation_loss(parent: Path, validation: Path) -> Loss:
    """Return the function layers -> mean negative log-likelihood of the texts of `validation`."""
    classifier = load(parent)
    assert isinstance(classifier, DenseClassifier)  # the recipe grammar lets no other through
    frame = pandas.read_parquet(validation, columns=["text", "label"])
    cut = classifier.cut([classifier.normalise(text) for text in frame["text"]])
    labels = label_array(frame["label"].tolist(), len(classifier.labels))
    limit, pooling = classifier.max_length, classifier.pooling

    @lru_cache(maxsize=1)  # most trials change another layer than the vectors
    def features(vectors: Same) -> np.ndarray:
        return pooled(cut, vectors.layer, pooling=pooling, max_length=limit)

    def loss(layers: Sequence[Layer]) -> float:
        logits = forward(features(Same(layers[0])), layers[1:])
        return negative_log_likelihood(logits, labels)

    return loss


def quantized_layers(
    parent: Path, step: dict[str, Any], validation: Path
) -> tuple[list[Layer], dict[str, Any]]:
    """Return the layers of bundle `parent` as codes, and findings: facts by layer, losses of a search."""
    _, layers = read_model(parent / "model.npz")
    if "search" not in step:
        pairs = [coded(layer, step, step["percentile"]) for layer in layers]
        by_layer = {layer.name: facts for layer, facts in pairs}
        return [layer for layer, _ in pairs], {"layers": by_layer}
    loss = validation_loss(parent, validation)
    found, by_layer = search_layers(layers, step, loss)
    return found, {
        "validation_loss_before": loss(layers),
        "validation_loss_after": loss(found),
        "layers": by_layer,
    }
