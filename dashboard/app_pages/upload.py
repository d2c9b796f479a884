"""Photos from anywhere: drop them, choose the location, see what becomes of them; put misfiled ones right."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from dashboard import access_data, data, intake_data
from dashboard.entrance import asked_name, refused
from dashboard.intake_data import Stage
from dashboard.recognising import confirmed_locations
from dashboard.wording import clock, count, plain, worker_notice

_STAGES = {
    Stage.REFUSED: "✕ not taken",
    Stage.INBOX: "… in the inbox",
    Stage.ACCEPTED: "… taken in",
    Stage.MEASURED: "● done",
    Stage.REJECTED: "✕ not taken in",
}


def show() -> None:
    """The page."""
    st.title("Upload")
    folder, now = data.workspace(), datetime.now(UTC)
    glances = sorted(data.glances(folder), key=lambda glance: glance.status.location.name)
    if not glances:
        st.info("This workspace has no locations yet.")
        st.page_link("app_pages/set_up.py", label="Set up the first location", icon=":material/flag:")
        return
    worker = data.worker(folder)
    notice = worker_notice(worker.last_at, worker.silence, now)
    if notice:
        st.warning(notice, icon=":material/schedule:")
    if "done" in st.session_state:
        st.toast(st.session_state.pop("done"), icon=":material/check:")
    places = [glance.status.location for glance in glances]
    open_to = [place for place in places if access_data.may(folder, access_data.Action.SEND_PHOTOS, place.site_id)]
    if open_to:
        _drop(folder, [place.name for place in open_to])
    else:
        refused(folder, access_data.Action.SEND_PHOTOS, places[0].site_id)
    _fates(folder)
    _misfiled(folder, glances)


def _drop(folder: Path, names: Sequence[str]) -> None:
    asked = st.query_params.get("location")
    index = names.index(asked) if asked in names else (0 if len(names) == 1 else None)
    recognised = len(names) > 1 and st.toggle(
        "Recognise the location from the photos", help="Each is compared with all references; you confirm."
    )
    location = None
    if not recognised:
        location = st.selectbox("Location", names, index=index, placeholder="Which place do they show?", width=420)
    turn = st.session_state.setdefault("turn", 0)
    files = st.file_uploader(
        f"Photos (JPEG, PNG, TIFF, WebP or HEIC, up to {intake_data.largest_mb(folder):g} MB each)",
        accept_multiple_files=True,
        key=f"files {turn}",
    )
    chosen = confirmed_locations(folder, files, names, turn) if recognised and files else [location] * len(files)
    there = [(file, name) for file, name in zip(files, chosen, strict=True) if name is not None]
    label = f"Confirm and put {count(len(there), 'photo')} into the inbox" if recognised else "Put into the inbox"
    if recognised and files and len(there) < len(files):
        st.info(f"{count(len(files) - len(there), 'file')} without a location will not be sent.")
    if not st.button(label, type="primary", disabled=not there):
        if files and not recognised and location is None:
            st.info("Choose the location that the photos show.")
        return
    sent = [intake_data.send(folder, name, file.name, file.getvalue()) for file, name in there]
    st.session_state["sent"] = [*sent, *st.session_state.get("sent", [])]
    st.session_state["turn"] = turn + 1  # an empty field, so that nothing is sent twice
    st.rerun()


@st.fragment(run_every="5s")
def _fates(folder: Path) -> None:
    """What was sent from here, and how far it has come; looked at again every few seconds."""
    sent: list[intake_data.Sent] = st.session_state.get("sent", [])
    if not sent:
        return
    st.subheader("What became of them")
    found = intake_data.fates(folder, sent)
    settled = sum(fate.settled for fate in found)
    if settled > st.session_state.get("settled", 0):  # the links below are to show what has just been measured
        data.detail.clear()
        data.glances.clear()
    st.session_state["settled"] = settled
    st.progress(settled / len(found), f"{settled} of {count(len(found), 'file')} settled")
    rows = [
        {
            "File": fate.sent.file_name,
            "Location": fate.sent.location,
            "State": _STAGES[fate.stage],
            "What became of it": fate.told,
        }
        for fate in found
    ]
    st.dataframe(rows, hide_index=True, column_config={"What became of it": st.column_config.TextColumn(width="large")})
    for name in sorted({fate.sent.location for fate in found if fate.stage is Stage.MEASURED}):
        st.page_link("app_pages/location.py", label=f"See {plain(name)}", query_params={"location": name})


def _misfiled(folder: Path, glances: Sequence[data.Glance]) -> None:
    """Move, withdraw or take back one capture, with the reason."""
    st.subheader("Put a misfiled photo right")
    places = {glance.status.location.name: glance.status.location for glance in glances}
    name = st.selectbox("Where it is now", list(places), index=None, placeholder="Choose a location", width=420)
    if name is None or refused(folder, access_data.Action.FILE_CAPTURES, places[name].site_id):
        return
    detail = data.detail(folder, name)
    captures = {view.id: view for view in reversed(detail.captures) if not view.is_reference}
    if not captures:
        st.info("There is no photo here besides the reference, onto which all others are laid.")
        return
    zone = places[name].time_zone
    number = st.selectbox(
        "Photo", list(captures), index=None, format_func=lambda key: _label(captures[key], zone), width=600
    )
    others = [other for other in places if other != name]
    filings = intake_data.filings(folder, places[name].id)
    last = next((told for told in filings if told.capture_id == number), None)
    withdrawn = last is not None and last.after is None
    target = None if withdrawn else st.selectbox("Where it belongs", others, index=None, width=420)
    why = st.text_input("Why", placeholder="Kept with the photo", width=600)
    by = asked_name(folder, access_data.Action.FILE_CAPTURES)
    with st.container(horizontal=True):
        ready = number is not None and bool(why.strip())
        if withdrawn:
            if st.button("Take it back", disabled=not ready):
                _do(lambda: intake_data.restore(folder, int(number or 0), why, by), "It counts again.")
        else:
            if st.button("Move it", type="primary", disabled=not ready or target is None):
                move = places[str(target)].id
                _do(lambda: intake_data.move(folder, int(number or 0), move, why, by), f"It belongs to {target} now.")
            if st.button("Withdraw it", disabled=not ready):
                _do(lambda: intake_data.withdraw(folder, int(number or 0), why, by), "It counts no longer.")
    for told in filings:
        after = "withdrawn" if told.after is None else "taken back" if told.after == told.before else f"to {told.after}"
        who = plain(told.by or "somebody")
        st.caption(f"{clock(told.at, zone)}: capture {told.capture_id} {after} by {who}: {plain(told.why)}")


def _label(capture: data.CaptureView, time_zone: str) -> str:
    when = "time unknown" if capture.time is None else clock(capture.time.at, time_zone)
    return f"{capture.id} · {when} · {capture.file_name}"


def _do(act: Callable[[], None], done: str) -> None:
    try:
        act()
    except data.CrackmonitorError as error:
        st.warning(plain(str(error)), icon=":material/info:")
    else:
        st.session_state["done"] = done
        st.rerun()


show()
