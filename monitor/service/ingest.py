"""Files on their way in: wait until they are whole, accept them under their hash, or quarantine them.

Order of steps, so that a crash at any point loses nothing: the original is copied under its hash, then the
database row is written, and only then is the file taken out of the inbox. Doing all of it again is harmless.
A file that cannot be handled now stays where it is and stops none of the others.
"""

import errno
import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import uuid4
from zoneinfo import ZoneInfo

from monitor.errors import LostOriginalError, MisuseError, UnreadableImageError
from monitor.imaging.files import PictureFile, capture_time, digest, read_picture
from monitor.imaging.folders import files_below, passed_over
from monitor.records import ByteArray, CaptureTime, TimeSource
from monitor.service.decoding import examine
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import CaptureView, LocationView

_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "image/heic": ".heic",
}
#: So many files of the inbox are noted in one transaction.
_AT_ONCE = 20
#: A file no scan has seen for so long is gone; shorter would disturb another worker's scan.
_GONE_AFTER = timedelta(minutes=10)
#: Of a refused file's name so much is kept (from its end), because file systems end names at 255 bytes.
_KEPT_NAME = 50
#: Cameras set to another time zone are up to a day off.
_CLOCK_TOLERANCE = timedelta(days=1)


@dataclass(frozen=True)
class Refusal:
    """A file that was not taken in, and why."""

    file: str
    reason: str


@dataclass
class Intake:
    """What became of a set of files; paths as they were given, but always printable.

    `waiting_reasons` says of those among `waiting` that a person has to move why they wait.
    """

    accepted: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    rejected: list[Refusal] = field(default_factory=list)
    waiting_reasons: list[Refusal] = field(default_factory=list)

    def __iadd__(self, other: "Intake") -> Self:
        for name, found in vars(other).items():
            getattr(self, name).extend(found)
        return self

    def as_json(self) -> dict[str, Any]:
        """Plain lists, as scripts read them; the reasons for waiting are for people and for the log."""
        lists = asdict(self)
        del lists["waiting_reasons"]
        return lists


