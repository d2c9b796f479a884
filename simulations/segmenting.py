"""Patches to teach a segmenter with: simulated cracks with their pixel truth, and photos with masks of a network's own.

What people marked in the photos says only whether a window shows a crack: `CropLabels` answers nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analyser, AnalysisOptions
from monitor.errors import MisuseError
from monitor.networks.dense import PLACES_STEP_PX
from monitor.networks.segmenter_training import MarkedPatches
from monitor.networks.segmenting import crack_pixels
from monitor.networks.unet import UNET_STEP_PX
from monitor.networks.weights import Classifier, Segmenter
from monitor.records import BoolArray
from monitor.segmentation.refinement import RefinementOptions
from simulations import dark_joints, wide_cracks
from simulations.concrete_surfaces import CONCRETE_ZOOMS, SHARES, concrete_surface
from simulations.data_sets import layout_of
from simulations.patches import (
    HAIRLINES,
    SETS,
    Painting,
    Patch,
    Source,
    Zooms,
    developed,
    labelled_window,
    painted_patch,
    random_window,
    random_zoom,
    resized,
    standard_sources,
)
from simulations.pools import SHARD, Drawn, draw_shards, keep
from simulations.walls import Picture, Wall

#: Finer cracks than a classifier is asked about, crumbled ones, and more of what only looks like one.
PAINTING = Painting((1.0, 20.0), (0.05, 0.35), second=0.3, crumbled=0.3, least_px=0.0)
#: How often a crack is a hairline, on any surface.
_HAIRLINE_SHARE = 0.4
#: How often a patch has dark joints, or a wide crack; and how often another is concrete, where cracks are hairlines.
_DARK_JOINTED_SHARE, _WIDE_SHARE = 0.35, 0.15
_CONCRETE_SHARE = 0.55
#: How often procedural walls, textures and the two photo sets are painted on, and a patch has a crack at all.
_SHARES = (0.42, 0.13, 0.2, 0.25)
_CRACKED_SHARE = 0.6
_ZOOMS: Zooms = (0.6, 2.5)
#: Photos of 224 px are enlarged for the explanation: it was made for cracks photographed in more detail.
_EXPLAINED_ZOOM = 2
#: A soft mask is the mean over the photo and its mirror image at these zooms; of photos of hairlines at those.
_SOFT_ZOOMS = (1.0, 1.5)
HAIRLINE_ZOOMS = (1.0, 1.5, 2.0)
#: Windows that show a crack are left out where fewer pixels than this are at least so sure of it.
_LEAST_SEEN_PX, _SEEN_FROM = 20, 0.25
_TRIES = 10_000
_BATCH, _KEEPING_BATCH = 64, 4
#: Patches that were painted otherwise are others.
_HOW = (
    PAINTING, HAIRLINES, _HAIRLINE_SHARE, _SHARES, _DARK_JOINTED_SHARE, dark_joints.HOW, _WIDE_SHARE, wide_cracks.HOW,
    _CONCRETE_SHARE, SHARES, CONCRETE_ZOOMS, _CRACKED_SHARE, _ZOOMS,
)  # fmt: skip
_PAINTED = sha256(repr(_HOW).encode()).hexdigest()
_LEVELS = np.arange(5, 96) / 100


def draw_pixel_pool(
    folder: Path,
    data: Path,
    fold: str,
    count: int,
    side: int,
    seed: int,
    on_shard: Callable[[int, int], None] = lambda _done, _total: None,
) -> Drawn:
    """`count` simulated patches as `images` uint8 (n, side, side, 3), `truth` uint8 (n, side, side), the share of each
    pixel that lies in a gap, from 0 to 255, and `counts` bool (n, side, side), false where a gap cannot be seen; in
    shards kept in `folder`.
    """
    name = f"pixels_{fold}_{side}_{_PAINTED[:8]}"
    return draw_shards(partial(_drawn, data, fold, side), folder, name, count, seed, on_shard)


def _drawn(data: Path, fold: str, side: int, count: int, rng: np.random.Generator) -> Drawn:
    sources = standard_sources(data, fold, _SHARES)
    shares = np.array([share for share, _ in sources])
    surface, whole_mixture = concrete_surface(data, fold), layout_of(data) is None
    images, truths, counts = [], [], []
    for _ in range(count):
        weight = np.ones((side, side), np.float32)
        kind = rng.random() if whole_mixture else 1.0
        if kind < _DARK_JOINTED_SHARE:
            image, covered, weight = dark_joints.dark_patch(side, rng, _CRACKED_SHARE)
        elif kind < _DARK_JOINTED_SHARE + _WIDE_SHARE:
            image, covered, weight = wide_cracks.wide_patch(side, rng)
        elif surface is not None and rng.random() < _CONCRETE_SHARE:
            image, covered = _painted(surface(side, rng), HAIRLINES, side, rng)
        else:
            source = sources[int(rng.choice(len(sources), p=shares / shares.sum()))][1]
            image, covered = _painted(*_usual(source, side, rng), side, rng)
        images.append(image)
        truths.append(np.round(np.clip(covered, 0, 1) * 255).astype(np.uint8))
        counts.append(weight > 0)
    return {"images": np.stack(images), "truth": np.stack(truths), "counts": np.stack(counts)}


def _usual(source: Source | None, side: int, rng: np.random.Generator) -> tuple[Wall | None, Painting]:
    """A crack-free window of a source, None for a procedural wall, and how it is painted on."""
    base = None
    while source is not None and base is None:
        surface = labelled_window(source, False, side, random_zoom(_ZOOMS, rng), rng)
        base = None if surface is None else Wall(surface, np.zeros((side, side), bool), source.name)
    how = HAIRLINES if rng.random() < _HAIRLINE_SHARE else PAINTING
    if source is not None and source.name == SETS[1]:
        how = replace(how, board_marked=0.0)  # there is no formwork in masonry
    return base, how


def _painted(base: Wall | None, how: Painting, side: int, rng: np.random.Generator) -> tuple[Patch, Picture]:
    painted = painted_patch(bool(rng.random() < _CRACKED_SHARE), side, rng, base, how)
    assert painted is not None, "cracks of any size are welcome"
    return painted


class CropLabels:
    """Whether a window of one photo shows a crack: all that is ever asked of a mask (rows, cols) that people drew."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.mask = mask

    def shows_crack(self, window: tuple[slice, slice]) -> bool:
        """The label of one crop."""
        return bool(self.mask[window].any())


