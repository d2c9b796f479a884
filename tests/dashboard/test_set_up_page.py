"""Locations set up on the page, without a browser."""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from made_up_workspace import Stage
from marked_walls import SIDE_MM, MarkedWall
from PIL import Image
from streamlit.testing.v1 import AppTest
from test_pages import opened, words

from dashboard import place_data
from dashboard.wording import plain
from monitor.errors import MisuseError
from monitor.guides import guides
from monitor.records import LevelOrder, ScaleOrigin
from monitor.storage import queries
from monitor.storage.views import LocationView


def encoded(image: np.ndarray) -> bytes:
    written = io.BytesIO()
    Image.fromarray(image).save(written, "PNG")
    return written.getvalue()


def set_up_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return opened(stage.settings.workspace, "set_up", monkeypatch)


def press(app: AppTest, label: str) -> AppTest:
    app = next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def location(stage: Stage, name: str) -> LocationView:
    with stage.database.session() as session:
        return queries.location(session, name)


def test_the_first_location_comes_with_its_site_photo_scale_and_plan(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = set_up_page(stage, monkeypatch)
    assert "From nothing to a trend" in app.expander[0].label
    app.text_input[0].input("Town hall")
    app.selectbox[0].select("Europe/Berlin")
    app.text_input[1].input("north-wall").run()
    photo = encoded(stage.wall(1, 4.0))
    app.file_uploader[0].set_value(("wall.png", photo, "image/png")).run()
    app.radio[0].set_value("Typed").run()
    app.number_input[1].set_value(0.25).run()
    app.file_uploader[1].set_value(("plan.png", photo, "image/png")).run()
    press(app, "Add the location")
    assert "north\\-wall is set up" in app.toast[0].value, "the top of the page may be out of sight"
    assert not [field.value for field in app.text_input if field.label == "Name of the location" and field.value]
    assert app.radio[0].value == "None yet (sizes in pixels)", "the next location would get this one's scale"
    view = location(stage, "north-wall")
    assert (view.site, view.time_zone) == ("Town hall", "Europe/Berlin")
    assert view.scale is not None
    assert (view.scale.mm_per_px, view.scale.origin) == (0.25, ScaleOrigin.TYPED)
    assert (stage.settings.inbox / "north-wall" / "wall.png").read_bytes() == photo
    assert (stage.settings.plans / "north-wall.jpg").is_file()


def test_a_marker_in_the_photo_gives_the_scale(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.site("Hall", "UTC")
    app = set_up_page(stage, monkeypatch)
    app.text_input[0].input("wall").run()
    app.file_uploader[0].set_value(("wall.png", encoded(MarkedWall(200.0).photo()), "image/png")).run()
    app.radio[0].set_value("From a marker").run()
    app.number_input[1].set_value(SIDE_MM).run()
    press(app, "Add the location")
    scale = location(stage, "wall").scale
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(SIDE_MM / 200, rel=0.01)


def test_a_file_that_is_no_photo_and_a_name_that_is_none_are_said_plainly(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.site("Hall", "UTC")
    app = set_up_page(stage, monkeypatch)
    app.text_input[0].input("no name!").run()
    press(app, "Add the location")
    assert "cannot name a location" in app.warning[0].value
    app.file_uploader[0].set_value(("notes.txt", b"words", "text/plain")).run()
    assert "This file does not contain a picture" in app.warning[0].value
    with stage.database.session() as session:
        assert queries.locations(session) == []


def test_thresholds_are_agreed_by_an_engineer_from_a_day_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = stage.location(stage.site("Hall", "Europe/Berlin"), "wall")
    app = set_up_page(stage, monkeypatch)
    app.segmented_control[0].select("Thresholds").run()
    app.selectbox[0].select("wall").run()
    assert "agreed by nobody" in words(app)
    press(app, "Put in force")
    assert "Say who agreed" in app.warning[0].value
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
    app.number_input(key="limit red_rate").set_value(3.0)
    app.number_input(key="limit red_change").set_value(0.0)
    app.text_input(key="owner red").input("Dr. Stein")
    app.date_input[0].set_value(tomorrow)
    next(field for field in app.text_input if field.label == "Engineer who agreed to it").input("Dr. Stein")
    press(app, "Put in force")
    with stage.database.session() as session:
        view = queries.trigger_plans(session, place)[-1]
    assert (view.plan.red_rate, view.plan.red_change, view.plan.red.owner) == (3.0, None, "Dr. Stein")
    assert view.agreed_by == "Dr. Stein"
    assert view.valid_from is not None
    assert f"{view.valid_from:%Y-%m-%d %H}" < f"{tomorrow} 00", "midnight on the site's clocks"


def test_published_limits_stand_beside_the_thresholds_with_source_and_caveat(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.location(stage.site("Hall", "UTC"), "wall")
    app = set_up_page(stage, monkeypatch)
    app.segmented_control[0].select("Thresholds").run()
    app.selectbox[0].select("wall").run()
    text = words(app)
    for guide in guides().values():
        assert plain(guide.title) in text
        assert plain(guide.caveat) in text
        assert plain(guide.source) in text
    assert "| very severe | wider | stability" in text
    assert "| negligible | below 0\\.1 | hairline" in text
    assert "| dry air or protective membrane | up to 0\\.41 |\n" in f"{text}\n", "no column for notes that are none"


def test_a_red_rate_below_ambers_is_refused(stage: Stage) -> None:
    place = stage.location(stage.site("Hall", "UTC"), "wall")
    order = LevelOrder("Look.", "Ada", 1.0)
    with pytest.raises(MisuseError, match="must lie above amber"):
        place_data.agree_plan(
            stage.settings.workspace,
            place,
            {"amber_rate": 2.0, "red_rate": 1.0},
            dict.fromkeys(("green", "amber", "red"), order),
            agreed_by="Ada",
            valid_from=None,
        )


def test_a_scale_is_given_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = stage.location(stage.site("Hall", "UTC"), "wall")
    stage.reading(place, 1, 4.0)
    app = set_up_page(stage, monkeypatch)
    app.segmented_control[0].select("Scale and plan").run()
    app.selectbox[0].select("wall").run()
    app.radio[0].set_value("Typed").run()
    app.number_input[0].set_value(0.5).run()
    press(app, "Set the scale")
    with stage.database.session() as session:
        (capture,) = queries.captures(session, place)
    assert capture.reading is not None
    assert capture.reading.severity is not None
    assert capture.reading.severity.max_width_mm == pytest.approx(2.0)


def test_two_points_are_asked_for_on_a_new_photo_and_on_a_known_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.reading(stage.location(stage.site("Hall", "UTC"), "wall"), 1, 4.0)
    app = set_up_page(stage, monkeypatch)
    app.file_uploader[0].set_value(("wall.png", encoded(stage.wall(1, 4.0)), "image/png")).run()
    app.radio[0].set_value("From two points").run()
    assert not app.exception
    assert "Their distance on the wall (mm)" in [field.label for field in app.number_input]
    app.segmented_control[0].select("Scale and plan").run()
    app.selectbox[0].select("wall").run()
    app.radio[0].set_value("From two points").run()
    assert not app.exception
    assert "Their distance on the wall (mm)" in [field.label for field in app.number_input]
