"""The patches that networks are taught with, from whichever data set lies in a folder.

From the shipped networks' own mixture, and from photos with masks, windows are cut: one that shows no crack is a
negative one. Data sets of patches (see `simulations.data_sets`) are taken whole.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import MisuseError
from simulations.data_sets import Fold, layout_of, read_fold
from simulations.patch_pools import PatchPool, draw_pool
from simulations.patches import (
    CRACKED_FROM_PX,
    SETS,
    ZOOMS,
    Patch,
    Source,
    check_folders,
    developed,
    masked_photos,
    random_window,
    random_zoom,
    resized,
)
from simulations.pools import Drawn, draw_shards

Progress = Callable[[int, int], None]

_SEEDS = {"train": 1000, "train+val": 1000, "val": 900_000}
#: Where photos with masks lie in the mixture of the shipped networks.
_MASKED = SETS[1]
#: Windows of masks are tried so often.
_TRIES = 10_000


def whole(data: Path) -> bool:
    """Whether the data set holds patches that are taken as they are."""
    return layout_of(data) in ("paper", "labels")


def check_data(data: Path, side: int, drawn: bool = False) -> None:
    """Raise `MisuseError` when a network for patches of `side` px cannot be taught from this folder; when masks that
    people have `drawn` are needed, also when there are none.
    """
    layout = layout_of(data)
    if drawn and layout == "labels":
        raise MisuseError(f"{data} has no masks that people drew, and an oracle is taught by nothing else.")
    if layout is None:
        check_folders(data)
    if whole(data):
        for fold in ("train", "val"):
            _check_patches(read_fold(data, fold), side)
    elif layout == "masks" or drawn:
        for fold in ("train", "val"):
            check_windows(masked_photos(data if layout == "masks" else data / _MASKED, fold), fold, side)


def check_windows(source: Source, fold: str, side: int) -> None:
    """Raise `MisuseError` when no windows of `side` px with and without cracks can be cut from photos with masks."""
    least = int(np.ceil(side / ZOOMS[1]))
    small = [image.shape for image in source.images if min(image.shape[:2]) < least]
    if small:
        rows, cols, _ = small[0]
        raise MisuseError(
            f"{source.name} has a photo of {cols} x {rows} px: too small for patches of {side} px, which need {least} "
            "px at least."
        )
    masks = source.masks or []
    if not any(np.count_nonzero(mask) * ZOOMS[1] ** 2 >= CRACKED_FROM_PX for mask in masks):
        raise MisuseError(f"No mask of fold '{fold}' in {source.name} holds a crack: there is nothing to learn.")
    if not any(_has_empty(mask, least) for mask in masks):
        raise MisuseError(f"No photo of fold '{fold}' in {source.name} has a window of {least} px without a crack.")


def _has_empty(mask: NDArray[np.bool_], window: int) -> bool:
    counts = cv2.integral(mask.astype(np.uint8))
    inside = (
        counts[window:, window:] - counts[:-window, window:] - counts[window:, :-window] + counts[:-window, :-window]
    )
    return bool((inside == 0).any())


def _check_patches(fold: Fold, side: int) -> None:
    for photo, name in zip(fold.photos, fold.names, strict=True):
        rows, cols, _ = photo.shape
        if rows != cols:
            raise MisuseError(f"{fold.name}/{name} has {cols} x {rows} px: patches have to be square.")
        if rows < side:
            raise MisuseError(f"{fold.name}/{name} has {cols} x {rows} px: too small for patches of {side} px.")


def labelled_patches(
    data: Path,
    folder: Path,
    fold: str,
    count: int,
    side: int,
    on_shard: Progress,
    twins: Path | None = None,
    hairlines: bool = False,
) -> PatchPool:
    """Patches of one fold with labels; windows are drawn, `count` of them, in shards kept in `folder`, and where
    `twins` of the mixture's photos of masonry are kept, from these as well; with `hairlines` many show concrete.
    """
    if not whole(data):
        return draw_pool(folder, data, fold, count, side, _SEEDS[fold], on_shard, twins=twins, hairlines=hairlines)
    read = read_fold(data, fold)
    images = np.stack([_scaled(photo, side) for photo in read.photos])
    on_shard(1, 1)
    return PatchPool(images, read.cracked.astype(np.int64), np.full(len(images), read.name))


def masked_patches(
    data: Path, folder: Path, fold: str, count: int, side: int, on_shard: Progress
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Patches (n, side, side, 3) of one fold that show a crack, and masks (n, side, side) that people drew of it."""
    if whole(data):
        read = read_fold(data, fold)
        assert read.masks is not None, "checked before"
        pairs = [
            (_scaled(photo, side), _scaled(mask.astype(np.float32), side) >= 0.5)
            for photo, mask in zip(read.photos, read.masks, strict=True)
            if mask.any()
        ]
        on_shard(1, 1)
        return np.stack([image for image, _ in pairs]), np.stack([mask for _, mask in pairs])
    source = data if layout_of(data) == "masks" else data / _MASKED
    name = f"drawn_{source.name}_{fold}_{side}"
    pool = draw_shards(partial(_windows, source, fold, side), folder, name, count, _SEEDS[fold], on_shard)
    return pool["images"], pool["masks"]


def _windows(folder: Path, fold: str, side: int, count: int, rng: np.random.Generator) -> Drawn:
    source = masked_photos(folder, fold)
    drawn = [_window(source, side, rng) for _ in range(count)]
    return {"images": np.stack([image for image, _ in drawn]), "masks": np.stack([mask for _, mask in drawn])}


def _window(source: Source, side: int, rng: np.random.Generator) -> tuple[Patch, NDArray[np.bool_]]:
    """A random window that shows a crack, at the zooms and with the accidents of a classifier's patches."""
    assert source.masks is not None
    for _ in range(_TRIES):
        index = int(rng.integers(len(source.images)))
        image = source.images[index]
        window = random_window(image.shape, side, random_zoom(ZOOMS, rng), rng)
        mask = _scaled(source.masks[index][window].astype(np.float32), side) >= 0.5
        if np.count_nonzero(mask) >= CRACKED_FROM_PX:
            return developed(resized(image[window], side), rng), mask
    raise MisuseError(f"No window of the photos in {source.name} shows a crack of {CRACKED_FROM_PX} px.")


def _scaled(picture: NDArray[Any], side: int) -> NDArray[Any]:
    method = cv2.INTER_AREA if len(picture) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (side, side), interpolation=method))
