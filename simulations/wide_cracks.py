"""Cracks as wide as joints, to teach that a wide black gap is a crack where no bond asks for a joint.

Taught with dark joints alone, a segmenter takes cracks of 20 px for joints: the widest cracks are the gravest ones.
"""

import cv2
import numpy as np

from simulations.cracks import crack_in
from simulations.dark_joints import dark_jointed, with_weight
from simulations.distractors import distract
from simulations.patches import Patch, Zooms, random_zoom
from simulations.rendering import coverage, paint
from simulations.walls import WALLS, Picture, Wall, wall

#: How often the wall has dark joints; else how often it is of each kind of `WALLS`, in order; its courses and stones.
_DARK_JOINTED, _KINDS = 0.25, (0.55, 0.2, 0.15, 0.1)
_SIZES_PX: Zooms = (30, 260)
_OPENINGS_PX: Zooms = (8, 45)
#: How often a crack is a dilated line in one colour, as the paper's are; its light as a share of the wall's there.
_DILATED, _COLOUR = 0.5, (0.0, 0.65)
#: Where so much of a gap takes so much light from the wall, all of it is seen to be one.
_SEEN, _SEEN_SHARE = 0.05, 0.6
#: Patches that were made otherwise are others.
HOW = (_DARK_JOINTED, _KINDS, _SIZES_PX, _OPENINGS_PX, _DILATED, _COLOUR, _SEEN, _SEEN_SHARE)


def wide_patch(side: int, rng: np.random.Generator) -> tuple[Patch, Picture, Picture]:
    """A patch uint8 (side, side, 3) with a wide crack, its truth and its weight (side, side), as `dark_patch` gives
    them.
    """
    base = _wall(side, rng)
    before = distract(base.image, rng, 0.2)
    opening_px, pull = random_zoom(_OPENINGS_PX, rng), float(rng.choice([0.0, 0.5, 2.0]))
    crack = crack_in(base, rng, joint_pull=pull, roughness=float(rng.uniform(0, 0.3)))
    if rng.random() < _DILATED:
        line = (coverage(crack, 3.0, (side, side)) > 0.5).astype(np.uint8)
        footprint = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        gap = cv2.dilate(line, footprint, iterations=max(1, round((opening_px - 3) / 4))).astype(np.float32)
        beneath = np.median(before[gap > 0.5], axis=0) if gap.any() else np.zeros(3)
        grey = np.float32(beneath.mean() * rng.uniform(*_COLOUR)) * rng.uniform(0.85, 1.15, 3)
        after = np.where(gap[..., None] > 0.5, grey.astype(np.float32), before)
    else:
        gap = coverage(crack, opening_px, (side, side))
        after = paint(before, gap, rng, float(rng.uniform(0.02, 0.2)))
    after = np.minimum(before, after).astype(np.float32)
    seen = (before - after).mean(axis=2) >= _SEEN
    inside = gap > 0.5
    if inside.any() and seen[inside].mean() > _SEEN_SHARE:
        seen = np.ones_like(seen)
    beside = cv2.dilate(seen.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return with_weight(after, gap * seen, (inside & ~beside).astype(np.float32), rng)


def _wall(side: int, rng: np.random.Generator) -> Wall:
    if rng.random() < _DARK_JOINTED:
        return dark_jointed(side, rng)
    return wall(list(WALLS)[rng.choice(len(_KINDS), p=_KINDS)], (side, side), rng, random_zoom(_SIZES_PX, rng))
