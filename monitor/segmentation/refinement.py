"""From relevance to the pixels of the crack: relevance says where, the picture says which pixels.

Dark valleys of the picture that relevance backs are seeds; the picture alone carries them on while the valley
stays as dark as its seeds; and each is then filled to half-way between its own darkness and the brightness of
its flanks.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.records import BoolArray, FloatArray
from monitor.segmentation.morphology import area_opening, closing, grow, hysteresis

Floats = NDArray[np.float32]

_TINY = np.float32(1e-30)
#: Evidence of a quarter of a grey level: a perfectly even picture has none to compare with.
_FAINTEST_EVIDENCE = 1e-3
#: A bar of width w answers most at a scale of about w / 3.5, so its rim lies 1.7 scales from its axis.
_REACH_SCALES = 2.0
#: Its flanks are looked for so many scales from its axis, and so much of its depth counts.
_SIDE_SCALES = 3.0
_DEPTH_SHARE = 0.5


@dataclass(frozen=True)
class RefinementOptions:
    """Options of `refine`; lengths in pixels.

    `reach_px`: how far from the candidates a crack may be seeded. `scales_px`: standard deviations of the
    valley filter. `relevance_blur_px`: smoothing of the relevance. `neighbourhood_px`: relevance counts
    relative to the highest within this distance, so that a strong crack does not hide a faint one far off.
    `seed`, `follow`: evidence times relevance that starts a seed and that continues it, in medians of the
    picture's own evidence. `trail`, `trail_share`: evidence alone that carries a seeded crack on, in the same
    medians and as a share of the seeds' around; `trail_level`: how dark it has to be for that, from 0 (as the
    flanks around) to 1 (as the seeds around); `trail_scale`: seeds and trail may be so many times as wide as
    seeds usually are around;
    "around" reaches over `trail_px`. `flank_px`, `rim_px`: distances over which a crack's darkness and the
    brightness of its flanks are averaged when it is filled: the flank on this side counts, not the one across, for
    a crack often runs between dark mortar and bright brick. `min_area_px`: smaller components go.
    `min_share`: so do those whose relevance nowhere reaches this share of the highest around.
    """

    reach_px: int = 5
    scales_px: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    relevance_blur_px: float = 4.0
    neighbourhood_px: int = 256
    seed: float = 2.5
    follow: float = 1.5
    trail: float = 3.0
    trail_share: float = 0.35
    trail_level: float = 0.9
    trail_scale: float = 1.5
    trail_px: float = 32.0
    flank_px: float = 8.0
    rim_px: float = 3.0
    min_area_px: int = 50
    min_share: float = 0.3


def refine(
    light: FloatArray, relevance: FloatArray, candidates: BoolArray, options: RefinementOptions | None = None
) -> BoolArray:
    """The crack's pixels as a bool mask, all arrays (rows, cols).

    `light` is float32 grey in 0 .. 1; `relevance` is high where a crack was seen (negative values count as
    none) and 0 where nothing was explained: no crack is followed there. `candidates` marks roughly where cracks
    are. Without candidates, or where no dark valley backs them, the mask is empty.
    """
    options = options or RefinementOptions()
    found = np.zeros(candidates.shape, bool)
    if not candidates.any():
        return found
    part = _bounding_box(grow(candidates | (relevance != 0), int(3 * options.flank_px)))
    shown = light[part].astype(np.float32), relevance[part].astype(np.float32), candidates[part]
    found[part] = _refine_part(*shown, options)
    return found


def _refine_part(light: Floats, relevance: Floats, candidates: BoolArray, options: RefinementOptions) -> BoolArray:
    weight = relative_relevance(relevance, options.relevance_blur_px, options.neighbourhood_px)
    weight *= grow(candidates, options.reach_px)
    evidence, scale_px = valley_evidence(light, options.scales_px)
    evidence /= max(float(np.median(evidence)), _FAINTEST_EVIDENCE)
    backed = evidence * weight
    seeds = hysteresis(backed > options.follow, backed > options.seed)
    if not seeds.any():
        return seeds
    # The harmonic mean: a thin crack's scale counts, not that of the dark joint it crosses.
    usual_px = np.reciprocal(np.maximum(_mean_of(np.reciprocal(scale_px), seeds, options.trail_px), _TINY))
    thin = scale_px <= options.trail_scale * usual_px
    if (seeds & thin).any():
        seeds = seeds & thin
    valleys = _trail(light, evidence, seeds, thin & grow(relevance != 0, 1), options)
    within = _reach(valleys, scale_px, options.scales_px)
    cracks = area_opening(_fill(light, valleys, within, options), options.min_area_px)
    return hysteresis(cracks, cracks & (weight >= options.min_share))


def relative_relevance(relevance: FloatArray, blur_px: float = 4.0, neighbourhood_px: int = 256) -> Floats:
    """Smoothed positive relevance float32 (rows, cols) as a share of the highest within the neighbourhood, 0 .. 1."""
    weight = _blur(np.maximum(relevance, 0).astype(np.float32), blur_px)
    return np.asarray(weight / np.maximum(_highest_around(weight, neighbourhood_px), _TINY), np.float32)


def _trail(
    light: Floats, evidence: Floats, seeds: BoolArray, possible: BoolArray, options: RefinementOptions
) -> BoolArray:
    """The seeds and what continues them: an explanation often shows a crack in pieces, the picture shows it whole."""
    core = _mean_of(light, seeds, options.trail_px)
    flank = _mean_of(light, ~grow(seeds, int(options.flank_px)), options.trail_px)
    dark = light < flank + options.trail_level * (core - flank)
    strong = evidence > np.maximum(options.trail, options.trail_share * _mean_of(evidence, seeds, options.trail_px))
    carried = seeds | (strong & dark & possible)
    return hysteresis(closing(carried, 3), seeds)


def _reach(valleys: BoolArray, scale_px: Floats, scales_px: tuple[float, ...]) -> BoolArray:
    """Where valleys may be filled: a valley of one scale is no wider than a few times that scale.

    Without this limit a crack that runs along a dark joint would fill the joint.
    """
    reached = np.zeros(valleys.shape, bool)
    for scale in scales_px:
        reached |= grow(valleys & (scale_px == np.float32(scale)), round(_REACH_SCALES * scale) + 1)
    return reached


def valley_evidence(light: Floats, scales_px: tuple[float, ...]) -> tuple[Floats, Floats]:
    """How strongly each pixel lies in a dark, elongated valley, and at which scale it does so most.

    Both float32 (rows, cols); evidence is 0 where there is no valley.

    The smallest of the Hessian's mean curvature (a bright ridge has none) and anisotropy (a pit has none),
    normalised by scale (doi:10.1023/A:1008097225773), and of half the depth below the lower of two opposite
    sides (the edge of a dark area has none); the largest over the scales counts.
    """
    evidence = np.zeros(light.shape, np.float32)
    best_px = np.full(light.shape, scales_px[0], np.float32)
    for scale in scales_px:
        smooth = _blur(light, scale)
        across, down, mixed = (
            cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3, scale=scale**2 / 4) for order in ((2, 0), (0, 2), (1, 1))
        )
        anisotropy = cv2.magnitude((across - down) / 2, mixed)
        here = np.minimum(np.minimum((across + down) / 2, anisotropy), _DEPTH_SHARE * _depth(smooth, scale))
        best_px[here > evidence] = scale
        np.maximum(evidence, here, out=evidence)
    return evidence, best_px


def _depth(smooth: Floats, scale: float) -> Floats:
    """How far below the lower of its two sides each pixel lies, across the best of four directions."""
    reach = round(_SIDE_SCALES * scale)
    rows, cols = smooth.shape
    wide = np.pad(smooth, reach, mode="edge")

    def side(down: int, right: int) -> Floats:
        return wide[reach + down : reach + down + rows, reach + right : reach + right + cols]

    slanted = max(1, round(reach / np.sqrt(2)))
    steps = ((reach, 0), (0, reach), (slanted, slanted), (slanted, -slanted))
    lower = [np.minimum(side(down, right), side(-down, -right)) for down, right in steps]
    return np.asarray(np.maximum.reduce(lower) - smooth)


def _fill(light: Floats, valleys: BoolArray, within: BoolArray, options: RefinementOptions) -> BoolArray:
    """Pixels connected to the valleys and darker than half-way between core and flank, found in two rounds."""
    flank_px = options.flank_px
    around = grow(valleys, round(1.5 * flank_px))
    crack = valleys
    for _ in range(2):
        # Half of a thin crack's pixels are blurred rim: its own darkness is that of its darker half.
        core = crack & (light <= _mean_of(light, crack, flank_px))
        flank = around & ~grow(crack, 1)
        dark = within & (light < (_mean_of(light, core, flank_px) + _mean_of(light, flank, options.rim_px)) / 2)
        # A vote among neighbours smooths the rim; the core needs none, or thin cracks would break.
        voted = (cv2.medianBlur(dark.astype(np.uint8), 3) > 0) | (dark & core)
        crack = hysteresis(voted, voted & valleys)
    return ~area_opening(~crack, round(flank_px**2))


def _highest_around(weight: Floats, radius_px: int) -> Floats:
    """Highest value within about `radius_px`, found at an eighth of the size (the values are smooth)."""
    side = 2 * (radius_px // 8) + 1
    highest = cv2.dilate(_shrink(weight, 8), np.ones((side, side), np.uint8))
    return _stretch(np.asarray(highest, np.float32), weight.shape)


def _mean_of(light: Floats, where: BoolArray, sigma_px: float) -> Floats:
    """Local mean of `light` over the pixels `where`, the nearer the more; at reduced size where it is smooth anyway."""
    factor = int(np.clip(sigma_px / 2, 1, 4))
    weight = where.astype(np.float32)
    total, count = (_blur(_shrink(part, factor), sigma_px / factor) for part in (light * weight, weight))
    return _stretch(np.asarray(total / np.maximum(count, _TINY), np.float32), light.shape)


def _shrink(image: Floats, factor: int) -> Floats:
    rows, cols = image.shape
    return np.asarray(cv2.resize(image, (-(-cols // factor), -(-rows // factor)), interpolation=cv2.INTER_AREA))


def _stretch(image: Floats, shape: tuple[int, ...]) -> Floats:
    return np.asarray(cv2.resize(image, shape[::-1], interpolation=cv2.INTER_LINEAR))


def _blur(image: Floats, sigma_px: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT))


def _bounding_box(mask: BoolArray) -> tuple[slice, slice]:
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
