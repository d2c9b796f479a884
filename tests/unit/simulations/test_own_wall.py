"""Known growth on a location's own wall: along its own crack, with what was there before taken out."""

from dataclasses import replace

import numpy as np
import pytest
from truthful import Truthful

from simulations.scenarios import captures, scenario
from simulations.validation import own_wall
from simulations.validation.own_wall import OwnWall, simulate_here, stage_of

SHAPE = (300, 400)


@pytest.fixture(scope="module")
def wall() -> OwnWall:
    """A photo with a crack 3 px wide, as a location's reference."""
    chosen = replace(scenario("dormant"), captures=1, shape=SHAPE, wall_kind="plain", mm_per_px=1.0)
    (truth, photo, _) = next(iter(captures(replace(chosen, opening_mm=lambda _: 3.0), 2)))
    assert truth.crack is not None
    path = truth.crack.path
    inside = ((path > 1) & (path < np.array(SHAPE) - 2)).all(axis=1)
    mask = np.zeros(SHAPE, bool)
    for shift in (-1, 0, 1):
        mask[np.rint(path[inside, 0]).astype(int), np.rint(path[inside, 1]).astype(int) + shift] = True
    return OwnWall(photo, mask, path[inside][::4], 2.5, 0.5)


def test_the_crack_is_taken_out_and_the_new_one_takes_its_course(wall: OwnWall) -> None:
    shape, stage = stage_of(wall, np.random.default_rng(0))
    assert shape == SHAPE
    rows, cols = np.rint(wall.course).astype(int).T
    light = wall.photo.mean(axis=2) / 255
    sound = stage.wall.image.mean(axis=2)[own_wall.MARGIN_PX :, own_wall.MARGIN_PX :]
    assert sound[rows, cols].mean() > light[rows, cols].mean() + 0.1
    away = ~np.asarray(wall.mask) & (np.abs(np.arange(SHAPE[1]) - cols.mean()) > 150)[None, :]
    np.testing.assert_allclose(sound[: SHAPE[0], : SHAPE[1]][away], light[away], atol=0.01)
    off = [np.hypot(*(stage.crack.path - own_wall.MARGIN_PX - point).T).min() for point in wall.course[5:-5]]
    assert np.median(off) < 2


def test_a_large_photo_is_cut_around_its_crack(wall: OwnWall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_wall, "MOST_PX", (200, 160))
    shape, stage = stage_of(wall, np.random.default_rng(0))
    assert shape == (200, 160)
    assert stage.wall.image.shape == (200 + 2 * own_wall.MARGIN_PX, 160 + 2 * own_wall.MARGIN_PX, 3)
    middle = stage.crack.path[len(stage.crack.path) // 2] - own_wall.MARGIN_PX
    assert (np.abs(middle - np.array(shape) / 2) < 30).all()


def test_without_a_crack_one_is_made_up(wall: OwnWall) -> None:
    _, stage = stage_of(replace(wall, course=None, mask=np.zeros(SHAPE, bool)), np.random.default_rng(0))
    assert stage.crack.length_px() > 100


def test_growth_comes_back_and_standstill_stays_one(wall: OwnWall, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[bool] = []
    still, growing = simulate_here(wall, Truthful(monkeypatch), [0.0, 2.0], 6, 60.0, 3, lambda: done.append(True))
    assert len(done) == 2
    assert (still.unit, still.captures, still.interval_days) == ("mm", 6, 60.0)
    assert still.true_per_year == pytest.approx(0, abs=1e-9)
    assert growing.true_per_year > 0.8  # the mean over the course of what grows by 2 mm a year at its widest
    assert still.measured_per_year == pytest.approx(0, abs=0.25)
    assert growing.measured_per_year == pytest.approx(growing.true_per_year, rel=0.25)
    assert growing.low is not None
    assert growing.high is not None
    assert growing.low <= growing.measured_per_year <= growing.high
    assert still.alarm_after_days is None
    assert growing.reading_error_px is not None
    assert growing.reading_error_px < 0.5


def test_without_a_scale_growth_is_in_px_and_nothing_is_watched(wall: OwnWall, monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = simulate_here(replace(wall, mm_per_px=None), Truthful(monkeypatch), [4.0], 4, 90.0, 3)
    assert (told.unit, told.alarm_after_days) == ("px", None)
    assert told.true_per_year > 1.5
