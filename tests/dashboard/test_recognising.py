"""Uploaded photos whose location is proposed: nothing is filed before a person confirms."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from made_up_workspace import Stage
from streamlit.testing.v1 import AppTest
from test_pages import opened, words

from monitor.imaging.files import write_jpeg
from monitor.imaging.recognition import landmarks, write_landmarks
from monitor.records import ByteArray
from monitor.storage import queries

SHAPE = (300, 400)


def wall(seed: int) -> ByteArray:
    """A wall of blotches, uint8 (rows, cols, 3), with a margin around what a photo shows."""
    noise = np.random.default_rng(seed).normal(0, 1, (400, 600)).astype(np.float32)
    rough = 30 * cv2.GaussianBlur(noise, (0, 0), 2) * 4 + 60 * cv2.GaussianBlur(noise, (0, 0), 8) * 8
    return np.repeat(np.clip(128 + rough, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def view(seed: int, row: int, col: int) -> ByteArray:
    return np.ascontiguousarray(wall(seed)[row : row + SHAPE[0], col : col + SHAPE[1]])


def encoded(image: ByteArray) -> bytes:
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


@pytest.fixture
def town(stage: Stage) -> Stage:
    """`north` and `south` are two walls, `north-2` another view of the first; `new` has no reference yet."""
    site = stage.site("Hall", "UTC")
    for name, image in (("north", view(1, 40, 60)), ("south", view(2, 40, 60)), ("north-2", view(1, 60, 150))):
        place = stage.location(site, name)
        number = stage.reading(place, 30, 4.0)
        with stage.database.session() as session:
            reference = queries.capture(session, number)
        assert reference.reading is not None
        path = stage.settings.pictures / reference.reading.pictures["aligned"]
        write_jpeg(path, image, 92)
        write_landmarks(stage.settings.landmarks_of(reference.sha256), landmarks(image))
    stage.location(site, "new")
    return stage


def dropped(town: Stage, monkeypatch: pytest.MonkeyPatch, **files: bytes) -> AppTest:
    app = opened(town.settings.workspace, "upload", monkeypatch)
    app.toggle[0].set_value(True).run()
    app.file_uploader[0].set_value([(f"{name}.jpg", content, "image/jpeg") for name, content in files.items()]).run()
    assert not app.exception
    return app


def told(app: AppTest) -> str:
    """All text, as people see it."""
    return words(app).replace("\\", "")


def waiting(town: Stage) -> list[str]:
    inbox: Path = town.settings.inbox
    return sorted(str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file())


def test_what_is_likely_is_proposed_and_filed_only_when_confirmed(town: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = dropped(town, monkeypatch, photo=encoded(view(2, 46, 65)))
    assert "Very likely south" in told(app)
    assert "in view). It fits no other location" in told(app)
    assert "1 location could not be compared" in told(app)
    box = next(box for box in app.selectbox if box.label == "Location of photo\\.jpg")
    assert box.value == "south"
    assert waiting(town) == []
    next(button for button in app.button if button.label == "Confirm and put 1 photo into the inbox").click().run()
    assert waiting(town) == ["south/photo.jpg"]


def test_two_places_of_one_wall_are_both_named_and_neither_is_chosen(
    town: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = dropped(town, monkeypatch, photo=encoded(view(1, 50, 105)))
    text = told(app)
    assert "It fits 2 locations, which show the same stretch of wall" in text
    assert "north-2" in text
    box = next(box for box in app.selectbox if box.label == "Location of photo\\.jpg")
    assert box.value is None
    assert set(box.options[:2]) == {"north", "north-2"}
    button = next(button for button in app.button if button.label.startswith("Confirm"))
    assert button.disabled


def test_strangers_and_wrong_files_are_said_and_not_sent(town: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = dropped(town, monkeypatch, stranger=encoded(view(9, 40, 60)), notes=b"no photo at all")
    text = told(app)
    assert "Not recognised" in text
    assert "does not contain a picture of an accepted format" in text
    assert [box.label for box in app.selectbox if "Location of" in box.label] == ["Location of stranger\\.jpg"]
    assert "2 files without a location will not be sent" in text
    next(box for box in app.selectbox if "stranger" in box.label).select("new").run()
    next(button for button in app.button if button.label == "Confirm and put 1 photo into the inbox").click().run()
    assert waiting(town) == ["new/stranger.jpg"]


def test_before_the_worker_has_looked_nothing_is_guessed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    site = stage.site("Hall", "UTC")
    for name in ("north", "south"):
        stage.reading(stage.location(site, name), 3, 4.0)
    app = dropped(stage, monkeypatch, photo=encoded(view(1, 40, 60)))
    assert "No reference can be recognised yet" in told(app)
