"""What people are told of an alert: what, where, how sure, since when, what to do, and where to look."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote
from zoneinfo import ZoneInfo

import cv2

from monitor.records import AlertState, MessageKind
from monitor.storage.alarms import subject_name
from monitor.storage.views import TEST, NotificationView, TransitionView

#: Pictures are made smaller before they are sent: mail servers turn large ones away.
_LONGEST_SIDE_PX = 1600

_HEADLINES = {
    AlertState.OK: "All clear",
    AlertState.FIRING: "Alert",
    AlertState.STALE: "Stale",
    AlertState.AMBER: "Amber",
    AlertState.RED: "Red",
}


def message(notification: NotificationView, link: str = "") -> tuple[str, str]:
    """Title and body of a message about a change of state, or a reminder of it. `link` is the address of the pages."""
    told = notification.transition
    headline = "Test" if told.subject == TEST else _HEADLINES[told.new]
    again = {
        MessageKind.CHANGE: "",
        MessageKind.REMINDER: f"Reminder {notification.number}. ",
        MessageKind.ESCALATION: "Nobody answers. ",
    }[notification.kind]
    title = f"{again}{headline}: {told.location} ({subject_name(told.subject)})"
    lines = [f"What: {told.why}"]
    if told.location_id is not None:
        lines.append(f"Where: {told.location}, {told.site}")
    if told.evidence.get("sure"):
        lines.append(f"How sure: {told.evidence['sure']}")
    lines += [f"Since: {_clock(told.at, told.time_zone)}", *_order(told)]
    if notification.kind is not MessageKind.CHANGE:
        lines.append("Nobody has acknowledged this yet.")
    return title, "\n".join([*lines, *_links(told, link)])


def _order(told: TransitionView) -> list[str]:
    """What the trigger plan asks for."""
    order = told.evidence.get("order")
    if not isinstance(order, dict):
        return []
    due = datetime.fromisoformat(told.evidence["due_at"])
    return [f"To do: {order['action']}", f"By: {order['owner']}, until {_clock(due, told.time_zone)}"]


def _links(told: TransitionView, link: str) -> list[str]:
    if not link:
        return []
    found = [] if told.location_id is None else [f"Look: {link}/location?location={quote(told.location, safe='')}"]
    if told.new.raised and told.subject != TEST:
        found.append(f"Acknowledge: {link}/alarms?alert={told.id}")
    return found


def _clock(at: datetime, time_zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M} ({time_zone})"


@contextmanager
def sent_picture(path: Path | None) -> Iterator[Path | None]:
    """A stored picture as it is sent, its longest side at most 1600 px; None where there is none to read."""
    image = None if path is None else cv2.imread(str(path))
    if image is None:
        yield None
        return
    shrink = min(1.0, _LONGEST_SIDE_PX / max(image.shape[:2]))
    if shrink < 1:
        image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    with TemporaryDirectory() as folder:
        sent = Path(folder) / "crack.jpg"
        cv2.imwrite(str(sent), image, [cv2.IMWRITE_JPEG_QUALITY, 85])
        yield sent
