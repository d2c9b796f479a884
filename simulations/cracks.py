"""Crack geometry: where a simulated crack runs and how wide it gapes. All truth comes from here.

A crack is a polyline with a relative opening along it. Area, width and length follow from the geometry,
never from painted pixels.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from skimage.graph import route_through_array

from simulations.walls import Shape, Wall, fractal_noise

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Crack:
    """A course `path` (n, 2) of (row, col) in px, about 1 px apart, and its `profile` (n,) in [0, 1].

    The local opening is `profile * opening_px`; the profile's maximum is 1.
    """

    path: Points
    profile: NDArray[np.float64]

    @property
    def steps_px(self) -> NDArray[np.float64]:
        """Length (n,) of path that each point stands for (trapezoid rule)."""
        gaps = np.linalg.norm(np.diff(self.path, axis=0), axis=1)
        return (np.append(gaps, 0) + np.insert(gaps, 0, 0)) / 2

    def length_px(self) -> float:
        """Length of the course where it gapes at all."""
        return float(self.steps_px[self.profile > 0].sum())

    def area_px(self, opening_px: float) -> float:
        """Gaping area at a maximum opening of `opening_px`."""
        return float((self.profile * opening_px) @ self.steps_px)

    def grown_to(self, length_px: float, from_px: float = 0.0) -> "Crack":
        """The same crack with its tips drawn back to `length_px` and `from_px` along the course."""
        along = np.cumsum(self.steps_px)
        if length_px >= along[-1] and from_px <= 0:
            return self
        far = (length_px - along) / 25.0 if length_px < along[-1] else np.ones_like(along)
        near = (along - from_px) / 25.0 if from_px > 0 else np.ones_like(along)
        return replace(self, profile=self.profile * np.sqrt(np.clip(np.minimum(far, near), 0, 1)))

    @property
    def tips(self) -> Points:
        """Both ends (2, 2) of where it gapes, (row, col), in the order of its course; (0, 2) where it nowhere does."""
        gaping = self.path[self.profile > 0]
        return gaping[[0, -1]] if len(gaping) else gaping

    def widest_first(self) -> "Crack":
        """The same crack, turned so that its widest place lies in the first half of its course."""
        if self.profile.argmax() < len(self.profile) / 2:
            return self
        return Crack(self.path[::-1], self.profile[::-1])


def _profile(count: int, rng: np.random.Generator, roughness: float) -> NDArray[np.float64]:
    """Relative opening: tapered to both ends, swelling slowly, ragged finely, maximum 1."""
    along = np.linspace(0, 1, count)
    ends = np.clip(np.minimum(along, 1 - along) * count / 20.0, 0, 1)
    swell = 1 + 0.25 * gaussian_filter1d(rng.standard_normal(count), count / 8, mode="nearest") * np.sqrt(count / 8)
    ragged = 1 + roughness * gaussian_filter1d(rng.standard_normal(count), 1.5, mode="nearest") * 2.3
    profile = np.sqrt(ends) * np.clip(swell, 0.4, None) * np.clip(ragged, 0.3, 1.7)
    return np.asarray(profile / profile.max(), np.float64)


def _resampled(path: Points, spacing_px: float = 1.0) -> Points:
    """The polyline with points `spacing_px` apart."""
    along = np.insert(np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1)), 0, 0)
    wanted = np.linspace(0, along[-1], max(int(along[-1] / spacing_px), 2) + 1)
    return np.stack([np.interp(wanted, along, path[:, axis]) for axis in (0, 1)], axis=1)


def crack_along(path: Points, rng: np.random.Generator, roughness: float = 0.15, wander_px: float = 0.6) -> Crack:
    """A crack whose course is `path` (m, 2), resampled, made a little ragged."""
    points = _resampled(np.asarray(path, np.float64))
    ragged = gaussian_filter1d(rng.standard_normal(points.shape), 2.0, axis=0, mode="nearest") * 2.6 * wander_px
    points = points + ragged
    return Crack(points, _profile(len(points), rng, roughness))


def crack_in(
    wall: Wall,
    rng: np.random.Generator,
    start: tuple[float, float] | None = None,
    end: tuple[float, float] | None = None,
    joint_pull: float | None = None,
    roughness: float = 0.15,
    least_share: float = 0.4,
) -> Crack:
    """A crack from `start` to `end` ((row, col) px; random border points if None) along the way of least
    resistance: noise everywhere, and mortar weaker than stone by `joint_pull` (0 ignores the joints).

    An `end` nearer than `least_share` of the wall's shorter side is replaced by a random one.
    """
    shape = wall.joints.shape
    first, last = start or _border_point(shape, rng), end or _border_point(shape, rng)
    while np.hypot(first[0] - last[0], first[1] - last[1]) < min(shape) * least_share:
        last = _border_point(shape, rng)
    pull = rng.choice([0.0, rng.uniform(0.5, 2), rng.uniform(2, 8)]) if joint_pull is None else joint_pull
    shrink = max(1.0, min(shape) / 160)
    coarse: Shape = (max(int(shape[0] / shrink), 8), max(int(shape[1] / shrink), 8))
    joints = cv2.resize(wall.joints.astype(np.float32), coarse[::-1], interpolation=cv2.INTER_AREA)
    resistance = np.exp(0.5 * fractal_noise(coarse, rng, min(coarse) / 4, 4)) * (1 + pull * (1 - joints))
    ends = [
        tuple(int(np.clip(value / shrink, 0, extent - 1)) for value, extent in zip(point, coarse, strict=True))
        for point in (first, last)
    ]
    route, _ = route_through_array(resistance, ends[0], ends[1], geometric=True)
    course = gaussian_filter1d(np.asarray(route, np.float64), 1.5, axis=0, mode="nearest")
    return crack_along((course + 0.5) * shrink - 0.5, rng, roughness, wander_px=rng.uniform(0.2, 1.0))


def _border_point(shape: Shape, rng: np.random.Generator) -> tuple[float, float]:
    """A random point on the border of a picture, now and then inside it (a crack's tip)."""
    point = [rng.uniform(0, shape[0] - 1), rng.uniform(0, shape[1] - 1)]
    if rng.random() < 0.75:
        side = int(rng.integers(4))
        point[side // 2] = 0 if side % 2 else shape[side // 2] - 1
    return float(point[0]), float(point[1])
