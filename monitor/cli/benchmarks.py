"""The command `bench`, and the benchmarks that need the database, the service or the dashboard."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Seed, Workspace, answer, progress, table

if TYPE_CHECKING:
    from monitor.records import Analysis

#: In addition to those of `simulations.benchmarks`.
_OWN = {
    "start": "monitor.cli.benchmarks:benchmark_start",
    "dashboard": "monitor.cli.page_benchmarks:benchmark_dashboard",
    "service": "monitor.cli.benchmarks:benchmark_service",
}


def bench(
    only: Annotated[str | None, typer.Option(help="Name of a benchmark; all of them otherwise.")] = None,
    width: Annotated[float, typer.Option(min=0.01, help="Share of the paper's channels, published side.")] = 1.0,
    patch: Annotated[int, typer.Option(min=32, help="Side of the published side's patches in px.")] = 256,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds to take the median of.")] = 7,
    photo_rounds: Annotated[int, typer.Option(min=1, help="The same, of whole photos.")] = 3,
    megapixels: Annotated[float, typer.Option(min=0.05, help="Size of the photos.")] = 12.0,
    captures: Annotated[int, typer.Option(min=10, help="Captures to take through the service.")] = 200,
    capture_megapixels: Annotated[float, typer.Option(min=0.05, help="Their size.")] = 0.08,
    locations: Annotated[int, typer.Option(min=1, help="Locations they are of, by turns.")] = 20,
    sites: Annotated[int, typer.Option(min=1, help="Sites in the dashboard's database.")] = 200,
    readings: Annotated[int, typer.Option(min=1, help="Readings in it.")] = 365_000,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads (0: torch chooses).")] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures there as Markdown, and as CSV beside it.")
    ] = None,
    seed: Seed = 0,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Time the analysis against the published way of doing it, in one process by turns, and compare the results."""
    from monitor.cli.trials import _machine as machine
    from simulations.benchmarks import BENCHMARKS, as_csv, as_figures, as_page, benchmark, flat
    from simulations.speed.options import BenchOptions

    if threads:
        import torch

        torch.set_num_threads(threads)
    made_on = machine()
    options = BenchOptions(
        width=width, patch_px=patch, rounds=rounds, photo_rounds=photo_rounds, seed=seed, megapixels=megapixels,
        captures=captures, capture_megapixels=capture_megapixels, locations=locations, sites=sites, readings=readings,
    )  # fmt: skip
    known = {**BENCHMARKS, **_OWN}
    chosen = [only] if only is not None else list(known)
    results = {}
    with progress("Timing", len(chosen), json) as bar:
        for name in chosen:
            results[name] = benchmark(name, options, known)
            bar.advance()
    if report is not None:
        report.write_text(as_page(results, _command(only, options, threads), made_on), encoding="utf-8")
        report.with_suffix(".csv").write_text(as_csv(results), encoding="utf-8")
    figures = {name: as_figures(result) for name, result in results.items()}
    found: dict[str, Any] = {"benchmark": only, **figures[only]} if only is not None else {"benchmarks": figures}
    answer({**found, "machine": made_on}, json, table(("figure", "value"), [*flat(found), ("machine", made_on)]))


def _command(only: str | None, options: Any, threads: int) -> str:
    """With all options that are not the default."""
    names = {"patch_px": "patch"}
    changed = [
        f" --{names.get(part.name, part.name).replace('_', '-')} {getattr(options, part.name):g}"
        for part in fields(options)
        if getattr(options, part.name) != part.default
    ]
    chosen = f" --only {only}" if only is not None else ""
    return f"crackmonitor bench{chosen}{''.join(changed)}{f' --threads {threads}' if threads else ''}"


def benchmark_start(options: Any) -> Any:
    """Seconds of `crackmonitor --help`, and of the dashboard from its start until its first page is made."""
    from simulations.speed.timing import Result

    page = (
        "from streamlit.testing.v1 import AppTest\n"
        "from dashboard import app\n"
        "found = AppTest.from_file(app.__file__, default_timeout=60).run()\n"
        "assert not found.exception, found.exception\n"
    )
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from monitor.cli import main; main()"]
        subprocess.run([*command, "init", f"{folder}/ws"], check=True, capture_output=True)
        environment = {"CRACKMONITOR_WORKSPACE": f"{folder}/ws"}
        steps = {"help": [*command, "--help"], "first_page": [sys.executable, "-c", page]}
        found = {
            name: [_started(step, environment) for _ in range(options.photo_rounds)] for name, step in steps.items()
        }
    figures = {}
    for name, seconds in found.items():
        figures[f"{name}_seconds"] = min(wall for wall, _ in seconds)
        figures[f"{name}_cpu_seconds"] = min(cpu for _, cpu in seconds)
    return Result(figures={**figures, "rounds": options.photo_rounds, "of_the_rounds": "the quickest"})


