"""Every trial of a plan, and what they say: one figure a question."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, partial
from itertools import combinations

import numpy as np

from monitor.analysis import Analyser
from monitor.growth.rules import is_fleeting
from monitor.growth.trials import TrialWall, verdict_shares
from monitor.growth.triggers import TriggerLevel, evaluate_triggers
from monitor.growth.verdicts import Outcome
from monitor.records import CrackReading, Grade
from simulations.validation.figures import (
    Figure,
    Floats,
    mean_percent,
    number,
    quantile,
    root_mean_square,
    share,
    statistic,
)
from simulations.validation.plan import MM_PER_PX, Plan, series
from simulations.validation.registering import registration_figures
from simulations.validation.running import Running
from simulations.validation.trials import Openings, Trial, fits, openings, rate, run_trial, widest

#: Readings within so many of their standard errors are right nine times of ten.
_ERRORS = 1.64
#: How much two poses may disagree, px.
_POSES_AGREE_PX = 0.15
#: Simulated histories for each verdict.
_HISTORIES = 400


def validate(
    build: Callable[[], Analyser],
    plan: Plan,
    seed: int,
    on_trial: Callable[[int, int], None] = lambda _done, _total: None,
    running: Running | None = None,
) -> dict[str, Figure]:
    """Run every trial of a plan; the figures' names say what was measured and in which unit.

    `build` makes the analyser, once in each process that runs trials.
    """
    running = running or Running()
    trials = running.each("series", partial(_trial, build, plan, seed), plan.trials, on_trial)
    measured = {id(trial): openings(trial) for trial in trials if trial.kind != "paper"}
    known = [(trial, opening) for trial in trials if (opening := measured.get(id(trial))) is not None]
    return {
        **_slopes(trials, known),
        **_readings([opening for trial, opening in known]),
        **_poses([opening for trial, opening in known if trial.kind == "poses"]),
        **_masks(trials),
        **_alarms(trials),
        **_verdicts([opening for trial, opening in known], plan, seed),
        **_acceptance(trials),
        **registration_figures(plan, seed, running),
        "n": Figure(len(trials), len(trials)),
    }


def _trial(build: Callable[[], Analyser], plan: Plan, seed: int, index: int) -> Trial:
    kind, chosen = list(series(plan, np.random.default_rng(seed)))[index]
    return run_trial(kind, chosen, seed * 1000 + index, _built(build))


@cache
def _built(build: Callable[[], Analyser]) -> Analyser:
    return build()


def _slopes(trials: Sequence[Trial], known: Sequence[tuple[Trial, Openings]]) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for name, kinds in (("", ("large",)), ("_small", ("small", "amber"))):
        slopes = [opening.slopes() for trial, opening in known if trial.kind in kinds]
        errors = [abs(measured - true) / true for true, measured in slopes]
        found[f"opening_slope_mape_percent{name}"] = mean_percent(errors)
    rates = [rate(trial, opening) for trial, opening in known if trial.kind != "poses"]
    covered = [fit.low <= true <= fit.high for true, fit in rates if fit.low is not None and fit.high is not None]
    realistic = [trial for trial in trials if trial.kind != "paper"]
    missed = len(realistic) - len(known)
    return {
        **found,
        "opening_not_measured": number([True] * missed + [False] * len(known)),
        "interval_coverage": share(covered),
    }


def _readings(known: Sequence[Openings]) -> dict[str, Figure]:
    """How far single readings of the change since the reference are off, and their errors' claims."""
    off = [np.abs(opening.measured - opening.true)[1:] for opening in known]
    within = [off_here <= _ERRORS * opening.errors[1:] for off_here, opening in zip(off, known, strict=True)]
    return {
        "opening_reading_error_px_median": statistic(off, np.median),
        "opening_reading_error_px_p95": statistic(off, quantile(0.95)),
        "opening_reading_within_1_64_errors": statistic([np.asarray(part, float) for part in within], np.mean),
    }


def _poses(known: Sequence[Openings]) -> dict[str, Figure]:
    """Readings of one wall that no longer moves, from several poses, two by two."""
    differences, agree = [], []
    for opening in known:
        pairs = list(combinations(range(1, len(opening.years)), 2))
        apart = np.array([opening.measured[one] - opening.measured[two] for one, two in pairs])
        errors = np.array([np.hypot(opening.errors[one], opening.errors[two]) for one, two in pairs])
        differences.append(apart)
        agree.append(np.asarray(np.abs(apart) <= _ERRORS * errors, float))
    return {
        "poses_difference_px_rms": statistic(differences, root_mean_square),
        "poses_within_1_64_errors": statistic(agree, np.mean),
    }


