"""What a square tells about the scale over a photo, against a known camera."""

import numpy as np
import pytest
from marked_walls import SIDE_MM, MarkedWall

from monitor.imaging.perspective import CORNER_ERROR_PX, MOST_VARIATION, Perspective, perspective

LARGE = (3000, 4000)
#: How far corners of markers of 100 px are off in simulated photos, in px along one axis.
FOUND_WITHIN_PX = 0.02


def seen(wall: MarkedWall, error_px: float = 0.0, seed: int = 0) -> Perspective:
    rng = np.random.default_rng(seed)
    return perspective(wall.corners + rng.normal(0, error_px, (4, 2)), wall.shape, SIDE_MM)


def true_variation(wall: MarkedWall, mm_per_px: float) -> float:
    rows, cols = wall.shape
    steps = (np.arange(15) + 0.5) / 15
    places = np.stack(np.meshgrid(steps * cols - 0.5, steps * rows - 0.5), axis=-1).reshape(-1, 2)
    return float(np.sqrt(np.mean((wall.mm_per_px(places) / mm_per_px - 1) ** 2)))


def drawn(rng: np.random.Generator, side_px: float, tilt_deg: float, shape: tuple[int, int]) -> MarkedWall:
    """A marker anywhere, the wall turned any way, by any usual lens."""
    rows, cols = shape
    place = (rng.uniform(side_px, cols - side_px), rng.uniform(side_px, rows - side_px))
    axis_deg, turn_deg = rng.uniform(0, 360, 2)
    return MarkedWall(side_px, tilt_deg, axis_deg, turn_deg, place, shape, focal_share=rng.uniform(0.65, 1.6))


@pytest.mark.parametrize("axis_deg", [0.0, 90.0, 200.0])
@pytest.mark.parametrize("tilt_deg", [2.0, 10.0, 25.0, 40.0])
def test_a_large_marker_shows_the_angle_and_the_variation(tilt_deg: float, axis_deg: float) -> None:
    wall = MarkedWall(200.0, tilt_deg, axis_deg, place=(600.0, 300.0))
    found = seen(wall)
    assert found.variation == pytest.approx(true_variation(wall, found.mm_per_px), rel=0.12)
    assert found.tilt_deg == pytest.approx(tilt_deg, abs=2.0)
    at_marker = float(np.sqrt(wall.mm_per_px(np.array([wall.place])).prod()))
    assert found.mm_per_px == pytest.approx(at_marker, rel=0.02)


def test_the_edges_tell_where_the_wall_is_near() -> None:
    for axis_deg, names in [(90.0, {"left", "right"}), (0.0, {"top", "bottom"})]:
        wall = MarkedWall(150.0, 30.0, axis_deg)
        ends = {
            "left": np.array([[0.0, 383.5]]),
            "right": np.array([[1023.0, 383.5]]),
            "top": np.array([[511.5, 0.0]]),
            "bottom": np.array([[511.5, 767.0]]),
        }
        edges = seen(wall).edges
        assert edges is not None
        assert {name for name, _ in edges} == names
        assert edges[0][1] < edges[1][1]
        for name, mm_per_px in edges:
            assert mm_per_px == pytest.approx(float(np.sqrt(wall.mm_per_px(ends[name]).prod())), rel=0.1)


def test_a_small_marker_leaves_a_large_photo_open() -> None:
    found = seen(MarkedWall(40.0, place=(600.0, 500.0), shape=LARGE))
    assert found.variation > MOST_VARIATION
    assert found.surely_varies < 0.9
    assert found.edges is None
    near = seen(MarkedWall(40.0, place=(300.0, 200.0), shape=(480, 640)))
    assert near.variation < MOST_VARIATION


@pytest.mark.parametrize("shape", [(768, 1024), LARGE])
def test_square_on_a_marker_of_100_px_suffices(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    found = [seen(drawn(rng, 100.0, 0.0, shape), FOUND_WITHIN_PX, seed).variation for seed in range(50)]
    assert np.mean(np.array(found) > MOST_VARIATION) <= 0.02


@pytest.mark.parametrize("side_px", [60.0, 150.0])
def test_the_variation_expected_covers_the_true_one(side_px: float) -> None:
    rng = np.random.default_rng(1)
    walls = [drawn(rng, side_px, tilt_deg, LARGE) for tilt_deg in np.linspace(0, 20, 40)]
    found = [seen(wall, CORNER_ERROR_PX, seed) for seed, wall in enumerate(walls)]
    true = [true_variation(wall, view.mm_per_px) for wall, view in zip(walls, found, strict=True)]
    expected = np.array([view.variation for view in found])
    assert np.mean(np.array(true) <= 2 * expected) >= 0.95
    assert max(np.array(true)[expected <= MOST_VARIATION]) < 2 * MOST_VARIATION


def test_corners_that_are_no_square_widen_what_is_open() -> None:
    wall = MarkedWall(100.0, shape=LARGE, place=(2000.0, 1500.0))
    bent = wall.corners + np.array([[0.6, 0.0], [0.0, 0.0], [0.6, 0.0], [0.0, 0.6]])
    assert perspective(bent, LARGE, SIDE_MM).variation > 2 * seen(wall).variation


def test_the_wall_s_horizon_in_the_photo_is_a_variation_too() -> None:
    found = seen(MarkedWall(80.0, 50.0, place=(300.0, 400.0), focal_share=0.5))
    assert np.isfinite(found.variation)
    assert found.surely_varies == pytest.approx(1.0)
