"""`crackmonitor worker --alive`: what a health check asks."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from command_line import crackmonitor

from monitor.service.workspace import make_workspace
from monitor.storage import repository
from monitor.storage.database import Database


def test_the_exit_status_says_whether_the_worker_of_this_machine_is_alive(tmp_path: Path) -> None:
    database = Database(make_workspace(tmp_path).resolved_database_url)

    def asked_after(minutes: float) -> int:
        with database.transaction() as session:
            repository.beat(session, f"{socket.gethostname()}:1", datetime.now(UTC) - timedelta(minutes=minutes))
        return crackmonitor("worker", "--alive", "--workspace", tmp_path).status

    never = crackmonitor("worker", "--alive", "--json", "--workspace", tmp_path)
    assert (never.status, never.out) == (1, '{"alive": false, "minutes": 30.0}\n')
    assert asked_after(29) == 0
    assert asked_after(31) == 1
    database.close()
