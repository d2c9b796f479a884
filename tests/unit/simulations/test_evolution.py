"""Real crack maps painted on walls: each pair really grows, and what was not measured is no growth."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from simulations.evolution import PAIRS, Evolution, grown


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


@pytest.mark.shared_data
@pytest.mark.parametrize(("wall", "before", "after"), PAIRS[::3])
def test_the_maps_of_a_pair_grow(shared_data: Path, wall: str, before: str, after: str) -> None:
    folder = shared_data / "epfl_rs_crackmaps" / "series" / wall
    areas = [
        int(np.count_nonzero(cv2.imread(str(folder / f"{state}.png"), cv2.IMREAD_GRAYSCALE) > 127))
        for state in (before, after)
    ]
    assert areas[0] < areas[1]
