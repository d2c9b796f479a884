"""A workspace with a location in every state, filled through the repository with made-up numbers and pictures."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from monitor.imaging.files import write_jpeg, write_png
from monitor.records import (
    AlertState,
    Analysis,
    ByteArray,
    CaptureTime,
    Crack,
    CrackReading,
    CrackState,
    Event,
    EventKind,
    Grade,
    Grading,
    Recipe,
    Registration,
    RuleKind,
    Scale,
    ScaleOrigin,
    Severity,
    Status,
    Temperature,
    TimeSource,
)
from monitor.service.judging import judge_location
from monitor.service.recipes import compare_ready
from monitor.settings import SETTINGS_FILE, Settings, load_settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import OVERDUE, UNITS

NOW = datetime.now(UTC).replace(microsecond=0)
RECIPE = Recipe({"weights": "made-up"})
#: What the settings may bring later; it reads wider.
OTHER_RECIPE = Recipe({"weights": "made up anew"})
#: Markdown and HTML in a site's name must be shown, not obeyed.
SITE = "Town <b>hall</b> *A*"


class Stage:
    """A workspace and how to put things into it. `shape` is that of its pictures."""

    def __init__(self, folder: Path, shape: tuple[int, int] = (48, 64)) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SETTINGS_FILE).write_text("", encoding="utf-8")
        self.settings: Settings = load_settings(folder)
        self.settings.pictures.mkdir()
        self.database = Database(self.settings.resolved_database_url)
        self.database.upgrade()
        self.shape = shape
        self._files = 0

    def site(self, name: str, time_zone: str) -> int:
        with self.database.transaction() as session:
            return repository.add_site(session, name=name, time_zone=time_zone, now=NOW)

    def location(self, site_id: int, name: str, *, mm_per_px: float | None = None) -> int:
        with self.database.transaction() as session:
            place = repository.add_location(
                session, site_id=site_id, name=name, interval_days=31, now=NOW - timedelta(days=500)
            )
            if mm_per_px is not None:
                repository.set_scale(session, place, Scale(mm_per_px, 0.004, ScaleOrigin.TYPED))
            return place

    def capture(self, place: int, days_ago: float, source: TimeSource = TimeSource.EXIF_OFFSET) -> int:
        self._files += 1
        with self.database.transaction() as session:
            capture_id = repository.add_capture(
                session,
                location_id=place,
                sha256=self._sha256(),
                file_name=f"photo_{self._files}.jpg",
                media_type="image/jpeg",
                height_px=self.shape[0],
                width_px=self.shape[1],
                time=CaptureTime(NOW - timedelta(days=days_ago), source),
                now=NOW,
            ).capture_id
            if not queries.fingerprints(session, place):
                repository.set_reference(session, place, capture_id, NOW)
        return capture_id

    def reject(self, place: int, file_name: str, complaint: str) -> None:
        self._files += 1
        reason = f"{self.settings.inbox / file_name} {complaint}"
        with self.database.transaction() as session:
            repository.reject_capture(
                session, location_id=place, sha256=self._sha256(), file_name=file_name, reason=reason, now=NOW
            )

    def reading(
        self,
        place: int,
        days_ago: float,
        width_px: float,
        source: TimeSource = TimeSource.EXIF_OFFSET,
        grading: Grading | None = None,
    ) -> int:
        """A capture that was measured; a width of 0 stands for no crack."""
        capture_id = self.capture(place, days_ago, source)
        status = Status.MEASURED if width_px else Status.NO_CRACK
        severity = Severity(1, 40 * width_px, width_px, 40.0) if width_px else Severity(0, 0.0, 0.0, 0.0)
        registration = Registration(True, None, np.eye(3), 0.2, 200, 0.98, 0.7, 0.9)
        self._record(capture_id, status, None, severity, registration, self.pictures(capture_id, width_px), grading)
        return capture_id

    def cut_off(self, place: int, days_ago: float, grading: Grading) -> int:
        """A capture that does not show all of the reference's crack."""
        capture_id = self.capture(place, days_ago)
        registration = Registration(True, None, np.eye(3), 0.2, 200, 0.84, 0.7, 0.9)
        why = "The photo does not show all of the crack."
        self._record(capture_id, Status.NOT_MEASURED, why, None, registration, self.pictures(capture_id, 4), grading)
        return capture_id

    def other_recipe(self, place: int, *, wider_px: Sequence[float], lost: str | None = None) -> None:
        """The settings have brought another recipe: as many captures as there are values have been read under it, so
        much wider. `lost` says why that in force cannot be run any more.
        """
        with self.database.transaction() as session:
            repository.bring_recipe(session, OTHER_RECIPE, NOW)
            repository.set_out_of_reach(session, RECIPE.fingerprint, lost)
            for view, wider in zip(queries.captures(session, place), wider_px, strict=False):
                assert view.reading is not None
                assert view.reading.severity is not None
                severity = replace(
                    view.reading.severity, max_width_px=view.reading.severity.max_width_px + wider, max_width_mm=None
                )
                analysis = Analysis(Status.MEASURED, None, 0.97, severity, None, OTHER_RECIPE)
                repository.record_reading(session, capture_id=view.id, analysis=analysis, pictures={}, now=NOW)
            compare_ready(session)

    def switch_recipe(self, place: int, by: str | None = None) -> None:
        with self.database.transaction() as session:
            repository.switch_recipe(session, place, OTHER_RECIPE.fingerprint, now=NOW, by=by)

    def cracks(self, place: int, openings: Mapping[str, Sequence[float | None]]) -> None:
        """What each capture of a location shows of its cracks, in px (None: gone dark), as if they were followed."""
        with self.database.transaction() as session:
            ids = [view.id for view in queries.captures(session, place)]
            readings = [
                _crack_reading(name, capture_id, value, float(next(size for size in values if size is not None)))
                for name, values in openings.items()
                for capture_id, value in zip(ids, values, strict=True)
            ]
            repository.replace_cracks(
                session,
                location_id=place,
                fingerprint=RECIPE.fingerprint,
                cracks=[Crack(name, ids[0], (0, 1), np.zeros((4, 2))) for name in openings],
                readings=readings,
                basis=queries.following_basis(session, place, RECIPE.fingerprint),
                now=NOW,
            )

    def refused(self, place: int, days_ago: float, reason: str) -> int:
        """A capture that could not be registered."""
        capture_id = self.capture(place, days_ago)
        registration = Registration(False, reason, None, None, 3, 0.1, 0.1, None)
        name = f"{capture_id}_original.jpg"
        write_jpeg(self.settings.pictures / name, self.wall(capture_id, 0)[:, ::-1], 80)
        self._record(capture_id, Status.NOT_REGISTERED, reason, None, registration, {"original": name})
        return capture_id

    def _record(
        self,
        capture_id: int,
        status: Status,
        reason: str | None,
        severity: Severity | None,
        registration: Registration,
        pictures: dict[str, str],
        grading: Grading | None = None,
    ) -> None:
        analysis = Analysis(status, reason, 0.97, severity, registration, RECIPE, grading=grading)
        with self.database.transaction() as session:
            repository.record_reading(session, capture_id=capture_id, analysis=analysis, pictures=pictures, now=NOW)
            place = queries.capture(session, capture_id).location_id
            repository.set_series(session, place, RECIPE.fingerprint)

    def fit(self, place: int) -> None:
        """Store the fits and the verdict that a worker would."""
        with self.database.transaction() as session:
            (location,) = [view for view in queries.locations(session) if view.id == place]
            judge_location(session, location, NOW)

    def event(self, place: int, days_ago: float, kind: EventKind, note: str = "", by: str | None = None) -> int:
        with self.database.transaction() as session:
            event = Event(NOW - timedelta(days=days_ago), kind, note)
            return repository.add_event(session, place, event, now=NOW, by=by)

    def temperatures(self, place: int, celsius: Mapping[float, float]) -> None:
        """By days ago."""
        with self.database.transaction() as session:
            known = [Temperature(NOW - timedelta(days=days), value) for days, value in celsius.items()]
            repository.add_temperatures(session, place, known, "log.csv")

    def rule(self, place: int, metric: str, kind: RuleKind, fire: float) -> None:
        with self.database.transaction() as session:
            repository.add_rule(
                session, place, metric=metric, kind=kind, fire=fire, clear=0.9 * fire, unit=UNITS[metric], now=NOW
            )

    def alert(self, place: int, subject: str, why: str, days_ago: float, *, fires: bool = True) -> None:
        raised = AlertState.STALE if subject == OVERDUE else AlertState.FIRING
        old, new = (AlertState.OK, raised) if fires else (raised, AlertState.OK)
        with self.database.transaction() as session:
            repository.record_transition(
                session,
                location_id=place,
                subject=subject,
                old=old,
                new=new,
                why=why,
                evidence={},
                now=NOW - timedelta(days=days_ago),
            )

    def beat(self, minutes_ago: float) -> None:
        with self.database.transaction() as session:
            repository.beat(session, "wall-pc:4711", NOW - timedelta(minutes=minutes_ago), {"analysed": 2})

    def wall(self, seed: int, width_px: float) -> ByteArray:
        """A plastered wall with a slanting crack, uint8 (rows, cols, 3)."""
        texture = np.random.default_rng(0).normal(0, 1, self.shape)
        rows, cols = np.indices(self.shape)
        axis = self.shape[1] * (0.45 + 0.1 * np.sin(4 * rows / self.shape[0]))
        grey = 175 + 9 * texture + 12 * np.sin(seed) - 110 * (np.abs(cols - axis) < width_px / 2)
        return np.clip(grey[..., None] * np.array([1.0, 0.95, 0.86]), 0, 255).astype(np.uint8)

    def pictures(self, capture_id: int, width_px: float) -> dict[str, str]:
        """`aligned`, `mask` and `relevance` of a capture, stored."""
        wall = self.wall(capture_id, width_px)
        mask = wall[..., 0] < 110
        names = {name: f"{capture_id}_{name}.png" for name in ("aligned", "mask", "relevance")}
        write_png(self.settings.pictures / names["aligned"], wall)
        write_png(self.settings.pictures / names["mask"], mask)
        write_png(self.settings.pictures / names["relevance"], np.where(mask, 200, 10).astype(np.uint8))
        return names

    def _sha256(self) -> str:
        return hashlib.sha256(str(self._files).encode()).hexdigest()


