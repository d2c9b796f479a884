"""Walls drawn and photographed with a known camera, for tests of registration."""

from dataclasses import dataclass

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from monitor.records import ByteArray

Wall = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """How much a second photo may differ from the first: degrees, shares, and grey levels out of 1."""

    tilt_deg: float = 10.0
    turn_deg: float = 5.0
    scale: float = 0.1
    shift: float = 0.03
    light: float = 0.3
    gradient: float = 0.3
    noise: float = 0.015
    jpeg_quality: int = 85


def texture(name: str) -> Wall:
    """`brick`, `gravel` or `grass` of scikit-image as floats 0..1, (512, 512)."""
    return np.asarray(getattr(skimage.data, name)() / 255.0)


def brick_wall(
    shape: tuple[int, int],
    rng: np.random.Generator,
    tone: float = 0.08,
    grain: float = 0.06,
    jitter_px: float = 1.0,
    brick: tuple[int, int] = (40, 120),
) -> Wall:
    """A half bond of bricks (height, length) with light joints of 6 px, floats 0..1.

    `tone` is how bricks differ from each other, `grain` their roughness, `jitter_px` how unevenly they lie: the
    three things that do not repeat.
    """
    wall = np.full(shape, 0.85)
    height, length = brick
    for course, top in enumerate(range(-height, shape[0] + height, height)):
        for left in range(-2 * length + course % 2 * length // 2, shape[1] + length, length):
            edges = np.array([top + 3, top + height - 3, left + 3, left + length - 3]) + rng.normal(0, jitter_px, 4)
            first_row, last_row, first_col, last_col = np.maximum(edges.round().astype(int), 0)
            wall[first_row:last_row, first_col:last_col] = 0.5 + rng.normal(0, tone)
    roughness = sum(share * _unit_noise(shape, blur, rng) for share, blur in ((grain, 1.2), (grain / 2, 6.0)))
    return np.clip(gaussian_filter(wall, 0.7) + roughness, 0.02, 0.98)


def photograph(wall: Wall, to_wall: Matrix, shape: tuple[int, int], camera: Camera, seed: int) -> ByteArray:
    """Grey uint8 `shape`; `to_wall` maps (column, row, 1) of the photo to the wall."""
    rng = np.random.default_rng(seed)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    seen = cv2.warpPerspective(
        wall.astype(np.float32), to_wall, shape[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]] / np.reshape(shape, (2, 1, 1)) - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(-camera.light, camera.light)
    light = light * (1 + 2 * camera.gradient * (np.cos(angle) * cols + np.sin(angle) * rows))
    noisy = gaussian_filter(seen, 0.5) * light + rng.normal(0, camera.noise, shape)
    levels = np.clip(noisy * 255, 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg_quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE))


def pair(
    wall: Wall, shape: tuple[int, int], seed: int, camera: Camera | None = None
) -> tuple[ByteArray, ByteArray, Matrix]:
    """A straight reference of the wall's middle, a second photo, and the true matrix from the second to the first."""
    moved = camera or Camera()
    straight = Camera(light=0.0, gradient=0.0, noise=moved.noise, jpeg_quality=moved.jpeg_quality)
    reference_to_wall = shifted((wall.shape[0] - shape[0]) // 2, (wall.shape[1] - shape[1]) // 2)
    second_to_wall = _view(wall.shape, shape, moved, np.random.default_rng(seed))
    reference = photograph(wall, reference_to_wall, shape, straight, seed + 1000)
    second = photograph(wall, second_to_wall, shape, moved, seed + 2000)
    return reference, second, np.linalg.inv(reference_to_wall) @ second_to_wall


def shifted(rows: float, cols: float) -> Matrix:
    """The matrix that moves by so many rows and columns."""
    return np.array([[1.0, 0.0, cols], [0.0, 1.0, rows], [0.0, 0.0, 1.0]])


def corner_error_px(found: Matrix, true: Matrix, shape: tuple[int, ...]) -> float:
    """Largest distance, at the reference's four corners, between the found and the true place of its content."""
    corners = np.array([[[0, 0]], [[1, 0]], [[1, 1]], [[0, 1]]]) * [shape[1] - 1.0, shape[0] - 1.0]
    placed = cv2.perspectiveTransform(cv2.perspectiveTransform(corners, np.linalg.inv(true)), found)
    return float(np.linalg.norm(placed - corners, axis=2).max())


def _unit_noise(shape: tuple[int, int], blur_px: float, rng: np.random.Generator) -> Wall:
    noise = gaussian_filter(rng.standard_normal(shape), blur_px)
    return np.asarray(noise / noise.std())


def _view(wall_shape: tuple[int, ...], shape: tuple[int, int], camera: Camera, rng: np.random.Generator) -> Matrix:
    """From the photo to the wall, for a camera in front of its middle, tilted, turned, nearer or further."""
    rows, cols = shape
    focal = 1.2 * max(shape)
    around_cols, around_rows = np.deg2rad(rng.uniform(-camera.tilt_deg, camera.tilt_deg, 2))
    around_axis = np.deg2rad(rng.uniform(-camera.turn_deg, camera.turn_deg))
    rotation = cv2.Rodrigues(np.array([around_cols, around_rows, 0.0]))[0]
    rotation = rotation @ cv2.Rodrigues(np.array([0.0, 0.0, around_axis]))[0]
    distance = focal * (1 + rng.uniform(-camera.scale, camera.scale))
    lens = np.array([[focal, 0, (cols - 1) / 2], [0, focal, (rows - 1) / 2], [0, 0, 1]])
    middle = (np.array(wall_shape) - 1) / 2 + rng.uniform(-camera.shift, camera.shift, 2) * shape
    to_photo = lens @ np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, distance]]) @ shifted(*-middle)
    return np.asarray(np.linalg.inv(to_photo))
