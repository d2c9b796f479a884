"""Two ways of doing one thing, timed by turns in one process; and how a cost grows.

Seconds depend on the machine and on what else it does, their ratio hardly does. On a busy machine the ratio of CPU
seconds is the steadier one; both are given.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch


@dataclass(frozen=True)
class Seconds:
    """Of one thing done once: on the wall's clock, and of CPU (all threads together)."""

    wall: float
    cpu: float

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)

    def __mul__(self, times: float) -> "Seconds":
        return Seconds(self.wall * times, self.cpu * times)

    def over(self, other: "Seconds") -> dict[str, float]:
        """How many times as long as `other`: `ratio` and `cpu_ratio`."""
        return {"ratio": self.wall / other.wall, "cpu_ratio": self.cpu / max(other.cpu, 1e-9)}


@dataclass(frozen=True)
class Comparison:
    """One row of the table: `theirs` against `ours`. `goal` is the ratio to reach; `same` says how alike the results
    are, `setting` what was timed.
    """

    name: str
    what: str
    against: str
    goal: float
    theirs: Seconds
    ours: Seconds
    same: Mapping[str, float]
    setting: Mapping[str, Any]

    def as_figures(self) -> dict[str, Any]:
        """Flat, for JSON."""
        ratios = self.theirs.over(self.ours)
        return {
            **ratios,
            "goal": self.goal,
            "against": self.against,
            "seconds": {"theirs": self.theirs.wall, "ours": self.ours.wall},
            "cpu_seconds": {"theirs": self.theirs.cpu, "ours": self.ours.cpu},
            **self.same,
            **self.setting,
        }


@dataclass(frozen=True)
class Curve:
    """How the cost of something grows: `seconds` at each of `sizes` of `what`."""

    name: str
    what: str
    sizes: Sequence[float]
    seconds: Sequence[Seconds]

    @property
    def exponent(self) -> float:
        """Slope of log CPU seconds against log size: 1 is linear, less where a fixed cost comes on top."""
        cpu = [each.cpu for each in self.seconds]
        return float(np.polyfit(np.log(self.sizes), np.log(np.maximum(cpu, 1e-9)), 1)[0])

    @property
    def per_unit(self) -> float:
        """CPU seconds that one more unit costs, by a straight line."""
        return float(np.polyfit(self.sizes, [each.cpu for each in self.seconds], 1)[0])


@dataclass(frozen=True)
class Result:
    """What one benchmark found."""

    comparisons: Sequence[Comparison] = ()
    curves: Sequence[Curve] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


def once(step: Callable[[], object]) -> Seconds:
    """How long `step` takes, done once."""
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def by_turns(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Seconds]:
    """Medians of every side over `rounds`, the sides taking turns, after one round that does not count."""
    found = [{name: once(side) for name, side in sides.items()} for _ in range(rounds + 1)][1:]
    return {
        name: Seconds(
            float(np.median([each[name].wall for each in found])), float(np.median([each[name].cpu for each in found]))
        )
        for name in sides
    }


def threads() -> int:
    """Torch's threads; OpenCV's are set to the same, so that both sides of a comparison have as many."""
    count: int = torch.get_num_threads()
    cv2.setNumThreads(count)
    return count
