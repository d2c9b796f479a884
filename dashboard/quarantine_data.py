"""Files that were not taken in, by reason; a module that touches `monitor`."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import streamlit as st
from sqlalchemy.orm import Session

from dashboard import data
from dashboard.wording import without_path
from monitor.storage import queries


@dataclass(frozen=True)
class Rejected:
    """A file that was not taken in."""

    location: str
    time_zone: str
    file_name: str
    reason: str
    received_at: datetime

    @property
    def kind(self) -> str:
        """The reason as files of the same fault share it."""
        return without_path(self.reason, self.file_name)


@st.cache_data(ttl=60, show_spinner=False)
def rejected(folder: Path) -> tuple[Rejected, ...]:
    """All files that were not taken in, newest first; those that people withdrew were."""
    with data.reading(folder) as (session, _):
        found = [
            Rejected(place.name, place.time_zone, capture.file_name, capture.rejected_reason, capture.received_at)
            for place in queries.locations(session)
            for withdrawn in (_withdrawn(session, place.id),)
            for capture in queries.captures(session, place.id)
            if capture.rejected_reason is not None and capture.id not in withdrawn
        ]
    return tuple(sorted(found, key=lambda file: file.received_at, reverse=True))


def _withdrawn(session: Session, location_id: int) -> set[int]:
    """The captures of a location that people withdrew and did not take back."""
    last = {told.capture_id: told.after for told in reversed(queries.filings(session, location_id))}
    return {capture for capture, after in last.items() if after is None}
