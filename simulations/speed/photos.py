"""Large photos to time the analysis with: a simulated wall, cracked until about a tenth of its patches show a crack."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.imaging.tiling import cut, tile
from monitor.records import BoolArray, ByteArray, FloatArray
from simulations.cracks import crack_in
from simulations.rendering import CameraView, coverage, paint, photograph, random_view
from simulations.walls import Shape, Wall, wall

_COURSE_PX = 150.0
_OPENING_PX = 6.0
#: Ends of the cracks, (row, col) as shares of the picture.
_COURSES = (((0.04, 0.2), (0.96, 0.4)), ((0.1, 0.62), (0.95, 0.9)))


@dataclass(frozen=True)
class Scene:
    """One wall photographed twice, uint8 (rows, cols, 3): `reference` square on, `capture` by hand (`matrix` takes
    the reference's (column, row, 1) to its pixels). `truth` bool marks the reference's crack.
    """

    reference: ByteArray
    capture: ByteArray
    truth: BoolArray
    matrix: NDArray[np.float64]


def shape_of(megapixels: float) -> Shape:
    """(rows, cols) of a photo of that size, three to four."""
    rows = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    return rows, round(rows * 4 / 3)


def scene(megapixels: float, seed: int) -> Scene:
    """The same for the same seed. A quarter of the wall is made, and mirrored to the rest: making is slow."""
    rng = np.random.default_rng(seed)
    shape = shape_of(megapixels)
    part = wall("bonded", (-(-shape[0] // 2), -(-shape[1] // 2)), rng, _COURSE_PX)
    whole = Wall(_mirrored(part.image, shape), _mirrored(part.joints, shape), part.kind)
    image, covered = whole.image, np.zeros(shape, np.float32)
    for start, end in _COURSES:
        first, last = ((row * shape[0], col * shape[1]) for row, col in (start, end))
        crack = crack_in(whole, rng, first, last, joint_pull=0.5)
        np.maximum(covered, coverage(crack, _OPENING_PX, shape), out=covered)
    image = paint(image, covered, rng, darkness=0.1)
    views = CameraView(np.eye(3)), random_view(shape, rng)
    photos = [photograph(image, view, shape, rng) for view in views]
    return Scene(photos[0], photos[1], covered > 0.5, views[1].matrix)


def _mirrored(part: NDArray[np.generic], shape: Shape) -> NDArray[np.generic]:
    right = np.concatenate([part, part[:, ::-1]], axis=1)
    return np.ascontiguousarray(np.concatenate([right, right[::-1]])[: shape[0], : shape[1]])


@dataclass(frozen=True)
class CrackedPatches:
    """Patches of one size that show the crack: `pictures` (n, side, side, 3), `truths` bool (n, side, side)."""

    pictures: ByteArray
    truths: BoolArray


def cracked_patches(photo: ByteArray, truth: BoolArray, side_px: int, at_most: int | None = None) -> CrackedPatches:
    """Patches without overlap whose crack has as many pixels as the patch is long, evenly chosen."""
    grid = tile(photo.shape[:2], side_px)
    marked = cut(np.repeat(truth[..., None].astype(np.uint8), 3, axis=2), grid)[..., 0] > 0
    places = np.flatnonzero(marked.sum(axis=(1, 2)) >= side_px)
    if at_most is not None and len(places) > at_most:
        places = places[np.linspace(0, len(places) - 1, at_most).astype(int)]
    return CrackedPatches(cut(photo, grid, places), marked[places])


def f1(mask: BoolArray, truth: BoolArray, tolerance_px: int = 0) -> float:
    """F1 of mask pixels, those within the tolerance of a true one (and the other way round) being right."""
    near_truth, near_mask = (_grown(one, tolerance_px) for one in (truth, mask))
    precision = float((mask & near_truth).sum() / max(mask.sum(), 1))
    recall = float((truth & near_mask).sum() / max(truth.sum(), 1))
    return 2 * precision * recall / max(precision + recall, 1e-12)


def _grown(mask: BoolArray, radius_px: int) -> BoolArray:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)


def iou(one: BoolArray, other: BoolArray) -> float:
    """Common pixels over all; 1 for two empty masks."""
    union = int((one | other).sum())
    return float((one & other).sum() / union) if union else 1.0


def relevance_of(explained: FloatArray, side_px: int, parts_px: int) -> FloatArray:
    """Maps (n, side, side) put together from those of their parts, (n * k, parts, parts), row by row."""
    across = side_px // parts_px
    laid = explained.reshape(-1, across, across, parts_px, parts_px)
    return np.asarray(laid.transpose(0, 1, 3, 2, 4).reshape(-1, side_px, side_px), np.float32)
