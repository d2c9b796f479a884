"""Truth comes from geometry, and what is painted agrees with it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from simulations.cracks import Crack, crack_along, crack_in
from simulations.rendering import coverage, paint
from simulations.walls import wall

SHAPE = (240, 260)
OPENINGS_PX = (0.3, 1.0, 2.0, 3.5, 6.0, 12.0)


def straight(angle_deg: float, length_px: float = 160.0, taper_px: float = 20.0) -> Crack:
    """A straight crack through the middle of `SHAPE`, tapered linearly to both ends."""
    along = np.arange(-length_px / 2, length_px / 2 + 1)
    angle = np.deg2rad(angle_deg)
    path = np.array(SHAPE) / 2 + 0.3 + along[:, None] * [np.sin(angle), np.cos(angle)]
    return Crack(path, np.clip((length_px / 2 - np.abs(along)) / taper_px, 0, 1))


def winding(seed: int, shape: tuple[int, int] = SHAPE) -> Crack:
    rng = np.random.default_rng(seed)
    return crack_in(wall("plain", shape, rng), rng, (20, 60), (shape[0] - 25, shape[1] - 40), joint_pull=0.0)


def ribbon_area(crack: Crack, opening_px: float) -> float:
    """Area by cutting the ribbon into trapezoids, one between every two points."""
    total = 0.0
    for index in range(len(crack.path) - 1):
        gap = float(np.hypot(*(crack.path[index + 1] - crack.path[index])))
        total += gap * opening_px * (crack.profile[index] + crack.profile[index + 1]) / 2
    return total


@pytest.mark.parametrize("seed", range(3))
def test_area_and_length_are_those_of_the_ribbon(seed: int) -> None:
    crack = winding(seed)
    assert crack.profile.max() == 1
    assert crack.profile.min() >= 0
    for opening_px in OPENINGS_PX:
        assert crack.area_px(opening_px) == pytest.approx(ribbon_area(crack, opening_px), rel=1e-9)
    gaps = np.linalg.norm(np.diff(crack.path, axis=0), axis=1)
    gapes = crack.profile > 0
    assert gaps[gapes[:-1] & gapes[1:]].sum() <= crack.length_px() <= gaps.sum() + 1e-9


def test_the_length_of_a_straight_crack_is_known() -> None:
    assert straight(30).length_px() == pytest.approx(160, abs=1.01)
    assert straight(30).area_px(3) == pytest.approx(3 * (160 - 20), rel=1e-3)


@pytest.mark.parametrize("angle_deg", [0, 10, 30, 52, 77, 90, 140])
def test_the_covered_area_of_a_straight_crack_is_its_area(angle_deg: float) -> None:
    crack = straight(angle_deg)
    for opening_px in OPENINGS_PX:
        assert coverage(crack, opening_px, SHAPE).sum() == pytest.approx(crack.area_px(opening_px), rel=0.005)


@pytest.mark.parametrize("seed", range(4))
def test_the_covered_area_of_a_winding_crack_is_its_area(seed: int) -> None:
    crack = winding(seed)
    for opening_px in OPENINGS_PX[1:]:
        assert coverage(crack, opening_px, SHAPE).sum() == pytest.approx(crack.area_px(opening_px), rel=0.02)


def test_coverage_is_a_share_and_nothing_is_covered_far_from_the_course() -> None:
    crack = winding(5)
    covered = coverage(crack, 4.0, SHAPE)
    assert covered.dtype == np.float32
    assert covered.shape == SHAPE
    assert covered.min() == 0
    assert covered.max() == 1
    rows, cols = np.nonzero(covered)
    nearest = np.hypot(rows[:, None] - crack.path[:, 0], cols[:, None] - crack.path[:, 1]).min(axis=1)
    assert nearest.max() < 2.0 + 0.5 + 0.5


def test_a_bar_covers_the_pixel_centres_within_half_its_width() -> None:
    """The convention of all widths: pixel centres are integers."""
    path = np.stack([np.full(101, 50.0), np.arange(101.0)], axis=1)
    profile = coverage(Crack(path, np.ones(101)), 4.0, (100, 101))[:, 50]
    assert profile[47:54].tolist() == [0, 0.5, 1, 1, 1, 0.5, 0]


@pytest.mark.parametrize("opening_px", [0.0, 5.0])
def test_what_leaves_the_picture_or_does_not_gape_covers_nothing(opening_px: float) -> None:
    beyond = Crack(straight(0).path + 1000 * (opening_px > 0), straight(0).profile)
    assert not coverage(beyond, opening_px, SHAPE).any()


def recovered_px(picture: NDArray[np.float32], light: float, dark: float, columns: slice) -> float:
    """Mean opening over some columns, from how much light is missing in them."""
    missing = (light - picture[:, columns].mean(axis=2, dtype=np.float64)) / (light - dark)
    return float(missing.sum(axis=0).mean())


@pytest.mark.parametrize("angle_deg", [0, 7, 20, 33])
@pytest.mark.parametrize("opening_px", [0.6, 1.0, 1.7, 4.0, 7.5])
def test_a_painted_opening_is_recovered_from_pixel_sums(opening_px: float, angle_deg: float) -> None:
    """To 0.05 px, the grain inside the gap included."""
    light, darkness = 0.7, 0.1
    covered = coverage(straight(angle_deg, 200.0), opening_px, SHAPE)
    picture = paint(np.full((*SHAPE, 3), light, np.float32), covered, np.random.default_rng(3), darkness)
    across = recovered_px(picture, light, light * darkness, slice(80, 180)) * np.cos(np.deg2rad(angle_deg))
    assert across == pytest.approx(opening_px, abs=0.05)


def test_the_difference_of_two_openings_is_recovered() -> None:
    """What growth is about: the same crack at two times, the same grain in its gap."""
    crack, light = straight(20, 200.0), 0.7
    found = [
        recovered_px(
            paint(
                np.full((*SHAPE, 3), light, np.float32), coverage(crack, opening, SHAPE), np.random.default_rng(1), 0.1
            ),
            light,
            light * 0.1,
            slice(80, 180),
        )
        for opening in (3.0, 3.2)
    ]
    assert (found[1] - found[0]) * np.cos(np.deg2rad(20)) == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("length_px", [30.0, 80.0, 120.0])
def test_a_crack_drawn_back_has_the_wanted_length_on_the_same_course(length_px: float) -> None:
    crack = winding(2)
    shorter = crack.grown_to(length_px)
    assert shorter.length_px() == pytest.approx(length_px, abs=1.5)
    np.testing.assert_array_equal(shorter.path, crack.path)
    assert (shorter.profile <= crack.profile).all()
    assert crack.grown_to(1e6) is crack


def test_the_widest_place_comes_first() -> None:
    for seed in range(4):
        turned = winding(seed).widest_first()
        assert turned.profile.argmax() <= len(turned.profile) / 2
        assert turned.area_px(2) == pytest.approx(winding(seed).area_px(2))
        assert turned.widest_first() is turned


def test_a_crack_follows_its_way_points_and_its_seed() -> None:
    path = np.array([[20.0, 20.0], [60.0, 120.0], [200.0, 220.0]])
    crack = crack_along(path, np.random.default_rng(0))
    for point in path:
        assert np.linalg.norm(crack.path - point, axis=1).min() < 4
    spacing = np.linalg.norm(np.diff(crack.path, axis=0), axis=1)
    assert spacing.mean() == pytest.approx(1, abs=0.25)
    again = crack_along(path, np.random.default_rng(0))
    np.testing.assert_array_equal(again.path, crack.path)
    assert not np.array_equal(crack_along(path, np.random.default_rng(1)).path, crack.path)


def test_joints_pull_the_crack() -> None:
    """With a strong pull, far more of the course lies in the mortar."""
    shares = []
    for pull in (0.0, 8.0):
        inside = []
        for seed in range(4):
            rng = np.random.default_rng(seed)
            base = wall("bonded", SHAPE, rng, 40.0)
            crack = crack_in(base, rng, (10, 10), (230, 250), joint_pull=pull)
            at = np.clip(np.rint(crack.path).astype(int), 0, np.array(SHAPE) - 1)
            inside.append(base.joints[at[:, 0], at[:, 1]].mean())
        shares.append(np.mean(inside))
    assert shares[1] > shares[0] + 0.1
