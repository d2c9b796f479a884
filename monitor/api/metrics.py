"""How the service stands, as Prometheus reads it: counted from the database at every scrape, kept nowhere else."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor.api.admission import Here, MetricsReader
from monitor.api.reading import REFUSALS
from monitor.storage import queries
from monitor.storage.counts import Counts

router = APIRouter(tags=["metrics"], responses=REFUSALS)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(here: Here, _token: MetricsReader) -> Response:
    """All figures, in Prometheus' text format."""
    now = here.clock()
    with here.database.session() as session:
        counts = queries.counts(session, now)
    free_bytes = shutil.disk_usage(here.settings.workspace).free
    return Response(exposition(counts, free_bytes, now), media_type=CONTENT_TYPE_LATEST)


def exposition(counts: Counts, free_bytes: int, now: datetime) -> bytes:
    """The figures in Prometheus' text format; what is not known is left out, and never 0."""
    registry = CollectorRegistry()
    registry.register(_Standing(counts, free_bytes, now))
    return generate_latest(registry)


class _Standing(Collector):
    """All are gauges: a capture may be withdrawn and a reading superseded, so that none only ever grows."""

    def __init__(self, counts: Counts, free_bytes: int, now: datetime) -> None:
        self._counts = counts
        self._free_bytes = free_bytes
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """One family for each figure."""
        known = self._counts
        yield _one("locations", "Locations that are watched.", known.locations)
        yield _by("captures", "Captures by what became of them on arrival.", "outcome", known.captures)
        yield _by("readings", "Readings that stand, by what the analysis found.", "status", known.readings)
        yield _one("queue_captures", "Accepted captures without a reading under their recipe.", known.waiting)
        yield _one("queue_oldest_age_seconds", "Since the oldest of them arrived.", self._age(known.waiting_since, 0.0))
        yield _one("inbox_files", "Files in the inbox that are watched until they are whole.", known.inbox)
        yield _one("worker_heartbeat_age_seconds", "Since a worker's last sign of life.", self._age(known.beat_at))
        yield _one(
            "reading_delay_seconds",
            "Mean time from arrival to reading, of captures that arrived within a day.",
            known.delay_seconds,
        )
        yield _by("alarms_active", "Alerts that are raised now.", "severity", known.raised)
        yield _one("messages_undelivered", "Messages about alerts that are still to be tried.", known.undelivered)
        yield _one("disk_free_bytes", "Free space where the workspace is.", self._free_bytes)

    def _age(self, since: datetime | None, without: float | None = None) -> float | None:
        return without if since is None else max(0.0, (self._now - since).total_seconds())


def _one(name: str, told: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"crackmonitor_{name}", told)
    if value is not None:
        family.add_metric([], value)
    return family


def _by(name: str, told: str, label: str, values: Mapping[Any, int]) -> Metric:
    family = GaugeMetricFamily(f"crackmonitor_{name}", told, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family
