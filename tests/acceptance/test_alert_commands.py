"""What people do about alerts, command by command."""

from pathlib import Path
from typing import Any

import pytest
from command_line import Reply, crackmonitor
from photographs import Place


@pytest.fixture
def overdue(workspace: Path, place: Place, tmp_path: Path) -> Path:
    """A workspace with one alert: the last photo of a location was taken long ago."""
    for words in (
        ("site", "add", "Town"),
        ("location", "add", "north-wall", "--site", "Town", "--interval-days", 10),
        ("ingest", *place.series(tmp_path / "photos", (0.0,), 30.0), "--location", "north-wall"),
        ("worker", "--once"),
    ):
        assert crackmonitor(*words, "--workspace", workspace).status == 0
    return workspace


def alert(workspace: Path, *words: object) -> Reply:
    return crackmonitor("alert", *words, "--workspace", workspace)


def listed(workspace: Path, *words: object) -> list[dict[str, Any]]:
    return list(crackmonitor("alert", "list", *words, "--workspace", workspace, "--json").result["alerts"])


def test_an_alert_is_acknowledged_assigned_discussed_and_closed(overdue: Path) -> None:
    (one,) = listed(overdue)
    assert (one["location"], one["state"]) == ("north-wall", "stale")
    assert "is expected every 10 days" in one["why"]
    for words in (
        ("acknowledge", one["alert"], "--by", "Ada"),
        ("assign", one["alert"], "--to", "Ben", "--by", "Ada"),
        ("comment", one["alert"], "The gate is locked until Monday.", "--by", "Ben"),
    ):
        assert alert(overdue, *words).status == 0
    (seen,) = listed(overdue)
    assert (seen["state"], seen["assigned_to"]) == ("stale, acknowledged", "Ben")
    assert [(done["kind"], done["by"]) for done in seen["actions"]] == [
        ("acknowledged", "Ada"),
        ("assigned", "Ada"),
        ("commented", "Ben"),
    ]
    assert alert(overdue, "close", one["alert"], "--action", "Photo taken.", "--by", "Ben").status == 0
    assert listed(overdue) == []
    assert alert(overdue, "list").out.strip() == "Nothing needs anybody."
    (kept,) = listed(overdue, "--all")
    assert (kept["state"], kept["actions"][-1]["note"]) == ("closed", "Photo taken.")


def test_the_second_to_acknowledge_is_told_who_was_first(overdue: Path) -> None:
    (one,) = listed(overdue)
    assert alert(overdue, "acknowledge", one["alert"], "--by", "Ada").status == 0
    second = alert(overdue, "acknowledge", one["alert"], "--by", "Ben")
    assert second.status == 2
    assert "Ada" in second.sentence


def test_an_alert_that_is_not_there_is_misuse(workspace: Path) -> None:
    refused = alert(workspace, "acknowledge", 7)
    assert refused.status == 2
    assert "7" in refused.sentence


def test_a_test_goes_to_the_log_and_says_which_channel_failed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert alert(workspace, "test").status == 0
    monkeypatch.setenv("CRACKMONITOR_NOTIFY__URLS", '["json://127.0.0.1:9/nobody"]')
    failed = alert(workspace, "test", "--by", "Ada")
    assert failed.status == 1
    assert "Not delivered" in failed.err


def test_without_a_worker_there_is_none_to_miss(workspace: Path) -> None:
    checked = crackmonitor("alert", "check", "--workspace", workspace, "--json").result
    assert checked == {"worker_silent": False, "sent": 0, "failed": 0}
