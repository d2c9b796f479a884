"""What breaks a history: known events, after which it begins anew, and steps or changes of rate found in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from monitor.growth.fits import SEASONAL_SPAN_DAYS, unusable
from monitor.growth.linear import Design, History, Vector, Years, accepted, seasonal_design
from monitor.records import Event, Observation
from monitor.wording import signed

#: A search needs so many readings; trend, season and a break leave hardly anything of fewer.
CHANGE_N = 12
#: Readings a change needs on either side: with fewer it would be one wild reading.
_LEAST_BESIDE = 3
# A little above the 0.3 that the false rate is stated for, which leaves room for the error of the simulation.
_CORRELATION = 0.35
_SIMULATED = 4999
_MOST_PLACES = 100
_LEAST_LEFT = 1e-6
_NEGLIGIBLE = 1e-300

_Curves = NDArray[np.float64]


class ChangeKind(StrEnum):
    """How a history breaks: the value jumps, or the rate changes."""

    STEP = "step"
    RATE = "rate"


@dataclass(frozen=True)
class Change:
    """A break: the reading at `at` is the first after a STEP, or the last before the other RATE.

    `size` is the jump in the metric's unit, or the change of the rate in unit per year; `p_value` the share of
    unbroken histories that show one as clear.
    """

    kind: ChangeKind
    at: datetime
    size: float
    p_value: float


@dataclass(frozen=True)
class ChangeSearch:
    """The clearest break, or None; false where none shows, and the message says why."""

    change: Change | None
    message: str

    def __bool__(self) -> bool:
        return self.change is not None


def since_last_event(observations: Iterable[Observation], events: Iterable[Event]) -> list[Observation]:
    """The observations at or after the last event: those before show another wall, or another way of looking.

    All of them without events. Fits, verdicts, triggers and limits go by what they are handed, so hand them this.
    """
    last = max((event.at for event in events), default=None)
    return [seen for seen in observations if last is None or seen.at >= last]


def find_change(
    observations: Sequence[Observation], *, false_rate: float = 0.05, resolution: float = 0.0
) -> ChangeSearch:
    """The clearest step or change of rate beside trend and season, if clearer than chance makes it.

    Every place with 3 readings on either side is tried for both; the largest share of the residual sum of squares
    that one of them explains decides (sup-F, doi:10.2307/2951764). What chance makes of it is simulated at the times
    of these readings, always from the same seed, with errors that correlate between neighbours, so that
    `false_rate` holds by construction up to a correlation of 0.3. Measured at 5 % on 12 to 36 monthly readings: 0.2
    to 3 % of unbroken histories without correlation, 3 to 5 % at 0.3, 6 to 14 % at 0.5. With an error of 0.1 mm, a
    jump of 0.5 mm is found in 20 % of histories of 15 readings, 80 % of 24 and 99 % of 36, a jump of 1 mm in 90 % and
    more; a change of rate by 1 mm/yr in 4, 97 and 100 %. Nine in ten of those found have the right kind and place.

    Readings count alike; their standard errors, or `resolution` (in the metric's unit), bound the reading error
    from below. Needs 12 readings over 300 days: before, a season looks like a change of rate.
    """
    observations = sorted(accepted(observations), key=lambda seen: (seen.at, seen.value))
    n = len(observations)
    message = unusable(observations)
    if message is not None:
        return ChangeSearch(None, message)
    if n < CHANGE_N or History.of(observations).span_days < SEASONAL_SPAN_DAYS:
        needed = f"{CHANGE_N} readings over {SEASONAL_SPAN_DAYS:.0f} days"
        return ChangeSearch(None, f"a break shows from {needed} on; there are {n}")
    history = History.of(observations, resolution)
    base = seasonal_design(history)
    breaks = _breaks(history.years, base)
    if not breaks:
        return ChangeSearch(None, "the readings lie at too few times of the year to tell a break from the season")
    best, size, p_value = _clearest(history, base, np.array([one.curve for one in breaks]))
    if p_value > false_rate:
        return ChangeSearch(None, f"no break is clearer than chance makes one (p = {p_value:.2f})")
    change = Change(breaks[best].kind, observations[breaks[best].place].at, size, p_value)
    return ChangeSearch(change, f"a {change.kind} of {signed(size)} on {change.at:%Y-%m-%d} (p = {p_value:.4f})")


@dataclass(frozen=True)
class _Break:
    """A break that is tried at one reading: `curve` (n,) is what of size 1 trend and season cannot follow."""

    kind: ChangeKind
    place: int
    curve: Vector


def _breaks(years: Years, base: Design) -> list[_Break]:
    last = len(years) - _LEAST_BESIDE
    places = np.unique(np.linspace(_LEAST_BESIDE, last, min(last - _LEAST_BESIDE + 1, _MOST_PLACES)).astype(int))
    tried = [(ChangeKind.STEP, place, (years >= years[place]).astype(float)) for place in places]
    tried += [(ChangeKind.RATE, place, np.maximum(years - years[place], 0.0)) for place in places]
    left = _beside(base, np.array([curve for _, _, curve in tried]))
    return [
        _Break(kind, int(place), remainder)
        for (kind, place, curve), remainder in zip(tried, left, strict=True)
        if np.linalg.norm(remainder) > _LEAST_LEFT * np.linalg.norm(curve)
    ]


def _clearest(history: History, base: Design, curves: _Curves) -> tuple[int, float, float]:
    """Which of the curves (k, n) explains most, its size, and the share of unbroken histories where one does so."""
    n, columns = base.shape
    residuals = _beside(base, history.values[np.newaxis])
    explained = _explained(curves, residuals, _variance_known(history) * (n - columns))[0]
    chance = _explained(curves, _beside(base, _unbroken(n))).max(axis=1)
    best = int(np.argmax(explained))
    size = float(curves[best] @ residuals[0] / (curves[best] @ curves[best]))
    return best, size, float((1 + np.count_nonzero(chance >= explained[best])) / (1 + len(chance)))


def _beside(base: Design, curves: _Curves) -> _Curves:
    """What of each curve (m, n) the columns of `base` (n, columns) cannot follow."""
    basis, _ = np.linalg.qr(base)
    return np.asarray(curves - (curves @ basis) @ basis.T, dtype=np.float64)


def _explained(curves: _Curves, residuals: _Curves, least: float = _NEGLIGIBLE) -> _Curves:
    """The share of each row's squares (m, n), or of `least`, that each curve (k, n) takes off: (m, k)."""
    directions = curves / np.linalg.norm(curves, axis=1, keepdims=True)
    squares = np.maximum(np.sum(residuals**2, axis=1, keepdims=True), least)
    return np.asarray((residuals @ directions.T) ** 2 / squares, dtype=np.float64)


def _variance_known(history: History) -> float:
    """The least variance of a reading: of its known error, or of rounding."""
    rounding = _LEAST_LEFT**2 * float(np.max(np.abs(history.values)))
    return max(float(np.mean(history.errors**2)), rounding**2, _NEGLIGIBLE)


def _unbroken(n: int) -> _Curves:
    """Errors of `_SIMULATED` histories of n readings, (m, n): normal, correlated between neighbours."""
    errors = np.random.default_rng(n).standard_normal((_SIMULATED, n))
    for place in range(1, n):
        errors[:, place] = _CORRELATION * errors[:, place - 1] + np.sqrt(1 - _CORRELATION**2) * errors[:, place]
    return errors
