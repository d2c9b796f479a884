"""How the service itself is doing: its worker, its work, and the files it did not take in."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from dashboard import data, machine_data, quarantine_data
from dashboard.wording import ago, count, moment, number, plain, worker_notice


def show() -> None:
    """The page."""
    st.title("System")
    folder, now = data.workspace(), datetime.now(UTC)
    service = data.service(folder)
    st.caption(f"Workspace {plain(str(folder))} · database {plain(service.database)}")
    for problem in service.problems:
        st.error(plain(problem), icon=":material/database:")
    _worker(service, data.worker(folder), now)
    _work(service)
    _recipes(service)
    _notifications(service)
    _rejected(quarantine_data.rejected(folder))
    _machine(folder)


def _worker(service: data.Service, worker: data.Worker, now: datetime) -> None:
    st.subheader("Worker")
    notice = worker_notice(worker.last_at, worker.silence, now)
    if notice:
        st.warning(notice, icon=":material/schedule:")
    else:
        st.success("The worker is alive.", icon=":material/check:")
    for beat in service.heartbeats:
        facts = ", ".join(f"{name} {value}" for name, value in beat.detail.items())
        told = f" ({plain(facts)})" if facts else ""
        st.markdown(f"- {plain(beat.name)}: {ago(beat.at, now)}, {moment(beat.at, 'UTC')}{told}")


def _work(service: data.Service) -> None:
    st.subheader("Work to do")
    if service.pending:
        st.markdown(f"{count(sum(service.pending.values()), 'capture')} to be measured:")
        st.dataframe([{"Location": name, "Captures": n} for name, n in service.pending.items()], hide_index=True)
    else:
        st.markdown("Every capture that was taken in has been measured.")
    if service.unseen:
        st.markdown(f"{count(service.unseen, 'file')} in the inbox, not looked at yet: the worker does that.")
    if service.watched:
        files = count(len(service.watched), "file")
        st.markdown(f"{files} in the inbox, watched until copying is over:")
        st.dataframe([{"File": path} for path in service.watched], hide_index=True)


def _recipes(service: data.Service) -> None:
    """Locations that have another recipe than the one they go by."""
    if not service.shadows:
        return
    st.subheader("Another recipe")
    ready = [shadow for shadow in service.shadows if shadow.ready]
    st.markdown(
        f"{count(len(service.shadows), 'location')} beside whose recipe there is another, {len(ready)} of them ready."
        " Compare and switch with `crackmonitor location recipe NAME`, or `--all`."
    )
    rows = [
        {
            "Location": shadow.location,
            "In force": shadow.in_force,
            "Other": shadow.fingerprint,
            "Under both": shadow.both,
            "Pending": shadow.pending,
            "Waiting for the switch": shadow.waiting if shadow.out_of_reach is not None else 0,
        }
        for shadow in service.shadows
    ]
    st.dataframe(rows, hide_index=True)
    for shadow in service.shadows:
        for lost in shadow.notices[1:]:
            st.warning(plain(lost), icon=":material/warning:")


def _notifications(service: data.Service) -> None:
    if not service.undelivered:
        return
    st.subheader("Alerts not delivered yet")
    rows = [
        {
            "Channel": waiting.channel,
            "Location": waiting.transition.location,
            "Attempts": waiting.attempts,
            "Next attempt": moment(waiting.next_attempt_at, "UTC") if waiting.next_attempt_at else "given up",
            "Error": waiting.last_error or "",
        }
        for waiting in service.undelivered
    ]
    st.dataframe(rows, hide_index=True)


def _machine(folder: Path) -> None:
    """The disk, and what runs here."""
    st.subheader("Disk and versions")
    disk = machine_data.disk(folder)
    told = f"{number(disk.free_gb)} of {number(disk.total_gb)} GB are free where the workspace lies."
    if disk.free_gb < disk.least_gb:
        st.error(
            f"{told} With less than {number(disk.least_gb)} GB nothing is taken in; files wait in the inbox.",
            icon=":material/hard_drive:",
        )
    else:
        st.markdown(told)
    rows = [{"What": name, "Version": found} for name, found in machine_data.versions(folder).items()]
    st.dataframe(rows, hide_index=True)


def _rejected(files: tuple[quarantine_data.Rejected, ...]) -> None:
    st.subheader("Files not taken in")
    if not files:
        st.markdown("Every file was taken in.")
        return
    st.markdown(f"{count(len(files), 'file lies', 'files lie')} in quarantine, by reason:")
    for kind, times in Counter(file.kind for file in files).most_common():
        with st.expander(f"{times} × {plain(kind)}"):
            rows = [
                {
                    "Location": file.location,
                    "File": file.file_name,
                    "Arrived": moment(file.received_at, file.time_zone),
                }
                for file in files
                if file.kind == kind
            ]
            st.dataframe(rows, hide_index=True)


show()
