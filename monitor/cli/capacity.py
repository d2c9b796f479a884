"""The command `capacity`: what one capture costs here, and what follows from it for large services."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Seed, Workspace, answer, progress, table

if TYPE_CHECKING:
    from monitor.opening.sightings import Sighting
    from monitor.records import Analysis
    from monitor.storage.database import Database
    from simulations.capacity import Costs, Plan

_DAYS = (30, 365)


def capacity(
    megapixels: Annotated[float, typer.Option(min=0.05, help="Size of the photos.")] = 12.0,
    rounds: Annotated[int, typer.Option(min=1, help="Photos to take the median of.")] = 3,
    history: Annotated[int, typer.Option(min=4, help="Captures of the location whose cracks are followed.")] = 8,
    readings: Annotated[int, typer.Option(min=200, help="Readings in the database.")] = 100_000,
    database_url: Annotated[
        str, typer.Option(help="An empty PostgreSQL database to measure; a SQLite file otherwise.")
    ] = "",
    cores: Annotated[int, typer.Option(min=0, help="Cores there are (0: this machine's).")] = 0,
    link: Annotated[float, typer.Option(min=0.1, help="MB/s that photos come in at.")] = 100.0,
    core_hour: Annotated[float, typer.Option(min=0.0, help="Price of a core for an hour.")] = 0.04,
    gb_month: Annotated[float, typer.Option(min=0.0, help="Price of a GB kept for a month.")] = 0.02,
    report: Annotated[Path | None, typer.Option(help="Write what was found there, as Markdown.")] = None,
    seed: Seed = 0,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Measure what one capture costs on this machine, and simulate 10,000 locations daily and 1,000 cameras."""
    from monitor.cli.trials import _machine as machine
    from simulations.capacity import DEMANDS, Fleet, Prices, most_captures, plan

    made_on = machine()
    with progress("Measuring", 3, json) as bar, TemporaryDirectory() as folder:
        costs, kinds = _measured(Path(folder), megapixels, rounds, history, readings, database_url, seed, bar.advance)
    fleet = Fleet(cores or os.cpu_count() or 1, 8 if database_url else 1, link)
    prices = Prices(core_hour, gb_month)
    plans = [plan(demand, costs, fleet, prices, days, seed) for demand in DEMANDS for days in _DAYS]
    most = {days: most_captures(costs, fleet.cores, days) for days in (1, *_DAYS)}
    found = {"costs": asdict(costs), **kinds, "captures_a_day_here": most, "plans": [asdict(one) for one in plans]}
    rows = [_row(one) for one in plans]
    if report is not None:
        command = f"crackmonitor capacity --megapixels {megapixels:g} --rounds {rounds} --history {history}"
        command += f" --readings {readings}" + (" --database-url URL" if database_url else "")
        page = _PAGE.format(
            command=command,
            machine=made_on,
            costs=_lines(_COST_HEAD, _cost_rows(costs)),
            plans=_lines(_HEAD, rows),
            most=", ".join(f"{count:,.0f} with {days} captures each" for days, count in most.items()),
            fleet=fleet,
            prices=prices,
            **kinds,
        )
        report.write_text(page, encoding="utf-8")
    answer({**found, "machine": made_on}, json, f"{table(_COST_HEAD, _cost_rows(costs))}\n\n{table(_HEAD, rows)}")


_HEAD = (
    "demand", "after days", "cores busy", "database busy", "link busy", "full first",
    "cores for 95 % in time", "median wait", "GB a month", "cost a month",
)  # fmt: skip
_COST_HEAD = ("what", "a capture")


def _row(one: "Plan") -> tuple[str, ...]:
    outcome = one.outcome
    enough = f"{outcome.fleet.cores:,}" if outcome.in_time >= 0.95 else f"not with {outcome.fleet.cores:,}"
    median = f"{outcome.median_hours:.1f} h" if outcome.median_hours >= 1 else f"{outcome.median_hours * 60:.1f} min"
    return (
        one.demand.name, f"{one.days}", f"{one.busy_cores:,.1f}", f"{one.busy_connections:.3f}", f"{one.busy_link:.3f}",
        one.first, enough, median, f"{one.kept_gb_a_month:,.0f}", f"{one.cost_a_month:,.0f}",
    )  # fmt: skip


