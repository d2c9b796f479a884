"""Things on walls that are not cracks but look like them: shadows, cables, stems, scratches, stains, chips, marks.

They are put on cracked and crack-free pictures alike, so that their presence says nothing by itself.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from simulations.walls import Picture, fractal_noise


def _smooth_curve(shape: tuple[int, ...], rng: np.random.Generator, knots: int) -> NDArray[np.int32]:
    """A smooth line right across the picture as cv2 points (n, 1, 2) with 4 fractional bits."""
    rows, cols = shape[:2]
    course = np.linspace(-0.2, 1.2, knots)
    across = np.clip(rng.uniform(0, 1) + rng.normal(0, 0.15, knots), -0.2, 1.2)
    fine = np.linspace(-0.2, 1.2, 64)
    other = CubicSpline(course, across)(fine)
    points = np.stack([fine * cols, other * rows] if rng.random() < 0.5 else [other * cols, fine * rows], -1)
    return np.round(points * 16).astype(np.int32).reshape(-1, 1, 2)


def _line(shape: tuple[int, ...], points: NDArray[np.int32], width: int) -> Picture:
    drawn = np.zeros(shape[:2], np.uint8)
    cv2.polylines(drawn, [points], False, 255, width, cv2.LINE_AA, shift=4)
    return drawn.astype(np.float32)[..., None] / 255


def shadow(image: Picture, rng: np.random.Generator) -> Picture:
    """A cast shadow with a straight, more or less soft edge."""
    rows, cols = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    distance = (rows - rng.uniform(0, image.shape[0])) * np.cos(angle)
    distance += (cols - rng.uniform(0, image.shape[1])) * np.sin(angle)
    lit = 1 / (1 + np.exp(-np.clip(distance / rng.uniform(0.5, 6), -30, 30)))
    return image * (1 - rng.uniform(0.2, 0.65) * (1 - lit))[..., None].astype(np.float32)


def cable(image: Picture, rng: np.random.Generator) -> Picture:
    """A smooth cable or pipe: constant width, a highlight along it and a shadow beside it."""
    points = _smooth_curve(image.shape, rng, int(rng.integers(3, 5)))
    width = int(rng.integers(3, 12))
    colour = rng.uniform(0.05, 0.9, 3) if rng.random() < 0.4 else np.full(3, rng.uniform(0.05, 0.9))
    below = _line(image.shape, points + np.int32(width * 6), width)
    covered = _line(image.shape, points, width)
    highlight = _line(image.shape, points - np.int32(width * 3), max(width // 4, 1)) * covered
    shaded = image * (1 - rng.uniform(0.1, 0.5) * below)
    painted = shaded * (1 - covered) + colour.astype(np.float32) * covered
    return np.asarray(painted + highlight * rng.uniform(0.1, 0.4), np.float32)


def stem(image: Picture, rng: np.random.Generator) -> Picture:
    """Plant stems: a few thin smooth lines, green, brown or straw."""
    painted = image
    for _ in range(int(rng.integers(1, 4))):
        covered = _line(image.shape, _smooth_curve(image.shape, rng, int(rng.integers(4, 8))), int(rng.integers(1, 4)))
        colour = np.array([[0.3, 0.42, 0.15], [0.4, 0.3, 0.18], [0.7, 0.62, 0.4]], np.float32)[rng.integers(3)]
        painted = painted * (1 - covered) + colour * rng.uniform(0.6, 1.1) * covered
    return np.asarray(painted, np.float32)


def scratch(image: Picture, rng: np.random.Generator) -> Picture:
    """A bright scratch or a chalk line."""
    covered = _line(image.shape, _smooth_curve(image.shape, rng, int(rng.integers(3, 7))), int(rng.integers(1, 4)))
    return np.asarray(image + covered * rng.uniform(0.1, 0.4), np.float32)


def stain(image: Picture, rng: np.random.Generator) -> Picture:
    """A damp or sooty patch with a ragged soft rim."""
    field = fractal_noise(image.shape[:2], rng, max(image.shape[:2]) / 2, 5)
    inside = 1 / (1 + np.exp(-np.clip((field - rng.uniform(0.3, 1.5)) / rng.uniform(0.03, 0.4), -30, 30)))
    return np.asarray(image * (1 - rng.uniform(0.15, 0.6) * inside[..., None]), np.float32)


def chip(image: Picture, rng: np.random.Generator) -> Picture:
    """Spalled edges and holes: a few dark ragged blobs, wide for their length."""
    shape = image.shape[:2]
    field = fractal_noise(shape, rng, max(shape) / 8, 4)
    outline = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(1, 6))):
        centre = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        longer = rng.uniform(0.02, 0.1) * min(shape)
        axes = (max(1, round(longer)), max(1, round(longer * rng.uniform(0.35, 1))))
        cv2.ellipse(outline, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    inside = cv2.GaussianBlur(outline, (0, 0), rng.uniform(0.8, 3)).astype(np.float32) / 255
    inside = np.clip((inside - 0.35 + 0.25 * field) * rng.uniform(3, 10), 0, 1) * (inside > 0.02)
    return np.asarray(image * (1 - rng.uniform(0.25, 0.85) * inside[..., None]), np.float32)


def marks(image: Picture, rng: np.random.Generator) -> Picture:
    """Drag marks and nicks of the brick itself: many short thin lines, none long enough for a crack."""
    shape = image.shape[:2]
    drawn = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(2, 14))):
        start, angle = rng.uniform(0, 1, 2) * shape[::-1], rng.uniform(0, 2 * np.pi)
        bends = angle + np.cumsum(rng.normal(0, 0.4, 4))
        steps = np.stack([np.cos(bends), np.sin(bends)], -1) * rng.uniform(0.01, 0.035) * min(shape)
        course = np.round((start + np.cumsum(steps, axis=0)) * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(drawn, [course], False, int(rng.integers(90, 256)), 1, cv2.LINE_AA, shift=4)
    inside = cv2.GaussianBlur(drawn, (0, 0), 0.5).astype(np.float32)[..., None] / 255
    return np.asarray(image * (1 - rng.uniform(0.3, 0.8) * inside), np.float32)


def rim_shadow(image: Picture, joints: NDArray[np.bool_], rng: np.random.Generator) -> Picture:
    """A thin dark line in the joints (rows, cols) along one rim or two, in stretches or all along: mortar stands back.

    Nothing looks more like a crack; only that it keeps to the rim of every brick gives it away.
    """
    dark = np.zeros(joints.shape, np.float32)
    for side in rng.permutation(4)[: int(rng.integers(1, 3))]:
        width = round(float(np.exp(rng.uniform(0, np.log(5)))))
        by = (width, 0) if side < 2 else (0, width)
        beyond = np.roll(joints, by if side % 2 else (-by[0], -by[1]), (0, 1))
        dark = np.maximum(dark, (joints & ~beyond).astype(np.float32) * rng.uniform(0.6, 1))
    stretches = fractal_noise(joints.shape, rng, rng.uniform(10, 80), 3) + rng.uniform(-0.5, 3)
    dark *= np.clip(2 * stretches, 0, 1)
    ragged = cv2.GaussianBlur(dark, (0, 0), rng.uniform(0.4, 1.2)) * rng.uniform(0.5, 0.95)
    return np.asarray(image * (1 - ragged[..., None]), np.float32)


DISTRACTORS: dict[str, Callable[[Picture, np.random.Generator], Picture]] = {
    "shadow": shadow,
    "cable": cable,
    "stem": stem,
    "scratch": scratch,
    "stain": stain,
    "chip": chip,
    "marks": marks,
}


def distract(image: Picture, rng: np.random.Generator, chance: float = 0.35) -> Picture:
    """The picture with one random distractor at the given chance, values clipped to [0, 1]."""
    if rng.random() >= chance:
        return image
    names = list(DISTRACTORS)
    return np.clip(DISTRACTORS[names[int(rng.integers(len(names)))]](image, rng), 0, 1).astype(np.float32)
