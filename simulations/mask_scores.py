"""How well masks show cracks that people marked, on photos no network was taught on.

The people's masks judge; they teach nothing. A photo that was called sound, or could not be measured, counts with an
empty mask.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from monitor.analysis import Analyser
from monitor.imaging.tiling import cut, merge, tile
from monitor.networks.segmenting import crack_pixels
from monitor.networks.weights import Segmenter
from monitor.records import Status
from monitor.segmentation.morphology import area_opening
from monitor.severity.metrics import MIN_COMPONENT_PX, measure
from simulations.patches import Source, masked_photos, textures
from simulations.scores import brickwork

Mask = NDArray[np.bool_]
Photo = NDArray[np.uint8]
#: A way to mark the pixels of a photo's cracks.
Marking = Callable[[Photo], Mask]

#: Lines in uav75 are drawn thinner than the cracks are, and a little beside them.
_UAV_TOLERANCE_PX = 3
#: Interval over photos.
_CONFIDENCE, _RESAMPLED = 0.9, 2000
_BATCH = 16


@dataclass(frozen=True)
class MaskScore:
    """Scores of one set: pixels of all `n` photos pooled, `f1_low` to `f1_high` by resampling the photos (90 %).

    `empty` photos have no mask. Area and maximum width against those of the people's masks, mean absolute error in
    per cent over the photos with a crack, an empty mask being 100 % off.
    """

    n: int
    empty: int
    f1: float
    f1_low: float
    f1_high: float
    precision: float
    recall: float
    iou: float
    area_mape_percent: float
    width_mape_percent: float


@dataclass(frozen=True)
class _Counts:
    """Of one photo: mask pixels on a true crack and all of them; crack pixels that the mask shows and all of them."""

    right: int
    marked: int
    shown: int
    cracked: int


def by_analysis(analyser: Analyser) -> Marking:
    """Marks what the analysis measures; nothing where it measures nothing."""

    def mark(photo: Photo) -> Mask:
        analysis = analyser.analyse(photo)
        if analysis.status is Status.MEASURED and analysis.mask is not None:
            return analysis.mask
        return np.zeros(photo.shape[:2], bool)

    return mark


def by_oracle(oracle: Segmenter, patch_px: int, overlap_px: int) -> Marking:
    """Marks what a network sees that people's masks have taught: a yardstick, not something to be had without them."""

    def mark(photo: Photo) -> Mask:
        grid = tile(photo.shape[:2], patch_px, overlap_px)
        every = np.arange(len(grid))
        seen = merge(crack_pixels(oracle, cut(photo, grid, every), _BATCH), grid, every)
        return area_opening(seen >= oracle.level, MIN_COMPONENT_PX)

    return mark


def _marked(mark: Marking, photos: Sequence[Photo], on_photo: Callable[[], None]) -> list[Mask]:
    found = []
    for photo in photos:
        found.append(mark(photo))
        on_photo()
    return found


def score_masks(masks: Sequence[Mask], truths: Sequence[Mask], tolerance_px: int = 0) -> MaskScore:
    """Scores of masks (rows, cols) against people's; within the tolerance a pixel counts as right."""
    counts = [_counted(mask, truth, tolerance_px) for mask, truth in zip(masks, truths, strict=True)]
    table = np.array([(one.right, one.marked, one.shown, one.cracked) for one in counts], float)
    chosen = np.random.default_rng(0).integers(len(table), size=(_RESAMPLED, len(table)))
    low, high = np.quantile([_f1(table[rows]) for rows in chosen], [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    right, marked, shown, cracked = table.sum(axis=0)
    area, width = _size_errors(masks, truths)
    return MaskScore(
        n=len(masks),
        empty=sum(not mask.any() for mask in masks),
        f1=_f1(table),
        f1_low=float(low),
        f1_high=float(high),
        precision=float(right / max(marked, 1)),
        recall=float(shown / max(cracked, 1)),
        iou=float(right / max(marked + cracked - shown, 1)),
        area_mape_percent=area,
        width_mape_percent=width,
    )


def _counted(mask: Mask, truth: Mask, tolerance_px: int) -> _Counts:
    near_truth, near_mask = (_grown(one, tolerance_px) for one in (truth, mask))
    return _Counts(int((mask & near_truth).sum()), int(mask.sum()), int((truth & near_mask).sum()), int(truth.sum()))


def _f1(table: NDArray[np.float64]) -> float:
    right, marked, shown, cracked = table.sum(axis=0)
    precision, recall = right / max(marked, 1), shown / max(cracked, 1)
    return float(2 * precision * recall / max(precision + recall, 1e-12))


def _size_errors(masks: Sequence[Mask], truths: Sequence[Mask]) -> tuple[float, float]:
    errors = []
    for mask, truth in zip(masks, truths, strict=True):
        found, true = measure(mask), measure(truth)
        if true.area_px:
            errors.append((found.area_px / true.area_px - 1, found.max_width_px / true.max_width_px - 1))
    area, width = 100 * np.abs(errors).mean(axis=0)
    return float(area), float(width)


def _grown(mask: Mask, radius_px: int) -> Mask:
    if not radius_px:
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)


def joints_marked(masks: Sequence[Mask], joints: Sequence[Mask], truths: Sequence[Mask]) -> float:
    """Share of the length of formwork joints (their skeletons, away from true cracks) that masks cover."""
    covered = total = 0
    for mask, joint, truth in zip(masks, joints, truths, strict=True):
        line = skeletonize(joint) & ~_grown(truth, 2 * _UAV_TOLERANCE_PX)
        total += int(line.sum())
        covered += int((line & _grown(mask, 1)).sum())
    return covered / max(total, 1)


def evaluate_masks(
    mark: Marking, data: Path, final: bool, on_photo: Callable[[], None] = lambda: None
) -> dict[str, MaskScore | float]:
    """Scores on folds for choices, or with `final` on the test folds; and shares of crack-free pictures with a mask."""
    fold = "test" if final else "val"
    dais, uav = masked_photos(data / "masonry_dais", fold), masked_photos(data / "uav75", fold)
    joints = masked_photos(data / "uav75", fold, "planking")
    found: dict[str, MaskScore | float] = {}
    found["masonry_dais"] = score_masks(_marked(mark, dais.images, on_photo), _truths(dais))
    lines = _marked(mark, uav.images, on_photo)
    found["uav75_within_3_px"] = score_masks(lines, _truths(uav), _UAV_TOLERANCE_PX)
    found["uav75_joint_length_marked"] = joints_marked(lines, _truths(joints), _truths(uav))
    sound = brickwork(data, ("test",) if final else ("train", "val"))
    surfaces = _marked(mark, textures(data / "textures", "val").images, on_photo)
    found["textures_with_mask"] = _marked_share(surfaces)
    bricks = _marked(mark, [sound.photos[index] for index in np.flatnonzero(~sound.cracked)], on_photo)
    found["sound_brickwork_with_mask"] = _marked_share(bricks)
    unlisted = np.flatnonzero(~sound.listed[~sound.cracked])
    found["sound_brickwork_without_listed_with_mask"] = _marked_share([bricks[index] for index in unlisted])
    return found


def _marked_share(masks: Sequence[Mask]) -> float:
    return float(np.mean([mask.any() for mask in masks]))


def _truths(source: Source) -> list[Mask]:
    assert source.masks is not None, "masked photos have masks"
    return source.masks
