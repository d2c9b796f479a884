"""What `queries` counts for those who watch the service itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.records import AlertState, Status


@dataclass(frozen=True)
class Counts:
    """How the service stands. `captures` are accepted or rejected, `readings` those that stand, by status.

    `waiting` captures lack a reading under the recipe that their location goes by, the oldest since `waiting_since`;
    `inbox` files are still watched. `beat_at` is the last sign of life of any worker, `delay_seconds` how long it took
    on average from arrival to reading, of at most the last thousand captures that arrived within a day. None: nothing
    is known yet. `raised` counts alerts by state, `undelivered` messages that are still to be tried.
    """

    locations: int
    captures: Mapping[str, int]
    readings: Mapping[Status, int]
    waiting: int
    waiting_since: datetime | None
    inbox: int
    beat_at: datetime | None
    delay_seconds: float | None
    raised: Mapping[AlertState, int]
    undelivered: int
