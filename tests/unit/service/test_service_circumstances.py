"""Events break a history, temperatures explain some of it: what the worker and the commands make of both."""

from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo
from simulated_wall import OPENING, Told, file_of, shown

from monitor.errors import MisuseError, UnknownNameError
from monitor.records import AlertState, EventKind, GrowthFit, RuleKind, Scale, ScaleOrigin, Temperature
from monitor.service.circumstances import (
    add_event,
    add_temperatures,
    clear_temperatures,
    time_written,
    withdraw_event,
)
from monitor.service.judging import histories, history
from monitor.service.places import add_rule, set_scale
from monitor.storage import queries, repository
from monitor.storage.alarms import TRIGGER
from monitor.storage.views import Exclusion, Series, VerdictView

MONTH = 30.5
#: It grows by 0.1 px a month, is repaired after 12 photos, and is at rest for 14 more.
REPAIRED = [*range(20, 32), *[10, 11] * 7]
REPAIR = NOW + timedelta(days=MONTH * 12.5)


def happened(workspace: Workspace, at: datetime = REPAIR, kind: EventKind = EventKind.REPAIR, note: str = "") -> int:
    return add_event(workspace.database, LOCATION, at.isoformat(), kind, note, workspace.clock()).id


def watched(workspace: Workspace, *levels: int, every_days: float = MONTH) -> None:
    """In mm: 0.1 for each level."""
    set_scale(workspace.database, LOCATION, Scale(1.0, 0.0, ScaleOrigin.TYPED), workspace.clock())
    workspace.drop_and_work(Gauge(), *levels, every_days=every_days)


def fits(workspace: Workspace, metric: str = "max_width_mm", crack: str = "all") -> dict[str, GrowthFit]:
    with workspace.database.session() as session:
        found = [view.fit for view in queries.fits(session, workspace.location_id)]
    return {fit.method: fit for fit in found if (fit.metric, fit.crack) == (metric, crack)}


def verdict(workspace: Workspace) -> VerdictView:
    with workspace.database.session() as session:
        found = queries.headline(session, workspace.location_id)
    assert found is not None
    return found


def judged(workspace: Workspace) -> Series:
    """The masks' history as it is judged."""
    with workspace.database.session() as session:
        return history(session, queries.location(session, LOCATION))


def state(workspace: Workspace) -> tuple[object, ...]:
    """Everything that is said of the location, but when; and but for its trigger level: what ended a jump's red does
    not bring it back.
    """
    with workspace.database.session() as session:
        place = workspace.location_id
        return (
            [view.fit for view in queries.fits(session, place)],
            [
                (view.crack, view.metric, view.outcome, view.evidence, view.rate, view.remarks)
                for view in queries.verdicts(session, place)
            ],
            histories(session, queries.location(session, LOCATION)),
            [
                (alert.subject, alert.state)
                for alert in queries.alerts(session, place)
                if not alert.subject.startswith(TRIGGER)
            ],
        )


def test_a_repair_in_the_middle_leaves_the_rate_of_the_part_after_it(workspace: Workspace) -> None:
    watched(workspace, *REPAIRED)
    before = fits(workspace)
    assert before["least_squares"].n == 26
    assert (before["seasonal"].slope_per_year or 0.0) < -0.3, "over the repair it seems to close"
    happened(workspace)
    after = fits(workspace)
    assert {fit.n for fit in after.values()} == {14}
    assert after["seasonal"].origin == NOW + timedelta(days=13 * MONTH)
    assert after["seasonal"].slope_per_year == pytest.approx(0.0, abs=0.05)
    assert verdict(workspace).outcome == "dormant"
    assert verdict(workspace).remarks[0] == "Only readings since the repair of 2026-06-17 count."
    rate = verdict(workspace).rate
    assert rate is not None
    assert rate.rate_per_year == after["seasonal"].slope_per_year


