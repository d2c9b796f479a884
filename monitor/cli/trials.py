"""Commands that make truth to test against, train networks, and show the whole service at work."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Seed, Workspace, answer, progress, table

if TYPE_CHECKING:
    from monitor.analysis import Analyser

Weights = Annotated[str, typer.Option(help="A shipped classifier, or a .safetensors file.")]
SegmenterWeights = Annotated[str, typer.Option("--segmenter", help="A shipped segmenter, or a .safetensors file.")]


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
    network: Annotated[str, typer.Option(help="classifier or segmenter.")] = "classifier",
    name: Annotated[str | None, typer.Option(help="Name of the weights (default, or segmenter).")] = None,
    patches: Annotated[
        int | None, typer.Option(min=1, help="Training patches to draw (60000, for a segmenter 24000).")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Of a classifier: paper, half, quarter (default) or tuned.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="Of a classifier: finished one to go on with (name or file).")
    ] = None,
    dense_by: Annotated[
        str, typer.Option(help="Of a classifier: segmenter that shows it where cracks are (name or file; empty: none).")
    ] = "",
    teacher: Annotated[
        str | None, typer.Option(help="Of a segmenter: classifier whose explanations teach it first (the shipped one).")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of a segmenter: steps of each of its two rounds.")] = None,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Train a patch classifier, or a segmenter that marks crack pixels; goes on where it was interrupted."""
    from monitor.errors import MisuseError, UnknownNameError

    foreign: dict[str, dict[str, object]] = {
        "classifier": {"--teacher": teacher, "--steps": steps},
        "segmenter": {"--preset": preset, "--dense-by": dense_by or None, "--start": start},
    }
    if network not in foreign:
        raise UnknownNameError("network", network, foreign)
    misplaced = [option for option, value in foreign[network].items() if value is not None]
    if misplaced:
        raise MisuseError(f"A {network} has no {' or '.join(misplaced)}. Leave it out, or choose another --network.")
    if network == "segmenter":
        from monitor.networks.segmenter_training import SegmenterOptions
        from simulations.segmenter_teaching import teach_segmenter

        options = SegmenterOptions(seed=seed) if steps is None else SegmenterOptions(seed=seed, steps=steps)
        taught = teach_segmenter(
            data, out, name or "segmenter", teacher or "default", patches or 24000, options, device, quiet=json
        )
    else:
        from simulations.teaching import teach_classifier

        taught = teach_classifier(
            data,
            out,
            preset or "quarter",
            name or "default",
            patches or 60000,
            seed,
            device,
            quiet=json,
            dense_by=dense_by or None,
            start=start,
        )
    words = f"{taught['weights']}: " + ", ".join(f"{key} {value}" for key, value in taught["scores"].items())
    answer(taught, json, words)


