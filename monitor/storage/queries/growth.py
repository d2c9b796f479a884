"""Series, and the fits and verdicts made of them."""

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from monitor.errors import MisuseError, UnknownNameError
from monitor.storage.observing import observe
from monitor.storage.queries.intake import captures
from monitor.storage.rows import growth_fit, location_view, verdict_view
from monitor.storage.tables import CaptureRow, GrowthFitRow, LocationRow, ReadingRow, SiteRow, VerdictRow
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
