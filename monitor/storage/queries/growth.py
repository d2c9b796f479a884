"""Series, and the fits and verdicts made of them."""

from datetime import datetime

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from monitor.errors import MisuseError, UnknownNameError
from monitor.records import SIZED, Status, TimeSource
from monitor.storage.observing import observe
from monitor.storage.queries.intake import captures
from monitor.storage.rows import growth_fit, location_view, verdict_view
from monitor.storage.tables import (
    CaptureRow,
    CorrectedSeverityRow,
    GrowthFitRow,
    LocationRow,
    ReadingRow,
    SiteRow,
    VerdictRow,
)
from monitor.storage.views import UNITS, FitView, LocationView, Series, VerdictView


def series(session: Session, location_id: int, metric: str, fingerprint: str | None = None) -> Series:
    """One metric's history under one recipe, by default the location's own; recipes never mix.

    `NO_CRACK` counts as 0. Every capture that gives no value stands in `excluded` with its reason.
    Raises `UnknownNameError` for a metric that is not in `UNITS`, `MisuseError` for an unknown location.
    """
    if metric not in UNITS:
        raise UnknownNameError("metric", metric, UNITS)
    row = session.get(LocationRow, location_id)
    if row is None:
        raise MisuseError(f"There is no location with the id {location_id}.")
    observations, excluded = observe(
        captures(session, location_id, fingerprint), metric, scaled=row.mm_per_px is not None
    )
    return Series(location_id, metric, UNITS[metric], fingerprint or row.fingerprint, observations, excluded)


def observed(session: Session, location_id: int | None = None) -> dict[int, int]:
    """How many readings count in the series of each location's widths, by location id: as many as `series` has
    observations, counted by the database. With `location_id`, of that one alone.
    """
    reading = and_(
        ReadingRow.capture_id == CaptureRow.id, ReadingRow.fingerprint == LocationRow.fingerprint, ReadingRow.stands()
    )
    usable = (
        select(
            CaptureRow.location_id,
            CaptureRow.captured_at,
            ReadingRow.status,
            func.coalesce(CorrectedSeverityRow.crack_count, 1).label("cracks"),
        )
        .join(LocationRow, LocationRow.id == CaptureRow.location_id)
        .join(ReadingRow, reading)
        .outerjoin(CorrectedSeverityRow, CorrectedSeverityRow.reading_id == ReadingRow.id)
        .where(
            CaptureRow.rejected_reason.is_(None),
            CaptureRow.time_source != TimeSource.FILE,
            ReadingRow.status.in_(SIZED),
            *(() if location_id is None else (CaptureRow.location_id == location_id,)),
        )
        .subquery()
    )
    shows = and_(usable.c.status == Status.MEASURED, usable.c.cracks > 0)
    known = (
        select(usable.c.location_id, func.min(usable.c.captured_at).label("at"))
        .where(shows)
        .group_by(usable.c.location_id)
        .subquery()
    )
    counts = (
        select(usable.c.location_id, func.count())
        .outerjoin(known, known.c.location_id == usable.c.location_id)
        .where(or_(usable.c.status == Status.MEASURED, known.c.at.is_(None), usable.c.captured_at < known.c.at))
        .group_by(usable.c.location_id)
    )
    return {row[0]: row[1] for row in session.execute(counts)}


def told_of(session: Session, location_id: int | None = None) -> set[int]:
    """Ids of the locations (of one alone) of which at least one reading counts: those that `observed` counts any of."""
    reading = select(ReadingRow.id).where(
        ReadingRow.capture_id == CaptureRow.id,
        ReadingRow.fingerprint == LocationRow.fingerprint,
        ReadingRow.stands(),
        ReadingRow.status.in_(SIZED),
    )
    # A condition within a condition: joined, the database may begin with all readings of a recipe.
    counts = select(CaptureRow.id).where(
        CaptureRow.location_id == LocationRow.id,
        CaptureRow.rejected_reason.is_(None),
        CaptureRow.time_source != TimeSource.FILE,
        reading.correlate(CaptureRow, LocationRow).exists(),
    )
    found = select(LocationRow.id).where(counts.correlate(LocationRow).exists())
    return set(session.scalars(found if location_id is None else found.where(LocationRow.id == location_id)))


def last_told_at(session: Session) -> dict[int, datetime]:
    """When the newest capture was taken that counts in the series of its location's widths, as the last observation of
    `series` tells, or in those of its cracks, by id of the locations that have one.
    """
    last = _last_told().correlate(LocationRow).scalar_subquery()
    found = session.execute(select(LocationRow.id, last))
    return {place: at for place, at in found if at is not None}


