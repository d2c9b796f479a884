"""Rules that raise and clear alarms. They keep what is firing until it is clearly over, and silence is not 'ok'."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from monitor.errors import MisuseError
from monitor.growth.linear import accepted
from monitor.growth.verdicts import DEFAULT_RULES, VerdictRules, rate_so_far
from monitor.records import METRIC_NAMES, AlertState, GrowthFit, Observation, RuleKind, to_json


@dataclass(frozen=True)
class Rule:
    """An agreed limit on one metric, in `unit` (LEVEL) or `unit` per year (RATE).

    It fires at `fire` and clears below `clear`; between the two it stays as it is, so it does not flap.
    Raises `MisuseError` when `clear` lies above `fire`.
    """

    metric: str
    kind: RuleKind
    fire: float
    clear: float
    unit: str

    def __post_init__(self) -> None:
        if not self.clear <= self.fire:
            raise MisuseError(
                f"A rule on {self.metric} that fires at {self.fire} {self.unit} cannot clear at {self.clear};"
                " clear must not be higher."
            )

    @property
    def name(self) -> str:
        """The metric as people call it."""
        return METRIC_NAMES.get(self.metric, self.metric)


@dataclass(frozen=True)
class Decision:
    """The state a rule asks for, why in one sentence, and the numbers behind it (plain JSON values)."""

    state: AlertState
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def evaluate(
    rule: Rule,
    observations: Sequence[Observation],
    fits: Iterable[GrowthFit],
    previous: AlertState,
    verdict_rules: VerdictRules = DEFAULT_RULES,
) -> Decision:
    """Apply one rule to its metric's history; of `fits` only those of its metric count, of readings not grade C.

    LEVEL looks at the latest observation by capture time, so a late upload changes nothing.
    RATE fires when the lower bound of the rate (`verdicts.rate_so_far`) exceeds `fire`, and clears
    when the rate itself falls below `clear`. Where nothing can be said, the state stays `previous`.
    Raises `MisuseError` when the fits are in another unit than the rule.
    """
    observations = accepted(observations)
    if rule.kind is RuleKind.LEVEL:
        return _level(rule, observations, previous)
    return _rate(rule, observations, fits, previous, verdict_rules)


def _level(rule: Rule, observations: Sequence[Observation], previous: AlertState) -> Decision:
    if not observations:
        return Decision(previous, f"There is no reading of the {rule.name.lower()} yet, so it stays {previous}.")
    latest = max(observations, key=lambda seen: (seen.at, seen.value))
    state = _hysteresis(previous, fires=latest.value >= rule.fire, clears=latest.value < rule.clear)
    why = (
        f"{rule.name} is {latest.value:.2f} {rule.unit} on {latest.at:%Y-%m-%d}, the latest of"
        f" {len(observations)} readings; it fires at {rule.fire:g} and clears below {rule.clear:g} {rule.unit}."
    )
    return Decision(state, why, _evidence(rule, n=len(observations), latest=latest))


def _rate(
    rule: Rule,
    observations: Sequence[Observation],
    fits: Iterable[GrowthFit],
    previous: AlertState,
    verdict_rules: VerdictRules,
) -> Decision:
    rate = rate_so_far(observations, _own(rule, fits), verdict_rules)
    n = len(observations)
    if rate is None:
        why = (
            f"There is no rate of the {rule.name.lower()} from {n} readings yet: it takes"
            f" {verdict_rules.smallest_n} over {verdict_rules.smallest_span_days:.0f} days, and a year where the"
            f" season's allowance is not declared in {rule.unit}; so it stays {previous}."
        )
        return Decision(previous, why, _evidence(rule, n=n))
    state = _hysteresis(previous, fires=rate.low > rule.fire, clears=rate.slope_per_year < rule.clear)
    why = (
        f"{rule.name} changes by {rate}, from {n} readings; it fires when the lower bound exceeds"
        f" {rule.fire:g} and clears below {rule.clear:g} {rule.unit} per year."
    )
    return Decision(state, why, _evidence(rule, n=n, rate=rate))


def _own(rule: Rule, fits: Iterable[GrowthFit]) -> list[GrowthFit]:
    own = [fit for fit in fits if fit.metric == rule.metric]
    foreign = {fit.unit for fit in own} - {rule.unit}
    if foreign:
        raise MisuseError(
            f"The rule on {rule.metric} is in {rule.unit}, but its fits are in {', '.join(sorted(foreign))}."
        )
    return own


def _hysteresis(previous: AlertState, *, fires: bool, clears: bool) -> AlertState:
    if fires:
        return AlertState.FIRING
    return AlertState.OK if clears else previous


def _evidence(rule: Rule, **facts: Any) -> dict[str, Any]:
    return {"rule": to_json(rule), **{name: to_json(fact) for name, fact in facts.items()}}


def overdue(last_at: datetime, interval_days: float, grace_days: float, now: datetime) -> bool:
    """Whether the next capture after `last_at` (or after the location's making) is late by more than the grace."""
    return now - last_at > timedelta(days=interval_days + grace_days)
