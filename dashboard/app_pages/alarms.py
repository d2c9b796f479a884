"""The inbox of alerts: acknowledge, assign, comment, close with what was done; their history; a test."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import access_data, alarm_data, data
from dashboard.entrance import asked_name, refused, told_name
from dashboard.wording import ALERT_SIGNS, ago, clock, count, due, moment, plain

_AT_ONCE = 20
_DONE = {
    "acknowledged": "has acknowledged it",
    "assigned": "has assigned it to",
    "commented": "says",
    "closed": "has closed it",
}


def show() -> None:
    """The page."""
    st.title("Alarms")
    folder, now = data.workspace(), datetime.now(UTC)
    if "done" in st.session_state:
        st.toast(st.session_state.pop("done"), icon=":material/check:")
    asked_name(folder, access_data.Action.ANSWER_ALERTS)
    if "refused" in st.session_state:
        why_not = plain(st.session_state.pop("refused"))
        st.warning(why_not, icon=":material/info:")
        st.toast(why_not, icon=":material/info:")  # the top may be out of sight of the button
    asked = _asked(folder)
    if asked is not None:
        st.subheader("The alert you came for")
        _card(asked, folder, now)
    _inbox(folder, now, asked)
    _history(folder, now)
    _test(folder)


def _asked(folder: Path) -> alarm_data.AlarmView | None:
    """The alert that the address names."""
    number = st.query_params.get("alert", "")
    if not number:
        return None
    if not number.isdecimal() or len(number) > 9:
        st.warning("The address names no alert. All that need somebody stand below.")
        return None
    try:
        return alarm_data.alarm(folder, int(number))
    except data.CrackmonitorError as error:
        st.warning(plain(str(error)))
        return None


def _inbox(folder: Path, now: datetime, asked: alarm_data.AlarmView | None) -> None:
    waiting = alarm_data.inbox(folder)
    st.subheader("Inbox")
    if not waiting:
        st.success("Nothing needs anybody.", icon=":material/check:")
    others = [one for one in waiting if asked is None or one.id != asked.id]
    fresh = [one for one in others if one.acknowledged is None and one.over_at is None]
    seen = [one for one in others if one.acknowledged is not None and one.over_at is None]
    over = [one for one in others if one.over_at is not None]
    if waiting:
        st.markdown(
            f"{count(len(fresh), 'alert')} to acknowledge · {len(seen)} acknowledged and still raised ·"
            f" {len(over)} over before anybody saw to it"
        )
    shown = [*fresh, *seen, *over]
    limit = st.session_state.get("shown", _AT_ONCE)
    for one in shown[:limit]:
        _card(one, folder, now)
    if len(shown) > limit and st.button(f"Show {min(_AT_ONCE, len(shown) - limit)} more of {len(shown)}"):
        st.session_state["shown"] = limit + _AT_ONCE
        st.rerun()


def _card(one: alarm_data.AlarmView, folder: Path, now: datetime) -> None:
    told = one.transition
    with st.container(border=True, gap="small"):
        sign = ALERT_SIGNS["ok" if one.over_at is not None else told.new.value]
        what = f"{sign.badge} **{plain(told.location)}**: {plain(alarm_data.subject_name(told.subject))}"
        if told.location_id is None:
            st.markdown(what)
        else:
            st.page_link("app_pages/location.py", label=what, query_params={"location": told.location})
        st.markdown("  \n".join(_facts(one, now)))
        _said(one)
        if one.closed is None and access_data.may(folder, access_data.Action.ANSWER_ALERTS, _site(folder, one)):
            _buttons(one, folder)
        _picture(one, folder)


def _said(one: alarm_data.AlarmView) -> None:
    """What people did about it, in order."""
    for action in one.actions:
        to = f" {plain(action.assignee)}" if action.assignee else ""
        note = f": {plain(action.note)}" if action.note else ""
        when = clock(action.at, one.transition.time_zone)
        st.caption(f"{when}: {plain(action.by)} {_DONE[action.kind]}{to}{note}")


def _facts(one: alarm_data.AlarmView, now: datetime) -> list[str]:
    """What, how sure, since when, what to do by whom until when."""
    told = one.transition
    lines = [f"**{plain(told.why)}**"]
    if told.evidence.get("sure"):
        lines.append(f"How sure: {plain(str(told.evidence['sure']))}")
    over = "" if one.over_at is None else f" · over {moment(one.over_at, told.time_zone)}"
    lines.append(f"Number {one.id} · since {moment(told.at, told.time_zone)}, {ago(told.at, now)}{over}")
    order = told.evidence.get("order")
    if isinstance(order, dict) and one.over_at is None:
        until = due(datetime.fromisoformat(told.evidence["due_at"]), told.time_zone, now)
        lines.append(f"To do: {plain(order['action'])} By {plain(order['owner'])}, {until}")
    if one.assignee is not None:
        lines.append(f"Assigned to {plain(one.assignee)}")
    if one.unsent:
        lines.append(f"{count(one.unsent, 'message')} about it not delivered yet")
    return lines


def _site(folder: Path, one: alarm_data.AlarmView) -> int | None:
    """The site an alert is about; None: it is about the service itself."""
    places = (glance.status.location for glance in data.glances(folder))
    return next((place.site_id for place in places if place.id == one.transition.location_id), None)


def _buttons(one: alarm_data.AlarmView, folder: Path) -> None:
    with st.container(horizontal=True):
        if one.acknowledged is None:
            act, done = partial(alarm_data.acknowledge, folder, one.id), f"Alert {one.id} is acknowledged."
            st.button(
                "Acknowledge",
                key=f"acknowledge {one.id}",
                type="primary",
                on_click=_do,
                args=(folder, act, done),
            )
        for label, question, write, done in (
            ("Assign", "Who is to see to it?", alarm_data.assign, f"Alert {one.id} is assigned."),
            ("Comment", "What should the others know?", alarm_data.comment, f"Your comment on alert {one.id} is kept."),
            ("Close", "What was done about it?", alarm_data.close, f"Alert {one.id} is closed. The history keeps it."),
        ):
            key = f"{label} text {one.id}"
            with st.popover(label), st.form(f"{label} {one.id}", border=False):
                st.text_input(question, key=key)
                act = partial(_with_text, write, folder, one.id, key)
                st.form_submit_button(label, type="primary", on_click=_do, args=(folder, act, done, key))


def _with_text(write: Callable[[Path, int, str, str], None], folder: Path, alert_id: int, key: str, by: str) -> None:
    write(folder, alert_id, by, str(st.session_state.get(key, "")))


def _do(folder: Path, act: Callable[[str], None], done: str, told: str | None = None) -> None:
    """Act in the name of whoever looks, or say why not; what stood in the field `told` is then gone from it, so that a
    second click tells nothing twice. It comes before the page is drawn, so that a click counts, or
    is answered, even where somebody else has just seen to the alert and its buttons are gone.
    """
    try:
        act(told_name(folder))
    except data.CrackmonitorError as error:
        st.session_state["refused"] = str(error)
    else:
        st.session_state["done"] = done
        if told is not None:
            st.session_state[told] = ""


def _picture(one: alarm_data.AlarmView, folder: Path) -> None:
    if one.transition.location_id is None or not st.toggle("Picture", key=f"picture {one.id}"):
        return
    image = data.picture(folder, alarm_data.picture_of(folder, one.id))
    if image is None:
        st.info("There is no picture of it.")
    else:
        st.image(image, "What was found, outlined, in the capture it is about", width="stretch", output_format="JPEG")


def _history(folder: Path, now: datetime) -> None:
    st.subheader("History")
    past = alarm_data.history(folder)
    if not past:
        st.markdown("No alert has ever been raised.")
        return
    st.dataframe(
        [_row(one) for one in past],
        hide_index=True,
        placeholder="–",
        column_config={"What was done": st.column_config.TextColumn(width="medium")},
    )
    st.caption("Times are those of each site. The last 200 alerts and tests, newest first.")
    numbers = {one.id: one for one in past}
    number = st.selectbox("All about one of them", list(numbers), index=None, placeholder="Its number", width=240)
    if number is not None:
        _past(numbers[number], now)


def _past(one: alarm_data.AlarmView, now: datetime) -> None:
    """An alert with everything that people said of it; what there is to do about it is done in the inbox."""
    with st.container(border=True, gap="small"):
        st.markdown("  \n".join([f"**{plain(one.transition.location)}**", *_facts(one, now)]))
        _said(one)


def _row(one: alarm_data.AlarmView) -> dict[str, str | int | None]:
    told, acknowledged, closed = one.transition, one.acknowledged, one.closed
    sign = ALERT_SIGNS[told.new.value]
    return {
        "Number": one.id,
        "Since": clock(told.at, told.time_zone),
        "Level": "○ Test" if told.subject == alarm_data.TEST else f"{sign.shape} {sign.word}",
        "Location": told.location,
        "About": alarm_data.subject_name(told.subject),
        "Over": None if one.over_at is None else clock(one.over_at, told.time_zone),
        "Acknowledged by": None if acknowledged is None else acknowledged.by,
        "Assigned to": one.assignee,
        "Closed by": None if closed is None else closed.by,
        "What was done": None if closed is None else closed.note,
        "Not delivered": one.unsent or None,
        "Why": told.why,
    }


def _test(folder: Path) -> None:
    st.subheader("Test")
    if refused(folder, access_data.Action.TEST_ALARMS):
        return
    st.markdown("A test goes to every usual channel, so that you know before it matters whether messages arrive.")
    done = "The worker sends the test in its next round, about a minute from now."
    act = partial(alarm_data.send_test, folder)
    st.button("Send a test alarm", icon=":material/send:", on_click=_do, args=(folder, act, done))


show()
