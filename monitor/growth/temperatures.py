"""How warm it was when a photo was taken, from temperatures that were read at other times."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.records import Observation, Temperature

#: Between two neighbours, both at most so far away, the temperature is interpolated.
BETWEEN = timedelta(hours=6)
#: Where there are no two such neighbours, one that is at most so far away stands for it.
BESIDE = timedelta(hours=3)


def with_temperatures(observations: Iterable[Observation], temperatures: Iterable[Temperature]) -> list[Observation]:
    """The observations with the temperature at their times, None where none is known near enough.

    The order in which temperatures are handed in does not matter; they are of different times.
    """
    known = sorted(temperatures, key=lambda one: one.at)
    times = [one.at for one in known]
    return [replace(seen, temperature_c=_at(seen.at, known, times)) for seen in observations]


def _at(at: datetime, known: Sequence[Temperature], times: Sequence[datetime]) -> float | None:
    """The temperature in °C at that time, from `known` by their `times`."""
    place = bisect_left(times, at)
    around = [one for one in known[max(place - 1, 0) : place + 1] if abs(one.at - at) <= BETWEEN]
    if len(around) == 2:
        before, after = around
        share = (at - before.at) / (after.at - before.at)
        return before.celsius + share * (after.celsius - before.celsius)
    return next((one.celsius for one in around if abs(one.at - at) <= BESIDE), None)