def evaluate(
    data: Annotated[Path, typer.Option(help="Folder with masonry_dais, brickwork_cracks, uav75 and textures.")],
    weights: Weights = "default",
    masks: Annotated[
        bool, typer.Option("--masks", help="Score masks too, made in each of the ways (minutes).")
    ] = False,
    segmenter: SegmenterWeights = "segmenter",
    final: Annotated[bool, typer.Option("--final", help="The test folds, not val: once, for the report.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures, with their recipe, as Markdown there.")
    ] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Score a classifier, and masks, on real photos no network was taught on, photo by photo as the service does it."""
    from monitor.networks.weights import load_classifier
    from simulations.scores import evaluate_classifier

    classifier = load_classifier(weights)
    with progress("Classifying", None, json):
        scores = evaluate_classifier(classifier, data, final)
    result: dict[str, Any] = {"weights": weights, "threshold": classifier.threshold, "final": final, "scores": scores}
    tables = [_classifier_table(scores)]
    if masks:
        result["masks"] = _mask_scores(data, weights, segmenter, final, json)
        tables.append(_mask_table(result["masks"]))
    if report is not None:
        options = f"{' --masks' if masks else ''}{' --final' if final else ''}"
        made = f"crackmonitor evaluate --data DATA --weights {weights} --segmenter {segmenter}{options}"
        report.write_text(_as_page(made, tables), encoding="utf-8")
    words = "\n\n".join(table(head, rows) for head, rows in tables)
    answer(result, json, f"{weights}, cracked from {classifier.threshold:.2f} on\n\n{words}")


_Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def _classifier_table(scores: dict[str, Any]) -> _Table:
    head = ("set", "wall", "n", "AUC", "balanced", "TPR", "TNR")
    rows = [
        (name, group, str(each.n), *(f"{value:.3f}" for value in list(vars(each).values())[1:]))
        for name, groups in scores.items()
        for group, each in groups.items()
    ]
    return head, rows


def _as_page(made: str, tables: list[_Table]) -> str:
    lines = ["# Photos no network was taught on", "", f"Made by `{made}` on {_machine()}; see `simulations/scores.py`"]
    lines.append("and `simulations/mask_scores.py` for what the figures mean.")
    for head, rows in tables:
        lines += ["", *(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))]
    return "\n".join([*lines, ""])


def _mask_scores(data: Path, weights: str, segmenter: str, final: bool, json: bool) -> dict[str, Any]:
    """Scores by the way a mask is made."""
    from monitor.analysis import MASKS
    from simulations.mask_scores import evaluate_masks

    with progress("Masks", None, json) as bar:
        return {mask: evaluate_masks(_analyser(weights, segmenter, mask), data, final, bar.advance) for mask in MASKS}


def _mask_table(scores: dict[str, Any]) -> _Table:
    rows: list[tuple[str, ...]] = [
        (mask, name if part is None else f"{name}, {part}", f"{value:.3f}" if isinstance(value, float) else str(value))
        for mask, found in scores.items()
        for name, score in found.items()
        for part, value in ({None: score} if isinstance(score, float) else vars(score)).items()
    ]
    return ("mask", "figure", "value"), rows


def _analyser(weights: str, segmenter: str, mask: str) -> "Analyser":
    """An analyser as a workspace with such settings has it."""
    from monitor.service.executors import build_analyser
    from monitor.settings import AnalysisSettings

    return build_analyser(AnalysisSettings.model_validate({"weights": weights, "segmenter": segmenter, "mask": mask}))


def validate(
    quick: Annotated[bool, typer.Option("--quick", help="Some ten series instead of hundreds.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder with epfl_rs_crackmaps: real evolution, too.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures, with their recipe, as Markdown there.")
    ] = None,
    weights: Weights = "default",
    segmenter: SegmenterWeights = "segmenter",
    mask: Annotated[str, typer.Option(help="taught, refined or published.")] = "taught",
    seed: Seed = 0,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Run the analysis over simulated series of known growth and say how far its numbers are off."""
    from monitor.analysis import MASKS
    from monitor.errors import UnknownNameError
    from simulations import evolution, validation

    if mask not in MASKS:
        raise UnknownNameError("way to make a mask", mask, MASKS)
    plan = validation.QUICK if quick else validation.FULL
    analyser = _analyser(weights, segmenter, mask)
    pairs = 0 if data is None else len(evolution.PAIRS)
    with progress("Validating", plan.trials + pairs, json) as bar:
        started = time.monotonic()
        result = validation.validate(analyser, plan, seed, lambda _done, _total: bar.advance())
        if data is not None:
            result |= evolution.grown(evolution.evolutions(data, analyser, seed, lambda _done, _total: bar.advance()))
        seconds = time.monotonic() - started
    if report is not None:
        options = f"{' --quick' if quick else ''}{' --data DATA' if data else ''}"
        command = f"crackmonitor validate{options} --seed {seed} --weights {weights} --mask {mask}"
        report.write_text(validation.as_report(result, command, seconds, _machine()), encoding="utf-8")
    answer(result, json, table(("figure", "value"), validation.as_rows(result)))


def bench(
    only: Annotated[str, typer.Option(help="Name of a benchmark.")] = "lrp",
    width: Annotated[float, typer.Option(min=0.01, help="Share of the paper's channels.")] = 1.0,
    patch: Annotated[int, typer.Option(min=32, help="Side of the patches in px.")] = 256,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds to take the median of.")] = 7,
    seed: Seed = 0,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Time the analysis' own LRP against zennit's, in one process by turns, and compare what they give."""
    from simulations.benchmarks import benchmark

    with progress("Timing", None, json):
        result = {"benchmark": only, **benchmark(only, width, patch, rounds, seed), "machine": _machine()}
    answer(result, json, table(("figure", "value"), list(result.items())))


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


def _machine() -> str:
    return f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


COMMANDS: dict[str, Callable[..., None]] = {
    "simulate": simulate,
    "train": train,
    "evaluate": evaluate,
    "validate": validate,
    "bench": bench,
    "demo": demo,
}
