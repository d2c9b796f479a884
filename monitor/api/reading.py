"""What machines read: the site of their token, its locations, series, fits, verdicts and alerts."""

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session

from monitor.api.admission import Here, Reader, place_of
from monitor.api.answers import (
    AlertAnswer,
    FitAnswer,
    LeftOut,
    LocationAnswer,
    RateAnswer,
    Reading,
    Refusal,
    SeriesAnswer,
    SeriesName,
    SiteAnswer,
    VerdictAnswer,
)
from monitor.api.wording import on_clocks, without_place
from monitor.errors import UnknownNameError
from monitor.storage import queries
from monitor.storage.alarms import subject_name
from monitor.storage.views import (
    ALL_CRACKS,
    CRACK_UNITS,
    MILLIMETRE_METRICS,
    UNITS,
    AlarmView,
    FitView,
    LocationStatus,
    LocationView,
    Series,
    TriggerStandView,
    VerdictView,
)

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": words}
    for status, words in {
        401: "no token, or one that opens nothing",
        403: "the token is for something else",
        404: "not there, or not at the token's site",
        422: "the request cannot be understood",
        429: "too many wrong tokens",
        503: "the database cannot be used now",
    }.items()
}
router = APIRouter(prefix="/v1", tags=["read"], responses=REFUSALS)

Name = Annotated[str, Path(description="the location's name", max_length=64)]


@router.get("/sites")
def sites(here: Here, token: Reader) -> list[SiteAnswer]:
    """The site that the token is for; others are not told of."""
    with here.database.session() as session:
        return [
            SiteAnswer(name=view.name, time_zone=view.time_zone, locations=view.locations)
            for view in queries.sites(session)
            if view.id == token.site_id
        ]


@router.get("/locations")
def locations(here: Here, token: Reader) -> list[LocationAnswer]:
    """All locations of the site, by name, each with its state."""
    with here.database.session() as session:
        stands = queries.trigger_stands(session)
        verdicts = queries.headlines(session)
        return [
            _location(status, stands, verdicts.get(status.location.id))
            for status in queries.statuses(session)
            if status.location.site_id == token.site_id
        ]


@router.get("/locations/{location}")
def location(location: Name, here: Here, token: Reader) -> LocationAnswer:
    """One location with its state."""
    with here.database.session() as session:
        place = place_of(session, token, location)
        (status,) = queries.statuses(session, place.id)
        return _location(status, queries.trigger_stands(session, place.id), queries.headline(session, place.id))


@router.get("/locations/{location}/series")
def series(location: Name, here: Here, token: Reader) -> list[SeriesName]:
    """Which histories there are: of each crack, and of all together by their masks (crack 'all')."""
    with here.database.session() as session:
        place = place_of(session, token, location)
        cracks = [view.crack.name for view in queries.cracks(session, place.id) if not view.rejected]
    return [
        SeriesName(crack=crack, metric=metric, unit=unit)
        for crack in (*cracks, ALL_CRACKS)
        for metric, unit in _units(crack).items()
        if place.scale or metric not in MILLIMETRE_METRICS
    ]


@router.get("/locations/{location}/series/{crack}/{metric}")
def one_series(
    location: Name,
    crack: Annotated[str, Path(description="the crack's name, or 'all'", max_length=64)],
    metric: Annotated[str, Path(description="for example widest_mm, or max_width_mm of 'all'", max_length=64)],
    here: Here,
    token: Reader,
    since: Annotated[datetime | None, Query(description="only what was captured since then, with its offset")] = None,
    until: Annotated[datetime | None, Query(description="only what was captured before then")] = None,
) -> SeriesAnswer:
    """Every reading of one crack and metric under the recipe in force, and every capture that gave none, with why."""
    with here.database.session() as session:
        place = place_of(session, token, location)
        found = _series(session, place, crack, metric)
    low, high = (None if at is None else _aware(at, place) for at in (since, until))
    readings = [
        Reading(
            capture=seen.capture_id,
            captured_at=on_clocks(seen.at, place.time_zone),
            value=seen.value,
            standard_error=seen.standard_error,
            grade=seen.grade,
        )
        for seen in found.observations
        if (low is None or seen.at >= low) and (high is None or seen.at < high)
    ]
    return SeriesAnswer(
        location=place.name,
        crack=found.crack,
        metric=found.metric,
        unit=found.unit,
        recipe=found.fingerprint,
        gauge_offset_mm=None if found.offset is None else found.offset.offset_mm,
        readings=readings,
        left_out=[
            LeftOut(capture=left.capture_id, reason=without_place(left.reason, here.settings))
            for left in found.excluded
        ],
    )


@router.get("/locations/{location}/fits")
def fits(location: Name, here: Here, token: Reader) -> list[FitAnswer]:
    """All growth fits, with their intervals."""
    with here.database.session() as session:
        place = place_of(session, token, location)
        return [_fit(view, place) for view in queries.fits(session, place.id)]


