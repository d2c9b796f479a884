"""What it takes to simulate growth on a location's own wall: its reference photo, its cracks and its recipe."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analyser
from monitor.errors import MisuseError
from monitor.records import BoolArray, ByteArray
from monitor.service.executors import analyser_of
from monitor.service.ingest import original_path, read_original
from monitor.service.pictures import read_mask
from monitor.settings import Settings
from monitor.storage import queries
from monitor.storage.database import Database
from monitor.storage.views import CrackView, LocationView


@dataclass(frozen=True)
class Own:
    """A location with its reference `photo`, uint8 (rows, cols, 3), the `mask` of its cracks, bool (rows, cols), the
    stations `course` (n, 2) of its longest crack and that one's mean `opening_px` in the reference (None and 0 without
    a crack), and an `analyser` of its recipe.
    """

    location: LocationView
    photo: ByteArray
    mask: BoolArray
    course: NDArray[np.float64] | None
    opening_px: float
    analyser: Analyser


def own_wall(database: Database, settings: Settings, name: str) -> Own:
    """Raises `MisuseError` where the location has no measured reference yet, or it cannot be read any more, and
    `RecipeError` where its recipe cannot be run any more.
    """
    with database.session() as session:
        location = queries.location(session, name)
        if location.fingerprint is None or location.reference_capture_id is None:
            raise MisuseError(f"{name} has no measured reference yet. Take photos in and let the worker measure them.")
        reference = queries.capture(session, location.reference_capture_id, location.fingerprint)
        recipe = queries.recipe(session, location.fingerprint)
        cracks = queries.cracks(session, location.id)
    path = original_path(settings.originals, reference.sha256, reference.media_type or "")
    if not path.is_file():
        raise MisuseError(f"The reference photo of {name} is out of reach. Mount its folder, or put {path} back.")
    photo = read_original(path)
    kept = reference.reading.pictures.get("mask") if reference.reading else None
    mask = read_mask(settings.pictures / kept) if kept else None
    longest = max(cracks, key=lambda view: len(view.crack.course), default=None)
    return Own(
        location,
        photo,
        np.zeros(photo.shape[:2], bool) if mask is None else mask,
        None if longest is None else longest.crack.course,
        0.0 if longest is None else _opening_px(longest, reference.id),
        analyser_of(recipe, settings),
    )


def _opening_px(view: CrackView, reference: int) -> float:
    return next((one.opening_px for one in view.readings if one.capture == reference and one.opening_px), 0.0)
