"""A worker as a process of its own: `python slow_worker.py WORKSPACE SECONDS [--once]`, so many for each capture."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service_examples import Gauge

from monitor.cli import service
from monitor.service.jobs import Jobs
from monitor.service.scheduler import work_until_told
from monitor.service.workspace import open_workspace


def main(folder: Path, seconds: float, *, once: bool) -> None:
    @contextmanager
    def slow() -> Iterator[None]:
        print("analysing", flush=True)
        time.sleep(seconds)
        yield

    logging.basicConfig(level=logging.INFO)
    Jobs.analyser = Gauge(hold=slow)  # type: ignore[assignment]
    if once:
        service.worker(once=True, workspace=folder)
        return
    settings, database = open_workspace(folder)
    work_until_told(database, settings)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), once="--once" in sys.argv)
