"""What is compared on: patches of real photos, or simulated ones where no data set is given.

As in the paper one *sample* is one picture as the classifier takes it. Larger photos are cut into patches; the patches
of one photo belong together when intervals are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import MisuseError
from monitor.imaging.tiling import cut, tile
from simulations.growth import PaperFrame, darkest_colour, paper_trajectory
from simulations.patches import CRACKED_FROM_PX, Painting, painted_patch

FOLDS = ("train", "val", "test")
SIMULATED = "simulated cracks"
#: Samples of each fold where none are given and the plan takes all; half of them are cracked.
_ALL_SIMULATED = 200
_PAINTING = Painting(opening_px=(1.5, 10.0))
_FRAMES = 5


@dataclass(frozen=True)
class Sample:
    """One picture uint8 (side, side, 3), whether it is cracked and where: bool (side, side), None where not known.

    `group` is the photo it was cut from.
    """

    name: str
    group: str
    image: NDArray[np.uint8]
    cracked: bool
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Trajectory:
    """A crack that grows under the paper's protocol (section 4.4), and the samples it was made of."""

    name: str
    frames: tuple[PaperFrame, ...]


def samples_of(data: Path | None, fold: str, side_px: int, count: int | None, seed: int) -> list[Sample]:
    """At most `count` samples (None: all) of a fold, drawn by `seed`, cracked and sound by turns while both last.

    Raises `MisuseError` for photos smaller than a patch, or a data set that cannot be read.
    """
    if data is None:
        return _simulated(fold, side_px, _ALL_SIMULATED if count is None else count, seed)
    found = _cut(data, fold, side_px)
    if count is None:
        return found
    order = np.random.default_rng(seed).permutation(len(found))
    kinds = [[found[index] for index in order if found[index].cracked is wanted] for wanted in (True, False)]
    return _by_turns(*kinds)[:count]


def _by_turns(one: Sequence[Sample], other: Sequence[Sample]) -> list[Sample]:
    shared = min(len(one), len(other))
    paired = [sample for pair in zip(one, other, strict=False) for sample in pair]
    return [*paired, *one[shared:], *other[shared:]]


def _simulated(fold: str, side_px: int, count: int, seed: int) -> list[Sample]:
    """Each on a wall of its own; crack pixels are those of which the gap covers more than half."""
    rng = np.random.default_rng([seed, FOLDS.index(fold)])
    found: list[Sample] = []
    while len(found) < count:
        cracked = len(found) % 2 == 0
        painted = painted_patch(cracked, side_px, rng, painting=_PAINTING)
        mask = None if painted is None else painted[1] > 0.5
        if painted is None or mask is None or cracked != bool(mask.sum() >= CRACKED_FROM_PX):
            continue
        name = f"simulated_{fold}_{len(found):03d}"
        found.append(Sample(name, name, painted[0], cracked, mask))
    return found


def _cut(data: Path, fold: str, side_px: int) -> list[Sample]:
    from simulations.data_sets import read_fold

    read = read_fold(data, fold)
    found = []
    for index, photo in enumerate(read.photos):
        name, group = str(read.names[index]), str(read.groups[index])
        if min(photo.shape[:2]) < side_px and read.masks is not None:
            raise MisuseError(
                f"The photo {name} of {data} has {photo.shape[1]} x {photo.shape[0]} px; the classifier takes patches "
                f"of {side_px} px. Leave out smaller photos, or choose other weights."
            )
        if read.masks is None:
            found.append(Sample(name, group, _shrunk(photo, side_px), bool(read.cracked[index]), None))
        else:
            found.extend(_patches(name, group, photo, read.masks[index], side_px))
    return found


def _shrunk(photo: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """A photo of which only the whole has a label, made as small as a patch."""
    return np.asarray(cv2.resize(photo, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)


def _patches(name: str, group: str, photo: NDArray[np.uint8], mask: NDArray[np.bool_], side_px: int) -> list[Sample]:
    """Patches that are clearly cracked, or have no crack pixel at all."""
    grid = tile((photo.shape[0], photo.shape[1]), side_px)
    masks = cut(np.repeat(mask[..., None], 3, axis=2).astype(np.uint8), grid)[..., 0] > 0
    found = []
    for patch, part, (row, col) in zip(cut(photo, grid), masks, grid.origins, strict=True):
        pixels = int(part.sum())
        if pixels == 0 or pixels >= CRACKED_FROM_PX:
            found.append(Sample(f"{name}@{row},{col}", group, patch, pixels > 0, part))
    return found


def trajectories(samples: Sequence[Sample], count: int, seed: int) -> list[Trajectory]:
    """`count` cracks of random cracked samples, grown on random sound ones; none where masks or a kind are missing."""
    sound = [sample for sample in samples if not sample.cracked]
    cracked = [sample for sample in samples if sample.cracked and sample.mask is not None]
    if not sound or not cracked:
        return []
    found = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        ground, crack = sound[rng.integers(len(sound))], cracked[rng.integers(len(cracked))]
        assert crack.mask is not None
        frames = paper_trajectory(ground.image, crack.mask, darkest_colour(crack.image), steps=_FRAMES)
        found.append(Trajectory(f"trajectory_{index:03d}", tuple(frames)))
    return found


def damage_free(data: Path | None, side_px: int, count: int, seed: int) -> NDArray[np.uint8]:
    """Sound training samples uint8 (count, side, side, 3), to serve as baselines.

    Raises `MisuseError` when the data set has not so many.
    """
    wanted = 2 * count if data is None else None
    sound = [sample.image for sample in samples_of(data, "train", side_px, wanted, seed) if not sample.cracked]
    if len(sound) < count:
        raise MisuseError(f"{data} has only {len(sound)} damage-free training patches, fewer than {count}.")
    chosen = np.random.default_rng(seed).permutation(len(sound))[:count]
    return np.stack([sound[index] for index in chosen])
