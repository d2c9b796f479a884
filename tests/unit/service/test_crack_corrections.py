"""A person's word on a crack: kept beside what was found, counted where the location goes by it, and taken back."""

from collections.abc import Sequence

import numpy as np
import pytest
from service_examples import LOCATION, Workspace
from simulated_wall import OPENING, SHAPE, Told, file_of, shown

from monitor.errors import MisuseError
from monitor.imaging.sparse_masks import SparseMask
from monitor.opening.following import Following
from monitor.opening.sightings import Sighting
from monitor.records import AlertState, Crack, RuleKind, Scale, ScaleOrigin, Severity, Status
from monitor.service.corrected_cracks import with_corrections
from monitor.service.crack_corrections import judge_crack, mark_crack, use_corrections
from monitor.service.judging import histories
from monitor.storage import queries, repository
from monitor.storage.told import CorrectionKind, CorrectionView
from monitor.storage.views import CrackView

ALL = range(OPENING.captures)


class Blind(Told):
    """Sees no crack at all."""

    def analyse(self, image, reference=None, reference_mask=None):
        found = super().analyse(image, reference, reference_mask)
        blank = np.zeros(SHAPE, bool)
        return type(found)(**{**vars(found), "status": Status.NO_CRACK, "severity": None, "mask": blank})


def followed(workspace: Workspace, analyser: Told | None = None) -> list[int]:
    """All photos of the simulated wall, measured, followed and judged against a limit of 1 mm."""
    ids = workspace.take(*(file_of(index) for index in ALL))
    with workspace.database.transaction() as session:
        place = workspace.location_id
        repository.set_reference(session, place, ids[0], workspace.clock())
        repository.set_scale(session, place, Scale(1.0, 0.001, ScaleOrigin.TYPED))
        repository.add_rule(
            session,
            place,
            metric="widest_mm",
            kind=RuleKind.LEVEL,
            fire=1.0,
            clear=0.5,
            unit="mm",
            now=workspace.clock(),
        )
    workspace.clock.turn(minutes=1)
    workspace.jobs(analyser or Told()).tick()
    return ids


def cracks(workspace: Workspace) -> dict[str, CrackView]:
    with workspace.database.session() as session:
        return {view.crack.name: view for view in queries.cracks(session, workspace.location_id)}


def counted(workspace: Workspace, metric: str) -> dict[str, list[float]]:
    """The values that are fitted and judged, by crack."""
    with workspace.database.session() as session:
        found = histories(session, queries.location(session, LOCATION))
    return {series.crack: [seen.value for seen in series.observations] for series in found if series.metric == metric}


def raised(workspace: Workspace) -> set[str]:
    with workspace.database.session() as session:
        alerts = queries.alerts(session, workspace.location_id)
    return {alert.subject for alert in alerts if alert.state is AlertState.FIRING}


def say(workspace: Workspace, kind: CorrectionKind, why: str = "A cable.", crack: str = "A") -> bool:
    workspace.clock.turn(minutes=1)
    return judge_crack(workspace.database, workspace.settings, LOCATION, crack, kind, why, workspace.clock(), by="Ada")


def test_a_rejected_crack_moves_no_verdict_and_raises_no_alarm_but_stays(workspace: Workspace) -> None:
    followed(workspace)
    before = cracks(workspace)["A"]
    assert "widest_mm level A" in raised(workspace)
    assert say(workspace, CorrectionKind.REJECTED)
    view = cracks(workspace)["A"]
    assert view.readings == before.readings
    assert view.correction is not None
    assert (view.correction.why, view.correction.recorded_by) == ("A cable.", "Ada")
    assert raised(workspace) == set()
    assert counted(workspace, "widest_mm") == {}
    assert counted(workspace, "area_px") == {"all": [0.0] * len(ALL)}
    with workspace.database.session() as session:
        fits = queries.fits(session, workspace.location_id)
        readings = [view.reading for view in queries.captures(session, workspace.location_id)]
    assert {view.fit.crack for view in fits} == {"all"}
    assert all(reading and reading.severity and reading.severity.crack_count == 1 for reading in readings)