def test_what_lies_before_the_event_is_kept_and_listed_with_the_reason(workspace: Workspace) -> None:
    watched(workspace, *REPAIRED)
    happened(workspace)
    ids = [view.id for view in workspace.captures()]
    found = judged(workspace)
    assert [seen.capture_id for seen in found.observations] == ids[12:]
    assert found.excluded == tuple(
        Exclusion(view.id, view.file_name, "before the repair of 2026-06-17") for view in workspace.captures()[:12]
    )
    with workspace.database.session() as session:
        stored = queries.series(session, workspace.location_id, "max_width_mm")
    assert ([seen.capture_id for seen in stored.observations], stored.excluded) == (ids, ())


def test_withdrawing_the_event_gives_the_old_fits_back(workspace: Workspace) -> None:
    watched(workspace, *REPAIRED)
    before = state(workspace)
    event_id = happened(workspace)
    assert state(workspace) != before
    withdrawn = withdraw_event(workspace.database, event_id, "That was the south wall.", workspace.clock())
    assert withdrawn.withdrawn_why == "That was the south wall."
    assert state(workspace) == before
    workspace.jobs(Gauge()).tick()
    assert state(workspace) == before


def test_the_order_in_which_events_temperatures_and_photos_come_plays_no_part(
    workspace: Workspace, tmp_path: Path
) -> None:
    """After every order, all is withdrawn and forgotten again."""
    watched(workspace, *REPAIRED)
    log = tmp_path / "log.csv"
    log.write_text("at,celsius\n" + "".join(f"{seen.at},{seen.value}\n" for seen in judged(workspace).observations))
    blank, said = state(workspace), []
    events = {EventKind.REPAIR: REPAIR, EventKind.REPAINT: NOW + timedelta(days=3 * MONTH)}
    for order in permutations([*events, "temperatures"]):
        made = []
        for step in order:
            if isinstance(step, EventKind):
                made.append(happened(workspace, events[step], step))
            else:
                add_temperatures(workspace.database, LOCATION, log, workspace.clock())
        said.append(_without_ids(state(workspace)))
        for event_id in made:
            withdraw_event(workspace.database, event_id, "Only tried.", workspace.clock())
        clear_temperatures(workspace.database, LOCATION, workspace.clock())
        assert state(workspace) == blank
    assert len(said) == 6
    assert all(one == said[0] for one in said)
    assert "temperature" in str(said[0])


def _without_ids(found: tuple[object, ...]) -> tuple[object, ...]:
    """The state without the numbers of events, which do depend on their order."""
    made, judgements, known, alerts = found
    assert isinstance(known, list)
    shown = [(one.metric, one.observations, one.excluded, one.since and one.since.event) for one in known]
    return made, judgements, shown, alerts


def test_photos_that_come_after_the_event_was_recorded_are_judged_as_those_before(workspace: Workspace) -> None:
    """Even one that was taken before the event and arrives late."""
    jobs = workspace.jobs(Gauge())
    workspace.clock.at = NOW + timedelta(days=60)
    taken = dict(enumerate([20, 22, 24, 15, 16, 17]))
    for day in (0, 1):
        workspace.take(photo(taken[day], days=10 * day))
    jobs.tick()
    happened(workspace, NOW + timedelta(days=25))
    for day in (5, 3, 2, 4):
        workspace.take(photo(taken[day], days=10 * day))
        jobs.tick()
    line = fits(workspace, "max_width_px")["least_squares"]
    assert line.n == 3
    assert line.slope_per_year == pytest.approx(0.1 / 10 * 365.25)
    assert len(judged(workspace).excluded) == 3


def test_a_reading_at_the_event_counts_and_only_the_last_event_does(workspace: Workspace) -> None:
    watched(workspace, 20, 21, 22, 23, 24, every_days=10)
    happened(workspace, NOW + timedelta(days=30))
    assert fits(workspace)["least_squares"].n == 3
    happened(workspace, NOW + timedelta(days=15), EventKind.REPAINT)
    assert fits(workspace)["least_squares"].n == 3
    last = happened(workspace, NOW + timedelta(days=35), EventKind.OTHER, "A truck hit the wall.")
    assert fits(workspace)["least_squares"].n == 2
    assert {left.reason for left in judged(workspace).excluded} == {"before the event of 2025-07-06"}
    withdraw_event(workspace.database, last, "It was another wall.", workspace.clock())
    assert fits(workspace)["least_squares"].n == 3