def _cost_rows(costs: "Costs") -> list[tuple[str, ...]]:
    return [
        ("taken in (decoded once in the child, hashed, copied)", f"{costs.ingest:.2f} core s"),
        ("registered and analysed", f"{costs.analysis:.2f} core s"),
        (
            "its location followed, fitted and judged",
            f"{costs.following:.2f} core s, and {costs.following_each:.3f} for each of its captures",
        ),
        ("database", f"{costs.database * 1000:.1f} ms"),
        ("comes in, is kept (original, pictures)", f"{costs.sent_mb:.1f} MB, {costs.kept_mb:.1f} MB"),
    ]


_PAGE = """\
# What a large service needs

Made by `{command}` on {machine}. Costs are CPU seconds of one core, medians; the database's are seconds of one
connection, the mean of 20 captures of one round ({database}, {readings:,} readings in it). The queues are simulated
(`simulations/capacity.py`), the prices assumed: {prices.core_hour:g} for a core and hour, {prices.gb_month:g} for a GB
and month, in any currency.

{costs}

Round the clock the {fleet.cores} core(s) here keep up with so many captures a day: {most}.

{plans}

*Busy* is the number of cores, of connections (there are {fleet.connections}) and of links ({fleet.link_mb_s:g} MB/s)
that would be busy all the time while photos come; *full first* is what reaches its end first on this machine. A day's
photos come within 8 hours and are to be done within 16; a camera's within 10 minutes. Waits are those with the cores of
the column before.

A location's cracks are followed through all its captures at each round that brought it one. What earlier captures
show is kept (`looks`), but has to be read and compared again, so the cost of a capture grows with its history a little.
Rounds that bring several captures of one location do that once, which is not counted here: for cameras the figures are
upper bounds.
"""


def _lines(head: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *body))


def _measured(
    folder: Path, megapixels: float, rounds: int, history: int, readings: int, database_url: str, seed: int,
    advance: Callable[[], None],
) -> "tuple[Costs, dict[str, Any]]":  # fmt: skip
    """The costs, and what they were measured on."""
    from simulations.capacity import Costs

    ingest, analysis, sent_mb, made_mb, following = _of_photos(folder, megapixels, rounds, history, seed, advance)
    kind, seconds, judged = _of_database(folder, readings, database_url)
    advance()
    each, once = max(following[0], 0.0), max(following[1], 0.0) + judged
    costs = Costs(ingest, analysis, once, each, seconds, sent_mb, sent_mb + made_mb)
    return costs, {"database": kind, "readings": readings, "megapixels": megapixels}


