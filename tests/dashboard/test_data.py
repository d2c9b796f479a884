import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from made_up_workspace import NOW, SITE, Stage

from dashboard import data, quarantine_data
from dashboard.wording import State
from monitor.imaging.files import write_png
from monitor.records import RuleKind
from monitor.storage import repository


def test_every_state_is_told_what_needs_attention_first(full: Path) -> None:
    states = {glance.status.location.name: glance.state for glance in data.glances(full)}
    assert list(states.items()) == [
        ("growing", State.ALERT),
        ("late", State.OVERDUE),
        ("empty", State.WAITING),
        ("spoilt", State.WAITING),
        ("pixels", State.OK),
        ("sound", State.OK),
        ("steady", State.OK),
    ]


def test_the_verdict_is_about_the_width_in_mm_with_a_scale_else_in_px(full: Path) -> None:
    verdicts = {glance.status.location.name: glance.verdict for glance in data.glances(full)}
    told = {name: found and (found.metric, found.outcome) for name, found in verdicts.items() if name != "late"}
    assert told == {
        "growing": ("max_width_mm", "progressive"),
        "steady": ("max_width_mm", "dormant"),
        "pixels": ("max_width_px", "not_enough_data"),
        "sound": ("max_width_mm", "not_enough_data"),
        "empty": None,
        "spoilt": None,
    }
    rates = {name: found and found.rate for name, found in verdicts.items()}
    assert (rates["pixels"], rates["sound"]) == (None, None)
    growing = rates["growing"]
    assert growing is not None
    assert growing.season_adjusted
    assert growing.low > 0.2


def test_no_verdict_outlives_the_readings_it_rests_on(stage: Stage) -> None:
    place = stage.location(stage.site("Site", "UTC"), "wall", mm_per_px=0.2)
    for days in (3, 2, 1):
        capture = stage.reading(place, days, 4.0)
    stage.fit(place)
    with stage.database.transaction() as session:
        repository.confirm_time(session, capture, NOW)
    (glance,) = data.glances(stage.settings.workspace)
    assert glance.verdict is None


def test_readings_that_count_are_counted_and_what_is_still_to_be_measured(full: Path) -> None:
    growing = data.detail(full, "growing")
    assert (growing.readings, growing.pending, growing.glance.status.captures) == (13, 1, 16)
    assert data.service(full).pending == {"growing": 1}


def test_where_no_capture_could_be_used_all_is_not_well(stage: Stage) -> None:
    place = stage.location(stage.site("Site", "UTC"), "moved", mm_per_px=0.2)
    for days in range(4):
        stage.refused(place, days, "another place")
    (glance,) = data.glances(stage.settings.workspace)
    assert (glance.measured, glance.state) == (False, State.WAITING)
    detail = data.detail(stage.settings.workspace, "moved")
    assert (detail.readings, detail.pending, detail.glance) == (0, 0, glance)


def test_no_rate_is_shown_through_a_handful_of_readings(stage: Stage) -> None:
    place = stage.location(stage.site("Site", "UTC"), "young", mm_per_px=0.2)
    for days in (3, 2, 1):
        stage.reading(place, days, 4.0 - days)
    stage.fit(place)
    detail = data.detail(stage.settings.workspace, "young")
    fit, verdict = detail.fit("max_width_mm"), detail.glance.verdict
    assert fit is not None
    assert not fit.success
    assert "from 6 readings over 90 days on; there are 3 over 2" in str(fit.message)
    assert verdict is not None
    assert verdict.rate is None


def test_before_the_first_series_every_capture_is_pending(stage: Stage) -> None:
    stage.capture(stage.location(stage.site("Site", "UTC"), "new"), 1)
    (glance,) = data.glances(stage.settings.workspace)
    assert (glance.measured, glance.state) == (False, State.WAITING)
    assert data.service(stage.settings.workspace).pending == {"new": 1}


def test_metrics_in_mm_need_a_scale(full: Path) -> None:
    assert data.detail(full, "growing").metrics()[0] == "max_width_mm"
    assert data.detail(full, "pixels").metrics() == ("max_width_px", "crack_count", "area_px", "length_px")


def test_only_level_rules_are_levels(full: Path) -> None:
    detail = data.detail(full, "growing")
    assert {rule.kind for rule in detail.rules} == {RuleKind.LEVEL, RuleKind.RATE}
    assert detail.levels("max_width_mm") == [1.5]
    assert detail.levels("length_mm") == []


def test_a_failed_fit_is_no_line_but_keeps_its_message(stage: Stage) -> None:
    place = stage.location(stage.site("Site", "UTC"), "young")
    stage.reading(place, 1, 4.0)
    stage.fit(place)
    fit = data.detail(stage.settings.workspace, "young").fit("max_width_px")
    assert fit is not None
    assert fit.message == "a rate needs 3 readings; there are 1"
    assert data.line(fit) is None
    assert data.line(None) is None


def test_rejected_files_of_one_fault_are_of_one_kind(full: Path) -> None:
    files = quarantine_data.rejected(full)
    assert {file.file_name for file in files} == {"notes.txt", "<img>.jpg", "half.jpg"}
    assert len({file.kind for file in files}) == 2
    assert {file.location for file in files} == {"growing", "spoilt"}


def test_the_worker_is_missed_after_five_minutes_or_three_rounds(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data.worker(full) == data.Worker(NOW - timedelta(minutes=1), timedelta(minutes=5))
    monkeypatch.setenv("CRACKMONITOR_WORKER__SCAN_SECONDS", "600")
    data.worker.clear()
    assert data.worker(full).silence == timedelta(minutes=30)


def test_a_picture_becomes_smaller_for_the_browser_and_a_thin_line_stays(stage: Stage) -> None:
    line = np.zeros((40, 6000), np.uint8)
    line[:, 3001] = 255
    write_png(stage.settings.pictures / "line.png", line)
    small = data.picture(stage.settings.workspace, "line.png")
    assert small is not None
    assert small.shape == (10, 1500, 3)
    assert (small[:, 3001 // 4] > 0).all()


def test_a_picture_that_is_gone_or_damaged_is_none(stage: Stage) -> None:
    (stage.settings.pictures / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    assert data.picture(stage.settings.workspace, "bad.png") is None
    assert data.picture(stage.settings.workspace, "gone.png") is None


def test_drawing_over_changes_only_what_is_asked_for_and_fits() -> None:
    wall = np.full((20, 20, 3), 120, np.uint8)
    mask = np.zeros_like(wall)
    mask[8:12, 4:16] = 255
    assert (data.drawn(wall, None, None) == wall).all()
    assert (data.drawn(wall, np.zeros((5, 5, 3), np.uint8), None) == wall).all()
    outlined = data.drawn(wall, mask, None)
    assert (outlined[8, 4:16] != wall[8, 4:16]).any(axis=-1).all()
    assert (outlined[0] == wall[0]).all()
    assert (data.drawn(wall, None, mask)[10, 10] != wall[10, 10]).any()


def test_the_argument_names_the_workspace_then_the_variable_then_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRACKMONITOR_WORKSPACE", raising=False)
    monkeypatch.setattr(sys, "argv", ["app.py"])
    assert data.workspace() == tmp_path
    monkeypatch.setenv("CRACKMONITOR_WORKSPACE", str(tmp_path / "a"))
    assert data.workspace() == tmp_path / "a"
    monkeypatch.setattr(sys, "argv", ["app.py", "--workspace", "b"])
    assert data.workspace() == tmp_path / "b"


def test_the_name_of_a_site_comes_through_unchanged(full: Path) -> None:
    assert data.detail(full, "growing").glance.status.location.site == SITE
