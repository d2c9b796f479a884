"""The cracks of one location followed through its captures, from what is stored and back into it.

Pictures are read and stations measured outside any transaction; what has changed meanwhile is noticed, and followed
at the next round.
"""

import logging
import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from monitor.imaging.files import read_picture
from monitor.opening.following import Following, Sighting, follow
from monitor.records import BoolArray, ByteArray, Status
from monitor.service.ingest import original_path
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.views import CaptureView, LocationView

log = logging.getLogger("crackmonitor.worker")

_LOOKED_AT = (Status.MEASURED, Status.NO_CRACK)


def follow_location(database: Database, settings: Settings, location: LocationView, now: datetime) -> None:
    """Follow the cracks of the location's series through all its captures and store what each shows of them.

    A capture whose original or mask is out of reach is left out; its crack readings then say so.
    """
    assert location.fingerprint is not None, "only a location with a series is followed"
    with database.session() as session:
        basis = queries.following_basis(session, location.id, location.fingerprint)
        captures = [capture for capture in queries.captures(session, location.id) if capture.time is not None]
    found = _followed(location, captures, settings)
    with database.transaction() as session:
        repository.hold_location(session, location.id)
        if queries.following_basis(session, location.id, location.fingerprint) == basis:
            repository.replace_cracks(
                session,
                location_id=location.id,
                fingerprint=location.fingerprint,
                cracks=found.cracks,
                readings=found.readings,
                basis=basis,
                now=now,
            )


def _followed(location: LocationView, captures: Iterable[CaptureView], settings: Settings) -> Following:
    originals = {capture.id: _original(settings, capture) for capture in captures}
    sightings = [sighting for capture in captures if (sighting := _sighting(capture, settings, originals))]
    reference = location.reference_capture_id
    if reference is None or all(sighting.key != reference for sighting in sightings):
        return Following()
    return follow(reference, sightings, lambda key: _read(originals[key]))


def _original(settings: Settings, capture: CaptureView) -> Path:
    return original_path(settings.originals, capture.sha256, capture.media_type or "")


def _sighting(capture: CaptureView, settings: Settings, originals: dict[int, Path]) -> Sighting | None:
    """What a capture contributes, None where it was not measured or its files cannot be read."""
    reading = capture.reading
    if reading is None or reading.status not in _LOOKED_AT or capture.height_px is None or capture.width_px is None:
        return None
    mask = _mask(settings.pictures, reading.pictures.get("mask"))
    if mask is None or not originals[capture.id].is_file():
        log.warning("Capture %d (%s) is not followed: its pictures are out of reach", capture.id, capture.file_name)
        return None
    matrix = np.eye(3) if reading.registration is None else reading.registration.matrix
    return None if matrix is None else Sighting(capture.id, mask, (capture.height_px, capture.width_px), matrix)


def _mask(folder: Path, name: str | None) -> BoolArray | None:
    picture = None if name is None else cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
    return None if picture is None else np.asarray(picture > 127)


def _read(path: Path) -> ByteArray:
    return read_picture(path, math.inf, math.inf).image  # the limits are for files on their way in
