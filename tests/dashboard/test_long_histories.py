"""Pages of places that have been watched for long, or of a town with many walls, draw a part until asked for all."""

from pathlib import Path

import pytest
from made_up_workspace import Stage
from test_pages import names, opened, words

from dashboard.glossary import WORDS
from monitor.cli.page_benchmarks import fill, time_pages


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One place with 103 captures."""
    folder = tmp_path_factory.mktemp("long") / "workspace"
    fill(folder, 1, 103)
    return folder


def test_the_newest_captures_are_listed_until_somebody_asks_for_all(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(long, "location", monkeypatch, "wall-0")
    assert "The newest 100 are listed; 3 older captures are not" in words(app)
    assert "The slider has the newest 100 captures; 3 older ones can be had as well" in words(app)
    assert len(app.dataframe[-1].value) == 100
    assert len(app.select_slider[0].options) == 100
    next(toggle for toggle in app.toggle if toggle.label == "Show all 103 captures").set_value(True)
    app.toggle(key="all stops").set_value(True).run()
    assert not app.exception
    assert len(app.dataframe[-1].value) == 103
    assert len(app.select_slider[0].options) == 103
    assert "are listed" not in words(app)


def test_the_page_benchmark_times_pages_and_what_they_read(tmp_path: Path) -> None:
    fill(tmp_path / "workspace", 2, 8)
    times = time_pages(tmp_path / "workspace", 1)
    assert sorted(times) == ["location_data", "location_page", "overview_data", "overview_page"]
    assert all(seconds.cpu > 0 for seconds in times.values())


def test_the_overview_shows_more_cards_when_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    site = stage.site("Town", "UTC")
    for number in range(42):
        stage.location(site, f"wall-{number}")
    app = opened(stage.settings.workspace, "overview", monkeypatch)
    assert len(names(app)) == 40
    next(button for button in app.button if button.label == "Show 2 more of 42").click().run()
    assert not app.exception
    assert len(names(app)) == 42
    assert not any(button.label.startswith("Show ") for button in app.button)


def test_system_tells_the_disk_and_what_runs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(stage.settings.workspace, "system", monkeypatch)
    assert "GB are free where the workspace lies" in words(app)
    versions = dict(app.dataframe[-1].value.itertuples(index=False))
    assert {"Python", "streamlit", "numpy"} <= set(versions)
    monkeypatch.setenv("CRACKMONITOR_INGEST__LEAST_FREE_GB", "1e9")
    app = opened(stage.settings.workspace, "system", monkeypatch)
    assert "nothing is taken in; files wait in the inbox" in app.error[0].value


def test_set_up_explains_the_words(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(stage.settings.workspace, "set_up", monkeypatch)
    table = next(fold for fold in app.expander if fold.label == "Glossary").markdown[0].value
    assert all(word in table for word in WORDS)


@pytest.mark.parametrize("page", ["overview", "location", "alarms", "system"])
def test_a_damaged_database_is_one_sentence(stage: Stage, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    stage.database.close()
    (stage.settings.workspace / "crackmonitor.db").write_bytes(b"nothing that was ever a database" * 200)
    app = opened(stage.settings.workspace, page, monkeypatch)
    assert len(app.error) == 1
    assert "database" in app.error[0].value
