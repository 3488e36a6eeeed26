"""Quantizes a dense bundle to 2 to 8 bits, each layer to a given percentile or to the one that loses least."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas
from sklearn.metrics import f1_score

from emopress.artifact import replaced_folder
from emopress.bundle.affine import quantization_facts, quantize, weight_range
from emopress.bundle.manifest import derived
from emopress.errors import UserError
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.dense import DenseClassifier, forward, pooled
from emopress.runtime.layers_file import MODEL, VECTORS, Layer, read_model, write_model
from emopress.tasks import MULTI, SINGLE, decided, label_array, probabilities, task_of

if TYPE_CHECKING:
    from emopress.entries.quantize import Affine
    from emopress.entries.step import Step


class Loss(NamedTuple):
    """What quantization costs on the validation texts: the smaller pair is the better one.

    `macro_f1_error` is 1 - macro F1; of equal ones `divergence` decides, the mean KL divergence in
    nats of the quantized model's probabilities from those in full precision. (The likelihood of the
    labels would not do: a model that is too sure of itself gains by any clipping that shrinks its
    logits, and loses texts by it.)
    """

    macro_f1_error: float
    divergence: float


LossOf = Callable[[Sequence[Layer]], Loss]


def coded(layer: Layer, step: "Step[Affine]", percentile: float) -> tuple[Layer, dict[str, Any]]:
    """Return a layer as codes that span the range of a percentile, and what that did to it.

    The vectors' rows have ranges of their own: one large word would set the step of all others.
    """
    weights, by_row = layer.weights(), layer.name == VECTORS
    low, high = weight_range(
        weights, symmetric=step.entry.symmetric, percentile=percentile, by_row=by_row
    )
    try:
        quantized = quantize(weights, bits=step.entry.bits, low=low, high=high)
    except ValueError as error:
        raise UserError(
            f"pass {step.name}, layer {layer.name}, percentile {percentile:g}: {error}"
        ) from None
    facts = {"percentile": percentile, **quantization_facts(weights, quantized, low=low, high=high)}
    return layer.coded(
        quantized.codes, quantized.bits, quantized.scale, quantized.zero_point
    ), facts


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log softmax over the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_sigmoids(logits: np.ndarray) -> np.ndarray:
    """Return the logs of the sigmoid and of one less it on a new last axis, float64."""
    wide = logits.astype(np.float64)
    return np.stack([-np.logaddexp(0, -wide), -np.logaddexp(0, wide)], axis=-1)


def divergence(full: np.ndarray, other: np.ndarray, task: str = SINGLE) -> float:
    """Return the mean over texts of KL(full || other) in nats, for logits [N, C] of both.

    `single`: of the softmax; `multi`: of the sigmoid of each label, summed over the labels.
    """
    logs = log_sigmoids if task == MULTI else log_softmax
    first, second = logs(full), logs(other)
    return float((np.exp(first) * (first - second)).reshape(len(full), -1).sum(axis=1).mean())


def search_layers(
    layers: Sequence[Layer], step: "Step[Affine]", loss: LossOf
) -> tuple[list[Layer], dict[str, Any]]:
    """Return the layers as codes, each with the percentile of `search` that loses least.

    From the first layer to the last, each on top of those already quantized, those after it in full
    precision. `loss` is what is to be small; of equal percentiles the largest, which clips least, is
    taken. With the layers come the facts of each, its trials among them.
    """
    current, facts = list(layers), {}
    for place, layer in enumerate(layers):
        trials: dict[str, dict[str, float]] = {}
        best: tuple[Loss, Layer, dict[str, Any]] | None = None
        for percentile in sorted(step.entry.search or [], reverse=True):
            trial, trial_facts = coded(layer, step, percentile)
            lost = loss([*current[:place], trial, *current[place + 1 :]])
            trials[f"{percentile:g}"] = lost._asdict()
            if best is None or lost < best[0]:
                best = lost, trial, trial_facts
        assert best is not None  # the schema asks for one percentile at least
        current[place] = best[1]
        facts[layer.name] = {**best[2], "validation_by_percentile": trials}
    return current, facts


class Same:
    """A layer that is compared by identity, so that it can be a key: arrays are not compared as a whole."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.layer is self.layer

    def __hash__(self) -> int:
        return hash(self.layer.name)


def validation_loss(parent: Path, validation: Path) -> LossOf:
    """Return the function layers -> loss on the texts of `validation`, against the bundle `parent`."""
    bundle = read_bundle(parent)
    task, thresholds = task_of(bundle.manifest), bundle.manifest.get("thresholds")
    classifier = DenseClassifier.of_bundle(bundle, threads=1, device="cpu")
    frame = pandas.read_parquet(validation, columns=["text", "label"])
    cut = classifier.cut([classifier.normalise(text) for text in frame["text"]])
    classes = len(classifier.labels)
    labels = label_array(frame["label"].tolist(), classes)
    limit, pooling = classifier.max_length, classifier.pooling

    @lru_cache(maxsize=1)  # most trials change another layer than the vectors
    def features(vectors: Same) -> np.ndarray:
        return pooled(cut, vectors.layer, pooling=pooling, max_length=limit)

    def logits(layers: Sequence[Layer]) -> np.ndarray:
        return forward(features(Same(layers[0])), layers[1:])

    full = logits([classifier.vectors, *classifier.layers])

    def loss(layers: Sequence[Layer]) -> Loss:
        quantized_logits = logits(layers)
        given = decided(probabilities(quantized_logits, task), thresholds)
        f1 = f1_score(labels, given, labels=range(classes), average="macro", zero_division=0)
        return Loss(1 - float(f1), divergence(full, quantized_logits, task))

    return loss


def quantized_layers(
    layers: Sequence[Layer], parent: Path, step: "Step[Affine]", validation: Path
) -> tuple[list[Layer], dict[str, Any]]:
    """Return the `layers` of bundle `parent` as codes, and findings: facts by layer, losses of a search."""
    percentile = step.entry.percentile
    if percentile is not None:
        pairs = [coded(layer, step, percentile) for layer in layers]
        by_layer = {layer.name: facts for layer, facts in pairs}
        return [layer for layer, _ in pairs], {"quantized_layers": by_layer}
    loss = validation_loss(parent, validation)
    quantized, by_layer = search_layers(layers, step, loss)
    return quantized, {
        "validation_macro_f1_before": 1 - loss(layers).macro_f1_error,
        "validation_macro_f1_after": 1 - loss(quantized).macro_f1_error,
        "quantized_layers": by_layer,
    }


def quantize_dense(*, parent: Path, step: "Step[Affine]", validation: Path, out: Path) -> None:
    """Quantize the vectors and the matrices of bundle `parent` as the pass `step` says, and write it to `out`.

    Biases stay fp32. With `search` the percentile of each layer is chosen on the texts of
    the file `validation`; else that file is not read.
    """
    source = read_bundle(parent)
    words, full = read_model(parent / MODEL, "dense")
    layers, findings = quantized_layers(full, parent, step, validation)
    with replaced_folder(out) as folder:
        write_model(folder / MODEL, words, layers)
        derived(
            folder,
            source,
            step.recorded,
            ("numpy",),
            findings=findings,
            nonzero_params=sum(layer.nonzero_params for layer in layers),
            weight_bits=step.entry.bits,
        )
