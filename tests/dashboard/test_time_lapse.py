"""Captures one after the other."""

import io
from pathlib import Path

import pytest
from made_up_workspace import Stage, two_cracks
from PIL import Image
from test_pages import opened

from dashboard.time_lapse import animated


def test_it_shows_every_picture_that_is_there(stage: Stage) -> None:
    names = [stage.pictures(number, 4.0 + number)["aligned"] for number in range(4)]
    frames = tuple((name, f"day {number}") for number, name in enumerate([*names, "lost.png"]))
    animation = animated(stage.settings.workspace, frames)
    assert animation is not None
    with Image.open(io.BytesIO(animation)) as picture:
        assert (picture.n_frames, picture.size) == (4, (64, 48))
        assert picture.info["loop"] == 0


def test_one_picture_is_no_time_lapse(stage: Stage, tmp_path: Path) -> None:
    assert animated(stage.settings.workspace, ((stage.pictures(1, 4.0)["aligned"], "day"),)) is None


def test_the_page_draws_it_when_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    two_cracks(stage)
    app = opened(stage.settings.workspace, "location", monkeypatch, "cracked")
    next(toggle for toggle in app.toggle if toggle.label == "Time-lapse of 15 captures").set_value(True).run()
    assert not app.exception
    assert any("laid onto the reference" in str(image.proto) for image in app.get("image"))
