"""Photos that are dropped on the page, and misfiled ones that are put right, without a browser."""

from pathlib import Path

import pytest
from made_up_workspace import Stage
from streamlit.testing.v1 import AppTest
from test_pages import opened, words

from dashboard import data, intake_data
from monitor.storage import queries


@pytest.fixture
def two_walls(stage: Stage) -> Stage:
    """`north` has a reference and two more photos, `south` nothing."""
    site = stage.site("Hall", "Europe/Berlin")
    north = stage.location(site, "north", mm_per_px=0.2)
    stage.location(site, "south")
    for days_ago in (60, 30, 1):
        stage.reading(north, days_ago, 4.0)
    return stage


def upload_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return opened(stage.settings.workspace, "upload", monkeypatch)


def misfiled(stage: Stage, monkeypatch: pytest.MonkeyPatch, number: int) -> AppTest:
    app = upload_page(stage, monkeypatch)
    app.selectbox[1].select("north").run()
    app.selectbox[2].set_value(number).run()
    app.text_input[0].input("It shows the <b>other</b> wall").run()
    app.text_input(key="name").input("Ada").run()
    return app


def test_twenty_files_at_once_go_to_the_inbox_and_are_followed(
    two_walls: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = upload_page(two_walls, monkeypatch)
    app.selectbox[0].select("south").run()
    files = [("photo.jpg", f"photo {turn}".encode(), "image/jpeg") for turn in range(20)]
    app.file_uploader[0].set_value(files).run()
    app.button[0].click().run()
    assert not app.exception
    kept = sorted((two_walls.settings.inbox / "south").iterdir())
    assert len(kept) == 20
    assert {path.read_bytes() for path in kept} == {content for _, content, _ in files}
    table = app.dataframe[0].value
    assert list(table["State"]) == ["… in the inbox"] * 20


def test_an_empty_and_a_huge_file_are_refused_in_words(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRACKMONITOR_INGEST__MAX_FILE_MB", "0.001")
    stage.location(stage.site("Hall", "UTC"), "wall")
    app = upload_page(stage, monkeypatch)
    files = [("empty.jpg", b"", "image/jpeg"), ("huge.jpg", bytes(2000), "image/jpeg")]
    app.file_uploader[0].set_value(files).run()
    app.button[0].click().run()
    told = list(app.dataframe[0].value["What became of it"])
    assert "it is empty (0 bytes)" in told[0]
    assert "more than the 0.001 MB allowed" in told[1]
    assert not list((stage.settings.inbox / "wall").glob("*"))


def test_the_fate_of_a_file_is_told_at_every_stage(stage: Stage) -> None:
    place = stage.location(stage.site("Hall", "UTC"), "wall")
    folder = stage.settings.workspace
    measured, waiting = stage.reading(place, 2, 4.0), stage.capture(place, 1)
    stage.reject(place, "notes.txt", "does not contain a picture of an accepted format.")
    with stage.database.session() as session:
        views = {view.id: view for view in queries.captures(session, place)}
    new = intake_data.send(folder, "wall", "../../etc/passwd", b"new")
    assert [path.name for path in (stage.settings.inbox / "wall").iterdir()] == ["passwd"]
    rejected = max(views)
    sent = [intake_data.Sent("a.jpg", "wall", views[key].sha256) for key in (measured, waiting, rejected)]
    found = intake_data.fates(folder, [*sent, new])
    assert [fate.stage for fate in found] == ["measured", "accepted", "rejected", "inbox"]
    assert [fate.settled for fate in found] == [True, False, True, False]
    assert "does not contain a picture" in found[2].told


def test_once_a_file_is_measured_its_location_is_not_shown_as_it_was(
    two_walls: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = two_walls.settings.workspace
    app = upload_page(two_walls, monkeypatch)
    place, before = data.detail(folder, "north").glance.status.location.id, data.detail(folder, "north").readings
    measured = two_walls.reading(place, 0.5, 4.0)
    assert data.detail(folder, "north").readings == before, "what was read a moment ago is kept"
    with two_walls.database.session() as session:
        sha256 = queries.capture(session, measured).sha256
    app.session_state["sent"] = [intake_data.Sent("a.jpg", "north", sha256)]
    app.run()
    assert [link.label for link in app.page_link] == ["See north"]
    assert data.detail(folder, "north").readings == before + 1


@pytest.mark.parametrize("name", [".hidden.jpg", "~lock.jpg", "copy.part", "copy.tmp"])
def test_no_upload_is_called_like_a_file_that_the_worker_passes_over(stage: Stage, name: str) -> None:
    stage.location(stage.site("Hall", "UTC"), "wall")
    intake_data.send(stage.settings.workspace, "wall", name, b"photo")
    (kept,) = (stage.settings.inbox / "wall").iterdir()
    assert not kept.name.startswith((".", "~"))
    assert kept.suffix not in (".part", ".tmp")


def test_a_misfiled_photo_is_moved_with_its_reason(two_walls: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = misfiled(two_walls, monkeypatch, 3)
    app.selectbox[3].select("south").run()
    next(button for button in app.button if button.label == "Move it").click().run()
    assert not app.exception
    with two_walls.database.session() as session:
        south = queries.location(session, "south")
        assert [view.id for view in queries.captures(session, south.id)] == [3]
        (told,) = queries.filings(session, south.id)
    assert (told.before, told.after, told.by, told.why) == ("north", "south", "Ada", "It shows the <b>other</b> wall")


def test_a_photo_is_withdrawn_and_taken_back(two_walls: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = misfiled(two_walls, monkeypatch, 2)
    next(button for button in app.button if button.label == "Withdraw it").click().run()
    with two_walls.database.session() as session:
        withdrawn = queries.capture(session, 2)
        place = withdrawn.location_id
        assert len(queries.series(session, place, "max_width_mm").observations) == 2
    assert withdrawn.rejected_reason == "withdrawn by Ada: It shows the <b>other</b> wall"
    app = misfiled(two_walls, monkeypatch, 2)
    assert "capture 2 withdrawn by Ada: It shows the \\<b\\>other" in words(app)
    next(button for button in app.button if button.label == "Take it back").click().run()
    with two_walls.database.session() as session:
        assert queries.capture(session, 2).rejected_reason is None


def test_the_reference_is_not_offered(two_walls: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = upload_page(two_walls, monkeypatch)
    app.selectbox[1].select("north").run()
    assert len(app.selectbox[2].options) == 2


def test_without_locations_the_page_leads_to_set_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = upload_page(stage, monkeypatch)
    assert "no locations yet" in words(app)
    assert [link.label for link in app.page_link] == ["Set up the first location"]


def test_a_workspace_elsewhere_is_left_alone(stage: Stage, tmp_path: Path) -> None:
    stage.location(stage.site("Hall", "UTC"), "wall")
    intake_data.send(stage.settings.workspace, "wall", "photo.jpg", b"photo")
    assert {path.name for path in tmp_path.iterdir()} == {"workspace"}
