"""Each page, run without a browser in every state. Page errors would show as exceptions."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from made_up_workspace import NOW, OTHER_RECIPE, RECIPE, SITE, Stage, two_cracks
from streamlit.testing.v1 import AppTest

from dashboard import before_after
from dashboard.wording import State, plain
from monitor.records import EventKind, Grade, Grading
from monitor.storage import repository

APP = Path(before_after.__file__).parent / "app.py"


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py"])


def opened(workspace: Path, page: str, monkeypatch: pytest.MonkeyPatch, location: str | None = None) -> AppTest:
    """The page, reached through the navigation."""
    monkeypatch.setenv("CRACKMONITOR_WORKSPACE", str(workspace))
    app = AppTest.from_file(str(APP), default_timeout=90)
    if page != "overview":
        app.run()
        app.switch_page(f"app_pages/{page}.py")
    if location is not None:
        app.query_params["location"] = location
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """All text on the page."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error", "success")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(app, kind))


def names(app: AppTest) -> list[str]:
    """The locations that cards link to."""
    return [link.label.split("**")[1] for link in app.page_link if "**" in link.label]


def test_overview_tells_state_last_capture_and_rate_of_every_location(
    full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(full, "overview", monkeypatch)
    text = words(app)
    assert "2 of 7 locations need attention" in text
    assert names(app)[:2] == ["growing", "late"]
    assert [group.value for group in app.subheader] == ["What needs me today", "Needs attention", "Bridge", plain(SITE)]
    assert " · 16 captures" in text
    assert "(Europe/Berlin)" in text
    assert "mm per year (90 % interval" in text
    assert "**Progressive**. The rate is" in text
    assert "**Dormant**. " in text
    assert "**Not enough data**. The limits are agreed in mm and this history is in px" in text
    assert "it needs a scale: give one on *Set up*" in text
    assert "**Not enough data**. No crack was found in any of the 8 captures" in text
    assert "smallest rate that would show: " in text
    assert "No verdict yet" not in text, "without a capture the card says only that"
    assert "The width grows by at least 0\\.6 mm per year" in text
    assert not app.error


def test_overview_finds_by_site_and_name_and_by_state(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(full, "overview", monkeypatch)
    app.text_input[0].input("BRIDGE pix").run()
    assert names(app) == ["pixels"]
    app.text_input[0].input("no such wall").run()
    assert "No location matches" in words(app)
    app.text_input[0].input("").run()
    app.pills[0].select(State.OVERDUE).run()
    assert names(app) == ["late"]


def test_overview_of_an_empty_workspace_says_how_to_begin(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(stage.settings.workspace, "overview", monkeypatch)
    assert "no locations yet" in words(app)
    assert "crackmonitor location add" in app.code[0].value
    assert str(stage.settings.workspace) in app.code[0].value


def test_overview_warns_when_the_worker_is_silent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.location(stage.site("Site", "UTC"), "wall")
    assert "No worker has run yet" in words(opened(stage.settings.workspace, "overview", monkeypatch))


def test_location_that_fires_shows_why_and_its_growth(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(full, "location", monkeypatch, "growing")
    text = words(app)
    assert "grows by at least" in app.error[0].value
    for fact in ("Rate per year", "Rate per month", "Smallest rate", "Correlation with time", "13 readings over"):
        assert fact in text
    assert len(app.get("plotly_chart")) == 1
    assert "▲ fired" in text
    assert "● cleared" in text
    assert "fires from 0.5 mm per year" in text


def test_a_verdict_that_takes_longer_says_how_long_and_gives_the_provisional_rate(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = stage.location(stage.site("Site", "UTC"), "young", mm_per_px=0.2)
    for month in range(7, -1, -1):
        stage.reading(place, 30 * month + 1, 4.0 + 0.05 * (month % 3))
    stage.fit(place)
    for page, name in (("overview", None), ("location", "young")):
        text = words(opened(stage.settings.workspace, page, monkeypatch, name))
        assert "**Not enough data**, about 6 more months needed. There are 8 readings over 210 days" in text
        assert "Maximum width: " in text
        assert ", provisional: widened for a season that cannot be told from growth yet" in text
        assert "smallest rate that would show: " in text
    assert "no structural assessment" in text


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("growing", "**Progressive**. The rate is"),
        ("steady", "**Dormant**. The rate is"),
        ("pixels", "**Not enough data**. The limits are agreed in mm"),
        ("sound", "**Not enough data**. No crack was found"),
    ],
)
def test_location_leads_with_its_verdict(full: Path, monkeypatch: pytest.MonkeyPatch, name: str, verdict: str) -> None:
    app = opened(full, "location", monkeypatch, name)
    assert app.subheader[0].value == "Verdict"
    assert verdict in words(app)


def test_captures_that_nobody_has_judged_have_no_verdict_yet(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.capture(stage.location(stage.site("Site", "UTC"), "new"), 1)
    for page, name in (("overview", None), ("location", "new")):
        text = words(opened(stage.settings.workspace, page, monkeypatch, name))
        assert "**No verdict yet.** The worker gives one after it has measured." in text


def test_readings_whose_verdict_was_dropped_wait_for_the_worker(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scale, a withdrawal or a closed alert has the history judged anew."""
    place = stage.location(stage.site("Site", "UTC"), "wall", mm_per_px=0.2)
    for days_ago in (60, 30, 1):
        stage.reading(place, days_ago, 4.0)
    for page, name in (("overview", None), ("location", "wall")):
        text = words(opened(stage.settings.workspace, page, monkeypatch, name))
        assert "**No verdict at present.** The worker judges the readings in its next round." in text
        assert "after it has measured" not in text
    assert "No rate yet: the worker fits one in its next round." in text


def test_location_names_the_pages_that_change_what_it_tells(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = words(opened(full, "location", monkeypatch, "pixels"))
    assert "give one on *Set up*, Scale and plan" in text
    assert "change it on *Set up*, Thresholds" in words(opened(full, "location", monkeypatch, "steady"))
    assert "is put there on *Upload*" in words(opened(full, "location", monkeypatch, "growing"))


def test_location_says_what_to_do_with_captures_that_gave_no_numbers(
    full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "crackmonitor capture move NUMBER --location NAME"
    assert told in words(opened(full, "location", monkeypatch, "growing"))
    assert told not in words(opened(full, "location", monkeypatch, "steady"))


def test_location_lists_every_capture_with_its_reason(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = opened(full, "location", monkeypatch, "growing").dataframe[0].value
    assert len(table) == 17
    by_status = table.set_index("Status")["Reason"].to_dict()
    assert "only 3 features agree" in by_status["◇ not registered"]
    assert "damaged" in by_status["✕ rejected"]
    assert table["Reason"].str.contains("time uncertain").sum() == 1
    assert (table["Status"] == "… waiting").sum() == 1
    assert table["Width"].max() == pytest.approx(0.2 * 9.0)


def test_location_changes_its_metric(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(full, "location", monkeypatch, "growing")
    metric = next(box for box in app.selectbox if box.label == "Metric")
    assert "Number of cracks" in metric.options, "a number of cracks (cracks) would be odd"
    metric.select("crack_count").run()
    assert not app.exception
    assert "Number of cracks" in words(app)


@pytest.fixture
def cracked(stage: Stage) -> Path:
    two_cracks(stage)
    return stage.settings.workspace


def test_location_shows_every_crack_by_the_gap_and_by_the_lips(cracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In mm at 0.2 mm per px; of B, whose last photo shows nothing, what was known before."""
    app = opened(cracked, "location", monkeypatch, "cracked")
    assert "Cracks" in [group.value for group in app.subheader]
    sizes, movements = (app.dataframe[number].value.set_index("Crack") for number in (0, 1))
    assert list(sizes.index) == list(movements.index) == ["A", "B"]
    table = sizes.join(movements)
    assert table["Verdict"].to_dict() == {"A": "Dormant", "B": "Progressive"}
    assert table["Widest"].to_dict() == {"A": "1.512 ± 0.026", "B": "2.838 ± 0.026"}
    assert table["Change"].to_dict() == {"A": "0.0000 ± 0.0080", "B": "1.2840 ± 0.0080"}
    assert table["By the lips"]["B"] == "1.264 ± 0.012"
    assert table["Both agree"].to_dict() == {"A": "yes", "B": "yes"}
    assert table["Last seen as"].to_dict() == {"A": "seen again", "B": "not found (that is no healing)"}


def test_location_goes_by_its_gravest_crack(cracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for page, name in (("overview", None), ("location", "cracked")):
        text = words(opened(cracked, page, monkeypatch, name))
        assert "**Progressive**. The rate is" in text
        assert "**Dormant**" not in text
        assert "Crack B, opening at the widest place: +1.8" in text


def test_location_changes_its_crack_and_draws_what_counts_for_nothing_hollow(
    cracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(cracked, "location", monkeypatch, "cracked")

    def box(label: str) -> Any:
        return next(found for found in app.selectbox if found.label == label)

    def drawn() -> dict[str, dict[str, Any]]:
        figure = json.loads(app.get("plotly_chart")[0].proto.spec)
        return {trace["name"]: trace for trace in figure["data"]}

    assert box("Crack").options == ["Crack B", "Crack A", "All cracks together, by their masks"]
    assert (box("Crack").value, box("Metric").value) == ("B", "widest_mm")
    traces = drawn()
    assert len(traces["reading, grade B"]["customdata"]) == 13
    assert traces["not counted"]["marker"]["symbol"] == "circle-open"
    assert "grade C: it is blurred" in traces["not counted"]["customdata"][0].replace("<br>", " ")
    assert "not found in this capture" in traces["no value"]["customdata"][0].replace("<br>", " ")
    assert "13 readings over" in words(app)
    box("Crack").select("A").run()
    assert not app.exception
    assert len(drawn()["reading, grade B"]["customdata"]) == 14
    box("Metric").select("opening_px").run()
    assert "Mean opening" in words(app)
    box("Crack").select("all").run()
    assert not app.exception
    assert "max_width_mm" in str(box("Metric").value)


def figure_of(app: AppTest) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Traces by name, and the layout."""
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    return {trace["name"]: trace for trace in figure["data"]}, figure["layout"]


def test_location_marks_events_and_its_line_begins_after_the_last(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = two_cracks(stage)
    traces, layout = figure_of(opened(stage.settings.workspace, "location", monkeypatch, "cracked"))
    assert (len(traces["reading, grade B"]["x"]), layout.get("shapes", [])) == (13, [])
    whole = traces["fitted line"]["x"]
    stage.event(place, 200, EventKind.REPAIR, "Crack B <b>injected</b>", by="Ada")
    stage.event(place, 300, EventKind.NEW_CAMERA)
    stage.fit(place)
    st.cache_data.clear()
    st.cache_resource.clear()
    app = opened(stage.settings.workspace, "location", monkeypatch, "cracked")
    traces, layout = figure_of(app)
    assert [note["text"] for note in layout["annotations"]] == ["Change of camera", "Repair"]
    assert {shape["line"]["dash"] for shape in layout["shapes"]} == {"dot"}
    repair = layout["shapes"][-1]["x0"]
    line = traces["fitted line"]["x"]
    assert whole[0] < repair < line[0]
    assert line[0] == min(traces["reading, grade B"]["x"])
    assert (len(traces["reading, grade B"]["x"]), len(traces["not counted"]["x"])) == (7, 8)
    assert "before the repair of" in traces["not counted"]["customdata"][0].replace("<br>", " ")
    text = words(app)
    assert "Repair, " in text
    assert plain("Crack B <b>injected</b>") in text
    assert "(Ada). Readings from before it do not count" in text
    assert plain("Only readings since the repair of") in text
    assert "7 readings over" in text


@pytest.fixture
def other_recipe(stage: Stage) -> tuple[Stage, int]:
    """A wall of six captures, all read 0.3 to 0.8 px wider under the recipe that the settings have brought since."""
    place = stage.location(stage.site("Site", "UTC"), "wall", mm_per_px=0.2)
    for month in range(6):
        stage.reading(place, 30 * (6 - month), 4.0 + 0.1 * month)
    stage.fit(place)
    stage.other_recipe(place, wider_px=[0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    return stage, place


def test_another_recipe_that_is_ready_is_mentioned_with_its_offset_and_what_to_do(
    other_recipe: tuple[Stage, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = other_recipe[0].settings.workspace
    told = words(opened(folder, "overview", monkeypatch))
    assert "1 location has another recipe ready; compare and switch with" in told
    assert "`crackmonitor location recipe NAME`" in told
    (info,) = opened(folder, "location", monkeypatch, "wall").info
    assert plain(f"goes by the recipe {RECIPE.fingerprint}.") in info.value
    assert plain(f"Another one, {OTHER_RECIPE.fingerprint}, is ready") in info.value
    assert plain("'crackmonitor location recipe wall'") in info.value
    assert "maximum width: +0.110 mm (90 % interval +0.060 to +0.160), the median of 6 captures." in info.value
    app = opened(folder, "system", monkeypatch)
    assert "Another recipe" in [group.value for group in app.subheader]
    assert "1 location beside whose recipe there is another, 1 of them ready." in words(app)
    (row,) = app.dataframe[0].value.to_dict("records")
    assert row == {
        "Location": "wall",
        "In force": RECIPE.fingerprint,
        "Other": OTHER_RECIPE.fingerprint,
        "Under both": 6,
        "Pending": 0,
        "Waiting for the switch": 0,
    }


def test_another_recipe_that_is_not_ready_says_what_is_missing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = stage.location(stage.site("Site", "UTC"), "wall", mm_per_px=0.2)
    for month in range(6):
        stage.reading(place, 30 * (6 - month), 4.0)
    stage.other_recipe(place, wider_px=[0.3, 0.4])
    folder = stage.settings.workspace
    assert "another recipe ready" not in words(opened(folder, "overview", monkeypatch))
    (info,) = [box for box in opened(folder, "location", monkeypatch, "wall").info if "recipe" in box.value]
    assert plain("still to measure 4 capture(s); 2 capture(s) have been read under both") in info.value
    assert "interval" not in info.value


def test_a_recipe_in_force_that_is_lost_is_a_warning_with_what_to_do(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = stage.location(stage.site("Site", "UTC"), "wall", mm_per_px=0.2)
    stage.reading(place, 30, 4.0)
    stage.other_recipe(place, wider_px=[0.3], lost="its weights 'made-up' are gone.")
    stage.capture(place, 1)
    for page in ("location", "system"):
        warning = opened(stage.settings.workspace, page, monkeypatch, "wall").warning[-1]
        assert plain("cannot be run any more: its weights 'made-up' are gone. 1 capture(s) wait") in warning.value
        assert plain("--switch") in warning.value


def test_location_marks_a_new_recipe_in_its_trend(
    other_recipe: tuple[Stage, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, place = other_recipe
    _, layout = figure_of(opened(stage.settings.workspace, "location", monkeypatch, "wall"))
    assert layout.get("annotations", []) == []
    stage.switch_recipe(place, by="Ada <b>L</b>")
    stage.fit(place)
    st.cache_data.clear()
    st.cache_resource.clear()
    app = opened(stage.settings.workspace, "location", monkeypatch, "wall")
    traces, layout = figure_of(app)
    assert [note["text"] for note in layout["annotations"]] == ["New recipe"]
    assert [shape["line"]["dash"] for shape in layout["shapes"]] == ["dot"]
    assert traces["reading"]["y"] == pytest.approx([0.2 * (4.3 + 0.2 * month) for month in range(6)])
    assert plain("Ada <b>L</b>") in words(app)
    assert f"under {OTHER_RECIPE.fingerprint} since, before under {RECIPE.fingerprint}" in words(app)
    assert not [box for box in app.info if "another recipe" in box.value.lower()]


def test_location_draws_temperatures_and_fits_beside_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the first year, when no season shows."""
    place = stage.location(stage.site("Site", "UTC"), "young", mm_per_px=0.2)
    warmth = [5.0, 9.0, 4.0, 12.0, 8.0, 15.0, 9.0, 18.0, 11.0]
    for fortnight, celsius in enumerate(warmth):
        stage.reading(place, 14 * (9 - fortnight), 4.0 + 0.1 * celsius)
    stage.fit(place)
    app = opened(stage.settings.workspace, "location", monkeypatch, "young")
    assert "temperature" not in figure_of(app)[0]
    assert "straight line" in words(app)
    stage.temperatures(place, {14 * (9 - fortnight): celsius for fortnight, celsius in enumerate(warmth)})
    stage.fit(place)
    st.cache_data.clear()
    st.cache_resource.clear()
    app = opened(stage.settings.workspace, "location", monkeypatch, "young")
    traces, layout = figure_of(app)
    assert traces["temperature"]["y"] == warmth
    assert "°C" in layout["yaxis3"]["title"]["text"]
    assert "trend beside temperature" in words(app)


def test_location_gives_each_capture_its_grade_and_why(cracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = opened(cracked, "location", monkeypatch, "cracked").dataframe[2].value
    assert list(table["Grade"]).count("C") == 1
    assert table.set_index("Grade")["Reason"]["C"].startswith("it is blurred")


def test_location_says_first_why_a_capture_has_no_sizes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = stage.location(stage.site(SITE, "Europe/Berlin"), "shifted", mm_per_px=0.2)
    stage.reading(place, 30, 4.0, grading=Grading(Grade.A))
    stage.cut_off(place, 2, Grading(Grade.B, ("it shows only 84% of the reference",)))
    app = opened(stage.settings.workspace, "location", monkeypatch, "shifted")
    table = next(one.value for one in app.dataframe if "Reason" in one.value)
    (row,) = [row for _, row in table.iterrows() if "not measured" in row["Status"]]
    assert row["Grade"] == "B"
    assert row["Reason"].startswith("The photo does not show all of the crack. (it shows only 84%")


def test_location_blends_and_shows_a_refused_capture(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(full, "location", monkeypatch, "growing")
    assert len(app.image) == 3
    slider = app.select_slider[0]
    refused = next(key for key in range(1, 17) if "original" in _pictures(full, key))
    slider.set_value(refused).run()
    assert not app.exception
    assert "could not be compared" in words(app)
    assert plain("<b>move</b>") in words(app)
    assert len(app.image) == 1


def _pictures(workspace: Path, capture_id: int) -> list[str]:
    return [path.stem.split("_")[1] for path in (workspace / "pictures").glob(f"{capture_id}_*")]


def test_location_says_which_picture_is_missing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = stage.location(stage.site("Site", "UTC"), "wall")
    for days_ago in (9, 2):
        newest = stage.reading(place, days_ago, 4.0)
    for path in stage.settings.pictures.glob(f"{newest}_*"):
        path.unlink()
    text = words(opened(stage.settings.workspace, "location", monkeypatch, "wall"))
    assert "the picture is missing from disk" in text
    assert "This capture has no stored mask" in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("empty", "No capture yet"),
        ("spoilt", "2 files could not be taken in"),
        ("late", "one is expected every 31 days"),
        ("pixels", "scale: none, so sizes are in pixels"),
        ("sound", "8 readings so far"),
        ("steady", "No alert is firing"),
    ],
)
def test_location_in_every_other_state(full: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: str) -> None:
    app = opened(full, "location", monkeypatch, name)
    assert expected in words(app)
    assert not app.error


def test_location_without_a_name_or_with_a_wrong_one_asks(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(full, "location", monkeypatch)
    assert app.selectbox[0].value is None
    app.selectbox[0].select("steady").run()
    assert app.query_params["location"] == "steady"
    app = opened(full, "location", monkeypatch, "no*body")
    assert "There is no location named no\\*body" in words(app)


def test_system_tells_worker_work_and_rejected_files(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(full, "system", monkeypatch)
    text = words(app)
    assert "wall\\-pc\\:4711" in text
    assert "1 capture to be measured" in text
    assert [fold.label.split(" ", 1)[0] for fold in app.expander] == ["2", "1"]
    assert not app.error


def test_system_counts_files_that_no_worker_has_looked_at(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = stage.settings.inbox / "wall"
    stage.location(stage.site("Hall", "UTC"), "wall")
    inbox.mkdir(parents=True, exist_ok=True)
    for name in ("a.jpg", "b.jpg", ".hidden.part", "half.jpg.crdownload", "Thumbs.db", ".trash/c.jpg"):
        (inbox / name).parent.mkdir(exist_ok=True)
        (inbox / name).write_bytes(b"photo")
    (inbox / "link.jpg").symlink_to(inbox / "a.jpg")
    text = words(opened(stage.settings.workspace, "system", monkeypatch))
    assert "2 files in the inbox, not looked at yet" in text


def test_a_withdrawn_photo_is_no_file_in_quarantine(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = stage.location(stage.site("Hall", "UTC"), "wall")
    for days_ago in (3, 2):
        stage.reading(place, days_ago, 4.0)
    with stage.database.transaction() as session:
        repository.withdraw_capture(session, 2, why="wrong wall", now=NOW, by="Ada")
    assert "Every file was taken in." in words(opened(stage.settings.workspace, "system", monkeypatch))
    stage.reject(place, "notes.txt", "does not contain a picture.")
    st.cache_data.clear()
    assert "1 file lies in quarantine" in words(opened(stage.settings.workspace, "system", monkeypatch))


def test_no_workspace_is_one_sentence_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in ("overview", "location", "system"):
        app = opened(tmp_path, page, monkeypatch)
        assert "is not a workspace" in app.error[0].value
        assert "crackmonitor init" in app.error[0].value


def test_an_absent_database_is_one_sentence_and_what_to_do(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.database.close()
    (stage.settings.workspace / "crackmonitor.db").unlink()
    app = opened(stage.settings.workspace, "overview", monkeypatch)
    assert "There is no database file" in app.error[0].value
    assert "crackmonitor upgrade" in app.error[0].value


def test_blending_goes_from_one_picture_to_the_other() -> None:
    dark, light = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 200, np.uint8)
    assert (before_after.blended(dark, light, 0.0) == dark).all()
    assert (before_after.blended(dark, light, 0.25) == 50).all()
    assert (before_after.blended(dark, light, 1.0) == light).all()