def test_the_cracks_of_a_location_begin_anew_too(workspace: Workspace) -> None:
    workspace.take(*(file_of(index) for index in range(OPENING.captures)))
    workspace.clock.turn(minutes=1)
    workspace.jobs(Told()).tick()
    assert fits(workspace, "widest_px", "A")["least_squares"].n == OPENING.captures
    happened(workspace, shown()[3][0].captured_at, EventKind.NEW_CAMERA)
    assert fits(workspace, "widest_px", "A")["least_squares"].n == OPENING.captures - 3
    workspace.clock.turn(minutes=1)
    workspace.jobs(Told()).tick()
    with workspace.database.session() as session:
        known = {(one.crack, one.metric): one for one in histories(session, queries.location(session, LOCATION))}
        assert len(queries.cracks(session, workspace.location_id)[0].readings) == OPENING.captures, "all are kept"
    assert len(known["A", "opening_px"].observations) == OPENING.captures - 3
    assert len(known["A", "opening_px"].excluded) == 3


RATE = "max_width_mm rate"


def rate_rule(workspace: Workspace) -> None:
    add_rule(workspace.database, LOCATION, "max_width_mm", RuleKind.RATE, 0.5, 0.25, workspace.clock())


def changes(workspace: Workspace, subject: str = RATE) -> list[AlertState]:
    return [change.new for change in workspace.transitions() if change.subject == subject]


def test_no_rule_fires_on_a_step_across_an_event(workspace: Workspace) -> None:
    """A new camera makes the crack look a millimetre wider; on either side of it, nothing moves."""
    levels = [*[20, 21] * 4, *[30, 31] * 4]
    rate_rule(workspace)
    watched(workspace, *levels[:8])
    happened(workspace, workspace.clock(), EventKind.NEW_CAMERA)
    workspace.drop_and_work(Gauge(), *levels[8:], every_days=MONTH)
    assert changes(workspace) == []
    with workspace.database.session() as session:
        (event,) = queries.events(session, workspace.location_id)
    withdraw_event(workspace.database, event.id, "It was the old one.", workspace.clock())
    assert changes(workspace) == [AlertState.FIRING], "without the event the step looks like growth"


def test_an_alert_stays_until_the_readings_after_the_event_say_that_it_is_over(workspace: Workspace) -> None:
    rate_rule(workspace)
    watched(workspace, *range(20, 34))
    assert changes(workspace) == [AlertState.FIRING]
    happened(workspace, workspace.clock())
    assert changes(workspace) == [AlertState.FIRING], "silence is not 'ok'"
    workspace.drop_and_work(Gauge(), *[10, 11] * 6, every_days=MONTH)
    assert changes(workspace) == [AlertState.FIRING, AlertState.OK]


def test_captures_from_before_an_event_still_show_that_somebody_takes_photos(workspace: Workspace) -> None:
    workspace.take(photo(20, days=0))
    jobs = workspace.jobs(Gauge())
    jobs.tick()
    workspace.clock.at = NOW + timedelta(days=2)
    happened(workspace, NOW + timedelta(days=1))
    jobs.tick()
    assert workspace.transitions() == []


def test_where_nothing_was_captured_since_the_event_that_is_said(workspace: Workspace) -> None:
    watched(workspace, 20, 21, 22, every_days=10)
    happened(workspace, workspace.clock())
    assert fits(workspace)["least_squares"].n == 1
    workspace.clock.turn(days=1)
    happened(workspace, workspace.clock())
    assert fits(workspace)["least_squares"].message == "a rate needs 3 readings; there are 0"
    assert "There are 0 readings" in verdict(workspace).evidence
    assert verdict(workspace).remarks == ("Only readings since the repair of 2025-07-02 count.",)


