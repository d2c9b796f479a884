"""Sites, locations, scales, references and rules as a person sets them up; what is refused changes nothing."""

from pathlib import Path

import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo

from monitor.errors import MisuseError, UnknownNameError
from monitor.imaging.files import digest
from monitor.records import RuleKind, Scale, ScaleOrigin
from monitor.service.places import (
    add_location,
    add_rule,
    ensure_location,
    ensure_site,
    require_new,
    retire_rule,
    set_reference,
    set_scale,
)
from monitor.storage import queries, repository
from monitor.storage.views import LocationView, RuleView


def location(workspace: Workspace, name: str = LOCATION) -> LocationView:
    with workspace.database.session() as session:
        return queries.location(session, name)


def rules(workspace: Workspace) -> list[RuleView]:
    with workspace.database.session() as session:
        return queries.rules(session, workspace.location_id, all_versions=True)


def stored(folder: Path, content: bytes, name: str = "reference.png") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def folders(workspace: Workspace) -> list[Path]:
    return sorted(path for path in workspace.settings.workspace.parent.rglob("*") if path.is_dir())


def refer(workspace: Workspace, path: Path, name: str = LOCATION) -> None:
    set_reference(workspace.database, workspace.settings, name, path, workspace.clock())


def test_a_site_is_made_once_and_keeps_its_time_zone(workspace: Workspace) -> None:
    first = ensure_site(workspace.database, "Bridge", "America/New_York", NOW)
    assert ensure_site(workspace.database, "Bridge", "Asia/Tokyo", NOW) == first
    assert ensure_site(workspace.database, "Tower", None, NOW) != first
    with workspace.database.session() as session:
        assert {site.name: site.time_zone for site in queries.sites(session)} == {
            "Bridge": "America/New_York",
            "Tower": "UTC",
            "Town hall": "Europe/Berlin",
        }


def test_a_location_comes_with_its_inbox_folder_and_the_shipped_plan(workspace: Workspace) -> None:
    assert workspace.inbox.is_dir()
    assert rules(workspace) == []
    with workspace.database.session() as session:
        plan = queries.trigger_plan(session, workspace.location_id, NOW)
    assert plan.is_default
    assert (plan.plan.amber_rate, plan.plan.red_rate, plan.plan.red_change) == (0.5, 2.0, 1.0)


@pytest.mark.parametrize("name", ["../outside", "a/b", "", "Wand süd", LOCATION, LOCATION.upper()])
def test_a_name_that_cannot_be_a_folder_of_its_own_makes_nothing(workspace: Workspace, name: str) -> None:
    before = folders(workspace)
    with pytest.raises(MisuseError, match=r"cannot name a location|already"):
        add_location(workspace.database, workspace.settings, name, "Town hall", 7, NOW)
    with workspace.database.session() as session:
        assert [view.name for view in queries.locations(session)] == [LOCATION]
    assert folders(workspace) == before


def test_an_unknown_site_lists_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(UnknownNameError, match="Known: Town hall"):
        add_location(workspace.database, workspace.settings, "east", "Bridge", 7, NOW)
    assert not (workspace.settings.inbox / "east").exists()


def test_a_location_asked_for_by_name_is_found_or_made_with_its_site(workspace: Workspace) -> None:
    found = ensure_location(workspace.database, workspace.settings, LOCATION, "elsewhere", NOW)
    assert found == location(workspace)
    made = ensure_location(workspace.database, workspace.settings, "pier", "Bridge", NOW)
    assert (made.site, made.name) == ("Bridge", "pier")
    assert (workspace.settings.inbox / "pier").is_dir()


def test_the_reference_is_the_photo_that_was_chosen_whatever_else_is_older(
    workspace: Workspace, tmp_path: Path
) -> None:
    refer(workspace, stored(tmp_path, photo(50, days=5)))
    workspace.take(photo(10))
    gauge = Gauge()
    workspace.jobs(gauge).tick()
    assert gauge.seen == [(50, None, False), (10, 50, True)]


