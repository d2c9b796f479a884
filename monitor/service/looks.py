"""What captures show of cracks kept in files, so that following a location costs no more than what is new about it.

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
from monitor.opening.looks import Arrays
from monitor.records import FOLLOWING_VERSION

log = logging.getLogger("crackmonitor.worker")


class KeptLooks:
    """The looks of one series in `folder`; `sha256` by capture id names the originals, `reference` is the id of the
    capture in whose frame stations lie. What is kept is written by `write`.
    """

    def __init__(self, folder: Path, sha256: Mapping[int, str], reference: int) -> None:
        self._folder, self._sha256 = folder, sha256
        self._basis = f"{FOLLOWING_VERSION} {sha256[reference]} "
        self._used: dict[int, dict[str, Arrays]] = {capture: {} for capture in sha256}
        self._read_before: dict[int, dict[str, Arrays]] = {}

    def recall(self, capture: int, key: str) -> Arrays | None:
        """A look of before, None where there is none."""
        look = self._there(capture).get(self._basis + key)
        if look is not None:
            self._used[capture][self._basis + key] = look
        return look

    def keep(self, capture: int, key: str, arrays: Arrays) -> None:
        """Have it written."""
        self._used[capture][self._basis + key] = arrays

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

    def _there(self, capture: int) -> dict[str, Arrays]:
        if capture not in self._read_before:
            self._read_before[capture] = self._read(capture)
        return self._read_before[capture]

    def _path(self, capture: int) -> Path:
        return self._folder / f"{self._sha256[capture]}.npz"

    def _read(self, capture: int) -> dict[str, Arrays]:
        path = self._path(capture)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
                found: list[dict[str, NDArray[Any]]] = [{} for _ in kept["keys"]]
                for name in kept.files:
                    number, _, part = name.partition(" ")
                    if part:
                        found[int(number)][part] = kept[name]
                return dict(zip(map(str, kept["keys"]), found, strict=True))
        except FileNotFoundError:
            return {}
        except Exception as error:  # damaged archives raise anything from KeyError to zlib.error
            log.warning("%s cannot be read (%s); what it held is worked out anew.", path, error)
            return {}


def _write(path: Path, looks: Mapping[str, Arrays]) -> None:
    parts = {f"{number} {name}": part for number, each in enumerate(looks.values()) for name, part in each.items()}
    written = io.BytesIO()
    np.savez(written, allow_pickle=False, keys=np.array(list(looks)), **parts)
    write_whole(path, written.getvalue())
