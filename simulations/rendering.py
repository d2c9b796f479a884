"""From geometry to a photograph: paint the gap, then light, camera and file format.

Pixel centres are integers. A gap of opening w covers a pixel by the share of its unit width that lies
within w / 2 of the course, so a painted opening is right to a small fraction of a pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from simulations.cracks import Crack
from simulations.walls import Picture, Shape, fractal_noise

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class CameraView:
    """How one capture is taken: `matrix` (3, 3) maps wall (column, row, 1) to photo pixels."""

    matrix: Matrix
    gain: float = 1.0
    gradient: tuple[float, float] = (0.0, 0.0)
    blur_px: float = 0.6
    noise: float = 0.01
    jpeg_quality: int = 92


def coverage(crack: Crack, opening_px: float, shape: Shape) -> Picture:
    """Share of each pixel covered by the gap, float32 (rows, cols) in [0, 1]."""
    half = crack.profile * opening_px / 2
    covered = np.zeros(shape, np.float32)
    reach = int(np.ceil(half.max(initial=0) + 2))
    near = np.zeros(shape, np.uint8)
    course = np.round(crack.path[:, ::-1] * 16).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(near, [course], False, 1, thickness=2 * reach + 1, shift=4)
    pixels = np.argwhere(near)
    if not len(pixels):
        return covered
    distance, local_half = _distance_to_course(pixels.astype(np.float64), crack.path, half)
    share = np.minimum(distance + 0.5, local_half) - np.maximum(distance - 0.5, -local_half)
    covered[pixels[:, 0], pixels[:, 1]] = np.clip(share, 0, 1)
    return covered


@dataclass(frozen=True)
class Halves:
    """How the two halves of a wall part along a crack: for each pixel (rows, cols) the course point that moves it,
    `nearest` (int), and the direction and share of that point's half opening, `towards` float32 (rows, cols, 2) as
    (row, col).

    At the lips it is the full half opening along the course's normal; away from the crack the wall yields less.
    """

    nearest: NDArray[np.int64]
    towards: Picture

    @classmethod
    def of(cls, path: Matrix, shape: Shape, yielding_px: float = 800.0) -> "Halves":
        """Along a course (n, 2) of points about 1 px apart; beyond its tips nothing moves."""
        normals = _smooth_normals(path)
        rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]]
        pixels = np.stack([rows, cols], -1).reshape(-1, 2).astype(np.float64)
        distance, nearest = cKDTree(path).query(pixels)
        side = np.sign(np.einsum("ij,ij->i", pixels - path[nearest], normals[nearest]))
        towards = normals[nearest] * (side * np.exp(-distance / yielding_px))[:, None]
        return cls(nearest.reshape(shape), towards.reshape(*shape, 2).astype(np.float32))


def parted(image: Picture, halves: Halves, crack: Crack, opening_px: float) -> Picture:
    """The wall, its halves moved apart by the crack's opening; what the gap shows is painted over it."""
    half = (crack.profile * opening_px / 2).astype(np.float32)[halves.nearest]
    rows, cols = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    source = cols - half * halves.towards[..., 1], rows - half * halves.towards[..., 0]
    return np.asarray(cv2.remap(image, *source, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101))


def _smooth_normals(path: Matrix) -> Matrix:
    """Unit normals (n, 2) of the course as it runs at large: lips slide past small kinks, they do not follow them."""
    along = np.gradient(gaussian_filter1d(path, 12.0, axis=0, mode="nearest"), axis=0)
    return np.asarray(along[:, ::-1] * (1, -1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None])


