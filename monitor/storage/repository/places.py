"""Sites and locations: how they are set up."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from monitor.errors import MisuseError
from monitor.records import Scale
from monitor.storage.repository.statements import (
    existing,
    forget_fits,
    insert,
    locked_location,
    withdraw_readings,
)
from monitor.storage.tables import CaptureRow, LocationRow, ReadingRow, RecipeRow, SiteRow

_LOCATION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def add_site(session: Session, *, name: str, time_zone: str, now: datetime) -> int:
    """The new site's id. Raises `MisuseError` on an empty or taken name or an unknown IANA time zone."""
    if not name.strip():
        raise MisuseError("A site needs a name.")
    try:
        ZoneInfo(time_zone)
    except (LookupError, ValueError, OSError) as error:
        raise MisuseError(f"'{time_zone}' is no IANA time zone; write one like 'Europe/Berlin' or 'UTC'.") from error
    new = insert(session, SiteRow).values(name=name, time_zone=time_zone, created_at=now)
    site_id: int | None = session.scalar(new.on_conflict_do_nothing(index_elements=["name"]).returning(SiteRow.id))
    if site_id is None:
        raise MisuseError(f"There is a site named '{name}' already; choose another name.")
    return site_id


def add_location(session: Session, *, site_id: int, name: str, interval_days: float, now: datetime) -> int:
    """The new location's id.

    Names are unique over all sites and become folder names: letters, digits, `_` and `-`, at most 64,
    a letter or digit first. Raises `MisuseError` on any other name, a taken one (case does not count,
    as on some file systems), an unknown site or an interval that is not positive.
    """
    if not _LOCATION_NAME.fullmatch(name):
        raise MisuseError(
            f"'{name}' cannot name a location, because its folder is called the same. Use 1 to 64 letters"
            " (A-Z, a-z), digits, '_' and '-', with a letter or digit first."
        )
    _require_interval(interval_days)
    existing(session, SiteRow, site_id)
    taken = session.scalar(select(LocationRow.id).where(func.lower(LocationRow.name) == name.lower()))
    new = insert(session, LocationRow).values(site_id=site_id, name=name, interval_days=interval_days, created_at=now)
    new = new.on_conflict_do_nothing(index_elements=["name"])
    location_id: int | None = session.scalar(new.returning(LocationRow.id)) if taken is None else None
    if location_id is None:
        raise MisuseError(f"There is a location named '{name}' already (case does not count); choose another name.")
    return location_id


def set_interval(session: Session, location_id: int, interval_days: float) -> None:
    """How often a capture is expected, in days (> 0)."""
    _require_interval(interval_days)
    locked_location(session, location_id).interval_days = interval_days
    session.flush()


def set_scale(session: Session, location_id: int, scale: Scale) -> None:
    """Give the location its scale and rewrite the millimetre twins of all its readings with it.

    The scale belongs to the reference capture's frame, in which every pixel number stands, so the
    pixel numbers and their fingerprints stay. Growth fits are forgotten, to be made again.
    """
    if not scale.mm_per_px > 0 or not scale.standard_error >= 0:
        raise MisuseError(
            f"A scale of {scale.mm_per_px} mm per pixel (standard error {scale.standard_error}) cannot be:"
            " it must be greater than zero, its error not negative."
        )
    location = locked_location(session, location_id)
    location.mm_per_px = scale.mm_per_px
    location.mm_per_px_standard_error = scale.standard_error
    location.scale_origin = scale.origin
    session.flush()
    captures = select(CaptureRow.id).where(CaptureRow.location_id == location_id)
    fill_millimetres(session, scale.mm_per_px, and_(ReadingRow.capture_id.in_(captures), ReadingRow.stands()))
    forget_fits(session, location_id)


def fill_millimetres(session: Session, mm_per_px: float, which: ColumnElement[bool]) -> None:
    """The one place that derives stored millimetres: lengths by the scale, areas by its square."""
    twins: dict[InstrumentedAttribute[float | None], ColumnElement[float | None]] = {
        ReadingRow.area_mm2: ReadingRow.area_px * (mm_per_px * mm_per_px),
        ReadingRow.max_width_mm: ReadingRow.max_width_px * mm_per_px,
        ReadingRow.length_mm: ReadingRow.length_px * mm_per_px,
    }
    session.execute(update(ReadingRow).where(which).values(twins), execution_options={"synchronize_session": False})


def set_reference(session: Session, location_id: int, capture_id: int, now: datetime) -> None:
    """Make a capture of this location the one all others are registered to.

    Pixel numbers stand in the reference's frame, so once another capture has been registered to the
    present reference this raises `MisuseError`. Before that, readings against the present reference
    are superseded (they are its own, or failures) and their captures become work again; the scale goes
    too, for it belonged to the old frame.
    """
    location = locked_location(session, location_id)
    capture = existing(session, CaptureRow, capture_id)
    if capture.location_id != location_id or capture.rejected_reason is not None:
        raise MisuseError(f"Capture {capture_id} is not an accepted capture of location '{location.name}'.")
    if location.reference_capture_id == capture_id:
        return
    if location.reference_capture_id is not None:
        _forget_frame(session, location, now)
    location.reference_capture_id = capture_id
    session.flush()


def _forget_frame(session: Session, location: LocationRow, now: datetime) -> None:
    captures = select(CaptureRow.id).where(CaptureRow.location_id == location.id)
    registered = session.scalar(
        select(ReadingRow.id)
        .where(ReadingRow.capture_id.in_(captures), ReadingRow.capture_id != location.reference_capture_id)
        .where(ReadingRow.registration_accepted.is_(True), ReadingRow.stands())
        .limit(1)
    )
    if registered is not None:
        raise MisuseError(
            f"Captures of location '{location.name}' have been measured against its present reference, and"
            " numbers from two frames cannot be compared. Start a new location for the new view."
        )
    withdraw_readings(session, captures, why=f"The reference of {location.name} was changed.", now=now)
    forget_fits(session, location.id)
    location.mm_per_px = location.mm_per_px_standard_error = location.scale_origin = None


def hold_location(session: Session, location_id: int) -> None:
    """Nobody else records readings, fits or changes of state here until this transaction ends."""
    locked_location(session, location_id)


def set_series(session: Session, location_id: int, fingerprint: str) -> None:
    """Choose the recipe whose readings are shown and judged. Raises `MisuseError` for an unknown one."""
    if session.get(RecipeRow, fingerprint) is None:
        raise MisuseError(f"No recipe with the fingerprint '{fingerprint}' has been recorded.")
    location = locked_location(session, location_id)
    location.fingerprint, location.resumes = fingerprint, None
    session.flush()


def _require_interval(interval_days: float) -> None:
    if not interval_days > 0:
        raise MisuseError(f"An interval of {interval_days} days cannot be; it must be greater than zero.")
