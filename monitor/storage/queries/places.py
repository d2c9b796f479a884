"""Sites and locations."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitor.errors import UnknownNameError
from monitor.storage.queries.alerting import alerts
from monitor.storage.queries.intake import accepted, newest
from monitor.storage.rows import location_view
from monitor.storage.tables import LocationRow, SiteRow
from monitor.storage.views import LocationStatus, LocationView, SiteView


def sites(session: Session) -> list[SiteView]:
    """All sites, by name."""
    number = func.count(LocationRow.id)
    found = session.execute(
        select(SiteRow, number)
        .outerjoin(LocationRow, LocationRow.site_id == SiteRow.id)
        .group_by(SiteRow.id)
        .order_by(SiteRow.name)
    )
    return [SiteView(site.id, site.name, site.time_zone, site.created_at, count) for site, count in found]


def locations(session: Session, location_id: int | None = None) -> list[LocationView]:
    """All locations (or one), by name."""
    found = select(LocationRow, SiteRow).join(SiteRow, SiteRow.id == LocationRow.site_id).order_by(LocationRow.name)
    if location_id is not None:
        found = found.where(LocationRow.id == location_id)
    return [location_view(row, site) for row, site in session.execute(found)]


def location_names(session: Session) -> list[str]:
    """What all locations are called, in order."""
    return list(session.scalars(select(LocationRow.name).order_by(LocationRow.name)))


def location(session: Session, name: str) -> LocationView:
    """The location of that name. Raises `UnknownNameError`, which lists the known ones."""
    ids = {known: key for key, known in session.execute(select(LocationRow.id, LocationRow.name))}
    if name not in ids:
        raise UnknownNameError("location", name, ids)
    return locations(session, ids[name])[0]


def statuses(session: Session, location_id: int | None = None) -> list[LocationStatus]:
    """All locations (or one) at a glance, by name, in a fixed number of statements."""
    counts = accepted(session, location_id)
    last, last_read = (newest(session, read=read, location_id=location_id) for read in (False, True))
    present = alerts(session, location_id)
    return [
        LocationStatus(
            location=view,
            captures=counts.get(view.id, 0),
            last_capture=last.get(view.id),
            last_read=last_read.get(view.id),
            alerts=tuple(alert for alert in present if alert.location_id == view.id),
        )
        for view in locations(session, location_id)
    ]
