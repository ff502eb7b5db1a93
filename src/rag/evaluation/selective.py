"""When to answer: risk against coverage, its area, and calibration. Pure, over arrays.

All take `confidence` and `right`, shape (n,), and `weights`, shape (resamples, n): how often each
question counts, so that a bootstrap is one call. Results have shape (resamples,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 10


def by_confidence(confidence: Floats, right: Floats) -> NDArray[np.intp]:
    """Order from the surest on; among equals the wrong ones first, so that ties don't flatter."""
    return np.lexsort((right, -confidence))


def risk_coverage(confidence: Floats, right: Floats) -> tuple[Floats, Floats]:
    """`(coverage, risk)`, each of shape (n,): the surest i questions answered, and how many wrong.

    El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010.
    """
    wrong = 1.0 - right[by_confidence(confidence, right)]
    counts = np.arange(1, len(wrong) + 1)
    return counts / max(len(wrong), 1), np.cumsum(wrong) / counts


def area_under_risk_coverage(confidence: Floats, right: Floats, weights: Floats) -> Floats:
    """AURC, the mean risk over all coverages: from 0 (best) to 1.

    Geifman, Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers", ICLR 2019.
    """
    order = by_confidence(confidence, right)
    counted = weights[:, order]
    wrong = np.cumsum(counted * (1.0 - right[order]), axis=1)
    answered = np.cumsum(counted, axis=1)
    risk = np.divide(wrong, answered, out=np.zeros_like(wrong), where=answered > 0)
    total = np.maximum(answered[:, -1], 1.0)
    area: Floats = (counted * risk).sum(axis=1) / total
    return area


def expected_calibration_error(confidence: Floats, right: Floats, weights: Floats) -> Floats:
    """ECE over ten bins of equal width: the mean gap of confidence and rightness, from 0 to 1.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    bins = bin_of(confidence)
    gap = np.zeros(len(weights))
    for i in range(BINS):
        inside = bins == i
        gap += np.abs((weights[:, inside] * (confidence - right)[inside]).sum(axis=1))
    error: Floats = gap / np.maximum(weights.sum(axis=1), 1.0)
    return error


def bin_of(confidence: Floats) -> NDArray[np.intp]:
    """The bin of each confidence, 0 to 9; 1.0 belongs to the last."""
    return np.minimum((confidence * BINS).astype(np.intp), BINS - 1)


__all__ = [
    "BINS",
    "Floats",
    "area_under_risk_coverage",
    "bin_of",
    "by_confidence",
    "expected_calibration_error",
    "risk_coverage",
]
