"""Walls with a printed marker, photographed by a known pinhole camera."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.records import ByteArray

SIDE_MM = 50.0
_CODE_PX = 480
_OVERSAMPLED = 4
_CORNERS_MM = SIDE_MM / 2 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


@dataclass(frozen=True)
class MarkedWall:
    """How one marker on a wall is seen in a photo of `shape` (rows, cols).

    The wall is turned by `tilt_deg` about an axis in the photo's plane, `axis_deg` from its columns' direction; the
    marker's middle lies at `place` (col, row), where a wall seen square on would show it `side_px` wide.
    """

    side_px: float
    tilt_deg: float = 0.0
    axis_deg: float = 90.0
    turn_deg: float = 12.0
    place: tuple[float, float] = (511.8, 383.3)
    shape: tuple[int, int] = (768, 1024)
    focal_share: float = 0.8

    @property
    def to_photo(self) -> NDArray[np.float64]:
        """Homography (3, 3) from the wall in mm, the marker's middle at (0, 0), to the photo's (col, row)."""
        rows, cols = self.shape
        focal_px = self.focal_share * max(self.shape)
        camera = np.array([[focal_px, 0, (cols - 1) / 2], [0, focal_px, (rows - 1) / 2], [0, 0, 1]])
        axis = np.radians(self.axis_deg)
        tilted, _ = cv2.Rodrigues(np.radians(self.tilt_deg) * np.array([np.cos(axis), np.sin(axis), 0]))
        turned, _ = cv2.Rodrigues(np.radians(self.turn_deg) * np.array([0, 0, 1.0]))
        middle = focal_px * SIDE_MM / self.side_px * np.linalg.solve(camera, [*self.place, 1])
        return np.asarray(camera @ np.column_stack([(tilted @ turned)[:, :2], middle]))

    @property
    def corners(self) -> NDArray[np.float64]:
        """Where the marker's corners are (4, 2), (col, row)."""
        return mapped(self.to_photo, _CORNERS_MM)

    def mm_per_px(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """The true scales in the two main directions at `places` (p, 2), (col, row): (p, 2)."""
        to_wall = np.linalg.inv(self.to_photo)
        steps = [mapped(to_wall, places + step) - mapped(to_wall, places - step) for step in ([0.5, 0], [0, 0.5])]
        return np.asarray(np.linalg.svd(np.stack(steps, axis=-1), compute_uv=False))

    def photo(self, dictionary: int = cv2.aruco.DICT_APRILTAG_36h11, blur_px: float = 0.8, seed: int = 0) -> ByteArray:
        """The photo, uint8 (rows, cols): a grey wall, blurred, noisy and saved as JPEG."""
        rng = np.random.default_rng(seed)
        code = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(dictionary), 7, _CODE_PX)
        edge = _CODE_PX // 6
        sheet = cv2.copyMakeBorder(np.clip(code, 25, 235), *(edge,) * 4, cv2.BORDER_CONSTANT, value=235)
        to_mm = np.diag([SIDE_MM / _CODE_PX, SIDE_MM / _CODE_PX, 1.0])
        to_mm[:2, 2] = SIDE_MM * ((0.5 - edge) / _CODE_PX - 0.5)
        # Averaged over oversampled pixels, as a sensor does; pixel centres are whole numbers.
        finer = np.diag([_OVERSAMPLED, _OVERSAMPLED, 1.0])
        finer[:2, 2] = (_OVERSAMPLED - 1) / 2
        rows, cols = self.shape
        fine = cv2.warpPerspective(
            sheet, finer @ self.to_photo @ to_mm, (cols * _OVERSAMPLED, rows * _OVERSAMPLED), borderValue=150
        )
        light = cv2.resize(fine, (cols, rows), interpolation=cv2.INTER_AREA).astype(np.float64)
        seen = cv2.GaussianBlur(light, (0, 0), blur_px) + rng.normal(0, 3, self.shape)
        _, jpeg = cv2.imencode(".jpg", np.clip(seen, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE))


def mapped(matrix: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places (p, 2) through a homography."""
    found = np.column_stack([places, np.ones(len(places))]) @ matrix.T
    return np.asarray(found[:, :2] / found[:, 2:])
