"""Prometheus reads what the database says, in the form Prometheus asks for."""

from collections.abc import Iterator

import httpx
import pytest
from doors import open_door, token
from prometheus_client.parser import text_string_to_metric_families
from service_examples import Gauge, Workspace, photo

from monitor.storage import queries, repository
from monitor.storage.tokens import TokenScope

# Apprise loads all its plugins, and one of them still imports this.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

Figures = dict[tuple[str, ...], float]


@pytest.fixture
def door(shared_workspace: Workspace) -> Iterator[httpx.Client]:
    with open_door(shared_workspace) as client:
        client.headers = httpx.Headers(token(shared_workspace, TokenScope.METRICS))
        yield client


def scraped(door: httpx.Client) -> Figures:
    answer = door.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = list(text_string_to_metric_families(answer.text))
    for family in families:
        assert family.name.startswith("crackmonitor_")
        assert family.documentation.endswith(".")
        assert family.type == "gauge"
    return {
        (sample.name.removeprefix("crackmonitor_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_an_empty_workspace_knows_no_ages(door: httpx.Client) -> None:
    found = scraped(door)
    assert found[("locations",)] == 1
    assert found[("captures", "accepted")] == found[("queue_captures",)] == found[("alarms_active", "red")] == 0
    assert found[("queue_oldest_age_seconds",)] == 0
    assert ("worker_heartbeat_age_seconds",) not in found
    assert ("reading_delay_seconds",) not in found
    assert found[("disk_free_bytes",)] > 0


def test_figures_follow_what_happens(door: httpx.Client, shared_workspace: Workspace) -> None:
    workspace = shared_workspace
    workspace.clock.turn(days=100)
    workspace.drop("first.png", photo(50, days=99))
    workspace.drop("wrong.png", b"no picture")
    workspace.drop("no.png", photo(0, days=99.5))
    workspace.scan()
    assert scraped(door)[("inbox_files",)] == 3
    workspace.scan()
    workspace.clock.turn(seconds=90)
    found = scraped(door)
    assert (found[("captures", "accepted")], found[("captures", "rejected")]) == (2, 1)
    assert (found[("queue_captures",)], found[("queue_oldest_age_seconds",)]) == (2, 90)
    assert found[("inbox_files",)] == 0
    workspace.jobs(Gauge()).tick()
    workspace.clock.turn(seconds=30)
    found = scraped(door)
    assert (found[("readings", "measured")], found[("readings", "no_crack")]) == (1, 1)
    assert (found[("queue_captures",)], found[("queue_oldest_age_seconds",)]) == (0, 0)
    assert found[("worker_heartbeat_age_seconds",)] == 30
    assert found[("reading_delay_seconds",)] == 90
    workspace.clock.turn(days=40)
    workspace.jobs(Gauge()).watch()
    found = scraped(door)
    assert found[("alarms_active", "stale")] == 1
    assert ("reading_delay_seconds",) not in found


def test_a_reading_under_another_recipe_leaves_the_capture_in_the_queue(shared_workspace: Workspace) -> None:
    workspace = shared_workspace
    workspace.drop_and_work(Gauge(), 50)
    workspace.clock.turn(hours=1)
    workspace.take(photo(60, days=1))
    with workspace.database.transaction() as session:
        repository.bring_recipe(session, Gauge("second").recipe, workspace.clock())
    with workspace.database.session() as session:
        counts = queries.counts(session, workspace.clock())
    assert counts.waiting == 1
    workspace.jobs(Gauge("second"), former=[]).analyse_pending()
    with workspace.database.session() as session:
        assert queries.counts(session, workspace.clock()).waiting == 1
    workspace.clock.turn(hours=1)
    workspace.jobs(Gauge("second"), former=[Gauge()]).analyse_pending()
    with workspace.database.session() as session:
        assert queries.counts(session, workspace.clock()).waiting == 0


def test_messages_on_their_way_are_counted(door: httpx.Client, shared_workspace: Workspace) -> None:
    shared_workspace.settings.notify.urls = ["json://127.0.0.1:9/nobody"]
    shared_workspace.clock.turn(days=40)
    jobs = shared_workspace.jobs(Gauge())
    jobs.watch()
    jobs.notify()
    assert scraped(door)[("messages_undelivered",)] == 1
