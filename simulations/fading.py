"""Photos whose cracks are made fainter, or taken away: a sound twin of each cracked wall, and cracks that hardly show.

Photo and twin differ in nothing but the crack, so only the crack itself can tell them apart. Where it runs a network
says, never a person: the masks are those of `simulations.segmenting.TaughtPhotos`.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.networks.weights import Segmenter
from simulations.patch_pools import twins_in
from simulations.patches import SETS, Patch, masked_photos
from simulations.pools import keep
from simulations.segmenting import CropLabels, TaughtPhotos, soft_masks, taught_photos

#: Cracks are shown at so much of their strength, too.
SHARES = (0.45, 0.7)
_SEED = 0
#: From this probability (of 255) on a pixel is taken for the crack that is to go, and so many px around it.
_SEEN_FROM, _AROUND_PX = 20, 3
_INPAINTING_PX = 4
#: What a network may still see of a crack that is gone: so many px, so sure; with more the twin is no sound wall.
_LEFT_PX, _LEFT_FROM = 40, 77


def without_crack(image: Patch, mask: NDArray[np.uint8], rng: np.random.Generator) -> Patch:
    """The photo uint8 (rows, cols, 3) with what `mask` uint8 (rows, cols) marks filled in from beside, grain and all.

    Filling in: Telea 2004, doi:10.1080/10867651.2004.10487596. It is smooth; the grain is that of another place.
    """
    gone = cv2.dilate((mask >= _SEEN_FROM).astype(np.uint8), np.ones((2 * _AROUND_PX + 1,) * 2, np.uint8))
    filled = cv2.inpaint(image, gone, _INPAINTING_PX, cv2.INPAINT_TELEA).astype(np.float32)
    known = image.astype(np.float32)
    grain = np.where(gone[..., None] > 0, 0, known - cv2.GaussianBlur(known, (0, 0), 2))
    elsewhere = np.roll(grain, tuple(int(step) for step in rng.integers(8, 64, 2)), (0, 1))
    return np.clip(np.round(filled + gone[..., None] * elsewhere), 0, 255).astype(np.uint8)


def with_twins(
    photos: TaughtPhotos,
    teacher: Callable[[Patch], NDArray[np.uint8]],
    rng: np.random.Generator,
    shares: tuple[float, ...] = SHARES,
) -> TaughtPhotos:
    """The photos, then each with its crack at the given shares of its strength, and without it.

    A photo without its crack is left out where `teacher` still sees one.
    """
    images, labels, masks = list(photos.images), list(photos.labels), list(photos.masks)
    for image, label, mask in zip(photos.images, photos.labels, photos.masks, strict=True):
        sound = without_crack(image, mask, rng)
        for share in shares:
            faint = np.round(sound + share * (image.astype(np.float32) - sound))
            images.append(np.clip(faint, 0, 255).astype(np.uint8))
            labels.append(label)
            masks.append(mask)
        if np.count_nonzero(teacher(sound) >= _LEFT_FROM) <= _LEFT_PX:
            images.append(sound)
            labels.append(CropLabels(np.zeros(mask.shape, bool)))
            masks.append(np.zeros_like(mask))
    return TaughtPhotos(images, labels, masks)


def kept_twins(
    photos: TaughtPhotos, teacher: Callable[[Patch], NDArray[np.uint8]], path: Path, rng: np.random.Generator
) -> TaughtPhotos:
    """The same, kept in the file `path` and read from there once it is there."""
    if not path.exists():
        made = with_twins(photos, teacher, rng)
        cracked = np.stack([label.mask for label in made.labels])
        keep(path, {"images": np.stack(made.images), "cracked": cracked, "masks": np.stack(made.masks)})
    found = np.load(path)
    return TaughtPhotos(list(found["images"]), [CropLabels(mask) for mask in found["cracked"]], list(found["masks"]))


def keep_twins(data: Path, segmenter: Segmenter, folder: Path, fold: str = "train") -> None:
    """Write the photos of masonry of one fold with their twins to `folder`, for `draw_pool` to draw from.

    Hairlines of concrete have none: a network that sees half of a hairline would leave half of it in a "sound" twin.
    """
    teacher, name = soft_masks(segmenter), SETS[1]
    photos = taught_photos(masked_photos(data / name, fold), teacher, folder / name)
    kept_twins(photos, teacher, twins_in(folder, name), np.random.default_rng(_SEED))
