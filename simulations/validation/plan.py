"""What is simulated: how many series of each kind, and what happens in them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from simulations.growth import steady, step
from simulations.scenarios import Scenario, scenario

CAPTURES, INTERVAL_DAYS = 15, 30.4375
KINDS = ("bonded", "rubble", "plain", "cc0_texture")
MM_PER_PX = 0.5
#: Growth of the default amber rate, doubled, in mm per year.
_TWICE_AMBER = 1.0
#: Poses from which the same wall is seen.
_POSES = 3


@dataclass(frozen=True)
class Plan:
    """How many series of each kind are simulated: growing by 4 to 8 px and by 1 to 4 px in all (log-uniform), at twice
    the amber rate, static, and under the paper's protocol; walls that moved once and are then seen from three poses;
    pairs of photos of one wall, and of different walls.
    """

    large: int
    small: int
    amber: int
    static: int
    paper: int
    poses: int
    pairs: int
    unrelated: int
    shape: tuple[int, int]

    @property
    def trials(self) -> int:
        """How many series that makes."""
        return self.large + self.small + self.amber + self.static + self.paper + self.poses

    def part(self, share: float) -> "Plan":
        """The plan with that share of each kind, and one at least."""
        counts = {name: max(1, round(share * count)) for name, count in vars(self).items() if name != "shape"}
        return Plan(**counts, shape=self.shape)


QUICK = Plan(large=3, small=3, amber=2, static=3, paper=2, poses=3, pairs=8, unrelated=12, shape=(720, 960))
#: Some 510 rates, as a few series are not measured: the coverage of their intervals is then known to 2 %.
FULL = Plan(large=60, small=60, amber=80, static=320, paper=50, poses=40, pairs=100, unrelated=500, shape=(720, 960))


def realistic(plan: Plan) -> Scenario:
    """A crack as a person would photograph it: poses of up to 10 degrees and 10 % of scale, light +-30 % with
    gradients, shadows and wet patches, a lens that bends a little, a wall that is not quite flat.
    """
    return replace(
        scenario("growing"),
        captures=CAPTURES,
        interval_days=INTERVAL_DAYS,
        shape=plan.shape,
        mm_per_px=MM_PER_PX,
        length_share=lambda _: 1.0,
        pose=10 / 3,
        light=2.0,
        weather=0.3,
        lens=0.002,
        relief_mm=0.5,
    )


def series(plan: Plan, rng: np.random.Generator) -> Iterator[tuple[str, Scenario]]:
    """Kind and scenario of every series. One in three growing ones lacks a capture, one in three comes out of order."""
    base = realistic(plan)
    years = (CAPTURES - 1) * INTERVAL_DAYS / 365.25
    growths = [
        *(("large", growth) for growth in np.exp(rng.uniform(np.log(4), np.log(8), plan.large))),
        *(("small", growth) for growth in np.exp(rng.uniform(np.log(1), np.log(4), plan.small))),
        *(("amber", _TWICE_AMBER * years / MM_PER_PX) for _ in range(plan.amber)),
        *(("static", 0.0) for _ in range(plan.static)),
    ]
    for index, (kind, growth_px) in enumerate(growths):
        yield (
            kind,
            replace(
                base,
                name=kind,
                opening_mm=steady(float(rng.uniform(2, 5)) * MM_PER_PX, growth_px * MM_PER_PX / years),
                wall_kind=KINDS[index % len(KINDS)],
                missing=(int(rng.integers(3, CAPTURES - 3)),) if index % 3 == 0 else (),
                shuffled=index % 3 == 1,
            ),
        )
    for index in range(plan.poses):
        moved = step(float(rng.uniform(2, 5)) * MM_PER_PX, float(rng.uniform(1, 6)) * MM_PER_PX, at_years=0.02)
        yield (
            "poses",
            replace(base, name="poses", captures=1 + _POSES, opening_mm=moved, wall_kind=KINDS[index % len(KINDS)]),
        )
    for _ in range(plan.paper):
        yield "paper", replace(scenario("paper"), shape=plan.shape)
