"""A report as PDF: what an owner files and an engineer reads, in the order of a survey report."""

import io
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from reportlab.lib.pagesizes import A4
from reportlab.platypus import Flowable, PageBreak, SimpleDocTemplate

from monitor.guides import guide
from monitor.records import EVENT_NAMES, METRIC_NAMES, AlertAction, TriggerLevel
from monitor.reports.charts import trend_png
from monitor.reports.contents import LocationReport, ReadingLine, Subject
from monitor.reports.layout import MARGIN, boxed, foot, picture, table, use_fonts, words
from monitor.reports.pictures import latest_picture, plan_picture, reference_picture
from monitor.storage.alarms import subject_name
from monitor.storage.views import ALL_CRACKS, Exclusion, RateView
from monitor.wording import interval, signed

NO_ASSESSMENT = (
    "This report is no structural assessment. It tells what photographs show of cracks and how far they may be trusted;"
    " what that means for the building is for a structural engineer to say."
)
_DONE = {
    AlertAction.ACKNOWLEDGED: "acknowledged by",
    AlertAction.ASSIGNED: "assigned by",
    AlertAction.COMMENTED: "comment by",
    AlertAction.CLOSED: "closed by",
}


def report_pdf(
    reports: Sequence[LocationReport], *, pictures: Path, plans: Path, prepared_by: str | None = None
) -> bytes:
    """The PDF of one location, or of several after a page that lists them.

    `pictures` is the folder of what the analysis drew, `plans` that of location plans (`NAME.jpg`). The same contents
    give the same bytes.
    """
    use_fonts()
    title = f"Crack monitoring report: {', '.join(sorted({one.location.site for one in reports}))}"
    if len(reports) == 1:
        title = f"{title}, {reports[0].location.name}"
    story: list[Flowable] = [words(title, "title"), *_masthead(reports, prepared_by)]
    if len(reports) > 1:
        story += _summary(reports)
    for report in reports:
        story += [PageBreak()] if len(reports) > 1 else []
        story += _location(report, pictures, plans)
    written = io.BytesIO()
    document = SimpleDocTemplate(
        written,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=title,
        author=prepared_by or "",
        invariant=1,
    )
    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return written.getvalue()


def _location(report: LocationReport, pictures: Path, plans: Path) -> list[Flowable]:
    """Every part says so where it has nothing to show."""
    return [
        words(report.location.name, "heading"),
        *_standing(report),
        *_where(report, pictures, plans),
        *(part for subject in report.subjects for part in _history(report, subject)),
        *_resolution(report),
        *_limits(report),
        *_exceedances(report),
        *_who(report),
        *_left_out(report),
    ]


def _masthead(reports: Sequence[LocationReport], prepared_by: str | None) -> list[Flowable]:
    made = reports[0].made_at if reports else None
    zone = reports[0].location.time_zone if reports else "UTC"
    by = prepared_by or "not stated"
    when = "" if made is None else f"Made on {_moment(made, zone)}. "
    return [words(f"{when}Prepared by: {by}.", "body"), boxed(NO_ASSESSMENT)]


def _summary(reports: Sequence[LocationReport]) -> list[Flowable]:
    rows = [("Location", "Level", "Verdict", "Rate", "Last capture")]
    for report in reports:
        rate = None if report.headline is None else report.headline.rate
        rows.append(
            (
                report.location.name,
                "–" if report.stand is None else report.stand.level.value,
                "–" if report.headline is None else _verdict_name(report.headline.outcome),
                "–" if rate is None else _rate(rate),
                _last_capture(report),
            )
        )
    return [words("Locations", "heading"), table(rows, (0.2, 0.1, 0.18, 0.32, 0.2))]


def _standing(report: LocationReport) -> list[Flowable]:
    found = report.headline
    lines = []
    if found is None:
        lines.append("Verdict: none yet.")
    else:
        lines.append(f"Verdict: {_verdict_name(found.outcome)}. {found.evidence}")
        if found.months_needed is not None:
            lines.append(f"About {max(round(found.months_needed), 1)} more month(s) of readings are needed.")
        if found.rate is not None:
            lines.append(f"Rate: {_rate(found.rate)}.")
        lines += found.remarks
    if report.stand is not None:
        stand, order = report.stand, report.stand.order
        lines.append(f"Level: {stand.level.value}. {stand.why}")
        if stand.level is not TriggerLevel.GREEN:
            until = _moment(stand.due_at, report.location.time_zone)
            lines.append(f"To do: {order.action} By {order.owner}, due {until}.")
    return [words(line, "body") for line in lines]


def _where(report: LocationReport, pictures: Path, plans: Path) -> list[Flowable]:
    plan = plan_picture(plans, report.location.name)
    parts: list[Flowable] = [words("Location plan and photographs", "part")]
    if plan is None:
        parts.append(words(f"No location plan is on file for {report.location.name}.", "note"))
    else:
        parts += [picture(plan, 0.6), words("Location plan.", "note")]
    datum = reference_picture(report, pictures)
    if datum is None:
        parts.append(words("There is no reference photograph yet.", "note"))
    else:
        note = f"Reference photograph of {_reference_time(report)}, cracks by name."
        parts += [picture(datum, 0.75), words(note, "note")]
    latest = latest_picture(report, pictures)
    if latest is not None:
        note = f"Newest measured capture, {_last_capture(report)}: what was found is outlined."
        parts += [picture(latest, 0.75), words(note, "note")]
    return parts


