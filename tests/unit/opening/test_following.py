"""Cracks followed through captures of a simulated wall: openings come back, and what was not seen is not made up."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from monitor.imaging.sparse_masks import SparseMask
from monitor.opening.following import follow
from monitor.opening.sightings import Sighting
from monitor.records import CrackState
from simulations.growth import steady
from simulations.rendering import coverage
from simulations.scenarios import captures, scenario

SHAPE = (360, 480)
#: 1.5 px at first and 4 px more in 14 months.
CHOSEN = replace(
    scenario("growing"),
    captures=5,
    interval_days=103.0,
    shape=SHAPE,
    wall_kind="plain",
    mm_per_px=1.0,
    opening_mm=steady(1.5, 3.5),
    length_share=lambda _: 1.0,
)


@pytest.fixture(scope="module")
def series():
    """(truths, photos, sightings) with true masks and matrices: what is tested is the following alone."""
    shown = list(captures(CHOSEN, seed=3))
    sightings = []
    for key, (truth, _, view) in enumerate(shown):
        gap = coverage(truth.crack, truth.opening_mm / truth.mm_per_px, SHAPE) > 0.5
        sightings.append(Sighting(key, SparseMask.of(gap), SHAPE, np.linalg.inv(view.matrix)))
    return [truth for truth, _, _ in shown], [photo for _, photo, _ in shown], sightings


@pytest.fixture(scope="module")
def followed(series):
    _, photos, sightings = series
    return follow(0, sightings, lambda key: photos[key])


def of(followed, name="A"):
    return [reading for reading in followed.readings if reading.crack == name]


def test_one_crack_keeps_one_name(followed):
    assert [crack.name for crack in followed.cracks] == ["A"]
    assert [reading.state for reading in of(followed)] == [CrackState.NEW] + [CrackState.CONTINUED] * 4


def test_openings_are_right_to_a_tenth_of_a_pixel(series, followed):
    truths, _, _ = series
    course = followed.cracks[0].course
    true = np.array([truth.opening_px_at(course).mean() for truth in truths])
    assert np.abs([reading.opening_px for reading in of(followed)] - true).max() < 0.12
    assert np.abs([reading.change_px for reading in of(followed)] - (true - true[0])).max() < 0.12


def test_the_lips_tell_the_same_and_both_agree(series, followed):
    truths, _, _ = series
    course = followed.cracks[0].course
    true = truths[-1].opening_px_at(course).mean() - truths[0].opening_px_at(course).mean()
    last = of(followed)[-1]
    assert last.lips_px == pytest.approx(true, rel=0.12)
    assert abs(last.shear_px) < 0.15
    assert all(reading.agree for reading in of(followed))


def test_a_painted_gap_whose_lips_stay_is_told(series):
    still = list(captures(replace(CHOSEN, parts=False), seed=3))
    sightings = series[2]
    found = follow(0, sightings, lambda key: still[key][1])
    assert of(found)[-1].agree is False
    assert abs(of(found)[-1].lips_px) < 0.2


def test_a_thin_crack_that_stays_is_read_alike_in_every_photo():
    """It nowhere gapes wide enough to show its ground; were each photo to tell its own, readings would scatter."""
    chosen = replace(CHOSEN, opening_mm=steady(2.4, 0.0), light=2.0, interval_days=30.0, captures=8)
    shown = list(captures(chosen, seed=11))
    gap = SparseMask.of(coverage(shown[0][0].crack, 2.4, SHAPE) > 0.5)
    sightings = [Sighting(key, gap, SHAPE, np.linalg.inv(view.matrix)) for key, (_, _, view) in enumerate(shown)]
    changes = [reading.change_px for reading in of(follow(0, sightings, lambda key: shown[key][1]))]
    assert np.std(changes[1:]) < 0.04


def test_gone_dark_is_not_closed(series):
    _, photos, sightings = series
    blind = [replace(each, mask=SparseMask.of(np.zeros(SHAPE, bool))) if each.key == 2 else each for each in sightings]
    reading = of(follow(0, blind, lambda key: photos[key]))[2]
    assert reading.state is CrackState.GONE_DARK
    assert reading.opening_px is None
    assert "closed" in reading.reason
    assert reading.lips_px is not None  # the texture is still there


def test_a_cracks_area_is_that_of_its_gap(series, followed):
    truths, _, _ = series
    # Of a gap of one pixel hardly any lies half in the gap: the first true mask is in pieces.
    true = np.array([truth.area_mm2 / truth.mm_per_px**2 for truth in truths])[1:]
    found = np.array([reading.area_px for reading in of(followed)])[1:]
    np.testing.assert_allclose(found, true, rtol=0.1)
    assert (found[-1] - found[0]) == pytest.approx(true[-1] - true[0], rel=0.05)


def cut_off(series, rows):
    """What is found when the fourth photo ends after so many rows."""
    _, photos, sightings = series
    shown = np.zeros(SHAPE, bool)
    shown[: rows - 30] = True  # as far as a pose may shift it
    cut = [
        replace(each, shape=(rows, SHAPE[1]), mask=SparseMask.of(each.mask.dense() & shown)) if each.key == 3 else each
        for each in sightings
    ]
    return of(follow(0, cut, lambda key: photos[key][: rows if key == 3 else None].copy()))[3]


def test_a_crack_of_which_little_is_shown_is_not_measured(series):
    reading = cut_off(series, 120)
    assert reading.opening_px is None
    assert "does not show enough" in reading.reason


def test_a_crack_of_which_most_is_shown_has_an_opening_and_no_length(series, followed):
    reading, whole = cut_off(series, 290), of(followed)[3]
    assert reading.opening_px == pytest.approx(whole.opening_px, abs=0.1)
    assert reading.change_px == pytest.approx(whole.change_px, abs=0.1)
    assert (reading.reason, reading.length_px, reading.area_px) == (None, None, None)
    assert whole.length_px is not None


def test_what_a_photo_hides_of_a_crack_that_opens_like_a_hinge_is_not_told():
    """The last photo does not show the end that moves."""
    rng = np.random.default_rng(0)
    cols, rows = np.arange(SHAPE[1]), np.arange(SHAPE[0])[:, None]
    texture = 8 * gaussian_filter(rng.normal(0, 3, SHAPE), 1.0)
    photos, sightings, openings = [], [], []
    for key in range(6):
        opening = ((cols >= 30) & (cols < 450)) * (3 + key * np.clip((cols - 30) / 420, 0, 1) ** 2)
        covered = np.clip(opening / 2 + 0.5 - np.abs(rows - 180), 0, 1) * (opening > 0)
        seen = 340 if key == 5 else SHAPE[1]
        light = gaussian_filter((160 + texture) * (1 - 0.8 * covered), 0.9)[:, :seen]
        photos.append(np.repeat(np.clip(np.rint(light), 0, 255).astype(np.uint8)[..., None], 3, axis=2))
        mask = (covered > 0.5) & (cols < seen)
        sightings.append(Sighting(key, SparseMask.of(mask), (SHAPE[0], seen), np.eye(3)))
        openings.append(opening[30:450].mean())
    readings = of(follow(0, sightings, lambda key: photos[key]))
    whole, cut = readings[4], readings[5]
    assert whole.widest_px == pytest.approx(7, abs=0.5)
    assert (cut.widest_px, cut.widest_error_px) == (None, None)
    assert cut.second_tip_px is None
    assert cut.reason is None
    change = openings[5] - openings[0]
    assert abs(whole.change_px - (openings[4] - openings[0])) < 0.1
    assert cut.change_px < change - 0.3, "what it hides has moved more than the rest"
    assert abs(cut.change_px - change) < 2.5 * cut.change_error_px
    assert abs(cut.opening_px - openings[5]) < 2.5 * cut.opening_error_px


def test_every_picture_is_asked_for_once(series):
    _, photos, sightings = series
    asked = []
    follow(0, sightings, lambda key: asked.append(key) or photos[key])
    assert sorted(asked) == [0, 1, 2, 3, 4]


def test_no_crack_no_reading(series):
    _, photos, sightings = series
    blank = [replace(each, mask=SparseMask.of(np.zeros(SHAPE, bool))) for each in sightings]
    assert follow(0, blank, lambda key: photos[key]).readings == ()


def test_profiles_for_people_show_the_dark_gap_where_the_opening_was_read(series, followed):
    _, photos, sightings = series
    (kept,) = followed.profiles
    (crack,) = followed.cracks
    assert kept.crack == "A"
    assert list(kept.captures) == [sighting.key for sighting in sightings]
    assert kept.grey.shape == (len(kept.stations), len(photos), len(kept.offsets_px))
    assert len(kept.stations) <= 41
    assert kept.stations.max() < len(crack.course)
    assert set(kept.stations) & set(crack.widest_stations), "where the crack gapes widest can be looked at"
    means = [reading.opening_px for reading in of(followed)]
    assert np.abs(kept.opening_px.mean(axis=0) - means).max() < 0.3
    middle, flank = np.abs(kept.offsets_px) < 1, np.abs(kept.offsets_px) > 6
    last = kept.grey[:, -1].astype(float)
    assert np.median(last[:, middle]) < np.median(last[:, flank]) - 30


def test_red_bricks_that_saturate_in_the_sun_open_no_crack():
    """Between brick and mortar red is clipped on one side only; by luma this crack would close by 0.27 px."""
    rng = np.random.default_rng(0)
    wall = np.empty((*SHAPE, 3))
    wall[:] = 225, 95, 50
    wall[:, 240:] = 125, 123, 118
    wall += rng.normal(0, 3, SHAPE)[..., None]
    wall[:, 239:241] = 25
    blurred = gaussian_filter(wall, (0.9, 0.9, 0))
    photos = [np.clip(np.rint(blurred * gain), 0, 255).astype(np.uint8) for gain in (0.8, 1.5)]
    mask = np.zeros(SHAPE, bool)
    mask[20:-20, 238:241] = True
    sightings = [Sighting(key, SparseMask.of(mask), SHAPE, np.eye(3)) for key in (0, 1)]
    assert of(follow(0, sightings, lambda key: photos[key]))[1].change_px == pytest.approx(0, abs=0.03)