def _crack_reading(name: str, capture_id: int, opening_px: float | None, first_px: float) -> CrackReading:
    """By the lips, it moves a tenth of a pixel less than by the gap."""
    blank = CrackReading(name, capture_id, CrackState.CONTINUED)
    if opening_px is None:
        return replace(blank, state=CrackState.GONE_DARK, reason="The crack was not found in this capture.")
    moved = opening_px - first_px
    return replace(
        blank, opening_px=opening_px, opening_error_px=0.03, change_px=moved, change_error_px=0.04,
        widest_px=1.5 * opening_px, widest_error_px=0.05, shared_error_px=0.12,
        lips_px=moved - 0.1, lips_error_px=0.06, shear_px=0.02, agree=True,
    )  # fmt: skip


def two_cracks(stage: Stage) -> int:
    """`cracked` has crack A, at rest, and B, which grows and has gone dark in the last of 15 photos; the fourth is
    of grade C.
    """
    place = stage.location(stage.site(SITE, "Europe/Berlin"), "cracked", mm_per_px=0.2)
    blurred = Grading(Grade.C, ("it is blurred: 20% of the reference's detail is left",))
    for month in range(15):
        grading = blurred if month == 3 else Grading(Grade.A)
        stage.reading(place, 30 * (14 - month) + 1, 4.0, grading=grading)
    even = [0.04 * (-1) ** month for month in range(15)]
    grows = [3.0 + 0.5 * month + even[month] for month in range(14)]
    stage.cracks(place, {"A": [5.0 + part for part in even], "B": [*grows, None]})
    stage.fit(place)
    return place


