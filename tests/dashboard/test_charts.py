from datetime import UTC, datetime, timedelta

import plotly.graph_objects as go
import pytest

from dashboard.charts import CONFIG, Line, Mark, Point, far_levels, trend

START = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)


def drawn(
    points: list[Point] | None = None,
    excluded: list[Point] | None = None,
    line: Line | None = None,
    levels: list[float] | None = None,
    marks: list[Mark] | None = None,
    temperatures: list[tuple[datetime, float]] | None = None,
) -> go.Figure:
    return trend(
        points or [],
        excluded or [],
        line=line,
        levels=levels or [],
        label="Maximum width (mm)",
        unit="mm",
        time_zone="Europe/Berlin",
        marks=marks or [],
        temperatures=temperatures or [],
    )


def trace(figure: go.Figure, name: str) -> go.Scatter:
    return next(found for found in figure.data if found.name == name)


def test_points_stand_at_the_time_of_the_site_and_axes_have_units() -> None:
    figure = drawn([Point(START, 1.5, "a.jpg")])
    assert trace(figure, "reading").x[0] == "2026-01-02T00:30:00"
    assert list(trace(figure, "reading").y) == [1.5]
    assert figure.layout.xaxis.title.text == "Time (Europe/Berlin)"
    assert figure.layout.yaxis.title.text == "Maximum width (mm)"


def test_excluded_points_are_hollow_with_their_reason_or_crosses_at_the_edge() -> None:
    figure = drawn(excluded=[Point(START, 2.0, "time uncertain"), Point(START, None, "not registered")])
    hollow, edge = trace(figure, "not counted"), trace(figure, "no value")
    assert (hollow.marker.symbol, list(hollow.y), list(hollow.customdata)) == ("circle-open", [2.0], ["time uncertain"])
    assert (edge.yaxis, list(edge.customdata)) == ("y2", ["not registered"])


def test_points_have_their_standard_errors_as_bars_full_or_hollow() -> None:
    figure = drawn([Point(START, 1.5, "a.jpg", 0.2), Point(START, 1.6, "b.jpg")], [Point(START, 2.0, "c.jpg", 0.4)])
    assert list(trace(figure, "reading").error_y.array) == [0.2, 0.0]
    assert list(trace(figure, "not counted").error_y.array) == [0.4]


def test_a_note_is_escaped_and_broken_into_short_lines() -> None:
    figure = drawn([Point(START, 1.0, "<i>b</i> " + "word " * 20)])
    lines = trace(figure, "reading").customdata[0].split("<br>")
    assert lines[0].startswith("&lt;i&gt;b&lt;/i&gt; word")
    assert len(lines) == 3
    assert all("<" not in line for line in lines)


def test_the_line_is_the_stored_one_and_the_fan_turns_about_its_middle() -> None:
    line = Line(START, 365.25, intercept=1.0, slope_per_year=0.4, low=0.2, high=0.8)
    figure = drawn([Point(START, 1.0, "")], line=line)
    assert list(trace(figure, "fitted line").y) == pytest.approx([1.0, 1.4])
    fan = trace(figure, "interval of the rate")
    assert list(fan.y) == pytest.approx([1.1, 1.2, 1.3, 1.6, 1.2, 0.8])
    assert [at.isoformat() for at in fan.x[:3]] == ["2026-01-02T00:30:00", "2026-07-03T16:30:00", "2027-01-02T06:30:00"]


def test_no_line_without_a_fit() -> None:
    assert [found.name for found in drawn([Point(START, 1.0, "")]).data] == ["reading"]


def test_levels_are_drawn_unless_they_would_flatten_the_rest() -> None:
    points = [Point(START, 1.0, "")]
    figure = drawn(points, levels=[2.0, 15.0])
    assert [shape.y0 for shape in figure.layout.shapes] == [2.0]
    assert figure.layout.annotations[0].text == "alert from 2 mm"
    assert far_levels(points, [2.0, 15.0]) == [15.0]