def _of_photos(
    folder: Path, megapixels: float, rounds: int, history: int, seed: int, advance: Callable[[], None]
) -> tuple[float, float, float, float, tuple[float, float]]:
    """Core seconds to take in and to analyse, MB of an original and of the pictures made, and the line of following:
    core seconds for each capture of the history, and once.
    """
    import numpy as np

    from monitor.imaging.files import digest
    from monitor.imaging.sparse_masks import SparseMask
    from monitor.opening.sightings import Sighting
    from monitor.service.decoding import examine
    from monitor.service.executors import build_analyser
    from monitor.service.ingest import copy_whole, read_original
    from monitor.service.pictures import keep_pictures
    from monitor.settings import AnalysisSettings, IngestSettings
    from simulations.scenarios import FIRST_CAPTURE, save_photo
    from simulations.speed.photos import scene

    shown, rng = scene(megapixels, seed), np.random.default_rng(seed)
    originals: list[Path] = []
    ingested: list[float] = []
    for number in range(history):
        photo = shown.reference if number == 0 else shown.capture
        grain = rng.integers(-2, 3, photo.shape, np.int16)
        path = folder / f"{number}.jpg"
        save_photo(path, np.clip(photo + grain, 0, 255).astype(np.uint8), FIRST_CAPTURE + timedelta(days=number), 92)

        def taken_in(path: Path = path) -> None:
            kept = folder / f"{digest(path)}.jpg"
            examine(path, IngestSettings())
            copy_whole(path, kept, kept.stem)
            originals.append(kept)

        ingested.append(_core_seconds(taken_in))
    advance()
    analyser = build_analyser(AnalysisSettings(device="cpu"))
    reference = read_original(originals[0])
    first = analyser.analyse(reference)
    analyses, times = [], []
    for number in range(1, 1 + min(rounds, history - 1)):
        times.append(_core_seconds(lambda path=originals[number]: analyses.append(  # type: ignore[misc]
            analyser.analyse(read_original(path), reference, first.mask))))  # fmt: skip
    found = analyses[0]
    pictures = keep_pictures(found, folder / "pictures")
    made_mb = sum((folder / "pictures" / name).stat().st_size for name in pictures.values()) / 1e6
    advance()
    matrix = np.eye(3) if found.registration is None or found.registration.matrix is None else found.registration.matrix
    masks = [first.mask, found.mask]
    if any(mask is None for mask in masks):
        raise typer.BadParameter("The simulated photo gave no mask; try another --seed or size.")
    sightings = [
        Sighting(key, SparseMask.of(masks[key > 0]), reference.shape[:2], matrix if key else np.eye(3))  # type: ignore[arg-type]
        for key in range(history)
    ]
    following = _of_following(folder / "looks", originals, sightings)
    sent_mb = originals[-1].stat().st_size / 1e6
    return float(np.median(ingested[1:])), float(np.median(times)), sent_mb, made_mb, following


