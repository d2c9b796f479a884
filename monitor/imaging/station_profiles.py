"""What captures show across a crack at its stations, kept in a file so that pages need no photo to draw it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import UnreadableImageError
from monitor.imaging.files import write_whole

_ARRAYS = ("stations", "offsets_px", "captures", "grey", "opening_px")


@dataclass(frozen=True)
class StationProfiles:
    """One crack at k of its stations through c captures.

    `stations` int64 (k,) index the crack's course, `captures` int64 (c,) are ids in order of capture time; `grey` uint8
    (k, c, m) is the light across the crack at `offsets_px` float64 (m,) along its normal, 1 black and 255 white, 0
    where the capture shows nothing. `opening_px` float32 (k, c) is what was read there.
    """

    crack: str
    stations: NDArray[np.int64]
    offsets_px: NDArray[np.float64] = field(repr=False)
    captures: NDArray[np.int64] = field(repr=False)
    grey: NDArray[np.uint8] = field(repr=False)
    opening_px: NDArray[np.float32] = field(repr=False)


def as_grey(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Grey values of any shape, NaN where there are none, as `StationProfiles.grey` holds them."""
    return np.where(np.isfinite(light), np.clip(np.rint(np.nan_to_num(light)), 1, 255), 0).astype(np.uint8)


def write_profiles(path: Path, profiles: Sequence[StationProfiles]) -> None:
    """Keep the profiles of a location's cracks, whole or not at all; without any the file goes."""
    if not profiles:
        path.unlink(missing_ok=True)
        return
    arrays: dict[str, NDArray[Any]] = {"cracks": np.array([one.crack for one in profiles])}
    for number, one in enumerate(profiles):
        arrays |= {f"{name}_{number}": getattr(one, name) for name in _ARRAYS}
    written = io.BytesIO()
    np.savez_compressed(written, allow_pickle=False, **arrays)
    write_whole(path, written.getvalue())


def read_profiles(path: Path) -> Mapping[str, StationProfiles]:
    """By crack, as `write_profiles` kept them; empty where there is no file. Raises `UnreadableImageError` where it is
    damaged.
    """
    if not path.exists():
        return {}
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            names = [str(name) for name in kept["cracks"]]
            return {
                name: StationProfiles(name, **{part: kept[f"{part}_{number}"] for part in _ARRAYS})
                for number, name in enumerate(names)
            }
    except Exception as error:  # damaged archives raise anything from KeyError to zlib.error
        raise UnreadableImageError(
            f"{path} is damaged. Delete it: it is made anew when the worker next follows the location."
        ) from error
