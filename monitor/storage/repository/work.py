"""The worker's side: leases on work, readings, fits, signs of life."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, and_, delete, func, or_, select, text, tuple_, update
from sqlalchemy.orm import Session

from monitor.errors import MisuseError
from monitor.records import Analysis, GrowthFit, Recipe, Registration, to_json
from monitor.storage.repository.places import fill_millimetres
from monitor.storage.repository.statements import existing, forget_fits, insert, locked_location
from monitor.storage.rows import verdict_columns
from monitor.storage.tables import (
    Base,
    CaptureRow,
    ClaimRow,
    GrowthFitRow,
    HeartbeatRow,
    LocationRow,
    ReadingRow,
    RecipeRow,
    VerdictRow,
)
from monitor.storage.views import VerdictView

#: Workers are named by host and process, so every start leaves a name behind.
_FORGOTTEN_AFTER = timedelta(days=7)
#: So many captures to claim are found at once: few enough that what is more urgent does not wait behind them for long.
_AHEAD = 20


@dataclass(frozen=True)
class Work:
    """A capture to analyse under a recipe. `attempts` counts this one; more than a few mean it keeps killing its
    worker. `token` belongs to this one claim on it, and writes are made in its name.
    """

    capture_id: int
    fingerprint: str
    attempts: int
    last_error: str | None
    token: str = field(default="", compare=False)


def record_recipe(session: Session, recipe: Recipe, now: datetime) -> str:
    """The fingerprint, which claims and readings refer to; recording it again changes nothing."""
    new = insert(session, RecipeRow).values(
        fingerprint=recipe.fingerprint,
        options=to_json(dict(recipe.options)),
        analysis_version=recipe.analysis_version,
        created_at=now,
    )
    session.execute(new.on_conflict_do_nothing(index_elements=["fingerprint"]))
    return recipe.fingerprint


def claim_next(
    session: Session,
    *,
    fingerprint: str,
    worker: str,
    now: datetime,
    lease: timedelta,
    former: Collection[str] = (),
    ahead: deque[tuple[int, str]] | None = None,
) -> Work | None:
    """Take the next capture that lacks a reading, until `now + lease`; None: no work.

    `fingerprint` is the present recipe, under which every capture is to be read; at locations whose series is of a
    recipe in `former`, under that one as well. What a location's series lacks comes first, the rest (its shadow
    series) after all of that. Of each, locations' references come first, then the oldest by capture time; the others
    wait until their reference has a reading, because its mask decides how they are registered. A claim that ran out
    is taken over, and what was claimed before stores nothing any more. On PostgreSQL a capture that another worker is
    just about to claim is passed over.

    To find the next one every capture there is has to be looked at, so some are found at once. A worker that brings the
    same `ahead` each time has those claimed from there that still are free; any others are looked up anew. Where other
    workers are quicker at all of these, it looks further.
    """
    unclaimed = _unclaimed(fingerprint, former, now)
    ahead = deque() if ahead is None else ahead
    tried: list[tuple[int, str]] = []
    while (work := _claim_first(session, unclaimed, ahead, worker, now, lease)) is None:
        # Those that others are just about to claim still look free, and would be found for ever.
        others = unclaimed.where(tuple_(CaptureRow.id, RecipeRow.fingerprint).not_in(tried)) if tried else unclaimed
        found = [(row[0], row[1]) for row in session.execute(others.limit(_AHEAD))]
        if not found:
            return None
        ahead.extend(found)
        tried += found
    return work


def _claim_first(
    session: Session,
    unclaimed: "Select[int, str]",
    ahead: deque[tuple[int, str]],
    worker: str,
    now: datetime,
    lease: timedelta,
) -> Work | None:
    """Of those `ahead` the first that still is to be had; whatever was tried is taken out."""
    while ahead:
        capture_id, wanted = ahead.popleft()
        free = unclaimed.where(CaptureRow.id == capture_id, RecipeRow.fingerprint == wanted)
        free = free.with_for_update(of=CaptureRow, skip_locked=True, key_share=True)  # SQLite has one writer
        if session.execute(free).one_or_none() is None:
            continue
        token = uuid4().hex
        held = {"claimed_by": worker, "claimed_until": now + lease, "token": token}
        new = insert(session, ClaimRow).values(capture_id=capture_id, fingerprint=wanted, attempts=1, **held)
        taken = new.on_conflict_do_update(
            index_elements=["capture_id", "fingerprint"],
            set_={**held, "attempts": ClaimRow.attempts + 1},
            where=ClaimRow.claimed_until <= now,
        )
        claim = session.execute(taken.returning(ClaimRow.attempts, ClaimRow.last_error)).one_or_none()
        if claim is not None:
            return Work(capture_id, wanted, claim.attempts, claim.last_error, token)
    return None


def _unclaimed(present: str, former: Collection[str], now: datetime) -> "Select[int, str]":
    wanted = RecipeRow.fingerprint
    of_series = wanted == func.coalesce(LocationRow.fingerprint, LocationRow.resumes, present)
    of_this = and_(ClaimRow.capture_id == CaptureRow.id, ClaimRow.fingerprint == wanted)
    read = select(ReadingRow.id).where(ReadingRow.fingerprint == wanted, ReadingRow.stands())
    done = read.where(ReadingRow.capture_id == CaptureRow.id)
    reference = LocationRow.reference_capture_id
    reference_done = read.where(ReadingRow.capture_id == reference)
    return (
        select(CaptureRow.id, wanted)
        .join(LocationRow, LocationRow.id == CaptureRow.location_id)
        .join(RecipeRow, or_(wanted == present, and_(of_series, wanted.in_(former))))
        .outerjoin(ClaimRow, of_this)
        .where(CaptureRow.rejected_reason.is_(None), ~done.exists())
        .where(or_(ClaimRow.capture_id.is_(None), ClaimRow.claimed_until <= now))
        .where(or_(reference.is_(None), reference == CaptureRow.id, reference_done.exists()))
        .order_by(of_series.desc(), reference.is_not_distinct_from(CaptureRow.id).desc())
        .order_by(CaptureRow.captured_at, CaptureRow.id)
    )


def record_failure(
    session: Session,
    *,
    capture_id: int,
    fingerprint: str,
    token: str,
    error: str,
    retry_at: datetime,
    counts: bool = True,
) -> bool:
    """Keep the error and let go of the claim at `retry_at`. False: the claim had passed to another worker.

    An attempt that does not count (`counts` False) is taken off the claim's number of attempts.
    """
    changed = session.scalar(
        update(ClaimRow)
        .where(ClaimRow.capture_id == capture_id, ClaimRow.fingerprint == fingerprint)
        .where(ClaimRow.token == token)
        .values(last_error=error, claimed_until=retry_at, token=None, attempts=ClaimRow.attempts - (0 if counts else 1))
        .returning(ClaimRow.capture_id),
        execution_options={"synchronize_session": False},
    )
    return changed is not None


def record_reading(
    session: Session,
    *,
    capture_id: int,
    analysis: Analysis,
    pictures: Mapping[str, str],
    now: datetime,
    token: str | None = None,
) -> bool:
    """Store what the analysis found, with its recipe. False: there is a reading already, and it stays.

    With the `token` of a claim, nothing is stored (False) either unless it still stands, and it is let go: it may have
    been taken over, or withdrawn because the reference, the location or the reference's reading has changed meanwhile.
    Millimetres are filled in from the location's present scale, so that a scale given while the analysis was under way
    is not lost.
    """
    capture = existing(session, CaptureRow, capture_id)
    if capture.rejected_reason is not None:
        raise MisuseError(f"Capture {capture_id} ({capture.file_name}) was rejected and takes no reading.")
    location = locked_location(session, capture.location_id)
    fingerprint = record_recipe(session, analysis.recipe, now)
    if token is not None and not _let_go(session, capture_id, fingerprint, token):
        return False
    new = insert(session, ReadingRow).values(
        capture_id=capture_id,
        fingerprint=fingerprint,
        pictures=dict(pictures),
        measured_at=now,
        **_found(analysis),
    )
    new = new.on_conflict_do_nothing(
        index_elements=["capture_id", "fingerprint"], index_where=text("superseded_at IS NULL")
    )
    reading_id = session.scalar(new.returning(ReadingRow.id))
    # Those made while this reading was on its way are without it.
    forget_fits(session, location.id, fingerprint=fingerprint, since=now)
    if reading_id is not None and location.mm_per_px is not None:
        fill_millimetres(session, location.mm_per_px, ReadingRow.id == reading_id)
    return reading_id is not None


def _let_go(session: Session, capture_id: int, fingerprint: str, token: str) -> bool:
    """Only one can change this row at a time, so that of two workers who both think it theirs one alone goes on."""
    claim = update(ClaimRow).where(ClaimRow.capture_id == capture_id, ClaimRow.fingerprint == fingerprint)
    mine = claim.where(ClaimRow.token == token).values(token=None).returning(ClaimRow.capture_id)
    return session.scalar(mine, execution_options={"synchronize_session": False}) is not None


def _found(analysis: Analysis) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "status": analysis.status,
        "reason": analysis.reason,
        "crack_probability": analysis.crack_probability,
    }
    if analysis.severity is not None:
        for name in ("crack_count", "area_px", "max_width_px", "length_px"):
            columns[name] = getattr(analysis.severity, name)
    grading = analysis.grading
    columns["grade"] = None if grading is None else grading.grade
    columns["grade_reasons"] = [] if grading is None else list(grading.reasons)
    columns["confidence"] = analysis.confidence
    if analysis.registration is not None:
        columns |= _registration(analysis.registration)
    return columns


def _registration(registration: Registration) -> dict[str, Any]:
    return {f"registration_{name}": value for name, value in to_json(registration).items()}


def replace_fits(
    session: Session,
    *,
    location_id: int,
    fingerprint: str,
    fits: Sequence[GrowthFit],
    verdicts: Sequence[VerdictView] = (),
    now: datetime,
) -> None:
    """Put these fits and verdicts in the place of all earlier ones of this location and fingerprint."""
    locked_location(session, location_id)
    series = {"location_id": location_id, "fingerprint": fingerprint}
    made: dict[type[Base], list[dict[str, Any]]] = {
        GrowthFitRow: [{**series, "fitted_at": now, **asdict(fit)} for fit in fits],
        VerdictRow: [{**series, **verdict_columns(verdict)} for verdict in verdicts],
    }
    for table, rows in made.items():
        session.execute(delete(table).filter_by(**series))
        if rows:
            session.execute(insert(session, table), rows)


def beat(session: Session, name: str, now: datetime, detail: Mapping[str, Any] | None = None) -> None:
    """A sign of life of one part of the service, replacing its last one; a week's silence is forgotten."""
    session.execute(delete(HeartbeatRow).where(HeartbeatRow.at < now - _FORGOTTEN_AFTER))
    seen = {"at": now, "detail": to_json(dict(detail or {}))}
    new = insert(session, HeartbeatRow).values(name=name, **seen)
    session.execute(new.on_conflict_do_update(index_elements=["name"], set_=seen))
