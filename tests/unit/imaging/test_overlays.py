"""Pictures for people."""

import numpy as np
import pytest

from monitor.imaging.overlays import OUTLINE_RGB, overlay, relevance_picture
from monitor.records import ByteArray


@pytest.fixture
def image() -> ByteArray:
    return np.full((60, 90, 3), 120, np.uint8)


def test_relevance_is_grey_from_zero_to_its_highest_part() -> None:
    relevance = np.zeros((40, 50), np.float32)
    relevance[10:20, 10:20] = 2.0
    relevance[10, 10] = 1.0
    relevance[30:35] = -5.0
    picture = relevance_picture(relevance)
    assert picture.dtype == np.uint8
    assert picture.shape == (40, 50)
    assert picture[15, 15] == 255
    assert picture[10, 10] == 128
    assert not picture[30:35].any()


@pytest.mark.parametrize("factor", [1e-8, 1.0, 1e6])
def test_the_size_of_relevance_does_not_matter(factor: float) -> None:
    relevance = np.random.default_rng(0).random((30, 30), dtype=np.float32)
    np.testing.assert_allclose(relevance_picture(relevance * factor), relevance_picture(relevance), atol=1)


@pytest.mark.parametrize("level", [0.0, -1.0])
def test_no_relevance_is_black(level: float) -> None:
    assert not relevance_picture(np.full((8, 9), level, np.float32)).any()


def test_one_outlier_does_not_darken_the_rest() -> None:
    relevance = np.ones((50, 50), np.float32)
    relevance[3, 3] = 1000.0
    assert relevance_picture(relevance)[20, 20] == 255


def test_the_mask_is_outlined_and_its_inside_stays_visible(image: ByteArray) -> None:
    mask = np.zeros((60, 90), bool)
    mask[20:40, 30:70] = True
    before = image.copy()
    drawn = overlay(image, mask)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert drawn[20, 50].tolist() == list(OUTLINE_RGB)
    assert drawn[30, 50].tolist() == [120, 120, 120]
    assert drawn[5, 5].tolist() == [120, 120, 120]
    np.testing.assert_array_equal(image, before)


def test_relevance_glows_yellow(image: ByteArray) -> None:
    relevance = np.zeros((60, 90), np.float32)
    relevance[20:40, 30:60] = 1.0
    drawn = overlay(image, np.zeros((60, 90), bool), relevance).astype(int)
    red, green, blue = drawn[30, 45]
    assert red > 150
    assert green > 150
    assert blue < 120
    assert drawn[5, 5].tolist() == [120, 120, 120]


def test_an_empty_mask_changes_nothing(image: ByteArray) -> None:
    np.testing.assert_array_equal(overlay(image, np.zeros((60, 90), bool)), image)