def _history(report: LocationReport, subject: Subject) -> list[Flowable]:
    name = METRIC_NAMES[subject.metric]
    of = "all cracks, by their masks" if subject.crack == ALL_CRACKS else f"crack {subject.crack}"
    parts: list[Flowable] = [words(f"{name}, {of}", "part")]
    datum, newest = subject.datum, subject.newest
    if datum is None or newest is None:
        return [*parts, words("There is no reading yet that counts.", "note")]
    zone, unit = report.location.time_zone, subject.unit
    last = f"Last: {_sized(newest, unit)} on {_moment(newest.at, zone)}"
    told = f"Datum: {_sized(datum, unit)} on {_moment(datum.at, zone)}. {last}"
    change = "" if newest.since_datum is None else f"; change since the datum {signed(newest.since_datum)} {unit}"
    parts.append(words(f"{told}{change}.", "body"))
    if subject.verdict is not None:
        parts.append(words(f"Verdict: {_verdict_name(subject.verdict.outcome)}. {subject.verdict.evidence}", "body"))
    parts.append(picture(trend_png(report, subject), 1.0))
    parts.append(words(_chart_note(subject), "note"))
    head = ("Date and time", f"Reading ({unit})", "± (1 s.e.)", "Since last", "Since datum", "Grade", "Note")
    rows = [head, *(_row(line, zone) for line in subject.lines)]
    parts.append(table(rows, (0.2, 0.13, 0.11, 0.12, 0.13, 0.08, 0.23)))
    return parts


def _row(line: ReadingLine, zone: str) -> tuple[str, ...]:
    return (
        _clock(line.at, zone),
        f"{line.value:.2f}",
        "–" if line.standard_error is None else f"{line.standard_error:.2f}",
        "–" if line.since_last is None else signed(line.since_last),
        "–" if line.since_datum is None else signed(line.since_datum),
        "–" if line.grade is None else line.grade.value,
        line.note or "",
    )


def _chart_note(subject: Subject) -> str:
    highest = max((line.value for line in subject.lines), default=0.0)
    far = [level for level in subject.levels if level > 3 * highest]
    above = (
        "" if not far else f" Beyond the chart: alert from {', '.join(f'{level:g}' for level in far)} {subject.unit}."
    )
    return f"Bars are one standard error. Dashed: agreed limits; dotted: events.{above}"


def _resolution(report: LocationReport) -> list[Flowable]:
    parts: list[Flowable] = [words("Resolution", "part")]
    for subject in report.subjects:
        of = "" if subject.crack == ALL_CRACKS else f"Crack {subject.crack}: "
        error, fit = subject.reading_error, subject.fit
        reading = "The standard error of a reading is not known"
        if error is not None:
            reading = f"A reading repeats to ±{error:.3f} {subject.unit} (one standard error, median)"
        if fit is None or not fit.success or fit.smallest_detectable_per_year is None:
            told = "which rate would have shown is not known yet"
        else:
            told = f"a rate below {fit.smallest_detectable_per_year:.2f} {fit.unit} per year would not have shown"
        parts.append(words(f"{of}{reading}; {told}.", "body"))
    scale = report.location.scale
    told = "There is no scale: sizes are in pixels of the reference photograph."
    if scale is not None:
        origin = scale.origin.replace("_", " ")
        told = f"Scale: {scale.mm_per_px:.4f} ± {scale.standard_error:.4f} mm per pixel ({origin})."
    parts.append(words(told, "body"))
    parts.append(words("Monitoring sees only movement since the reference photograph was taken.", "note"))
    return parts


def _limits(report: LocationReport) -> list[Flowable]:
    view, plan, zone = report.plan, report.plan.plan, report.location.time_zone
    agreed = "Shipped defaults, agreed by nobody."
    if view.valid_from is not None:
        agreed = f"Agreed by {view.agreed_by}, in force since {_moment(view.valid_from, zone)}."
    amber = [] if plan.amber_rate is None else [f"rate above {plan.amber_rate:g} mm per year"]
    amber += [] if plan.guide is None else [f"next class of {guide(plan.guide).title}"]
    red = [] if plan.red_rate is None else [f"rate above {plan.red_rate:g} mm per year"]
    red += [] if plan.red_change is None else [f"{plan.red_change:g} mm or more between two captures"]
    limits = {TriggerLevel.GREEN: ["otherwise"], TriggerLevel.AMBER: amber, TriggerLevel.RED: red}
    rows = [("Level", "From", "Action", "By", "Within")]
    for level, limit in limits.items():
        order = plan.order(level)
        rows.append(
            (level.value, " or ".join(limit) or "not watched", order.action, order.owner, _days(order.due_days))
        )
    parts: list[Flowable] = [words("Thresholds", "part"), words(agreed, "body")]
    parts.append(table(rows, (0.1, 0.28, 0.34, 0.17, 0.11)))
    for rule in report.rules:
        per = " per year" if rule.kind == "rate" else ""
        since = _clock(rule.valid_from, zone)
        told = f"alert from {rule.fire:g} {rule.unit}{per}, over below {rule.clear:g}, since {since}"
        parts.append(words(f"{METRIC_NAMES[rule.metric]}, {rule.kind}: {told}.", "body"))
    return parts


