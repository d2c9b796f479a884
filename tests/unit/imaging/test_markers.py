"""Corners of markers against photos by a known camera."""

import cv2
import numpy as np
import pytest
from marked_walls import MarkedWall

from monitor.imaging.markers import find_markers
from monitor.imaging.perspective import CORNER_ERROR_PX

DICTIONARIES = [cv2.aruco.DICT_APRILTAG_36h11, cv2.aruco.DICT_4X4_50, cv2.aruco.DICT_6X6_250]


@pytest.mark.parametrize("side_px", [60.0, 150.0])
def test_corners_are_found_within_the_declared_error(side_px: float) -> None:
    misses = []
    for seed in range(9):
        wall = MarkedWall(side_px, tilt_deg=5.0 * seed, axis_deg=40.0 * seed, turn_deg=20.0 * seed)
        (corners,) = find_markers(wall.photo(DICTIONARIES[seed % 3], blur_px=0.5 + seed / 9, seed=seed))
        misses.append(corners - wall.corners)
    assert np.sqrt(np.mean(np.square(misses))) < CORNER_ERROR_PX


def test_corners_go_clockwise_and_colour_changes_nothing() -> None:
    grey = MarkedWall(100.0).photo()
    (corners,) = find_markers(grey)
    (first, second), (third, fourth) = corners[1] - corners[0], corners[2] - corners[1]
    assert first * fourth - second * third > 0
    np.testing.assert_array_equal(find_markers(np.repeat(grey[..., None], 3, axis=2)), [corners])


def test_a_marker_without_a_white_edge_is_no_surprise() -> None:
    picture = np.full((300, 400), 120, np.uint8)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    picture[100:200, 150:250] = cv2.aruco.generateImageMarker(dictionary, 7, 100)
    picture[:, 250:] = 4
    assert len(find_markers(picture)) <= 1
