"""The weights of an LSTM classifier as numpy arrays, from its checkpoint.

Discriminative: h_t = LSTM(word vector of token t), logits = mean over t of h_t, times a matrix (the averaged
states of Yogatama, Dyer, Ling, Blunsom 2017, "Generative and discriminative text classification with
recurrent neural networks"). Generative: h_t = LSTM(word vector of token t and vector of label y, side by
side), log p(token t + 1 | y, tokens to t) = log-softmax over the vocabulary; the logit of y is their sum
over the text plus log p(y).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from emopress.checkpoint import WEIGHTS, read_checkpoint
from emopress.errors import UserError

SHARED = ("embedding", "input_weight", "recurrent_weight", "bias", "output_weight", "output_bias")
GENERATIVE_ONLY = ("label_embedding", "log_prior")


@dataclass(frozen=True)
class LstmWeights:
    """The float32 weights of a one-layer LSTM classifier.

    V vocabulary, E word vector, L label vector (0 if discriminative), H state, C labels; the gates of the
    4H columns are input, forget, cell, output, each of H columns.
    """

    kind: str  # discriminative or generative
    embedding: np.ndarray  # [V, E]
    input_weight: np.ndarray  # [E + L, 4H]
    recurrent_weight: np.ndarray  # [H, 4H]
    bias: np.ndarray  # [4H]
    output_weight: np.ndarray  # [H, C], generative [H, V]
    output_bias: np.ndarray  # [C], generative [V]
    label_embedding: np.ndarray | None = None  # [C, L], generative
    log_prior: np.ndarray | None = (
        None  # [C], generative: log of the labels' shares of the training texts
    )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights that this kind has, by name."""
        named = {name: getattr(self, name) for name in (*SHARED, *GENERATIVE_ONLY)}
        return {name: value for name, value in named.items() if value is not None}


def read_weights(checkpoint: Path) -> LstmWeights:
    """Return the weights of an LSTM checkpoint, whose files are verified; UserError if it is of another family."""
    source = read_checkpoint(checkpoint)
    if source.manifest["family"] != "lstm":
        raise UserError(
            f"{checkpoint}: a {source.manifest['family']} checkpoint, expected an lstm one"
        )
    return LstmWeights(source.manifest["kind"], **load_file(checkpoint / WEIGHTS))


def onnx_gates(weight: np.ndarray) -> np.ndarray:
    """Return a matrix [n, 4H] or a bias [4H] with gates i, f, g, o in ONNX's order i, o, f, g."""
    i, f, g, o = np.split(weight, 4, axis=-1)
    return np.concatenate([i, o, f, g], axis=-1)
