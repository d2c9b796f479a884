"""What a person puts right about a capture. Whatever rests on it is judged anew at once, or when it has been measured.

A change of state that comes of it is recorded here and sent by the worker, whose environment has the channels.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from monitor.errors import LostOriginalError
from monitor.service.ingest import original_path
from monitor.service.judging import judge_location
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import CaptureView


def confirm_time(database: Database, capture_id: int, captured_at: datetime, now: datetime) -> None:
    """A person says when a capture was taken; its location's history is fitted anew."""
    with database.transaction() as session:
        repository.confirm_time(session, capture_id, captured_at)
        _judge_place_of(session, capture_id, now)


def move_capture(
    database: Database, capture_id: int, name: str, now: datetime, *, why: str = "", by: str | None = None
) -> CaptureView:
    """Put a misfiled capture where it belongs; the histories of both locations are fitted anew.

    The worker measures it against its new reference. Returns it as it was before; raises `MisuseError` where it
    cannot be moved.
    """
    with database.transaction() as session:
        capture, target = queries.capture(session, capture_id), queries.location(session, name)
        repository.move_capture(session, capture_id, target.id, now, why=why, by=by)
        for location in queries.locations(session):
            if location.id in (capture.location_id, target.id):
                judge_location(session, location, now)
    return capture


def withdraw_capture(database: Database, capture_id: int, why: str, now: datetime, *, by: str | None = None) -> None:
    """A capture counts no longer, with the reason; its location is judged anew. See `repository.withdraw_capture`."""
    with database.transaction() as session:
        repository.withdraw_capture(session, capture_id, why=why, now=now, by=by)
        _judge_place_of(session, capture_id, now)


def restore_capture(database: Database, capture_id: int, why: str, now: datetime, *, by: str | None = None) -> None:
    """A withdrawn capture counts again, once the worker has measured it. See `repository.restore_capture`."""
    with database.transaction() as session:
        repository.restore_capture(session, capture_id, why=why, now=now, by=by)
        _judge_place_of(session, capture_id, now)


def _judge_place_of(session: Session, capture_id: int, now: datetime) -> None:
    location_id = queries.capture(session, capture_id).location_id
    judge_location(session, next(view for view in queries.locations(session) if view.id == location_id), now)


def measure_again(database: Database, settings: Settings, capture_id: int, now: datetime) -> list[int]:
    """Have the worker measure a capture that gave no sizes once more; see `repository.measure_again`.

    Raises `LostOriginalError` while its original is not where it was kept.
    """
    with database.transaction() as session:
        withdrawn = repository.measure_again(session, capture_id, now)
        capture = queries.capture(session, capture_id)
        assert capture.media_type is not None, "accepted captures have a media type"
        original = original_path(settings.originals, capture.sha256, capture.media_type)
        if not original.is_file():
            raise LostOriginalError(
                f"The original of {capture.file_name} is not back yet, so capture {capture_id} cannot be measured. Put"
                f" it back as {original}, or take the photo in once more."
            )
    return withdrawn
