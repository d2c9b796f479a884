"""Captures as they really come: at one instant, after a silence, with a scale that changes midway, in bad light."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from service_examples import LOCATION, Workspace
from simulated_wall import Told, file_of, shown

from monitor.growth.linear import DAYS_PER_YEAR
from monitor.imaging.quality import graded
from monitor.imaging.registration import align, register
from monitor.imaging.scale import scale_typed
from monitor.records import ByteArray, Grade, Grading
from monitor.service.corrections import confirm_time
from monitor.service.places import set_scale
from monitor.storage import queries
from simulations.scenarios import captures, scenario


def tick(workspace: Workspace) -> None:
    workspace.clock.turn(minutes=1)
    workspace.jobs(Told()).tick()


def take(workspace: Workspace, *indices: int) -> list[int]:
    return workspace.take(*(file_of(index) for index in indices))


def values(workspace: Workspace, metric: str = "opening_px") -> list[float]:
    with workspace.database.session() as session:
        found = queries.crack_series(session, workspace.location_id, "A", metric)
    return [seen.value for seen in found.observations]


def test_two_captures_of_one_instant_both_count_in_either_order(workspace: Workspace) -> None:
    first, *rest = take(workspace, 0, 2, 4, 6)
    at = shown()[4][0].captured_at
    for capture in rest[1:]:
        confirm_time(workspace.database, capture, at, workspace.clock())
    tick(workspace)
    with workspace.database.session() as session:
        series = queries.crack_series(session, workspace.location_id, "A", "opening_px")
        fits = [view.fit for view in queries.fits(session, workspace.location_id) if view.fit.metric == "opening_px"]
    assert [seen.at for seen in series.observations].count(at) == 2
    assert [seen.capture_id for seen in series.observations] == [first, *rest]
    assert {fit.n for fit in fits if fit.success} == {4}


def test_readings_all_of_one_instant_give_no_rate_but_a_reason(workspace: Workspace) -> None:
    ids = take(workspace, 0, 2, 4)
    for capture in ids[1:]:
        confirm_time(workspace.database, capture, shown()[0][0].captured_at, workspace.clock())
    tick(workspace)
    with workspace.database.session() as session:
        fits = [view.fit for view in queries.fits(session, workspace.location_id) if view.fit.metric == "opening_px"]
    assert fits
    assert not any(fit.success for fit in fits)
    assert all(fit.message for fit in fits)


def test_a_year_without_captures_is_a_gap_in_one_series(workspace: Workspace) -> None:
    """The readings on both sides are of one crack, and its rate is over the whole time."""
    take(workspace, 0, 1, 6)
    (last,) = take(workspace, 5)
    at = shown()[6][0].captured_at
    confirm_time(workspace.database, last, at.replace(year=at.year + 1), workspace.clock())
    tick(workspace)
    assert len(values(workspace)) == 4
    with workspace.database.session() as session:
        fit = next(
            view.fit
            for view in queries.fits(session, workspace.location_id)
            if (view.fit.metric, view.fit.method) == ("opening_px", "theil_sen")
        )
    assert fit.success
    assert fit.span_days is not None
    assert fit.span_days > DAYS_PER_YEAR


def test_a_scale_that_changes_midway_changes_the_whole_history_alike(workspace: Workspace) -> None:
    """Openings are kept in px of the reference; a better scale is one for all of them, so that nothing jumps."""
    take(workspace, 0, 1, 2)
    set_scale(workspace.database, LOCATION, scale_typed(0.5), workspace.clock())
    tick(workspace)
    before = values(workspace, "opening_mm")
    set_scale(workspace.database, LOCATION, scale_typed(0.4), workspace.clock())
    take(workspace, 3, 4)
    tick(workspace)
    after = values(workspace, "opening_mm")
    np.testing.assert_allclose(after, 0.4 * np.array(values(workspace)))
    np.testing.assert_allclose(after[:3], 0.8 * np.array(before), rtol=0.05)


SHAPE = (360, 480)


@pytest.fixture(scope="module")
def pair() -> tuple[ByteArray, ByteArray]:
    """A reference and a repeat of it."""
    chosen = replace(scenario("dormant"), captures=2, shape=SHAPE, wall_kind="rubble", mm_per_px=1.5)
    (_, reference, _), (_, repeat, _) = captures(chosen, 3)
    return reference, repeat


def glaring(photo: ByteArray, share: float) -> ByteArray:
    """The flash, or the sun, has burnt out that share of the photo."""
    spoilt = photo.copy()
    radius = int(np.sqrt(share * photo.shape[0] * photo.shape[1] / np.pi))
    cv2.circle(spoilt, (photo.shape[1] // 2, photo.shape[0] // 2), radius, (255, 255, 255), -1)
    return spoilt


def at_night(photo: ByteArray, light: float) -> ByteArray:
    noise = np.random.default_rng(0).normal(0, 6, photo.shape)
    return np.clip(photo * light + noise, 0, 255).astype(np.uint8)


def outcome(reference: ByteArray, repeat: ByteArray) -> str | Grading:
    """Why the photo is refused, or else how it is graded."""
    found = register(reference, repeat)
    if not found.accepted:
        assert found.reason is not None
        return found.reason
    view, seen = align(repeat, found, reference.shape[:2])
    return graded(reference, view, seen, found)


def test_an_undisturbed_repeat_is_trusted(pair: tuple[ByteArray, ByteArray]) -> None:
    assert outcome(*pair) == Grading(Grade.A)


def test_glare_costs_the_grade_and_says_so(pair: tuple[ByteArray, ByteArray]) -> None:
    found = outcome(pair[0], glaring(pair[1], 0.12))
    assert isinstance(found, Grading)
    assert found.grade in (Grade.B, Grade.C)
    assert any("glaring" in reason for reason in found.reasons)


def test_much_glare_is_refused_or_moves_nothing(pair: tuple[ByteArray, ByteArray]) -> None:
    found = outcome(pair[0], glaring(pair[1], 0.5))
    assert isinstance(found, str) or found.grade is Grade.C


def test_a_photo_taken_at_night_is_refused_or_moves_nothing(pair: tuple[ByteArray, ByteArray]) -> None:
    found = outcome(pair[0], at_night(pair[1], 0.02))
    assert isinstance(found, str) or (found.grade is Grade.C and found.reasons)


def test_a_camera_turned_by_90_degrees_is_no_trouble(pair: tuple[ByteArray, ByteArray]) -> None:
    found = outcome(pair[0], np.ascontiguousarray(np.rot90(pair[1])))
    assert isinstance(found, Grading)
    assert found.grade in (Grade.A, Grade.B)


def test_a_photo_of_another_wall_is_refused_with_a_reason(pair: tuple[ByteArray, ByteArray]) -> None:
    other = replace(scenario("dormant"), captures=1, shape=SHAPE, wall_kind="bonded", mm_per_px=1.5)
    (_, photo, _) = next(iter(captures(other, 8)))
    found = outcome(pair[0], photo)
    assert isinstance(found, str)
    assert found.endswith(".")