def every_state(stage: Stage) -> None:
    """`growing` fires, `late` is overdue, `steady` is fine, `pixels` has no scale, `sound` has no crack,
    `empty` has nothing, `spoilt` only rejected files."""
    hall, bridge = stage.site(SITE, "Europe/Berlin"), stage.site("Bridge", "America/New_York")
    _growing(stage, stage.location(hall, "growing", mm_per_px=0.2))
    steady = stage.location(hall, "steady", mm_per_px=0.2)
    late = stage.location(bridge, "late", mm_per_px=0.2)
    pixels = stage.location(bridge, "pixels")
    sound = stage.location(bridge, "sound", mm_per_px=0.2)
    for month in range(13, -1, -1):
        stage.reading(steady, 30 * month + 1, 4 + 0.1 * np.sin(5 * month))
        stage.reading(late, 30 * month + 80, 5 + 0.1 * np.cos(month))
    for fortnight in range(7, -1, -1):
        stage.reading(pixels, 14 * fortnight + 2, 6 - 0.05 * fortnight)
        stage.reading(sound, 14 * fortnight + 3, 0)
    for place in (steady, late, pixels, sound):
        stage.fit(place)
    stage.alert(late, OVERDUE, "The last capture of late is from long ago, and one is expected every 31 days.", 40)
    stage.location(hall, "empty")
    spoilt = stage.location(hall, "spoilt")
    stage.reject(spoilt, "notes.txt", "does not contain a picture of an accepted format, whatever its name says.")
    stage.reject(spoilt, "<img>.jpg", "does not contain a picture of an accepted format, whatever its name says.")
    stage.beat(1)


def _growing(stage: Stage, place: int) -> None:
    for month in range(14, -1, -1):
        if month == 6:
            stage.refused(place, 30 * month, "only 3 features agree; <b>move</b> the camera back to where it stood.")
        elif month == 9:
            stage.reading(place, 30 * month, 9.0, TimeSource.FILE)
        else:
            stage.reading(place, 30 * month, 4.0 + 0.3 * (14 - month) + 0.4 * np.sin(month / 2))
    stage.reject(place, "half.jpg", "is damaged or incomplete and cannot be decoded as image/jpeg.")
    stage.capture(place, 0)
    stage.fit(place)
    stage.rule(place, "max_width_mm", RuleKind.LEVEL, 1.5)
    stage.rule(place, "max_width_mm", RuleKind.RATE, 0.5)
    stage.alert(place, "max_width_mm level", "The maximum width is 1.55 mm, and the limit is 1.5 mm.", 90)
    stage.alert(place, "max_width_mm level", "The maximum width is 1.3 mm again, below 1.35 mm.", 60, fires=False)
    stage.alert(place, "max_width_mm rate", "The width grows by at least 0.6 mm per year; the limit is 0.5.", 30)
