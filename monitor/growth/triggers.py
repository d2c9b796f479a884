"""The default trigger plan: green, amber, red. Black, to close or to leave, stays a person's decision.

The numbers are defaults, not engineering: an engineer agrees a location's own before monitoring starts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from monitor.errors import MisuseError
from monitor.growth.fits import resolution_of
from monitor.growth.linear import History, Vector, accepted
from monitor.growth.verdicts import DEFAULT_RULES, Rate, VerdictRules, rate_so_far
from monitor.guides import GuideKind, guide
from monitor.records import GrowthFit, Observation, TriggerPlan, to_json
from monitor.records import TriggerLevel as TriggerLevel
from monitor.wording import signed

#: How many reading errors a width must lie beyond a class's bound, and a change beyond 0, to count.
ERRORS_BEYOND = 3.0

_UNIT = "mm"
# Fewer readings scatter by chance too little or too much to tell their error.
_ERROR_NEEDS_N = 8
_MEDIAN_OF_NORMAL = 0.6745
#: Readings whose median is the first width, and readings in a row that must have left its damage class.
_FIRST_N, _LAST_N = 3, 2


@dataclass(frozen=True)
class Situation:
    """What triggers look at: one width's or opening's history in mm.

    `observations` by time, without grade C; `errors` (n,) float64, what each can be wrong by, NaN where that cannot
    be known yet; `rate` the best so far, if any; `previous` the level in force; `assessed_at` until when a person
    has assessed all changes; `known_until` the capture time of the newest reading when `previous` was decided.
    """

    observations: Sequence[Observation]
    errors: Vector
    rate: Rate | None
    previous: TriggerLevel
    assessed_at: datetime | None
    known_until: datetime | None = None


class Trigger(Protocol):
    """One line of a trigger plan."""

    @property
    def level(self) -> TriggerLevel:
        """What it asks for."""
        ...

    def why(self, situation: Situation) -> str | None:
        """Why it asks for its level, as a sentence; None where it does not."""
        ...


@dataclass(frozen=True)
class RateTrigger:
    """Fires when the lower bound of the season-adjusted rate exceeds `fire` mm per year.

    Once fired it holds until the rate itself falls below `clear`, and while no rate can be told: silence is not green.
    Raises `MisuseError` when `clear` lies above `fire`.
    """

    level: TriggerLevel
    fire: float
    clear: float

    def __post_init__(self) -> None:
        if not self.clear <= self.fire:
            raise MisuseError(f"A trigger that fires at {self.fire:g} mm per year cannot clear at {self.clear:g}.")

    def why(self, situation: Situation) -> str | None:
        """See `Trigger`."""
        rate, held = situation.rate, situation.previous.rank >= self.level.rank
        if rate is None:
            return "No rate can be told yet, so the level stays." if held else None
        if rate.low > self.fire:
            return f"The rate is {rate}; its lower bound exceeds {self.fire:g} mm per year."
        if held and rate.slope_per_year >= self.clear:
            return f"The rate is {rate}; the level holds down to {self.clear:g} mm per year."
        return None


@dataclass(frozen=True)
class ChangeTrigger:
    """Fires when two accepted captures in a row differ by `fire` mm or more, opening or closing.

    A change that 3 reading errors could make does not count. It holds as long as these two are in the history and no
    person has assessed them: a jump is not undone by the calm after it. One that comes to light between captures from
    before `known_until`, because an old capture arrived late, raises nothing.
    """

    level: TriggerLevel
    fire: float

    def why(self, situation: Situation) -> str | None:
        """See `Trigger`."""
        captures = list(zip(situation.observations, situation.errors, strict=True))
        held = situation.previous.rank >= self.level.rank
        for (before, error_before), (after, error_after) in reversed(list(pairwise(captures))):
            if situation.assessed_at is not None and after.at <= situation.assessed_at:
                return None
            if situation.known_until is not None and after.at <= situation.known_until and not held:
                return None
            change = after.value - before.value
            by_error = abs(change) < ERRORS_BEYOND * np.hypot(error_before, error_after)
            if abs(change) >= self.fire and not by_error:
                return (
                    f"It changed by {signed(change)} mm between {before.at:%Y-%m-%d} and {after.at:%Y-%m-%d};"
                    f" {self.fire:g} mm between two captures is the limit."
                )
        return None


@dataclass(frozen=True)
class ClassTrigger:
    """Fires when the width has entered a higher damage class, of the guide of that key, than it began in.

    It began as the median of the first 3 readings; the last 2 must both lie beyond that class's bound by 3 reading
    errors. Once fired it holds until the width is back below the bound.
    """

    level: TriggerLevel
    guide: str = "bre_digest_251"

    def why(self, situation: Situation) -> str | None:
        """See `Trigger`."""
        seen = situation.observations
        if len(seen) < _FIRST_N + _LAST_N:
            return None
        widths = np.maximum([one.value for one in seen], 0.0)
        classes = guide(self.guide)
        first, now = (classes.class_of(float(width)) for width in (np.median(widths[:_FIRST_N]), widths[-1]))
        beyond = widths - first.up_to_mm
        held = situation.previous.rank >= self.level.rank and beyond[-1] > 0
        if not held and not np.all(beyond[-_LAST_N:] > ERRORS_BEYOND * situation.errors[-_LAST_N:]):
            return None
        return (
            f"The width is {widths[-1]:.2f} mm on {seen[-1].at:%Y-%m-%d}, {now.name}; it began as {first.name}"
            f" ({classes.title})."
        )


def triggers_of(plan: TriggerPlan) -> tuple[Trigger, ...]:
    """The lines of a trigger plan that are watched; rates clear at half of what they fire at.

    Raises `MisuseError` for a limit that is not above 0, a red rate that is not above amber's, or an unknown guide.
    """
    for name in ("amber_rate", "red_rate", "red_change"):
        limit = getattr(plan, name)
        if limit is not None and not 0 < limit < np.inf:
            raise MisuseError(f"The limit {name} cannot be {limit:g}; it must be greater than zero.")
    if plan.amber_rate is not None and plan.red_rate is not None and plan.red_rate <= plan.amber_rate:
        raise MisuseError(f"Red from {plan.red_rate:g} mm per year must lie above amber, {plan.amber_rate:g}.")
    if plan.guide is not None and guide(plan.guide).kind is not GuideKind.CLASSES:
        raise MisuseError(f"{guide(plan.guide).title} has no damage classes; name a guide that has.")
    found: list[Trigger] = []
    if plan.amber_rate is not None:
        found.append(RateTrigger(TriggerLevel.AMBER, plan.amber_rate, plan.amber_rate / 2))
    if plan.guide is not None:
        found.append(ClassTrigger(TriggerLevel.AMBER, plan.guide))
    if plan.red_rate is not None:
        found.append(RateTrigger(TriggerLevel.RED, plan.red_rate, plan.red_rate / 2))
    if plan.red_change is not None:
        found.append(ChangeTrigger(TriggerLevel.RED, plan.red_change))
    return tuple(found)


#: The plan in force until another is agreed.
DEFAULT_TRIGGERS = triggers_of(TriggerPlan())


@dataclass(frozen=True)
class TriggerDecision:
    """The level asked for, why in full sentences, and the numbers behind it (plain JSON values)."""

    level: TriggerLevel
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def evaluate_triggers(
    observations: Sequence[Observation],
    fits: Iterable[GrowthFit],
    previous: TriggerLevel = TriggerLevel.GREEN,
    *,
    triggers: Sequence[Trigger] = DEFAULT_TRIGGERS,
    verdict_rules: VerdictRules = DEFAULT_RULES,
    assessed_at: datetime | None = None,
    known_until: datetime | None = None,
) -> TriggerDecision:
    """The highest level any trigger asks for, given one width's or opening's history in mm and its fits.

    Readings of grade C count for nothing. With `previous`, the level in force, triggers hold instead of flapping;
    changes up to `assessed_at` have been looked at by a person and raise nothing, nor do those up to `known_until`,
    when `previous` was decided, that an old capture brings to light. What the reading error alone may make is neither
    a change nor another class. Raises `MisuseError` when the fits are not in mm.
    """
    fits = list(fits)
    if any(fit.unit != _UNIT for fit in fits):
        raise MisuseError("The trigger plan is in mm; fits in another unit say nothing about it.")
    seen = sorted(accepted(observations), key=lambda one: (one.at, one.value))
    rate = rate_so_far(seen, fits, verdict_rules)
    situation = Situation(seen, reading_errors(seen, _UNIT), rate, previous, assessed_at, known_until)
    asked = [(trigger, why) for trigger in triggers if (why := trigger.why(situation)) is not None]
    level = max((trigger.level for trigger, _ in asked), key=lambda one: one.rank, default=TriggerLevel.GREEN)
    reasons = [why for trigger, why in asked if trigger.level is level]
    calm = f"Nothing in {len(seen)} readings asks for more than green."
    evidence = {
        "n": len(seen),
        "latest": to_json(seen[-1]) if seen else None,
        "rate": to_json(rate) if rate else None,
        "sure": f"{rate}, from {len(seen)} readings" if rate else f"{len(seen)} readings, no rate yet",
        "asked": [{"trigger": type(trigger).__name__, **to_json(trigger), "why": why} for trigger, why in asked],
    }
    return TriggerDecision(level, " ".join(dict.fromkeys(reasons)) or calm, evidence)


def reading_errors(observations: Sequence[Observation], unit: str) -> Vector:
    """What each observation, by time, can be wrong by, (n,) float64, in `unit`; NaN where that cannot be known.

    Its standard error, or the unit's resolution without one; but from 8 readings on at least what the scatter of all
    around the line between their neighbours shows, doi:10.1093/biomet/73.3.625, by the median, so that a jump does not
    hide itself, and a little more, for the median of few is uncertain. NaN for fewer readings without standard errors.
    """
    if not observations:
        return np.empty(0)
    history = History.of(observations, resolution_of(unit))
    if len(observations) >= _ERROR_NEEDS_N:
        return np.maximum(history.errors, _scatter(history) * (1 + 2 / (len(observations) - 2)))
    return history.errors if history.weighted else np.full(len(observations), np.nan)


def _scatter(history: History) -> float:
    before, here, after = history.years[:-2], history.years[1:-1], history.years[2:]
    span = after - before
    share = np.where(span > 0, (after - here) / np.where(span > 0, span, 1.0), 0.5)
    between = share * history.values[:-2] + (1 - share) * history.values[2:]
    off = (history.values[1:-1] - between) / np.sqrt(1 + share**2 + (1 - share) ** 2)
    return float(np.median(np.abs(off)) / _MEDIAN_OF_NORMAL)
