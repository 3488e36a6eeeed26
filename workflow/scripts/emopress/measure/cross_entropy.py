"""How surprising a generative model finds the tokens of its texts: their cross-entropy, and its spread.

The cross-entropy of a token is -log p(token | true label, tokens before it), in nats. Only models with the
same tokenizer can be compared by it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emopress.runtime.encoder import OnnxClassifier

QUANTILES = (5, 25, 50, 75, 95)  # per cent
UNIT = "nats per token"


def scored(
    classifier: OnnxClassifier, texts: list[str], truth: Sequence[int], *, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits [N, C] of raw texts, and the cross-entropy of all their tokens under their labels.

    truth: class indices [N]. The logits are those of `predict_logits`, in the same batches.
    """
    logits = np.empty((len(texts), len(classifier.labels)), dtype=np.float32)
    nats: list[np.ndarray] = []
    for indices, batch in classifier.batches(texts, batch_size=batch_size, progress=True):
        logits[indices], tokens = classifier.token_scores(batch)
        nats += [-rows[truth[i]] for i, rows in zip(indices, tokens, strict=True)]
    return logits, np.concatenate(nats)


def distribution(nats: np.ndarray) -> dict[str, Any]:
    """Return mean and quantiles (linear interpolation) of the cross-entropies of some tokens [M]."""
    found = np.percentile(nats, QUANTILES)
    return {
        "tokens": len(nats),
        "mean": float(nats.mean(dtype=np.float64)),
        "quantiles": {str(q): float(v) for q, v in zip(QUANTILES, found, strict=True)},
    }
