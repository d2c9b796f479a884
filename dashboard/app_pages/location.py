"""One location: where it stands, its trends, its pictures, its captures and its alerts."""

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboard import charts, data
from dashboard.along_the_crack import along_the_crack
from dashboard.before_after import before_after
from dashboard.cracks_tables import cracks_tables
from dashboard.downloads import downloads
from dashboard.verdict import verdict_lines
from dashboard.wording import (
    ALERT_SIGNS,
    METHODS,
    MONTHS_PER_YEAR,
    SIGNS,
    STATUSES,
    State,
    ago,
    clock,
    count,
    due,
    estimate,
    moment,
    no_rate,
    number,
    plain,
    rate,
    seen,
    without_path,
)

#: Of a long history so many captures are in the table, until somebody asks for all.
_AT_ONCE = 100
_GAVE_NO_NUMBERS = ("not_measured", "not_registered")


def show() -> None:
    """The page."""
    st.title("Location")
    folder = data.workspace()
    name = _chosen_name(data.names(folder))
    if name is None:
        return
    detail = data.detail(folder, name)
    _status(detail, datetime.now(UTC))
    if detail.glance.status.captures:
        _verdict(detail)
        cracks_tables(detail)
        _trend(detail)
        before_after(detail)
        along_the_crack(detail)
    if detail.captures:
        _captures(detail)
        downloads(folder, name)
    _history(detail)


def _chosen_name(names: Sequence[str]) -> str | None:
    asked = st.query_params.get("location")
    known = sorted(names)
    if not known:
        st.info("This workspace has no locations yet. The overview shows how to begin.")
        return None
    if asked is not None and asked not in known:
        st.warning(f"There is no location named {plain(asked)}. Choose one below.")
    chosen = st.selectbox(
        "Location",
        known,
        index=known.index(asked) if asked in known else None,
        placeholder="Choose a location",
        width=420,
    )
    if chosen is not None:
        st.query_params["location"] = chosen
    return chosen


def _status(detail: data.Detail, now: datetime) -> None:
    glance = detail.glance
    view, last = glance.status.location, glance.status.last_capture
    st.markdown(f"{SIGNS[glance.state].badge} **{plain(view.name)}**, {plain(view.site)}. {_sentence(detail)}")
    for alert in glance.status.firing:
        box = st.warning if alert.subject == data.OVERDUE else st.error
        since = f"Since {moment(alert.since, view.time_zone)}, {ago(alert.since, now)}."
        box(f"{plain(alert.why)} {since}", icon=":material/warning:")
    if glance.stand is not None:
        told = any(alert.why == glance.stand.why for alert in glance.status.firing)
        _level(glance.stand, view.time_zone, now, told=told)
    if glance.shadow is not None:
        _other_recipe(glance.shadow, detail)
    captured = "none yet"
    if last is not None and last.time is not None:
        captured = seen(last.time.at, view.time_zone, now, certain=last.time.certain)
    scale = "none, so sizes are in pixels; give one on *Set up*, Scale and plan"
    if view.scale is not None:
        scale = f"{number(view.scale.mm_per_px)} mm per pixel ± {number(view.scale.standard_error)}"
    st.caption(f"Last capture: {captured} · expected every {number(view.interval_days)} days · scale: {scale}")


def _level(stand: data.TriggerStandView, time_zone: str, now: datetime, *, told: bool) -> None:
    """Where the location stands by its trigger plan, why (`told`: an alert above says it), and what is to be done by
    whom until when.
    """
    order, plan = stand.order, stand.plan
    agreed = "shipped defaults, agreed by nobody"
    if plan.valid_from is not None:
        agreed = f"plan of {clock(plan.valid_from, time_zone)}, agreed by {plain(plan.agreed_by or '')}"
    until = due(stand.due_at, time_zone, now) if stand.level.rank else "as usual"
    why = "" if told else f"{plain(stand.why)}  \n"
    st.markdown(
        f"{ALERT_SIGNS[stand.level.value].badge} {why}"
        f"To do: {plain(order.action)} By {plain(order.owner)}, {until} ({agreed}; change it on"
        " *Set up*, Thresholds)."
    )


def _other_recipe(shadow: data.ShadowSeries, detail: data.Detail) -> None:
    """What a person should know of a recipe beside the one in force; once it is complete, by how much it differs."""
    told, *lost = shadow.notices
    st.info(f"{plain(told)} {_offset(detail)}" if shadow.ready else plain(told), icon=":material/compare_arrows:")
    for notice in lost:
        st.warning(plain(notice), icon=":material/warning:")


def _offset(detail: data.Detail) -> str:
    """By how much the width is read otherwise under the other recipe."""
    scale = detail.glance.status.location.scale
    unit, factor = ("px", 1.0) if scale is None else ("mm", scale.mm_per_px)
    found = next((offset for offset in detail.offsets if offset.metric == "max_width_px"), None)
    if found is None or found.median is None or found.low is None or found.high is None:
        why = "the worker has not compared them yet" if found is None else found.message
        return f"No offset: {plain(why or '')}."
    sizes = (size * factor for size in (found.median, found.low, found.high))
    words = estimate(*sizes, unit=unit, confidence=found.confidence)
    return f"Its offset in maximum width: {words}, the median of {count(found.n, 'capture')}."


