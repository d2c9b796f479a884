"""What each capture shows of a crack: worked out once, and good for as long as stations and masks stay."""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.opening.gaps import COLUMNS, Gaps, Ground
from monitor.opening.stations import Stations

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Look:
    """One capture at the n stations of one crack: the light across it, `profiles` float32 (n, m); its gaps fitted
    `freely`, with nothing known of the ground, and `settled`, on what is known as the `ground`.
    """

    profiles: NDArray[np.float32]
    freely: Gaps
    ground: Ground | None = None
    settled: Gaps | None = None

    def with_more(self, profiles: NDArray[np.float32], freely: Gaps) -> "Look":
        """The same with further stations, which are yet to be settled."""
        return replace(self, profiles=np.concatenate([self.profiles, profiles]), freely=self.freely.followed_by(freely))

    def arrays(self) -> Arrays:
        """A settled look to keep."""
        assert self.ground is not None, "only what is settled is kept"
        assert self.settled is not None, "only what is settled is kept"
        both = self.freely, self.settled
        return {
            "about": np.array(
                [part for gaps in both for part in (gaps.blur_px, gaps.blur_told)] + [*astuple(self.ground)]
            ),
            "gaps": np.stack([getattr(gaps, name) for gaps in both for name in COLUMNS]),
            "profiles": self.profiles,
        }

    @classmethod
    def of(cls, arrays: Arrays) -> "Look":
        """One that was kept."""
        free_blur, free_told, settled_blur, settled_told, *ground = map(float, arrays["about"])
        freely, settled = np.split(arrays["gaps"], 2)
        return cls(
            arrays["profiles"],
            _gaps(freely, free_blur, bool(free_told)),
            Ground(*ground),
            _gaps(settled, settled_blur, bool(settled_told)),
        )


def _gaps(rows: Floats, blur_px: float, blur_told: bool) -> Gaps:
    return Gaps(**dict(zip(COLUMNS, rows, strict=True)), blur_px=blur_px, blur_told=blur_told)


@dataclass(frozen=True)
class Outline:
    """What one capture's mask shows of one crack, in the part of the frame it takes up: `stations` laid along it, and
    its length.
    """

    stations: Stations
    length_px: float

    def arrays(self) -> Arrays:
        """It, to keep."""
        laid = self.stations
        return {
            "laid": np.concatenate([laid.points, laid.normals, laid.branch[:, None]], axis=1),
            "sizes": np.array([laid.reach_px, self.length_px]),
        }

    @classmethod
    def of(cls, arrays: Arrays) -> "Outline":
        """One that was kept."""
        laid, (reach, length) = arrays["laid"], map(float, arrays["sizes"])
        return cls(Stations(laid[:, :2], laid[:, 2:4], laid[:, 4].astype(np.int64), reach), length)


class Looks(Protocol):
    """What is kept from one following to the next, by capture and by a key that says all it depends on."""

    def recall(self, capture: int, key: str) -> Arrays | None:
        """What was kept, None when it has to be worked out."""

    def keep(self, capture: int, key: str, arrays: Arrays) -> None:
        """Have it at hand the next time."""


def places_key(stations: Stations, to_reference: Floats) -> str:
    """The same for the same stations, seen by a capture that maps to the reference by `to_reference` (3, 3)."""
    told = hashlib.sha256()
    for part in (stations.points, stations.normals, to_reference):
        told.update(np.ascontiguousarray(part, np.float64).tobytes())
    return f"{told.hexdigest()} {len(stations)}"
