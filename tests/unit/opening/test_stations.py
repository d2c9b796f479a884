"""Stations lie along a crack, square to it, and read what the capture shows there."""

import numpy as np
import pytest

from monitor.opening.stations import SPACING_PX, lay_stations, profiles


def bar(angle_deg, width_px=5.0, side=200):
    rows, cols = np.mgrid[0:side, 0:side] - (side - 1) / 2
    angle = np.deg2rad(angle_deg)
    across = rows * np.cos(angle) - cols * np.sin(angle)
    along = rows * np.sin(angle) + cols * np.cos(angle)
    return (np.abs(across) <= width_px / 2) & (np.abs(along) <= 70)


@pytest.mark.parametrize("angle_deg", [0, 30, 45, 77, 90])
def test_stations_follow_the_course_and_stand_square_to_it(angle_deg):
    stations = lay_stations(bar(angle_deg))
    assert len(stations) == pytest.approx(140 / SPACING_PX, abs=2)
    normal = np.array([np.cos(np.deg2rad(angle_deg)), -np.sin(np.deg2rad(angle_deg))])
    assert np.abs(stations.normals @ normal).min() > 0.99
    assert np.abs((stations.points - 99.5) @ normal).max() < 1.0


def test_no_crack_has_no_stations():
    assert len(lay_stations(np.zeros((50, 50), bool))) == 0


def test_stations_keep_off_junctions():
    cross = bar(0) | bar(90)
    assert np.hypot(*(lay_stations(cross).points - 99.5).T).min() > 4


def test_profiles_read_through_the_registration():
    stations = lay_stations(bar(90))
    _rows, cols = np.mgrid[0:260, 0:260].astype(np.float32)
    capture = cols * 2 + 10  # a ramp across the crack
    shift = np.array([[1.0, 0, -30], [0, 1, -20], [0, 0, 1]])  # capture (column, row) to reference
    read = profiles(capture, shift, stations)
    across = (stations.points[:, None] + stations.offsets_px[None, :, None] * stations.normals[:, None])[..., 1]
    assert np.abs(read - ((across + 30) * 2 + 10)).max() < 0.1


def test_what_lies_outside_the_capture_is_nan():
    stations = lay_stations(bar(90))
    narrow = np.zeros((200, 100), np.float32)
    assert np.isnan(profiles(narrow, np.eye(3), stations)).any()
    assert np.isfinite(profiles(np.zeros((200, 200), np.float32), np.eye(3), stations)).all()