def _sentence(detail: data.Detail) -> str:
    """What there is to say besides alerts."""
    status, readings = detail.glance.status, detail.readings
    rejected = sum(capture.rejected_reason is not None for capture in detail.captures)
    if not status.captures:
        files = f"{count(rejected, 'file')} could not be taken in, see below. " if rejected else ""
        return f"{files}No capture yet: copy photos into {plain(str(detail.inbox))}."
    waiting = detail.pending
    if not readings and waiting == status.captures:
        return f"{count(status.captures, 'capture')} here, none measured yet: the worker does that."
    if not readings:
        return f"{count(status.captures, 'capture')} here, but none gave a reading that counts: see the reasons below."
    rest = f" {count(waiting, 'capture')} still to be measured." if waiting else ""
    calm = "No alert is firing. " if detail.glance.state is State.OK else ""
    return f"{calm}{count(readings, 'reading')} so far.{rest}"


def _verdict(detail: data.Detail) -> None:
    st.subheader("Verdict")
    st.markdown("  \n".join(verdict_lines(detail.glance)))
    for remark in detail.glance.verdict.remarks if detail.glance.verdict else ():
        st.markdown(f"- {plain(remark)}")
    st.caption("This is no structural assessment: what a crack means stays with an engineer.")


def _trend(detail: data.Detail) -> None:
    view = detail.glance.status.location
    st.subheader("Trend")
    with st.container(horizontal=True):
        crack = detail.subjects[0]
        if len(detail.subjects) > 1:
            crack = st.selectbox("Crack", detail.subjects, format_func=_subject, width=280)
        metric = st.selectbox("Metric", detail.metrics(crack), format_func=_label, width=280)
    series = detail.series(metric, crack)
    points, excluded = _points(detail, series)
    fit, levels = detail.fit(metric, crack), detail.levels(metric)
    if not any(point.value is not None for point in (*points, *excluded)):
        st.info("There is no value to draw yet. The table of captures below says why.")
        return
    figure = charts.trend(
        points,
        excluded,
        line=data.line(fit),
        levels=levels,
        label=_label(metric),
        unit=series.unit,
        time_zone=view.time_zone,
        marks=[
            *(charts.Mark(happened.event.at, _happened(happened)) for happened in detail.events),
            *(charts.Mark(switch.at, "New recipe") for switch in detail.switches),
        ],
        temperatures=[(known.at, known.celsius) for known in detail.temperatures],
    )
    st.plotly_chart(figure, config=charts.CONFIG)
    _events(detail)
    for level in charts.far_levels(points, levels):
        st.caption(f"An alert fires from {level:g} {series.unit}, far above this chart.")
    _rates(fit, detail.correlation(metric, crack))


def _events(detail: data.Detail) -> None:
    """What the dotted lines in the chart stand for."""
    for happened in detail.events:
        note = f": {plain(happened.event.note)}" if happened.event.note else ""
        by = f" ({plain(happened.recorded_by)})" if happened.recorded_by else ""
        when = moment(happened.event.at, happened.time_zone)
        st.caption(f"┊ {_happened(happened)}, {when}{note}{by}. Readings from before it do not count.")
    for switch in detail.switches:
        by = f" ({plain(switch.by)})" if switch.by else ""
        when = moment(switch.at, detail.glance.status.location.time_zone)
        since = f"All readings are those under {switch.new} since, before under {switch.old}."
        st.caption(f"┊ New recipe, {when}{by}. {since}")


def _happened(view: data.EventView) -> str:
    return data.EVENT_NAMES[view.event.kind].capitalize()


def _label(metric: str) -> str:
    name, unit = data.METRIC_NAMES[metric], data.unit_of(metric)
    return name if unit in name else f"{name} ({unit})"


def _subject(crack: str) -> str:
    return "All cracks together, by their masks" if crack == data.ALL_CRACKS else f"Crack {crack}"


def _points(detail: data.Detail, series: data.Series) -> tuple[list[charts.Point], list[charts.Point]]:
    captures = {capture.id: capture for capture in detail.captures}
    last = detail.events[-1] if detail.events else None
    counted, excluded = [], []
    for read in series.observations:
        if read.capture_id in captures:
            capture = captures[read.capture_id]
            before = f": before {last.name}" if last is not None and read.at < last.event.at else ""
            note = f"{capture.file_name}{_grade(capture)}{before}"
            point = charts.Point(read.at, read.value, note, read.standard_error, read.grade)
            (excluded if before or read.grade == "C" else counted).append(point)
    for exclusion in series.excluded:
        capture = captures[exclusion.capture_id]
        severity = capture.reading.severity if capture.reading else None
        at = capture.time.at if capture.time is not None else capture.received_at
        note = f"{exclusion.file_name}: {exclusion.reason}"
        excluded.append(charts.Point(at, getattr(severity, series.metric, None), note))
    return counted, excluded