def _masks(trials: Sequence[Trial]) -> dict[str, Figure]:
    """Area and maximum width from the masks, as the paper scores them: by series, the r of a straight line through what
    was measured in time, and how far its slope is off. Pooled, r is that of true and measured values of all series.
    """
    found: dict[str, Figure] = {}
    for prefix, kinds in (("mask", ("paper",)), ("mask_realistic", ("large", "small", "amber"))):
        for name, true_name, power in (("area", "area_mm2", 2), ("width", "max_width_mm", 1)):
            tables = [_mask_table(trial, name, true_name, power) for trial in trials if trial.kind in kinds]
            tables = [table for table in tables if len(table) >= 3]
            in_time = [[_r(table[:, 0], table[:, 2])] for table in tables]
            found[f"{prefix}_{name}_r"] = statistic(in_time, np.mean)
            found[f"{prefix}_{name}_r_pooled"] = _pooled_r([table[:, 1:] for table in tables])
            slopes = [np.polyfit(table[:, 0], table[:, 1:], 1)[0] for table in tables]
            found[f"{prefix}_{name}_slope_mape_percent"] = mean_percent(
                [abs(measured - true) / true for true, measured in slopes]
            )
    return found


def _r(one: Floats, other: Floats) -> float:
    """Pearson's, 0 where nothing varies."""
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) > 0 and np.ptp(other) > 0 else 0.0


def _pooled_r(tables: Sequence[Floats]) -> Figure:
    """r of true and measured values (n, 2), all series together."""
    whole = statistic([table.ravel() for table in tables], lambda flat: _r(*flat.reshape(-1, 2).T))
    return Figure(whole.value, whole.n // 2, whole.low, whole.high)


def _mask_table(trial: Trial, name: str, true_name: str, power: int) -> Floats:
    """(years, true, measured) of the captures that were measured."""
    rows = []
    for years, truth, analysis in zip(trial.years, trial.truths, trial.analyses, strict=True):
        if analysis.severity is not None:
            measured = analysis.severity.area_px if name == "area" else analysis.severity.max_width_px
            rows.append((float(years), float(getattr(truth, true_name)), measured * truth.mm_per_px**power))
    return np.array(rows, np.float64).reshape(-1, 3)


def _alarms(trials: Sequence[Trial]) -> dict[str, Figure]:
    """Whether the default plan asks for amber or red, going by where each crack gapes widest, and after how long."""
    static = [first_alarm_days(trial) is not None for trial in trials if trial.kind == "static"]
    delays = [first_alarm_days(trial) for trial in trials if trial.kind in ("amber", "large")]
    raised = [[delay] for delay in delays if delay is not None]
    return {
        "static_alarms": number(static),
        "growing_alarmed": share([delay is not None for delay in delays]),
        "alarm_delay_days_median": statistic(raised, np.median),
        "alarm_delay_days_p95": statistic(raised, quantile(0.95)),
    }


def first_alarm_days(trial: Trial, mm_per_px: float = MM_PER_PX) -> float | None:
    """Days from the first capture to the one that made any crack leave green; None where none ever did."""
    first = trial.truths[0].captured_at
    days = []
    for crack in trial.cracks:
        seen = widest(trial, crack.name, mm_per_px)
        level = TriggerLevel.GREEN
        for count in range(1, len(seen) + 1):
            part = seen[:count]
            if is_fleeting(_until(trial, crack.name, part[-1].at)):
                continue
            level = evaluate_triggers(part, fits(part), level).level
            if level is not TriggerLevel.GREEN:
                days.append((part[-1].at - first).total_seconds() / 86400)
                break
    return min(days, default=None)


def _until(trial: Trial, crack: str, at: datetime) -> list[CrackReading]:
    """The readings of a crack up to that capture time."""
    return [one for one in trial.readings if one.crack == crack and trial.truths[one.capture].captured_at <= at]


def _verdicts(known: Sequence[Openings], plan: Plan, seed: int) -> dict[str, Figure]:
    """Verdicts over histories with a season on top, drawn with the errors that the readings here turned out to have."""
    if not known:
        return {}
    errors = np.concatenate([(opening.measured - opening.true)[1:] for opening in known])
    error_mm = max(root_mean_square(errors) * MM_PER_PX, 0.02)
    histories = min(_HISTORIES, 20 * plan.trials)
    found = {}
    for name, wall in (
        ("seasonal_called_progressive", TrialWall(swing_mm=0.3, error_mm=error_mm)),
        ("growth_with_season_recognised", TrialWall(swing_mm=0.3, rate_mm_per_year=1.0, error_mm=error_mm)),
    ):
        shares = verdict_shares(wall, histories, np.random.default_rng([seed, 3]))
        hits = round(histories * (shares[Outcome.PROGRESSIVE] + shares[Outcome.ACCELERATING]))
        found[name] = share([True] * hits + [False] * (histories - hits))
    return found


def _acceptance(trials: Sequence[Trial]) -> dict[str, Figure]:
    accepted, good = [], []
    for trial in trials:
        for index, analysis in enumerate(trial.analyses[1:], 1):
            if trial.kind != "paper":
                accepted.append(bool(analysis.registration and analysis.registration.accepted))
                good.append(accepted[-1] and trial.grade(index) in (Grade.A, Grade.B))
    return {"genuine_accepted": share(accepted), "graded_ab": share(good)}
