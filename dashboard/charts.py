"""Plotly figures from plain values. Pure; text from outside is escaped, for Plotly reads some HTML."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from math import cos, sin, tau
from statistics import fmean
from textwrap import wrap
from zoneinfo import ZoneInfo

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

#: Okabe-Ito, and a grey.
BLUE, VERMILION, PURPLE, SKY, GREY = "#0072B2", "#D55E00", "#8F4D77", "#56B4E9", "#6B6B6B"
_BAND = "rgba(213, 94, 0, 0.15)"
_DAYS_PER_YEAR = 365.25
#: A limit further up than so many times the highest value is named instead of drawn: it would flatten the rest.
_FAR = 3.0
_DAY = timedelta(days=1)
#: The name and marker of readings that count, by their grades.
_SHAPES = {"reading": ((None, "A"), "circle"), "reading, grade B": (("B",), "diamond"), "grade C": (("C",), "square")}
#: So many letters fit in a line beside a point on a phone.
_SHORT = 44
#: How a chart may be kept: as a picture, twice as fine as on the screen.
CONFIG = {
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "png", "scale": 2, "filename": "crackmonitor"},
}


@dataclass(frozen=True)
class Point:
    """A value at an aware time (None: there is no value), what to say on hover, and its standard error and its grade
    where they are known.
    """

    at: datetime
    value: float | None
    note: str
    error: float | None = None
    grade: str | None = None


@dataclass(frozen=True)
class Line:
    """A straight line from `origin`, where it has the value `intercept`, over `span_days`, and its slope's interval;
    where a season was fitted beside it, that of its cosine and sine, 0 in phase at `origin`.
    """

    origin: datetime
    span_days: float
    intercept: float
    slope_per_year: float
    low: float
    high: float
    season: tuple[float, float] | None = None


@dataclass(frozen=True)
class Mark:
    """Something that happened at an aware time, in a word or two."""

    at: datetime
    label: str


def trend(
    points: Sequence[Point],
    excluded: Sequence[Point],
    *,
    line: Line | None,
    levels: Sequence[float],
    label: str,
    unit: str,
    time_zone: str,
    marks: Sequence[Mark] = (),
    temperatures: Sequence[tuple[datetime, float]] = (),
) -> go.Figure:
    """One metric over time, on the site's clocks.

    Points that count are full, their shape telling the grade, excluded ones hollow, and those without a value crosses
    at the lower edge.
    `levels` are drawn as dashed lines where they are near enough (see `far_levels`), `marks` as dotted upright ones.
    `temperatures` in °C, each with its time, have an axis of their own, as far as the points reach.
    """
    figure = go.Figure()
    zone = ZoneInfo(time_zone)
    _add_temperatures(figure, temperatures, [point.at for point in (*points, *excluded)], zone)
    if line is not None:
        _add_line(figure, line, zone)
    for name, (grades, symbol) in _SHAPES.items():
        alike = [point for point in points if point.grade in grades]
        _add_points(figure, alike, zone, unit, name, {"color": BLUE, "size": 9, "symbol": symbol})
    valued = [point for point in excluded if point.value is not None]
    _add_points(figure, valued, zone, unit, "not counted", {"color": GREY, "size": 9, "symbol": "circle-open"})
    _add_valueless(figure, [point for point in excluded if point.value is None], zone)
    for level in set(levels) - set(far_levels(points, levels)):
        _add_level(figure, level, unit)
    for mark in marks:
        _add_mark(figure, mark, zone)
    figure.update_layout(
        height=420,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        xaxis={"title": f"Time ({time_zone})", "type": "date"},
        yaxis={"title": label, "rangemode": "tozero"},
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
    )
    return figure


def far_levels(points: Sequence[Point], levels: Sequence[float]) -> list[float]:
    """The levels that lie so far above all values that drawing them would flatten the chart."""
    highest = max((point.value for point in points if point.value is not None), default=0.0)
    return [level for level in levels if highest > 0 and level > _FAR * highest]


def _add_points(
    figure: go.Figure, points: Sequence[Point], zone: ZoneInfo, unit: str, name: str, marker: dict[str, object]
) -> None:
    if points:
        figure.add_scatter(
            x=_array([_clock(point.at, zone).isoformat() for point in points]),
            y=_array([point.value for point in points]),
            mode="markers",
            name=name,
            marker=marker,
            error_y={"array": _array([point.error or 0.0 for point in points]), "thickness": 1, "width": 3},
            customdata=_array([_hover(point.note) for point in points]),
            hovertemplate="%{x|%d %b %Y, %H:%M}<br>%{y:.4~g} " + escape(unit) + "<br>%{customdata}<extra></extra>",
        )


def _add_valueless(figure: go.Figure, points: Sequence[Point], zone: ZoneInfo) -> None:
    if points:
        figure.add_scatter(
            x=[_clock(point.at, zone) for point in points],
            y=[0.02] * len(points),
            yaxis="y2",
            mode="markers",
            name="no value",
            marker={"color": GREY, "size": 9, "symbol": "x-thin", "line": {"width": 2, "color": GREY}},
            customdata=[_hover(point.note) for point in points],
            hovertemplate="%{x|%d %b %Y, %H:%M}<br>%{customdata}<extra></extra>",
        )


def _add_line(figure: go.Figure, line: Line, zone: ZoneInfo) -> None:
    """The line, and the fan of slopes within the interval, turned about the middle of the line."""
    years = line.span_days / _DAYS_PER_YEAR
    ends = [_clock(line.origin + timedelta(days=days), zone) for days in (0, line.span_days)]
    middle = line.intercept + line.slope_per_year * years / 2
    fan = [[middle - slope * years / 2, middle + slope * years / 2] for slope in (line.low, line.high)]
    centre = _clock(line.origin + timedelta(days=line.span_days / 2), zone)
    figure.add_scatter(
        x=[ends[0], centre, ends[1], ends[1], centre, ends[0]],
        y=[fan[0][0], middle, fan[0][1], fan[1][1], middle, fan[1][0]],
        fill="toself",
        fillcolor=_BAND,
        line={"width": 0},
        mode="lines",
        name="interval of the rate",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=ends,
        y=[line.intercept, line.intercept + line.slope_per_year * years],
        mode="lines",
        name="fitted line",
        line={"color": VERMILION, "width": 2},
        hoverinfo="skip",
    )
    if line.season is not None:
        _add_season(figure, line, line.season, zone)


def _add_season(figure: go.Figure, line: Line, season: tuple[float, float], zone: ZoneInfo) -> None:
    """The line with its yearly cycle, at about fifty times a year."""
    years = line.span_days / _DAYS_PER_YEAR
    count = max(2, round(50 * years))
    at = [years * step / (count - 1) for step in range(count)]
    figure.add_scatter(
        x=[_clock(line.origin + timedelta(days=part * _DAYS_PER_YEAR), zone) for part in at],
        y=[
            line.intercept + line.slope_per_year * part + season[0] * cos(tau * part) + season[1] * sin(tau * part)
            for part in at
        ],
        mode="lines",
        name="with the season",
        line={"color": VERMILION, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )


def _add_level(figure: go.Figure, level: float, unit: str) -> None:
    figure.add_hline(
        y=level,
        line={"color": PURPLE, "width": 2, "dash": "dash"},
        annotation={"text": f"alert from {level:g} {escape(unit)}", "font": {"color": PURPLE}},
        annotation_position="top left",
    )


def _add_mark(figure: go.Figure, mark: Mark, zone: ZoneInfo) -> None:
    at = _clock(mark.at, zone)
    dotted = {"color": GREY, "width": 2, "dash": "dot"}
    figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", line=dotted)
    figure.add_annotation(
        x=at,
        y=0.05,  # near the foot, where values rarely are, above what has none
        yref="paper",
        text=escape(mark.label),
        textangle=-90,
        xanchor="right",
        yanchor="bottom",
        showarrow=False,
        font={"color": GREY},
    )


def _add_temperatures(
    figure: go.Figure, temperatures: Sequence[tuple[datetime, float]], times: Sequence[datetime], zone: ZoneInfo
) -> None:
    """One value a day, for hourly ones would be a band that hides the rest; a day's only one stays where it is."""
    if not times:
        return
    first, last = min(times) - _DAY, max(times) + _DAY
    days: dict[date, list[tuple[datetime, float]]] = defaultdict(list)
    for at, celsius in temperatures:
        if first <= at <= last:
            days[_clock(at, zone).date()].append((_clock(at, zone), celsius))
    if not days:
        return
    figure.add_scatter(
        x=[values[0][0] + fmean((at - values[0][0]) / _DAY for at, _ in values) * _DAY for values in days.values()],
        y=[fmean(celsius for _, celsius in values) for values in days.values()],
        yaxis="y3",
        mode="lines",
        name="temperature",
        line={"color": SKY, "width": 1},
        hovertemplate="%{x|%d %b %Y}<br>%{y:.1f} °C<extra></extra>",
    )
    beside = {"overlaying": "y", "side": "right", "tickmode": "auto", "automargin": True}
    plain = {"showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_layout(yaxis3={"title": "Temperature, mean of the day (°C)", **beside, **plain})


def _array(values: Sequence[str | float | None]) -> NDArray[np.object_]:
    """Of plain strings and numbers: Plotly copies lists and times one element after the other, which is slow."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def _hover(note: str) -> str:
    """In lines that fit beside a point on a phone."""
    if len(note) <= _SHORT:
        return escape(note)
    return "<br>".join(escape(line) for line in wrap(note, _SHORT))


def _clock(at: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks on site showed: Plotly knows no zones, so it gets a naive time."""
    return at.astimezone(zone).replace(tzinfo=None)
