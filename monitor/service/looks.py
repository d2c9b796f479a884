"""Looks at cracks kept in files, so that following a location costs no more than what is new about it.

A folder for each series of a location, a file for each capture, under the sha256 of its original. Anything in it may be
deleted: what is missing or damaged is worked out anew from the originals.
"""

import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.imaging.files import write_whole
from monitor.opening.gaps import Gaps, Ground
from monitor.opening.lips import LipMovement
from monitor.opening.looks import Look

log = logging.getLogger("crackmonitor.worker")

#: Counts up whenever the same stations and captures give other numbers.
_VERSION = 1
_GAPS = ("opening_px", "standard_error_px", "middle_px", "ground_share", "ground_error")
_LIPS = ("station", "opening_px", "shear_px", "standard_error_px")


class KeptLooks:
    """The looks of one series in `folder`; `sha256` by capture id names the originals, `reference` is the id of the
    capture in whose frame stations lie. What is kept is written by `write`.
    """

    def __init__(self, folder: Path, sha256: Mapping[int, str], reference: int) -> None:
        self._folder, self._sha256 = folder, sha256
        self._basis = f"{_VERSION} {sha256[reference]} "
        self._used: dict[int, dict[str, Look]] = {capture: {} for capture in sha256}
        self._read_before: dict[int, dict[str, Look]] = {}

    def recall(self, capture: int, key: str) -> Look | None:
        """A look of before, None where there is none."""
        look = self._there(capture).get(self._basis + key)
        if look is not None:
            self._used[capture][self._basis + key] = look
        return look

    def keep(self, capture: int, key: str, look: Look) -> None:
        """Have it written."""
        self._used[capture][self._basis + key] = look

    def write(self) -> None:
        """Write what changed, and let go of what nobody asked for."""
        for capture, looks in self._used.items():
            there = self._there(capture)
            if looks.keys() != there.keys() or any(look is not there[key] for key, look in looks.items()):
                _write(self._path(capture), looks)
        wanted = {self._path(capture).name for capture, looks in self._used.items() if looks}
        for path in self._folder.glob("*.npz"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def _there(self, capture: int) -> dict[str, Look]:
        if capture not in self._read_before:
            self._read_before[capture] = self._read(capture)
        return self._read_before[capture]

    def _path(self, capture: int) -> Path:
        return self._folder / f"{self._sha256[capture]}.npz"

    def _read(self, capture: int) -> dict[str, Look]:
        path = self._path(capture)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
                return {str(key): _look(number, kept) for number, key in enumerate(kept["keys"])}
        except FileNotFoundError:
            return {}
        except Exception as error:  # damaged archives raise anything from KeyError to zlib.error
            log.warning("%s cannot be read (%s); what it held is worked out anew.", path, error)
            return {}


def _look(number: int, kept: Mapping[str, NDArray[Any]]) -> Look:
    about, gaps, lips = (kept[f"{part}_{number}"] for part in ("about", "gaps", "lips"))
    free_blur, settled_blur, *ground = map(float, about)
    return Look(
        profiles=kept[f"profiles_{number}"],
        lips=LipMovement(lips[0].astype(np.int64), *lips[1:]),
        freely=_gaps(gaps[: len(_GAPS)], free_blur),
        ground=Ground(*ground),
        settled=_gaps(gaps[len(_GAPS) :], settled_blur),
    )


def _gaps(rows: NDArray[np.float64], blur_px: float) -> Gaps:
    return Gaps(**dict(zip(_GAPS, rows, strict=True)), blur_px=blur_px)


def _write(path: Path, looks: Mapping[str, Look]) -> None:
    arrays: dict[str, NDArray[Any]] = {"keys": np.array(list(looks))}
    for number, look in enumerate(looks.values()):
        assert look.ground is not None, "only what is settled is kept"
        assert look.settled is not None, "only what is settled is kept"
        ground = look.ground.share, look.ground.standard_error, look.ground.weight
        arrays |= {
            f"about_{number}": np.array([look.freely.blur_px, look.settled.blur_px, *ground]),
            f"gaps_{number}": np.stack(
                [getattr(found, name) for found in (look.freely, look.settled) for name in _GAPS]
            ),
            f"lips_{number}": np.stack([getattr(look.lips, name) for name in _LIPS]).astype(np.float64),
            f"profiles_{number}": look.profiles,
        }
    written = io.BytesIO()
    np.savez(written, allow_pickle=False, **arrays)
    write_whole(path, written.getvalue())
