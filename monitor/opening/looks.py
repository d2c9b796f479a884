"""What each capture shows at the stations of a crack: worked out once, and good for as long as the stations stay."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.opening.gaps import Gaps, Ground
from monitor.opening.lips import LipMovement
from monitor.opening.stations import Stations

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """One capture at the n stations of one crack: the light across it, `profiles` float32 (n, m); how its `lips` have
    moved; its gaps fitted `freely`, with nothing known of the ground, and `settled`, on what is known as the `ground`.
    """

    profiles: NDArray[np.float32]
    lips: LipMovement
    freely: Gaps
    ground: Ground | None = None
    settled: Gaps | None = None


class Looks(Protocol):
    """Looks kept from one following to the next, by capture and by the `look_key` of where it was looked."""

    def recall(self, capture: int, key: str) -> Look | None:
        """That look, None when it has to be taken."""

    def keep(self, capture: int, key: str, look: Look) -> None:
        """Have it at hand the next time."""


def look_key(stations: Stations, half_width_px: Floats, to_reference: Floats) -> str:
    """The same for the same places, seen by a capture that maps to the reference by `to_reference` (3, 3)."""
    told = hashlib.sha256()
    for part in (stations.points, stations.normals, half_width_px, to_reference):
        told.update(np.ascontiguousarray(part, np.float64).tobytes())
    told.update(repr((len(stations), float(stations.reach_px))).encode())
    return told.hexdigest()