@router.get("/locations/{location}/verdicts")
def verdicts(location: Name, here: Here, token: Reader) -> list[VerdictAnswer]:
    """What each history says about growth; empty before the first was judged."""
    with here.database.session() as session:
        place = place_of(session, token, location)
        return [_verdict(view, place) for view in queries.verdicts(session, place.id)]


@router.get("/alerts")
def alerts(
    here: Here,
    token: Reader,
    location: Annotated[str | None, Query(description="only those of this location", max_length=64)] = None,
    everything: Annotated[bool, Query(description="those that were seen to or are over, too")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[AlertAnswer]:
    """Alerts at the site, newest first."""
    with here.database.session() as session:
        place = None if location is None else place_of(session, token, location).id
        found = queries.alarms(session, place, site_id=token.site_id, open_only=not everything, limit=limit)
    return [_alert(view) for view in found]


def _units(crack: str) -> dict[str, str]:
    return dict(UNITS if crack == ALL_CRACKS else CRACK_UNITS)


def _series(session: Session, place: LocationView, crack: str, metric: str) -> Series:
    """Raises `UnknownNameError` for a crack or metric that the location does not have."""
    known = [view.crack.name for view in queries.cracks(session, place.id)]
    if crack not in (*known, ALL_CRACKS):
        raise UnknownNameError("crack", crack, (*known, ALL_CRACKS))
    if crack == ALL_CRACKS:
        return queries.series(session, place.id, metric)
    return queries.crack_series(session, place.id, crack, metric)


def _aware(at: datetime, place: LocationView) -> datetime:
    """A time without an offset is meant on the site's clocks."""
    return at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(place.time_zone))


def _location(status: LocationStatus, stands: list[TriggerStandView], verdict: VerdictView | None) -> LocationAnswer:
    place, last = status.location, status.last_capture
    level = next((stand.level for stand in stands if stand.location_id == place.id), None)  # the most urgent is first
    return LocationAnswer(
        name=place.name,
        site=place.site,
        time_zone=place.time_zone,
        interval_days=place.interval_days,
        scale_mm_per_px=None if place.scale is None else place.scale.mm_per_px,
        scale_error_mm_per_px=None if place.scale is None else place.scale.standard_error,
        recipe=place.fingerprint,
        captures=status.captures,
        last_captured_at=None if last is None or last.time is None else on_clocks(last.time.at, place.time_zone),
        overdue=status.overdue,
        level=level,
        raised=[alert.subject for alert in status.firing],
        verdict=None if verdict is None else _verdict(verdict, place),
    )


def _verdict(view: VerdictView, place: LocationView) -> VerdictAnswer:
    rate = view.rate
    return VerdictAnswer(
        location=place.name,
        crack=view.crack,
        metric=view.metric,
        outcome=view.outcome,
        evidence=view.evidence,
        rate=None
        if rate is None
        else RateAnswer(
            rate_per_year=rate.rate_per_year,
            low_per_year=rate.low,
            high_per_year=rate.high,
            confidence=rate.confidence,
            unit=rate.unit,
            season_adjusted=rate.season_adjusted,
            smallest_detectable_per_year=rate.smallest_detectable_per_year,
        ),
        months_needed=view.months_needed,
        remarks=list(view.remarks),
        judged_at=on_clocks(view.judged_at, place.time_zone),
    )


def _fit(view: FitView, place: LocationView) -> FitAnswer:
    fit = view.fit
    return FitAnswer(
        crack=fit.crack,
        metric=fit.metric,
        unit=fit.unit,
        recipe=place.fingerprint,
        method=fit.method,
        readings=fit.n,
        success=fit.success,
        message=fit.message,
        rate_per_year=fit.slope_per_year,
        low_per_year=fit.low,
        high_per_year=fit.high,
        confidence=fit.confidence,
        value_at_origin=fit.intercept,
        origin_at=None if fit.origin is None else on_clocks(fit.origin, place.time_zone),
        span_days=fit.span_days,
        smallest_detectable_per_year=fit.smallest_detectable_per_year,
        correlation=fit.r,
        fitted_at=on_clocks(view.fitted_at, place.time_zone),
    )


def _alert(view: AlarmView) -> AlertAnswer:
    told, zone = view.transition, view.transition.time_zone
    seen, closed = view.acknowledged, view.closed
    sure = told.evidence.get("sure")
    return AlertAnswer(
        alert=view.id,
        location=None if told.location_id is None else told.location,
        subject=told.subject,
        name=subject_name(told.subject),
        state=told.new,
        why=told.why,
        sure=None if sure is None else str(sure),
        raised_at=on_clocks(told.at, zone),
        over_at=None if view.over_at is None else on_clocks(view.over_at, zone),
        acknowledged_at=None if seen is None else on_clocks(seen.at, zone),
        acknowledged_by=None if seen is None else seen.by,
        assigned_to=view.assignee,
        closed_at=None if closed is None else on_clocks(closed.at, zone),
        closed_by=None if closed is None else closed.by,
        action=None if closed is None else closed.note,
    )