def _last_told() -> "Select[datetime | None]":
    """For the location at hand; the index by time is read from its end on, only until something counts."""
    earlier, showing = aliased(CaptureRow), aliased(ReadingRow)
    corrected = select(CorrectedSeverityRow.reading_id).where(
        CorrectedSeverityRow.reading_id == showing.id, CorrectedSeverityRow.crack_count == 0
    )
    shown_before = (
        select(earlier.id)
        .join(showing, and_(showing.capture_id == earlier.id, showing.fingerprint == LocationRow.fingerprint))
        .where(
            earlier.location_id == LocationRow.id,
            earlier.rejected_reason.is_(None),
            earlier.time_source != TimeSource.FILE,
            earlier.captured_at < CaptureRow.captured_at,
            showing.superseded_at.is_(None),
            showing.status == Status.MEASURED,
            ~corrected.correlate(showing).exists(),
        )
    )
    unseen = ~shown_before.correlate(CaptureRow, LocationRow).exists()
    reading = and_(
        ReadingRow.capture_id == CaptureRow.id, ReadingRow.fingerprint == LocationRow.fingerprint, ReadingRow.stands()
    )
    return (
        select(CaptureRow.captured_at)
        .join(ReadingRow, reading)
        .where(
            CaptureRow.location_id == LocationRow.id,
            CaptureRow.rejected_reason.is_(None),
            CaptureRow.time_source != TimeSource.FILE,
            or_(
                ReadingRow.status == Status.MEASURED,
                and_(ReadingRow.status == Status.NO_CRACK, unseen),
                and_(ReadingRow.status == Status.NOT_MEASURED, ReadingRow.grade.is_not(None)),
            ),
        )
        .order_by(CaptureRow.captured_at.desc())
        .limit(1)
    )


def fingerprints(session: Session, location_id: int) -> list[str]:
    """The recipes that have readings at a location, the one that measured last first."""
    found = (
        select(ReadingRow.fingerprint)
        .join(CaptureRow, CaptureRow.id == ReadingRow.capture_id)
        .where(CaptureRow.location_id == location_id, ReadingRow.stands())
        .group_by(ReadingRow.fingerprint)
        .order_by(func.max(ReadingRow.id).desc())
    )
    return list(session.scalars(found))


def fits(session: Session, location_id: int, fingerprint: str | None = None) -> list[FitView]:
    """Stored growth fits of one recipe, by default the location's own, by metric and method."""
    wanted = LocationRow.fingerprint if fingerprint is None else fingerprint
    found = (
        select(GrowthFitRow)
        .join(LocationRow, LocationRow.id == GrowthFitRow.location_id)
        .where(LocationRow.id == location_id, GrowthFitRow.fingerprint == wanted)
        .order_by(GrowthFitRow.crack, GrowthFitRow.metric, GrowthFitRow.method)
    )
    return [FitView(growth_fit(row), row.fitted_at) for row in session.scalars(found)]


def verdicts(session: Session, location_id: int, fingerprint: str | None = None) -> list[VerdictView]:
    """Stored verdicts on one recipe's series, by default the location's own, by metric; empty before the first."""
    wanted = LocationRow.fingerprint if fingerprint is None else fingerprint
    found = (
        select(VerdictRow)
        .join(LocationRow, LocationRow.id == VerdictRow.location_id)
        .where(LocationRow.id == location_id, VerdictRow.fingerprint == wanted)
        .order_by(VerdictRow.crack, VerdictRow.metric)
    )
    return [verdict_view(row) for row in session.scalars(found)]


#: Outcomes of verdicts from the gravest on: a location is called what its gravest crack is called.
_GRAVEST = ("accelerating", "progressive", "not_enough_data", "seasonal", "dormant")


def headline(session: Session, location_id: int) -> VerdictView | None:
    """The verdict a location goes by, that on its gravest crack; None before the first."""
    found = verdicts(session, location_id)
    return min(found, key=lambda view: _GRAVEST.index(view.outcome), default=None)


def headlines(session: Session) -> dict[int, VerdictView]:
    """`headline` of every location that has one, by location id."""
    found = select(VerdictRow).join(LocationRow, LocationRow.id == VerdictRow.location_id)
    by_place: dict[int, list[VerdictView]] = {}
    for row in session.scalars(
        found.where(VerdictRow.fingerprint == LocationRow.fingerprint).order_by(VerdictRow.crack, VerdictRow.metric)
    ):
        by_place.setdefault(row.location_id, []).append(verdict_view(row))
    return {place: min(seen, key=lambda view: _GRAVEST.index(view.outcome)) for place, seen in by_place.items()}


def unfitted(session: Session) -> list[LocationView]:
    """Locations whose series has readings newer than its fits, or none yet; by name."""
    read = select(func.max(ReadingRow.measured_at)).join(CaptureRow, CaptureRow.id == ReadingRow.capture_id)
    of_series = and_(CaptureRow.location_id == LocationRow.id, ReadingRow.fingerprint == LocationRow.fingerprint)
    newest = read.where(of_series, ReadingRow.stands()).scalar_subquery()
    fitted = (
        select(func.max(GrowthFitRow.fitted_at))
        .where(GrowthFitRow.location_id == LocationRow.id, GrowthFitRow.fingerprint == LocationRow.fingerprint)
        .scalar_subquery()
    )
    found = session.execute(
        select(LocationRow, SiteRow)
        .join(SiteRow, SiteRow.id == LocationRow.site_id)
        .where(newest.is_not(None), or_(fitted.is_(None), fitted < newest))
        .order_by(LocationRow.name)
    )
    return [location_view(row, site) for row, site in found]
