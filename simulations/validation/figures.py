"""One figure of a validation: a value, of how many, and the interval that so many leave open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

Floats = NDArray[np.float64]

#: Two-sided confidence of every interval.
CONFIDENCE = 0.9
_DRAWN = 999


@dataclass(frozen=True)
class Figure:
    """`value` from `n` series, readings or pairs, with its interval at `CONFIDENCE`; None where nothing tells."""

    value: float | int | None
    n: int
    low: float | None = None
    high: float | None = None


def share(found: Sequence[bool]) -> Figure:
    """How large a part of them is true; the interval is exact (doi:10.1093/biomet/26.4.404)."""
    if not found:
        return Figure(None, 0)
    interval = binomtest(sum(found), len(found)).proportion_ci(CONFIDENCE)
    return Figure(float(np.mean(found)), len(found), float(interval.low), float(interval.high))


def number(found: Sequence[bool]) -> Figure:
    """How many of them are true; the interval is of as many others."""
    part, n = share(found), len(found)
    if part.low is None or part.high is None:
        return Figure(0, 0)
    return Figure(sum(found), n, part.low * n, part.high * n)


def statistic(groups: Sequence[Floats | Sequence[float]], of: Callable[[Floats], float]) -> Figure:
    """`of` all values together; `n` counts them. The interval is a bootstrap over groups, because values of one wall
    share its accidents (doi:10.1201/9780429246593); none with fewer than two groups.
    """
    known = [np.asarray(group, np.float64) for group in groups if len(group)]
    if not known:
        return Figure(None, 0)
    whole = np.concatenate(known)
    if len(known) < 2:
        return Figure(float(of(whole)), len(whole))
    rng = np.random.default_rng(0)
    drawn = [of(np.concatenate([known[i] for i in rng.integers(len(known), size=len(known))])) for _ in range(_DRAWN)]
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Figure(float(of(whole)), len(whole), float(low), float(high))


def mean_percent(values: Sequence[float]) -> Figure:
    """The mean of shares, in per cent."""
    return statistic([[100 * value] for value in values], np.mean)


def root_mean_square(values: Floats) -> float:
    """Of differences that should be 0."""
    return float(np.sqrt(np.mean(np.square(values))))


def quantile(part: float) -> Callable[[Floats], float]:
    """The function that takes that quantile."""
    return lambda values: float(np.quantile(values, part))
