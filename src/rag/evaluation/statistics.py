"""How sure the figures are: bootstrap intervals and paired tests. Seeded, so that they repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 1000
_SEED = 2026
_FLIPS = 10_000
_BLOCK = 2_000_000  # numbers held at a time


def resample_weights(size: int, resamples: int = RESAMPLES) -> Floats:
    """Shape (resamples, size): how often each question is drawn, `size` draws with replacement.

    Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979.
    """
    rng = np.random.default_rng(_SEED)
    rows = [np.bincount(rng.integers(size, size=size), minlength=size) for _ in range(resamples)]
    return np.array(rows, dtype=np.float64).reshape(resamples, size)


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Mean of `values`, shape (n,), under each row of weights; NaN where a row has none of them."""
    total = weights.sum(axis=1)
    sums = weights @ values
    mean: Floats = np.divide(sums, total, out=np.full(len(sums), np.nan), where=total > 0)
    return mean


def interval(resampled: Floats) -> tuple[float, float]:
    """The 95% percentile interval."""
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided exact p of `gained` against `lost` discordant pairs, a fair coin under the null.

    McNemar, "Note on the Sampling Error of the Difference between Correlated Proportions",
    Psychometrika 1947; exact as a binomial test. 1.0 when there are none.
    """
    total, less = gained + lost, min(gained, lost)
    if total > 1000:  # where the exact sum's terms no longer fit a float
        z = max(0.0, abs(gained - lost) - 1) / math.sqrt(total)
        return math.erfc(z / math.sqrt(2))
    tail = sum(math.comb(total, k) for k in range(less + 1))
    return min(1.0, float(2 * tail / 2**total))


def sign_flip(differences: Sequence[float]) -> float:
    """Two-sided p of a mean difference: how often random signs give one as large.

    Fisher's randomisation test; Smucker, Allan and Carterette, "A Comparison of Statistical
    Significance Tests for Information Retrieval Evaluation", CIKM 2007, recommend it for ranking.
    """
    changed = np.array([d for d in differences if d], dtype=np.float64)
    if not len(changed):
        return 1.0
    rng = np.random.default_rng(_SEED)
    observed = abs(changed.sum()) - 1e-9
    block = max(1, _BLOCK // len(changed))
    as_large = done = 0
    while done < _FLIPS:
        count = min(block, _FLIPS - done)
        signs = rng.integers(0, 2, size=(count, len(changed))) * 2 - 1
        as_large += int((np.abs(signs @ changed) >= observed).sum())
        done += count
    return (as_large + 1) / (_FLIPS + 1)


__all__ = [
    "RESAMPLES",
    "Floats",
    "interval",
    "mcnemar",
    "resample_weights",
    "sign_flip",
    "weighted_mean",
]
