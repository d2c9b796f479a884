"""What captures show at a crack is kept: the next following reads only what is new, and tells the same."""

import dataclasses
from dataclasses import replace

import cv2
import numpy as np
import pytest

from monitor.imaging.sparse_masks import SparseMask
from monitor.opening import followed
from monitor.opening.following import follow
from monitor.opening.gaps import fit_gaps
from monitor.opening.lips import follow_lips
from monitor.opening.sightings import Sighting
from monitor.service.looks import KeptLooks
from simulations.growth import steady
from simulations.rendering import coverage
from simulations.scenarios import captures, scenario

SHAPE = (300, 360)
CHOSEN = replace(
    scenario("growing"),
    captures=4,
    interval_days=103.0,
    shape=SHAPE,
    wall_kind="plain",
    mm_per_px=1.0,
    opening_mm=steady(2.5, 1.0),
    length_share=lambda _: 1.0,
)
HASHES = {key: f"{key:064x}" for key in range(CHOSEN.captures)}


@pytest.fixture(scope="module")
def series():
    """(photos, sightings), the mask in all of them that of the last."""
    shown = list(captures(CHOSEN, seed=3))
    last = shown[-1][0]
    gap = coverage(last.crack, last.opening_mm / last.mm_per_px, SHAPE) > 0.5
    sightings = [
        Sighting(key, SparseMask.of(gap), SHAPE, np.linalg.inv(view.matrix)) for key, (_, _, view) in enumerate(shown)
    ]
    return [photo for _, photo, _ in shown], sightings


class Follower:
    """Follows captures from a folder of kept looks, and tells which photos it had to read."""

    def __init__(self, series, folder):
        (self.photos, self.sightings), self.folder = series, folder

    def follow(self, *keys, hashes=HASHES):
        self.read = []
        looks = KeptLooks(self.folder, {key: hashes[key] for key in keys}, 0)
        found = follow(0, [self.sightings[key] for key in keys], self.picture, looks)
        looks.write()
        return told(found)

    def picture(self, key):
        self.read.append(key)
        return self.photos[key]

    def anew(self, *keys):
        return told(follow(0, [self.sightings[key] for key in keys], lambda key: self.photos[key]))


def told(found):
    """All of it, as something that can be compared."""
    profiles = [[getattr(one, field.name) for field in dataclasses.fields(one)] for one in found.profiles]
    told = [[part.tobytes() if isinstance(part, np.ndarray) else part for part in one] for one in profiles]
    return found.readings, [crack.course.tolist() for crack in found.cracks], told


@pytest.fixture
def follower(series, tmp_path):
    return Follower(series, tmp_path / "looks")


def test_nothing_is_read_twice(follower):
    first = follower.follow(0, 1, 2, 3)
    assert follower.read == [0, 1, 2, 3]
    assert first == follower.anew(0, 1, 2, 3)
    assert follower.follow(0, 1, 2, 3) == first
    assert follower.read == []


def test_another_capture_is_read_and_the_reference_to_compare_it_with(follower):
    follower.follow(0, 1, 3)
    assert follower.follow(0, 1, 2, 3) == follower.anew(0, 1, 2, 3)
    assert sorted(follower.read) == [0, 2]


def test_a_crack_that_shows_more_of_itself_is_looked_at_where_it_is_new(follower, monkeypatch):
    upper = (np.arange(SHAPE[0]) < 150)[:, None]
    short = [replace(one, mask=SparseMask.of(one.mask.dense() & upper)) for one in follower.sightings]
    long, follower.sightings = follower.sightings, short
    follower.follow(0, 1)
    follower.sightings = [*short[:2], *long[2:]]
    fitted = []

    def counted(profiles, *args, **kwargs):
        fitted.append(len(profiles))
        return fit_gaps(profiles, *args, **kwargs)

    monkeypatch.setattr(followed, "fit_gaps", counted)
    found = follower.follow(0, 1, 2, 3)
    some, fitted[:] = sum(fitted), []
    assert found == follower.anew(0, 1, 2, 3)
    assert sorted(follower.read) == [0, 1, 2, 3]
    assert some < 0.85 * sum(fitted), "the upper half of the first two is not fitted again"


