"""Photos of painted walls with a crack of known opening, taken from known places; and files that are none."""

import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.records import ByteArray
from simulations.cracks import Crack
from simulations.rendering import CameraView, coverage, paint, photograph, random_view
from simulations.scenarios import save_photo
from simulations.walls import Picture, Shape, wall

Matrix = NDArray[np.float64]

SHAPE = (256, 320)
FIRST_DAY = datetime(2025, 1, 10, 9, 30, tzinfo=UTC)
_MARGIN_PX = 40


class Place:
    """One place on a light plaster wall. The same seed is the same place; another seed is another wall."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        canvas = (SHAPE[0] + 2 * _MARGIN_PX, SHAPE[1] + 2 * _MARGIN_PX)
        self._wall = np.float32(0.35) + np.float32(0.6) * wall("plain", canvas, np.random.default_rng(seed)).image
        course = np.linspace([70.0, 110.0], [260.0, 270.0], 250)
        self._crack = Crack(course, np.ones(len(course)))

    def photo(self, view: int = 0, opening_px: float = 0.0, shape: Shape = SHAPE) -> ByteArray:
        """What the camera sees, uint8 (*shape, 3); view 0 is square-on, every other one is turned and shifted."""
        return photograph(self._painted(opening_px), self._camera(view), shape, np.random.default_rng(view))

    def matrix(self, view: int, onto: int = 0) -> Matrix:
        """What maps (column, row, 1) of one view to another."""
        found = self._camera(onto).matrix @ np.linalg.inv(self._camera(view).matrix)
        return np.asarray(found / found[2, 2])

    def series(self, folder: Path, openings_px: NDArray[np.float64], interval_days: float) -> list[Path]:
        """One JPEG for each opening, the first at FIRST_DAY, with the times in EXIF."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"capture_{index:02d}.jpg" for index in range(len(openings_px))]
        for index, (path, opening_px) in enumerate(zip(paths, openings_px, strict=True)):
            at = FIRST_DAY + timedelta(days=index * interval_days)
            save_photo(path, self.photo(index, float(opening_px)), at, 95)
        return paths

    def _painted(self, opening_px: float) -> Picture:
        covered = coverage(self._crack, opening_px, self._wall.shape[:2])
        return paint(self._wall, covered, np.random.default_rng(self._seed), darkness=0.0)

    def _camera(self, view: int) -> CameraView:
        square_on = CameraView(np.eye(3))
        taken = random_view(SHAPE, np.random.default_rng(view), pose=0.6, light=0.3) if view else square_on
        into_the_wall = np.eye(3)
        into_the_wall[:2, 2] = -_MARGIN_PX
        return replace(taken, matrix=taken.matrix @ into_the_wall)


def furthest_corner_px(found: object, true: Matrix, shape: Shape = SHAPE) -> float:
    """Largest distance between the places to which two matrices map a corner of a picture."""
    corners = np.array([[[0, 0]], [[1, 0]], [[1, 1]], [[0, 1]]]) * [shape[1] - 1.0, shape[0] - 1.0]
    ends = [cv2.perspectiveTransform(corners, np.asarray(matrix, np.float64)) for matrix in (found, true)]
    return float(np.linalg.norm(ends[0] - ends[1], axis=2).max())


def hundred_megapixels() -> bytes:
    """A sound PNG of 12500 x 8000 white pixels, one bit each, in a few kilobytes."""
    rows = zlib.compress((b"\0" + b"\xff" * 1563) * 8000)
    header = struct.pack(">IIBBBBB", 12500, 8000, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
