"""Series of photos with known truth, as a person's camera would leave them."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitor.errors import MisuseError, UnknownNameError
from monitor.imaging.files import capture_time, read_picture
from monitor.records import ByteArray, TimeSource
from monitor.severity.metrics import measure
from simulations import stages
from simulations.cracks import Crack
from simulations.growth import since, stop_go
from simulations.rendering import CameraView, coverage, with_parallax
from simulations.scenarios import (
    FIRST_CAPTURE,
    SCENARIOS,
    TRUTH_COLUMNS,
    Scenario,
    Truth,
    captures,
    save_photo,
    scenario,
    write_series,
)

SMALL = replace(SCENARIOS["growing"], captures=4, shape=(150, 190), mm_per_px=0.5, course_mm=20.0)
#: No accident of pose, light, noise or blur that is not the same in every capture.
STILL = replace(SMALL, pose=0.0, light=0.0)


def photos(chosen: Scenario, seed: int = 1) -> list[tuple[Truth, ByteArray]]:
    return [(truth, photo) for truth, photo, _ in captures(chosen, seed)]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_scenarios_are_listed_under_their_own_names() -> None:
    assert {"dormant", "seasonal", "growing", "step", "crack_free"} <= set(SCENARIOS)
    for name, chosen in SCENARIOS.items():
        assert scenario(name) is chosen
        assert chosen.name == name
        assert chosen.description
        assert chosen.captures >= 2


def test_an_unknown_scenario_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        scenario("earthquake")
    assert all(name in str(caught.value) for name in SCENARIOS)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_openings_follow_the_scenarios_law(name: str) -> None:
    chosen = replace(SCENARIOS[name], captures=5, shape=SMALL.shape, course_mm=20.0)
    start = FIRST_CAPTURE
    for truth, _ in photos(chosen):
        years = (truth.captured_at - start) / timedelta(days=365.25)
        assert truth.opening_mm == pytest.approx(chosen.opening_mm(years), abs=1e-6)
        assert truth.mm_per_px == chosen.mm_per_px


def test_captures_are_in_order_and_about_an_interval_apart() -> None:
    times = [truth.captured_at for truth, _ in photos(SMALL)]
    assert times[0] == FIRST_CAPTURE
    gaps = [(later - sooner) / timedelta(days=1) for sooner, later in pairwise(times)]
    assert gaps == pytest.approx([SMALL.interval_days] * 3, abs=6.1)


def test_truth_is_geometry_and_the_photo_is_painted_from_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Crack, float, float]] = []

    def noted(crack: Crack, opening_px: float, shape: tuple[int, int]) -> np.ndarray:
        covered = coverage(crack, opening_px, shape)
        seen.append((crack, opening_px, float(covered.sum())))
        return covered

    monkeypatch.setattr(stages, "coverage", noted)
    truths = [truth for truth, _ in photos(SMALL)]
    for truth, (crack, opening_px, covered_px) in zip(truths, seen, strict=True):
        gaps = np.linalg.norm(np.diff(crack.path, axis=0), axis=1)
        widths = crack.profile * opening_px
        assert truth.opening_mm == pytest.approx(opening_px * 0.5)
        assert truth.max_width_mm == pytest.approx(widths.max() * 0.5)
        assert truth.area_mm2 == pytest.approx((gaps * (widths[1:] + widths[:-1]) / 2).sum() * 0.25)
        assert truth.area_mm2 == pytest.approx(covered_px * 0.25, rel=0.02)
        gaping = crack.profile > 0
        assert truth.length_mm == pytest.approx(gaps[gaping[1:] & gaping[:-1]].sum() * 0.5, abs=1)
    lengths = [truth.length_mm for truth in truths]
    assert lengths == sorted(lengths)
    assert lengths[-1] > lengths[0], "this scenario runs on"


def test_the_papers_protocol_tells_the_size_of_what_was_painted() -> None:
    chosen = replace(SCENARIOS["paper"], shape=(300, 300))
    shown = photos(chosen)
    scale = chosen.mm_per_px
    for truth, _ in shown:
        assert truth.opening_mm <= truth.max_width_mm < truth.opening_mm + 3 * scale, "wider where it bends"
    first, last = shown[0], shown[-1]
    (grown,) = np.unique(last[1][np.any(last[1] != first[1], axis=2)], axis=0)
    painted = (last[1] == grown).all(axis=2)
    assert last[0].area_mm2 == pytest.approx(painted.sum() * scale**2, rel=0.01)
    assert last[0].max_width_mm == pytest.approx(measure(painted).max_width_px * scale, rel=0.02)


def test_a_sound_wall_has_zeros_not_nothing() -> None:
    chosen = replace(SCENARIOS["crack_free"], captures=2, shape=SMALL.shape)
    for truth, _ in photos(chosen):
        assert (truth.opening_mm, truth.area_mm2, truth.max_width_mm, truth.length_mm) == (0, 0, 0, 0)


def test_the_first_capture_is_the_reference_pose_and_the_others_are_not() -> None:
    views = [view for _, _, view in captures(SMALL, 1)]
    np.testing.assert_array_equal(views[0].matrix, np.eye(3))
    assert (views[0].gain, views[0].gradient) == (1.0, (0.0, 0.0))
    for view in views[1:]:
        assert np.abs(view.matrix - np.eye(3)).max() > 0.1
    assert len({view.matrix.tobytes() for view in views}) == len(views)


def test_without_pose_and_light_only_the_crack_changes() -> None:
    """What differs between two captures lies where the crack is, and the noise is small."""
    (_, first), *_, (_, last) = photos(replace(STILL, opening_mm=lambda years: 1.5 + 4 * years))
    darker = first.astype(int).mean(axis=2) - last.astype(int).mean(axis=2)
    changed = darker > 40
    assert 30 < changed.sum() < 0.1 * changed.size
    assert np.median(np.abs(darker[~changed])) < 8


def test_a_series_is_written_whole(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    truths = write_series(SMALL, 3, tmp_path / "series", lambda done, total: told.append((done, total)))
    written = rows(tmp_path / "series")
    assert tuple(written[0]) == TRUTH_COLUMNS
    assert [row["file"] for row in written] == [truth.file for truth in truths]
    assert [list(row.values()) for row in written] == [truth.as_row() for truth in truths]
    assert told == [(done, 4) for done in range(1, 5)]
    assert sorted(path.name for path in (tmp_path / "series").glob("*.jpg")) == [truth.file for truth in truths]
    for row, truth in zip(written, truths, strict=True):
        assert datetime.fromisoformat(row["captured_at"]) == truth.captured_at
        assert float(row["max_width_mm"]) == pytest.approx(truth.max_width_mm, abs=1e-5)


def test_a_series_follows_its_seed(tmp_path: Path) -> None:
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        write_series(SMALL, seed, tmp_path / name)
    texts = {name: (tmp_path / name / "truth.csv").read_bytes() for name in ("first", "again", "other")}
    assert texts["first"] == texts["again"]
    assert texts["first"] != texts["other"]
    for photo in (tmp_path / "first").glob("*.jpg"):
        assert photo.read_bytes() == (tmp_path / "again" / photo.name).read_bytes()
        assert photo.read_bytes() != (tmp_path / "other" / photo.name).read_bytes()


def test_a_folder_that_holds_a_series_is_left_alone(tmp_path: Path) -> None:
    write_series(SMALL, 3, tmp_path)
    before = (tmp_path / "truth.csv").read_bytes()
    with pytest.raises(MisuseError, match="already holds a simulated series"):
        write_series(SMALL, 4, tmp_path)
    assert (tmp_path / "truth.csv").read_bytes() == before


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-3, minutes=-30)), ZoneInfo("Asia/Kolkata")])
def test_the_capture_time_is_in_the_photo(tmp_path: Path, zone: timezone | ZoneInfo) -> None:
    captured_at = datetime(2025, 3, 3, 10, 15, 20, tzinfo=UTC).astimezone(zone)
    path = tmp_path / "photo.jpg"
    save_photo(path, np.full((40, 50, 3), 120, np.uint8), captured_at, 90)
    found = capture_time(read_picture(path, 10, 10), path, ZoneInfo("Europe/Berlin"))
    assert found.at == captured_at
    assert found.source is TimeSource.EXIF_OFFSET


def test_every_photo_of_a_series_carries_the_time_of_its_truth(tmp_path: Path) -> None:
    for truth in write_series(SMALL, 3, tmp_path):
        picture = read_picture(tmp_path / truth.file, 10, 10)
        assert picture.image.shape == (*SMALL.shape, 3)
        assert capture_time(picture, tmp_path / truth.file, ZoneInfo("UTC")).at == truth.captured_at


def test_captures_that_were_never_taken_are_missing() -> None:
    whole, gappy = photos(SMALL), photos(replace(SMALL, missing=(1, 2)))
    assert len(gappy) == 2
    days = (gappy[1][0].captured_at - gappy[0][0].captured_at) / timedelta(days=1)
    assert days == pytest.approx(3 * SMALL.interval_days, abs=3.1)
    assert [truth.file for truth, _ in gappy] == [truth.file for truth, _ in whole[:2]], "names do not tell"


def test_a_shuffled_series_starts_with_the_reference_and_goes_on_in_any_order() -> None:
    times = [truth.captured_at for truth, _ in photos(replace(SMALL, captures=7, shuffled=True))]
    assert times[0] == min(times) == FIRST_CAPTURE
    assert times != sorted(times)
    gaps = [(later - sooner) / timedelta(days=1) for sooner, later in pairwise(sorted(times))]
    assert gaps == pytest.approx([SMALL.interval_days] * 6, abs=6.1)


@pytest.mark.parametrize("name", ["branching", "new_crack"])
def test_a_crack_beside_the_main_one_appears_later(name: str) -> None:
    """It adds to area and length, its gap is dark, and the main crack's truth stays what it was."""
    chosen = replace(SCENARIOS[name], captures=3, interval_days=200.0, shape=(300, 400), mm_per_px=1.0, pose=0, light=0)
    (before, early), _, (after, late) = photos(chosen)
    ((crack, nothing),), ((_, gaping_mm),) = before.beside, after.beside
    assert nothing == 0
    assert gaping_mm > 1
    assert after.length_mm == pytest.approx(after.crack.length_px() + crack.length_px())
    rows, cols = np.rint(crack.path[20:-20:5]).astype(int).T
    inside = (rows >= 0) & (rows < 300) & (cols >= 0) & (cols < 400)
    assert inside.sum() > 10
    darker = early.astype(int).mean(axis=2) - late.astype(int).mean(axis=2)
    assert np.median(darker[rows[inside], cols[inside]]) > 15


