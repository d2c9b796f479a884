"""Millimetres per pixel against scenes of known scale."""

import math

import cv2
import numpy as np
import pytest

from monitor.errors import MisuseError
from monitor.imaging.scale import MarkerScale, scale_from_marker, scale_from_points, scale_typed
from monitor.records import ByteArray, ScaleOrigin

SIDE_MM = 50.0


def marker_scene(
    dictionary: int, side_px: float, tilt_deg: float = 0.0, axis_deg: float = 0.0, turn_deg: float = 12.0, seed: int = 0
) -> ByteArray:
    """One marker on a noisy grey wall, foreshortened by `tilt_deg` about an axis at `axis_deg`: (480, 640)."""
    rng = np.random.default_rng(seed)
    code = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(dictionary), 7, 400)
    sheet = cv2.copyMakeBorder(code, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=255)
    axis, turn = math.radians(axis_deg), math.radians(turn_deg)
    rotate = np.array([[math.cos(axis), -math.sin(axis)], [math.sin(axis), math.cos(axis)]])
    squeeze = rotate @ np.diag([1.0, math.cos(math.radians(tilt_deg))]) @ rotate.T
    turned = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear = side_px / 400 * turned @ squeeze
    centre = np.array([320.3, 240.6]) + rng.uniform(-1, 1, 2)
    # Oversampled four times and averaged, as a sensor does.
    matrix = 4 * np.column_stack([linear, centre - linear @ [259.5, 259.5]])
    wall = cv2.warpAffine(sheet, matrix, (2560, 1920), flags=cv2.INTER_LINEAR, borderValue=150)
    small = cv2.resize(wall, (640, 480), interpolation=cv2.INTER_AREA)
    return np.clip(small + rng.normal(0, 3, small.shape), 0, 255).astype(np.uint8)


def measured(found: MarkerScale) -> tuple[float, float]:
    assert found.scale is not None, found.reason
    assert found.reason is None
    assert found.scale.origin is ScaleOrigin.MARKER
    return found.scale.mm_per_px, found.scale.standard_error


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


@pytest.mark.parametrize(
    "dictionary",
    [cv2.aruco.DICT_APRILTAG_36h11, cv2.aruco.DICT_4X4_50, cv2.aruco.DICT_5X5_100, cv2.aruco.DICT_6X6_250],
)
@pytest.mark.parametrize("side_px", [60.0, 150.0])
def test_a_flat_marker_gives_the_scale_within_its_error(dictionary: int, side_px: float) -> None:
    mm_per_px, error = measured(scale_from_marker(marker_scene(dictionary, side_px), SIDE_MM))
    truth = SIDE_MM / side_px
    assert abs(mm_per_px - truth) < 3 * error
    assert error < 0.01 * truth


@pytest.mark.parametrize("axis_deg", [0.0, 45.0])
def test_a_slight_angle_widens_the_error_to_cover_the_bias(axis_deg: float) -> None:
    flat, flat_error = measured(scale_from_marker(marker_scene(cv2.aruco.DICT_4X4_50, 150), SIDE_MM))
    tilted, error = measured(scale_from_marker(marker_scene(cv2.aruco.DICT_4X4_50, 150, 20, axis_deg), SIDE_MM))
    assert error > 4 * flat_error
    assert abs(tilted - SIDE_MM / 150) < 2 * error
    assert tilted > flat


@pytest.mark.parametrize("axis_deg", [0.0, 45.0])
def test_a_steep_angle_is_refused(axis_deg: float) -> None:
    found = scale_from_marker(marker_scene(cv2.aruco.DICT_4X4_50, 150, 30, axis_deg), SIDE_MM)
    assert found.scale is None
    assert found.reason is not None
    assert "straight on" in found.reason


def test_none_several_and_tiny_markers_are_refused() -> None:
    single = marker_scene(cv2.aruco.DICT_4X4_50, 120)
    wall = np.random.default_rng(0).integers(100, 140, (200, 200, 3), dtype=np.uint8)
    assert "No marker" in str(scale_from_marker(wall, SIDE_MM).reason)
    assert "2 markers" in str(scale_from_marker(np.hstack([single, single]), SIDE_MM).reason)
    tiny = cv2.resize(single, None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA)
    assert scale_from_marker(tiny, SIDE_MM).scale is None
    with pytest.raises(MisuseError, match="marker side"):
        scale_from_marker(single, 0.0)