def _grade(capture: data.CaptureView) -> str:
    """The grade of a capture's reading and why it is no better, to be put behind its name."""
    grading = capture.reading.grading if capture.reading else None
    if grading is None:
        return ""
    return ": ".join([f", grade {grading.grade}", *grading.reasons[:1]])


def _rates(fit: data.GrowthFit | None, correlation: float | None) -> None:
    line = data.line(fit)
    if fit is None or line is None:
        st.info(no_rate(None if fit is None else fit.message))
        return
    facts = {}
    for per, parts in (("year", 1), ("month", MONTHS_PER_YEAR)):
        slope, low, high = (value / parts for value in (line.slope_per_year, line.low, line.high))
        facts[f"Rate per {per}"] = rate(slope, low, high, unit=fit.unit, per=per, confidence=fit.confidence)
    if fit.smallest_detectable_per_year is not None:
        facts["Smallest rate that would show"] = f"{number(fit.smallest_detectable_per_year)} {fit.unit} per year"
    if correlation is not None:
        facts["Correlation with time, r"] = f"{correlation:.4f}".replace("-", "−")
    facts["From"] = f"{count(fit.n, 'reading')} over {line.span_days:.0f} days"
    facts["Method"] = METHODS.get(fit.method, fit.method)
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    st.markdown(f"| Growth | {data.METRIC_NAMES[fit.metric]} |\n|:--|:--|\n{rows}")


@st.fragment
def _captures(detail: data.Detail) -> None:
    """The newest captures, or all; asking for all draws nothing else anew."""
    st.subheader("Captures")
    view = detail.glance.status.location
    unit = "mm" if view.scale else "px"
    shown, older = detail.captures[-_AT_ONCE:], len(detail.captures) - _AT_ONCE
    if older > 0 and st.toggle(f"Show all {len(detail.captures)} captures"):
        shown, older = detail.captures, 0
    st.dataframe(
        [_capture_row(capture, view.time_zone, unit, view.scale) for capture in reversed(shown)],
        hide_index=True,
        placeholder="–",
        column_config={
            "Reason": st.column_config.TextColumn(width="large"),
            "Width": st.column_config.NumberColumn(f"Width ({unit})", format="%.2f"),
            "Length": st.column_config.NumberColumn(f"Length ({unit})", format="%.0f"),
        },
    )
    if older > 0:
        st.caption(
            f"The newest {len(shown)} are listed; {count(older, 'older capture')} are not, and all are in the trend."
        )
    st.caption(f"Times are those of {view.time_zone}.")
    if any(capture.time is not None and not capture.time.certain for capture in detail.captures):
        st.caption(
            "Where only the file's own time is known, the capture does not count until a person says when it was"
            " taken: `crackmonitor location confirm-time NUMBER TIME`."
        )
    if any(capture.reading and capture.reading.status in _GAVE_NO_NUMBERS for capture in detail.captures):
        st.caption(
            "A photo that shows another location is put there on *Upload*, or by"
            " `crackmonitor capture move NUMBER --location NAME`; what could not be measured is measured again after"
            " `crackmonitor capture remeasure NUMBER`."
        )


def _capture_row(
    capture: data.CaptureView, time_zone: str, unit: str, scale: data.Scale | None
) -> dict[str, str | float | None]:
    reading = capture.reading
    severity = reading.severity if reading else None
    status = "waiting" if reading is None else reading.status
    reason = reading.reason if reading else None
    grading = data.grading_of(capture, scale)
    if grading and grading.reasons:
        why = "; ".join(grading.reasons)
        reason = f"{reason} ({why})" if reason else why
    if capture.rejected_reason is not None:
        status, reason = "rejected", without_path(capture.rejected_reason, capture.file_name)
    elif capture.time is not None and not capture.time.certain:
        reason = reason or "time uncertain: only the file's own time is known"
    return {
        "Number": capture.id,
        "Captured": clock(capture.time.at, time_zone) if capture.time else None,
        "Status": STATUSES[status] + (", reference" if capture.is_reference else ""),
        "Width": getattr(severity, f"max_width_{unit}", None),
        "Length": getattr(severity, f"length_{unit}", None),
        "Cracks": getattr(severity, "crack_count", None),
        "Grade": grading.grade.value if grading else None,
        "Reason": reason,
        "File": capture.file_name,
    }


def _raised(state: str) -> str:
    return f"{ALERT_SIGNS[state].shape} {ALERT_SIGNS[state].word.lower()}"


def _history(detail: data.Detail) -> None:
    st.subheader("Alerts")
    time_zone = detail.glance.status.location.time_zone
    for rule in detail.rules:
        per = " per year" if rule.kind == "rate" else ""
        st.caption(
            f"{data.METRIC_NAMES[rule.metric]}: fires from {rule.fire:g} {rule.unit}{per},"
            f" clears below {rule.clear:g}. In force since {moment(rule.valid_from, time_zone)}."
        )
    if not detail.transitions:
        st.markdown("No alert has ever fired here.")
    for change in detail.transitions:
        word = "● cleared" if change.new == "ok" else "▲ fired" if change.new == "firing" else _raised(change.new)
        st.markdown(f"- **{word}** {moment(change.at, time_zone)}: {plain(change.why)}")


show()
