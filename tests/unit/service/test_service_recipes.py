"""A new recipe never shifts a series by itself: it is measured beside it, compared, and switched to when told."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo
from simulated_wall import Told, file_of

from monitor.errors import MisuseError, StorageError
from monitor.records import RuleKind, Scale, ScaleOrigin, to_json
from monitor.service.corrections import measure_again
from monitor.service.places import add_rule, set_scale
from monitor.service.recipes import Comparison, Switched, compared, switch, switch_ready
from monitor.settings import load_settings
from monitor.storage import queries
from monitor.storage.database import Database
from monitor.storage.views import ShadowSeries


def gauges() -> tuple[Gauge, Gauge]:
    """The recipe in force, 0.1 px a level, and the one that comes, 0.5 px a level."""
    return Gauge(), Gauge("second", px_per_level=0.5)


def values(workspace: Workspace, metric: str = "max_width_px") -> list[float]:
    with workspace.database.session() as session:
        return [seen.value for seen in queries.series(session, workspace.location_id, metric).observations]


def in_force(workspace: Workspace, name: str = LOCATION) -> str | None:
    with workspace.database.session() as session:
        return queries.location(session, name).fingerprint


def shadow(workspace: Workspace) -> ShadowSeries | None:
    with workspace.database.session() as session:
        return next(iter(queries.shadows(session)), None)


def comparison(workspace: Workspace, fingerprint: str | None = None) -> Comparison | None:
    with workspace.database.session() as session:
        return compared(session, queries.location(session, LOCATION), fingerprint)


def switched(workspace: Workspace, **details: Any) -> Switched:
    return switch(workspace.database, workspace.settings, LOCATION, workspace.clock(), **details)


def everything(workspace: Workspace, *, times: bool = True) -> dict[str, Any]:
    """All that is shown or judged of the location; without `times`, whenever that was, and in whatever words then."""
    place = workspace.location_id
    with workspace.database.session() as session:
        statuses = [view for view in queries.statuses(session) if view.location.id == place]
        found = {
            "captures": queries.captures(session, place),
            "fits": queries.fits(session, place),
            "verdicts": queries.verdicts(session, place),
            "cracks": queries.cracks(session, place),
            "alerts": [(alert.subject, alert.state, alert.why) for alert in statuses[0].alerts],
        }
    plain = to_json(found)
    if not times:
        plain["alerts"] = [[subject, state] for subject, state, _ in plain["alerts"]]
        for part, made_at in (("fits", "fitted_at"), ("verdicts", "judged_at")):
            for row in plain[part]:
                del row[made_at]
        for capture in plain["captures"]:
            del capture["received_at"]
            capture["reading"].pop("measured_at")
    return dict(plain)


@pytest.fixture
def fresh(made: Path, tmp_path: Path) -> Iterator[Workspace]:
    """Another workspace in which nothing has happened yet."""
    settings = load_settings(Path(shutil.copytree(made, tmp_path / "fresh")))
    found = Workspace(settings, Database(settings.resolved_database_url))
    yield found
    found.database.close()


def test_a_new_recipe_changes_nothing_that_is_shown_or_judged(shared_workspace: Workspace) -> None:
    workspace, (first, second) = shared_workspace, gauges()
    add_rule(workspace.database, LOCATION, "max_width_px", RuleKind.LEVEL, 2.5, 2.0, workspace.clock())
    workspace.take(*(photo(10 + index, days=index) for index in range(6)))
    workspace.jobs(first).tick()
    before, told = everything(workspace), workspace.transitions()
    tick = workspace.jobs(second, former=[first]).tick()
    assert (tick.analysed, tick.judged) == (6, 0)
    assert (everything(workspace), workspace.transitions()) == (before, told)
    assert second.seen[:2] == [(10, None, False), (11, 10, True)]
    found = [view.reading for view in workspace.captures(fingerprint=second.recipe.fingerprint)]
    assert [reading.severity.max_width_px for reading in found if reading and reading.severity] == pytest.approx(
        [0.5 * (10 + index) for index in range(6)]
    )


def test_new_captures_go_on_under_the_recipe_in_force_and_come_before_the_shadow_series(workspace: Workspace) -> None:
    done: list[tuple[int, str]] = []

    class Noted(Gauge):
        def analyse(self, image: Any, *reference: Any) -> Any:
            done.append((int(image[0, 0, 0]), str(self.recipe.options["weights"])))
            return super().analyse(image, *reference)

    first, second = Noted(), Noted("second", px_per_level=0.5)
    workspace.take(photo(10), photo(20, days=1))
    workspace.jobs(first).tick()
    done.clear()
    workspace.take(photo(30, days=2))
    jobs = workspace.jobs(second, former=[first])
    jobs.tick()
    assert done == [(30, "first"), (10, "second"), (20, "second"), (30, "second")]
    assert (in_force(workspace), values(workspace)) == (first.recipe.fingerprint, [1.0, 2.0, 3.0])
    workspace.take(photo(40, days=3))
    assert jobs.tick().judged == 1
    assert values(workspace) == [1.0, 2.0, 3.0, 4.0]


def test_a_location_without_a_series_gets_the_present_recipe_at_once(workspace: Workspace) -> None:
    first, second = gauges()
    workspace.take(photo(10))
    workspace.jobs(first).tick()
    workspace.add_location("south-wall")
    workspace.drop("a.png", photo(20), "south-wall")
    workspace.scan()
    workspace.jobs(second, former=[first]).tick()
    assert in_force(workspace) == first.recipe.fingerprint
    assert in_force(workspace, "south-wall") == second.recipe.fingerprint


def test_where_the_recipe_in_force_cannot_be_run_new_captures_wait_and_it_is_said(workspace: Workspace) -> None:
    first, second = gauges()
    workspace.take(photo(10), photo(20, days=1))
    workspace.jobs(first).tick()
    before = everything(workspace)
    workspace.jobs(second).tick()
    assert everything(workspace) == before
    workspace.take(photo(30, days=2))
    workspace.jobs(second).tick()
    assert values(workspace) == [1.0, 2.0]
    found = shadow(workspace)
    assert found is not None
    assert (found.both, found.pending, found.waiting, found.out_of_reach) == (2, 0, 1, "its weights are gone.")
    assert switched(workspace).pending == 0
    assert values(workspace) == [5.0, 10.0, 15.0]


def test_a_recipe_that_can_be_run_again_is(workspace: Workspace) -> None:
    first, second = gauges()
    workspace.take(photo(10))
    workspace.jobs(first).tick()
    workspace.jobs(second).tick()
    workspace.take(photo(20, days=1))
    workspace.jobs(second, former=[first]).tick()
    found = shadow(workspace)
    assert found is not None
    assert (found.out_of_reach, found.waiting) == (None, 0)
    assert values(workspace) == [1.0, 2.0]


def test_a_comparison_tells_options_offsets_and_changed_statuses(workspace: Workspace) -> None:
    first, second = gauges()
    first.broken = {99}
    set_scale(workspace.database, LOCATION, Scale(0.5, 0.01, ScaleOrigin.TYPED), workspace.clock())
    workspace.take(*(photo(level, days=days) for days, level in enumerate([10, 20, 30, 40, 50, 99, 0])))
    for gauge, former in ((first, []), (second, [first])):
        for _ in range(3):
            workspace.jobs(gauge, former=former).tick()
            workspace.clock.turn(minutes=10)
    found = comparison(workspace)
    assert found is not None
    assert found.differences == {"px_per_level": (0.1, 0.5), "weights": ("first", "second")}
    assert (found.shadow.both, found.shadow.pending, found.changed_status) == (7, 0, 1)
    offsets = {offset.metric: offset for offset in found.offsets}
    assert set(offsets) == {"max_width_px", "area_px", "length_px", "max_width_mm", "area_mm2", "length_mm"}
    width = offsets["max_width_px"]
    assert (width.n, width.median, width.low, width.high) == pytest.approx((5, 12.0, 4.0, 20.0))
    assert width.spread == pytest.approx(4.0 / 0.67449, rel=1e-4)
    assert (offsets["max_width_mm"].median, offsets["area_mm2"].median) == pytest.approx((6.0, 60.0))
    assert (offsets["length_px"].median, offsets["length_px"].spread) == (0.0, 0.0)
    with workspace.database.session() as session:
        pair = (first.recipe.fingerprint, second.recipe.fingerprint)
        kept = {offset.metric: offset for offset in queries.offsets(session, workspace.location_id, *pair)}
    assert kept == {metric: offsets[metric] for metric in ("max_width_px", "area_px", "length_px")}


def test_offsets_are_kept_once_all_is_read_and_follow_new_captures(workspace: Workspace) -> None:
    first, second = gauges()

    def kept() -> list[int]:
        with workspace.database.session() as session:
            pair = (first.recipe.fingerprint, second.recipe.fingerprint)
            return [offset.n for offset in queries.offsets(session, workspace.location_id, *pair)]

    workspace.take(*(photo(10 + index, days=index) for index in range(5)))
    workspace.jobs(first).tick()
    second.broken = {14}
    jobs = workspace.jobs(second, former=[first])
    jobs.tick()
    assert kept() == []
    second.broken = set()
    for n in (5, 6):
        workspace.clock.turn(minutes=5)
        jobs.tick()
        assert kept() == [n, n, n]
        workspace.take(photo(20 + n, days=n))


def test_too_few_captures_give_no_offset_but_may_be_switched(workspace: Workspace) -> None:
    first, second = gauges()
    workspace.take(photo(10))
    workspace.jobs(first).tick()
    workspace.jobs(second, former=[first]).tick()
    found = comparison(workspace)
    assert found is not None
    assert {(offset.median, offset.n) for offset in found.offsets} == {(None, 1)}
    assert switched(workspace).switch.new == second.recipe.fingerprint


def test_there_is_nothing_to_compare_with_one_recipe(workspace: Workspace) -> None:
    assert comparison(workspace) is None
    workspace.take(photo(10))
    workspace.jobs(Gauge()).tick()
    assert comparison(workspace) is None
    with pytest.raises(MisuseError, match="has been recorded"):
        comparison(workspace, "0" * 16)


@pytest.mark.parametrize("early", [2, 7])
def test_the_switch_gives_the_state_of_a_workspace_under_the_new_recipe_from_the_start(
    workspace: Workspace, fresh: Workspace, early: int
) -> None:
    """Cracks, openings, fits, verdicts and alerts; with photos that came before the new recipe and after it."""
    first, second = Told(), Told(share=0.05)
    files = [file_of(index) for index in range(7)]
    for one in (workspace, fresh):
        set_scale(one.database, LOCATION, Scale(1.0, 0.0, ScaleOrigin.TYPED), NOW)
    workspace.take(*files[:early])
    workspace.jobs(first).tick()
    workspace.take(*files[early:])
    workspace.jobs(second, former=[first]).tick()
    before = everything(workspace)
    fresh.take(*files)
    fresh.jobs(second).tick()
    assert before["fits"] != everything(fresh)["fits"], "the recipes differ"
    assert {row["crack"] for row in before["verdicts"]} == {"A"}

    workspace.clock.turn(minutes=5)
    assert switched(workspace, by="Ada").pending == 0
    after = everything(workspace, times=False)
    assert after == everything(fresh, times=False)
    assert ["trigger A", "amber"] in after["alerts"], "the growth raises an alarm under either recipe"
    tick = workspace.jobs(second).tick()
    assert (tick.analysed, tick.judged) == (0, 0), "the switch has left nothing undone"
    assert everything(workspace, times=False) == after


def test_switching_back_works_the_same_way(workspace: Workspace) -> None:
    first, second = gauges()
    workspace.take(*(photo(10 + index, days=index) for index in range(6)))
    workspace.jobs(first).tick()
    workspace.jobs(second, former=[first]).tick()
    before = everything(workspace, times=False)
    switched(workspace)
    found = comparison(workspace)
    assert found is not None
    assert found.shadow.fingerprint == first.recipe.fingerprint
    assert found.offsets[1].median == pytest.approx(-0.4 * 12.5)
    with pytest.raises(MisuseError, match=f"already.*under {first.recipe.fingerprint}: name one with --to"):
        switched(workspace)
    switched(workspace, to=first.recipe.fingerprint)
    assert everything(workspace, times=False) == before
    assert workspace.jobs(second, former=[first]).tick().analysed == 0
    assert everything(workspace, times=False) == before
    with workspace.database.session() as session:
        rows = queries.recipe_switches(session, workspace.location_id)
    both = (first.recipe.fingerprint, second.recipe.fingerprint)
    assert [(row.old, row.new) for row in rows] == [both, both[::-1]]


def test_switching_back_is_refused_where_the_former_recipe_lacks_captures(workspace: Workspace) -> None:
    first, second = gauges()
    workspace.take(photo(10))
    workspace.jobs(first).tick()
    workspace.jobs(second, former=[first]).tick()
    switched(workspace)
    workspace.take(photo(20, days=1))
    workspace.jobs(second).tick()
    with pytest.raises(MisuseError, match=r"1 capture\(s\) of 'north-wall' have no reading under the recipe"):
        switched(workspace, to=first.recipe.fingerprint)
    assert values(workspace) == [5.0, 10.0]
    workspace.jobs(first, former=[second]).tick()
    switched(workspace)
    assert values(workspace) == [1.0, 2.0]


def test_a_switch_is_refused_while_captures_are_pending(workspace: Workspace) -> None:
    first, second = gauges()
    with pytest.raises(MisuseError, match="has no series yet"):
        switched(workspace)
    workspace.take(photo(10), photo(20, days=1))
    workspace.jobs(first).tick()
    second.broken = {20}
    workspace.jobs(second, former=[first]).tick()
    before = everything(workspace)
    with pytest.raises(MisuseError, match=r"1 capture\(s\) of 'north-wall' have no reading under the recipe .* yet"):
        switched(workspace, by="Ada")
    assert switch_ready(workspace.database, workspace.settings, workspace.clock()) == []
    assert everything(workspace) == before


def test_where_the_recipe_in_force_is_lost_captures_may_be_pending(workspace: Workspace) -> None:
    first, second = gauges()
    add_rule(workspace.database, LOCATION, "max_width_px", RuleKind.LEVEL, 1.5, 1.0, workspace.clock())
    workspace.take(photo(10), photo(20, days=1))
    workspace.jobs(first).tick()
    second.broken = {20}
    jobs = workspace.jobs(second)
    jobs.tick()
    alerts = everything(workspace)["alerts"]
    assert switched(workspace).pending == 1
    jobs.tick()
    assert (in_force(workspace), values(workspace)) == (None, []), "half a series would raise or clear alarms"
    assert everything(workspace)["alerts"] == alerts
    second.broken = set()
    workspace.clock.turn(minutes=5)
    assert jobs.tick().judged == 1
    assert (in_force(workspace), values(workspace)) == (second.recipe.fingerprint, [5.0, 10.0])
    with workspace.database.session() as session:
        assert [row.new for row in queries.recipe_switches(session, workspace.location_id)] == [in_force(workspace)]


def test_all_that_are_ready_are_switched(workspace: Workspace) -> None:
    first, second = gauges()
    for name in ("east-wall", "south-wall"):
        workspace.add_location(name)
    workspace.take(photo(10))
    workspace.drop("a.png", photo(20), "east-wall")
    workspace.drop("b.png", photo(30), "south-wall")
    workspace.scan()
    workspace.jobs(first).tick()
    second.broken = {30}
    workspace.jobs(second, former=[first]).tick()
    done = switch_ready(workspace.database, workspace.settings, workspace.clock(), by="Ada")
    assert [(one.location, one.switch.by) for one in done] == [("east-wall", "Ada"), (LOCATION, "Ada")]
    names = {name: in_force(workspace, name) for name in ("east-wall", LOCATION, "south-wall")}
    new = second.recipe.fingerprint
    assert names == {"east-wall": new, LOCATION: new, "south-wall": first.recipe.fingerprint}
    assert switch_ready(workspace.database, workspace.settings, workspace.clock()) == []


def test_a_switch_whose_cracks_cannot_be_followed_changes_nothing(workspace: Workspace) -> None:
    first, second = Told(), Told(share=0.05)
    workspace.take(*(file_of(index) for index in range(3)))
    workspace.jobs(first).tick()
    workspace.jobs(second, former=[first]).tick()
    before = everything(workspace)
    workspace.settings.originals.rename(workspace.settings.workspace / "elsewhere")
    with pytest.raises(StorageError, match="out of reach"):
        switched(workspace)
    assert everything(workspace) == before
    with workspace.database.session() as session:
        assert queries.recipe_switches(session, workspace.location_id) == []


def test_a_reference_that_is_measured_again_brings_no_other_recipe(workspace: Workspace) -> None:
    first, second = gauges()
    first.broken = {10}
    reference, _ = workspace.take(photo(10), photo(20, days=1))
    for _ in range(3):
        workspace.jobs(first).tick()
        workspace.clock.turn(minutes=10)
    jobs = workspace.jobs(second, former=[first])
    jobs.tick()
    first.broken = set()
    measure_again(workspace.database, workspace.settings, reference, workspace.clock())
    assert in_force(workspace) is None
    jobs.tick()
    assert (in_force(workspace), values(workspace)) == (first.recipe.fingerprint, [1.0, 2.0])


def test_the_worker_asks_once_whether_a_recipe_can_be_run(workspace: Workspace) -> None:
    first, second = gauges()
    workspace.take(photo(10))
    workspace.jobs(first).tick()
    jobs, asked = workspace.jobs(second, former=[first]), []
    known = jobs.former_analyser
    jobs.__dict__["former_analyser"] = lambda recipe: (asked.append(recipe), known(recipe))[1]
    for _ in range(3):
        workspace.clock.turn(minutes=5)
        jobs.tick()
    assert asked == [first.recipe]


def test_readings_of_either_recipe_stay_whatever_is_switched(workspace: Workspace) -> None:
    first, second = gauges()
    workspace.take(photo(10), photo(20, days=1))
    workspace.jobs(first).tick()
    workspace.jobs(second, former=[first]).tick()
    switched(workspace)
    kept = [view.reading for view in workspace.captures(fingerprint=first.recipe.fingerprint)]
    assert [reading.severity.max_width_px for reading in kept if reading and reading.severity] == [1.0, 2.0]
    with workspace.database.session() as session:
        assert queries.superseded(session, workspace.location_id) == []
        assert set(queries.fingerprints(session, workspace.location_id)) == {
            gauge.recipe.fingerprint for gauge in (first, second)
        }
    assert workspace.clock() < NOW + timedelta(days=1)
