"""What machines push: a file, taken in exactly as one by hand, and what became of it.

The bytes go to disk as they come, in a hidden folder of the inbox that the worker passes over, under a name of our
own: nothing that the sender says becomes a path.
"""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path as FilePath
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from monitor.api.admission import Door, Here, Pusher, ReaderOrPusher, place_of
from monitor.api.answers import CaptureAnswer, Outcome, PushAnswer, Refusal
from monitor.api.reading import REFUSALS, Name
from monitor.api.wording import PARTLY, on_clocks, without_place
from monitor.service.ingest import Ingest, Intake
from monitor.settings import Settings
from monitor.storage import queries
from monitor.storage.tokens import TokenView
from monitor.storage.views import CaptureView, LocationView

#: Longer than any push may take, so that what lies there for so long belongs to a process that died.
_LEFT_SECONDS = 86_400.0
_PUSH_SECONDS = 600.0
_STATUS = {Outcome.ACCEPTED: 201, Outcome.DUPLICATE: 200, Outcome.WAITING: 202, Outcome.REJECTED: 422}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "the file itself: JPEG, PNG, TIFF, WebP or HEIC",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    **REFUSALS,
    200: {"model": PushAnswer, "description": "duplicate: this very file was taken in before"},
    201: {"model": PushAnswer, "description": "accepted"},
    202: {"model": PushAnswer, "description": "waiting in the inbox; the worker tries again"},
    400: {"model": Refusal, "description": "the connection ended before the file did"},
    408: {"model": Refusal, "description": "the file took too long to arrive"},
    413: {"model": Refusal, "description": "larger than `ingest.max_file_mb`"},
    422: {"model": PushAnswer | Refusal, "description": "rejected, with the reason, and kept in quarantine; or empty"},
    507: {"model": Refusal, "description": "too little free disk space"},
}
router = APIRouter(prefix="/v1", tags=["push"])


@router.post("/locations/{location}/captures", status_code=201, openapi_extra=_BODY, responses=_ANSWERS)
async def push(location: Name, request: Request, response: Response, here: Here, token: Pusher) -> PushAnswer:
    """Push one photo to a location. Pushing the same file again changes nothing."""
    place = await run_in_threadpool(_place, here, token, location)
    async with _arrived(request, here.settings) as (path, sha256):
        answer = await run_in_threadpool(_taken_in, here, token, place, path, sha256)
    response.status_code = _STATUS[answer.outcome]
    return answer


@router.get("/locations/{location}/captures/{sha256}", tags=["read"], responses=REFUSALS)
def pushed(
    location: Name,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="of the file")],
    here: Here,
    token: ReaderOrPusher,
) -> CaptureAnswer:
    """What became of a file, by its sha256: waiting, rejected, or accepted and what was found in it."""
    place = _place(here, token, location)
    with here.database.session() as session:
        capture = queries.capture_with(session, sha256)
    if capture is not None and capture.location_id == place.id:
        return _told(capture, place, here.settings)
    if (here.settings.inbox / place.name / _name(sha256)).is_file():
        return _told(None, place, here.settings, sha256)
    raise HTTPException(404, f"No file with this sha256 has come to {place.name}.")


def clear_left(settings: Settings) -> None:
    """Remove what processes that died had received in part."""
    for folder in _glob(settings.inbox / PARTLY):
        if time.time() - folder.stat().st_mtime > _LEFT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _glob(folder: FilePath) -> Iterator[FilePath]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _place(here: Door, token: TokenView, location: str) -> LocationView:
    with here.database.session() as session:
        return place_of(session, token, location)


@asynccontextmanager
async def _arrived(request: Request, settings: Settings) -> AsyncIterator[tuple[FilePath, str]]:
    """The pushed file on disk, whole, and its sha256; what is left of it at the end goes."""
    limit = round(settings.ingest.max_file_mb * 1e6)
    told = request.headers.get("content-length", "")
    _ensure_size(int(told) if told.isdecimal() else 0, limit)
    _ensure_room(settings, int(told) if told.isdecimal() else limit)
    folder = settings.inbox / PARTLY / uuid4().hex
    await run_in_threadpool(folder.mkdir, parents=True)
    try:
        try:
            async with asyncio.timeout(_PUSH_SECONDS):
                sha256 = await _received(request, folder / "file", limit)
        except TimeoutError:
            raise HTTPException(408, f"The file did not arrive within {_PUSH_SECONDS:g} s. Push it again.") from None
        except ClientDisconnect:
            raise HTTPException(400, "The connection ended before the file did. Push it again.") from None
        path = (folder / "file").rename(folder / _name(sha256))
        yield path, sha256
    finally:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)


