"""Runs an LSTM classifier in numpy, in fp32 or with the rounding of its quantized graph.

What calibration needs, since it sees the inputs of every layer, and what the graphs are tested against.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emopress.checkpoint import GENERATIVE
from emopress.lstm.integers import Activation, Columns, Rounding
from emopress.lstm.weights import LstmWeights


@dataclass(frozen=True)
class Product:
    """Activations times a matrix; with `rounded` the activations are quantized first.

    Of two quantized factors with fixed ranges the product is one of integers, which float32 sums exactly up
    to inner widths of 518 (255 * 127 * 518 < 2**24), and a scale per column.
    """

    matrix: np.ndarray | Columns
    rounded: Rounding | None = None

    def seen(self, values: np.ndarray) -> np.ndarray:
        """Return the activations as the matrix reads them."""
        return self.rounded.values(values) if self.rounded else values

    def __call__(self, values: np.ndarray) -> np.ndarray:
        if isinstance(self.matrix, Columns):
            if not isinstance(self.rounded, Activation):
                return self.seen(values) @ self.matrix.weights
            whole = self.rounded.centred(values) @ self.matrix.centred
            return whole * (np.float32(self.rounded.scale) * self.matrix.scales)
        return self.seen(values) @ self.matrix


@dataclass(frozen=True)
class Network:
    """An LSTM classifier whose every layer may be quantized or not yet; shapes as in LstmWeights."""

    kind: str
    words: np.ndarray
    input: Product
    recurrent: Product
    bias: np.ndarray
    output: Product
    output_bias: np.ndarray
    labels: np.ndarray | None = None
    log_prior: np.ndarray | None = None

    @property
    def generative(self) -> bool:
        """Whether it scores the tokens of a text given each label."""
        return self.kind == GENERATIVE


@dataclass(frozen=True)
class Trace:
    """What the matrices of a network read of some texts, rounded if it does so, one row per position that counts.

    inputs [M, E + L], previous [M, H] (the state before the position), and `read` by the output layer:
    generative [M, H], the states; discriminative [texts, H], their means.
    """

    inputs: np.ndarray
    previous: np.ndarray
    read: np.ndarray


def network_of(weights: LstmWeights) -> Network:
    """Return the network of some weights, nothing quantized."""
    return Network(
        weights.kind,
        weights.embedding,
        Product(weights.input_weight),
        Product(weights.recurrent_weight),
        weights.bias,
        Product(weights.output_weight),
        weights.output_bias,
        weights.label_embedding,
        weights.log_prior,
    )


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-values)), without overflow."""
    return np.float32(0.5) * (np.tanh(np.float32(0.5) * values) + np.float32(1))


def vectors_of(
    network: Network, ids: np.ndarray, mask: np.ndarray, labels: np.ndarray | None
) -> np.ndarray:
    """Return what the LSTM reads of tokens [N, T], with labels [N] of generative texts: [N, T, E + L].

    What `mask` [N, T] calls padding is 0 where there are no labels, and so in no text's range.
    """
    words = network.words[ids]
    if labels is None or network.labels is None:
        return words * mask[:, :, None].astype(np.float32)
    label_vectors = np.broadcast_to(
        network.labels[labels][:, None], (*ids.shape, network.labels.shape[1])
    )
    return np.concatenate([words, label_vectors], axis=2)


def states_of(network: Network, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the states before and after each position of vectors [N, T, E + L], [N, T, H] each."""
    texts, length, _ = vectors.shape
    width = len(network.bias) // 4
    driven = network.input(vectors) + network.bias
    state = cell = np.zeros((texts, width), dtype=np.float32)
    before = np.empty((texts, length, width), dtype=np.float32)
    after = np.empty_like(before)
    for t in range(length):
        before[:, t] = state
        gates = network.recurrent(state) + driven[:, t]
        given, kept, new, shown = np.split(gates, 4, axis=1)
        cell = sigmoid(kept) * cell + sigmoid(given) * np.tanh(new)
        state = sigmoid(shown) * np.tanh(cell)
        after[:, t] = state
    return before, after


def mean_states(states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the mean [N, H] of the states [N, T, H] of the tokens that `mask` [N, T] does not call padding."""
    weights = mask[:, :, None].astype(np.float32)
    return (states * weights).sum(axis=1) / weights.sum(axis=1)


def batches(
    ids: np.ndarray, mask: np.ndarray, labels: np.ndarray, size: int = 64
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield texts of similar length, without the padding that none of them needs."""
    order = np.argsort(mask.sum(axis=1), kind="stable")
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        length = int(mask[rows].sum(axis=1).max())
        yield ids[rows, :length], mask[rows, :length], labels[rows]


def trace(network: Network, ids: np.ndarray, mask: np.ndarray, labels: np.ndarray) -> Trace:
    """Return the inputs of the layers of a network for texts: ids and mask [N, T], labels [N].

    A generative network reads a text under its own label, and its last token only as what is predicted.
    """
    inputs, previous, read = [], [], []
    for some_ids, some_mask, some_labels in batches(ids, mask, labels):
        generative, counted = network.generative, some_mask > 0
        if generative:
            some_ids, counted = some_ids[:, :-1], some_mask[:, 1:] > 0
        vectors = vectors_of(network, some_ids, counted, some_labels if generative else None)
        before, after = states_of(network, vectors)
        inputs.append(network.input.seen(vectors)[counted])
        previous.append(network.recurrent.seen(before[counted]))
        last = after[counted] if generative else mean_states(after, some_mask)
        read.append(network.output.seen(last))
    return Trace(np.concatenate(inputs), np.concatenate(previous), np.concatenate(read))


def token_log_probabilities(network: Network, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return log p(token t + 1 | label, tokens to t) of a generative network, [N, C, T - 1]; 0 where padded."""
    assert network.labels is not None
    texts, length = ids.shape
    result = np.empty((texts, len(network.labels), length - 1), dtype=np.float32)
    targets = ids[:, 1:, None]
    for label in range(len(network.labels)):
        vectors = vectors_of(network, ids[:, :-1], mask[:, 1:], np.full(texts, label))
        _, states = states_of(network, vectors)
        scores = network.output(states) + network.output_bias
        top = scores.max(axis=2, keepdims=True)
        total = top[..., 0] + np.log(np.exp(scores - top).sum(axis=2))
        result[:, label] = np.take_along_axis(scores, targets, axis=2)[..., 0] - total
    return result * mask[:, None, 1:].astype(np.float32)


def logits(network: Network, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the logits [N, C] of texts: ids and mask [N, T]."""
    if network.generative:
        return token_log_probabilities(network, ids, mask).sum(axis=2) + network.log_prior
    _, states = states_of(network, vectors_of(network, ids, mask, None))
    return network.output(mean_states(states, mask)) + network.output_bias
