"""The command `validate`: what the analysis makes of simulated growth, on walls of its own and on a location's."""

import os
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.output import HERE, Json, Seed, Workspace, answer, opened, progress, table
from monitor.cli.trials import SegmenterWeights, Weights, _analyser, _machine


def validate(
    quick: Annotated[bool, typer.Option("--quick", help="Some ten series instead of hundreds.")] = False,
    share: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="This share of the hundreds of series: a tenth, say, is 0.1.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder with epfl_rs_crackmaps and planar_pairs: real evolution, too.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures, with their recipe, as Markdown there.")
    ] = None,
    weights: Weights = "default",
    segmenter: SegmenterWeights = "segmenter",
    mask: Annotated[str, typer.Option(help="taught, refined or published.")] = "taught",
    location: Annotated[
        str | None, typer.Option(help="Simulate growth on this location's own wall instead, under its own recipe.")
    ] = None,
    rates: Annotated[
        str | None, typer.Option(help="With --location: growth to simulate, mm (or px) per year: 0,0.5,1,2.")
    ] = None,
    captures: Annotated[int | None, typer.Option(min=3, help="With --location: captures of each series (12).")] = None,
    processes: Annotated[int, typer.Option(min=0, help="How many series at once (0: one for each CPU core).")] = 0,
    keep: Annotated[
        Path | None, typer.Option(help="Keep there what is done, and go on from it as long as the code stays the same.")
    ] = None,
    seed: Seed = 0,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Run the analysis over simulated series of known growth and say how far its numbers are off.

    With --location: what growth would have been seen there; the result is kept with the location.
    """
    from monitor.errors import MisuseError

    if location is not None:
        if quick or processes or any(option is not None for option in (share, data, report, keep)):
            raise MisuseError(
                "--quick, --share, --data, --report, --processes and --keep are for the judge's own walls. "
                "Leave them out with --location."
            )
        _validate_here(location, rates, captures, seed, workspace, json)
        return
    if rates is not None or captures is not None:
        raise MisuseError("--rates and --captures are for a location's own wall: name it with --location.")
    if quick and share is not None:
        raise MisuseError("--quick is a share of its own: leave out --share, or --quick.")
    options = {"weights": weights, "segmenter": segmenter, "mask": mask}
    _validate(quick, share, data, report, options, processes or os.cpu_count() or 1, keep, seed, json)


def _validate(
    quick: bool,
    share: float | None,
    data: Path | None,
    report: Path | None,
    recipe: dict[str, str],
    processes: int,
    keep: Path | None,
    seed: int,
    json: bool,
) -> None:
    from monitor.analysis import MASKS
    from monitor.errors import UnknownNameError
    from simulations import evolution, validation
    from simulations.validation.registering import planar_figures

    if recipe["mask"] not in MASKS:
        raise UnknownNameError("way to make a mask", recipe["mask"], MASKS)
    plan = validation.QUICK if quick else validation.FULL.part(share or 1)
    build = partial(_analyser, recipe["weights"], recipe["segmenter"], recipe["mask"])
    analyser = build()
    all_of_it = f"{_code()} {analyser.recipe.fingerprint} {plan} {seed} {processes > 1}"
    running = validation.Running(processes, keep, all_of_it)
    pairs = 0 if data is None else len(evolution.PAIRS)
    with progress("Validating", plan.trials + pairs, json) as bar:
        started = time.monotonic()
        figures = validation.validate(build, plan, seed, lambda _done, _total: bar.advance(), running)
        if data is not None:
            figures |= planar_figures(data)
            figures |= evolution.grown(evolution.evolutions(data, analyser, seed, lambda _done, _total: bar.advance()))
        seconds = time.monotonic() - started
    if report is not None:
        size = " --quick" if quick else f" --share {share:g}" if share is not None else ""
        options = f"{size}{' --data DATA' if data else ''}"
        command = f"crackmonitor validate{options} --seed {seed} --weights {recipe['weights']} --mask {recipe['mask']}"
        made_on = (
            f"{processes} at a time, {_machine()}{'' if keep is None else ' (this run alone, without what was kept)'}"
        )
        report.write_text(validation.as_report(figures, plan, command, seconds, made_on), encoding="utf-8")
    words = table(("figure", "value", "90 % interval", "n"), validation.as_rows(figures))
    answer(validation.as_json(figures, plan, seed), json, words)


def _code() -> str:
    """A hash of all that the numbers come from: the source, and the libraries that reckon."""
    import monitor
    import simulations

    found = sha256(" ".join(version(name) for name in ("numpy", "opencv-python-headless", "scipy", "torch")).encode())
    for package in (monitor, simulations):
        for path in sorted(Path(package.__path__[0]).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


#: Growth simulated on a location's own wall unless told otherwise, per year.
_HERE_MM, _HERE_PX = [0.0, 0.5, 1.0, 2.0], [0.0, 1.0, 2.0, 4.0]


def _validate_here(name: str, rates: str | None, captures: int | None, seed: int, workspace: Path, json: bool) -> None:
    """Growth on a location's own wall, kept with it."""
    from monitor.service.own_walls import own_wall
    from monitor.service.scheduler import now
    from monitor.storage import repository
    from simulations.validation.own_wall import OwnWall, simulate_here

    asked = None if rates is None else _rates(rates)
    with opened(workspace) as (settings, database):
        found = own_wall(database, settings, name)
        scale = found.location.scale
        wall = OwnWall(
            found.photo, found.mask, found.course, found.opening_px, None if scale is None else scale.mm_per_px
        )
        wanted = asked or (_HERE_PX if scale is None else _HERE_MM)
        with progress(f"Growth on {name}", len(wanted), json) as bar:
            trials = simulate_here(
                wall, found.analyser, wanted, captures or 12, found.location.interval_days, seed, bar.advance
            )
        with database.transaction() as session:
            repository.record_site_trials(
                session,
                location_id=found.location.id,
                fingerprint=found.analyser.recipe.fingerprint,
                seed=seed,
                trials=trials,
                now=now(),
            )
    result = {"location": name, "seed": seed, "trials": [vars(trial) for trial in trials]}
    head = ("true per year", "measured", "90 % interval", "unit", "alarm after days", "why not")
    rows = [
        (
            f"{trial.true_per_year:.2f}",
            None if trial.measured_per_year is None else f"{trial.measured_per_year:.2f}",
            None if trial.low is None else f"{trial.low:.2f} to {trial.high:.2f}",
            trial.unit,
            None if trial.alarm_after_days is None else f"{trial.alarm_after_days:.0f}",
            trial.message,
        )
        for trial in trials
    ]
    answer(result, json, f"Growth simulated on the wall of {name}, mean opening:\n\n{table(head, rows)}")


def _rates(text: str) -> list[float]:
    from monitor.errors import MisuseError

    try:
        rates = [float(part) for part in text.split(",")]
    except ValueError:
        rates = []
    if not rates or not all(0 <= rate < float("inf") for rate in rates):
        raise MisuseError(f"'{text}' are no growth rates; write some of 0 and more, for example 0,0.5,1,2.")
    return rates


COMMANDS: dict[str, Callable[..., None]] = {"validate": validate}
