"""Millimetres per pixel against scenes of known scale."""

import math
import re

import cv2
import numpy as np
import pytest
from marked_walls import SIDE_MM, MarkedWall

from monitor.errors import MisuseError
from monitor.imaging.scale import MarkerScale, scale_from_marker, scale_from_points, scale_typed
from monitor.records import ScaleOrigin


def measured(found: MarkerScale) -> tuple[float, float]:
    assert found.scale is not None, found.reason
    assert found.reason is None
    assert found.scale.origin is ScaleOrigin.MARKER
    return found.scale.mm_per_px, found.scale.standard_error


def refused(wall: MarkedWall) -> str:
    found = scale_from_marker(wall.photo(), SIDE_MM)
    assert found.scale is None
    assert found.reason is not None
    return found.reason


def test_typed_scale_and_its_assumed_error() -> None:
    assert scale_typed(0.2).standard_error == pytest.approx(0.004)
    stated = scale_typed(0.2, 0.001)
    assert (stated.mm_per_px, stated.standard_error, stated.origin) == (0.2, 0.001, ScaleOrigin.TYPED)


@pytest.mark.parametrize(("mm_per_px", "error"), [(0, None), (-1, 0.1), (math.nan, None), (math.inf, 1), (1, -1)])
def test_senseless_scales_are_misuse(mm_per_px: float, error: float | None) -> None:
    with pytest.raises(MisuseError, match="makes no sense"):
        scale_typed(mm_per_px, error)


def test_two_points_and_their_error_against_repeated_clicks() -> None:
    scale = scale_from_points((100, 100), (400, 500), 250.0, click_error_px=2.0)
    assert scale.mm_per_px == pytest.approx(0.5)
    assert scale.origin is ScaleOrigin.TWO_POINTS
    rng = np.random.default_rng(1)
    clicks = rng.normal([[100, 100], [400, 500]], 2.0, (20_000, 2, 2))
    repeated = 250.0 / np.linalg.norm(clicks[:, 0] - clicks[:, 1], axis=1)
    assert scale.standard_error == pytest.approx(repeated.std(), rel=0.03)


def test_points_that_say_nothing_are_misuse() -> None:
    with pytest.raises(MisuseError, match="too close"):
        scale_from_points((5, 5), (5, 5), 10.0)
    with pytest.raises(MisuseError, match="distance"):
        scale_from_points((0, 0), (0, 100), 0.0)


@pytest.mark.parametrize("dictionary", [cv2.aruco.DICT_APRILTAG_36h11, cv2.aruco.DICT_4X4_50, cv2.aruco.DICT_5X5_100])
@pytest.mark.parametrize("side_px", [60.0, 150.0])
def test_a_flat_marker_gives_the_scale_within_its_error(dictionary: int, side_px: float) -> None:
    mm_per_px, error = measured(scale_from_marker(MarkedWall(side_px).photo(dictionary), SIDE_MM))
    truth = SIDE_MM / side_px
    assert abs(mm_per_px - truth) < 3 * error
    assert error < 0.03 * truth


@pytest.mark.parametrize("axis_deg", [0.0, 45.0])
def test_a_slight_angle_widens_the_error_to_cover_the_photo(axis_deg: float) -> None:
    _, square_on = measured(scale_from_marker(MarkedWall(150.0).photo(), SIDE_MM))
    wall = MarkedWall(150.0, 3.0, axis_deg)
    mm_per_px, error = measured(scale_from_marker(wall.photo(), SIDE_MM))
    assert error > 4 * square_on
    places = np.stack(np.meshgrid(np.linspace(0, 1023, 20), np.linspace(0, 767, 20)), axis=-1).reshape(-1, 2)
    assert np.mean(np.abs(wall.mm_per_px(places) - mm_per_px) < 2 * error) > 0.9


def test_an_angle_is_refused_with_what_was_found() -> None:
    wall = MarkedWall(150.0, 34.0)
    reason = refused(wall)
    told = r"The wall is seen at about (\d+) degrees: 1 px is (\S+) mm at the (\w+) .* (\S+) mm at the (\w+)"
    found = re.match(told, reason)
    assert found is not None
    assert float(found[1]) == pytest.approx(34, abs=2)
    assert {found[3], found[5]} == {"left", "right"}
    left, right = np.sqrt(wall.mm_per_px(np.array([[0.0, 383.5], [1023.0, 383.5]])).prod(axis=1))
    assert (float(found[2]), float(found[4])) == pytest.approx(sorted((left, right)), rel=0.1)
    assert "Photograph the wall square on" in reason


def test_a_marker_too_small_for_its_photo_is_refused_as_such() -> None:
    reason = refused(MarkedWall(45.0, shape=(2400, 3200), place=(1100.0, 900.0)))
    assert "does not show that the wall is seen square on" in reason
    assert "with a larger marker" in reason


def test_none_several_and_tiny_markers_are_refused() -> None:
    single = MarkedWall(120.0).photo()
    wall = np.random.default_rng(0).integers(100, 140, (200, 200, 3), dtype=np.uint8)
    assert "No marker" in str(scale_from_marker(wall, SIDE_MM).reason)
    assert "2 markers" in str(scale_from_marker(np.hstack([single, single]), SIDE_MM).reason)
    assert "only 3" in refused(MarkedWall(36.0, shape=(480, 640), place=(300.0, 200.0)))
    with pytest.raises(MisuseError, match="marker side"):
        scale_from_marker(single, 0.0)
