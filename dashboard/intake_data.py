"""Photos on their way in, and captures put right, as the pages need them; a module that touches `monitor`.

An upload only writes a file to the inbox; the worker does the rest, and what became of it is read from the database.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

import streamlit as st

from dashboard import data
from dashboard.changes import changing, require
from dashboard.wording import without_path
from monitor.access.policy import Action
from monitor.settings import load_settings
from monitor.storage import queries, repository
from monitor.storage.told import FilingView as FilingView
from monitor.storage.views import CaptureView

#: Ends of names the worker passes over, because copying programs use them for what is not finished.
_UNFINISHED = ".part"


class Stage(StrEnum):
    """How far a file has come."""

    REFUSED = "refused"
    INBOX = "inbox"
    ACCEPTED = "accepted"
    MEASURED = "measured"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Sent:
    """A file that somebody sent; `refused` says why it was not even put into the inbox."""

    file_name: str
    location: str
    sha256: str
    refused: str | None = None


@dataclass(frozen=True)
class Fate:
    """What became of a file, with its capture once there is one."""

    sent: Sent
    stage: Stage
    told: str
    capture: CaptureView | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.stage not in (Stage.INBOX, Stage.ACCEPTED)


def largest_mb(folder: Path) -> float:
    """How large a file may be, in 10^6 bytes."""
    return load_settings(folder).ingest.max_file_mb


def send(folder: Path, location: str, file_name: str, content: bytes) -> Sent:
    """Put a file into the inbox of a location, whole or not at all, beside whatever is called the same.

    Raises `CrackmonitorError` where there is no such location, or whoever looks may not send photos there.
    """
    require(folder, Action.SEND_PHOTOS, location)
    limit_mb, bare = largest_mb(folder), Path(file_name).name
    sent = Sent(bare, location, hashlib.sha256(content).hexdigest())
    if not content:
        return Sent(bare, location, sent.sha256, "it is empty (0 bytes). Copy it again from the camera.")
    if len(content) > limit_mb * 1e6:
        size = f"it has {len(content) / 1e6:.1f} MB, more than the {limit_mb:g} MB allowed. Save it smaller."
        return Sent(bare, location, sent.sha256, size)
    inbox = load_settings(folder).inbox / location
    inbox.mkdir(parents=True, exist_ok=True)
    unfinished = inbox / f"{uuid4().hex}{_UNFINISHED}"
    try:
        unfinished.write_bytes(content)
        unfinished.rename(_free(inbox / _visible(bare)))
    finally:
        unfinished.unlink(missing_ok=True)
    return sent


def fates(folder: Path, sent: Sequence[Sent]) -> list[Fate]:
    """What has become of files by now, in the order they were sent."""
    with data.reading(folder) as (session, _):
        names = {view.id: view.name for view in queries.locations(session)}
        return [_fate(one, queries.capture_with(session, one.sha256), names) for one in sent]


@st.cache_data(ttl=10, show_spinner=False)
def filings(folder: Path, location_id: int) -> tuple[FilingView, ...]:
    """Captures that people moved from or to a location, withdrew or took back, newest first."""
    with data.reading(folder) as (session, _):
        return tuple(queries.filings(session, location_id))


def move(folder: Path, capture_id: int, location_id: int, why: str, by: str) -> None:
    """Put a misfiled capture where it belongs. Raises `CrackmonitorError` where it cannot be moved."""
    with changing(folder) as (desk, _, now):
        desk.do(repository.move_capture, capture_id, location_id, now, why=why, by=by or None)


def withdraw(folder: Path, capture_id: int, why: str, by: str) -> None:
    """A capture that should never have arrived counts no longer."""
    with changing(folder) as (desk, _, now):
        desk.do(repository.withdraw_capture, capture_id, why=why, now=now, by=by or None)


def restore(folder: Path, capture_id: int, why: str, by: str) -> None:
    """A withdrawn capture counts again."""
    with changing(folder) as (desk, _, now):
        desk.do(repository.restore_capture, capture_id, why=why, now=now, by=by or None)


def _fate(sent: Sent, capture: CaptureView | None, names: dict[int, str]) -> Fate:
    if sent.refused is not None:
        return Fate(sent, Stage.REFUSED, f"Not taken: {sent.refused}")
    if capture is None:
        return Fate(sent, Stage.INBOX, "In the inbox; the worker takes it in.")
    where = names[capture.location_id]
    if capture.rejected_reason is not None:
        why = without_path(capture.rejected_reason, capture.file_name)
        return Fate(sent, Stage.REJECTED, f"Not taken in: {why}", capture)
    elsewhere = "" if where == sent.location else f" It belongs to {where} already: one photo, one location."
    if capture.reading is None:
        return Fate(sent, Stage.ACCEPTED, f"Capture {capture.id}, to be measured.{elsewhere}", capture)
    reading = capture.reading
    grade = "" if reading.grading is None else f", grade {reading.grading.grade}"
    why = "" if reading.reason is None else f": {reading.reason}"
    told = f"Capture {capture.id}, {reading.status.replace('_', ' ')}{grade}{why}.{elsewhere}"
    return Fate(sent, Stage.MEASURED, told, capture)


def _visible(name: str) -> str:
    """Hidden and unfinished files are passed over by the worker, so none is called like one."""
    stem = name.lstrip(".~") or "photo"
    return f"{stem}.file" if stem.lower().endswith((".part", ".tmp", ".crdownload", ".partial")) else stem


def _free(path: Path) -> Path:
    """A path beside `path` that nothing is called by yet."""
    candidates = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, 10_000))
    return path if not path.exists() else next(one for one in candidates if not one.exists())
