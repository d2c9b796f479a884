"""Words for values: times, numbers, rates and states as people read them. Pure."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
MONTHS_PER_YEAR = 12


class State(StrEnum):
    """Where a location stands, what needs attention first."""

    ALERT = "alert"
    OVERDUE = "overdue"
    WAITING = "waiting"
    OK = "ok"


@dataclass(frozen=True)
class Sign:
    """How a state looks: by shape and word; `color` (a name of Streamlit's palette) only supports them."""

    shape: str
    word: str
    color: str

    @property
    def badge(self) -> str:
        """The sign in Markdown."""
        return f":{self.color}-badge[{self.shape} {self.word}]"


SIGNS: Mapping[State, Sign] = MappingProxyType(
    {
        State.ALERT: Sign("▲", "Alert", "red"),
        State.OVERDUE: Sign("◇", "Stale", "orange"),
        State.WAITING: Sign("○", "Waiting", "gray"),
        State.OK: Sign("●", "OK", "green"),
    }
)

#: How the state of an alert and the level of a trigger plan look.
ALERT_SIGNS: Mapping[str, Sign] = MappingProxyType(
    {
        "red": Sign("■", "Red", "red"),
        "firing": Sign("▲", "Alert", "red"),
        "amber": Sign("◆", "Amber", "orange"),
        "stale": Sign("◇", "Stale", "orange"),
        "green": Sign("●", "Green", "green"),
        "ok": Sign("●", "Over", "gray"),
    }
)

#: What a stored status or fit method is called on a page.
STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "measured": "● measured",
        "no_crack": "○ no crack",
        "not_measured": "◇ not measured",
        "not_registered": "◇ not registered",
        "rejected": "✕ rejected",
        "waiting": "… waiting",
    }
)
#: What a verdict is called on a page.
VERDICTS: Mapping[str, str] = MappingProxyType(
    {
        "dormant": "Dormant",
        "seasonal": "Seasonal",
        "progressive": "Progressive",
        "accelerating": "Accelerating",
        "not_enough_data": "Not enough data",
    }
)
#: How a crack stood in a capture.
CRACK_STATES: Mapping[str, str] = MappingProxyType(
    {
        "not_yet": "not seen yet",
        "new": "new",
        "continued": "seen again",
        "merged": "merged with another",
        "branched": "branched",
        "gone_dark": "not found (that is no healing)",
        "not_shown": "not in the photo",
    }
)
METHODS: Mapping[str, str] = MappingProxyType(
    {
        "seasonal": "trend and yearly season together (least squares)",
        "temperature": "trend beside temperature (least squares)",
        "theil_sen": "straight line (Theil–Sen), season not separated",
        "least_squares": "straight line (least squares), season not separated",
    }
)


def plain(text: str) -> str:
    """Text from outside, such as a name or a reason, so that Markdown shows it as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def without_path(reason: str, file_name: str) -> str:
    """A reason without the path of the file it begins with, where the file is named beside it anyway."""
    return reason.partition(file_name)[2].strip() or reason


def clock(at: datetime, time_zone: str) -> str:
    """A time on the site's clocks."""
    return f"{at.astimezone(ZoneInfo(time_zone)):%d %b %Y, %H:%M}"


def moment(at: datetime, time_zone: str) -> str:
    """A time on the site's clocks, with the zone's name."""
    return f"{clock(at, time_zone)} ({time_zone})"


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits twice; times to come are named as such."""
    passed = now - at
    if passed < -timedelta(minutes=1):
        return "in the future"
    for unit, length in (("days", timedelta(days=1)), ("hours", timedelta(hours=1)), ("minutes", timedelta(minutes=1))):
        if passed >= 2 * length:
            return f"{passed // length} {unit} ago"
    return "just now"


def seen(at: datetime, time_zone: str, now: datetime, *, certain: bool) -> str:
    """A capture's time, how long ago that is, and whether it may be wrong."""
    doubt = "" if certain else ", time uncertain"
    return f"{moment(at, time_zone)}, {ago(at, now)}{doubt}"


def number(value: float) -> str:
    """Three significant digits, whole from 100 on, with a true minus sign."""
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 1e-4 else "0"
    return digits.replace("-", "−")


def rate(slope: float, low: float, high: float, *, unit: str, per: str, confidence: float) -> str:
    """A rate with its interval, `+0.42 mm per year (90 % interval +0.30 to +0.55)`."""
    return estimate(slope, low, high, unit=f"{unit} per {per}", confidence=confidence)


def estimate(value: float, low: float, high: float, *, unit: str, confidence: float) -> str:
    """A difference with its interval, `+0.42 mm (90 % interval +0.30 to +0.55)`.

    All three have as many decimals as half the interval's width needs for two digits, but no more than the
    largest of them needs for four.
    """
    half, largest = (high - low) / 2, max(abs(value), abs(low), abs(high))
    wanted = [digits - _magnitude(size) for digits, size in ((1, half), (3, largest)) if size > 0]
    decimals = max(min(wanted, default=0), 0)
    middle, first, last = (_signed(number, decimals) for number in (value, low, high))
    return f"{middle} {unit} ({confidence * 100:.0f} % interval {first} to {last})"


def plus_minus(value: float, error: float) -> str:
    """A size and its standard error, `1.24 ± 0.03`: as many decimals as two digits of the error need."""
    decimals = max(1 - _magnitude(error), 0) if error > 0 else 2
    return f"{_signed(value, decimals).removeprefix('+')} ± {error:.{decimals}f}"


def together(one: float | None, other: float | None) -> float | None:
    """Two independent standard errors as one, None where one of them is not known."""
    return None if one is None or other is None else math.hypot(one, other)


def _magnitude(value: float) -> int:
    return math.floor(math.log10(value))


def _signed(value: float, decimals: int) -> str:
    digits = f"{value:+.{decimals}f}"
    return digits[1:] if float(digits) == 0 else digits.replace("-", "−")


def verdict(outcome: str | None, months_needed: float | None = None, *, measured: bool = False) -> str:
    """The verdict in Markdown, with the time that one still needs; `outcome` None: nothing was judged yet, or what was
    does not hold any more, as after a photo was withdrawn (`measured`: there are readings to judge).
    """
    if outcome is None and measured:
        return "**No verdict at present.** The worker judges the readings in its next round."
    if outcome is None:
        return "**No verdict yet.** The worker gives one after it has measured."
    months = None if months_needed is None else max(math.ceil(months_needed), 1)
    wait = "" if months is None else f", about {count(months, 'more month')} needed"
    return f"**{VERDICTS[outcome]}**{wait}."


def no_rate(message: str | None) -> str:
    """Why there is no rate, from the failed fit's message (None: there is no fit either)."""
    return f"No rate yet: {plain(message or 'the worker fits one in its next round')}."


def due(at: datetime, time_zone: str, now: datetime) -> str:
    """Until when something is to be done on the site's clocks, and whether that has passed."""
    return f"due {clock(at, time_zone)}" + (", **late**" if now > at else "")


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 reading`, `2 readings`."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def worker_notice(last_at: datetime | None, silence: timedelta, now: datetime) -> str | None:
    """What to say about a worker that gives no sign of life; None while all is well."""
    if last_at is None:
        return "No worker has run yet, so nothing is taken in or measured. Start one with `crackmonitor worker`."
    if now - last_at > silence:
        return (
            f"The worker's last sign of life was {ago(last_at, now)}: what stands here may be out of date."
            " Start it with `crackmonitor worker`."
        )
    return None
