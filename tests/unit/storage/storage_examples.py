"""Records to store, and a place to store them in."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from monitor.records import Analysis, CaptureTime, Recipe, Registration, Severity, Status, TimeSource
from monitor.storage import repository
from monitor.storage.database import Database

NOW = datetime(2025, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def recipe(weights: str = "first") -> Recipe:
    return Recipe({"weights": weights, "attribution": "lrp"})


def registration(*, accepted: bool = True) -> Registration:
    return Registration(
        accepted=accepted,
        reason=None if accepted else "too few inliers",
        matrix=np.array([[1.0, 0.1, -3.25], [0.0, 1.0, 1 / 3], [0.0, 0.0, 1.0]]) if accepted else None,
        residual_px=0.31 if accepted else None,
        inliers=120 if accepted else 4,
        overlap=0.97,
        spread=0.6,
        agreement=0.99 if accepted else None,
    )


def measured(width_px: float = 4.0, *, weights: str = "first", registered: bool = True) -> Analysis:
    return Analysis(
        status=Status.MEASURED,
        reason=None,
        crack_probability=0.98,
        severity=Severity(crack_count=2, area_px=100.0, max_width_px=width_px, length_px=50.0),
        registration=registration() if registered else None,
        recipe=recipe(weights),
    )


def failed(status: Status = Status.NOT_REGISTERED, reason: str | None = "too few inliers") -> Analysis:
    return Analysis(
        status=status,
        reason=reason,
        crack_probability=None,
        severity=None,
        registration=registration(accepted=False),
        recipe=recipe(),
    )


@dataclass
class Place:
    """One location in one database, and a short way to put captures there."""

    database: Database
    location_id: int
    fingerprint: str

    def capture(self, name: str, *, days: float = 0.0, source: TimeSource = TimeSource.EXIF_OFFSET) -> int:
        """An accepted capture taken that many days after NOW."""
        at: datetime = NOW + timedelta(days=days)
        with self.database.transaction() as session:
            return repository.add_capture(
                session,
                location_id=self.location_id,
                sha256=digest(name),
                file_name=f"{name}.jpg",
                media_type="image/jpeg",
                height_px=480,
                width_px=640,
                time=CaptureTime(at, source),
                now=NOW,
            ).capture_id