def test_times_without_an_offset_are_those_of_the_clocks_on_site() -> None:
    berlin = "Europe/Berlin"
    assert time_written("2026-07-01T10:00", berlin).isoformat() == "2026-07-01T08:00:00+00:00"
    assert time_written(" 2026-01-01 ", berlin).isoformat() == "2025-12-31T23:00:00+00:00"
    assert time_written("2026-07-01 10:00-05:00", berlin).isoformat() == "2026-07-01T15:00:00+00:00"
    assert time_written("2026-10-25T02:30", berlin).isoformat() == "2026-10-25T00:30:00+00:00", "shown twice"
    for text in ("yesterday", "", "2026-13-01", "0001-01-01"):
        with pytest.raises(MisuseError, match="is no time; write one like"):
            time_written(text, berlin)


def test_what_is_refused_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    watched(workspace, 20, 21, 22)
    before = state(workspace)
    with pytest.raises(MisuseError, match="still to come"):
        happened(workspace, workspace.clock() + timedelta(hours=1))
    with pytest.raises(UnknownNameError, match="Known: north-wall"):
        add_event(workspace.database, "nowhere", "2025-06-01", EventKind.REPAIR, "", workspace.clock())
    with pytest.raises(UnknownNameError, match="Known: north-wall"):
        add_temperatures(workspace.database, "nowhere", tmp_path / "log.csv", workspace.clock())
    assert state(workspace) == before


def logged(workspace: Workspace, tmp_path: Path, content: str | bytes) -> int:
    path = tmp_path / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return add_temperatures(workspace.database, LOCATION, path, workspace.clock())


def known(workspace: Workspace) -> list[Temperature]:
    with workspace.database.session() as session:
        return queries.temperatures(session, workspace.location_id)


@pytest.mark.parametrize(
    "content",
    [
        "at,celsius\n2025-06-01T14:00,21.5\n2025-06-01T13:00:00+00:00,-3\n",
        "\ufeffat,celsius\r\n2025-06-01T14:00,21.5\r\n\r\n2025-06-01T13:00:00+00:00,-3",
        "sensor, celsius , at\nroof, 21.5, 2025-06-01T14:00\nroof, -3.0, 2025-06-01T15:00\n",
        'celsius,at,remark\n99e-1,2025-06-01T14:00,x\n"-3",2025-06-01T15:00\n2.15e1,2025-06-01T12:00Z,"last\none"\n',
    ],
)
def test_a_file_of_temperatures_is_taken_over(workspace: Workspace, tmp_path: Path, content: str) -> None:
    """A time without offset is the site's (Berlin); of the same instant the last row counts."""
    assert logged(workspace, tmp_path, content) == 2
    assert known(workspace) == [Temperature(NOW, 21.5), Temperature(NOW + timedelta(hours=1), -3.0)]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["is empty. It needs the columns at and celsius"]),
        (" \n\n", ["is empty"]),
        ("at,celsius\n", ["holds no temperatures"]),
        ("time,temp\n1,2\n", ["has no column at and no column celsius", "it names: time, temp"]),
        ("at;celsius\n2025-06-01;3\n", ["has no column at and no column celsius", "separated by commas"]),
        ("At,celsius\n2025-06-01,3\n", ["has no column at."]),
        ("at,celsius\n2025-06-01T10:00,21°C\n".encode("latin-1"), ["is no text in UTF-8"]),
        ("at,celsius\n2025-06-01T10:00,21\n".encode("utf-16"), ["is no text in UTF-8"]),
        ("at,celsius\n2025-06-01,21\nyesterday,20\n", ["Nothing was taken over", "line 3: 'yesterday' is no time"]),
        ("at,celsius\n2025-06-01,warm\n", ["line 2: 'warm' is no number"]),
        ("at,celsius\n2025-06-01,80.1\n2025-06-02,-61\n", ["line 2: 80.1 °C is not between -60 and 80", "line 3: -61"]),
        ("at,celsius\n2025-06-01,nan\n", ["line 2: nan °C is not between"]),
        (
            "at,celsius\n2025-06-01\n,5\n",
            ["line 2: there is nothing in the column celsius", "line 3: there", "column at"],
        ),
        ("at,celsius\n" + "x,1\n" * 9, ["line 2: ", "line 6: ", "And 4 more."]),
        ("at,celsius\n2025-06-01,5\n2025-06-02," + "5" * 200_000, ["cannot be read as CSV at line"]),
    ],
)
def test_of_a_file_with_anything_wrong_nothing_is_taken_over(
    workspace: Workspace, tmp_path: Path, content: str | bytes, parts: list[str]
) -> None:
    logged(workspace, tmp_path, "at,celsius\n2025-06-01T12:00Z,1.5\n")
    with pytest.raises(MisuseError) as refused:
        logged(workspace, tmp_path, content)
    assert all(part in str(refused.value) for part in parts), str(refused.value)
    assert known(workspace) == [Temperature(NOW, 1.5)]