def test_the_last_word_counts_and_the_worker_comes_to_the_same(workspace: Workspace) -> None:
    followed(workspace)
    before = counted(workspace, "widest_mm"), counted(workspace, "area_px")
    say(workspace, CorrectionKind.REJECTED)
    say(workspace, CorrectionKind.ACCEPTED, "It is one after all.")
    assert (counted(workspace, "widest_mm"), counted(workspace, "area_px")) == before
    assert "widest_mm level A" in raised(workspace)
    workspace.clock.turn(minutes=1)
    workspace.jobs(Told()).tick()
    assert (counted(workspace, "widest_mm"), counted(workspace, "area_px")) == before
    with workspace.database.session() as session:
        kinds = [view.kind for view in queries.corrections(session, workspace.location_id)]
    assert kinds == ["rejected", "accepted"]


def test_a_location_can_be_told_not_to_go_by_corrections(workspace: Workspace) -> None:
    followed(workspace)
    before = counted(workspace, "widest_mm")
    say(workspace, CorrectionKind.REJECTED)
    for use, expected in ((False, before), (True, {})):
        workspace.clock.turn(minutes=1)
        use_corrections(workspace.database, workspace.settings, LOCATION, use=use, now=workspace.clock())
        assert counted(workspace, "widest_mm") == expected


def test_a_rejection_holds_under_another_recipe_and_for_later_photos(workspace: Workspace) -> None:
    """It is about the place, not about the row of one recipe."""
    ids = workspace.take(*(file_of(index) for index in ALL[:4]))
    with workspace.database.transaction() as session:
        repository.set_reference(session, workspace.location_id, ids[0], workspace.clock())
    workspace.clock.turn(minutes=1)
    workspace.jobs(Told()).tick()
    say(workspace, CorrectionKind.REJECTED)
    workspace.take(*(file_of(index) for index in ALL[4:]))
    workspace.clock.turn(minutes=1)
    wider = Told(share=0.3)
    workspace.jobs(wider, former=[Told()]).tick()
    assert counted(workspace, "area_px") == {"all": [0.0] * len(ALL)}
    from monitor.service.recipes import switch

    switch(workspace.database, workspace.settings, LOCATION, workspace.clock.turn(minutes=1))
    assert cracks(workspace)["A"].rejected
    assert counted(workspace, "area_px") == {"all": [0.0] * len(ALL)}


def test_a_missed_crack_is_marked_and_then_measured_like_any_other(workspace: Workspace) -> None:
    ids = followed(workspace, Blind())
    assert cracks(workspace) == {}
    truth = shown()[0][0]
    assert truth.crack is not None
    line = np.asarray(truth.crack.path, float)[::8]
    name, done = mark_crack(
        workspace.database, workspace.settings, LOCATION, line, "Seen on site.", workspace.clock(), capture_id=ids[2]
    )
    assert (name, done) == ("M1", True)
    found = cracks(workspace)["M1"]
    assert found.crack.first_seen == ids[2]
    true = [told.opening_px_at(found.crack.course).mean() for told, _, _ in shown()]
    np.testing.assert_allclose([one.opening_px for one in found.readings], true, atol=0.3)
    assert set(counted(workspace, "widest_mm")) == {"M1"}
    say(workspace, CorrectionKind.REJECTED, "A shadow.", "M1")
    assert cracks(workspace) == {}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ([[10, 10]], "at least two points"),
        ([[10, 10], [12, 15]], "at least 20 px"),
        ([[10, 10], [10, 4000]], "leaves the reference"),
    ],
)
def test_a_line_that_is_no_crack_is_refused(workspace: Workspace, line: list[list[float]], sentence: str) -> None:
    followed(workspace)
    with pytest.raises(MisuseError, match=sentence):
        mark_crack(workspace.database, workspace.settings, LOCATION, np.array(line, float), "x", workspace.clock())


