"""Real cracks lifted off their photos, to be put onto other walls: few walls are cracked, and many are not.

Lifted is the light that a crack leaves of its wall, pixel by pixel: the photo over the same photo without its crack
(see `simulations.fading`). Where the crack runs a network says, never a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from simulations.pools import keep
from simulations.walls import Picture

#: From this probability (of 255) on a pixel is the crack's, and its light is lifted so far around it, ever less.
_SEEN_FROM, _RIM_PX = 64, 2.0
#: Cracks with fewer pixels are left where they are.
_LEAST_PX = 100
#: Towards the photo's border, where a crack is cut off, it fades out over so many px.
_FADED_PX = 12
_ZOOMS = (0.4, 1.4)
_DARKEST = 0.02


@dataclass(frozen=True, eq=False)
class Transplant:
    """One crack: `left` uint8 (rows, cols, 3), the share of the wall's light that is left, 128 being all of it, and
    `covered` uint8 (rows, cols), how surely a pixel is the crack's, from 0 to 255.
    """

    left: NDArray[np.uint8]
    covered: NDArray[np.uint8]


def lifted(photo: NDArray[np.uint8], sound: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Transplant | None:
    """The crack that `mask` uint8 (rows, cols) marks in the photo (rows, cols, 3), whose wall is `sound` without it;
    None where there is too little of it.
    """
    seen = (mask >= _SEEN_FROM).astype(np.float32)
    if seen.sum() < _LEAST_PX:
        return None
    share = (photo.astype(np.float32) / 255 + _DARKEST) / (sound.astype(np.float32) / 255 + _DARKEST)
    inwards = (np.minimum(np.arange(extent), np.arange(extent)[::-1]) / _FADED_PX for extent in seen.shape)
    rows, cols = (np.clip(each, 0, 1).astype(np.float32) for each in inwards)
    faded = rows[:, None] * cols
    weight = (np.clip(2 * cv2.GaussianBlur(seen, (0, 0), _RIM_PX), 0, 1) * faded)[..., None]
    left = np.clip(1 + weight * (share - 1), 0, 255 / 128)
    return Transplant(np.round(left * 128).astype(np.uint8), np.round(mask * seen * faded).astype(np.uint8))


def planted(wall: Picture, transplant: Transplant, rng: np.random.Generator) -> tuple[Picture, Picture]:
    """The wall float32 (side, side, 3) with that crack, turned and enlarged at random, and the share of each pixel
    (side, side) that it covers.
    """
    side = wall.shape[0]
    rows, cols = np.nonzero(transplant.covered)
    at = int(rng.integers(len(rows)))
    zoom = float(np.exp(rng.uniform(*np.log(_ZOOMS))))
    turn = cv2.getRotationMatrix2D((float(cols[at]), float(rows[at])), float(rng.uniform(0, 360)), zoom)
    turn[:, 2] += np.array([rng.uniform(0.2, 0.8) * side - cols[at], rng.uniform(0.2, 0.8) * side - rows[at]])
    left = cv2.warpAffine(transplant.left, turn, (side, side), flags=cv2.INTER_CUBIC, borderValue=(128, 128, 128))
    covered = cv2.warpAffine(transplant.covered, turn, (side, side), flags=cv2.INTER_LINEAR)
    image = np.clip(wall * (left.astype(np.float32) / 128), 0, 1)
    return image.astype(np.float32), covered.astype(np.float32) / 255


def write_transplants(transplants: Sequence[Transplant], path: Path) -> None:
    """Keep transplants of one size in a file, `.npz`."""
    keep(
        path,
        {
            "left": np.stack([one.left for one in transplants]),
            "covered": np.stack([one.covered for one in transplants]),
        },
    )


def read_transplants(path: Path) -> tuple[Transplant, ...]:
    """Those that were kept; none where no file is."""
    if not path.exists():
        return ()
    kept = np.load(path)
    return tuple(Transplant(*pair) for pair in zip(kept["left"], kept["covered"], strict=True))
