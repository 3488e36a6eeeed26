"""Quantizes an LSTM classifier layer by layer on calibration texts, by rounding to nearest or path-following."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emopress.checkpoint import GENERATIVE
from emopress.lstm.forward import Network, Product, Trace, network_of, trace
from emopress.lstm.integers import (
    STATE,
    Columns,
    Rounding,
    RunTime,
    activation_facts,
    activation_of,
    round_table,
    round_to_nearest,
    weight_facts,
)
from emopress.lstm.path_following import path_following
from emopress.lstm.weights import LstmWeights

RTN, GPFQ = "rtn", "gpfq"
LARGEST_SAMPLE = 100_000  # rows of activations that distributions are compared on


@dataclass(frozen=True)
class Settings:
    """How to quantize: `method` rtn or gpfq; percentiles as in `lstm.integers`, 100 is min-max.

    With `activation_bits` all activations that are multiplied have ranges fixed on the calibration texts, and
    those bits; None: they are rounded as `lstm.fused_graph` does.
    """

    method: str
    bits: int
    activation_bits: int | None
    percentile: float
    activation_percentile: float


@dataclass(frozen=True)
class QuantizedLstm:
    """A quantized classifier: its matrices and its roundings of activations by name, and the network of them.

    Matrices have the names of LstmWeights. Activations, as far as they are rounded: `input`, what the LSTM reads of
    tokens (and label); `state`, the LSTM's states; `mean_state`, their mean; `read_state`, the states as the output
    layer alone reads them.
    """

    matrices: dict[str, Columns]
    activations: dict[str, Rounding]
    network: Network

    @property
    def bits(self) -> int:
        """The bits of every weight."""
        return self.matrices["embedding"].bits


def quantized_network(
    weights: LstmWeights,
    ids: np.ndarray,
    mask: np.ndarray,
    labels: np.ndarray,
    settings: Settings,
    *,
    seed: int,
) -> tuple[QuantizedLstm, dict[str, Any]]:
    """Quantize every matrix and activation on calibration texts, ids and mask [N, T] with labels [N].

    Returns the classifier and, by layer, what became of weights and activations (plain numbers). Biases
    and the prior stay fp32. The ranges of activations are those of the original network. Matrices
    are taken in the order of the data flow: word and label vectors, input_weight, recurrent_weight,
    output_weight. With path-following each reads, as X, what it reads in the original network, and, as X~,
    what it reads in the network quantized so far, its own activations included: for recurrent_weight
    the states before each token of a network whose vectors, input_weight and all activations are quantized
    and whose recurrent_weight is the original one, since its own errors cannot be known before it is
    chosen; output_weight then sees them. A table of vectors reads one-hot inputs, which are
    orthogonal: path-following is rounding to nearest there. A generative model reads each text under
    its own label.
    """
    rng = np.random.default_rng(seed)
    original = network_of(weights)
    original_trace = trace(original, ids, mask, labels)
    sampled = _sampled(original_trace, rng)
    activations = _activations(weights.kind, original_trace, settings)
    rounded = {
        layer: activations.get(name) for layer, name in _read(weights.kind, settings).items()
    }

    def chosen(
        matrix: np.ndarray, quantized_inputs: np.ndarray, original_inputs: np.ndarray
    ) -> Columns:
        if settings.method == RTN:
            return _nearest(matrix, settings)
        return path_following(
            matrix,
            original_inputs,
            quantized_inputs,
            bits=settings.bits,
            percentile=settings.percentile,
        )

    matrices = {"embedding": _table(weights.embedding, settings)}
    quantized = replace(
        original,
        words=matrices["embedding"].weights,
        input=Product(weights.input_weight, rounded["input"]),
        recurrent=Product(weights.recurrent_weight, rounded["recurrent"]),
        output=Product(weights.output_weight, rounded["output"]),
    )
    if weights.label_embedding is not None:
        matrices["label_embedding"] = _table(weights.label_embedding, settings)
        quantized = replace(quantized, labels=matrices["label_embedding"].weights)
    for name, layer, of in (
        ("input_weight", "input", "inputs"),
        ("recurrent_weight", "recurrent", "previous"),
        ("output_weight", "output", "read"),
    ):
        product: Product = getattr(quantized, layer)
        seen = getattr(trace(quantized, ids, mask, labels), of)
        matrices[name] = chosen(getattr(weights, name), seen, getattr(original_trace, of))
        done: dict[str, Any] = {layer: replace(product, matrix=matrices[name])}
        quantized = replace(quantized, **done)
    result = QuantizedLstm(matrices, activations, quantized)
    return result, _facts_by_layer(
        weights, result, original_trace, trace(quantized, ids, mask, labels), sampled, settings
    )


def _nearest(matrix: np.ndarray, settings: Settings) -> Columns:
    return round_to_nearest(matrix, bits=settings.bits, percentile=settings.percentile)


def _table(vectors: np.ndarray, settings: Settings) -> Columns:
    return round_table(vectors, bits=settings.bits, percentile=settings.percentile)


Sampled = Callable[[np.ndarray], np.ndarray]


def _sampled(before: Trace, rng: np.random.Generator) -> Sampled:
    """Return what takes the same LARGEST_SAMPLE rows of every tensor of positions, all if there are fewer."""
    rows = len(before.inputs)
    if rows <= LARGEST_SAMPLE:
        return lambda values: values
    kept = np.sort(rng.choice(rows, size=LARGEST_SAMPLE, replace=False))
    return lambda values: values[kept] if len(values) == rows else values


def _read(kind: str, settings: Settings) -> dict[str, str]:
    """Return the name of the activations that each layer reads."""
    output = "mean_state"
    if kind == GENERATIVE:
        output = "state" if settings.activation_bits else "read_state"
    return {"input": "input", "recurrent": "state", "output": output}


def _activations(kind: str, original_trace: Trace, settings: Settings) -> dict[str, Rounding]:
    """Return how activations are rounded: of all values, so that the order of the texts plays no part."""
    bits, percentile = settings.activation_bits, settings.activation_percentile
    if bits is None:
        return (
            {"read_state": STATE}
            if kind == GENERATIVE
            else {"input": RunTime(), "state": RunTime()}
        )
    given = {"input": original_trace.inputs, "state": original_trace.previous}
    if kind != GENERATIVE:
        given["mean_state"] = original_trace.read
    return {
        name: activation_of(values, bits=bits, percentile=percentile)
        for name, values in given.items()
    }


def _facts_by_layer(
    weights: LstmWeights,
    result: QuantizedLstm,
    original_trace: Trace,
    seen: Trace,
    sampled: Sampled,
    settings: Settings,
) -> dict[str, Any]:
    """Return by layer what became of its weights, then of its activations, for `bundle.json`."""
    facts = {
        name: weight_facts(getattr(weights, name), columns, settings.percentile)
        for name, columns in result.matrices.items()
    }
    of = {"input": "inputs", "state": "previous", "mean_state": "read", "read_state": "read"}
    percentile = settings.activation_percentile if settings.activation_bits else 100
    for name, rounding in result.activations.items():
        before, after = sampled(getattr(original_trace, of[name])), sampled(getattr(seen, of[name]))
        facts[f"{name} (activations)"] = activation_facts(before, after, rounding, percentile)
    return facts
