"""What raises an alarm beside a rule, what old captures do to them, and which plan judges what."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo

from monitor.errors import MisuseError
from monitor.records import AlertState, Crack, CrackReading, CrackState, RuleKind, Scale, ScaleOrigin, TriggerLevel
from monitor.service.alarming import fleeting_cracks, watch_worker
from monitor.service.places import add_rule, agree_trigger_plan, set_scale
from monitor.storage import queries, repository
from monitor.storage.told import CorrectionKind, CorrectionView
from monitor.storage.views import CAMERA, OVERDUE, TRIGGER, WORKER, CrackView, TriggerStandView

OK, FIRING, AMBER, RED = AlertState.OK, AlertState.FIRING, AlertState.AMBER, AlertState.RED
MONTH = 30.5


def changes(workspace: Workspace, subject: str) -> list[AlertState]:
    return [change.new for change in workspace.transitions() if change.subject == subject]


def scaled(workspace: Workspace) -> None:
    set_scale(workspace.database, LOCATION, Scale(1.0, 0.0, ScaleOrigin.TYPED), workspace.clock())


def stand(workspace: Workspace) -> TriggerStandView:
    with workspace.database.session() as session:
        return queries.trigger_stands(session, workspace.location_id)[0]


def late(workspace: Workspace, level: int, days: float) -> None:
    """An old capture arrives, a day after everything else."""
    workspace.clock.turn(days=1)
    workspace.take(photo(level, days=days))
    workspace.jobs(Gauge()).tick()


def test_old_captures_that_arrive_late_page_nobody_and_clear_nothing(workspace: Workspace) -> None:
    """Early thin ones turn a flat history into growth; with the next capture of today that is news."""
    scaled(workspace)
    add_rule(workspace.database, LOCATION, "max_width_mm", RuleKind.RATE, 0.5, 0.25, workspace.clock())
    workspace.drop_and_work(Gauge(), *[40, 41] * 4, every_days=MONTH)
    before = workspace.transitions()
    for month in range(8, 16):
        late(workspace, 20 + (16 - month), days=-MONTH * month)
    with workspace.database.session() as session:
        assert len(queries.series(session, workspace.location_id, "max_width_mm").observations) == 16
        (found,) = queries.verdicts(session, workspace.location_id)
    assert found.outcome == "progressive", "what is known of growth is told at once"
    assert workspace.transitions() == before
    workspace.drop_and_work(Gauge(), 41, every_days=10)
    assert changes(workspace, "max_width_mm rate") == [FIRING]
    assert changes(workspace, TRIGGER) == [AMBER]


def test_a_late_jump_in_the_past_is_no_news_with_the_next_capture_either(workspace: Workspace) -> None:
    scaled(workspace)
    workspace.drop_and_work(Gauge(), *[40, 41] * 5, every_days=7)
    late(workspace, 90, days=30.2)
    workspace.drop_and_work(Gauge(), 41)
    assert changes(workspace, TRIGGER) == []
    workspace.drop_and_work(Gauge(), 90)
    assert changes(workspace, TRIGGER) == [RED]


def test_a_jump_stays_red_until_somebody_closes_it(workspace: Workspace) -> None:
    scaled(workspace)
    workspace.drop_and_work(Gauge(), *[40, 41] * 5, 60, 60, every_days=7)
    assert changes(workspace, TRIGGER) == [RED]
    assert stand(workspace).order.owner == "the engineer"
    assert stand(workspace).due_at == stand(workspace).since + timedelta(days=1)
    assert workspace.transitions()[-1].evidence["order"]["due_days"] == 1.0
    with workspace.database.transaction() as session:
        (alert,) = [one for one in queries.alarms(session) if one.transition.subject == TRIGGER]
        repository.close_alert(session, alert.id, action="Looked at: a tile fell.", by="Ada", now=workspace.clock())
    workspace.jobs(Gauge()).tick()
    assert changes(workspace, TRIGGER)[-1] is not RED
    assert stand(workspace).level is not TriggerLevel.RED


def agree(workspace: Workspace, amber_rate: float, days: float | None = None) -> None:
    begins = None if days is None else workspace.clock() + timedelta(days=days)
    orders = {TriggerLevel.AMBER: {"owner": "Bea", "due_days": 3.0}}
    limits = {"amber_rate": amber_rate, "guide": None}
    agree_trigger_plan(
        workspace.database, LOCATION, limits, orders, agreed_by="Ada", valid_from=begins, now=workspace.clock()
    )


def test_a_reading_is_judged_by_the_plan_valid_when_it_was_captured(workspace: Workspace) -> None:
    scaled(workspace)
    workspace.drop_and_work(Gauge(), *range(20, 34), every_days=MONTH)
    assert (stand(workspace).level, stand(workspace).plan.is_default) == (TriggerLevel.AMBER, True)
    agree(workspace, amber_rate=1.9, days=10)
    workspace.clock.turn(days=40)
    workspace.take(photo(34, days=(workspace.clock() - NOW) / timedelta(days=1) - 35))
    workspace.jobs(Gauge()).tick()
    assert stand(workspace).plan.is_default, "it was captured before the plan began"
    workspace.drop_and_work(Gauge(), 35)
    assert (stand(workspace).level, stand(workspace).plan.agreed_by) == (TriggerLevel.GREEN, "Ada")
    assert stand(workspace).plan.plan.order(TriggerLevel.AMBER).owner == "Bea"
    assert changes(workspace, TRIGGER) == [AMBER, OK]
    with workspace.database.session() as session:
        versions = queries.trigger_plans(session, workspace.location_id)
    assert [view.plan.amber_rate for view in versions] == [0.5, 1.9]


def test_no_plan_begins_in_the_past_or_before_another_or_without_a_name(workspace: Workspace) -> None:
    with pytest.raises(MisuseError, match="cannot begin in the past"):
        agree(workspace, 0.3, days=-1)
    agree(workspace, 0.3, days=9)
    with pytest.raises(MisuseError, match="A later version begins on"):
        agree(workspace, 0.4, days=3)
    with pytest.raises(MisuseError, match="who agreed"):
        agree_trigger_plan(
            workspace.database, LOCATION, {"amber_rate": 0.3}, {}, agreed_by=" ", valid_from=None, now=NOW
        )


def test_a_camera_that_has_moved_is_said_once_and_over_with_a_usable_photo(workspace: Workspace) -> None:
    gauge = Gauge()
    gauge.poor = {31, 32, 33}
    workspace.drop_and_work(gauge, 30, 31)
    assert changes(workspace, CAMERA) == []
    workspace.drop_and_work(gauge, 32, 33)
    assert changes(workspace, CAMERA) == [FIRING]
    assert "it is blurred" in workspace.transitions()[-1].why
    workspace.drop_and_work(gauge, 30)
    assert changes(workspace, CAMERA) == [FIRING, OK]


def test_photos_that_cut_the_crack_off_are_usable_and_tell_that_the_camera_has_moved(workspace: Workspace) -> None:
    gauge = Gauge()
    gauge.cut = {31, 32, 33}
    workspace.drop_and_work(gauge, 30, 31, 32, 33, every_days=15)
    assert changes(workspace, CAMERA) == [FIRING]
    assert "cut off" in workspace.transitions()[-1].why
    assert changes(workspace, OVERDUE) == [], "what they show of cracks counts"
    with workspace.database.session() as session:
        (last,) = queries.last_told_at(session).values()
        newest = queries.captures(session, workspace.location_id)[-1]
        assert newest.time is not None
        assert last == newest.time.at


def follow(workspace: Workspace, gauge: Gauge, states: Sequence[str]) -> None:
    """What has been captured so far shows crack A always and crack B as told."""
    ids = [view.id for view in workspace.captures()]
    readings = [CrackReading("A", one, CrackState.CONTINUED) for one in ids]
    readings += [CrackReading("B", one, CrackState(state)) for one, state in zip(ids, states, strict=True)]
    with workspace.database.transaction() as session:
        fingerprint = gauge.recipe.fingerprint
        repository.replace_cracks(
            session,
            location_id=workspace.location_id,
            fingerprint=fingerprint,
            cracks=[Crack(name, ids[0], (0, 1), np.zeros((4, 2))) for name in "AB"],
            readings=readings,
            basis=queries.following_basis(session, workspace.location_id, fingerprint),
            now=workspace.clock(),
        )


def test_a_new_crack_is_an_alarm_until_somebody_closes_it(workspace: Workspace) -> None:
    gauge = Gauge()
    states = ["not_yet", "not_yet"]
    workspace.drop_and_work(gauge, 30, 31)
    for level, state in ((32, "new"), (33, "continued")):
        workspace.clock.turn(days=1)
        workspace.take(photo(level, days=(workspace.clock() - NOW) / timedelta(days=1)))
        jobs = workspace.jobs(gauge)
        jobs.analyse_pending()
        states.append(state)
        follow(workspace, gauge, states)
        assert changes(workspace, "new crack B") == []
        jobs.judge_changed()
    assert changes(workspace, "new crack B") == [FIRING]
    with workspace.database.transaction() as session:
        (alert,) = queries.alarms(session)
        repository.close_alert(session, alert.id, action="It is shrinkage.", by="Ada", now=workspace.clock())
    assert changes(workspace, "new crack B") == [FIRING, OK]
    assert "Ada closed it: It is shrinkage." in workspace.transitions()[-1].why
    workspace.clock.turn(days=1)
    workspace.jobs(gauge).judge_changed()
    assert changes(workspace, "new crack B") == [FIRING, OK]


def test_a_crack_that_a_person_spoke_of_is_never_taken_for_one_that_comes_and_goes() -> None:
    crack = Crack("A", 1, (0, 1), np.zeros((4, 2)))
    readings = tuple(CrackReading("A", one, CrackState.GONE_DARK) for one in range(3))
    word = CorrectionView(1, 1, 1, None, CorrectionKind.ACCEPTED, "A", crack.course, "I saw it.", NOW, "Ada")
    assert fleeting_cracks([CrackView(crack, readings)]) == {"A"}
    assert fleeting_cracks([CrackView(crack, readings, word)]) == frozenset()


def test_a_silent_worker_is_noticed_by_others_and_its_return_too(shared_workspace: Workspace) -> None:
    workspace, silence = shared_workspace, timedelta(minutes=30)

    def watch() -> bool:
        with workspace.database.transaction() as session:
            return watch_worker(session, silence, workspace.clock())

    assert not watch(), "one that never ran is not missed"
    workspace.jobs(Gauge()).tick()
    workspace.clock.turn(minutes=30)
    assert not watch()
    workspace.clock.turn(minutes=1)
    assert [watch(), watch()] == [True, True]
    assert changes(workspace, WORKER) == [FIRING]
    assert workspace.transitions()[-1].location_id is None
    workspace.jobs(Gauge()).tick()
    assert changes(workspace, WORKER) == [FIRING, OK]
    assert workspace.undelivered() == []


def test_what_is_overdue_is_stale_and_not_ok(workspace: Workspace) -> None:
    workspace.take(photo(30))
    jobs = workspace.jobs(Gauge())
    jobs.tick()
    workspace.clock.turn(days=30)
    jobs.tick()
    assert changes(workspace, OVERDUE) == [AlertState.STALE]
    with workspace.database.session() as session:
        (status,) = queries.statuses(session)
    assert status.overdue
