"""Fits follow the readings, rules fire once and clear once, and silence is noticed."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

import numpy as np
import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo, pixels

from monitor.growth.verdicts import Outcome
from monitor.records import (
    AlertState,
    Crack,
    CrackReading,
    CrackState,
    GrowthFit,
    Observation,
    RuleKind,
    Scale,
    ScaleOrigin,
)
from monitor.service.corrections import confirm_time
from monitor.service.judging import fit_series, judge_location, verdict_of
from monitor.service.notification import Delivery
from monitor.service.places import add_rule, retire_rule, set_scale
from monitor.storage import queries, repository
from monitor.storage.views import CAMERA, OVERDUE, Series, VerdictView

OK, FIRING, STALE, AMBER = AlertState.OK, AlertState.FIRING, AlertState.STALE, AlertState.AMBER
SUBJECT = "max_width_px level"


def level_rule(workspace: Workspace, fire: float = 6.0, clear: float = 4.0) -> None:
    add_rule(
        workspace.database,
        LOCATION,
        "max_width_px",
        RuleKind.LEVEL,
        fire,
        clear,
        workspace.clock(),
    )


def changes(workspace: Workspace, subject: str = SUBJECT) -> list[AlertState]:
    """The states a subject went to, one after the other."""
    return [transition.new for transition in workspace.transitions() if transition.subject == subject]


def line(workspace: Workspace, metric: str = "max_width_px") -> GrowthFit:
    with workspace.database.session() as session:
        fits = [view.fit for view in queries.fits(session, workspace.location_id)]
    (found,) = [fit for fit in fits if fit.metric == metric and fit.method == "least_squares"]
    return found


def verdict(workspace: Workspace) -> VerdictView:
    with workspace.database.session() as session:
        return verdict_of(session, queries.location(session, LOCATION), workspace.clock())


def scaled(workspace: Workspace, mm_per_px: float = 1.0) -> None:
    scale = Scale(mm_per_px, 0.0, ScaleOrigin.TYPED)
    set_scale(workspace.database, LOCATION, scale, workspace.clock())


def test_openings_share_the_error_of_the_gaps_model_and_masks_do_not() -> None:
    """Beside that of the scale, which all that is in mm shares."""
    seen = tuple(Observation(NOW + timedelta(days=30 * month), 0.5 * month) for month in range(13))

    def half(metric: str, unit: str, scale: Scale | None) -> float:
        line = next(
            fit for fit in fit_series(Series(1, metric, unit, None, seen, ()), scale) if fit.method == "least_squares"
        )
        assert line.slope_per_year is not None
        assert line.high is not None
        return line.high - line.slope_per_year

    scale = Scale(1.0, 0.03, ScaleOrigin.TYPED)
    masks, openings, both = (
        half("max_width_px", "px", scale),
        half("widest_px", "px", scale),
        half("widest_mm", "mm", scale),
    )
    rate = 0.5 * 365.25 / 30
    assert openings == pytest.approx(np.hypot(masks, 1.645 * 0.02 * rate), rel=0.01)
    without = half("widest_mm", "mm", None)
    assert both == pytest.approx(np.hypot(without, 1.645 * 0.03 * rate), rel=0.01)


def test_fits_are_made_anew_for_every_new_reading_and_not_otherwise(workspace: Workspace) -> None:
    gauge = Gauge()
    for n in range(1, 5):
        workspace.drop_and_work(gauge, 10 * n)
        assert line(workspace).n == n
    assert line(workspace).slope_per_year == pytest.approx(365.25)
    workspace.clock.turn(minutes=1)
    assert workspace.jobs(gauge).tick().judged == 0


def test_a_confirmed_time_changes_the_fit(workspace: Workspace) -> None:
    gauge = Gauge()
    workspace.drop_and_work(gauge, 10, 20, 30)
    (undated,) = workspace.take(photo(90, days=None))
    workspace.jobs(gauge).tick()
    assert line(workspace).n == 3
    confirm_time(workspace.database, undated, NOW + timedelta(days=9), workspace.clock())
    assert line(workspace).n == 4
    assert line(workspace).slope_per_year == pytest.approx(365.25)


def test_a_reading_that_arrives_while_its_location_is_judged_is_judged_too(shared_workspace: Workspace) -> None:
    """Its time may lie before that of fits made without it: it waited for them, or they for it."""
    workspace, gauge = shared_workspace, Gauge()
    workspace.drop_and_work(gauge, 10, 20)
    first, second = workspace.take(photo(30, days=5), photo(40, days=6))
    early, late = workspace.clock.turn(minutes=1), workspace.clock.turn(minutes=1)

    def judge() -> None:
        with workspace.database.transaction() as session:
            judge_location(session, queries.location(session, LOCATION), late, [])
            time.sleep(0.2)

    def record(capture_id: int) -> None:
        analysis = gauge.analyse(pixels(30), pixels(10))
        with workspace.database.transaction() as session:
            repository.record_reading(session, capture_id=capture_id, analysis=analysis, pictures={}, now=early)
            time.sleep(0.2)

    def at_once(*steps: Callable[[], None]) -> None:
        """The first step is in the middle of its transaction when the second begins."""
        threads = [threading.Thread(target=step) for step in steps]
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        for thread in threads:
            thread.join()
        workspace.jobs(gauge).judge_changed()

    at_once(lambda: record(first), judge)
    assert line(workspace).n == 3
    at_once(judge, lambda: record(second))
    assert line(workspace).n == 4


def test_a_rule_fires_once_and_clears_once_below_its_clear_level(workspace: Workspace) -> None:
    level_rule(workspace)
    gauge, expected = Gauge(), []
    steps = {
        50: None,
        65: FIRING,
        80: None,
        59: None,
        38: None,
        41: None,
        39: None,
        37: OK,
        45: None,
        58: None,
        60: FIRING,
    }
    for level, change in steps.items():
        workspace.drop_and_work(gauge, level)
        expected += [] if change is None else [change]
        assert changes(workspace) == expected, f"at {level}"
        workspace.jobs(gauge).tick()
        assert changes(workspace) == expected, f"again at {level}"
    assert [transition.at for transition in workspace.transitions()] == [
        NOW + timedelta(days=day) for day in (2, 8, 11)
    ]


def test_each_transition_is_one_message_to_each_channel_with_its_reason_and_rule(workspace: Workspace) -> None:
    workspace.settings.notify.urls = ["json://127.0.0.1:9/a", "json://127.0.0.1:9/b"]
    level_rule(workspace)
    with workspace.database.session() as session:
        (rule,) = queries.rules(session, workspace.location_id)
    gauge = Gauge()
    workspace.take(photo(70))
    jobs = workspace.jobs(gauge)
    jobs.analyse_pending()
    for _ in range(3):
        jobs.judge_changed()
        jobs.watch()
    (transition,) = workspace.transitions()
    assert (transition.old, transition.new, transition.rule_id) == (OK, FIRING, rule.id)
    assert "7.00 px" in transition.why
    assert "2025-06-01" in transition.why
    assert transition.evidence["rule"]["fire"] == 6.0
    messages = workspace.undelivered()
    assert {message.transition.id for message in messages} == {transition.id}
    assert len(messages) == len({message.channel for message in messages}) == 3


def test_two_workers_that_judge_at_once_record_one_transition(shared_workspace: Workspace) -> None:
    level_rule(shared_workspace)
    shared_workspace.take(photo(70))
    jobs = [shared_workspace.jobs(Gauge(), worker=name) for name in ("one", "two")]
    jobs[0].analyse_pending()
    together = threading.Barrier(2)
    failures: list[Exception] = []

    def judge(index: int) -> None:
        together.wait(timeout=20)
        try:
            jobs[index].judge_changed()
        except Exception as error:
            failures.append(error)

    judges = [threading.Thread(target=judge, args=(index,)) for index in range(2)]
    for one in judges:
        one.start()
    for one in judges:
        one.join()
    assert failures == []
    assert changes(shared_workspace) == [FIRING]
    assert len(shared_workspace.undelivered()) == 1


def test_a_rule_in_millimetres_waits_for_a_scale_and_is_then_evaluated_at_once(workspace: Workspace) -> None:
    add_rule(workspace.database, LOCATION, "max_width_mm", RuleKind.LEVEL, 2.0, 1.0, workspace.clock())
    workspace.drop_and_work(Gauge(), 30)
    assert workspace.transitions() == []
    scaled(workspace)
    assert changes(workspace, "max_width_mm level") == [FIRING]


@pytest.mark.parametrize(
    ("levels", "outcome", "states"),
    [([20] * 14, Outcome.DORMANT, []), (range(20, 34), Outcome.PROGRESSIVE, [AMBER])],
    ids=["at rest", "growing"],
)
def test_the_shipped_plan_warns_of_a_crack_that_grows_and_not_of_one_at_rest(
    workspace: Workspace, levels: Sequence[int], outcome: Outcome, states: list[AlertState]
) -> None:
    scaled(workspace)
    workspace.drop_and_work(Gauge(), *levels, every_days=30.5)
    assert verdict(workspace).outcome == outcome
    assert changes(workspace, "trigger") == states


MONTH = 30.5
Openings = Mapping[str, Sequence[float | None]]


def followed(
    workspace: Workspace,
    openings: Openings,
    gauge: Gauge | None = None,
    level: int = 20,
    dark: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> None:
    """One capture a month, of which the cracks' openings in px become known as if they had just been followed.

    None: that crack could not be read; in the months `dark` no mask shows it. Called again, the cracks take the place
    of the earlier ones.
    """
    scaled(workspace)
    jobs = workspace.jobs(gauge or Gauge())
    count = max(len(values) for values in openings.values())
    for month in range(len(workspace.captures()), count):
        workspace.clock.at = NOW + timedelta(days=MONTH * month)
        workspace.take(photo(level + month, days=MONTH * month))
    jobs.analyse_pending()
    ids = [view.id for view in workspace.captures()]
    known = [Crack(name, ids[0], (0, 1), np.zeros((4, 2))) for name in openings]
    readings = [
        CrackReading(name, ids[month], CrackState.CONTINUED, "It is hidden.")
        if value is None
        else CrackReading(
            name, ids[month], CrackState.GONE_DARK if month in dark.get(name, ()) else CrackState.CONTINUED,
            opening_px=value, opening_error_px=0.03, widest_px=value, widest_error_px=0.03,
        )
        for name, values in openings.items()
        for month, value in enumerate(values)
    ]  # fmt: skip
    with workspace.database.transaction() as session:
        place, fingerprint = workspace.location_id, jobs.analyser.recipe.fingerprint
        basis = queries.following_basis(session, place, fingerprint)
        now = workspace.clock()
        repository.replace_cracks(
            session, location_id=place, fingerprint=fingerprint, cracks=known, readings=readings, basis=basis, now=now
        )
    jobs.judge_changed()


def line_of(start: float, per_year: float, count: int = 15) -> list[float]:
    """Openings month by month, uneven as readings are."""
    return [start + per_year * MONTH * month / 365.25 + 0.02 * (-1) ** month for month in range(count)]


def headline(workspace: Workspace) -> tuple[str, str, str]:
    found = verdict(workspace)
    return found.crack, found.metric, found.outcome


def rate_rule(workspace: Workspace) -> None:
    add_rule(workspace.database, LOCATION, "widest_mm", RuleKind.RATE, 0.5, 0.25, workspace.clock())


def test_rule_and_plan_watch_each_crack_by_itself_and_say_which_it_is(workspace: Workspace) -> None:
    rate_rule(workspace)
    followed(workspace, {"A": line_of(3.0, 0.0), "B": line_of(2.0, 1.2)})
    assert changes(workspace, "widest_mm rate B") == [FIRING]
    raised = [one.subject for one in workspace.transitions() if one.subject != OVERDUE]
    assert raised == ["widest_mm rate B", "trigger B"]
    (why,) = [one.why for one in workspace.transitions() if one.subject == "widest_mm rate B"]
    assert why.startswith("Crack B: Opening at the widest place changes by +1.2")
    assert {view.crack: view.outcome for view in stored_verdicts(workspace)} == {"A": "dormant", "B": "progressive"}
    assert headline(workspace) == ("B", "widest_mm", "progressive")


def test_readings_of_grade_c_neither_move_the_verdict_nor_raise_an_alarm(workspace: Workspace) -> None:
    add_rule(workspace.database, LOCATION, "widest_mm", RuleKind.LEVEL, 5.0, 4.0, workspace.clock())
    gauge = Gauge()
    gauge.poor = {29, 31, 33, 34}
    values = [9.0 if 20 + month in gauge.poor else value for month, value in enumerate(line_of(3.0, 0.0))]
    followed(workspace, {"A": values}, gauge)
    assert headline(workspace) == ("A", "widest_mm", "dormant")
    assert "from 11 readings" in verdict(workspace).evidence
    assert [one for one in workspace.transitions() if one.subject not in (OVERDUE, CAMERA)] == []


def test_what_is_missed_more_often_than_found_raises_no_alarm(workspace: Workspace) -> None:
    rate_rule(workspace)
    grown, missed = {"A": line_of(2.0, 1.2)}, (*range(1, 8), 14)
    followed(workspace, grown, dark={"A": missed})
    assert [one.subject for one in workspace.transitions() if one.subject != OVERDUE] == []
    (view,) = stored_verdicts(workspace)
    assert view.remarks[0].startswith("It was found in only 7 of the 15 photos that show its place")
    followed(workspace, grown, dark={"A": missed[1:]})
    assert {"widest_mm rate A", "trigger A"} <= {one.subject for one in workspace.transitions()}
    assert not any("found in only" in remark for remark in stored_verdicts(workspace)[0].remarks)
    followed(workspace, grown, dark={"A": missed})
    assert changes(workspace, "widest_mm rate A") == [FIRING], "what is raised is not over"
    assert changes(workspace, "trigger A") == [AMBER]


def test_of_poor_photos_alone_nothing_is_said(workspace: Workspace) -> None:
    gauge = Gauge()
    gauge.poor = set(range(20, 35))
    followed(workspace, {"A": line_of(2.0, 3.0)}, gauge)
    assert headline(workspace) == ("A", "widest_mm", "not_enough_data")
    assert [one for one in workspace.transitions() if one.subject not in (OVERDUE, CAMERA)] == []


def test_while_no_opening_can_be_read_the_width_of_the_mask_stands_in(workspace: Workspace) -> None:
    """Masks widen by 1.2 mm a year here. Once openings are known, they decide alone."""
    rate_rule(workspace)
    followed(workspace, {"A": [None] * 15})
    assert changes(workspace, "widest_mm rate") == [FIRING]
    assert headline(workspace) == ("all", "max_width_mm", "progressive")
    followed(workspace, {"A": [None] * 13 + [2.0, 2.0]})
    assert changes(workspace, "widest_mm rate") == [FIRING], "of two readings no rate is known"
    followed(workspace, {"A": line_of(2.0, 0.0)})
    assert changes(workspace, "widest_mm rate") == [FIRING, OK]
    assert changes(workspace, "trigger") == [AMBER, OK]
    assert workspace.transitions()[-1].why == "Watched from now on instead: crack A."
    assert headline(workspace) == ("A", "widest_mm", "dormant")


def test_the_alert_of_a_crack_that_is_now_told_otherwise_ends_with_it(workspace: Workspace) -> None:
    """As when an earlier photo, taken in late, shows that two cracks are one."""
    rate_rule(workspace)
    followed(workspace, {"A": line_of(2.0, 2.0), "B": line_of(2.0, 2.0)})
    followed(workspace, {"A": [None] * 15, "B": [None] * 15})
    assert changes(workspace, "widest_mm rate B") == [FIRING], "what cannot be read is not over"
    followed(workspace, {"A": line_of(3.0, 2.0)})
    assert changes(workspace, "widest_mm rate B") == [FIRING, OK]
    assert changes(workspace, "widest_mm rate A") == [FIRING]


def test_retiring_a_rule_ends_the_alerts_of_all_its_cracks(workspace: Workspace) -> None:
    rate_rule(workspace)
    followed(workspace, {"A": line_of(2.0, 2.0), "B": line_of(2.0, 3.0)})
    add_rule(workspace.database, LOCATION, "widest_mm", RuleKind.LEVEL, 3.5, 3.0, workspace.clock())
    retire_rule(workspace.database, LOCATION, "widest_mm", RuleKind.RATE, workspace.clock())
    for name in "AB":
        assert changes(workspace, f"widest_mm rate {name}") == [FIRING, OK]
        assert changes(workspace, f"widest_mm level {name}") == [FIRING], "another rule goes on"
    assert "was retired" in workspace.transitions()[-1].why


def stored_verdicts(workspace: Workspace) -> list[VerdictView]:
    with workspace.database.session() as session:
        return queries.verdicts(session, workspace.location_id)


def test_a_verdict_is_stored_with_every_refit_and_only_the_newest_stays(workspace: Workspace) -> None:
    assert verdict(workspace).outcome == Outcome.NOT_ENOUGH_DATA
    assert stored_verdicts(workspace) == [], "nothing has been measured, so nothing was judged"
    gauge = Gauge()
    for n in (1, 2, 3):
        workspace.drop_and_work(gauge, 10 * n)
        (stored,) = stored_verdicts(workspace)
        assert (stored.metric, stored.judged_at) == ("max_width_px", workspace.clock())
        assert stored == verdict(workspace)
    scaled(workspace)
    (stored,) = stored_verdicts(workspace)
    assert (stored.metric, stored.rate) == ("max_width_mm", None)
    assert "There are 3 readings over 2 days" in stored.evidence
    assert stored.months_needed == pytest.approx(11.93, abs=0.01)


def test_a_provisional_rate_is_stored_with_what_would_show_in_spite_of_the_season(workspace: Workspace) -> None:
    scaled(workspace)
    workspace.drop_and_work(Gauge(), *(20, 22, 21, 23, 22, 24, 23), every_days=20)
    (stored,) = stored_verdicts(workspace)
    fit = line(workspace, "max_width_mm")
    assert (stored.outcome, stored.rate is not None) == ("not_enough_data", True)
    assert stored.rate is not None
    assert fit.high is not None
    assert fit.smallest_detectable_per_year is not None
    assert (stored.rate.rate_per_year, stored.rate.unit) == (fit.slope_per_year, "mm")
    assert not stored.rate.season_adjusted
    feigned = stored.rate.high - fit.high
    assert feigned > 0.5
    assert stored.rate.smallest_detectable_per_year == pytest.approx(fit.smallest_detectable_per_year + feigned)


def test_after_a_year_the_rate_that_would_show_is_that_of_the_seasonal_fit(workspace: Workspace) -> None:
    scaled(workspace)
    workspace.drop_and_work(Gauge(), *(20, 22, 21, 23, 22, 24, 23, 25, 24, 26, 25, 27, 26, 28), every_days=30)
    (stored,) = stored_verdicts(workspace)
    with workspace.database.session() as session:
        fits = [view.fit for view in queries.fits(session, workspace.location_id)]
    (fit,) = [fit for fit in fits if (fit.metric, fit.method) == ("max_width_mm", "seasonal")]
    assert stored.rate is not None
    assert stored.rate.season_adjusted
    assert stored.rate.smallest_detectable_per_year == fit.smallest_detectable_per_year


def test_where_no_crack_was_ever_found_there_is_no_rate(workspace: Workspace) -> None:
    workspace.drop_and_work(Gauge(), *[0] * 8, every_days=30)
    (stored,) = stored_verdicts(workspace)
    assert (stored.outcome, stored.rate, stored.months_needed) == ("not_enough_data", None, None)
    assert "No crack was found in any of the 8 captures" in stored.evidence


def test_a_retired_rule_ends_its_alert_and_says_why(workspace: Workspace) -> None:
    level_rule(workspace)
    gauge = Gauge()
    workspace.drop_and_work(gauge, 70)
    retire_rule(workspace.database, LOCATION, "max_width_px", RuleKind.LEVEL, workspace.clock())
    assert changes(workspace) == [FIRING, OK]
    assert "was retired, so it is no longer watched" in workspace.transitions()[-1].why
    workspace.drop_and_work(gauge, 80)
    assert changes(workspace) == [FIRING, OK]
    level_rule(workspace)
    assert changes(workspace) == [FIRING, OK, FIRING]


def test_a_new_version_of_a_rule_is_evaluated_at_once(workspace: Workspace) -> None:
    workspace.drop_and_work(Gauge(), 50)
    level_rule(workspace, fire=4.0, clear=3.0)
    assert changes(workspace) == [FIRING]
    level_rule(workspace, fire=9.0, clear=8.0)
    assert changes(workspace) == [FIRING, OK]


def test_what_a_command_finds_goes_to_the_channels_of_the_worker(workspace: Workspace) -> None:
    """The shell of the command knows other channels, or none."""
    undated = workspace.take(photo(90), photo(85, days=None), photo(84, days=None))[1:]
    jobs = workspace.jobs(Gauge())
    jobs.tick()
    workspace.settings.notify.urls = ["json://127.0.0.1:9/of-the-shell"]
    level_rule(workspace, fire=8.8, clear=8.6)
    for days, capture in enumerate(undated, start=1):
        confirm_time(workspace.database, capture, NOW + timedelta(days=days), workspace.clock())
    add_rule(workspace.database, LOCATION, "max_width_mm", RuleKind.LEVEL, 2.0, 1.0, workspace.clock())
    scaled(workspace)
    assert changes(workspace) == [FIRING, OK]
    assert changes(workspace, "max_width_mm level") == [FIRING]
    assert workspace.undelivered() == []
    workspace.settings.notify.urls = ["json://127.0.0.1:9/of-the-worker"]
    worker = workspace.jobs(Gauge())
    assert worker.notify() == Delivery(sent=3, failed=2)
    assert {message.channel for message in workspace.undelivered()} == set(worker._routing.usual) - {"log"}


def test_overdue_fires_once_after_interval_and_grace_and_clears_with_the_next_capture(workspace: Workspace) -> None:
    gauge = Gauge()
    workspace.take(photo(10, days=0))
    jobs = workspace.jobs(gauge)
    jobs.tick()
    workspace.clock.at = NOW + timedelta(days=10)
    jobs.tick()
    assert changes(workspace, OVERDUE) == []
    for _ in range(3):
        workspace.clock.turn(seconds=1)
        jobs.tick()
    assert changes(workspace, OVERDUE) == [STALE]
    assert "2025-06-01" in workspace.transitions()[0].why
    assert "every 7 days" in workspace.transitions()[0].why
    workspace.take(photo(20, days=-3))
    jobs.tick()
    assert changes(workspace, OVERDUE) == [STALE], "an older photo is no sign of life"
    workspace.take(photo(30, days=9))
    jobs.tick()
    jobs.tick()
    assert changes(workspace, OVERDUE) == [STALE, OK]


def test_a_location_without_any_capture_becomes_overdue_too(workspace: Workspace) -> None:
    workspace.settings.worker.overdue_grace_days = 0.5
    jobs = workspace.jobs(Gauge())
    for days, expected in ((7.4, []), (7.6, [STALE])):
        workspace.clock.at = NOW + timedelta(days=days)
        jobs.tick()
        assert changes(workspace, OVERDUE) == expected
    assert "no capture that could be used" in workspace.transitions()[0].why
