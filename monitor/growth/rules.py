"""Rules that raise and clear alarms. They keep what is firing until it is clearly over, and silence is not 'ok'."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from monitor.errors import MisuseError
from monitor.growth.linear import accepted
from monitor.growth.triggers import ERRORS_BEYOND, reading_errors
from monitor.growth.verdicts import DEFAULT_RULES, VerdictRules, rate_so_far
from monitor.records import (
    METRIC_NAMES,
    AlertState,
    CrackReading,
    CrackState,
    GrowthFit,
    Observation,
    RuleKind,
    to_json,
)
from monitor.wording import interval, signed

Refit = Callable[[Sequence[Observation]], Iterable[GrowthFit]]

#: What shows that a crack is there.
_SEEN = frozenset({CrackState.NEW, CrackState.CONTINUED, CrackState.MERGED, CrackState.BRANCHED})


@dataclass(frozen=True)
class Rule:
    """An agreed limit on one metric, in `unit` (LEVEL, CHANGE) or `unit` per year (RATE).

    It fires at `fire`, as soon as `readings` of them have asked for it without as many in a row between them that did
    not, and clears when one more than that in a row lie below `clear`; in between it stays as it is, so it does not
    flap. Raises `MisuseError` when `clear` lies above `fire`, or no reading is asked for.
    """

    metric: str
    kind: RuleKind
    fire: float
    clear: float
    unit: str
    readings: int = 1

    def __post_init__(self) -> None:
        if not self.clear <= self.fire:
            raise MisuseError(
                f"A rule on {self.metric} that fires at {self.fire} {self.unit} cannot clear at {self.clear};"
                " clear must not be higher."
            )
        if self.readings < 1:
            raise MisuseError(f"A rule needs at least one reading to fire, not {self.readings}.")

    @property
    def name(self) -> str:
        """The metric as people call it."""
        return METRIC_NAMES.get(self.metric, self.metric)

    @property
    def ends(self) -> str:
        """When it fires and clears, to end a sentence."""
        after = "" if self.readings == 1 else f" in {self.readings} readings"
        unit = f"{self.unit} per year" if self.kind is RuleKind.RATE else self.unit
        below = f"clears below {self.clear:g} {unit} in {self.readings + 1} readings in a row"
        how = "when the lower bound exceeds" if self.kind is RuleKind.RATE else "at"
        return f"it fires {how} {self.fire:g}{after} and {below}"


@dataclass(frozen=True)
class Decision:
    """The state a rule asks for, why in one sentence, and the numbers behind it (plain JSON values).

    `evidence["sure"]` says how sure that is, where it can be said.
    """

    state: AlertState
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def evaluate(
    rule: Rule,
    observations: Sequence[Observation],
    fits: Iterable[GrowthFit],
    previous: AlertState,
    verdict_rules: VerdictRules = DEFAULT_RULES,
    *,
    since: datetime | None = None,
    refit: Refit | None = None,
) -> Decision:
    """Apply one rule to its metric's history; of `fits` only those of its metric count, of readings not grade C.

    `previous` is the state when the readings up to `since` were known (None, or nothing newer: all but the latest);
    those after it are gone through by capture time, so a late upload of an old capture changes nothing.
    RATE fires when the lower bound of the rate (`verdicts.rate_so_far`) exceeds `fire`, and clears
    when the rate itself falls below `clear`; `refit` gives the fits as they were some readings ago (None: only the
    latest are asked). CHANGE looks at two captures in a row; what 3 reading errors could make does not count.
    Where nothing can be said, the state stays `previous`. Raises `MisuseError` when the fits are in another unit than
    the rule.
    """
    seen = sorted(accepted(observations), key=lambda one: (one.at, one.value))
    if rule.kind is RuleKind.RATE:
        return _rate(rule, seen, list(fits), previous, verdict_rules, refit)
    return (_change if rule.kind is RuleKind.CHANGE else _level)(rule, seen, previous, since)


def _level(rule: Rule, seen: Sequence[Observation], previous: AlertState, since: datetime | None) -> Decision:
    if not seen:
        return Decision(previous, f"There is no reading of the {rule.name.lower()} yet, so it stays {previous}.")
    latest = seen[-1]
    state = _settled(rule, [one.value for one in seen], previous, _first_new(seen, since))
    why = (
        f"{rule.name} is {latest.value:.2f} {rule.unit} on {latest.at:%Y-%m-%d}, the latest of"
        f" {len(seen)} readings; {rule.ends}."
    )
    return Decision(state, why, _evidence(rule, n=len(seen), latest=latest, sure=_sure(latest, rule.unit)))


def _change(rule: Rule, seen: Sequence[Observation], previous: AlertState, since: datetime | None) -> Decision:
    if len(seen) < 2:
        return Decision(previous, f"A change of the {rule.name.lower()} takes two readings, so it stays {previous}.")
    errors = reading_errors(seen, rule.unit)
    sizes = []
    for (before, error_before), (after, error_after) in pairwise(zip(seen, errors, strict=True)):
        size = abs(after.value - before.value)
        sizes.append(0.0 if size < ERRORS_BEYOND * np.hypot(error_before, error_after) else size)
    state = _settled(rule, sizes, previous, _first_new(seen[1:], since))
    before, latest = seen[-2:]
    why = (
        f"{rule.name} changed by {signed(latest.value - before.value)} {rule.unit} between {before.at:%Y-%m-%d} and"
        f" {latest.at:%Y-%m-%d}; {rule.ends}."
    )
    return Decision(state, why, _evidence(rule, n=len(seen), latest=latest, sure=_sure(latest, rule.unit)))


def _rate(
    rule: Rule,
    seen: Sequence[Observation],
    fits: Sequence[GrowthFit],
    previous: AlertState,
    verdict_rules: VerdictRules,
    refit: Refit | None,
) -> Decision:
    rate = rate_so_far(seen, _own(rule, fits), verdict_rules)
    n = len(seen)
    if rate is None:
        why = (
            f"There is no rate of the {rule.name.lower()} from {n} readings yet: it takes"
            f" {verdict_rules.smallest_n} over {verdict_rules.smallest_span_days:.0f} days, and a year where the"
            f" season's allowance is not declared in {rule.unit}; so it stays {previous}."
        )
        return Decision(previous, why, _evidence(rule, n=n))

    def asked(clear: bool, times: int) -> bool:
        """Whether the rate asks for that now, and did the last `times` - 1 readings ago."""
        if refit is None:
            times = 1
        found = [rate, *(rate_so_far(seen[:-ago], _own(rule, refit(seen[:-ago]))) for ago in range(1, times) if refit)]
        return all(
            one is not None and (one.slope_per_year < rule.clear if clear else one.low > rule.fire) for one in found
        )

    state = previous
    if rate.low > rule.fire:
        state = AlertState.FIRING if previous.raised or asked(False, rule.readings) else previous
    elif previous.raised and rate.slope_per_year < rule.clear and asked(True, rule.readings + 1):
        state = AlertState.OK
    why = f"{rule.name} changes by {rate}, from {n} readings; {rule.ends}."
    sure = f"{interval(rate.confidence, rate.low, rate.high)} {rate.unit} per year, from {n} readings"
    return Decision(state, why, _evidence(rule, n=n, latest=seen[-1], rate=rate, sure=sure))


def _own(rule: Rule, fits: Iterable[GrowthFit]) -> list[GrowthFit]:
    own = [fit for fit in fits if fit.metric == rule.metric]
    foreign = {fit.unit for fit in own} - {rule.unit}
    if foreign:
        raise MisuseError(
            f"The rule on {rule.metric} is in {rule.unit}, but its fits are in {', '.join(sorted(foreign))}."
        )
    return own


def _first_new(seen: Sequence[Observation], since: datetime | None) -> int:
    """The index of the first of these, by time, that was not known yet; the last one where all were."""
    new = [index for index, one in enumerate(seen) if since is not None and one.at > since]
    return new[0] if new else len(seen) - 1


def _settled(rule: Rule, values: Sequence[float], state: AlertState, first: int) -> AlertState:
    """The state after all values, when it was `state` before the one with the index `first`."""
    for end in range(first + 1, len(values) + 1):
        known, last = values[:end], values[max(end - rule.readings - 1, 0) : end]
        if known[-1] >= rule.fire and _asked_often(known, rule):
            state = AlertState.FIRING
        elif max(last) < rule.clear:
            state = AlertState.OK
    return state


def _asked_often(values: Sequence[float], rule: Rule) -> bool:
    """Whether as many readings as the rule wants have asked for it, without as many calm ones in a row among them."""
    asked = calm = 0
    for value in reversed(values):
        if value >= rule.fire:
            asked, calm = asked + 1, 0
        else:
            calm += 1
        if rule.readings in (asked, calm):
            break
    return asked >= rule.readings


def _sure(latest: Observation, unit: str) -> str:
    error = "its error is not known"
    if latest.standard_error is not None:
        error = f"standard error {latest.standard_error:.2f} {unit}"
    return error if latest.grade is None else f"{error}, grade {latest.grade}"


def _evidence(rule: Rule, **facts: Any) -> dict[str, Any]:
    return {"rule": to_json(rule), **{name: to_json(fact) for name, fact in facts.items()}}


def overdue(last_at: datetime, interval_days: float, grace_days: float, now: datetime) -> bool:
    """Whether the next capture after `last_at` (or after the location's making) is late by more than the grace."""
    return now - last_at > timedelta(days=interval_days + grace_days)


def out_of_sight(troubles: Sequence[str | None], captures: int, previous: AlertState) -> Decision:
    """Whether a camera still shows what it should: `troubles` tell by capture time why each could not be used.

    None stands for a capture that could. It fires when the last `captures` all could not, and one that can clears it.
    """
    recent = troubles[-captures:]
    if not recent or recent[-1] is None:
        return Decision(AlertState.OK if recent else previous, "The latest capture can be compared with the reference.")
    if len(recent) < captures or None in recent:
        return Decision(previous, f"The latest capture could not be used: {recent[-1]}")
    why = (
        f"The last {captures} captures could not be used. The camera may have moved, or the light be unlike the"
        f" reference's: {recent[-1]}"
    )
    return Decision(AlertState.FIRING, why, {"sure": f"{captures} captures in a row"})


def sightings(readings: Iterable[CrackReading]) -> tuple[int, int]:
    """In how many captures a crack was found, and of how many that show its place since it was first found."""
    found = [one.state in _SEEN for one in readings if one.state in _SEEN or one.state is CrackState.GONE_DARK]
    return sum(found), len(found)


def is_fleeting(readings: Iterable[CrackReading]) -> bool:
    """Whether a crack was missed more often than found since it was first found: a crack stays where it is, a texture
    that passes for one comes and goes with the light.
    """
    found, looked_at = sightings(readings)
    return 2 * found < looked_at


def is_new(readings: Sequence[CrackReading], captures: int) -> bool:
    """Whether a crack was not there at first and is since: `readings` of usable captures, by capture time.

    It must have been found in the last `captures` of those that show the place, so that one shadow makes no crack.
    """
    shown = [one.state for one in readings if one.state is not CrackState.NOT_SHOWN]
    recent = shown[-captures:]
    return CrackState.NOT_YET in shown and len(recent) == captures and all(state in _SEEN for state in recent)