async def _received(request: Request, path: FilePath, limit: int) -> str:
    """Write the body to disk as it comes; its sha256."""
    found, size = hashlib.sha256(), 0
    with path.open("xb") as writer:
        async for piece in request.stream():
            size += len(piece)
            _ensure_size(size, limit)
            found.update(piece)
            await run_in_threadpool(writer.write, piece)
        writer.flush()
        await run_in_threadpool(os.fsync, writer.fileno())
    if size == 0:
        raise HTTPException(422, "There is no file in the body. Send its bytes: curl --data-binary @photo.jpg.")
    return found.hexdigest()


def _ensure_size(size: int, limit: int) -> None:
    if size > limit:
        sentence = f"The file has more than the {limit / 1e6:g} MB that 'ingest.max_file_mb' allows. Save it smaller."
        raise HTTPException(413, sentence)


def _ensure_room(settings: Settings, size: int) -> None:
    free_gb = (shutil.disk_usage(settings.inbox).free - size) / 1e9
    if free_gb < settings.ingest.least_free_gb:
        raise HTTPException(507, "There is too little free disk space for this file. Make room, and push it again.")


def _taken_in(here: Door, token: TokenView, place: LocationView, path: FilePath, sha256: str) -> PushAnswer:
    intake, kept = Ingest(here.database, here.settings).take_one(path, place.name, here.clock())
    if not kept:  # the worker finds it in the inbox, and tries again
        waiting = here.settings.inbox / place.name / path.name
        waiting.parent.mkdir(parents=True, exist_ok=True)
        path.replace(waiting)
    with here.database.session() as session:
        capture = queries.capture_with(session, sha256)
        sites = {view.id: view.site_id for view in queries.locations(session)}
    reason = intake.rejected[0].reason if intake.rejected else None
    if capture is not None and sites[capture.location_id] != token.site_id:
        reason = "This photo belongs to another location already, at another site. One photo belongs to one location."
    is_here = capture is not None and capture.location_id == place.id
    return PushAnswer(
        outcome=_outcome(intake, kept),
        location=place.name,
        sha256=sha256,
        capture=capture.id if capture is not None and is_here else None,
        reason=None if reason is None else without_place(reason, here.settings),
    )


def _outcome(intake: Intake, kept: bool) -> Outcome:
    if not kept:
        return Outcome.WAITING
    if intake.rejected:
        return Outcome.REJECTED
    return Outcome.ACCEPTED if intake.accepted else Outcome.DUPLICATE


def _told(capture: CaptureView | None, place: LocationView, settings: Settings, sha256: str = "") -> CaptureAnswer:
    if capture is None:
        return CaptureAnswer(outcome=Outcome.WAITING, sha256=sha256, **_NOTHING, location=place.name)
    reading, time, why = capture.reading, capture.time, capture.rejected_reason
    grading = None if reading is None else reading.grading
    reason = None if reading is None or reading.reason is None else without_place(reading.reason, settings)
    return CaptureAnswer(
        outcome=Outcome.ACCEPTED if why is None else Outcome.REJECTED,
        location=place.name,
        sha256=capture.sha256,
        capture=capture.id,
        reason=None if why is None else without_place(why, settings),
        captured_at=None if time is None else on_clocks(time.at, place.time_zone),
        time_source=None if time is None else time.source,
        received_at=on_clocks(capture.received_at, place.time_zone),
        status=None if reading is None else reading.status,
        status_reason=reason,
        grade=None if grading is None else grading.grade,
        grade_reasons=[] if grading is None else list(grading.reasons),
        recipe=None if reading is None else reading.fingerprint,
    )


_NOTHING: dict[str, Any] = {
    "capture": None, "reason": None, "captured_at": None, "time_source": None, "received_at": None, "status": None,
    "status_reason": None, "grade": None, "grade_reasons": [], "recipe": None,
}  # fmt: skip


def _name(sha256: str) -> str:
    """What a pushed file is called: its format is told by its content, and its own name is not to be trusted."""
    return f"pushed-{sha256[:16]}"
