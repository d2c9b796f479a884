"""One capture and a person's word on its cracks, without a browser."""

import pytest
from made_up_workspace import Stage, two_cracks
from streamlit.testing.v1 import AppTest
from test_pages import opened, words

from dashboard import capture_data
from monitor.errors import MisuseError
from monitor.storage import queries
from monitor.storage.told import CorrectionKind


def capture_page(stage: Stage, monkeypatch: pytest.MonkeyPatch, location: str, number: int | None = None) -> AppTest:
    app = opened(stage.settings.workspace, "capture", monkeypatch, location)
    if number is not None:
        app.query_params["capture"] = str(number)
        app.run()
    assert not app.exception
    return app


def test_a_capture_shows_figures_grade_with_reasons_and_its_cracks(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cracks(stage)
    app = capture_page(stage, monkeypatch, "cracked", 4)
    text = words(app)
    assert "| Capture 4 | photo\\_4\\.jpg |" in text
    assert "**C**: it is blurred" in text
    assert "0.8 mm · 4 px" in text
    assert "within 0.2 px, 98% of the reference in view" in text
    assert list(app.dataframe[0].value["Crack"]) == ["A", "B"]
    assert [tab.label for tab in app.tabs] == [
        "In the reference's frame",
        "Relevance: what made it a crack",
        "Mask: what was found",
    ]


@pytest.mark.parametrize(
    ("way", "kind"), [("Accept a crack", CorrectionKind.ACCEPTED), ("Reject a crack", CorrectionKind.REJECTED)]
)
def test_a_crack_is_accepted_or_rejected_with_the_reason(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, way: str, kind: CorrectionKind
) -> None:
    place = two_cracks(stage)
    app = capture_page(stage, monkeypatch, "cracked", 2)
    app.segmented_control[0].select(way).run()
    app.selectbox[2].select("B").run()
    record = next(button for button in app.button if button.label == "Record it")
    assert record.disabled, "no word without a reason"
    app.text_input[0].input("A <i>cable</i>").run()
    app.text_input(key="name").input("Ada").run()
    next(button for button in app.button if button.label == "Record it").click().run()
    assert not app.exception
    with stage.database.session() as session:
        (told,) = queries.corrections(session, place)
    assert (told.kind, told.crack, told.why, told.recorded_by, told.capture_id) == (
        kind,
        "B",
        "A <i>cable</i>",
        "Ada",
        2,
    )
    assert "A \\<i\\>cable\\<\\/i\\>" in words(app)
    again = next(button for button in app.button if button.label == "Record it")
    assert again.disabled, "a second click would record it twice"


def test_a_missed_crack_is_marked_by_points(stage: Stage) -> None:
    place = two_cracks(stage)
    folder = stage.settings.workspace
    seen = capture_data.shown(folder, 2)
    with pytest.raises(MisuseError, match="too short"):
        capture_data.mark(folder, seen, [(1.0, 1.0), (2.0, 2.0)], "There", "Ada")
    capture_data.mark(folder, seen, [(1.0, 1.0), (40.0, 40.0)], "There", "Ada")
    with stage.database.session() as session:
        (told,) = queries.corrections(session, place)
    assert (told.kind, told.crack) == (CorrectionKind.MARKED, "M1")
    assert told.course[-1].tolist() == [40.0, 40.0]


def test_a_rejected_file_says_why(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = stage.location(stage.site("Hall", "UTC"), "wall")
    stage.reject(place, "notes.txt", "does not contain a picture.")
    app = capture_page(stage, monkeypatch, "wall")
    assert "Not taken in: does not contain a picture" in app.warning[0].value
    assert not [button for button in app.button if button.label == "Record it"]
