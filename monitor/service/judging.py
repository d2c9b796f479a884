"""From readings to verdicts: refit a location's growth, judge it, and have its alarms decided.

All of it happens in the caller's transaction, so that fits and states are never half new.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import hypot

from sqlalchemy.orm import Session

from monitor.growth.events import since_last_event
from monitor.growth.fits import OPENING_SHARE, fits_for, with_shared_error
from monitor.growth.remarks import remarks
from monitor.growth.rules import sightings
from monitor.growth.temperatures import with_temperatures
from monitor.growth.verdicts import Rate, judge
from monitor.records import GrowthFit, Scale
from monitor.service.alarming import decide, end_alerts_on, fleeting_cracks
from monitor.settings import AlarmSettings
from monitor.storage import queries, repository
from monitor.storage.views import (
    CRACK_UNITS,
    MILLIMETRE_METRICS,
    UNITS,
    CrackView,
    Exclusion,
    LocationView,
    RateView,
    Series,
    VerdictView,
)


def measured_metrics(location: LocationView) -> list[str]:
    """The metrics a location can have: millimetres only with a scale."""
    return [metric for metric in UNITS if location.scale or metric not in MILLIMETRE_METRICS]


def judged_metric(location: LocationView) -> str:
    """The metric a location's verdict is about where no crack has been followed yet."""
    return "max_width_mm" if location.scale else "max_width_px"


def histories(session: Session, location: LocationView) -> list[Series]:
    """Every history of a location, as it is judged: of all cracks together by their masks, of each by its opening.

    Cracks that a person rejected have none.
    """
    found = [queries.series(session, location.id, metric) for metric in measured_metrics(location)]
    metrics = [metric for metric in CRACK_UNITS if location.scale or metric not in MILLIMETRE_METRICS]
    counted = [view for view in queries.cracks(session, location.id) if not view.rejected]
    for view in counted:
        found += [queries.crack_series(session, location.id, view.crack.name, metric) for metric in metrics]
    return _as_judged(session, location.id, found)


def history(session: Session, location: LocationView) -> Series:
    """The history by the masks that a location's verdict is about where no crack has been followed yet."""
    (found,) = _as_judged(session, location.id, [queries.series(session, location.id, judged_metric(location))])
    return found


def _as_judged(session: Session, location_id: int, known: Sequence[Series]) -> list[Series]:
    """The series from the location's last event on, with the temperatures known there; what lies before is excluded.

    Whatever fits, judges or raises alarms takes its readings from here, so nothing is ever said across an event.
    """
    events, temperatures = queries.events(session, location_id), queries.temperatures(session, location_id)
    names = {view.id: view.file_name for view in queries.captures(session, location_id)} if events else {}
    found = []
    for series in known:
        kept = since_last_event(series.observations, [view.event for view in events])
        captures = {seen.capture_id for seen in kept}
        before = [
            Exclusion(seen.capture_id, names[seen.capture_id], f"before {events[-1].name}")
            for seen in series.observations
            if seen.capture_id is not None and seen.capture_id not in captures
        ]
        found.append(
            replace(
                series,
                observations=tuple(with_temperatures(kept, temperatures)),
                excluded=(*before, *series.excluded),
                since=events[-1] if events else None,
            )
        )
    return found


def fit_series(series: Series, scale: Scale | None) -> list[GrowthFit]:
    """Every growth fit of one history, with the errors in its interval that all its readings share: that of the gap's
    model for openings, and that of the location's scale for those in mm.
    """
    shares = [OPENING_SHARE] if series.metric in CRACK_UNITS else []
    if scale is not None and series.metric in MILLIMETRE_METRICS:
        shares.append((2 if series.unit == UNITS["area_mm2"] else 1) * scale.standard_error / scale.mm_per_px)
    return [
        with_shared_error(
            fit(series.observations, metric=series.metric, unit=series.unit, crack=series.crack), hypot(*shares)
        )
        for fit in fits_for(series.observations).values()
    ]


