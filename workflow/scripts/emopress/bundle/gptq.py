"""Rounds the weights of a matrix product to 4 bits so that its results change least on calibration texts.

GPTQ (Frantar, Ashkboos, Hoefler, Alistarh 2023, arXiv 2210.17323): the weights of an output are rounded one after the
other, and those not rounded yet make up for each error. What the product reads enters as the sums of squares
and products of its inputs, X^T X over all tokens of the calibration texts (a quarter of the paper's Hessian).
The inputs with the largest sums come first (the paper's code: act-order), with scales fixed beforehand (static groups).
ONNX Runtime's own GPTQ gives weights, not codes, and rounds these once more with scales of their own.

Chosen on 300 validation texts of emotion, MiniLM-L6, products alone in blocks of 32, by the root mean square error of
the logits over their standard deviation: to nearest 0.054 (with zero points 0.048, HQQ's zero points in floating point
0.046), scales fitted without GPTQ 0.055 to 0.058, this module 0.036 with 128 calibration texts
and 0.030 with 256; blocks of 16 to nearest 0.045.
"""

import numpy as np

from emopress.bundle.block_writer import Blocks, as_halves, in_blocks, round_blocks

DAMPING = 0.01  # of the mean sum of squares, added to each (section 3.3, step 3)
LAZY = 128  # inputs after which their errors are handed on to all others (section 3.3, step 2)
LOWEST, MIDDLE, HIGHEST = 0, 8, 15  # codes
# The levels that the weight of largest magnitude may get; beyond -8 and 7 it is cut off. Those within keep a
# checkpoint whose weights lie on a grid of 4 bits already, whatever blocks share its scales.
LARGEST_TO = (-8, 7, 8, -9, 9, -10, 10, -11, -12, 6, 5, 4, 3, 2, 1)
REFITS = 2  # of the best scale to its codes


def fitted_scales(weights: np.ndarray, importance: np.ndarray, *, block_size: int) -> np.ndarray:
    """Return the scales [rows, blocks], each the one whose block loses least in 4 bits around zero.

    Of weights [rows, columns], squared errors count times the `importance` [columns] of their inputs. Tried are
    the scales that give the weight of largest magnitude each level of LARGEST_TO, then those that fit the
    codes of the best (least squares). All are numbers that float16 holds, if it holds the largest.
    """
    blocks, importance = in_blocks(weights, block_size), in_blocks(importance[None], block_size)
    low, high = blocks.min(axis=2, keepdims=True), blocks.max(axis=2, keepdims=True)
    largest = np.where(high > -low, high, low)

    def levels(scales: np.ndarray) -> np.ndarray:
        divisor = np.where(scales == 0, np.float32(1), scales)
        return np.round(blocks / divisor).clip(LOWEST - MIDDLE, HIGHEST - MIDDLE)

    def lost(scales: np.ndarray) -> np.ndarray:
        errors = blocks - levels(scales) * scales
        return (importance * errors * errors).sum(axis=2, keepdims=True)

    best = as_halves(largest / np.float32(LARGEST_TO[0]))
    least = lost(best)
    for level in (*LARGEST_TO[1:], *[None] * REFITS):
        if level is None:
            steps = levels(best)
            norm = (importance * steps * steps).sum(axis=2, keepdims=True)
            fit = (importance * steps * blocks).sum(axis=2, keepdims=True)
            trial = as_halves(fit / np.where(norm == 0, np.float32(1), norm))
        else:
            trial = as_halves(largest / np.float32(level))
        loss = lost(trial)
        best, least = np.where(loss < least, trial, best), np.minimum(loss, least)
    return best[..., 0]


def gptq(weights: np.ndarray, products: np.ndarray, *, block_size: int, symmetric: bool) -> Blocks:
    """Round weights [rows, columns] to 4 bits so that weights @ X^T changes least; `products` is X^T X.

    A weight that is zero (pruned) stays zero. An input that is zero in all texts says nothing: its weights
    are rounded to the nearest.
    """
    rows, columns = weights.shape
    damped = products + np.diag(np.full(columns, DAMPING * np.trace(products) / columns))
    silent = np.diag(damped) == 0
    damped[silent, silent] = 1
    importance = np.diag(damped).astype(np.float32)
    nearest = round_blocks(
        weights, bits=4, block_size=block_size, symmetric=symmetric, half_scales=True
    )
    scales = nearest.scales
    if symmetric:
        scales = fitted_scales(weights, importance, block_size=block_size)
    order = np.argsort(-importance, kind="stable")
    # Row t: how the error of weight t is made up for by those after it (section 3.3, step 3).
    inverse = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    step = np.repeat(scales, block_size, axis=1)[:, order].astype(np.float64)
    zero = np.repeat(nearest.zero_points, block_size, axis=1)[:, order].astype(np.float64)
    divisor = np.where(step == 0, 1.0, step)
    left = weights[:, order].astype(np.float64)  # what is yet to be rounded, errors made up for
    pruned, codes = left == 0, np.zeros((rows, columns))
    for start in range(0, columns, LAZY):
        end = min(start + LAZY, columns)
        errors = np.zeros((rows, end - start))
        for t in range(start, end):
            code = np.round(left[:, t] / divisor[:, t]) + zero[:, t]
            code = np.where(pruned[:, t], zero[:, t], code.clip(LOWEST, HIGHEST))
            codes[:, t] = code
            errors[:, t - start] = left[:, t] - (code - zero[:, t]) * step[:, t]
            errors[:, t - start] /= inverse[t, t]
            left[:, t + 1 : end] -= np.outer(errors[:, t - start], inverse[t, t + 1 : end])
        left[:, end:] -= errors @ inverse[start:end, end:]
    filled = nearest.codes.reshape(rows, -1)
    filled[:, order] = codes.astype(np.uint8)
    return Blocks(filled.reshape(nearest.codes.shape), scales, nearest.zero_points)
