"""What people say of cracks: accepted, rejected, or marked where one was missed.

It is kept beside what was found and decides what is counted: cracks that were rejected move no verdict and raise no
alarm, and those that were marked are followed like any other. A change of state that comes of it is recorded here and
sent by the worker, whose environment has the channels.
"""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from monitor.errors import MisuseError, StorageError
from monitor.service.following import follow_location
from monitor.service.judging import judge_location
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.told import CorrectionKind
from monitor.storage.views import LocationView

#: Shorter lines are no crack that could be followed.
_LEAST_LINE_PX = 20.0


def judge_crack(
    database: Database,
    settings: Settings,
    name: str,
    crack: str,
    kind: CorrectionKind,
    why: str,
    now: datetime,
    *,
    by: str | None = None,
    capture_id: int | None = None,
) -> bool:
    """A person accepts or rejects a crack of a location; it is followed and judged anew at once.

    False where its photos are out of reach: the worker does that later. Raises `MisuseError` for an unknown crack.
    """
    with database.transaction() as session:
        location = queries.location(session, name)
        known = {view.crack.name: view.crack for view in queries.cracks(session, location.id)}
        if crack not in known:
            named = ", ".join(known) or "none yet"
            raise MisuseError(f"'{name}' has no crack {crack}. Known: {named}.")
        repository.correct_crack(
            session,
            location.id,
            kind=kind,
            course=known[crack].course,
            why=why,
            now=now,
            by=by,
            crack=crack,
            capture_id=_of(session, location, capture_id),
        )
    return _anew(database, settings, name, now)


def mark_crack(
    database: Database,
    settings: Settings,
    name: str,
    line: NDArray[np.float64],
    why: str,
    now: datetime,
    *,
    by: str | None = None,
    capture_id: int | None = None,
) -> tuple[str, bool]:
    """A person marks a crack that was missed by a line (n, 2), (row, col) of the reference's frame.

    Returns its name and whether it has been followed already; see `judge_crack`.
    """
    with database.transaction() as session:
        location = queries.location(session, name)
        reference = queries.reference(session, location.id)
        if reference is not None and reference.height_px is not None and reference.width_px is not None:
            _require_inside(line, (reference.height_px, reference.width_px))
        found = repository.correct_crack(
            session,
            location.id,
            kind=CorrectionKind.MARKED,
            course=line,
            why=why,
            now=now,
            by=by,
            capture_id=_of(session, location, capture_id),
        )
        crack = queries.correction(session, found).crack
    return crack, _anew(database, settings, name, now)


def use_corrections(database: Database, settings: Settings, name: str, *, use: bool, now: datetime) -> bool:
    """Whether a location's numbers go by what people corrected; see `judge_crack` for what is returned."""
    with database.transaction() as session:
        repository.use_corrections(session, queries.location(session, name).id, use=use)
    return _anew(database, settings, name, now)


def _require_inside(line: NDArray[np.float64], shape: tuple[int, int]) -> None:
    if line.ndim != 2 or len(line) < 2:
        return  # the repository has a sentence for that
    if (line < 0).any() or (line >= shape).any():
        raise MisuseError(f"The line leaves the reference, which has {shape[0]} rows and {shape[1]} columns.")
    length = float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
    if length < _LEAST_LINE_PX:
        raise MisuseError(f"The line is {length:.0f} px long; mark at least {_LEAST_LINE_PX:.0f} px of the crack.")


def _of(session: Session, location: LocationView, capture_id: int | None) -> int | None:
    """The capture, which has to be one of that location."""
    if capture_id is not None and queries.capture(session, capture_id).location_id != location.id:
        raise MisuseError(f"Capture {capture_id} is not one of '{location.name}'.")
    return capture_id


def _anew(database: Database, settings: Settings, name: str, now: datetime) -> bool:
    """Follow and judge the location at once, where it has a series and its photos are at hand."""
    with database.session() as session:
        location = queries.location(session, name)
    if location.fingerprint is None:
        return False
    try:
        follow_location(database, settings, location, now)
    except StorageError:
        return False
    with database.transaction() as session:
        judge_location(session, location, now)
    return True