def test_the_first_part_of_a_crack_tells_the_blur_of_what_is_laid_later(follower, monkeypatch):
    upper = (np.arange(SHAPE[0]) < 230)[:, None]
    short = [replace(one, mask=SparseMask.of(one.mask.dense() & upper)) for one in follower.sightings]
    follower.sightings = [*short[:2], *follower.sightings[2:]]
    given, found = [], []

    def noted(*args, blur_px=None):
        given.append(blur_px)
        found.append(fit_gaps(*args, blur_px=blur_px))
        return found[-1]

    monkeypatch.setattr(followed, "fit_gaps", noted)
    follower.anew(0, 1, 2, 3)
    later = [index for index, blur_px in enumerate(given) if blur_px is not None]
    assert len(later) >= 4, "the settled fits of all captures at least"
    assert all(found[index - 1].blur_told and given[index] == found[index - 1].blur_px for index in later)


def test_a_crack_that_grows_wider_is_read_in_the_new_capture_alone(follower):
    """Squares beside it keep off the crack as it was until then."""
    wider = cv2.dilate(follower.sightings[3].mask.dense().astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    follower.follow(0, 1, 2)
    follower.sightings = [*follower.sightings[:3], replace(follower.sightings[3], mask=SparseMask.of(wider))]
    assert follower.follow(0, 1, 2, 3) == follower.anew(0, 1, 2, 3)
    assert sorted(follower.read) == [0, 3]


def test_a_capture_that_arrives_late_is_as_if_it_had_come_in_time(follower):
    """The lips of those after it keep off the crack as it shows it."""
    wider = cv2.dilate(follower.sightings[1].mask.dense().astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    follower.sightings = [
        replace(one, mask=SparseMask.of(wider)) if one.key == 1 else one for one in follower.sightings
    ]
    follower.follow(0, 2, 3)
    assert follower.follow(0, 1, 2, 3) == follower.anew(0, 1, 2, 3)
    assert sorted(follower.read) == [0, 1, 2, 3]


def test_the_same_stations_laid_in_other_parts_are_looked_at_anew(follower):
    """Parts tell the blur of those after them."""
    shape = SHAPE
    first, both = np.zeros(shape, bool), np.zeros(shape, bool)
    first[10:43, 170:175] = both[10:43, 170:175] = both[49:191, 170:175] = True
    sightings = [replace(one, mask=SparseMask.of(both)) for one in follower.sightings[:3]]
    follower.sightings = [replace(sightings[0], mask=SparseMask.of(first)), *sightings[1:]]
    follower.follow(0, 1, 2)
    follower.sightings = sightings
    assert follower.follow(0, 1, 2) == follower.anew(0, 1, 2)


def test_lips_keep_off_the_crack_as_the_reference_shows_it_also_in_captures_before(follower, monkeypatch):
    wider = cv2.dilate(follower.sightings[2].mask.dense().astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    sightings = [
        replace(follower.sightings[2], mask=SparseMask.of(wider)) if one.key == 2 else one for one in follower.sightings
    ]
    widths = []

    def noted(first, second, stations, half_width_px, before):
        widths.append(float(half_width_px.mean()))
        return follow_lips(first, second, stations, half_width_px, before)

    monkeypatch.setattr(followed, "follow_lips", noted)
    follow(2, sightings, lambda key: follower.photos[key])
    assert len(widths) == 3, "the reference's own lips have not moved"
    assert widths == pytest.approx([widths[-1]] * 3)
    follow(0, sightings, lambda key: follower.photos[key])
    assert widths[3] < widths[4] - 2, "before it grew wider"
    assert widths[4] == widths[5]


def test_what_is_damaged_is_worked_out_anew(follower, caplog):
    first = follower.follow(0, 1, 2, 3)
    damaged = follower.folder / f"{HASHES[2]}.npz"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    assert follower.follow(0, 1, 2, 3) == first
    assert sorted(follower.read) == [0, 2]
    assert "worked out anew" in caplog.text
    follower.follow(0, 1, 2, 3)
    assert follower.read == []


def test_looks_at_another_photo_or_beside_another_reference_do_not_count(follower):
    follower.follow(0, 1, 2)
    follower.follow(0, 1, 2, hashes=HASHES | {2: "f" * 64})
    assert sorted(follower.read) == [0, 2]
    follower.follow(0, 1, 2, hashes=HASHES | {0: "e" * 64})
    assert sorted(follower.read) == [0, 1, 2]


def test_captures_that_are_gone_leave_no_file(follower):
    follower.follow(0, 1, 2, 3)
    assert {path.stem for path in follower.folder.iterdir()} == set(HASHES.values())
    follower.follow(0, 1, 3)
    assert {path.stem for path in follower.folder.iterdir()} == {HASHES[key] for key in (0, 1, 3)}
