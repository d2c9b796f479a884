"""Lips are followed by their texture: known movements come back, and bare walls say nothing."""

import cv2
import numpy as np
import pytest

from monitor.opening.lips import follow_lips, smoothed
from monitor.opening.stations import lay_stations

SIDE = 360


def texture(seed=0):
    grain = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    return 128 + 60 * cv2.GaussianBlur(grain, (0, 0), 1.5) + 300 * cv2.GaussianBlur(grain, (0, 0), 6)


def moved(picture, opening_px, shear_px):
    """The right half moved to the right by the opening and down by the shear; the left half stays."""
    shift = np.float64([[1, 0, opening_px], [0, 1, shear_px]])
    right = cv2.warpAffine(picture, shift, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    cols = np.arange(SIDE)
    image = np.where(cols < SIDE / 2, picture, right)
    image[:, (cols >= SIDE / 2 - 1) & (cols <= SIDE / 2 + 1 + opening_px)] = 20
    return smoothed(image.astype(np.float32))


def upright_crack():
    mask = np.zeros((SIDE, SIDE), bool)
    mask[60:300, SIDE // 2 - 1 : SIDE // 2 + 2] = True
    return lay_stations(mask)


@pytest.mark.parametrize(("opening_px", "shear_px"), [(0, 0), (0.3, -0.2), (2.5, 1.4), (9.0, 0.0), (31.0, -5.0)])
def test_known_movements_come_back(opening_px, shear_px):
    stations = upright_crack()
    found = follow_lips(
        moved(texture(), 0, 0), moved(texture(), opening_px, shear_px), stations, np.ones(len(stations))
    )
    assert len(found.station) >= 10
    towards = np.sign(stations.normals[found.station][:, 1])
    assert np.median(found.opening_px) == pytest.approx(opening_px, abs=0.06)
    assert np.median(found.shear_px * towards) == pytest.approx(shear_px, abs=0.06)


def test_other_light_moves_nothing():
    stations = upright_crack()
    found = follow_lips(moved(texture(), 0, 0), moved(texture(), 0, 0) * 0.6 + 30, stations, np.ones(len(stations)))
    assert np.abs(found.opening_px).max() < 0.05


def test_a_bare_wall_cannot_be_followed():
    stations = upright_crack()
    bare = np.full((SIDE, SIDE), 150, np.float32)
    assert len(follow_lips(bare, bare, stations, np.ones(len(stations))).station) == 0


def test_another_wall_is_not_followed():
    stations = upright_crack()
    found = follow_lips(smoothed(texture(0)), smoothed(texture(1)), stations, np.ones(len(stations)))
    assert len(found.station) <= len(stations) / 16
