"""What references are recognised by, made once for each: pages propose by it which location an uploaded photo shows."""

import logging

from monitor.errors import CrackmonitorError
from monitor.imaging.recognition import landmarks, write_landmarks
from monitor.service.ingest import original_path, read_original
from monitor.settings import Settings
from monitor.storage import queries
from monitor.storage.database import Database

log = logging.getLogger("crackmonitor.worker")


def learn_references(database: Database, settings: Settings) -> int:
    """Make the landmarks of every location's reference that has none yet; returns how many were made.

    A reference whose original is out of reach is left out, and tried again in the next round.
    """
    with database.session() as session:
        ids = [place.reference_capture_id for place in queries.locations(session)]
        hashes = queries.content_of(session, [number for number in ids if number is not None])
    made = 0
    for sha256, media_type in hashes:
        path = settings.landmarks_of(sha256)
        if path.exists():
            continue
        try:
            original = original_path(settings.originals, sha256, media_type)
            write_landmarks(path, landmarks(read_original(original)))
            made += 1
        except (CrackmonitorError, OSError) as error:
            log.warning("A reference cannot be recognised in uploads yet: %s", error)
    return made
