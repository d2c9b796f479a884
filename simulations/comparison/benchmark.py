"""The benchmark itself: rows for every method and sample, made in pieces that add up."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from monitor.attribution.baselines import SHIPPED, load_baselines, sha256_of
from monitor.errors import MisuseError
from monitor.networks.classification import crack_probability
from simulations.comparison.methods import DEFAULT, Method, Networks, check_names, prepared
from simulations.comparison.rows import growth_row, segmentation_row
from simulations.comparison.samples import FOLDS, SIMULATED, Sample, Trajectory, samples_of, trajectories
from simulations.comparison.store import Key, Row, Store

_BATCH = 16


@dataclass(frozen=True)
class Plan:
    """How much is compared: samples of each fold that are classified, cracked test samples that are scored (None: all),
    trajectories of growth, and pictures shown of each kind.
    """

    classified: int | None
    scored: int | None
    trajectories: int
    pictures: int


QUICK = Plan(classified=24, scored=8, trajectories=4, pictures=2)
FULL = Plan(classified=None, scored=None, trajectories=100, pictures=5)


@dataclass(frozen=True)
class Piece:
    """Part `number` (from 1) of `of`: every so many-th job, until `minutes` are over (None: to the end)."""

    number: int = 1
    of: int = 1
    minutes: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise MisuseError(f"There is no piece {self.number} of {self.of}. Say for example --piece 1/{self.of}.")

    @property
    def name(self) -> str:
        """What its file of rows is called."""
        return f"piece_{self.number}_of_{self.of}"

    @classmethod
    def parsed(cls, text: str, minutes: float | None) -> "Piece":
        """From `2/3`; raises `MisuseError` for anything else."""
        number, slash, of = text.partition("/")
        if not (slash and number.isdigit() and of.isdigit()):
            raise MisuseError(f"A piece is said as 2/3, the second of three, not '{text}'.")
        return cls(int(number), int(of), minutes)


@dataclass(frozen=True)
class Comparison:
    """What is compared on what: networks, methods, data set (None: simulated) and plan, all from one seed."""

    there: Networks
    data: Path | None
    plan: Plan
    methods: tuple[str, ...] = DEFAULT
    seed: int = 0
    mm_per_px: float | None = None

    def __post_init__(self) -> None:
        check_names(self.methods)

    def recipe(self) -> dict[str, Any]:
        """What all rows of one folder share; that of each method stands in its rows."""
        classifier, baselines = self.there.classifier, self.there.baselines
        return {
            "data": SIMULATED if self.data is None else self.data.name,
            "classifier": classifier.name,
            "classifier_sha256": classifier.sha256,
            "threshold_probability": classifier.threshold,
            "layout": classifier.network.layout.as_options(),
            "baselines_sha256": sha256_of(load_baselines(SHIPPED) if baselines is None else baselines),
            "plan": vars(self.plan),
            "seed": self.seed,
            "device": str(self.there.device or "cpu"),
            "threads": torch.get_num_threads(),
        }

    def samples(self, fold: str) -> list[Sample]:
        """What of a fold is classified."""
        return samples_of(self.data, fold, self.there.classifier.patch_px, self.plan.classified, self.seed)

    def scored(self) -> tuple[list[Sample], list[Trajectory]]:
        """Cracked test samples, and cracks grown on sound ones; both empty for a data set without masks."""
        test = samples_of(self.data, "test", self.there.classifier.patch_px, None, self.seed)
        marked = [sample for sample in test if sample.cracked and sample.mask is not None]
        return _spread(marked, self.plan.scored), trajectories(test, self.plan.trajectories, self.seed)


def _spread(samples: Sequence[Sample], count: int | None) -> list[Sample]:
    """So many of them, evenly from first to last, so that few come from many photos."""
    if count is None or count >= len(samples):
        return list(samples)
    return [samples[round(place * (len(samples) - 1) / max(count - 1, 1))] for place in range(count)]


@dataclass(frozen=True)
class Outcome:
    """All rows there are, what could not be had and why, and how many jobs of the plan are still to do."""

    rows: list[Row]
    missing: dict[str, str]
    left: int
    seconds: float


OnJob = Callable[[int, int], None]


def compare(
    comparison: Comparison, folder: Path, piece: Piece | None = None, on_job: OnJob = lambda _done, _total: None
) -> Outcome:
    """Make the rows that `folder` does not hold yet; `on_job` hears of each that is done, of how many."""
    started, piece = time.monotonic(), piece or Piece()
    store = Store(folder, comparison.recipe(), piece.name)
    methods, missing = prepared(comparison.methods, comparison.there)
    _classify(comparison, store)
    jobs = list(_jobs(methods, *comparison.scored()))
    mine = jobs[piece.number - 1 :: piece.of]
    for done, (key, make) in enumerate(mine, 1):
        if piece.minutes is not None and time.monotonic() - started > 60 * piece.minutes:
            break
        if key not in store:
            store.add(make())
        on_job(done, len(mine))
    rows = list(store)
    known = {(row["kind"], row["method"], row["sample"]) for row in rows}
    return Outcome(rows, missing, sum(key not in known for key, _ in jobs), time.monotonic() - started)


def _jobs(
    methods: Sequence[Method], samples: Sequence[Sample], grown: Sequence[Trajectory]
) -> Iterator[tuple[Key, Callable[[], Row]]]:
    """Sample by sample, so that what is there at any time compares the methods on the same ones."""
    for sample in samples:
        for method in methods:
            yield ("segmentation", method.name, sample.name), lambda m=method, s=sample: segmentation_row(m, s)
    for trajectory in grown:
        for method in methods:
            if "+" not in method.name:
                yield ("growth", method.name, trajectory.name), lambda m=method, t=trajectory: growth_row(m, t)


def _classify(comparison: Comparison, store: Store) -> None:
    """Rows for table 1, of every classifier there is."""
    for model, judge in comparison.there.judges().items():
        for fold in FOLDS:
            samples = [each for each in comparison.samples(fold) if ("classification", model, each.name) not in store]
            for first in range(0, len(samples), _BATCH):
                part = samples[first : first + _BATCH]
                found = crack_probability(judge, np.stack([sample.image for sample in part]), _BATCH)
                for sample, probability in zip(part, found, strict=True):
                    store.add(
                        {
                            "kind": "classification",
                            "method": model,
                            "sample": sample.name,
                            "group": sample.group,
                            "fold": fold,
                            "cracked": sample.cracked,
                            "probability": float(probability),
                            "called": bool(probability >= judge.threshold),
                        }
                    )
