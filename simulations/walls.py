"""Crack-free walls to paint cracks on: procedural masonry, plaster and concrete, and CC0 pictures.

A wall is a float32 picture (rows, cols, 3) in [0, 1] together with the places of its joints, so that a
simulated crack can follow the mortar as real ones do. Everything random comes from the `rng` given.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import UnknownNameError

Shape = tuple[int, int]
Picture = NDArray[np.float32]

_BRICK_COLOURS = np.array(
    [[0.62, 0.30, 0.22], [0.72, 0.42, 0.28], [0.55, 0.22, 0.18], [0.78, 0.62, 0.44], [0.48, 0.40, 0.38],
     [0.80, 0.36, 0.20], [0.66, 0.56, 0.50]], dtype=np.float32,
)  # fmt: skip
_MORTAR_COLOURS = np.array(
    [[0.72, 0.70, 0.66], [0.55, 0.53, 0.50], [0.82, 0.79, 0.72], [0.42, 0.40, 0.38]], dtype=np.float32
)
_PLAIN_COLOURS = np.array(
    [[0.80, 0.78, 0.74], [0.62, 0.62, 0.61], [0.86, 0.80, 0.66], [0.48, 0.48, 0.47], [0.74, 0.66, 0.58]],
    dtype=np.float32,
)


@dataclass(frozen=True)
class Wall:
    """A crack-free wall: `image` float32 (rows, cols, 3) in [0, 1], `joints` bool (rows, cols)."""

    image: Picture
    joints: NDArray[np.bool_]
    kind: str


def fractal_noise(shape: Shape, rng: np.random.Generator, coarsest_px: float, octaves: int = 4) -> Picture:
    """Smooth noise of zero mean and unit variance, halving its grain over `octaves` from `coarsest_px`."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        grain = max(coarsest_px / 2**octave, 1.0)
        coarse = (int(np.ceil(shape[0] / grain)) + 2, int(np.ceil(shape[1] / grain)) + 2)
        field = rng.standard_normal(coarse, dtype=np.float32)
        total += cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC) * 0.6**octave
    return (total - total.mean()) / (total.std() + 1e-6)


def _grained(image: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Add the material's own texture: broad blotches, fine grain and a few dark pits."""
    shape = image.shape[:2]
    blotches = fractal_noise(shape, rng, max(shape) / 3, 4) * 0.35 * strength
    grain = fractal_noise(shape, rng, rng.uniform(2, 8), 3) * 0.65 * strength
    textured = image * (1 + (blotches + grain)[..., None])
    pits = np.zeros(shape, np.float32)
    for _ in range(rng.poisson(shape[0] * shape[1] / 6000 * rng.uniform(0, 2))):
        centre = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        axes = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        cv2.ellipse(pits, centre, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.1, 0.6)), -1)
    return textured * (1 - cv2.GaussianBlur(pits, (0, 0), 0.7)[..., None])


def _soft_step(distance: Picture, softness: float) -> Picture:
    """0 inside the brick, 1 inside the joint, a ramp of `softness` px between."""
    return np.clip(distance / softness + 0.5, 0, 1).astype(np.float32)


def _joint_shading(depth_below_edge: Picture, joint_px: float, rng: np.random.Generator) -> Picture:
    """Shadow that an overhanging brick throws into a recessed joint (a crack's most common double)."""
    reach = joint_px * rng.uniform(0.15, 0.6)
    strength = rng.choice([0.0, rng.uniform(0.1, 0.4), rng.uniform(0.4, 0.85)], p=[0.35, 0.35, 0.3])
    return (1 - strength * np.exp(-np.maximum(depth_below_edge, 0) / reach)).astype(np.float32)


def _recess(shape: Shape, joint_px: float, rng: np.random.Generator) -> Picture:
    """Light left where mortar has fallen out or lies deep: dark stretches of joint, here and there or all along."""
    if rng.random() < 0.6:
        return np.ones(shape, np.float32)
    field = fractal_noise(shape, rng, joint_px * rng.uniform(2, 12), 3)
    depth = np.clip((field - rng.uniform(-2.5, 2)) * rng.uniform(0.5, 3), 0, 1)
    return np.asarray(1 - rng.uniform(0.3, 0.8) * depth, np.float32)


def bonded(shape: Shape, rng: np.random.Generator, course_px: float | None = None) -> Wall:
    """Brickwork or blockwork in courses; stretcher, third or stack bond, uneven edges, recessed joints."""
    course = course_px or rng.uniform(18, 140)
    length = course * rng.uniform(1.8, 4.0)
    joint = course * rng.uniform(0.07, 0.25)
    wobble = min(joint * rng.uniform(0.05, 0.35), 4.0)
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    rows += fractal_noise(shape, rng, course, 4) * wobble + rng.uniform(0, course)
    cols += fractal_noise(shape, rng, course, 4) * wobble + rng.uniform(0, length)
    course_index = np.floor(rows / course).astype(int)
    within_row = rows - course_index * course
    bond = rng.choice([0.5, 0.333, 0.0], p=[0.75, 0.2, 0.05])
    jitter = rng.uniform(-0.05, 0.05, course_index.max() + 2).astype(np.float32) * length
    shifted = cols + (course_index * bond % 1) * length + jitter[course_index]
    brick_index = np.floor(shifted / length).astype(int)
    within_col = shifted - brick_index * length
    into_joint = np.maximum(joint / 2 - np.abs(within_row - joint / 2), joint / 2 - np.abs(within_col - joint / 2))
    joints = _soft_step(into_joint, max(1.0, wobble))
    colour = _BRICK_COLOURS[rng.integers(len(_BRICK_COLOURS))] * rng.uniform(0.75, 1.2)
    tones = 1 + rng.normal(0, rng.uniform(0.02, 0.15), (997, 1)).astype(np.float32)
    hues = 1 + rng.normal(0, 0.03, (997, 3)).astype(np.float32)
    bricks = colour * (tones * hues)[(course_index * 131 + brick_index * 17) % 997]
    bricks = _grained(bricks.astype(np.float32), rng, rng.uniform(0.02, 0.16))
    mortar = np.broadcast_to(_MORTAR_COLOURS[rng.integers(len(_MORTAR_COLOURS))], bricks.shape)
    mortar = _grained(mortar.astype(np.float32), rng, rng.uniform(0.03, 0.18))
    shading = _joint_shading(np.where(into_joint > 0, within_row, 1e3).astype(np.float32), joint, rng)
    shading *= _joint_shading(np.where(into_joint > 0, within_col, 1e3).astype(np.float32), joint, rng)
    shading *= _recess(shape, joint, rng)
    image = bricks * (1 - joints[..., None]) + mortar * (joints * shading)[..., None]
    return Wall(np.clip(image, 0, 1), joints > 0.5, "bonded")