def _distance_to_course(
    pixels: Matrix, path: Matrix, half: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance (n,) of each pixel to the polyline, and the half opening (n,) interpolated there."""
    _, nearest = cKDTree(path).query(pixels)
    best = np.full(len(pixels), np.inf)
    best_half = np.zeros(len(pixels))
    for first in (np.clip(nearest - 1, 0, len(path) - 2), np.clip(nearest, 0, len(path) - 2)):
        start, step = path[first], path[first + 1] - path[first]
        share = np.einsum("ij,ij->i", pixels - start, step) / np.maximum(np.einsum("ij,ij->i", step, step), 1e-12)
        share = np.clip(share, 0, 1)
        distance = np.linalg.norm(pixels - start - share[:, None] * step, axis=1)
        closer = distance < best
        best = np.where(closer, distance, best)
        best_half = np.where(closer, half[first] * (1 - share) + half[first + 1] * share, best_half)
    return best, best_half


def paint(image: Picture, covered: Picture, rng: np.random.Generator, darkness: float | None = None) -> Picture:
    """The wall with the gap in it: inside it is dark (`darkness` = share of the wall's light left there)."""
    left = rng.choice([rng.uniform(0.02, 0.2), rng.uniform(0.2, 0.5)], p=[0.7, 0.3]) if darkness is None else darkness
    inside = image.mean(axis=(0, 1)) * left
    depth = inside * (1 + 0.15 * fractal_noise(image.shape[:2], rng, 6, 2)[..., None])
    return np.clip(image * (1 - covered[..., None]) + depth * covered[..., None], 0, 1).astype(np.float32)


def random_view(shape: Shape, rng: np.random.Generator, pose: float = 1.0, light: float = 1.0) -> CameraView:
    """A hand-held repeat: up to 3 degrees of roll, 3 % of scale, slight tilt and shift, times `pose`;
    light +-15 % and a gradient, times `light`.
    """
    angle = np.deg2rad(rng.uniform(-3, 3) * pose)
    zoom = 1 + rng.uniform(-0.03, 0.03) * pose
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    tilt = np.eye(3)
    tilt[2, :2] = rng.uniform(-0.02, 0.02, 2) * pose / max(shape)
    shift = np.eye(3)
    shift[:2, 2] = rng.uniform(-0.02, 0.02, 2) * max(shape) * pose
    centre = np.eye(3)
    centre[:2, 2] = [-(shape[1] - 1) / 2, -(shape[0] - 1) / 2]
    matrix = shift @ np.linalg.inv(centre) @ tilt @ rotation @ np.diag([zoom, zoom, 1.0]) @ centre
    return CameraView(
        matrix=matrix,
        gain=float(1 + rng.uniform(-0.15, 0.15) * light),
        gradient=(float(rng.uniform(-0.1, 0.1) * light), float(rng.uniform(-0.1, 0.1) * light)),
        blur_px=float(rng.uniform(0.4, 0.9)),
        noise=float(rng.uniform(0.004, 0.015)),
        jpeg_quality=int(rng.integers(85, 97)),
    )


def photograph(image: Picture, view: CameraView, shape: Shape, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What the camera sees, uint8 (rows, cols, 3): pose, blur, light, noise. JPEG comes when it is saved."""
    seen = cv2.warpPerspective(
        image, view.matrix, shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    seen = cv2.GaussianBlur(seen, (0, 0), view.blur_px)
    rows = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None, None]
    cols = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :, None]
    lit = seen * view.gain * (1 + view.gradient[0] * rows + view.gradient[1] * cols)
    noisy = lit + rng.standard_normal(lit.shape, dtype=np.float32) * view.noise
    return np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8)


def heights(joints: NDArray[np.bool_], relief_px: float, rng: np.random.Generator) -> Picture:
    """How far each place (rows, cols) of a wall stands out of its plane, in px: it bulges by `relief_px` (standard
    deviation), and its joints lie back by as much.
    """
    bulging = fractal_noise(joints.shape, rng, max(joints.shape) / 2, 3) * relief_px
    return np.asarray(bulging - cv2.GaussianBlur(joints.astype(np.float32), (0, 0), 1.0) * relief_px, np.float32)


def with_parallax(image: Picture, heights_px: Picture, view: CameraView, shape: Shape) -> Picture:
    """The wall as its relief shows it from there: what stands out shifts by its height times the slant of the view.

    The slant is told from the view's perspective, for a lens of 1.2 times the longer side of `shape`.
    """
    slant = view.matrix[2, :2] / view.matrix[2, 2] * 1.2 * max(shape)
    rows, cols = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    source = cols - heights_px * np.float32(slant[0]), rows - heights_px * np.float32(slant[1])
    return np.asarray(cv2.remap(image, *source, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101))


def seen_from(covered: Picture, view: CameraView) -> Picture:
    """A map of the wall, (rows, cols) or several (rows, cols, n), as it lies in the photo that `photograph` takes of it
    from the same place.
    """
    return np.asarray(
        cv2.warpPerspective(
            covered, view.matrix, covered.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
    )


def bent(photo: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """The photo as a lens with a little radial distortion shows it: corners shifted by `share` of their distance."""
    rows, cols = photo.shape[:2]
    down, right = np.mgrid[0:rows, 0:cols].astype(np.float32)
    middle = np.array([(rows - 1) / 2, (cols - 1) / 2], np.float32)
    radius = ((down - middle[0]) ** 2 + (right - middle[1]) ** 2) / float(middle @ middle)
    factor = 1 + share * radius
    source = (right - middle[1]) * factor + middle[1], (down - middle[0]) * factor + middle[0]
    return np.asarray(cv2.remap(photo, *source, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101))
