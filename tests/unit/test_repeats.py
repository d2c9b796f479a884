"""Promise 4: the same photo gives the same numbers bit for bit, however often and after whatever else."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from repeated_numbers import digests, shipped
from soaking import times

pytestmark = pytest.mark.soak
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def expected() -> list[str]:
    found = digests(shipped())
    assert len(set(found)) == 3, "the photos differ"
    return found


def test_repeats_in_any_order_give_the_same_bits(expected: list[str]) -> None:
    analyser, rng = shipped(), np.random.default_rng(4)
    for _ in range(times(1, 20)):
        order = rng.permutation(3).tolist()
        assert digests(analyser, order) == expected, order


def test_other_processes_give_the_same_bits(expected: list[str]) -> None:
    path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    for seed in range(times(1, 20)):
        around = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": str(seed)}
        told = subprocess.run(
            [sys.executable, str(HERE / "repeated_numbers.py")], env=around, check=True, capture_output=True, text=True
        )
        assert told.stdout.split() == expected
