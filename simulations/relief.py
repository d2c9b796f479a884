"""The relief of a wall in raking light: recessed joints, rounded and chipped rims, rough bricks and grainy mortar.

Most dark lines on sound walls come from relief, not from cracks: a recessed joint lies in the shadow of the brick
above it, and where the sun stands low every drag mark has a dark side.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simulations.walls import Picture, fractal_noise

#: Shadows are followed over so many pixels at most.
_SHADOW_REACH_PX = 16


@dataclass(frozen=True)
class Sun:
    """Where light comes from: `towards` is the unit (row, col) direction to the sun in the picture, `rise` the tangent
    of its height above the wall's plane; `ambient` in [0, 1] is the share of light that comes from everywhere.
    """

    towards: tuple[float, float]
    rise: float
    ambient: float

    @classmethod
    def anywhere(cls, rng: np.random.Generator) -> "Sun":
        """Mostly from above, as outdoors, now and then from any side (patches are turned, too)."""
        angle = rng.uniform(-1.2, 1.2) if rng.random() < 0.75 else rng.uniform(-np.pi, np.pi)
        return cls(
            (-float(np.cos(angle)), float(np.sin(angle))),
            float(np.tan(np.deg2rad(rng.uniform(20, 65)))),
            float(rng.uniform(0.25, 0.75)),
        )


def relief(joints: NDArray[np.bool_], rng: np.random.Generator) -> Picture:
    """Heights float32 (rows, cols) in px of a wall with such joints: bricks stand out, mortar lies back."""
    shape = joints.shape
    rough = fractal_noise(shape, rng, rng.uniform(3, 30), 4) * float(np.exp(rng.uniform(np.log(0.05), np.log(0.9))))
    if joints.all() or not joints.any():
        return rough
    inside = cv2.distanceTransform((~joints).astype(np.uint8), cv2.DIST_L2, 3)
    within = cv2.distanceTransform(joints.astype(np.uint8), cv2.DIST_L2, 3)
    wide = 2 * float(within.max())
    deep = wide * rng.uniform(0.03, 0.7)
    rounded = 1 - np.exp(-inside / (deep * rng.uniform(0.1, 0.8) + 0.3))
    if rng.random() < 0.5:
        chipped = fractal_noise(shape, rng, rng.uniform(6, 40), 4) - rng.uniform(0.8, 2.0)
        rounded -= np.clip(chipped, 0, 1) * np.exp(-inside / rng.uniform(2, 8))
    mortar = fractal_noise(shape, rng, rng.uniform(2, 12), 3) * rng.uniform(0.03, 0.25) * min(deep, 3)
    mortar += fractal_noise(shape, rng, rng.uniform(20, 80), 2) * rng.uniform(0, 0.35) * deep
    return np.asarray(np.where(joints, mortar, deep * rounded + rough), np.float32)


def lit_relief(image: Picture, height: Picture, sun: Sun) -> Picture:
    """The wall's picture (rows, cols, 3) in the light that falls on such heights (rows, cols) in px."""
    down, right = (np.asarray(part, np.float32) for part in np.gradient(height))
    facing = (sun.rise - down * sun.towards[0] - right * sun.towards[1]) / np.sqrt(1 + down**2 + right**2) / sun.rise
    sunlit = np.clip(facing, 0, 1.7) * (1 - _shadow(height, sun))
    hollow = np.clip(cv2.GaussianBlur(height, (0, 0), 4) - height, 0, None)
    open_sky = 1 / (1 + 0.35 * hollow)
    light = sun.ambient * open_sky + (1 - sun.ambient) * sunlit
    return np.clip(image * light[..., None], 0, 1).astype(np.float32)


def _shadow(height: Picture, sun: Sun) -> Picture:
    """How far each pixel lies in the shadow of something between it and the sun, [0, 1]."""
    steps = int(np.clip(np.ceil(np.ptp(height) / sun.rise), 1, _SHADOW_REACH_PX))
    horizon = np.full(height.shape, -np.inf, np.float32)
    for step in range(1, steps + 1):
        move = np.array([[1, 0, sun.towards[1] * step], [0, 1, sun.towards[0] * step]], np.float32)
        ahead = cv2.warpAffine(
            height, move, height.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        horizon = np.maximum(horizon, ahead - sun.rise * step)
    return np.clip((horizon - height) / 0.7, 0, 1)
