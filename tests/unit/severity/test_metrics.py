"""Count, area and the one place where pixels become millimetres."""

import cv2
import numpy as np
import pytest
from drawn_shapes import bar

from monitor.errors import UnknownNameError
from monitor.records import Scale, ScaleOrigin, Severity
from monitor.severity.metrics import MIN_COMPONENT_PX, measure, with_scale
from monitor.severity.skeleton import centreline
from monitor.severity.width import edge_width_px, published_width_px


def test_two_bars_and_a_speck():
    bars = bar(5, 100, 0, (-50.0, 0.0)) | bar(3, 100, 90, (20.0, 60.0))
    severity = measure(bars)
    assert severity.crack_count == 2
    assert severity.area_px == bars.sum()
    assert severity.max_width_px == pytest.approx(5, abs=0.7)
    assert severity.length_px == pytest.approx(200, rel=0.03)
    speck = bars.copy()
    speck[250:256, 0:8] = True
    assert measure(speck) == severity


def test_the_smallest_component_that_counts():
    mask = np.zeros((20, 60), bool)
    mask[5, 1 : 1 + MIN_COMPONENT_PX] = True
    assert measure(mask).crack_count == 1
    mask[5, 1] = False
    assert measure(mask) == Severity(0, 0.0, 0.0, 0.0)


def test_diagonal_neighbours_are_one_crack():
    assert measure(np.eye(60, dtype=bool)).crack_count == 1


def test_nothing_measures_zero():
    assert measure(np.zeros((30, 40), bool)) == Severity(0, 0.0, 0.0, 0.0)


def test_the_width_method_is_looked_up():
    rng = np.random.default_rng(0)
    assert measure(bar(6, 100, 10), "published", rng).max_width_px == pytest.approx(6, abs=1.5)
    with pytest.raises(UnknownNameError, match="edge, published"):
        measure(bar(6, 100), "guess")


def test_scale_fills_the_millimetre_twins_and_takes_them_away():
    severity = measure(bar(6, 100, 10))
    scaled = with_scale(severity, Scale(0.25, 0.01, ScaleOrigin.TYPED))
    assert scaled.area_mm2 == severity.area_px * 0.0625
    assert scaled.max_width_mm == severity.max_width_px * 0.25
    assert scaled.length_mm == severity.length_px * 0.25
    assert scaled.area_px == severity.area_px
    assert with_scale(scaled, None) == severity


@pytest.mark.parametrize("method", ["edge", "published"])
@pytest.mark.parametrize("specks", [0, 20])
def test_a_mask_without_a_crack_measures_nothing_by_any_method(method, specks):
    mask = np.zeros((60, 80), bool)
    mask[::7, ::9].flat[:specks] = True
    found = measure(mask, method, np.random.default_rng(0))
    assert (found.crack_count, found.area_px, found.max_width_px, found.length_px) == (0, 0, 0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_what_lies_beside_the_cracks_cannot_matter(seed):
    """Work is done on the part around them alone; the published method looks 20 px to all sides."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((300, 400), np.uint8)
    for _ in range(2):
        course = np.cumsum(rng.integers(-25, 26, (5, 2)), axis=0) + rng.integers([150, 100], [250, 200])
        cv2.polylines(mask, [course.astype(np.int32)], False, 1, int(rng.integers(2, 18)))
    cracks = mask > 0
    for method, width in (("edge", edge_width_px), ("published", published_width_px)):
        found = measure(cracks, method, np.random.default_rng(seed))
        assert found.max_width_px == pytest.approx(width(cracks, centreline(cracks), np.random.default_rng(seed)))
        assert found.length_px == pytest.approx(centreline(cracks).length_px)