def test_a_word_needs_a_reason_and_a_crack_that_is_there(workspace: Workspace) -> None:
    followed(workspace)
    with pytest.raises(MisuseError, match="Say why"):
        say(workspace, CorrectionKind.REJECTED, " ")
    with pytest.raises(MisuseError, match=r"no crack Z\. Known: A"):
        say(workspace, CorrectionKind.REJECTED, crack="Z")
    assert not cracks(workspace)["A"].rejected


def test_while_photos_are_out_of_reach_a_word_is_kept_for_the_worker(workspace: Workspace) -> None:
    followed(workspace)
    aside = workspace.settings.originals.with_name("aside")
    workspace.settings.originals.rename(aside)
    assert not say(workspace, CorrectionKind.REJECTED)
    aside.rename(workspace.settings.originals)
    workspace.clock.turn(minutes=1)
    workspace.jobs(Told()).tick()
    assert cracks(workspace)["A"].rejected
    assert raised(workspace) == set()


def test_before_anything_is_measured_a_mark_waits_for_the_worker_and_needs_a_reference(workspace: Workspace) -> None:
    line = np.array([[20.0, 20.0], [20.0, 60.0]])

    def mark(capture_id: int | None = None) -> tuple[str, bool]:
        return mark_crack(
            workspace.database,
            workspace.settings,
            LOCATION,
            line,
            "It is faint.",
            workspace.clock(),
            capture_id=capture_id,
        )

    with pytest.raises(MisuseError, match="has no reference yet"):
        mark()
    (reference,) = workspace.take(file_of(0))
    with workspace.database.transaction() as session:
        repository.set_reference(session, workspace.location_id, reference, workspace.clock())
    workspace.add_location("south-wall")
    with workspace.database.transaction() as session:
        place = queries.location(session, "south-wall").id
        rejected = {"sha256": "0" * 64, "file_name": "x.jpg", "reason": "no picture", "now": workspace.clock()}
        other = repository.reject_capture(session, location_id=place, **rejected).capture_id
    with pytest.raises(MisuseError, match=f"Capture {other} is not one of '{LOCATION}'"):
        mark(other)
    assert mark(reference) == ("M1", False), "there is nothing to follow it through yet"
    with workspace.database.session() as session:
        assert [view.crack for view in queries.corrections_in_force(session, workspace.location_id)] == ["M1"]


def test_what_is_left_is_told_of_captures_that_have_sizes_alone(workspace: Workspace) -> None:
    course = np.array([[8.0, col] for col in range(5, 35)])
    word = CorrectionView(1, 1, 1, 1, CorrectionKind.REJECTED, "A", course, "A cable.", workspace.clock(), None)
    mask = np.zeros((16, 40), bool)
    mask[6:11, 3:37] = True
    sightings = [Sighting(key, SparseMask.of(mask), mask.shape, np.eye(3)) for key in (1, 2)]
    found = Following((Crack("A", 1, (0,), course),))
    sizes = {1: Severity(1, 170.0, 5.0, 34.0)}
    corrected = with_corrections(found, [word], sightings, lambda _: Following(), "edge", sizes)
    assert corrected.severities == {1: Severity(0, 0.0, 0.0, 0.0)}


def test_a_mark_that_cannot_be_followed_is_no_crack(workspace: Workspace) -> None:
    word = CorrectionView(
        1, 1, 1, 1, CorrectionKind.MARKED, "M1", np.array([[2.0, 2.0], [2.0, 30.0]]), "Faint.", workspace.clock(), None
    )
    sighting = Sighting(1, SparseMask.of(np.zeros((16, 40), bool)), (16, 40), np.eye(3))
    lines: list[int] = []

    def follow(parts: Sequence[Sighting]) -> Following:
        lines.append(len(parts[0].mask))
        return Following()

    found = with_corrections(Following(), [word], [sighting], follow, "edge", {})
    assert (found.cracks, found.readings, dict(found.corrections)) == ((), (), {})
    assert lines[0] > 28 * 3, "the line was looked for"
