"""Commands that make truth to test against, train networks, and show the whole service at work."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.output import HERE, Json, Seed, Workspace, answer, progress, table


def simulate(
    out: Annotated[Path | None, typer.Argument(help="Folder for the photos and truth.csv.")] = None,
    scenario: Annotated[str, typer.Option(help="Name of a scenario (see --list).")] = "growing",
    seed: Seed = 0,
    list_names: Annotated[bool, typer.Option("--list", help="Name the scenarios and stop.")] = False,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Write a series of photographs of a simulated wall, with the truth in millimetres.

    The truth's mm_per_px is that of the first, square-on capture; all others are hand-held repeats of it.
    """
    from monitor.errors import MisuseError
    from simulations.scenarios import SCENARIOS, write_series
    from simulations.scenarios import scenario as find_scenario

    if list_names:
        known = [{"name": one.name, "description": one.description} for one in SCENARIOS.values()]
        words = table(("scenario", "what happens"), [tuple(one.values()) for one in known])
        answer({"scenarios": known}, json, words)
        return
    if out is None:
        raise MisuseError("Say where the photos shall go: crackmonitor simulate FOLDER.")
    chosen = find_scenario(scenario)
    with progress(f"Simulating {scenario}", chosen.captures, json) as bar:
        truths = write_series(chosen, seed, out, bar.reached)
    result = {"scenario": scenario, "seed": seed, "captures": len(truths), "truth": str(out / "truth.csv")}
    answer(result, json, f"{len(truths)} photos and truth.csv written to {out}.")


def train(
    data: Annotated[Path, typer.Option(help="Folder with masonry_dais, uav75 and textures.")],
    out: Annotated[Path, typer.Option(help="Folder for patches, checkpoint and weights.")] = Path("training"),
    preset: Annotated[str, typer.Option(help="paper, half or quarter.")] = "quarter",
    name: Annotated[str, typer.Option(help="Name of the weights.")] = "default",
    patches: Annotated[int, typer.Option(help="Training patches to draw.")] = 60000,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Train a patch classifier; goes on where it was interrupted."""
    from simulations.teaching import teach_classifier

    taught = teach_classifier(data, out, preset, name, patches, seed, device, quiet=json)
    words = f"{taught['weights']}: " + ", ".join(f"{key} {value}" for key, value in taught["scores"].items())
    answer(taught, json, words)


def evaluate(
    data: Annotated[Path, typer.Option(help="Folder with masonry_dais and brickwork_cracks.")],
    weights: Annotated[str, typer.Option(help="A shipped classifier, or a .safetensors file.")] = "default",
    final: Annotated[bool, typer.Option("--final", help="The test folds, not val: once, for the report.")] = False,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Score a classifier on real photos it was not taught on, photo by photo as the service judges them."""
    from monitor.networks.weights import load_classifier
    from simulations.scores import evaluate_classifier

    classifier = load_classifier(weights)
    with progress("Classifying", None, json):
        scores = evaluate_classifier(classifier, data, final)
    head = ("set", "wall", "n", "AUC", "balanced", "TPR", "TNR")
    rows = [
        (name, group, each.n, *(f"{value:.3f}" for value in list(vars(each).values())[1:]))
        for name, groups in scores.items()
        for group, each in groups.items()
    ]
    result = {"weights": weights, "threshold": classifier.threshold, "final": final, "scores": scores}
    answer(result, json, f"{weights}, cracked from {classifier.threshold:.2f} on\n\n{table(head, rows)}")


def validate(
    quick: Annotated[bool, typer.Option("--quick", help="Some ten series instead of hundreds.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder with epfl_rs_crackmaps: real evolution, too.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures, with their recipe, as Markdown there.")
    ] = None,
    weights: Annotated[str, typer.Option(help="A shipped classifier, or a .safetensors file.")] = "default",
    seed: Seed = 0,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Run the analysis over simulated series of known growth and say how far its numbers are off."""
    from monitor.analysis import Analyser
    from monitor.networks.weights import load_classifier
    from simulations import evolution, validation

    plan = validation.QUICK if quick else validation.FULL
    analyser = Analyser(load_classifier(weights))
    pairs = 0 if data is None else len(evolution.PAIRS)
    with progress("Validating", plan.trials + pairs, json) as bar:
        started = time.monotonic()
        result = validation.validate(analyser, plan, seed, lambda _done, _total: bar.advance())
        if data is not None:
            result |= evolution.grown(evolution.evolutions(data, analyser, seed, lambda _done, _total: bar.advance()))
        seconds = time.monotonic() - started
    if report is not None:
        options = f"{' --quick' if quick else ''}{' --data DATA' if data else ''}"
        command = f"crackmonitor validate{options} --seed {seed} --weights {weights}"
        machine = f"{os.cpu_count()} CPU cores, {platform.system()}, Python {platform.python_version()}"
        report.write_text(validation.as_report(result, command, seconds, machine), encoding="utf-8")
    answer(result, json, table(("figure", "value"), validation.as_rows(result)))


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the demonstration; made anew each time.")] = Path("demo"),
    serve: Annotated[bool, typer.Option(help="Serve the dashboard afterwards.")] = True,
    seed: Seed = 7,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Three simulated walls (dormant, seasonal, growing) through the real worker; measured against true growth."""
    from monitor.cli.demonstration import demonstrate
    from monitor.cli.service import dashboard

    result, words = demonstrate(folder, seed, quiet=json)
    answer(result, json, words)
    if serve and not json:
        dashboard(folder)


COMMANDS: dict[str, Callable[..., None]] = {
    "simulate": simulate,
    "train": train,
    "evaluate": evaluate,
    "validate": validate,
    "demo": demo,
}