def rubble(shape: Shape, rng: np.random.Generator, stone_px: float | None = None) -> Wall:
    """Irregular stones in mortar: cells around scattered centres, one tone a stone."""
    stone = stone_px or rng.uniform(30, 120)
    count = int(np.prod([extent / stone + 3 for extent in shape]))
    centres = rng.uniform(-stone, [[shape[0] + stone, shape[1] + stone]], (max(count, 4), 2))
    from scipy.spatial import cKDTree

    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    warp = stone * 0.05
    points = np.stack(
        [rows + fractal_noise(shape, rng, stone, 4) * warp, cols + fractal_noise(shape, rng, stone, 4) * warp], -1
    )
    distances, nearest = cKDTree(centres * [1.4, 1.0]).query(points * [1.4, 1.0], k=2)
    gap = (distances[..., 1] - distances[..., 0]).astype(np.float32)
    joint = stone * rng.uniform(0.06, 0.2)
    joints = _soft_step(joint - gap, 2.0)
    base = _PLAIN_COLOURS[rng.integers(len(_PLAIN_COLOURS))] * rng.uniform(0.6, 1.1)
    tones = 1 + rng.normal(0, 0.12, (len(centres), 1)).astype(np.float32)
    stones = _grained((base * tones[nearest[..., 0]]).astype(np.float32), rng, rng.uniform(0.04, 0.2))
    mortar = np.broadcast_to(_MORTAR_COLOURS[rng.integers(len(_MORTAR_COLOURS))], stones.shape)
    mortar = _grained(mortar.astype(np.float32), rng, rng.uniform(0.03, 0.15))
    edge = _joint_shading(np.where(joints > 0.5, np.abs(gap - joint), 1e3).astype(np.float32), joint, rng)
    image = stones * (1 - joints[..., None]) + mortar * (joints * edge)[..., None]
    return Wall(np.clip(image, 0, 1), joints > 0.5, "rubble")


def plain(shape: Shape, rng: np.random.Generator, _size_px: float | None = None) -> Wall:
    """Plaster or concrete, now and then with straight formwork joints."""
    base = _PLAIN_COLOURS[rng.integers(len(_PLAIN_COLOURS))] * rng.uniform(0.6, 1.1)
    image = _grained(np.broadcast_to(base, (*shape, 3)).astype(np.float32), rng, rng.uniform(0.01, 0.14))
    joints = np.zeros(shape, np.float32)
    if rng.random() < 0.35:
        spacing, width = rng.uniform(60, 300), rng.uniform(1.0, 5.0)
        along = rng.integers(2)
        position = np.arange(shape[along], dtype=np.float32) + rng.uniform(0, spacing)
        line = np.clip(width / 2 + 0.5 - np.abs(position % spacing - spacing / 2), 0, 1)
        joints += line[:, None] if along == 0 else line[None, :]
        image = image * (1 - rng.uniform(0.1, 0.55) * joints[..., None])
    return Wall(np.clip(image, 0, 1), joints > 0.5, "plain")


def cc0_texture(shape: Shape, rng: np.random.Generator, _size_px: float | None = None) -> Wall:
    """A window of scikit-image's CC0 pictures `brick` and `gravel`, mirrored where the wall is larger."""
    from skimage import data

    source = (data.brick if rng.random() < 0.7 else data.gravel)().astype(np.float32) / 255
    zoom = rng.uniform(0.8, 2.0)
    source = cv2.resize(source, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    padding = [(0, max(0, wanted - have)) for wanted, have in zip(shape, source.shape, strict=True)]
    source = np.pad(source, padding, mode="symmetric")
    row, col = (int(rng.integers(have - wanted + 1)) for wanted, have in zip(shape, source.shape, strict=True))
    grey = source[row : row + shape[0], col : col + shape[1]]
    tint = _BRICK_COLOURS[rng.integers(len(_BRICK_COLOURS))] ** rng.uniform(0, 1)
    image = np.clip(grey[..., None] * tint / tint.mean(), 0, 1).astype(np.float32)
    return Wall(image, np.zeros(shape, bool), "cc0_texture")


WALLS: dict[str, Callable[[Shape, np.random.Generator, float | None], Wall]] = {
    "bonded": bonded,
    "rubble": rubble,
    "plain": plain,
    "cc0_texture": cc0_texture,
}


def wall(kind: str, shape: Shape, rng: np.random.Generator, size_px: float | None = None) -> Wall:
    """A wall of one of the known kinds; `size_px` is the course height or stone size where there is one.

    Raises `UnknownNameError` for a kind that is not in `WALLS`.
    """
    if kind not in WALLS:
        raise UnknownNameError("wall", kind, WALLS)
    return WALLS[kind](shape, rng, size_px)
