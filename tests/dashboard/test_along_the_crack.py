"""The stations of a crack on the photo, and the chosen one's profile through all captures."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from made_up_workspace import RECIPE, Stage, two_cracks
from test_pages import opened, words

from dashboard.station_charts import opening_over_time, profile_over_time
from monitor.imaging.station_profiles import StationProfiles, write_profiles
from monitor.storage import queries

START = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)
TIMES = [START + timedelta(days=30 * number) for number in range(3)]


def keep_profiles(stage: Stage, place: int) -> None:
    """What a worker keeps: crack B opens from capture to capture, its third station widest."""
    with stage.database.session() as session:
        captures = np.array([view.id for view in queries.captures(session, place)])
    offsets = np.linspace(-5, 5, 21)
    opening = np.array([1.0, 2.0, 4.0, 2.0])[:, None] * np.linspace(1, 2, len(captures))[None, :]
    grey = np.where(np.abs(offsets) < opening[..., None] / 2, 40, 180).astype(np.uint8)
    kept = StationProfiles("B", np.arange(4), offsets, captures, grey, opening.astype(np.float32))
    write_profiles(stage.settings.profiles_of(place, RECIPE.fingerprint), [kept])


def test_the_widest_station_is_shown_first_and_another_on_demand(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_profiles(stage, two_cracks(stage))
    app = opened(stage.settings.workspace, "location", monkeypatch, "cracked")
    assert "Along the crack" in [group.value for group in app.subheader]
    assert "Station 3 of 4, counted along crack B" in words(app)
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    titles = [chart["layout"]["title"]["text"] for chart in charts if "title" in chart["layout"]]
    assert titles == ["Profile over time: the dark band is the crack", "Opening at this station"]
    profile, opening = charts[-2:]
    assert profile["layout"]["xaxis"]["title"]["text"] == "Across the crack (mm)"
    assert opening["layout"]["yaxis"]["title"]["text"] == "Opening (mm)"
    slider = next(one for one in app.select_slider if one.label == "Station")
    slider.set_value(1).run()
    assert not app.exception
    assert "Station 1 of 4" in words(app)


def test_where_nothing_is_kept_yet_the_page_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_profiles(stage, two_cracks(stage))
    app = opened(stage.settings.workspace, "location", monkeypatch, "cracked")
    next(box for box in app.selectbox if box.label == "Crack with its stations").select("A").run()
    assert "Nothing is kept of this crack's stations yet" in words(app)


def test_a_damaged_file_is_named_and_the_page_stays(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    place = two_cracks(stage)
    path = stage.settings.profiles_of(place, RECIPE.fingerprint)
    path.parent.mkdir()
    path.write_bytes(b"broken")
    app = opened(stage.settings.workspace, "location", monkeypatch, "cracked")
    assert "is damaged. Delete it" in words(app).replace("\\", "")
    assert "Captures" in [group.value for group in app.subheader]


def test_what_a_capture_does_not_show_is_left_blank() -> None:
    grey = np.full((3, 5), 100, np.uint8)
    grey[1] = 0
    figure = profile_over_time(grey, np.arange(5.0), TIMES, unit="mm", time_zone="Europe/Berlin")
    (found,) = figure.data
    assert np.isnan(np.asarray(found.z)[1]).all()
    assert found.y[0].isoformat() == "2026-01-02T00:30:00", "on the site's clocks"


def test_of_a_long_history_the_first_and_the_last_capture_are_drawn() -> None:
    times = [START + timedelta(days=number) for number in range(1825)]
    grey = np.full((1825, 5), 100, np.uint8)
    (found,) = profile_over_time(grey, np.arange(5.0), times, unit="px", time_zone="UTC").data
    assert len(found.y) == 240
    assert (found.y[0], found.y[-1]) == (times[0].replace(tzinfo=None), times[-1].replace(tzinfo=None))


def test_openings_are_points_with_their_unit() -> None:
    figure = opening_over_time(np.array([0.1, 0.2, 0.3]), TIMES, unit="mm", time_zone="UTC")
    assert list(figure.data[0].y) == [0.1, 0.2, 0.3]
    assert figure.layout.yaxis.title.text == "Opening (mm)"