def _started(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds on the wall's clock and of CPU."""
    import os
    import resource

    def cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    wall, before = time.perf_counter(), cpu()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    return time.perf_counter() - wall, cpu() - before


def benchmark_service(options: Any) -> Any:
    """Photos of some locations through the whole service; seconds a capture, and whether its memory grows."""
    from simulations.speed.timing import Curve, Result

    with TemporaryDirectory() as folder:
        figures, seconds = _soaked(Path(folder) / "ws", options)
    about = {"captures": options.captures, "megapixels": options.capture_megapixels, "locations": options.locations}
    # The first rounds load the weights and bring the references.
    each = options.captures / len(seconds)
    history = [round((number + 0.5) * each / options.locations, 1) for number in range(len(seconds))]
    costs = [cost * (1 / each) for cost in seconds]
    curve = Curve("history", "captures of a location: a capture's way through the service", history[1:], costs[1:])
    return Result(curves=[curve], figures={**figures, **about})


def _soaked(folder: Path, options: Any) -> tuple[dict[str, Any], list[Any]]:
    import numpy as np

    from monitor.service.jobs import Jobs
    from monitor.service.workspace import make_workspace
    from monitor.storage import repository
    from monitor.storage.database import Database
    from simulations.scenarios import FIRST_CAPTURE, save_photo
    from simulations.speed.photos import scene
    from simulations.speed.timing import once, threads

    settings = make_workspace(folder)
    settings = _taken_at_once(settings)
    database = Database(settings.resolved_database_url)
    with database.transaction() as session:
        site = repository.add_site(session, name="Site", time_zone="UTC", now=FIRST_CAPTURE)
        for wall in range(options.locations):
            repository.add_location(session, site_id=site, name=f"wall-{wall}", interval_days=1, now=FIRST_CAPTURE)
            (settings.inbox / f"wall-{wall}").mkdir(parents=True, exist_ok=True)
    shown, rng, resident, seconds, status = (
        scene(options.capture_megapixels, options.seed),
        np.random.default_rng(0),
        [],
        [],
        [],
    )

    def note(_capture: object, analysis: "Analysis") -> None:
        resident.append(_resident_mb())
        status.append(analysis.status)

    jobs = Jobs(database, settings, lambda: datetime.now(UTC), "bench", on_analysed=note)
    for batch in range(10):
        for number in range(batch * options.captures // 10, (batch + 1) * options.captures // 10):
            day, wall = divmod(number, options.locations)
            photo = shown.capture if day else shown.reference
            grain = rng.integers(-2, 3, photo.shape, np.int16)
            taken, inbox = FIRST_CAPTURE + timedelta(days=day), settings.inbox / f"wall-{wall}"
            save_photo(inbox / f"{number}.jpg", np.clip(photo + grain, 0, 255).astype(np.uint8), taken, 92)
        seconds.append(once(jobs.tick))
    database.close()
    warm = resident[len(resident) // 5 :]
    share = 10 / options.captures
    figures = {
        "analysed": len(resident),
        "measured": sum(each == "measured" for each in status),
        "threads": threads(),
        "seconds_per_capture": float(np.median([each.wall for each in seconds[2:]])) * share,
        "cpu_seconds_per_capture": float(np.median([each.cpu for each in seconds[2:]])) * share,
        "captures_per_day": 86400 / (float(np.median([each.wall for each in seconds[2:]])) * share),
        "captures_per_day_by_cpu": 86400 / (float(np.median([each.cpu for each in seconds[2:]])) * share),
        "resident_peak_mb": max(resident),
        "resident_after_a_fifth_mb": float(np.median(warm[: max(1, len(warm) // 4)])),
        "resident_at_the_end_mb": float(np.median(warm[-max(1, len(warm) // 4) :])),
    }
    return figures, seconds


def _taken_at_once(settings: Any) -> Any:
    """A file is taken in at the first look: nobody else writes here."""
    return settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"stable_scans": 1})})


def _resident_mb() -> float:
    """Memory of this process; its highest so far where the system does not tell the present."""
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return pages * resource.getpagesize() / 1e6


COMMANDS: dict[str, Callable[..., None]] = {"bench": bench}
