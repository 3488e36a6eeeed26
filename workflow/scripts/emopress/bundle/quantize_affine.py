"""Quantizes a dense or conv bundle to 2 to 8 bits, each layer to a given percentile or the one that loses least."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import pandas
from sklearn.metrics import f1_score

from emopress.artifact import replaced_folder
from emopress.bundle.affine import (
    next_eighth,
    next_half,
    quantization_facts,
    quantize,
    weight_range,
)
from emopress.bundle.manifest import derived
from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle, read_bundle
from emopress.runtime.conv import ConvClassifier
from emopress.runtime.dense import DenseClassifier
from emopress.runtime.layers_file import (
    MODEL,
    VECTORS,
    Layer,
    read_model,
    write_compact,
    write_model,
)
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
Coded = tuple[Layer, dict[str, Any]]


class Rounding(Protocol):
    """Rounds the weights of one layer at a percentile: the layer as codes, and what that did to it."""

    def __call__(self, layer: Layer, step: "Step[Affine]", percentile: float) -> Coded: ...


def coded(
    layer: Layer,
    step: "Step[Affine]",
    percentile: float,
    *,
    by_row: bool,
    stored: Callable[[np.ndarray], np.ndarray] = next_half,
) -> Coded:
    """Return a layer as codes that span the range of a percentile, and what that did to it.

    `by_row`: each row has a range of its own, and a scale that is `stored` as one of the file's numbers.
    """
    weights = layer.weights()
    low, high = weight_range(
        weights, symmetric=step.entry.symmetric, percentile=percentile, by_row=by_row
    )
    try:
        quantized = quantize(weights, bits=step.entry.bits, low=low, high=high, stored=stored)
    except ValueError as error:
        raise UserError(
            f"pass {step.name}, layer {layer.name}, percentile {percentile:g}: {error}"
        ) from None
    facts = {"percentile": percentile, **quantization_facts(weights, quantized, low=low, high=high)}
    return layer.coded(
        quantized.codes, quantized.bits, quantized.scale, quantized.zero_point
    ), facts


def coded_dense(layer: Layer, step: "Step[Affine]", percentile: float) -> Coded:
    """Return a layer of a dense model as codes, see `coded`.

    The vectors' rows have ranges of their own: one large word would set the step of all others.
    """
    return coded(layer, step, percentile, by_row=layer.name == VECTORS)


def coded_conv(layer: Layer, step: "Step[Affine]", percentile: float) -> Coded:
    """Return a layer of a conv model as codes, each vector, filter and output with a range of its own; see `coded`.

    Scales and biases take as many bits of a small file as codes do, so the former become float8, the latter float16.
    """
    result, facts = coded(layer, step, percentile, by_row=True, stored=next_eighth)
    if result.bias is None:
        return result, facts
    return replace(result, bias=result.bias.astype(np.float16).astype(np.float32)), facts


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
    layers: Sequence[Layer], step: "Step[Affine]", loss: LossOf, rounding: Rounding
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
            trial, trial_facts = rounding(layer, step, percentile)
            lost = loss([*current[:place], trial, *current[place + 1 :]])
            trials[f"{percentile:g}"] = lost._asdict()
            if best is None or lost < best[0]:
                best = lost, trial, trial_facts
        assert best is not None  # the schema asks for one percentile at least
        current[place] = best[1]
        facts[layer.name] = {**best[2], "validation_by_percentile": trials}
    return current, facts


def validation_loss(
    classifier: DenseClassifier | ConvClassifier, bundle: Bundle, validation: Path
) -> LossOf:
    """Return the function layers -> loss on the texts of `validation`, against the bundle's own layers."""
    task, thresholds = task_of(bundle.manifest), bundle.manifest.get("thresholds")
    frame = pandas.read_parquet(validation, columns=["text", "label"])
    logits = classifier.logits_by_layers([classifier.normalise(text) for text in frame["text"]])
    classes = len(classifier.labels)
    labels = label_array(frame["label"].tolist(), classes)
    full = logits(read_model(bundle.folder / MODEL, bundle.manifest["runtime"])[1])

    def loss(layers: Sequence[Layer]) -> Loss:
        quantized_logits = logits(layers)
        given = decided(probabilities(quantized_logits, task), thresholds)
        f1 = f1_score(labels, given, labels=range(classes), average="macro", zero_division=0)
        return Loss(1 - float(f1), divergence(full, quantized_logits, task))

    return loss


class Kind(NamedTuple):
    """What differs between the families: the runtime, how a layer is rounded, how the file is written."""

    runtime: type[DenseClassifier] | type[ConvClassifier]
    rounding: Rounding
    write: Callable[[Path, Sequence[str], Sequence[Layer]], None]


KINDS = {
    "dense": Kind(DenseClassifier, coded_dense, write_model),
    "conv": Kind(ConvClassifier, coded_conv, write_compact),
}


def quantized_layers(
    layers: Sequence[Layer], bundle: Bundle, step: "Step[Affine]", validation: Path
) -> tuple[list[Layer], dict[str, Any]]:
    """Return the `layers` of a bundle as codes, and findings: facts by layer, losses of a search."""
    kind, percentile = KINDS[bundle.manifest["runtime"]], step.entry.percentile
    if percentile is not None:
        pairs = [kind.rounding(layer, step, percentile) for layer in layers]
        by_layer = {layer.name: facts for layer, facts in pairs}
        return [layer for layer, _ in pairs], {"quantized_layers": by_layer}
    classifier = kind.runtime.of_bundle(bundle, threads=1, device="cpu")
    loss = validation_loss(classifier, bundle, validation)
    quantized, by_layer = search_layers(layers, step, loss, kind.rounding)
    return quantized, {
        "validation_macro_f1_before": 1 - loss(layers).macro_f1_error,
        "validation_macro_f1_after": 1 - loss(quantized).macro_f1_error,
        "quantized_layers": by_layer,
    }


def quantize_affine(*, parent: Path, step: "Step[Affine]", validation: Path, out: Path) -> None:
    """Quantize the vectors and the matrices of bundle `parent` as the pass `step` says, and write it to `out`.

    With `search` the percentile of each layer is chosen on the texts of the file `validation`; else that file is
    not read.
    """
    source = read_bundle(parent)
    runtime = source.manifest["runtime"]
    words, full = read_model(parent / MODEL, runtime)
    layers, findings = quantized_layers(full, source, step, validation)
    with replaced_folder(out) as folder:
        KINDS[runtime].write(folder / MODEL, words, layers)
        derived(
            folder,
            source,
            step.recorded,
            ("numpy",),
            findings=findings,
            nonzero_params=sum(layer.nonzero_params for layer in layers),
            weight_bits=step.entry.bits,
        )
