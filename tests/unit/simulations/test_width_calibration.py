"""Widths against known ones: the bias is measured minus true, and the same for the same seed."""

import csv
from pathlib import Path

import numpy as np
import pytest

from monitor.records import Analysis, Recipe, Severity, Status
from simulations import width_calibration
from simulations.width_calibration import as_page, width_biases, write_csv


class Threshold:
    """Stands in for the analyser: what is darker than half of the wall's light is crack."""

    def analyse(self, image, reference=None, reference_mask=None):
        light = image.mean(axis=2)
        mask = light < 0.5 * np.median(light)
        told = Severity(crack_count=1, area_px=550.0, max_width_px=6.0, length_px=100.0)
        return Analysis(Status.MEASURED, None, 0.9, told, None, Recipe({}), mask)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(width_calibration, "WIDTHS_PX", (0.5, 6.0))
    monkeypatch.setattr(width_calibration, "BLURS_PX", (0.5,))
    monkeypatch.setattr(width_calibration, "_KINDS", ("plain",))


def test_a_profile_reads_a_wide_crack_and_a_threshold_finds_it(tmp_path: Path) -> None:
    hairline, wide = width_biases(Threshold(), 2, seed=1)  # type: ignore[arg-type]
    assert (wide.masked, wide.told, wide.read) == (2, 2, 2)
    assert wide.told_px == pytest.approx(-0.5)
    assert wide.mask_px == pytest.approx(0.0, abs=1.5)
    assert wide.profile_px == pytest.approx(0.0, abs=0.6)
    assert hairline.read == 2
    write_csv([hairline, wide], tmp_path / "widths.csv")
    rows = list(csv.DictReader((tmp_path / "widths.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["width_px"] for row in rows] == ["0.5", "6.0"]
    assert float(rows[1]["profile_px"]) == pytest.approx(wide.profile_px, abs=1e-3)
    assert "| 6 px | " in as_page([hairline, wide], "a test")
    assert width_biases(Threshold(), 2, seed=1) == [hairline, wide]  # type: ignore[arg-type]
