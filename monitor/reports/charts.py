"""The chart of a report: one crack's history with what it is judged by. Drawn without a screen."""

import io
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from monitor.records import EVENT_NAMES, METRIC_NAMES
from monitor.reports.contents import LocationReport, Subject

#: Okabe-Ito, which colour-blind people can tell apart, and a grey.
_BLUE, _VERMILION, _PURPLE, _SKY, _GREY = "#0072B2", "#D55E00", "#8F4D77", "#56B4E9", "#6B6B6B"
_DOTS_PER_INCH = 160
#: A limit further up than so many times the highest value is left to the words: it would flatten the rest.
_FAR = 3.0
_DAYS_PER_YEAR = 365.25


def trend_png(report: LocationReport, subject: Subject, size_inches: tuple[float, float] = (7.0, 3.2)) -> bytes:
    """A PNG of the readings with their standard errors, the fitted line and its interval, limits, events and
    temperature, on the site's clocks.
    """
    zone = ZoneInfo(report.location.time_zone)
    figure = Figure(figsize=size_inches, dpi=_DOTS_PER_INCH, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.xaxis_date(report.location.time_zone)
    _draw_readings(axes, subject)
    _draw_fit(axes, subject)
    _draw_levels(axes, subject)
    for happened in report.events:
        axes.axvline(date2num(happened.event.at), color=_GREY, linestyle=":")
        at, name = date2num(happened.event.at), EVENT_NAMES[happened.event.kind]
        axes.annotate(name, (at, 0.03), xycoords=("data", "axes fraction"), rotation=90, fontsize=7, ha="right")
    _draw_temperatures(axes, report, subject)
    axes.margins(y=0.15)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_ylabel(f"{METRIC_NAMES[subject.metric]} ({subject.unit})")
    locator = AutoDateLocator(tz=zone)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))
    axes.set_xlabel(f"Time ({report.location.time_zone})")
    axes.grid(alpha=0.25)
    figure.legend(loc="outside upper left", fontsize=7, ncols=5)
    written = io.BytesIO()
    canvas.print_png(written, metadata={"Software": None})  # the same report is the same file
    return written.getvalue()


def _draw_readings(axes: Axes, subject: Subject) -> None:
    for counts, color, label in ((True, _BLUE, "reading"), (False, _GREY, "not counted")):
        lines = [line for line in subject.lines if line.counts is counts]
        if lines:
            errors = [line.standard_error or 0.0 for line in lines]
            axes.errorbar(
                date2num([line.at for line in lines]),
                [line.value for line in lines],
                yerr=errors,
                fmt="o",
                markersize=4,
                elinewidth=0.8,
                color=color,
                markerfacecolor=color if counts else "none",
                label=label,
            )


def _draw_fit(axes: Axes, subject: Subject) -> None:
    fit = subject.fit
    if fit is None or not fit.success or fit.origin is None or fit.span_days is None:
        return
    if fit.slope_per_year is None or fit.intercept is None or fit.low is None or fit.high is None:
        return
    days = np.linspace(0, fit.span_days, 50)
    times = date2num(fit.origin) + days
    years = (days - fit.span_days / 2) / _DAYS_PER_YEAR
    middle = fit.intercept + fit.slope_per_year * fit.span_days / 2 / _DAYS_PER_YEAR
    edges = np.sort([middle + fit.low * years, middle + fit.high * years], axis=0)
    label = f"{fit.confidence * 100:.0f} % interval of the rate"
    axes.fill_between(times, edges[0], edges[1], color=_VERMILION, alpha=0.15, linewidth=0, label=label)
    axes.plot(times, middle + fit.slope_per_year * years, color=_VERMILION, label="fitted line")


def _draw_levels(axes: Axes, subject: Subject) -> None:
    highest = max((line.value for line in subject.lines), default=0.0)
    for level in sorted(set(subject.levels)):
        if level <= _FAR * highest:
            axes.axhline(level, color=_PURPLE, linestyle="--", label=f"alert from {level:g} {subject.unit}")


def _draw_temperatures(axes: Axes, report: LocationReport, subject: Subject) -> None:
    """As far as the readings reach, on an axis of its own."""
    if not subject.lines:
        return
    first, last = subject.lines[0].at - timedelta(days=1), subject.lines[-1].at + timedelta(days=1)
    known = [one for one in report.temperatures if first <= one.at <= last]
    if known:
        beside = axes.twinx()
        beside.plot(date2num([one.at for one in known]), [one.celsius for one in known], color=_SKY, linewidth=0.8)
        beside.set_ylabel("Temperature (°C)", color=_BLUE)
