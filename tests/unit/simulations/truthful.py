"""An analyser that knows the truth about whatever was simulated last."""

from collections.abc import Iterator

import numpy as np
import pytest

from monitor.records import Analysis, BoolArray, ByteArray, Grade, Grading, Recipe, Registration, Status
from monitor.severity.metrics import measure
from simulations.rendering import CameraView, coverage
from simulations.scenarios import Scenario, Truth, captures
from simulations.stages import Stage
from simulations.validation import trials


class Truthful:
    """Stands in for the analyser: true masks, and registrations by the camera's own view."""

    recipe = Recipe({"weights": "the truth"})

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: dict[bytes, tuple[Truth, CameraView]] = {}
        monkeypatch.setattr(trials, "captures", self._noted)

    def _noted(
        self, chosen: Scenario, seed: int, stage: Stage | None = None
    ) -> Iterator[tuple[Truth, ByteArray, CameraView]]:
        for truth, photo, view in captures(chosen, seed, stage=stage):
            self.known[photo.tobytes()] = truth, view
            yield truth, photo, view

    def analyse(self, image: ByteArray, reference: ByteArray | None = None, _mask: BoolArray | None = None) -> Analysis:
        truth, view = self.known[image.tobytes()]
        dark = image.max(axis=2) < 60  # the paper's protocol paints its cracks in the darkest colour
        gap = (
            dark
            if truth.crack is None
            else coverage(truth.crack, truth.opening_mm / truth.mm_per_px, image.shape[:2]) > 0.5
        )
        registration = Registration(True, None, np.linalg.inv(view.matrix), 0.1, 200, 1.0, 0.9, 1.0)
        return Analysis(
            Status.MEASURED, None, 0.9, measure(gap), None if reference is None else registration, self.recipe, gap,
            grading=Grading(Grade.A),
        )  # fmt: skip
