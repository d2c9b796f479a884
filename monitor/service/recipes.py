"""How another recipe compares with the one a location goes by, and the switch from one to the other.

A location keeps its recipe until a person switches it. A change of state that comes of it is recorded here and sent
by the worker, whose environment has the channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.growth.comparison import compare
from monitor.records import Offset, Status
from monitor.service.following import follow_location
from monitor.service.judging import judge_location
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import (
    MILLIMETRE_METRICS,
    UNITS,
    LocationView,
    ReadingView,
    RecipeSwitchView,
    ShadowSeries,
)

#: The metrics that are compared; of those in mm only where there is a scale.
COMPARED = tuple(metric for metric in UNITS if metric != "crack_count")
#: Those that need no scale: what is kept for the page, which has the scale.
COMPARED_PX = tuple(metric for metric in COMPARED if metric not in MILLIMETRE_METRICS)


@dataclass(frozen=True)
class Comparison:
    """The recipe in force of a location beside another: which options differ (there, here), by how much the captures
    measured under both are read otherwise, and how many captures read under both have another status.
    """

    shadow: ShadowSeries
    differences: Mapping[str, tuple[Any, Any]]
    offsets: tuple[Offset, ...]
    changed_status: int


@dataclass(frozen=True)
class Switched:
    """A location that was switched, and how many of its captures have yet to be measured under its new recipe."""

    location: str
    switch: RecipeSwitchView
    pending: int


def compared(session: Session, place: LocationView, fingerprint: str | None = None) -> Comparison | None:
    """The location's recipe beside that one (None: the present one, or where it goes by that, the one before it).

    None where there is nothing to compare. Raises `MisuseError` for a recipe that was never recorded.
    """
    other = fingerprint or _other(session, place)
    shadow = None if other is None else queries.shadow_series(session, place, other)
    if shadow is None:
        return None
    old, new = (queries.recipe(session, name) for name in (shadow.in_force, shadow.fingerprint))
    pairs = _read_under_both(session, shadow)
    metrics = COMPARED if place.scale is not None else COMPARED_PX
    return Comparison(
        shadow=shadow,
        differences=old.differences(new),
        offsets=tuple(_offsets(pairs, metrics)),
        changed_status=sum(before.status is not after.status for before, after in pairs),
    )


def compare_ready(session: Session) -> None:
    """Keep the offsets of every shadow series that is complete, for the pages."""
    for shadow in queries.shadows(session):
        if not shadow.ready:
            continue
        found = sorted(_offsets(_read_under_both(session, shadow), COMPARED_PX), key=lambda offset: offset.metric)
        pair = (shadow.location_id, shadow.in_force, shadow.fingerprint)
        if queries.offsets(session, *pair) != found:
            repository.replace_offsets(session, *pair, found)


def switch(
    database: Database,
    settings: Settings,
    name: str,
    now: datetime,
    *,
    to: str | None = None,
    by: str | None = None,
    complete: bool = True,
) -> Switched:
    """The location goes by another recipe from now on (None: the present one): followed, fitted and judged anew.

    Raises `MisuseError` while captures are pending, unless the recipe in force cannot be run any more or it need not be
    `complete`: then the worker judges it once they have been measured, and until then there is no series.
    """
    with database.session() as session:
        place = queries.location(session, name)
        shadow = _ready(session, place, to, complete)
    if shadow.ready:  # before the switch, so that rules are judged once, on all that is known then
        follow_location(database, settings, replace(place, fingerprint=shadow.fingerprint), now)
    with database.transaction() as session:
        repository.hold_location(session, place.id)
        shadow = _ready(session, queries.location(session, name), shadow.fingerprint, complete)
        repository.switch_recipe(session, place.id, shadow.fingerprint, now=now, by=by, complete=shadow.ready)
        judge_location(session, queries.location(session, name), now)
        return Switched(name, queries.recipe_switches(session, place.id)[-1], shadow.pending)


def switch_ready(database: Database, settings: Settings, now: datetime, *, by: str | None = None) -> list[Switched]:
    """Switch every location whose shadow series under the present recipe is complete; by name."""
    with database.session() as session:
        ready = [shadow for shadow in queries.shadows(session) if shadow.ready]
    return [switch(database, settings, shadow.location, now, to=shadow.fingerprint, by=by) for shadow in ready]


def _ready(session: Session, place: LocationView, fingerprint: str | None, complete: bool) -> ShadowSeries:
    """The shadow series that the location may be switched to."""
    wanted = fingerprint or queries.present_recipe(session)
    if place.in_force is None or wanted is None:
        raise MisuseError(f"'{place.name}' has no series yet; it gets the present recipe once all is measured.")
    queries.recipe(session, wanted)
    shadow = queries.shadow_series(session, place, wanted)
    if shadow is None:
        others = [name for name in queries.fingerprints(session, place.id) if name != wanted]
        known = f" It has readings under {', '.join(others)}: name one with --to." if others else ""
        raise MisuseError(f"'{place.name}' goes by the recipe {wanted} already.{known}")
    lost = shadow.out_of_reach is not None and wanted == queries.present_recipe(session)
    if complete and not shadow.ready and not lost:
        raise MisuseError(
            f"{shadow.pending} capture(s) of '{place.name}' have no reading under the recipe {wanted} yet. Let the"
            " worker finish, with the settings that bring this recipe, and switch then."
        )
    return shadow


def _other(session: Session, place: LocationView) -> str | None:
    present = queries.present_recipe(session)
    if present != place.in_force:
        return present
    return next((name for name in queries.fingerprints(session, place.id) if name != place.in_force), None)


def _read_under_both(session: Session, shadow: ShadowSeries) -> list[tuple[ReadingView, ReadingView]]:
    """The readings of captures that have one under either recipe: (in force, the other)."""
    old, new = (queries.captures(session, shadow.location_id, name) for name in (shadow.in_force, shadow.fingerprint))
    pairs = zip(old, new, strict=True)
    return [(one.reading, other.reading) for one, other in pairs if one.reading and other.reading]


def _offsets(pairs: Sequence[tuple[ReadingView, ReadingView]], metrics: Sequence[str]) -> list[Offset]:
    """By how much each metric is read otherwise where both recipes measured a crack."""
    sizes = [(old.severity, new.severity) for old, new in pairs if old.status is new.status is Status.MEASURED]
    return [
        compare(
            [getattr(old, metric) for old, _ in sizes],
            [getattr(new, metric) for _, new in sizes],
            metric=metric,
            unit=UNITS[metric],
        )
        for metric in metrics
    ]
