"""Photos to drop, a clock to turn, an analyser whose numbers are known, and a workspace to use them in."""

import io
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import ExifTags, Image

from monitor.errors import RecipeError
from monitor.records import Analysis, BoolArray, ByteArray, Grade, Grading, Recipe, Registration, Severity, Status
from monitor.service.ingest import Ingest, Intake
from monitor.service.jobs import Jobs
from monitor.service.places import add_location
from monitor.settings import Settings
from monitor.storage import queries
from monitor.storage.database import Database
from monitor.storage.views import CaptureView, NotificationView, TransitionView

pillow_heif.register_heif_opener()

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
LOCATION = "north-wall"
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "HEIF": ".heic"}


class Clock:
    """The present time, as the test says."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def turn(self, **duration: float) -> datetime:
        self.at += timedelta(**duration)
        return self.at


def encoded(image: Image.Image, kind: str = "PNG", taken: datetime | None = None) -> bytes:
    """The picture in a file of that kind; with `taken`, EXIF says when the photo was taken."""
    stream = io.BytesIO()
    written = Image.Exif()
    if taken is not None:
        details = written.get_ifd(ExifTags.IFD.Exif)
        details[ExifTags.Base.DateTimeOriginal] = taken.astimezone(UTC).strftime("%Y:%m:%d %H:%M:%S")
        details[ExifTags.Base.OffsetTimeOriginal] = "+00:00"
    exif = Image.Exif()
    exif.load(written.tobytes())
    image.save(stream, kind, exif=exif if kind == "TIFF" else exif.tobytes())
    return stream.getvalue()


def pixels(level: int = 120, shape: tuple[int, int] = (16, 24)) -> ByteArray:
    """Even grey of that level."""
    return np.full((*shape, 3), level, np.uint8)


def photo(level: int = 120, *, days: float | None = 0.0, kind: str = "PNG", shape: tuple[int, int] = (16, 24)) -> bytes:
    """A photo of even grey `level`, taken so many days after NOW (None: the file does not say)."""
    return encoded(Image.fromarray(pixels(level, shape)), kind, None if days is None else NOW + timedelta(days=days))


Hold = Callable[[], AbstractContextManager[object]]


class Gauge:
    """Stands in for the analyser: a photo's width in px is its grey level times `px_per_level`, 0 is no crack.

    Photos of a level in `broken` raise, those in `poor` are graded C, those in `cut` do not show all of the crack, what
    those in `doubtful` show is too doubtful to measure.
    `seen` holds what was analysed, as (level, level of the reference or None, whether the reference came with a mask).
    `hold` is entered around every analysis.
    """

    def __init__(self, weights: str = "first", px_per_level: float = 0.1, hold: Hold = nullcontext) -> None:
        self.recipe = Recipe({"weights": weights, "px_per_level": px_per_level})
        self.px_per_level = px_per_level
        self.broken: set[int] = set()
        self.poor: set[int] = set()
        self.cut: set[int] = set()
        self.doubtful: set[int] = set()
        self.seen: list[tuple[int, int | None, bool]] = []
        self._hold = hold

    def analyse(
        self, image: ByteArray, reference: ByteArray | None = None, reference_mask: BoolArray | None = None
    ) -> Analysis:
        level = int(image[0, 0, 0])
        self.seen.append((level, None if reference is None else int(reference[0, 0, 0]), reference_mask is not None))
        with self._hold():
            if level in self.broken:
                raise RuntimeError(f"out of memory at {level}")
        registration = None if reference is None else Registration(True, None, np.eye(3), 0.1, 200, 1.0, 0.9, 1.0)
        width = level * self.px_per_level
        severity = Severity(1, 20 * width, width, 20.0) if level else Severity(0, 0.0, 0.0, 0.0)
        mask = np.zeros(image.shape[:2], bool)
        mask[4:8] = level > 0
        status = Status.MEASURED if level else Status.NO_CRACK
        grading = Grading(Grade.C, ("it is blurred",)) if level in self.poor else None
        glow = mask.astype(np.float32)
        if level in self.cut:
            a = Grading(Grade.A)
            return Analysis(Status.NOT_MEASURED, "cut off", 0.9, None, registration, self.recipe, mask, glow, image, a)
        if level in self.doubtful:
            return Analysis(Status.NOT_MEASURED, "doubtful", 0.9, None, registration, self.recipe, mask, glow, image)
        return Analysis(status, None, 0.9, severity, registration, self.recipe, mask, glow, image, grading)

    @property
    def levels(self) -> list[int]:
        return [level for level, _, _ in self.seen]


class Workspace:
    """A workspace with one location, its database and a clock."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.clock = Clock()

    @property
    def inbox(self) -> Path:
        """The inbox folder of the location."""
        return self.settings.inbox / LOCATION

    @property
    def location_id(self) -> int:
        with self.database.session() as session:
            return queries.location(session, LOCATION).id

    def add_location(self, name: str) -> None:
        add_location(self.database, self.settings, name, "Town hall", 7, self.clock())

    def drop(self, name: str, content: bytes, folder: str = LOCATION) -> Path:
        """Put a file into the inbox."""
        path = self.settings.inbox / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def scan(self) -> Intake:
        """One scan of the inbox, a minute after the one before."""
        return Ingest(self.database, self.settings).scan(self.clock.turn(minutes=1))

    def take(self, *contents: bytes) -> list[int]:
        """Take photos in at once, by hand, long after they were taken; returns their captures' ids in that order."""
        for content in contents:
            path = self.settings.workspace / "by hand" / f"{len(self.captures())}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            intake = Ingest(self.database, self.settings).take([path], LOCATION, self.clock() + timedelta(days=90))
            assert len(intake.accepted) == 1, intake
        with self.database.session() as session:
            return sorted(view.id for view in queries.captures(session, self.location_id))[-len(contents) :]

    def jobs(
        self,
        analyser: object,
        worker: str = "one",
        stop: threading.Event | None = None,
        scans_apart: timedelta = timedelta(0),
        former: Sequence[Any] = (),
    ) -> Jobs:
        """A worker with that analyser; of other recipes, those of `former` alone can still be run."""

        def former_analyser(recipe: Recipe) -> Any:
            found = next((gauge for gauge in former if gauge.recipe == recipe), None)
            if found is None:
                raise RecipeError("its weights are gone.")
            return found

        jobs = Jobs(self.database, self.settings, self.clock, worker, stop, scans_apart=scans_apart)
        jobs.__dict__.update(analyser=analyser, former_analyser=former_analyser)
        return jobs

    def captures(self, location: str = LOCATION, fingerprint: str | None = None) -> list[CaptureView]:
        with self.database.session() as session:
            return queries.captures(session, queries.location(session, location).id, fingerprint)

    def drop_and_work(self, gauge: Gauge, *levels: int, every_days: float = 1.0) -> None:
        """For each level, a photo is taken, taken in and worked on, so many days after the one before."""
        jobs = self.jobs(gauge)
        for level in levels:
            days = self.clock.turn(days=every_days) - NOW
            self.take(photo(level, days=days / timedelta(days=1)))
            jobs.tick()

    def transitions(self) -> list[TransitionView]:
        """All changes of alert state, oldest first."""
        with self.database.session() as session:
            return queries.transitions(session)[::-1]

    def undelivered(self) -> list[NotificationView]:
        with self.database.session() as session:
            return queries.undelivered(session)

    def inbox_files(self) -> list[str]:
        return _names(self.settings.inbox)

    def original_files(self) -> list[str]:
        return _names(self.settings.originals)

    def quarantine_files(self) -> list[str]:
        return _names(self.settings.quarantine)


def _names(folder: Path) -> list[str]:
    return sorted(os.fsdecode(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
