"""A simulated wall whose crack opens, and an analyser that is told the truth about every photo of it."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
from PIL import Image
from service_examples import NOW, encoded

from monitor.records import (
    Analysis,
    BoolArray,
    ByteArray,
    FloatArray,
    Grade,
    Grading,
    Recipe,
    Registration,
    Severity,
    Status,
)
from simulations.growth import steady
from simulations.rendering import coverage
from simulations.scenarios import Scenario, Truth, captures, scenario

SHAPE = (240, 320)
#: 1.5 px at first and 3 px more in a year; just long enough for a verdict.
OPENING = replace(
    scenario("growing"),
    captures=7,
    interval_days=62.0,
    shape=SHAPE,
    wall_kind="plain",
    mm_per_px=1.0,
    opening_mm=steady(1.5, 3.0),
    length_share=lambda _: 1.0,
    pose=0.3,
)


@cache
def shown(chosen: Scenario = OPENING, seed: int = 3) -> tuple[tuple[Truth, ByteArray, FloatArray], ...]:
    """(truth, photo, matrix to the first) of every capture."""
    series = captures(chosen, seed, NOW - timedelta(days=400))
    return tuple((truth, photo, np.linalg.inv(view.matrix)) for truth, photo, view in series)


@cache
def file_of(index: int) -> bytes:
    """That capture as a file."""
    truth, photo, _ = shown()[index]
    return encoded(Image.fromarray(photo), taken=truth.captured_at)


class Told:
    """Stands in for the analyser: true masks and registrations; photos by their index in `grades` get that grade.

    Pixels are in the mask from that `share` of crack on; a recipe with a smaller one sees wider cracks.
    """

    def __init__(self, grades: dict[int, Grade] | None = None, share: float = 0.5) -> None:
        self.recipe = Recipe({"weights": "the truth", "share": share})
        self.grades = grades or {}
        self.share = share

    def analyse(
        self, image: ByteArray, reference: ByteArray | None = None, _reference_mask: BoolArray | None = None
    ) -> Analysis:
        (index,) = [index for index, (_, photo, _) in enumerate(shown()) if np.array_equal(photo, image)]
        truth, _, matrix = shown()[index]
        assert truth.crack is not None
        mask = coverage(truth.crack, truth.opening_mm / truth.mm_per_px, SHAPE) > self.share
        severity = Severity(1, float(mask.sum()), truth.max_width_mm + 0.5 - self.share, truth.length_mm)
        return Analysis(
            Status.MEASURED,
            None,
            0.9,
            severity,
            None if reference is None else Registration(True, None, matrix, 0.1, 200, 1.0, 0.9, 1.0),
            self.recipe,
            mask,
            grading=Grading(self.grades.get(index, Grade.A)),
        )
