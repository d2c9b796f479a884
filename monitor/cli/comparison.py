"""The command that compares all methods of the paper, and the one that makes their baselines."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.output import HERE, Json, Seed, Workspace, answer, progress
from monitor.cli.trials import Weights, _machine

_Data = Annotated[
    Path | None,
    typer.Option(
        help="Data set: masonry_dais, positive/negative folders, or the paper's DIC layout. Simulated if not given."
    ),
]


def benchmark(
    out: Annotated[Path, typer.Option(help="Folder for rows, tables, figures and report.md.")] = Path("benchmark"),
    data: _Data = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few photos: minutes instead of hours.")] = False,
    methods: Annotated[str, typer.Option(help="Only these, separated by commas; NAME+augsmooth_paper smooths.")] = "",
    piece: Annotated[str, typer.Option(help="Only this part, as 2/3; the rows of all parts add up in --out.")] = "1/1",
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after so long; the same command goes on another time.")
    ] = None,
    weights: Weights = "default",
    networks: Annotated[
        Path | None,
        typer.Option(help="Folder with explainer, bcos, autoencoder and oracle; those that ship if not given."),
    ] = None,
    baselines: Annotated[
        Path | None, typer.Option(help="Damage-free baselines (see 'baselines'); those that ship if not given.")
    ] = None,
    mm_per_px: Annotated[float | None, typer.Option(min=0, help="Scale of the data set, for widths in mm.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Seed = 0,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Compare every method of the paper on the same photos: tables 1 to 5, figures 2 and 5 to 10, with the paper's own.

    Goes on where it was interrupted. Rows whose networks are not there are named as not measured.
    """
    from monitor.attribution.baselines import load_baselines
    from monitor.networks.devices import choose_device
    from simulations.comparison.benchmark import FULL, QUICK, Comparison, Piece, compare
    from simulations.comparison.methods import DEFAULT
    from simulations.comparison.methods import networks as networks_of
    from simulations.comparison.report import write_report

    part = Piece.parsed(piece, minutes)
    there = networks_of(
        weights, networks, choose_device(device), None if baselines is None else load_baselines(baselines)
    )
    chosen = tuple(name.strip() for name in methods.split(",") if name.strip()) or DEFAULT
    comparison = Comparison(there, data, QUICK if quick else FULL, chosen, seed, mm_per_px)
    with progress("Comparing", 1, json) as bar:
        outcome = compare(comparison, out, part, bar.reached)
    command = f"crackmonitor benchmark{' --quick' if quick else ''}{' --data DATA' if data else ''}"
    page = write_report(
        comparison, outcome, out, f"{command} --weights {there.classifier.name} --seed {seed}", _machine()
    )
    result = {
        "report": str(page),
        "rows": len(outcome.rows),
        "left": outcome.left,
        "not_measured": outcome.missing,
        "seconds": outcome.seconds,
    }
    words = [f"{len(outcome.rows)} rows in {out}, {outcome.left} still to be made; see {page}."]
    words += [f"{name}: {why}" for name, why in outcome.missing.items()]
    answer(result, json, "\n".join(words))


def baselines(
    out: Annotated[Path, typer.Argument(help="File for the baselines, .npz.")],
    data: _Data = None,
    weights: Weights = "default",
    count: Annotated[int, typer.Option(min=1, help="How many damage-free patches.")] = 10,
    seed: Seed = 0,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Draw damage-free training patches that attribution methods compare with (a mean of them, or each)."""
    from monitor.attribution.baselines import save_baselines, sha256_of
    from monitor.errors import MisuseError
    from monitor.networks.weights import load_classifier
    from simulations.comparison.samples import damage_free

    if out.suffix != ".npz":
        raise MisuseError(f"Baselines are kept in an .npz file; name it {out.with_suffix('.npz')}.")
    patches = damage_free(data, load_classifier(weights).patch_px, count, seed)
    save_baselines(patches, out)
    result = {"baselines": str(out), "patches": len(patches), "sha256": sha256_of(patches)}
    answer(result, json, f"{len(patches)} damage-free patches written to {out} (sha256 {result['sha256']}).")


COMMANDS: dict[str, Callable[..., None]] = {"benchmark": benchmark, "baselines": baselines}