def test_levels_are_drawn_when_nothing_has_a_width() -> None:
    points = [Point(START, 0.0, "")]
    assert far_levels(points, [2.0]) == []
    assert len(drawn(points, levels=[2.0]).layout.shapes) == 1


def test_a_mark_is_a_dotted_upright_line_with_its_word_at_the_time_of_the_site() -> None:
    figure = drawn([Point(START, 1.0, "")], levels=[2.0], marks=[Mark(START, "Repair <b>")])
    upright, word = figure.layout.shapes[-1], figure.layout.annotations[-1]
    assert (upright.x0, upright.x0.isoformat()) == (upright.x1, "2026-01-02T00:30:00")
    assert (upright.yref, upright.y0, upright.y1, upright.line.dash) == ("paper", 0, 1, "dot")
    assert (word.x, word.text, word.showarrow) == (upright.x0, "Repair &lt;b&gt;", False)
    level = next(shape for shape in figure.layout.shapes if shape.y0 == 2.0)
    assert level.line.dash != upright.line.dash, "told apart without colour"


def test_temperatures_have_an_axis_with_its_unit_and_are_drawn_as_the_means_of_days() -> None:
    """A day is one of the site, where START is past midnight."""
    hours = [timedelta(hours=hour) for hour in (0, 6, 12, 24)]
    known = [(START + after, celsius) for after, celsius in zip(hours, (2.0, 8.0, 5.0, -1.0), strict=True)]
    figure = drawn([Point(START, 1.0, "")], temperatures=known)
    line = trace(figure, "temperature")
    assert [at.isoformat() for at in line.x] == ["2026-01-02T06:30:00", "2026-01-03T00:30:00"]
    assert (list(line.y), line.mode, line.yaxis) == ([5.0, -1.0], "lines", "y3")
    assert line.line.width < 2
    assert (figure.layout.yaxis3.side, "°C" in figure.layout.yaxis3.title.text) == ("right", True)


def test_temperatures_reach_as_far_as_the_points() -> None:
    known = [(START + timedelta(days=days), float(days)) for days in range(-5, 12)]
    points, excluded = [Point(START, 1.0, "")], [Point(START + timedelta(days=7), None, "")]
    assert list(trace(drawn(points, excluded, temperatures=known), "temperature").y) == list(range(-1, 9))
    far = [(START - timedelta(days=90), 3.0)]
    for figure in (drawn(points, temperatures=far), drawn(points), drawn(temperatures=known)):
        assert "temperature" not in [found.name for found in figure.data]
        assert "yaxis3" not in figure.layout


def test_a_chart_of_nothing_is_a_chart() -> None:
    assert len(drawn().data) == 0


def test_readings_that_count_have_a_shape_for_their_grade() -> None:
    graded = [Point(START, 1.0, "", grade=grade) for grade in ("A", "B", None)]
    figure = drawn(graded)
    shapes = {found.name: found.marker.symbol for found in figure.data}
    assert shapes == {"reading": "circle", "reading, grade B": "diamond"}
    assert len(trace(figure, "reading").x) == 2


def test_a_season_is_drawn_beside_its_line() -> None:
    line = Line(START, 730.5, 1.0, 0.5, 0.4, 0.6, season=(0.3, 0.0))
    season = trace(drawn([Point(START, 1.0, "")], line=line), "with the season")
    assert season.y[0] == pytest.approx(1.3)
    assert max(season.y) - min(season.y) > 1.0 + 0.3
    assert len(season.x) == 100
    flat = drawn([Point(START, 1.0, "")], line=Line(START, 730.5, 1.0, 0.5, 0.4, 0.6))
    assert "with the season" not in [found.name for found in flat.data]


def test_charts_may_be_kept_as_pictures() -> None:
    assert CONFIG["modeBarButtons"] == [["toImage"]]
