"""Which recipe is the present one, how it compares, and which a location goes by."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.records import Offset, Recipe
from monitor.storage.repository.places import set_series
from monitor.storage.repository.statements import forget_fits, insert, locked_location
from monitor.storage.repository.work import record_recipe
from monitor.storage.tables import RecipeOffsetRow, RecipeRow, RecipeSwitchRow


def bring_recipe(session: Session, recipe: Recipe, now: datetime) -> str:
    """Settings and software bring this recipe: it is the present one from now on. Returns the fingerprint."""
    fingerprint = record_recipe(session, recipe, now)
    last = session.scalar(select(func.max(RecipeRow.brought))) or 0
    this = update(RecipeRow).where(RecipeRow.fingerprint == fingerprint)
    is_not_last = or_(RecipeRow.brought.is_(None), RecipeRow.brought < last)
    session.execute(this.where(is_not_last).values(brought=last + 1, out_of_reach=None))
    return fingerprint


def set_out_of_reach(session: Session, fingerprint: str, why: str | None) -> None:
    """Keep why a recipe cannot be run any more; None: it can."""
    session.execute(update(RecipeRow).where(RecipeRow.fingerprint == fingerprint).values(out_of_reach=why))


def replace_offsets(session: Session, location_id: int, old: str, new: str, offsets: Sequence[Offset]) -> None:
    """Put these offsets from one recipe to another in the place of all earlier ones of this location and these two."""
    locked_location(session, location_id)
    pair = {"location_id": location_id, "old": old, "new": new}
    session.execute(delete(RecipeOffsetRow).filter_by(**pair))
    if offsets:
        session.execute(insert(session, RecipeOffsetRow), [pair | asdict(offset) for offset in offsets])


def switch_recipe(
    session: Session,
    location_id: int,
    fingerprint: str,
    *,
    now: datetime,
    by: str | None = None,
    complete: bool = True,
) -> int:
    """A location goes by another recipe from now on, as `by` decided; returns the id of the row that says so.

    Fits are forgotten, to be made again. Not `complete`: captures are still to be read under it, and until they have
    been the location shows no series, for half a one would raise or clear alarms. Raises `MisuseError` for the recipe
    in force, an unknown one, and a location that goes by none yet.
    """
    location = locked_location(session, location_id)
    old = location.fingerprint or location.resumes
    if old is None:
        raise MisuseError(f"'{location.name}' has no series yet; it gets the present recipe once all is measured.")
    if old == fingerprint:
        raise MisuseError(f"'{location.name}' goes by the recipe {fingerprint} already.")
    set_series(session, location_id, fingerprint)
    if not complete:
        location.fingerprint, location.resumes = None, fingerprint
    row = RecipeSwitchRow(location_id=location_id, old=old, new=fingerprint, switched_at=now, switched_by=by)
    session.add(row)
    session.flush()
    forget_fits(session, location_id)
    return row.id
