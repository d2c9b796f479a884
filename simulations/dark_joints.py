"""Walls whose joints are dark, to teach that a joint is no crack: what is darker still, or leaves it, is one.

A crack in a black joint cannot be seen. Such pixels are neither crack nor wall: they have no weight, or a network
would be taught to call black joints cracks.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from simulations.cracks import crack_in
from simulations.distractors import distract, rim_shadow
from simulations.patches import Patch, Zooms, random_zoom, retaken
from simulations.relief import Sun, lit_relief, relief
from simulations.rendering import coverage, paint
from simulations.walls import Picture, Shape, Wall, fractal_noise, wall

#: How often joints are those of rubble and of courses; else they are straight lines in concrete.
_RUBBLE, _BONDED = 0.48, 0.32
#: Stones and courses are so many px high: more than a patch, too. No wall that a patch is cut from is larger.
_SIZES_PX: Zooms = (40, 260)
_LARGEST_PX = 400
#: Light of the joints, as a share of the stones': mostly the first, now and then nearly black.
_JOINT_LIGHT, _BLACK, _BLACK_SHARE = (0.25, 0.85), (0.06, 0.25), 0.25
#: How often joints are dark in blotches only, and these then nearly black; their grain as a share of a course or stone.
_BLOTCHY, _BLACK_BLOTCHES, _GRAIN = 0.45, 0.5, (0.1, 1.5)
#: How often there are a relief, something that is no crack, dark rims along the joints, and a second crack.
_RELIEFS, _DISTRACTED, _RIM_SHADOWS, _SECOND = 0.3, 0.3, 0.3, 0.25
_OPENINGS_PX: Zooms = (1.0, 16.0)
#: In the truth cracks are at least so wide.
_TRUTH_PX = 1.3
#: A pixel of a gap is seen where the gap took so much light, and so large a share of the light, of the wall.
_SEEN, _SEEN_SHARE = 0.05, 0.2
_IN_GAP = 0.2
#: Patches that were made otherwise are others.
HOW = (
    _RUBBLE, _BONDED, _SIZES_PX, _LARGEST_PX, _JOINT_LIGHT, _BLACK, _BLACK_SHARE, _BLOTCHY, _BLACK_BLOTCHES,
    _GRAIN, _RELIEFS, _DISTRACTED, _RIM_SHADOWS,
    _SECOND, _OPENINGS_PX, _TRUTH_PX, _SEEN, _SEEN_SHARE, _IN_GAP,
)  # fmt: skip


def dark_patch(side: int, rng: np.random.Generator, cracked_share: float) -> tuple[Patch, Picture, Picture]:
    """A patch uint8 (side, side, 3), its truth (side, side), the share of each pixel that lies in a gap and is seen to,
    and its weight (side, side), 0 where a gap is not seen.
    """
    base = dark_jointed(side, rng)
    if rng.random() < _RELIEFS:
        sunlit = lit_relief(base.image, relief(base.joints, rng), Sun.anywhere(rng))
        base = replace(base, image=np.clip(sunlit, 0, 1))
    image = distract(base.image, rng, _DISTRACTED)
    if base.joints.any() and rng.random() < _RIM_SHADOWS:
        image = rim_shadow(image, base.joints, rng)
    truth, unseen = np.zeros((2, side, side), np.float32)
    if rng.random() < cracked_share:
        for _ in range(2 if rng.random() < _SECOND else 1):
            image, gap, seen = _cracked(replace(base, image=image), rng)
            truth = np.maximum(truth, gap * seen)
            beside = cv2.dilate(seen.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            unseen = np.maximum(unseen, ((gap > _IN_GAP) & ~beside).astype(np.float32))
    return with_weight(distract(image, rng, 0.1), truth, unseen * (truth < _IN_GAP), rng)


def with_weight(
    image: Picture, truth: Picture, unseen: Picture, rng: np.random.Generator
) -> tuple[Patch, Picture, Picture]:
    """A wall as a patch, with its truth and weight, none where a gap is `unseen`; all (side, side)."""
    patch, maps = retaken(image, np.stack([truth, unseen], axis=-1), rng)
    truth, unseen = maps[..., 0], maps[..., 1]
    return patch, truth, ((unseen < 0.2) | (truth > 0.5)).astype(np.float32)


def dark_jointed(side: int, rng: np.random.Generator) -> Wall:
    """A crack-free wall (side, side): rubble or courses, joints darker than the stones all along or in blotches, or
    concrete with dark lines.
    """
    kind = rng.random()
    if kind > _RUBBLE + _BONDED:
        return _lined(side, rng)
    size = random_zoom(_SIZES_PX, rng)
    whole = max(side, min(int(1.5 * size), _LARGEST_PX))
    found = wall("rubble" if kind < _RUBBLE else "bonded", (whole, whole), rng, size)
    row, col = (int(rng.integers(whole - side + 1)) for _ in range(2))
    part = slice(row, row + side), slice(col, col + side)
    image, joints = found.image[part], found.joints[part]
    if joints.any() and not joints.all():
        light = image.mean(axis=2)
        blotchy = rng.random() < _BLOTCHY
        black = rng.random() < (_BLACK_BLOTCHES if blotchy else _BLACK_SHARE)
        share = rng.uniform(*(_BLACK if black else _JOINT_LIGHT))
        darker = min(share * light[~joints].mean() / max(light[joints].mean(), 1e-3), 1.5)
        soft = cv2.GaussianBlur(joints.astype(np.float32), (0, 0), rng.uniform(0.5, 1.5))
        if blotchy:
            soft = soft * _blotches((side, side), size, rng)
        image = image * (1 - (1 - darker) * soft)[..., None]
    brighter = rng.uniform(1, 1.6) if rng.random() < 0.4 else 1.0
    return Wall(np.clip(image * brighter, 0, 1).astype(np.float32), joints, found.kind)


def _blotches(shape: Shape, size_px: float, rng: np.random.Generator) -> Picture:
    """How dark each pixel is, were it joint: 0 where mortar is whole, 1 where it is gone, wet or in shadow."""
    field = fractal_noise(shape, rng, max(size_px * random_zoom(_GRAIN, rng), 2.0), 3)
    return np.clip((field - rng.uniform(-1, 1.5)) * rng.uniform(0.5, 4) + 0.5, 0, 1).astype(np.float32)


def _lined(side: int, rng: np.random.Generator) -> Wall:
    """Concrete with one to three straight dark joints at any angle."""
    base = wall("plain", (side, side), rng)
    image, joints = base.image, np.zeros((side, side), np.float32)
    rows, cols = np.mgrid[:side, :side] - (side - 1) / 2
    along = float(rng.choice([0, 90, rng.uniform(0, 180)])) + rng.normal(0, 3)
    for _ in range(int(rng.integers(1, 4))):
        angle = np.deg2rad(along + (90 if rng.random() < 0.25 else 0))
        away = np.abs(rows * np.cos(angle) - cols * np.sin(angle) - rng.uniform(-0.5, 0.5) * side)
        line = np.clip(rng.uniform(1, 8) / 2 + 0.5 - away, 0, 1).astype(np.float32)
        if rng.random() < 0.3:
            line = cv2.GaussianBlur(line, (0, 0), rng.uniform(0.5, 1.5))
        joints = np.maximum(joints, line)
        image = image * (1 - rng.uniform(0.2, 0.9) * line[..., None])
    return Wall(np.clip(image, 0, 1).astype(np.float32), joints > 0.5, "plain")


def _cracked(base: Wall, rng: np.random.Generator) -> tuple[Picture, Picture, NDArray[np.bool_]]:
    """The wall with a crack, the share of each pixel in its gap, and where the gap is seen."""
    shape = base.joints.shape
    opening_px = random_zoom(_OPENINGS_PX, rng)
    pull = float(rng.choice([0.3, 1.0, 4.0]))
    crack = crack_in(base, rng, joint_pull=pull, roughness=float(rng.uniform(0.05, 0.35)))
    covered = coverage(crack, opening_px, shape)
    # A gap is never lighter than the joint that it runs in.
    image = np.minimum(base.image, paint(base.image, covered, rng, float(rng.uniform(0.03, 0.3))))
    before, after = base.image.mean(axis=2), image.mean(axis=2)
    taken = before - after >= np.maximum(_SEEN, _SEEN_SHARE * before) * np.clip(covered, 0.3, 1)
    seen = cv2.morphologyEx((taken & (covered > _IN_GAP)).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return image, coverage(crack, max(opening_px, _TRUTH_PX), shape), seen > 0