@dataclass(frozen=True)
class TaughtPhotos:
    """Photos uint8 RGB with crop labels, and the masks uint8 (rows, cols) that a network gave, from 0 to 255."""

    images: Sequence[Patch]
    labels: Sequence[CropLabels]
    masks: Sequence[NDArray[np.uint8]]


Reading = Callable[[Picture], tuple[Picture, Picture]]


def read_explained(mask: Picture) -> tuple[Picture, Picture]:
    """Truth and weight (side, side) of a cracked window by a hard mask in [0, 1]: beside the mask and elsewhere "no
    crack" counts less, for it misses half of the crack.
    """
    near = cv2.dilate((mask > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return mask, np.where(mask > 0.5, 1, np.where(near, 0.25, 0.35)).astype(np.float32)


def read_soft(mask: Picture) -> tuple[Picture, Picture]:
    """Truth and weight (side, side) of a cracked window by a soft mask in [0, 1]: what it saw counts as crack, rims
    included, and what it was half sure of hardly counts.
    """
    seen = mask > _SEEN_FROM
    return seen.astype(np.float32), np.where(seen, 1, np.where(mask > 0.08, 0.1, 0.6)).astype(np.float32)


def taught_window(
    photos: TaughtPhotos, side: int, reading: Reading, rng: np.random.Generator
) -> tuple[Patch, Picture, Picture]:
    """A random window with truth and weight (side, side); one that shows no crack has none, whatever its mask says."""
    for _ in range(_TRIES):
        index = int(rng.integers(len(photos.images)))
        image = photos.images[index]
        window = random_window(image.shape, side, random_zoom(_ZOOMS, rng), rng)
        mask = photos.masks[index][window].astype(np.float32) / 255
        cracked = photos.labels[index].shows_crack(window)
        if cracked and np.count_nonzero(mask > _SEEN_FROM) < _LEAST_SEEN_PX:
            continue
        truth, weight = np.zeros((side, side), np.float32), np.ones((side, side), np.float32)
        if cracked:
            truth, weight = reading(cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR))
        return developed(resized(image[window], side), rng), truth, weight
    raise MisuseError("No window of the photos can be taught with: all show cracks, and the masks hold none of them.")


@dataclass(frozen=True)
class Mixture:
    """Batches for `train_segmenter`: half simulated patches (`pool` as `draw_pixel_pool` gives it), half windows of
    `photos`, given as (share, photos).

    Of the first photos a network may stay with what `keeper`, which it went on from, sees in windows that show a crack,
    to the last shade: read as masks, round by round, its rims would swell. (doi:10.1109/TPAMI.2017.2773081)
    """

    pool: Drawn
    photos: Sequence[tuple[float, TaughtPhotos]]
    reading: Reading
    keeper: Segmenter | None = None

    def __call__(self, rng: np.random.Generator, count: int) -> MarkedPatches:
        """`count` patches of the pool's side."""
        images, truth, counts = self.pool["images"], self.pool["truth"], self.pool["counts"]
        simulated = rng.integers(len(images), size=count // 2)
        drawn = [
            (images[index], truth[index].astype(np.float32) / 255, counts[index].astype(np.float32))
            for index in simulated
        ]
        shares = np.array([share for share, _ in self.photos])
        chosen = rng.choice(len(shares), size=count - len(simulated), p=shares / shares.sum())
        drawn += [taught_window(self.photos[each][1], images.shape[1], self.reading, rng) for each in chosen]
        batch = MarkedPatches(*(np.stack(parts) for parts in zip(*drawn, strict=True)))
        if self.keeper is None:
            return batch
        first = len(simulated) + np.flatnonzero(chosen == 0)
        return _as_before(batch, first[batch.truth[first].any(axis=(1, 2))], self.keeper)


def _as_before(batch: MarkedPatches, kept: NDArray[np.int64], keeper: Segmenter) -> MarkedPatches:
    """The batch with what the keeper sees in the `kept` patches for their truth."""
    batch.truth[kept] = crack_pixels(keeper, batch.images[kept], _KEEPING_BATCH)
    batch.weight[kept] = 1
    return batch


def explained_masks(classifier: Classifier) -> Callable[[Patch], NDArray[np.uint8]]:
    """What gives a photo uint8 (rows, cols, 3) the mask uint8 (rows, cols), 0 or 255, that the classifier's explanation
    makes of it; empty where no crack is found.
    """
    refinement = RefinementOptions(min_area_px=RefinementOptions().min_area_px * _EXPLAINED_ZOOM)
    analyser = Analyser(classifier, AnalysisOptions(mask="refined", refinement=refinement))

    def mask_of(image: Patch) -> NDArray[np.uint8]:
        found = analyser.analyse(_enlarged(image, _EXPLAINED_ZOOM)).mask
        if found is None:
            return np.zeros(image.shape[:2], np.uint8)
        share = cv2.resize(found.astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_AREA)
        return np.where(share >= 0.5, np.uint8(255), np.uint8(0))

    return mask_of


def soft_masks(
    segmenter: Segmenter, zooms: Sequence[float] = _SOFT_ZOOMS, gain: float = 1.0
) -> Callable[[Patch], NDArray[np.uint8]]:
    """What gives a photo uint8 (rows, cols, 3) its crack probability uint8 (rows, cols), from 0 to 255, by the mean
    over its mirror image and the zooms, times the gain: 255 at most.
    """

    def mask_of(image: Patch) -> NDArray[np.uint8]:
        seen = []
        for zoom in zooms:
            for step in (1, -1):
                found = _whole(segmenter, _enlarged(image[:, ::step], zoom))
                seen.append(cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_AREA)[:, ::step])
        return np.round(np.minimum(np.mean(seen, axis=0) * gain, 1) * 255).astype(np.uint8)

    return mask_of


def _whole(segmenter: Segmenter, image: Patch) -> NDArray[np.float32]:
    """Crack probability (rows, cols) of a picture of any size: mirrored at its end to what the network takes."""
    rows, cols = image.shape[:2]
    filled = np.pad(image, ((0, -rows % UNET_STEP_PX), (0, -cols % UNET_STEP_PX), (0, 0)), mode="symmetric")
    return np.asarray(crack_pixels(segmenter, filled[None], 1)[0, :rows, :cols], np.float32)


def _enlarged(image: Patch, zoom: float) -> Patch:
    size = (round(image.shape[1] * zoom), round(image.shape[0] * zoom))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def taught_photos(
    source: Source,
    teacher: Callable[[Patch], NDArray[np.uint8]],
    folder: Path,
    on_photo: Callable[[int, int], None] = lambda _done, _total: None,
) -> TaughtPhotos:
    """The photos of a source with masks by `teacher`; each is kept in `folder` as soon as it is there."""
    if source.masks is None:
        raise MisuseError(f"The photos of {source.name} do not say where crops show a crack.")
    folder.mkdir(parents=True, exist_ok=True)
    masks = []
    for index, image in enumerate(source.images):
        path = folder / f"{index:04d}.npz"
        if not path.exists():
            keep(path, {"mask": teacher(image)})
        masks.append(np.load(path)["mask"])
        on_photo(len(masks), len(source.images))
    return TaughtPhotos(source.images, [CropLabels(mask) for mask in source.masks], masks)


def crack_places(
    segmenter: Segmenter, images: NDArray[np.uint8], folder: Path, on_shard: Callable[[int, int], None]
) -> NDArray[np.uint8]:
    """Where cracks show in a classifier's patches (n, side, side, 3), as its dense loss takes it: the segmenter's
    highest probability in each 8 x 8 px, uint8 (n, side / 8, side / 8) from 0 to 255; in shards kept in `folder`.
    """
    starts, found = range(0, len(images), SHARD), []
    for done, start in enumerate(starts, 1):
        part = images[start : start + SHARD]
        path = folder / f"{start // SHARD:03d}_{len(part)}.npz"
        if not path.exists():
            blocks = len(part), part.shape[1] // PLACES_STEP_PX, PLACES_STEP_PX, -1, PLACES_STEP_PX
            seen = crack_pixels(segmenter, part, _BATCH).reshape(blocks).max(axis=(2, 4))
            keep(path, {"places": np.round(seen * 255).astype(np.uint8)})
        found.append(np.load(path)["places"])
        on_shard(done, len(starts))
    return np.concatenate(found)


def best_level(
    probability: NDArray[np.float32], truth: NDArray[np.uint8], counts: BoolArray | None = None
) -> tuple[float, float]:
    """The probability from which pixels are best called crack, the middle one of ties, and the Dice coefficient of all
    pixels that count there; `truth` from 0 to 255, crack from one half on.
    """
    if counts is not None:
        probability, truth = probability[counts], truth[counts]
    crack = truth > 127
    shared, called = (
        np.array([np.count_nonzero(of >= level) for level in _LEVELS]) for of in (probability[crack], probability)
    )
    dice = 2 * shared / np.maximum(called + np.count_nonzero(crack), 1)
    ties = np.flatnonzero(dice >= dice.max() - 1e-9)
    best = ties[len(ties) // 2]
    return float(_LEVELS[best]), float(dice[best])
