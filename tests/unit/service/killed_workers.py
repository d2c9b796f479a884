"""Workers that are ended by SIGKILL at a named point of their work, in a process of their own."""

import os
import re
import signal
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from service_examples import NOW, Gauge, Workspace, photo
from sqlalchemy import DateTime, select
from sqlalchemy.engine.default import DefaultDialect

from monitor.imaging.files import PictureFile, read_picture
from monitor.service import following, ingest, jobs, judging, pictures
from monitor.service.routing import Routing
from monitor.settings import IngestSettings
from monitor.storage import repository
from monitor.storage.database import Database
from monitor.storage.tables import AuditEntryRow, Base, ClaimRow, HeartbeatRow, LeaseRow, SightingRow
from monitor.storage.tables.base import UtcDateTime

LEASES = timedelta(minutes=31)


class Notebook:
    """A channel that writes what it sends into a file, at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, title: str, body: str, picture: Path | None = None) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{title}\n")


#: point -> (where, what): the work is ended before or after that is done.
POINTS: dict[str, tuple[Any, str]] = {
    "file seen": (repository, "record_sightings"),
    "file hashed": (ingest, "digest"),
    "file examined": (ingest, "examine"),
    "original kept": (ingest, "copy_whole"),
    "original copied": (ingest.shutil, "copyfileobj"),
    "original on disk": (ingest.os, "fsync"),
    "original named": (Path, "replace"),
    "capture added": (repository, "add_capture"),
    "capture rejected": (repository, "reject_capture"),
    "reason written": (Path, "write_text"),
    "file removed": (Path, "unlink"),
    "file forgotten": (repository, "forget_sighting"),
    "scan ended": (repository, "forget_sightings_before"),
    "reference chosen": (repository, "set_reference"),
    "recipe recorded": (repository, "bring_recipe"),
    "capture claimed": (repository, "claim_next"),
    "capture analysed": (Gauge, "analyse"),
    "pictures kept": (jobs, "keep_pictures"),
    "mask written": (pictures, "write_png"),
    "reading recorded": (repository, "record_reading"),
    "series begun": (repository, "set_series"),
    "location leased": (repository, "take_lease"),
    "cracks followed": (following, "follow"),
    "cracks stored": (repository, "replace_cracks"),
    "lease ended": (repository, "end_lease"),
    "growth fitted": (judging, "fit_series"),
    "fits stored": (repository, "replace_fits"),
    "alarms decided": (judging, "decide"),
    "change recorded": (repository, "record_transition"),
    "message queued": (repository, "queue_notifications"),
    "message claimed": (repository, "claim_notification"),
    "message sent": (Notebook, "send"),
    "delivery recorded": (repository, "mark_sent"),
    "sign of life": (repository, "beat"),
    "commit": (DefaultDialect, "do_commit"),
}


def deliver_photos(workspace: Workspace) -> None:
    """Three photos of a wall that gapes more and more, one of them twice, and a letter."""
    for days, level in enumerate((10, 40, 90)):
        workspace.drop(f"{level}.png", photo(level, days=days - 10))
    workspace.drop("again.png", photo(40, days=1 - 10))
    workspace.drop("letter.png", b"no picture")


def examined_here(path: Path, limits: IngestSettings) -> PictureFile:
    """As `decoding.examine`, in this process."""
    picture = read_picture(path, limits.max_megapixels, limits.max_file_mb)
    rows, cols, _ = picture.image.shape
    return PictureFile(picture.media_type, rows, cols, picture.exif_time, picture.exif_offset)


def work(workspace: Workspace, now: datetime) -> None:
    """One round of a worker; the database is closed afterwards, so that a child can open it."""
    worker = workspace.jobs(Gauge(), worker=f"{os.getpid()}")
    worker._clock = worker._leases._clock = lambda: now
    channels = {"notebook": Notebook(workspace.settings.workspace / "sent.txt")}
    worker.__dict__["_routing"] = Routing(channels, ("notebook",), timedelta(minutes=5))
    worker.tick()
    workspace.database.close()


def killed(workspace: Workspace, point: str, after: bool, at_call: int = 1) -> bool:
    """Work until just before (or after) the point is reached for the so-many-th time; False: it never was."""
    with warnings.catch_warnings():
        # Later Pythons warn of forks beside threads; this child touches none of their locks and ends by a signal.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            where, what = POINTS[point]
            setattr(where, what, _deadly(getattr(where, what), after, at_call))
            work(workspace, NOW)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _deadly(call: Callable[..., Any], after: bool, at_call: int) -> Callable[..., Any]:
    calls = 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at_call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        done = call(*given, **named)
        if calls == at_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    return counted


_DUE = re.compile(r"'due_at': '[^']*'")
_OF_THE_MOMENT = {"claimed_by", "attempts", "basis"}


def remembered(database: Database) -> dict[str, list[str]]:
    """All that is stored, table by table and row by row, but for when it was written and by whom."""
    passing = {row.__tablename__ for row in (AuditEntryRow, ClaimRow, HeartbeatRow, LeaseRow, SightingRow)}
    found = {}
    with database.session() as session:
        for table in Base.metadata.sorted_tables:
            if table.name in passing:
                continue
            lasting = [
                column
                for column in table.columns
                if column.name == "captured_at"
                or not (isinstance(column.type, UtcDateTime | DateTime) or column.name in _OF_THE_MOMENT)
            ]
            rows = [_DUE.sub("", repr(row._mapping)) for row in session.execute(select(*lasting))]
            found[table.name] = sorted(rows)
    return found