def test_tips_run_on_at_both_ends() -> None:
    truths = [truth for truth, _ in photos(replace(SCENARIOS["tip_growth"], captures=3, shape=SMALL.shape))]
    for before, after in pairwise(truths):
        longer = after.crack.profile > 0
        assert (longer[before.crack.profile > 0]).all()
        assert np.flatnonzero(longer)[0] < np.flatnonzero(before.crack.profile > 0)[0]
        assert np.flatnonzero(longer)[-1] > np.flatnonzero(before.crack.profile > 0)[-1]
        np.testing.assert_array_equal(after.crack.tips, after.crack.path[longer][[0, -1]])


def test_a_wall_that_is_not_flat_fits_no_single_homography() -> None:
    """What stands out of it is shifted by its height times the slant of the view, and not at all seen straight on."""
    image = np.random.default_rng(0).random((120, 160, 3)).astype(np.float32)
    high = np.full((120, 160), 4.0, np.float32)
    straight, slanted = np.eye(3), np.eye(3)
    slanted[2, 0] = 0.25 / (1.2 * 160)
    shape = (120, 160)
    np.testing.assert_allclose(with_parallax(image, high, CameraView(straight), shape), image, atol=1e-6)
    moved = with_parallax(image, high, CameraView(slanted), shape)
    np.testing.assert_allclose(moved[:, 5:-5], image[:, 4:-6], atol=1e-4)


def test_stop_and_go_rests_and_keeps_its_average() -> None:
    law = stop_go(1.0, 2.0, period_years=0.5)
    assert [law(years) for years in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([1.0, 2.0, 2.0, 3.0])
    assert law(0.4) == law(0.3), "at rest"
    assert since(0.5, 0.2, 1.0)(0.49) == 0.0
    assert since(0.5, 0.2, 1.0)(1.5) == pytest.approx(1.2)
