"""Thresholders: relevance -> mask. A thresholder takes float (rows, cols) and gives a `Thresholding`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import UnknownNameError
from monitor.records import BoolArray, FloatArray

Floats = NDArray[np.float64]

THRESHOLDERS: dict[str, str] = {
    "simple": "monitor.segmentation.thresholds:simple",
    "gmm": "monitor.segmentation.thresholds:gmm",
}

_SIMPLE_TOLERANCE = 1e-6

_BINS = 1024
_ROUNDS = 200
_TOLERANCE = 1e-3
#: Keeps a component from collapsing onto one value (relevance scaled to 0 .. 1).
_VARIANCE_FLOOR = 1e-6
#: Quantiles at which the mixture's three components start; relevance has a long upper tail.
_STARTS = ((0.17, 0.5, 0.83), (0.1, 0.6, 0.98), (0.3, 0.9, 0.995), (0.005, 0.5, 0.995), (0.05, 0.5, 0.999))


@dataclass(frozen=True)
class Thresholding:
    """Outcome of a thresholder.

    `mask` bool, of the relevance's shape. `reason` says why it is empty, None otherwise. `threshold`, in
    units of the relevance, is the value that separates the mask where one value does, None otherwise.
    """

    mask: BoolArray = field(repr=False)
    reason: str | None = None
    threshold: float | None = None


Thresholder = Callable[[FloatArray], Thresholding]


def thresholder(name: str) -> Thresholder:
    """The thresholder called `name`; raises `UnknownNameError` listing the known ones."""
    if name not in THRESHOLDERS:
        raise UnknownNameError("thresholder", name, THRESHOLDERS)
    found: Thresholder = resolve_name(THRESHOLDERS[name])
    return found


def simple(relevance: FloatArray) -> Thresholding:
    """Iterated inter-means threshold (Ridler and Calvard, doi:10.1109/TSMC.1978.4310039).

    The threshold starts at the mean and moves half-way between the means of both sides until it moves by
    less than 1e-6 of the relevance's span. The mask is the side above, or below where that is the smaller.
    """
    limits = np.array([relevance.min(), relevance.max()])
    reason = _why_useless(limits)
    if reason is not None:
        return Thresholding(np.zeros(relevance.shape, bool), reason)
    threshold = _intermeans(relevance.ravel(), _SIMPLE_TOLERANCE * float(np.ptp(limits.astype(np.float64))))
    return Thresholding(_smaller_side(relevance > _in_type_of(relevance, threshold)), threshold=threshold)


def gmm(relevance: FloatArray) -> Thresholding:
    """Pixels that belong to the highest of three Gaussians fitted to the relevance's values.

    The relevance is median filtered (3 x 3) first; a pixel belongs when its probability exceeds 0.5. The
    fit is deterministic: it starts from the tightest of several groupings. The mask is inverted where it is the
    larger side.
    """
    smooth: FloatArray = np.asarray(cv2.medianBlur(relevance.astype(np.float32), 3), np.float64)
    reason = _why_useless(relevance) or _why_useless(smooth)
    if reason is not None:
        return Thresholding(np.zeros(relevance.shape, bool), reason)
    low, span = _low_and_span(smooth)
    scaled = np.asarray((smooth - low) / span, np.float64)
    mixture = fit_mixture(scaled)
    highest = int(np.argmax(mixture.responsibilities(np.ones(1))))
    return Thresholding(_smaller_side(mixture.responsibilities(scaled.ravel())[highest].reshape(scaled.shape) > 0.5))


@dataclass(frozen=True)
class Mixture:
    """A mixture of one-dimensional Gaussians: arrays (components,) float64."""

    weights: Floats
    means: Floats
    variances: Floats

    def log_densities(self, values: Floats) -> Floats:
        """Log of weight times density, (components, n), of values (n,)."""
        scale = np.log(self.weights) - 0.5 * np.log(2 * np.pi * self.variances)
        return np.asarray(scale[:, None] - 0.5 * (values - self.means[:, None]) ** 2 / self.variances[:, None])

    def responsibilities(self, values: Floats) -> Floats:
        """Probability (components, n) that each value (n,) came from each component."""
        joint = self.log_densities(values)
        joint = np.exp(joint - joint.max(axis=0))
        return np.asarray(joint / joint.sum(axis=0))


def fit_mixture(scaled: Floats) -> Mixture:
    """Three-component mixture of values between 0 and 1, by EM on their histogram.

    It starts from the tightest k-means grouping found, as scikit-learn's does: a likelier mixture from another start
    is often one whose highest component takes in what is no crack.
    """
    flat = scaled.ravel()
    index = np.minimum((flat * _BINS).astype(np.intp), _BINS - 1)
    counts = np.bincount(index, minlength=_BINS)
    filled = counts > 0
    values = np.bincount(index, flat, _BINS)[filled] / counts[filled]
    shares = counts[filled] / flat.size
    groupings = [_kmeans(values, shares, np.quantile(flat, start)) for start in _STARTS]
    return _expectation_maximisation(values, shares, min(groupings, key=lambda each: _spread(values, shares, each)))


def _spread(values: Floats, shares: Floats, members: Floats) -> float:
    """Variance left within the groups of a grouping."""
    grouped = _maximise(values, shares, members)
    return float(grouped.weights @ grouped.variances)


def _expectation_maximisation(values: Floats, shares: Floats, members: Floats) -> Mixture:
    """The mixture started from a grouping (3, n)."""
    mixture = _maximise(values, shares, members)
    previous = -np.inf
    for _ in range(_ROUNDS):
        joint = mixture.log_densities(values)
        top = joint.max(axis=0)
        joint = np.exp(joint - top)
        total = joint.sum(axis=0)
        likelihood = float(shares @ (np.log(total) + top))
        mixture = _maximise(values, shares, joint / total)
        if likelihood - previous < _TOLERANCE:
            break
        previous = likelihood
    return mixture


def _kmeans(values: Floats, shares: Floats, centres: Floats) -> Floats:
    """Memberships (3, n), 0 or 1, of Lloyd's algorithm started from three centres."""
    for _ in range(_ROUNDS):
        nearest = np.abs(values - centres[:, None]).argmin(axis=0)
        members = np.equal.outer(np.arange(centres.size), nearest).astype(np.float64)
        sizes = members @ shares
        moved = np.where(sizes > 0, (members * shares) @ values / np.maximum(sizes, np.finfo(float).tiny), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return np.asarray(members)


def _maximise(values: Floats, shares: Floats, belonging: Floats) -> Mixture:
    weighted = belonging * shares
    weights = weighted.sum(axis=1) + np.finfo(float).tiny
    means = weighted @ values / weights
    variances = (weighted * (values - means[:, None]) ** 2).sum(axis=1) / weights + _VARIANCE_FLOOR
    return Mixture(weights, means, variances)


def _intermeans(values: FloatArray, enough: float) -> float:
    """Fixed point, to within `enough`, of the half-way value between the means below and above it.

    That value rises with the threshold it is taken at. So the threshold moves one way only, from the first step on, and
    what lies behind it need not be looked at again: of a relevance, most of which is near 0, next to nothing is left.
    Once that is in order, a step costs no more than looking a sum up.
    """
    count, total = values.size, float(values.sum(dtype=np.float64))
    start = total / count
    above = values > _in_type_of(values, start)
    fewer_above = 2 * np.count_nonzero(above) <= count
    fewer = values[above if fewer_above else ~above]
    summed = float(fewer.sum(dtype=np.float64))
    over, number = (summed, fewer.size) if fewer_above else (total - summed, count - fewer.size)
    threshold = _halfway(over, number, total, count)
    rises = threshold >= start
    ahead = np.sort(fewer if rises == fewer_above else values[above == rises])
    sums = np.concatenate([[0.0], np.cumsum(ahead, dtype=np.float64)])
    behind, moved = (total - float(sums[-1]), count - ahead.size) if rises else (0.0, 0), abs(threshold - start)
    while moved > enough:
        below = int(np.searchsorted(ahead, _in_type_of(values, threshold), side="right"))
        over = total - behind[0] - float(sums[below])
        previous, threshold = threshold, _halfway(over, count - behind[1] - below, total, count)
        moved = abs(threshold - previous)
    return threshold


def _halfway(over: float, above: int, total: float, count: int) -> float:
    """Between the means of the `above` values that sum to `over`, and of the others."""
    return (over / above + (total - over) / (count - above)) / 2


def _in_type_of(values: FloatArray, threshold: float) -> np.floating[Any]:
    """The largest number of the values' own type that is not above the threshold: the same values exceed both."""
    cut = values.dtype.type(threshold)
    return cut if float(cut) <= threshold else np.nextafter(cut, values.dtype.type(-np.inf))


def _smaller_side(mask: BoolArray) -> BoolArray:
    return ~mask if 2 * np.count_nonzero(mask) > mask.size else mask


def _why_useless(relevance: FloatArray) -> str | None:
    if not np.isfinite(relevance).all():
        return "the relevance holds values that are not finite"
    if np.ptp(relevance) == 0:
        return "the relevance is the same everywhere"
    return None


def _low_and_span(relevance: FloatArray) -> tuple[float, float]:
    low, high = float(relevance.min()), float(relevance.max())
    return low, high - low