def test_a_file_that_is_not_there(workspace: Workspace, tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(MisuseError, match="There is no file"):
            add_temperatures(workspace.database, LOCATION, path, workspace.clock())


def test_temperatures_tell_growth_from_warmth_and_clearing_them_takes_that_back(
    workspace: Workspace, tmp_path: Path
) -> None:
    """It opens by 0.1 mm per 2 °C and does not grow; most readings fell on warm days lately."""
    warmth = np.array([0, 4, 2, 6, 2, 8, 6, 10, 8, 14, 10, 16])
    watched(workspace, *(20 + warmth // 2), every_days=20)
    before = state(workspace)
    assert set(fits(workspace)) == {"least_squares", "theil_sen", "seasonal"}
    assert (fits(workspace)["least_squares"].low or 0.0) > 0.5
    times = [seen.at + timedelta(hours=2) for seen in judged(workspace).observations]
    rows = [f"{at},{celsius}" for at, celsius in zip(times, warmth, strict=True)]
    assert logged(workspace, tmp_path, "at,celsius\n" + "\n".join(rows)) == 12
    fit = fits(workspace)["temperature"]
    assert (fit.success, fit.n) == (True, 12)
    assert fit.slope_per_year == pytest.approx(0.0, abs=1e-6)
    clear_temperatures(workspace.database, LOCATION, workspace.clock())
    assert state(workspace) == before


def test_where_no_season_can_be_told_the_rate_is_that_beside_temperature(workspace: Workspace, tmp_path: Path) -> None:
    """Read at the same two times of each year, a season and an uneven growth look alike."""
    days = [365.25 / 2 * number for number in range(10)]
    set_scale(workspace.database, LOCATION, Scale(1.0, 0.0, ScaleOrigin.TYPED), workspace.clock())
    workspace.clock.at = NOW + timedelta(days=1700)
    workspace.take(*(photo(20 + number % 2 + number, days=day) for number, day in enumerate(days)))
    workspace.jobs(Gauge()).tick()
    assert not fits(workspace)["seasonal"].success
    rate = verdict(workspace).rate
    assert rate is not None
    assert not rate.season_adjusted
    rows = [f"{NOW + timedelta(days=day)},{5 + 10 * (number % 2)}" for number, day in enumerate(days)]
    logged(workspace, tmp_path, "at,celsius\n" + "\n".join(rows))
    rate, fit = verdict(workspace).rate, fits(workspace)["temperature"]
    assert rate is not None
    assert rate.season_adjusted
    assert rate.rate_per_year == fit.slope_per_year == pytest.approx(0.2)
    assert rate.smallest_detectable_per_year == fit.smallest_detectable_per_year


def test_the_worker_judges_anew_what_a_command_has_not(shared_workspace: Workspace) -> None:
    """On both databases."""
    workspace = shared_workspace
    watched(workspace, 20, 21, 22, 23, every_days=10)
    event_id = happened(workspace, NOW + timedelta(days=25))
    assert fits(workspace)["least_squares"].n == 2
    with workspace.database.transaction() as session:
        repository.withdraw_event(session, event_id, "Tried.", workspace.clock())
    with workspace.database.session() as session:
        assert [view.name for view in queries.unfitted(session)] == [LOCATION]
    workspace.jobs(Gauge()).judge_changed()
    assert fits(workspace)["least_squares"].n == 4
