"""Lips are followed by their texture: known movements come back, and bare walls say nothing."""

import cv2
import numpy as np
import pytest

from monitor.opening.lips import SmoothView, Squares, follow_lips, followed_stations
from monitor.opening.stations import lay_stations

SIDE = 360


def texture(seed=0):
    grain = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    return 128 + 60 * cv2.GaussianBlur(grain, (0, 0), 1.5) + 300 * cv2.GaussianBlur(grain, (0, 0), 6)


def opened(picture, opening_px, shear_px):
    """The right half moved to the right by the opening and down by the shear; the left half stays."""
    shift = np.float64([[1, 0, opening_px], [0, 1, shear_px]])
    right = cv2.warpAffine(picture, shift, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    cols = np.arange(SIDE)
    image = np.where(cols < SIDE / 2, picture, right)
    image[:, (cols >= SIDE / 2 - 1) & (cols <= SIDE / 2 + 1 + opening_px)] = 20
    return image


def moved(picture, opening_px, shear_px):
    return view(opened(picture, opening_px, shear_px))


def view(image):
    return SmoothView(image.astype(np.float32), image.shape)


def followed(first, second, stations):
    return follow_lips(first, second, stations, np.ones(len(stations))).movement()


def upright_crack():
    mask = np.zeros((SIDE, SIDE), bool)
    mask[60:300, SIDE // 2 - 1 : SIDE // 2 + 2] = True
    return lay_stations(mask)


@pytest.mark.parametrize(("opening_px", "shear_px"), [(0, 0), (0.3, -0.2), (2.5, 1.4), (9.0, 0.0), (31.0, -5.0)])
def test_known_movements_come_back(opening_px, shear_px):
    stations = upright_crack()
    found = followed(moved(texture(), 0, 0), moved(texture(), opening_px, shear_px), stations)
    assert len(found.station) >= 10
    towards = np.sign(stations.normals[found.station][:, 1])
    assert np.median(found.opening_px) == pytest.approx(opening_px, abs=0.06)
    assert np.median(found.shear_px * towards) == pytest.approx(shear_px, abs=0.06)


def test_other_light_moves_nothing():
    stations = upright_crack()
    shut = opened(texture(), 0, 0)
    found = followed(view(shut), view(shut * 0.6 + 30), stations)
    assert np.abs(found.opening_px).max() < 0.05


def test_a_bare_wall_cannot_be_followed():
    stations = upright_crack()
    bare = view(np.full((SIDE, SIDE), 150, np.float32))
    assert len(followed(bare, bare, stations).station) == 0


def test_another_wall_is_not_followed():
    stations = upright_crack()
    found = followed(view(texture(0)), view(texture(1)), stations)
    assert len(found.station) <= len(stations) / 16


def test_squares_found_before_are_taken_where_the_crack_is_as_wide():
    stations = upright_crack()
    count = len(followed_stations(len(stations)))
    before = Squares(np.where(np.arange(count) < 4, 1.0, 2.0), np.full((count, 3), 7.0))

    found = follow_lips(view(texture()), view(texture()), stations, np.ones(len(stations)), before)

    assert np.all(found.moved[:4] == 7)
    assert np.abs(found.moved[4:, :2]).max() < 0.05
    assert np.all(found.half_width_px == 1)


@pytest.mark.parametrize(("row", "col", "beyond"), [(180, 200, 0), (180, 200, 7), (20, 20, 7), (339, 339, 7)])
def test_a_part_of_a_view_is_what_the_whole_frame_shows_there(row, col, beyond):
    """Up to the border, beyond which nothing is blurred in."""
    matrix = np.array([[0.99, 0.05, 4.3], [-0.04, 1.02, -3.6], [1e-5, 2e-5, 1]])
    photo = texture().astype(np.float32)
    whole = cv2.warpPerspective(photo, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    whole = cv2.GaussianBlur(whole, (0, 0), 1.0)

    part, first_row, first_col = SmoothView(photo, (SIDE, SIDE), matrix).around(row, col, 20, beyond)

    rows, cols = part.shape
    np.testing.assert_allclose(part, whole[first_row : first_row + rows, first_col : first_col + cols], atol=0.02)
    reach = 20 + beyond
    assert (first_row, first_row + rows) == (max(row - reach, 0), min(row + reach + 1, SIDE))
    assert (first_col, first_col + cols) == (max(col - reach, 0), min(col + reach + 1, SIDE))


def test_a_square_that_is_not_all_in_the_frame_is_not_shown():
    assert view(texture()).around(19, 100, 20) is None
    assert view(texture()).around(100, SIDE - 20, 20) is None
    assert view(texture()).around(100, SIDE - 21, 20) is not None
