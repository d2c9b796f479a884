"""`crackmonitor measure MASK`: the severity object, on shapes whose size is known."""

from pathlib import Path

import numpy as np
import pytest
from command_line import crackmonitor, crackmonitor_program
from numpy.typing import NDArray
from PIL import Image

KEYS = ["crack_count", "area_px", "max_width_px", "length_px", "area_mm2", "max_width_mm", "length_mm"]


def bar(width_px: float, length_px: float, angle_deg: float) -> NDArray[np.bool_]:
    """The pixel centres within `width_px` / 2 of an axis through the middle."""
    rows, cols = np.mgrid[-150:150, -150:150] + 0.3
    angle = np.deg2rad(angle_deg)
    along, across = rows * np.sin(angle) + cols * np.cos(angle), rows * np.cos(angle) - cols * np.sin(angle)
    return (np.abs(across) <= width_px / 2) & (np.abs(along) <= length_px / 2)


def stored(mask: NDArray[np.bool_], path: Path, white: int = 255) -> Path:
    Image.fromarray((mask * white).astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("width_px", [1, 3, 9, 20, 40])
@pytest.mark.parametrize("angle_deg", [0, 33, 90])
def test_bars_are_measured_as_drawn(here: Path, width_px: int, angle_deg: int) -> None:
    mask = bar(width_px, 200, angle_deg)
    found = crackmonitor("measure", stored(mask, here / "bar.png"), "--json").result
    assert list(found) == KEYS
    assert (found["crack_count"], found["area_px"]) == (1, mask.sum())
    assert found["max_width_px"] == pytest.approx(width_px, abs=0.7)
    if width_px <= 9:
        assert found["length_px"] == pytest.approx(200, rel=0.03)
    assert [found[name] for name in KEYS[4:]] == [None, None, None]


def test_millimetres_are_pixels_times_the_scale(here: Path) -> None:
    path = stored(bar(6, 200, 20), here / "bar.png")
    found = crackmonitor("measure", path, "--mm-per-px", 0.4, "--json").result
    assert found["max_width_mm"] == pytest.approx(0.4 * found["max_width_px"])
    assert found["length_mm"] == pytest.approx(0.4 * found["length_px"])
    assert found["area_mm2"] == pytest.approx(0.16 * found["area_px"])


def test_two_bars_are_two_cracks(here: Path) -> None:
    mask = np.roll(bar(5, 150, 0), -60, axis=0) | np.roll(bar(9, 150, 0), 60, axis=0)
    found = crackmonitor("measure", stored(mask, here / "bars.png"), "--json").result
    assert found["crack_count"] == 2
    assert found["max_width_px"] == pytest.approx(9, abs=0.7)
    assert found["length_px"] == pytest.approx(300, rel=0.03)


def test_an_empty_mask_measures_zero(here: Path) -> None:
    path = stored(np.zeros((60, 80), bool), here / "empty.png")
    found = crackmonitor("measure", path, "--mm-per-px", 0.5, "--json").result
    assert list(found.values()) == [0] * 7


def test_a_mask_may_be_written_with_ones_or_in_colour(here: Path) -> None:
    mask = bar(7, 180, 60)
    usual = crackmonitor("measure", stored(mask, here / "usual.png"), "--json").result
    assert crackmonitor("measure", stored(mask, here / "ones.png", white=1), "--json").result == usual
    red = np.stack([mask * 255, mask * 0, mask * 0], axis=2).astype(np.uint8)
    Image.fromarray(red).save(here / "red.tif")
    assert crackmonitor("measure", here / "red.tif", "--json").result == usual


def test_the_published_width_is_seeded(here: Path) -> None:
    path = stored(bar(12, 200, 10), here / "bar.png")
    first, again = (
        crackmonitor("measure", path, "--width-method", "published", "--seed", 5, "--json").result for _ in range(2)
    )
    assert first == again
    assert first["max_width_px"] > 0


def test_words_for_a_person(here: Path) -> None:
    path = stored(bar(6, 200, 0), here / "bar.png")
    words = crackmonitor("measure", path)
    assert (words.status, words.err) == (0, "")
    assert words.out.startswith("1 crack(s), area ")
    assert "--mm-per-px" in words.out
    assert " mm" in crackmonitor("measure", path, "--mm-per-px", 0.5).out


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--mm-per-px", 0), "makes no sense: give positive numbers"),
        (("--mm-per-px", -2), "makes no sense: give positive numbers"),
        (("--mm-per-px", "nan"), "makes no sense: give positive numbers"),
        (("--width-method", "ruler"), "Known: edge, published"),
    ],
)
def test_options_that_make_no_sense_are_misuse(here: Path, options: tuple[object, ...], part: str) -> None:
    refused = crackmonitor("measure", stored(bar(6, 200, 0), here / "bar.png"), *options)
    assert refused.status == 2
    assert part in refused.sentence


@pytest.mark.parametrize("options", [("--seed", -1), ("--seed", "one"), ("--mm-per-px", "wide"), ("--ruler",)])
def test_options_that_cannot_be_read_are_misuse(here: Path, options: tuple[object, ...]) -> None:
    refused = crackmonitor("measure", stored(bar(6, 200, 0), here / "bar.png"), *options)
    assert (refused.status, refused.out) == (2, "")
    assert options[0] in refused.err


def test_as_a_program_of_its_own(here: Path) -> None:
    path = stored(bar(6, 200, 0), here / "bar.png")
    assert crackmonitor_program("measure", "bar.png", "--json", folder=here) == crackmonitor("measure", path, "--json")


def test_of_two_levels_the_higher_is_crack(here: Path) -> None:
    drawn = bar(9, 200, 20)
    plain = crackmonitor("measure", stored(drawn, here / "plain.png"), "--json").result
    assert crackmonitor("measure", stored(drawn, here / "grey.png", white=100), "--json").result == plain
    alpha = np.zeros((*drawn.shape, 4), np.uint8)
    alpha[drawn] = 255
    Image.fromarray(alpha).save(here / "alpha.png")
    assert crackmonitor("measure", here / "alpha.png", "--json").result == plain


def test_a_picture_that_is_no_mask_is_misuse(here: Path) -> None:
    Image.fromarray(np.tile(np.arange(100, dtype=np.uint8), (50, 1))).save(here / "ramp.png")
    refused = crackmonitor("measure", here / "ramp.png", "--json")
    assert refused.status == 2
    assert "100 grey levels" in refused.sentence
