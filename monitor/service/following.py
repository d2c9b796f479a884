"""The cracks of one location followed through its captures, from what is stored and back into it.

Pictures are read and stations measured outside any transaction; what has changed meanwhile is noticed, and followed
at the next round.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from monitor.errors import StorageError
from monitor.imaging.sparse_masks import SparseMask
from monitor.imaging.station_profiles import write_profiles
from monitor.opening.following import Following, follow
from monitor.opening.sightings import Sighting
from monitor.records import SIZED, BoolArray, shows_cracks
from monitor.service.corrected_cracks import Corrected, with_corrections
from monitor.service.ingest import original_path, read_original
from monitor.service.looks import KeptLooks
from monitor.service.pictures import read_mask
from monitor.settings import Settings
from monitor.storage import queries, repository
from monitor.storage.database import Database
from monitor.storage.told import CorrectionView
from monitor.storage.views import CaptureView, LocationView, ReadingView

log = logging.getLogger("crackmonitor.worker")


def follow_location(database: Database, settings: Settings, location: LocationView, now: datetime) -> None:
    """Follow the cracks of the location's series through all its captures and store what each shows of them.

    With another `location.fingerprint` than the one in force it is that shadow series.

    A capture whose original or mask is out of reach is left out; its crack readings then say so. Raises
    `StorageError`, and what is known stays, where those of the reference are: its folder is not mounted, perhaps.
    """
    assert location.fingerprint is not None, "only a location with a series is followed"
    with database.session() as session:
        basis = queries.following_basis(session, location.id, location.fingerprint)
        found = queries.captures(session, location.id, location.fingerprint)
        words = queries.corrections_in_force(session, location.id)
        options = queries.recipe(session, location.fingerprint).options
    captures = [capture for capture in found if capture.time is not None]
    looks = _looks(location, captures, settings)
    followed = _followed(location, captures, settings, words, str(options.get("width_method", "edge")), looks)
    if looks is not None:
        looks.write()
    with database.transaction() as session:
        repository.hold_location(session, location.id)
        if queries.following_basis(session, location.id, location.fingerprint) == basis:
            repository.replace_cracks(
                session,
                location_id=location.id,
                fingerprint=location.fingerprint,
                cracks=followed.cracks,
                readings=followed.readings,
                basis=basis,
                now=now,
                corrections=followed.corrections,
            )
            repository.replace_corrected(session, location.id, location.fingerprint, followed.severities)
            write_profiles(settings.profiles_of(location.id, location.fingerprint), followed.profiles)


def _looks(location: LocationView, captures: Sequence[CaptureView], settings: Settings) -> KeptLooks | None:
    """What was seen at the cracks before; None without a reference."""
    sha256 = {capture.id: capture.sha256 for capture in captures}
    if location.reference_capture_id not in sha256:
        return None
    assert location.fingerprint is not None, "only a location with a series is followed"
    return KeptLooks(settings.looks_of(location.id, location.fingerprint), sha256, location.reference_capture_id)


def _followed(
    location: LocationView,
    captures: Sequence[CaptureView],
    settings: Settings,
    words: Sequence[CorrectionView],
    width_method: str,
    looks: KeptLooks | None,
) -> Corrected:
    originals = {capture.id: _original(settings, capture) for capture in captures}
    sightings = [sighting for capture in captures if (sighting := _sighting(capture, settings, originals))]
    reference = location.reference_capture_id
    if reference is None or all(sighting.key != reference for sighting in sightings):
        if any(capture.id == reference and _looked_at(capture) for capture in captures):
            raise StorageError(f"The original or mask of the reference, capture {reference}, is out of reach.")
        return Corrected()

    def followed(parts: Sequence[Sighting]) -> Following:
        return follow(reference, parts, lambda key: read_original(originals[key]), looks)

    found = {capture.id: capture.reading.severity for capture in captures if capture.reading is not None}
    severities = {key: severity for key, severity in found.items() if severity is not None}
    return with_corrections(followed(sightings), words, sightings, followed, width_method, severities)


def _original(settings: Settings, capture: CaptureView) -> Path:
    return original_path(settings.originals, capture.sha256, capture.media_type or "")


def _sighting(capture: CaptureView, settings: Settings, originals: dict[int, Path]) -> Sighting | None:
    """What a capture contributes, None where it could not be laid onto the reference or its files cannot be read.

    Where its mask does not say where cracks are, the lips of known ones can still be followed.
    """
    reading = capture.reading
    if reading is None or capture.height_px is None or capture.width_px is None:
        return None
    registration = reading.registration
    if not capture.is_reference and (registration is None or not registration.accepted):
        return None
    frame = _frame(capture, reading, settings.pictures)
    if frame is None or not originals[capture.id].is_file():
        log.warning("Capture %d (%s) is not followed: its pictures are out of reach", capture.id, capture.file_name)
        return None
    mask = SparseMask.of(frame if shows_cracks(reading.status, reading.grading) else np.zeros_like(frame))
    matrix = np.eye(3) if registration is None or registration.matrix is None else registration.matrix
    return Sighting(capture.id, mask, (capture.height_px, capture.width_px), matrix)


def _frame(capture: CaptureView, reading: ReadingView, pictures: Path) -> BoolArray | None:
    """The capture's mask in the reference's frame; a blank one where none was made."""
    name = reading.pictures.get("mask")
    if name is not None or reading.status in SIZED:
        return None if name is None else read_mask(pictures / name)
    if capture.is_reference and capture.height_px is not None and capture.width_px is not None:
        return np.zeros((capture.height_px, capture.width_px), bool)
    aligned = cv2.imread(str(pictures / reading.pictures.get("aligned", "")), cv2.IMREAD_GRAYSCALE)
    return None if aligned is None else np.zeros(aligned.shape, bool)


def _looked_at(capture: CaptureView) -> bool:
    return capture.reading is not None and capture.reading.status in SIZED