def test_another_reference_starts_the_location_anew_as_long_as_nothing_is_registered(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.take(photo(10))
    gauge = Gauge()
    jobs = workspace.jobs(gauge)
    jobs.tick()
    refer(workspace, stored(tmp_path, photo(50, days=5)))
    jobs.tick()
    assert gauge.seen == [(10, None, False), (50, None, False), (10, 50, True)]


def test_once_captures_are_registered_the_reference_stays(workspace: Workspace, tmp_path: Path) -> None:
    first, _ = workspace.take(photo(10), photo(20, days=1))
    workspace.jobs(Gauge()).tick()
    with pytest.raises(MisuseError, match="Start a new location"):
        refer(workspace, stored(tmp_path, photo(50, days=0.5)))
    assert location(workspace).reference_capture_id == first
    assert sorted(view.reading is not None for view in workspace.captures()) == [False, True, True]


def test_a_photo_of_a_location_is_no_reference_of_another(workspace: Workspace, tmp_path: Path) -> None:
    taken, new, refused = (stored(tmp_path, photo(level), f"{level}.png") for level in (10, 20, 30))
    refer(workspace, taken)
    with workspace.database.transaction() as session:
        repository.reject_capture(
            session, location_id=1, sha256=digest(refused), file_name="x", reason="too large", now=NOW
        )
    with pytest.raises(MisuseError, match=rf"10\.png belongs to the location '{LOCATION}' already"):
        require_new(workspace.database, taken)
    for path in (new, refused):  # what was refused once gets a new chance
        require_new(workspace.database, path)


def test_a_photo_that_is_refused_is_no_reference(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"cannot be the reference.*accepted format"):
        refer(workspace, stored(tmp_path, b"no picture"))
    workspace.add_location("south-wall")
    workspace.take(photo(10))
    with pytest.raises(MisuseError, match=r"cannot be the reference.*belongs to the location"):
        refer(workspace, stored(tmp_path, photo(10)), "south-wall")
    assert location(workspace, "south-wall").reference_capture_id is None


@pytest.mark.parametrize("mm_per_px", [0.0, -1.0, float("nan")])
def test_a_scale_that_cannot_be_changes_nothing(workspace: Workspace, mm_per_px: float) -> None:
    good = Scale(0.5, 0.01, ScaleOrigin.MARKER)
    set_scale(workspace.database, LOCATION, good, NOW)
    with pytest.raises(MisuseError, match="greater than zero"):
        set_scale(workspace.database, LOCATION, Scale(mm_per_px, 0.0, ScaleOrigin.TYPED), NOW)
    assert location(workspace).scale == good
    with pytest.raises(UnknownNameError, match="Known: north-wall"):
        set_scale(workspace.database, "east", good, NOW)


def test_a_rule_takes_its_unit_from_its_metric_and_closes_the_version_before(workspace: Workspace) -> None:
    def put(metric: str, fire: float, clear: float) -> None:
        kind = RuleKind.LEVEL
        add_rule(workspace.database, LOCATION, metric, kind, fire, clear, workspace.clock())

    put("area_mm2", 100, 90)
    second = workspace.clock.turn(days=1)
    put("area_mm2", 200, 150)
    levels = [rule for rule in rules(workspace) if rule.kind is RuleKind.LEVEL]
    assert [(rule.unit, rule.fire, rule.valid_to) for rule in levels] == [("mm²", 100, second), ("mm²", 200, None)]
    with pytest.raises(UnknownNameError, match="max_width_mm"):
        put("width", 1, 1)
    with pytest.raises(MisuseError, match="clear must not be higher"):
        put("area_mm2", 100, 150)
    assert [rule for rule in rules(workspace) if rule.kind is RuleKind.LEVEL] == levels


def test_a_retired_rule_is_kept_with_its_end_and_what_is_in_force_is_named(workspace: Workspace) -> None:
    metric, kind = "widest_mm", RuleKind.RATE
    add_rule(workspace.database, LOCATION, metric, kind, 0.5, 0.25, NOW)
    with pytest.raises(MisuseError, match=r"no level rule on area_mm2 in force\. In force: widest_mm rate\."):
        retire_rule(workspace.database, LOCATION, "area_mm2", RuleKind.LEVEL, NOW)
    later = workspace.clock.turn(days=1)
    retire_rule(workspace.database, LOCATION, metric, kind, later)
    (rule,) = rules(workspace)
    assert rule.valid_to == later
    with pytest.raises(MisuseError, match=r"In force: none\."):
        retire_rule(workspace.database, LOCATION, metric, kind, workspace.clock.turn(days=1))
    assert rules(workspace) == [rule]
    assert workspace.transitions() == []
