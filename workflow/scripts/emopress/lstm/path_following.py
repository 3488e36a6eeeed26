"""Greedy path-following quantization (GPFQ): each weight of a neuron corrects the error of those before it.

Lybrand, Saab 2021, "A greedy algorithm for quantizing neural networks" (arXiv 2010.15979); Zhang, Zhou, Saab
2023, "Post-training quantization for neural networks with provable guarantees" (arXiv 2201.11113): the
iteration for q_t and u_t, with the inputs of the original and of the quantized network.
"""

import numpy as np

from emopress.lstm.integers import Columns, as_columns, column_scales, steps


def path_following(
    weights: np.ndarray,
    original: np.ndarray,
    quantized: np.ndarray,
    *,
    bits: int,
    percentile: float,
) -> Columns:
    """Quantize weights [d, n] so that `quantized` @ codes follows `original` @ weights.

    original [m, d]: what the layer reads of m samples in the original network, X; quantized [m, d]: in
    the network quantized so far, X~. For each neuron w (a column), over the inputs t = 1 ... d,
        q_t = the value of the neuron's alphabet next to <X~_t, u_{t-1} + w_t X_t> / |X~_t|^2,
        u_t = u_{t-1} + w_t X_t - q_t X~_t,    u_0 = 0.
    Scales are those of rounding to nearest (a scale per neuron; the papers take one radius per layer).
    An input that is 0 in all samples, |X~_t| = 0, says nothing: its weights are rounded to nearest.

    <X~_t, u_{t-1}> is a sum over the inputs before t of products of X~_t with X_s and X~_s, so that two
    matrices [d, d] stand for all samples, and every sample counts at no further cost.
    """
    scales = column_scales(weights, bits=bits, percentile=percentile)
    seen, target = quantized.astype(np.float64), original.astype(np.float64)
    gram, cross = seen.T @ seen, seen.T @ target
    # Row t: <X~_t, w_1 X_1 + ... + w_t X_t> of each neuron, in steps of its alphabet.
    wished = np.tril(cross) @ (weights / scales.astype(np.float64))
    chosen = np.zeros(weights.shape)
    for t, norm in enumerate(np.diag(gram)):
        ratios = (wished[t] - gram[t, :t] @ chosen[:t]) / norm if norm > 0 else weights[t] / scales
        chosen[t] = steps(ratios, bits)
    return as_columns(chosen, scales, bits)