def verdict_of(session: Session, location: LocationView, now: datetime) -> VerdictView:
    """What the location's history says about growth: as it was last judged, or else as it looks now."""
    stored = queries.headline(session, location.id)
    return stored or _judged(history(session, location), [], now)


def _judged_series(location: LocationView, known: Sequence[Series]) -> list[Series]:
    """What verdicts are about: where each crack gapes widest, or the masks' maximum width where none is followed."""
    widest = "widest_mm" if location.scale else "widest_px"
    of_cracks = [series for series in known if series.metric == widest and series.observations]
    return of_cracks or [series for series in known if series.metric == judged_metric(location)]


def _judged(series: Series, fits: Sequence[GrowthFit], now: datetime, cracks: Sequence[CrackView] = ()) -> VerdictView:
    found = judge(series.observations, fits)
    return VerdictView(
        crack=series.crack,
        metric=series.metric,
        outcome=found.verdict.value,
        evidence=found.evidence,
        months_needed=found.months_needed,
        rate=None if found.provisional_rate is None else _rate(found.provisional_rate, fits),
        remarks=(
            *_coming_and_going(series.crack, cracks),
            *_beginning(series),
            *remarks(series.observations, fits, series.unit),
        ),
        judged_at=now,
    )


def _beginning(series: Series) -> list[str]:
    """What has to be said of a history that does not begin with the first reading."""
    return [] if series.since is None else [f"Only readings since {series.since.name} count."]


def _coming_and_going(crack: str, known: Sequence[CrackView]) -> list[str]:
    """What has to be said of a crack that is missed more often than found."""
    fleeting = fleeting_cracks(known)
    counts = [sightings(view.readings) for view in known if view.crack.name == crack and crack in fleeting]
    return [
        f"It was found in only {found} of the {looked_at} photos that show its place since it was first found, so it"
        " may be no crack and raises no new alarm. Look at it, and accept or reject it."
        for found, looked_at in counts
    ]


def _rate(rate: Rate, fits: Sequence[GrowthFit]) -> RateView:
    """The rate, and the smallest one that would show: in the fit behind it, beyond what its interval was widened by."""
    methods = ("seasonal", "temperature") if rate.season_adjusted else ("least_squares",)
    behind = next(fit for method in methods for fit in fits if fit.method == method and fit.success)
    detectable = behind.smallest_detectable_per_year
    if detectable is not None and behind.high is not None:
        detectable += rate.high - behind.high
    return RateView(
        rate_per_year=rate.slope_per_year,
        low=rate.low,
        high=rate.high,
        confidence=rate.confidence,
        unit=rate.unit,
        season_adjusted=rate.season_adjusted,
        smallest_detectable_per_year=detectable,
    )


def judge_location(
    session: Session,
    location: LocationView,
    now: datetime,
    channels: Sequence[str] = (),
    *,
    alarms: AlarmSettings | None = None,
    late_holds: bool = False,
) -> None:
    """Fit all metrics of the location's series, store fits and verdicts, and decide its alarms.

    Without channels, the next worker that sends queues what changed for its own. With `late_holds` alarms stay as they
    are while all that is new was captured before what they had seen: that old captures arrive is no news.
    """
    if location.fingerprint is None:
        return
    repository.hold_location(session, location.id)
    known, cracks = histories(session, location), queries.cracks(session, location.id)
    fits = {(series.crack, series.metric): fit_series(series, location.scale) for series in known}
    repository.replace_fits(
        session,
        location_id=location.id,
        fingerprint=location.fingerprint,
        fits=[fit for group in fits.values() for fit in group],
        verdicts=[
            _judged(series, fits[series.crack, series.metric], now, cracks)
            for series in _judged_series(location, known)
        ],
        now=now,
    )
    for view in cracks:
        if view.rejected and view.correction is not None:
            why = f"A person said that crack {view.crack.name} is none: {view.correction.why}"
            end_alerts_on(session, location.id, view.crack.name, why, now, channels)
    if late_holds and queries.only_late(session, location):
        return

    def refit(series: Series) -> list[GrowthFit]:
        return fit_series(series, location.scale)

    decide(session, location, known, fits, refit, now, channels, alarms or AlarmSettings())
