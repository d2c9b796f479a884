"""Real crack maps painted on walls: each pair really grows, and what was not measured is no growth."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from monitor.analysis import Analyser
from monitor.records import Severity, Status
from simulations.evolution import PAIRS, Evolution, _evolution, grown


def pair(before: float | None, after: float | None) -> Evolution:
    return Evolution("RS1", (1.0, 2.0), (before, after), (before, after), photos=1 if after else 3)


@pytest.mark.parametrize(
    ("before", "after", "seen"), [(1.0, 2.0, 1), (2.0, 1.0, 0), (1.0, 1.0, 0), (None, 2.0, 0), (1.0, None, 0)]
)
def test_growth_counts_only_where_both_states_were_measured(
    before: float | None, after: float | None, seen: int
) -> None:
    found = grown([pair(before, after)])
    assert {name: (figure.value, figure.n) for name, figure in found.items()} == {
        "evolution_area_grows": (seen, 1),
        "evolution_length_grows": (seen, 1),
        "evolution_photographed_again": (0 if after else 1, 1),
    }


@dataclass
class Refusing:
    """Stands in for an analyser: measures the reference, and repeats after so many that it refuses."""

    refusals: int
    asked: int = -1

    def analyse(self, *_pictures: Any) -> SimpleNamespace:
        self.asked += 1
        size = Severity(1, 10.0 + self.asked, 1.0, 10.0) if not 0 < self.asked <= self.refusals else None
        status = Status.NOT_MEASURED if size is None else Status.MEASURED
        return SimpleNamespace(status=status, grading=None, severity=size, mask=None)


@pytest.mark.parametrize(("refusals", "photos", "grows"), [(0, 1, True), (1, 2, True), (9, 3, False)])
def test_the_later_state_is_photographed_until_it_is_measured_but_not_for_ever(
    refusals: int, photos: int, grows: bool
) -> None:
    maps = [np.zeros((200, 260), np.float32)] * 2
    found = _evolution("RS1", maps, cast(Analyser, Refusing(refusals)), np.random.default_rng(3))
    assert (found.photos, found.grows(found.area_px)) == (photos, grows)


@pytest.mark.shared_data
@pytest.mark.parametrize(("wall", "before", "after"), PAIRS[::3])
def test_the_maps_of_a_pair_grow(shared_data: Path, wall: str, before: str, after: str) -> None:
    folder = shared_data / "epfl_rs_crackmaps" / "series" / wall
    areas = [
        int(np.count_nonzero(cv2.imread(str(folder / f"{state}.png"), cv2.IMREAD_GRAYSCALE) > 127))
        for state in (before, after)
    ]
    assert areas[0] < areas[1]