def _of_following(folder: Path, originals: Sequence[Path], sightings: "Sequence[Sighting]") -> tuple[float, float]:
    """Core seconds to follow a location once one more capture has come: for each that it has, and once."""
    import numpy as np

    from monitor.opening.following import follow
    from monitor.service.ingest import read_original
    from monitor.service.looks import KeptLooks

    def followed(size: int) -> None:
        looks = KeptLooks(folder, {key: originals[key].stem for key in range(size)}, 0)
        follow(0, sightings[:size], lambda key: read_original(originals[key]), looks)
        looks.write()

    history = len(sightings)
    sizes = [max(history // 4, 2), max(history // 2, 3), history]
    costs = []
    for size in sizes:
        followed(size - 1)  # what a worker knows when one more capture comes
        costs.append(_core_seconds(lambda size=size: followed(size)))  # type: ignore[misc]
    slope, once = np.polyfit(sizes, costs, 1)
    return float(slope), float(once)


def _of_database(folder: Path, readings: int, database_url: str) -> tuple[str, float, float]:
    """The kind of database, seconds of a connection a capture, and core seconds to fit and judge its location."""
    import time

    import numpy as np

    from monitor.records import CaptureTime, TimeSource
    from monitor.service.judging import judge_location
    from monitor.service.workspace import make_workspace
    from monitor.storage import queries, repository
    from monitor.storage.database import Database

    settings = make_workspace(folder / "ws", database_url) if database_url else make_workspace(folder / "ws")
    database = Database(settings.resolved_database_url)
    found = _filled(database, max(1, readings // 365), readings)
    fingerprint, lease, judged = found.recipe.fingerprint, timedelta(minutes=10), []
    count, begun, ahead = 20, time.perf_counter(), deque[tuple[int, str]]()
    for number in range(count):
        now = datetime.now(UTC)
        with database.transaction() as session:
            for _ in range(2):
                repository.record_sightings(session, {f"{number}": (1, 1)}, now=now)
        with database.transaction() as session:
            place = queries.location(session, "wall-0")
            time_of = CaptureTime(now, TimeSource.EXIF_OFFSET)
            repository.add_capture(
                session, location_id=place.id, sha256=f"f{number:063x}", time=time_of, now=now, **_JPEG
            )
    for _ in range(count):
        now = datetime.now(UTC)
        with database.transaction() as session:
            work = repository.claim_next(
                session, fingerprint=fingerprint, worker="one", now=now, lease=lease, ahead=ahead
            )
        assert work is not None
        with database.transaction() as session:
            repository.record_reading(
                session, capture_id=work.capture_id, analysis=found, pictures={}, now=now, token=work.token
            )
            repository.beat(session, "one", now)
    seconds = (time.perf_counter() - begun) / count
    for _ in range(5):
        begun = time.process_time()
        with database.transaction() as session:
            judge_location(session, place, now)
        judged.append(time.process_time() - begun)
    kind = "SQLite" if database.file else "PostgreSQL"
    database.close()
    return kind, seconds, float(np.median(judged))


_JPEG: dict[str, Any] = {"file_name": "a.jpg", "media_type": "image/jpeg", "height_px": 960, "width_px": 1280}


def _filled(database: "Database", sites: int, readings: int) -> "Analysis":
    """One location a site and as many readings, spread evenly, one a day up to now; what each of them found."""
    from sqlalchemy import func, insert, select, text

    from monitor.records import Analysis, Recipe, Severity, Status, TimeSource
    from monitor.storage import repository
    from monitor.storage.tables import CaptureRow, ReadingRow

    recipe, now = Recipe({"weights": "made up"}), datetime.now(UTC)
    with database.transaction() as session:
        if session.scalar(select(func.count()).select_from(CaptureRow)):
            raise typer.BadParameter("The database to measure is not empty. Name one that is.")
        fingerprint, each = repository.bring_recipe(session, recipe, now), -(-readings // sites)
        for number in range(sites):
            site = repository.add_site(session, name=f"Site {number}", time_zone="UTC", now=now)
            place = repository.add_location(session, site_id=site, name=f"wall-{number}", interval_days=1, now=now)
            first = number * each + 1
            known = {**_JPEG, "location_id": place, "time_source": TimeSource.EXIF_OFFSET, "received_at": now}
            read = {
                "fingerprint": fingerprint, "status": Status.MEASURED, "crack_count": 1, "area_px": 900.0,
                "max_width_px": 4.0, "length_px": 300.0, "grade_reasons": [], "pictures": {}, "measured_at": now,
            }  # fmt: skip
            at = {first + day: now - timedelta(days=each - day) for day in range(each)}
            rows = [{**known, "id": key, "sha256": f"{key:064x}", "captured_at": when} for key, when in at.items()]
            session.execute(insert(CaptureRow), rows)
            session.execute(insert(ReadingRow), [{**read, "capture_id": key} for key in at])
            repository.set_reference(session, place, first, now)
            repository.set_series(session, place, fingerprint)
        session.execute(text("ANALYZE"))  # as any database that has been in use for a while
        if database.file is None:  # rows that bring their ids do not move the counter on
            session.execute(text("SELECT setval('capture_id_seq', (SELECT max(id) FROM capture))"))
            session.execute(text("SELECT setval('reading_id_seq', (SELECT max(id) FROM reading))"))
    return Analysis(Status.MEASURED, None, 0.9, Severity(1, 900.0, 4.0, 300.0), None, recipe)


def _core_seconds(step: Callable[[], object]) -> float:
    """CPU seconds of this process and of the child that decodes (which has ended nothing yet, so its own are read)."""
    import time

    before = time.process_time() + _of_children()
    step()
    return time.process_time() + _of_children() - before


def _of_children() -> float:
    """CPU seconds of the processes that this one has started and that still run; 0 where the system does not tell."""
    ticks, own = os.sysconf("SC_CLK_TCK"), 0.0
    try:
        for task in Path("/proc/self/task").iterdir():
            for child in (task / "children").read_text().split():
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
                own += (int(fields[11]) + int(fields[12])) / ticks
    except OSError:
        return own
    return own


COMMANDS: dict[str, Callable[..., None]] = {"capacity": capacity}
