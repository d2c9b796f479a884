"""Promise 10: two years of many locations, in moved time: no leak, no unhandled error, the same as one by one."""

import logging
import resource
import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from killed_workers import examined_here
from service_examples import NOW, Gauge, Workspace, photo
from soaking import times

from monitor.records import Scale, ScaleOrigin
from monitor.service import ingest
from monitor.service.places import set_scale
from monitor.settings import load_settings
from monitor.storage import queries
from monitor.storage.database import Database

pytestmark = pytest.mark.soak

LOCATIONS, MONTHS = times(2, 50), times(3, 24)
MONTH = timedelta(days=30)
#: How much the process may grow in the second half, when every cache is warm.
_GROWTH_MB = 80


def level(place: int, month: int) -> int:
    """Every location has its own wall; every third grows."""
    return 20 + place % 40 + (month if place % 3 == 0 else month % 2)


def lived_through(made: Path, folder: Path, places: list[int], memory_mb: list[float]) -> dict[int, Any]:
    shutil.copytree(made, folder)
    settings = load_settings(folder)
    settings.ingest.stable_scans = 1
    with closing(Database(settings.resolved_database_url)) as database:
        workspace = Workspace(settings, database)
        for place in places:
            workspace.add_location(f"wall-{place}")
            set_scale(database, f"wall-{place}", Scale(0.5, 0.0, ScaleOrigin.TYPED), NOW)
        jobs = workspace.jobs(Gauge())
        for month in range(MONTHS):
            workspace.clock.at = NOW + month * MONTH + timedelta(hours=1)
            for place in places:
                # A pixel more a location, so that no two walls send the same file.
                shape = (16, 24 + place)
                workspace.drop(
                    f"{month}.png", photo(level(place, month), days=month * 30, shape=shape), f"wall-{place}"
                )
            tick = jobs.tick()
            assert (len(tick.intake.accepted), tick.analysed) == (len(places), len(places))
            memory_mb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
        with database.session() as session:
            return {place: _known(session, f"wall-{place}") for place in places}


def _known(session: Any, name: str) -> Any:
    place = queries.location(session, name)
    told = [(change.subject, change.new) for change in queries.transitions(session) if change.location == name]
    fits = sorted(repr(view.fit) for view in queries.fits(session, place.id))
    return fits, [(one.outcome, one.rate) for one in queries.verdicts(session, place.id)], told


def test_many_locations_over_months_are_as_each_by_itself(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ingest, "examine", examined_here)
    memory_mb: list[float] = []
    together = lived_through(made, tmp_path / "together", list(range(LOCATIONS)), memory_mb)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert memory_mb[-1] - memory_mb[MONTHS // 2] < _GROWTH_MB
    for place in range(times(1, 4)):
        alone = lived_through(made, tmp_path / f"alone {place}", [place], [])
        assert alone[place] == together[place]
        assert alone[place][0], "there are fits to compare"
