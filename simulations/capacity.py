"""How many captures a service of a given size keeps up with: queues in front of its cores, its database and its link.

Costs are measured elsewhere and come in as arguments. A capture passes three stations one after another, first come
first served: the link that brings it, a core that ingests, analyses and follows it, and the database. That is exact for
such queues (Lindley 1952, doi:10.1017/S0305004100027638, for one server; for several the one that is free first).
"""

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]

_DAY = 86400.0
#: Of all captures so many have to be done in time.
_SHARE_IN_TIME = 0.95
#: Measured costs differ from capture to capture; their logarithms by so much.
_SCATTER = 0.2


@dataclass(frozen=True)
class Costs:
    """What one capture costs: core seconds to take it in, to analyse it, and to follow its location's cracks, once and
    for each capture of the history; seconds of one database connection; MB that come in, and MB that are kept.
    """

    ingest: float
    analysis: float
    following: float
    following_each: float
    database: float
    sent_mb: float
    kept_mb: float

    def core_seconds(self, history: float) -> float:
        """Of one capture at a location with so many."""
        return self.ingest + self.analysis + self.following + self.following_each * history


@dataclass(frozen=True)
class Demand:
    """So many locations, each photographed `per_day` times within `window_hours` of the day; done in time is what is
    done within `deadline_hours`.
    """

    name: str
    locations: int
    per_day: float
    window_hours: float
    deadline_hours: float

    @property
    def captures(self) -> int:
        """A day's."""
        return round(self.locations * self.per_day)


@dataclass(frozen=True)
class Prices:
    """What is assumed of a provider, in one currency."""

    core_hour: float
    gb_month: float


@dataclass(frozen=True)
class Fleet:
    """How much of each there is; the link in MB/s."""

    cores: int
    connections: int
    link_mb_s: float


@dataclass(frozen=True)
class Outcome:
    """One day of a demand on a fleet: hours that captures wait and are worked on, and the share in time."""

    fleet: Fleet
    median_hours: float
    late_hours: float
    in_time: float


@dataclass(frozen=True)
class Plan:
    """What a demand needs after so many days: the share of one server of each kind that it keeps busy on average over
    its window (1: all of it), which of them is the first to be full, and the smallest fleet that is in time.
    """

    demand: Demand
    days: int
    busy_cores: float
    busy_connections: float
    busy_link: float
    first: str
    outcome: Outcome
    cost_a_month: float
    kept_gb_a_month: float


#: The two that the service is planned for; cameras on a timer, people and drones by daylight.
DEMANDS = (
    Demand("10,000 locations, one photo a day", 10_000, 1, 8, 16),
    Demand("1,000 cameras, every 10 minutes", 1_000, 144, 24, 1 / 6),
)


def served(ready: Seconds, service: Seconds, servers: int) -> Seconds:
    """When each job is done (n,) that is `ready` at a time and takes `service`: first come first served."""
    order = np.argsort(ready, kind="stable")
    free = [0.0] * min(servers, len(ready))
    done = np.empty_like(ready)
    for job in order:
        begun = max(heapq.heappop(free), ready[job])
        done[job] = begun + service[job]
        heapq.heappush(free, done[job])
    return done


def arrivals(demand: Demand, rng: np.random.Generator) -> Seconds:
    """Seconds of the day (n,) at which a day's captures come: at random in the window, or each camera on its timer."""
    window = demand.window_hours * 3600
    if demand.per_day == 1:
        return np.sort(rng.uniform(0, window, demand.captures))
    phases, step = rng.uniform(0, window / demand.per_day, demand.locations), window / demand.per_day
    return np.sort((phases[:, None] + step * np.arange(round(demand.per_day))).ravel())


def one_day(demand: Demand, costs: Costs, fleet: Fleet, history: float, rng: np.random.Generator) -> Outcome:
    """A day of that demand at locations with so many captures each, from empty queues on."""
    came = arrivals(demand, rng)
    scatter = rng.lognormal(-(_SCATTER**2) / 2, _SCATTER, (3, len(came)))
    fetched = served(came, costs.sent_mb / fleet.link_mb_s * scatter[0], 1)
    analysed = served(fetched, costs.core_seconds(history) * scatter[1], fleet.cores)
    stored = served(analysed, costs.database * scatter[2], fleet.connections)
    hours = (stored - came) / 3600
    return Outcome(
        fleet,
        median_hours=float(np.median(hours)),
        late_hours=float(np.quantile(hours, _SHARE_IN_TIME)),
        in_time=float(np.mean(hours <= demand.deadline_hours)),
    )


def smallest(demand: Demand, costs: Costs, fleet: Fleet, history: float, seed: int) -> Outcome:
    """The outcome with the fewest cores, to a tenth, that has 95 % in time; `fleet` gives the connections and the link.

    Where no number of cores helps, the outcome of as many as there are captures in an hour.
    """
    most = max(1, math.ceil(demand.captures / demand.window_hours))
    whole_day = demand.captures * costs.core_seconds(history) / ((demand.window_hours + demand.deadline_hours) * 3600)
    cores = max(1, math.floor(whole_day))
    while True:
        found = Fleet(cores, fleet.connections, fleet.link_mb_s)
        outcome = one_day(demand, costs, found, history, np.random.default_rng(seed))
        if outcome.in_time >= _SHARE_IN_TIME or cores >= most:
            return outcome
        cores = min(most, max(cores + 1, math.ceil(cores * 1.1)))


def plan(demand: Demand, costs: Costs, fleet: Fleet, prices: Prices, days: int, seed: int) -> Plan:
    """What a demand needs after so many days of it."""
    history = days * demand.per_day
    rate = demand.captures / (demand.window_hours * 3600)
    busy = {
        "cores": rate * costs.core_seconds(history),
        "database": rate * costs.database,
        "link": rate * costs.sent_mb / fleet.link_mb_s,
    }
    shares = {"cores": fleet.cores, "database": fleet.connections, "link": 1}
    kept = demand.captures * costs.kept_mb * 30 / 1000
    core_hours = demand.captures * costs.core_seconds(history) * 30 / 3600
    return Plan(
        demand=demand,
        days=days,
        busy_cores=busy["cores"],
        busy_connections=busy["database"],
        busy_link=busy["link"],
        first=max(busy, key=lambda name: busy[name] / shares[name]),
        outcome=smallest(demand, costs, fleet, history, seed),
        cost_a_month=core_hours * prices.core_hour + kept * (1 + days / 30) * prices.gb_month,
        kept_gb_a_month=kept,
    )


def most_captures(costs: Costs, cores: int, history: float) -> float:
    """Captures a day that so many cores keep up with, round the clock."""
    return cores * _DAY / costs.core_seconds(history)
