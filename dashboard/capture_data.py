"""One capture, and what people say of the cracks in it; a module that touches `monitor`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard import data
from dashboard.changes import changing
from dashboard.place_data import original_files
from monitor.errors import MisuseError
from monitor.storage import queries, repository
from monitor.storage.told import CorrectionKind as CorrectionKind
from monitor.storage.told import CorrectionView as CorrectionView

#: Shorter lines are no crack that could be followed.
_LEAST_LINE_PX = 20.0


@dataclass(frozen=True)
class Shown:
    """A capture of a location with what each crack is in it, and the frame it is told in."""

    capture: data.CaptureView
    cracks: tuple[data.CrackView, ...]
    readings: tuple[data.CrackReading, ...]
    corrections: tuple[CorrectionView, ...]
    frame_px: tuple[int, int] | None


@st.cache_data(ttl=10, show_spinner=False)
def shown(folder: Path, capture_id: int) -> Shown:
    """All there is to see of a capture. Raises `CrackmonitorError` when there is none with that number."""
    with data.reading(folder) as (session, _):
        capture = queries.capture(session, capture_id)
        cracks = queries.cracks(session, capture.location_id)
        reference = queries.reference(session, capture.location_id)
        readings = [reading for view in cracks for reading in view.readings if reading.capture == capture_id]
        known = reference is not None and reference.height_px and reference.width_px
        return Shown(
            capture,
            tuple(cracks),
            tuple(readings),
            tuple(queries.corrections(session, capture.location_id)),
            (reference.height_px, reference.width_px) if known else None,  # type: ignore[union-attr]
        )


@st.cache_data(ttl=60, max_entries=8, show_spinner=False)
def original(folder: Path, sha256: str) -> data.ByteArray | None:
    """The photo as it was taken in, upright, made smaller; None where it is not on disk."""
    with data.reading(folder) as (_, settings):
        return next((data.picture_at(path) for path in original_files(settings, sha256)), None)


def judge(folder: Path, seen: Shown, crack: str, kind: CorrectionKind, why: str, by: str) -> None:
    """Accept or reject a crack; the worker follows the location anew."""
    course = next(view.crack.course for view in seen.cracks if view.crack.name == crack)
    _correct(folder, seen, kind, course, why, by, crack)


def mark(folder: Path, seen: Shown, line: list[tuple[float, float]], why: str, by: str) -> None:
    """Mark a crack that was missed by points (row, col) of the reference's frame; the worker follows it."""
    course = np.array(line, np.float64).reshape(-1, 2)
    if len(course) > 1 and float(np.linalg.norm(np.diff(course, axis=0), axis=1).sum()) < _LEAST_LINE_PX:
        raise MisuseError(f"The line is too short; mark at least {_LEAST_LINE_PX:.0f} px of the crack.")
    _correct(folder, seen, CorrectionKind.MARKED, course, why, by, None)


def _correct(
    folder: Path, seen: Shown, kind: CorrectionKind, course: np.ndarray, why: str, by: str, crack: str | None
) -> None:
    with changing(folder) as (desk, _, now):
        desk.do(
            repository.correct_crack,
            seen.capture.location_id,
            kind=kind,
            course=course,
            why=why,
            now=now,
            by=by or None,
            crack=crack,
            capture_id=seen.capture.id,
        )
