"""What board-marked concrete shows beside its cracks: formwork joints and air voids, both darker than any hairline.

They are put on cracked and sound surfaces alike, so that only the hairline between them says "cracked".
"""

import cv2
import numpy as np

from simulations.walls import Picture, fractal_noise

#: Between which widths (px) joints and diameters (px) of air voids are drawn, evenly over their logarithm.
_JOINT_PX = (0.8, 7.0)
_VOID_PX = (1.5, 16.0)
#: Sub-pixels a side with which both are drawn.
_FINE = 4


def formwork_joint(image: Picture, rng: np.random.Generator) -> Picture:
    """A straight joint between two boards right across the picture: dark in stretches, the boards a little apart in
    brightness, now and then a bright ridge beside it.
    """
    shape = image.shape[:2]
    angle = rng.choice([0, np.pi / 2]) + np.deg2rad(rng.normal(0, 4))
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    across = (rows - rng.uniform(0, shape[0])) * np.cos(angle) + (cols - rng.uniform(0, shape[1])) * np.sin(angle)
    width = _evenly(_JOINT_PX, rng)
    stretches = np.clip(fractal_noise(shape, rng, rng.uniform(20, 120), 3) + rng.uniform(-0.5, 2.5), 0, 1)
    ragged = across + rng.uniform(0, 0.5) * fractal_noise(shape, rng, 8, 2)
    dark = np.clip(width / 2 + 0.5 - np.abs(ragged), 0, 1) * np.minimum(width, 1) * stretches * rng.uniform(0.2, 0.95)
    step = rng.normal(0, 0.05) / (1 + np.exp(-np.clip(across / rng.uniform(0.3, 3), -30, 30)))
    ridge = np.exp(-(((across - width) / rng.uniform(0.8, 3)) ** 2)) * (
        rng.uniform(0, 0.25) if rng.random() < 0.4 else 0
    )
    return np.asarray(np.clip(image * ((1 + step + ridge) * (1 - dark))[..., None], 0, 1), np.float32)


def air_voids(image: Picture, rng: np.random.Generator) -> Picture:
    """Air voids and nicks of the surface: dark, round or a few times longer than wide, many of them small."""
    shape = image.shape[:2]
    drawn = np.zeros((shape[0] * _FINE, shape[1] * _FINE), np.uint8)
    for _ in range(int(_evenly((1, 40), rng))):
        longer = _evenly(_VOID_PX, rng)
        axes = longer / 2 * _FINE, longer / 2 * _FINE * rng.uniform(0.25, 1)
        centre = (int(rng.integers(drawn.shape[1])), int(rng.integers(drawn.shape[0])))
        size = (max(1, round(axes[0])), max(1, round(axes[1])))
        cv2.ellipse(drawn, centre, size, float(rng.uniform(0, 180)), 0, 360, int(rng.integers(60, 256)), -1)
    covered = cv2.resize(drawn, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    ragged = np.clip(covered * (1 + 0.5 * fractal_noise(shape, rng, 5, 2)), 0, 1)
    below = int(rng.integers(1, 3))
    lit = np.zeros_like(covered)
    lit[below:] = covered[:-below]
    lit *= (1 - covered) * rng.uniform(0, 0.3)
    return np.asarray(np.clip(image * (1 + lit - rng.uniform(0.3, 0.9) * ragged)[..., None], 0, 1), np.float32)


def board_marked(image: Picture, rng: np.random.Generator) -> Picture:
    """The surface (rows, cols, 3) in [0, 1] with air voids, one formwork joint or two, both or nothing of it."""
    for _ in range(int(rng.choice([0, 1, 2], p=[0.45, 0.45, 0.1]))):
        image = formwork_joint(image, rng)
    return air_voids(image, rng) if rng.random() < 0.6 else image


def _evenly(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """A number between the two, spread evenly over its logarithm."""
    return float(np.exp(rng.uniform(*np.log(limits))))
