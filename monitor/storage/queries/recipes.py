"""Recipes beside the one in force: shadow series, how they compare, and past switches."""

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from monitor.errors import MisuseError
from monitor.records import Offset, Recipe
from monitor.storage.queries.intake import pending
from monitor.storage.queries.places import locations
from monitor.storage.rows import offset, recipe_switch_view
from monitor.storage.tables import CaptureRow, ReadingRow, RecipeOffsetRow, RecipeRow, RecipeSwitchRow
from monitor.storage.views import LocationView, RecipeSwitchView, ShadowSeries

#: The option of a recipe that names an adapted head; absent where the head is the shipped one.
HEAD = "head_sha256"


def recipe(session: Session, fingerprint: str) -> Recipe:
    """The recipe of that fingerprint. Raises `MisuseError` when it was never recorded."""
    row = session.get(RecipeRow, fingerprint)
    if row is None:
        raise MisuseError(f"No recipe with the fingerprint '{fingerprint}' has been recorded.")
    return Recipe(options=dict(row.options), analysis_version=row.analysis_version)


def present_recipe(session: Session) -> str | None:
    """The recipe that a worker's settings and software brought last; None before any."""
    found: str | None = session.scalar(
        select(RecipeRow.fingerprint)
        .where(RecipeRow.brought.is_not(None))
        .order_by(RecipeRow.brought.desc(), RecipeRow.created_at.desc())
        .limit(1)
    )
    return found


def shadow_series(session: Session, place: LocationView, fingerprint: str) -> ShadowSeries | None:
    """What a location's captures give under that recipe; None where it is in force, or no series has begun."""
    in_force = place.in_force
    if in_force is None or in_force == fingerprint:
        return None
    return ShadowSeries(
        location_id=place.id,
        location=place.name,
        in_force=in_force,
        fingerprint=fingerprint,
        both=_read_under_both(session, place.id, in_force, fingerprint),
        pending=pending(session, fingerprint).get(place.id, 0),
        waiting=pending(session, in_force).get(place.id, 0),
        out_of_reach=session.scalar(select(RecipeRow.out_of_reach).where(RecipeRow.fingerprint == in_force)),
    )


def shadows(session: Session, location_id: int | None = None) -> list[ShadowSeries]:
    """The shadow series under the present recipe of all locations (or one) that go by another, by name.

    One that only has its head adapted to the site is no other: a person chose it, and it stays until that is undone.
    """
    present = present_recipe(session)
    places = [] if present is None else locations(session, location_id)
    found = [] if present is None else [shadow_series(session, place, present) for place in places]
    return [shadow for shadow in found if shadow is not None and not _adapted(session, shadow)]


def _adapted(session: Session, shadow: ShadowSeries) -> bool:
    other = recipe(session, shadow.in_force).differences(recipe(session, shadow.fingerprint))
    return other.keys() == {HEAD} and other[HEAD][1] is None


def _read_under_both(session: Session, location_id: int, first: str, second: str) -> int:
    one, other = aliased(ReadingRow), aliased(ReadingRow)
    both = and_(other.capture_id == one.capture_id, other.fingerprint == second, other.superseded_at.is_(None))
    found = session.scalar(
        select(func.count())
        .select_from(one)
        .join(other, both)
        .join(CaptureRow, CaptureRow.id == one.capture_id)
        .where(CaptureRow.location_id == location_id, one.fingerprint == first, one.superseded_at.is_(None))
    )
    return found or 0


def offsets(session: Session, location_id: int, old: str, new: str) -> list[Offset]:
    """By how much the captures of a location are read otherwise under `new`, as last compared; by metric."""
    found = select(RecipeOffsetRow).filter_by(location_id=location_id, old=old, new=new)
    return [offset(row) for row in session.scalars(found.order_by(RecipeOffsetRow.metric))]


def recipe_switches(session: Session, location_id: int) -> list[RecipeSwitchView]:
    """All switches of a location's recipe, oldest first."""
    found = select(RecipeSwitchRow).where(RecipeSwitchRow.location_id == location_id).order_by(RecipeSwitchRow.id)
    return [recipe_switch_view(row) for row in session.scalars(found)]
