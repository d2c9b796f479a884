"""Baselines: the inputs without damage that some attribution methods compare a patch with.

A sample of damage-free pictures instead of black ones, as in Forest et al. 2024, section 3.4
(doi:10.1016/j.autcon.2024.105497): relevance then gathers on the crack. `crackmonitor baselines` makes such a sample.
"""

import hashlib
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np

from monitor.errors import MisuseError
from monitor.records import ByteArray

#: Ten damage-free patches of simulated walls and CC0 textures.
SHIPPED = Path(__file__).with_name("baselines.npz")


def save_baselines(patches: ByteArray, path: Path) -> None:
    """Write damage-free patches uint8 (n, side, side, 3) as one compressed file."""
    np.savez_compressed(path, patches=patches)


def load_baselines(path: Path = SHIPPED) -> ByteArray:
    """The damage-free patches uint8 (n, side, side, 3) of a file; raises `MisuseError` when it is none."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            patches = np.asarray(stored["patches"])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise MisuseError(
            f"The baselines {path} cannot be read ({error}). Make them anew with 'crackmonitor baselines'."
        ) from error
    return checked(patches)


def checked(patches: ByteArray) -> ByteArray:
    """The patches, if they are any: uint8 (n >= 1, side, side, 3); raises `MisuseError` otherwise."""
    square = patches.ndim == 4 and patches.shape[1] == patches.shape[2] and patches.shape[3] == 3
    if not square or len(patches) == 0 or patches.dtype != np.uint8:
        raise MisuseError(
            f"Baselines are at least one square RGB picture of 8 bits, not {patches.dtype} of shape {patches.shape}."
        )
    return patches


def fitted(patches: ByteArray, side_px: int) -> ByteArray:
    """Baselines of another side, resized to the patches of a classifier: uint8 (n, side, side, 3)."""
    if patches.shape[1] == side_px:
        return patches
    method = cv2.INTER_AREA if patches.shape[1] > side_px else cv2.INTER_CUBIC
    return np.stack([np.asarray(cv2.resize(each, (side_px, side_px), interpolation=method)) for each in patches])


def sha256_of(patches: ByteArray) -> str:
    """What tells one sample of baselines from another in a recipe."""
    return hashlib.sha256(patches.tobytes()).hexdigest()