class Ingest:
    """Takes files into one workspace."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def scan(
        self, now: datetime, stopped: Callable[[], bool] = lambda: False, apart: timedelta = timedelta(0)
    ) -> Intake:
        """Look once through the inbox; a file is taken in when it was the same for `stable_scans` scans.

        Scans count when they come at least so far `apart`: two workers at the same moment see only one moment.
        As soon as it is `stopped`, the rest is left for the next scan.
        """
        intake = Intake()
        with self._database.session() as session:
            places = {view.name: view for view in queries.locations(session)}
        files = files_below(self._settings.inbox)
        for first in range(0, len(files), _AT_ONCE):
            self._scan_some(files[first : first + _AT_ONCE], places, now, stopped, apart, intake)
        with self._database.transaction() as session:
            repository.forget_sightings_before(session, now - _GONE_AFTER)
        return intake

    def take(
        self,
        paths: Iterable[Path],
        location_name: str,
        now: datetime,
        on_file: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Intake:
        """Take in files given by hand, at once; the given files stay where they are.

        Folders stand for the files in them. Raises `MisuseError` when a path does not exist.
        """
        with self._database.session() as session:
            location = queries.location(session, location_name)
        intake = Intake()
        files = _expanded(paths)
        for done, path in enumerate(files, 1):
            self._take(path, location, now, intake)
            on_file(done, len(files))
        return intake

    def take_one(self, path: Path, location_name: str, now: datetime) -> tuple[Intake, bool]:
        """Take in a copy of a file that lies elsewhere. False: it could not be handled now, nothing of it is kept."""
        with self._database.session() as session:
            location = queries.location(session, location_name)
        intake = Intake()
        return intake, self._take(path, location, now, intake)

    def _scan_some(
        self,
        files: Sequence[Path],
        places: Mapping[str, LocationView],
        now: datetime,
        stopped: Callable[[], bool],
        apart: timedelta,
        intake: Intake,
    ) -> None:
        """As many files as are noted in one transaction: waiting for the disk takes longest."""
        if stopped():
            return
        stable = self._stable(files, now, apart)
        gone: list[Path] = []
        for path in files:
            if stopped():
                break
            location = places.get(path.relative_to(self._settings.inbox).parts[0])
            if location is None or path.parent == self._settings.inbox:
                intake.waiting.append(_printable(path))
                intake.waiting_reasons.append(Refusal(_printable(path), _nowhere(path, self._settings.inbox)))
            elif path not in stable or _version(path) != stable[path]:
                intake.waiting.append(_printable(path))
            elif self._take(path, location, now, intake):
                path.unlink(missing_ok=True)
                gone.append(path)
        if gone:
            with self._database.transaction() as session:
                for path in gone:
                    repository.forget_sighting(session, _printable(path))

    def _stable(self, files: Sequence[Path], now: datetime, apart: timedelta) -> dict[Path, tuple[int, int]]:
        """Those that were the same for `stable_scans` scans, and as what. All are noted, so that pages list them."""
        versions = {path: version for path in files if (version := _version(path)) is not None}
        seen = {_printable(path): version for path, version in versions.items()}
        with self._database.transaction() as session:
            scans = repository.record_sightings(session, seen, now=now, apart=apart)
        enough = self._settings.ingest.stable_scans
        return {path: version for path, version in versions.items() if scans[_printable(path)] >= enough}

    def _take(self, path: Path, location: LocationView, now: datetime, intake: Intake) -> bool:
        """Sort one file; True when its content is kept (or was already), so that the file itself may go."""
        try:
            self._ensure_room(path)
            sha256 = digest(path)
            refusal = self._refusal(path, location, sha256, now, intake)
            if refusal is not None:
                self._quarantine(path, location, sha256, refusal)
                intake.rejected.append(Refusal(_printable(path), refusal))
            return digest(path) == sha256
        except UnreadableImageError as error:
            reason = str(error)
        except OSError as error:
            reason = f"{path} could not be taken in ({error.strerror or error}) and stays where it is."
        if path.exists():  # otherwise another worker has taken it in
            intake.rejected.append(Refusal(_printable(path), _printable(reason)))
        return False

    def _ensure_room(self, path: Path) -> None:
        free_gb = (shutil.disk_usage(self._settings.originals).free - path.stat().st_size) / 1e9
        if free_gb < self._settings.ingest.least_free_gb:
            why = f"it would leave {max(free_gb, 0):.1f} GB free, and least_free_gb in the settings wants more"
            raise OSError(errno.ENOSPC, why)

    def _refusal(self, path: Path, location: LocationView, sha256: str, now: datetime, intake: Intake) -> str | None:
        """Accept the file, or find it a duplicate, or say why neither. Content rejected before gets a new chance."""
        known = self._known(sha256)
        if known is not None and known.rejected_reason is None and known.location_id == location.id:
            assert known.media_type is not None, "accepted captures have a media type"
            # Nothing happens where the original is in its place; one that was lost is back.
            copy_whole(path, original_path(self._settings.originals, sha256, known.media_type), sha256)
            intake.duplicates.append(_printable(path))
            return None
        if known is not None and known.rejected_reason is None:
            return (
                f"{_printable(path)} is the same file as {known.file_name}, which belongs to the location "
                f"'{self._name_of(known.location_id)}'. One photo belongs to one location: if to this one, "
                f"'crackmonitor capture move {known.id} --location {location.name}' puts it there."
            )
        why = None if known is None or known.location_id != location.id else self._withdrawn_why(known.id)
        if known is not None and why is not None:
            return (
                f"{_printable(path)} is the same file as capture {known.id}, which was withdrawn: {why}"
                f" 'crackmonitor capture restore {known.id}' takes it back."
            )
        try:
            picture = examine(path, self._settings.ingest)
        except UnreadableImageError as error:
            if digest(path) != sha256:  # it is not what it was, so nothing is held against it
                raise
            return self._reject(path, location, sha256, _printable(error), now)
        time = _believable(capture_time(picture, path, ZoneInfo(location.time_zone)), path, now)
        is_new = self._accept(path, location, sha256, picture, time, now)
        (intake.accepted if is_new else intake.duplicates).append(_printable(path))
        return None

    def _reject(self, path: Path, location: LocationView, sha256: str, reason: str, now: datetime) -> str:
        with self._database.transaction() as session:
            repository.reject_capture(
                session, location_id=location.id, sha256=sha256, file_name=_printable(path.name), reason=reason, now=now
            )
        return reason

    def _name_of(self, location_id: int) -> str:
        with self._database.session() as session:
            return next(view.name for view in queries.locations(session) if view.id == location_id)

    def _known(self, sha256: str) -> CaptureView | None:
        with self._database.session() as session:
            return queries.capture_with(session, sha256)

    def _withdrawn_why(self, capture_id: int) -> str | None:
        with self._database.session() as session:
            return queries.withdrawn_why(session, capture_id)

    def _accept(
        self, path: Path, location: LocationView, sha256: str, picture: PictureFile, time: CaptureTime, now: datetime
    ) -> bool:
        copy_whole(path, original_path(self._settings.originals, sha256, picture.media_type), sha256)
        with self._database.transaction() as session:
            stored = repository.add_capture(
                session,
                location_id=location.id,
                sha256=sha256,
                file_name=_printable(path.name),
                media_type=picture.media_type,
                height_px=picture.height_px,
                width_px=picture.width_px,
                time=time,
                now=now,
            )
        return stored.is_new

    def _quarantine(self, path: Path, location: LocationView, sha256: str, reason: str) -> None:
        """Keep a refused file with its reason beside it."""
        kept = self._settings.quarantine / location.name / f"{sha256[:16]}_{path.name[-_KEPT_NAME:]}"
        copy_whole(path, kept, sha256)
        kept.with_name(kept.name + ".reason.txt").write_text(reason + "\n", encoding="utf-8")


def _nowhere(path: Path, inbox: Path) -> str:
    if path.parent == inbox:
        return f"{_printable(path)} lies in no location's folder. Move it into the one of its location."
    folder = _printable(path.relative_to(inbox).parts[0])
    return (
        f"{_printable(path)} waits: there is no location '{folder}'. Add it with 'crackmonitor location add {folder}', "
        "or move the file into the folder of its location."
    )


def _believable(time: CaptureTime, path: Path, now: datetime) -> CaptureTime:
    """A photo cannot be younger than its arrival: a clock that runs ahead leaves only the file's own time, at most now.

    Such a time would otherwise be the latest for years, and keep rules and the watch for overdue captures quiet.
    """
    if time.at <= now + _CLOCK_TOLERANCE:
        return time
    return CaptureTime(min(datetime.fromtimestamp(path.stat().st_mtime, UTC), now), TimeSource.FILE)


def original_path(originals: Path, sha256: str, media_type: str) -> Path:
    """Where the original with that hash is kept."""
    return originals / sha256[:2] / f"{sha256}{_SUFFIXES[media_type]}"


def read_original(path: Path) -> ByteArray:
    """A kept original, uint8 (rows, cols, 3); the limits are for files on their way in.

    Raises `LostOriginalError` when its content is no longer what was taken in.
    """
    if digest(path) != path.stem:
        raise LostOriginalError(
            f"The original {path} is not what was taken in: its sha256 is another. Move it away and put the photo back "
            "from a backup, or take it in once more; then have its capture measured again: 'crackmonitor capture "
            "remeasure'."
        )
    return read_picture(path, math.inf, math.inf).image


def copy_whole(source: Path, target: Path, sha256: str) -> None:
    """Copy a file so that `target` is either absent or on disk with all the content of that hash.

    Raises `UnreadableImageError` when `source` holds something else by now.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{uuid4().hex}.part")
    try:
        with source.open("rb") as reader, unfinished.open("w+b") as writer:
            shutil.copyfileobj(reader, writer)
            writer.flush()
            os.fsync(writer.fileno())
            writer.seek(0)
            copied = hashlib.file_digest(writer, "sha256").hexdigest()
        if copied != sha256:
            raise UnreadableImageError(f"{source} changed while it was taken in. Wait until it is complete.")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _version(path: Path) -> tuple[int, int] | None:
    """A file's size and time, in bytes and ns; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _printable(text: object) -> str:
    """`text` as databases, logs and screens can hold it: bytes of a file name that are no UTF-8 as `\\xe4`."""
    return os.fsencode(str(text)).decode("utf-8", "backslashreplace")


def _expanded(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.iterdir() if file.is_file() and not passed_over(Path(file.name)))
        elif path.exists():
            files.append(path)
        else:
            raise MisuseError(f"There is no file or folder {path}. Nothing was taken in.")
    return files