def _days(number: float) -> str:
    return f"{number:g} day{'' if number == 1 else 's'}"


def _exceedances(report: LocationReport) -> list[Flowable]:
    parts: list[Flowable] = [words("Exceedances and actions", "part")]
    zone = report.location.time_zone
    if not report.alarms:
        parts.append(words("No alert has ever been raised here.", "body"))
    rows = [("Since", "About", "Why", "Actions")]
    for alarm in report.alarms:
        told, actions = alarm.transition, []
        for action in alarm.actions:
            to = f" to {action.assignee}" if action.assignee else ""
            note = f": {action.note}" if action.note else ""
            actions.append(f"{_clock(action.at, zone)} {_DONE[action.kind]} {action.by}{to}{note}")
        over = [] if alarm.over_at is None else [f"over {_clock(alarm.over_at, zone)}"]
        about = f"{told.new.value}: {subject_name(told.subject)}"
        rows.append((_clock(told.at, zone), about, told.why, "\n".join([*actions, *over]) or "none"))
    if len(rows) > 1:
        parts.append(table(rows, (0.15, 0.2, 0.35, 0.3)))
    for happened in report.events:
        by = f", recorded by {happened.recorded_by}" if happened.recorded_by else ""
        note = f": {happened.event.note}" if happened.event.note else ""
        what = f"{EVENT_NAMES[happened.event.kind].capitalize()} on {_moment(happened.event.at, zone)}{note}{by}."
        parts.append(words(what, "body"))
    return parts


def _who(report: LocationReport) -> list[Flowable]:
    recipe, zone = report.recipe, report.location.time_zone
    read = "nothing has been read yet"
    if recipe is not None:
        read = f"recipe {recipe.fingerprint}, analysis version {recipe.analysis_version}"
    parts: list[Flowable] = [words("Read by", "part")]
    how = f"from photographs, by the same procedure every time ({read})"
    parts.append(words(f"Crackmonitor {version('crackmonitor')}, {how}.", "body"))
    for one in report.corrections:
        by = one.recorded_by or "somebody"
        told = f"Crack {one.crack} {one.kind.value} by {by} on {_clock(one.recorded_at, zone)}: {one.why}"
        parts.append(words(told, "body"))
    for gauge in report.gauges:
        by = gauge.recorded_by or "somebody"
        size = f"{gauge.width_mm:.2f} ± {gauge.standard_error_mm:.2f} mm"
        parts.append(
            words(f"Crack {gauge.crack} read with a gauge by {by} on {_clock(gauge.at, zone)}: {size}.", "body")
        )
    return parts


def _left_out(report: LocationReport) -> list[Flowable]:
    """Captures that gave no value anywhere, with the reason: nothing is left out silently."""
    reasons = {one.capture_id: one for subject in report.subjects for one in subject.excluded}
    seen = {line.capture_id for subject in report.subjects for line in subject.lines}
    rows = [("Number", "File", "Why it gave no reading")]
    rows += [(str(key), one.file_name, _bare(one)) for key, one in sorted(reasons.items()) if key not in seen]
    if len(rows) == 1:
        return []
    return [words("Captures without a reading", "part"), table(rows, (0.1, 0.25, 0.65))]


def _bare(one: Exclusion) -> str:
    """A reason without the folders of the file it is about."""
    before, found, after = one.reason.partition(one.file_name)
    return f"{before.rpartition(' ')[0]} {found}{after}".strip() if found else one.reason


def _verdict_name(outcome: str) -> str:
    return outcome.replace("_", " ")


def _rate(rate: RateView) -> str:
    season = "" if rate.season_adjusted else ", provisional"
    within = interval(rate.confidence, rate.low, rate.high)
    return f"{signed(rate.rate_per_year)} {rate.unit} per year ({within}{season})"


def _sized(line: ReadingLine, unit: str) -> str:
    error = "" if line.standard_error is None else f" ± {line.standard_error:.2f}"
    return f"{line.value:.2f}{error} {unit}"


def _last_capture(report: LocationReport) -> str:
    newest = report.newest
    if newest is None or newest.time is None:
        return "none measured"
    return _moment(newest.time.at, report.location.time_zone)


def _reference_time(report: LocationReport) -> str:
    reference = report.reference
    known = reference is not None and reference.time is not None
    return _moment(reference.time.at, report.location.time_zone) if known else "unknown time"  # type: ignore[union-attr]


def _clock(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%d %b %Y, %H:%M}"


def _moment(at: datetime, zone: str) -> str:
    return f"{_clock(at, zone)} ({zone})"
