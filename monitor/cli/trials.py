"""Commands that make truth to test against, train networks, and show the whole service at work."""

import os
import platform
from collections.abc import Callable
from dataclasses import replace
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
        known = [
            {
                "name": one.name,
                "description": one.description,
                "captures": len(one.order),
                "mm_per_year": round(one.mm_per_year, 3),
            }
            for one in SCENARIOS.values()
        ]
        head = ("scenario", "what happens", "captures", "opens by mm a year")
        words = table(head, [tuple(one.values()) for one in known])
        answer({"scenarios": known}, json, words)
        return
    if out is None:
        raise MisuseError("Say where the photos shall go: crackmonitor simulate FOLDER.")
    chosen = find_scenario(scenario)
    with progress(f"Simulating {scenario}", len(chosen.order), json) as bar:
        truths = write_series(chosen, seed, out, bar.reached)
    result = {"scenario": scenario, "seed": seed, "captures": len(truths), "truth": str(out / "truth.csv")}
    answer(result, json, f"{len(truths)} photos and truth.csv written to {out}.")


def train(
    data: Annotated[
        Path, typer.Option(help="Folder with masonry_dais, uav75 and textures, or a data set of your own (see README).")
    ],
    out: Annotated[Path, typer.Option(help="Folder for patches, checkpoint and weights.")] = Path("training"),
    network: Annotated[
        str, typer.Option(help="classifier, segmenter, bcos, explainer, autoencoder or oracle.")
    ] = "classifier",
    name: Annotated[str | None, typer.Option(help="Name of the weights (default, or that of the network).")] = None,
    patches: Annotated[
        int | None, typer.Option(min=1, help="Training patches to draw (by the network: 8000 to 60000).")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Of a classifier: paper, half, quarter (default), tuned, kept, widened; "
            "of others: paper or twin (default)."
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="Of a classifier, oracle or segmenter: finished weights to go on with.")
    ] = None,
    dense_by: Annotated[
        str | None, typer.Option(help="Of a classifier: segmenter that shows it where cracks are (name or file).")
    ] = None,
    with_val: Annotated[
        bool,
        typer.Option(
            "--with-val",
            help="Of a classifier: the last training, once all is chosen, by the validation photos as well; "
            "temperature and threshold stay those of --start.",
        ),
    ] = False,
    mean_with: Annotated[
        str | None,
        typer.Option(help="Of a classifier: train nothing, take the mean of the weights of --start and these."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Not of a segmenter: epochs at most.")] = None,
    entropy: Annotated[
        bool,
        typer.Option("--entropy", help="Of an explainer: NN-Explainer's first loss (eq. 2), not the paper's (eq. 3)."),
    ] = False,
    teacher: Annotated[
        str | None, typer.Option(help="Of a segmenter or explainer: classifier it learns from (the shipped one).")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of a segmenter: steps of each of its rounds.")] = None,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Train one of the networks; goes on where it was interrupted."""
    from simulations.courses import teach

    options = {
        "patches": patches,
        "preset_name": preset,
        "start": start,
        "dense_by": dense_by or None,
        "with_val": with_val or None,
        "mean_with": mean_with,
        "epochs": epochs,
        "entropy": entropy or None,
        "teacher": teacher,
        "steps": steps,
    }
    taught = teach(network, data, out, name, seed, device, json, options)
    words = f"{taught['weights']}: " + ", ".join(f"{key} {value}" for key, value in taught["scores"].items())
    answer(taught, json, words)


def evaluate(
    data: Annotated[Path, typer.Option(help="Folder with masonry_dais, brickwork_cracks, uav75 and textures.")],
    weights: Weights = "default",
    masks: Annotated[
        bool, typer.Option("--masks", help="Score masks too, made in each of the ways (minutes).")
    ] = False,
    reliability: Annotated[
        bool, typer.Option("--reliability", help="With --masks: confidence against what the masks are worth.")
    ] = False,
    adapted: Annotated[
        bool, typer.Option("--adapted", help="Score brickwork after 20 judged patches of each wall, too (minutes).")
    ] = False,
    widths: Annotated[
        Path | None, typer.Option(help="Write how far widths are off by width and blur into this folder (minutes).")
    ] = None,
    segmenter: SegmenterWeights = "segmenter",
    final: Annotated[bool, typer.Option("--final", help="The test folds, not val: once, for the report.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures, with their recipe, as Markdown there.")
    ] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Score classifier, second opinion and masks on real photos no network was taught on, as the service judges."""
    from monitor.cli import scoring
    from monitor.errors import MisuseError
    from simulations.scores import evaluate_judge

    if reliability and not masks:
        raise MisuseError("--reliability is about masks: give it together with --masks.")
    judge = _analyser(weights, segmenter, "taught").judge
    threshold = judge.classifier.threshold
    with progress("Classifying", None, json):
        scores = evaluate_judge(judge, data, final)
        alone = evaluate_judge(replace(judge, segmenter=None), data, final)
    result: dict[str, Any] = {"weights": weights, "threshold": threshold, "final": final, "scores": scores}
    result["scores_alone"] = alone
    tables = [_classifier_table({**scores, **{f"{name}, classifier alone": each for name, each in alone.items()}})]
    if masks:
        result["masks"] = _mask_scores(data, weights, segmenter, final, json)
        tables.append(_mask_table(result["masks"]))
    extras = {" --masks": masks, " --reliability": reliability, " --adapted": adapted, " --final": final}
    options = "".join(option for option, given in extras.items() if given)
    made = f"crackmonitor evaluate --data DATA --weights {weights} --segmenter {segmenter}{options}"
    with progress("Scoring", None, json) as bar:
        if reliability:
            sees_all = _analyser(weights, segmenter, "taught", least_confidence=0.0, least_crack_confidence=0.0)
            result["reliability"], found = scoring.reliable(sees_all, data, 0, bar.advance)
            tables.append(found)
        if adapted:
            result["adapted"], found = scoring.adapted(judge, data, final, bar.advance)
            tables.append(found)
        if widths is not None:
            command = f"`{made} --widths FOLDER` on {_machine()}"
            analyser = _analyser(weights, segmenter, "taught")
            result["widths"], found = scoring.widths(analyser, widths, 0, command, bar.advance)
            tables.append(found)
    if report is not None:
        report.write_text(_as_page(made, tables), encoding="utf-8")
    words = "\n\n".join(table(head, rows) for head, rows in tables)
    answer(result, json, f"{weights}, cracked from {threshold:.2f} on\n\n{words}")


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
    """Scores by the way a mask is made, the supervised oracle beside."""
    from monitor.analysis import MASKS
    from monitor.networks.weights import load_oracle
    from simulations.mask_scores import by_analysis, by_oracle, evaluate_masks

    analysers = {mask: _analyser(weights, segmenter, mask) for mask in MASKS}
    patch_px = analysers["taught"].judge.classifier.patch_px
    oracle = by_oracle(load_oracle("oracle"), patch_px, analysers["taught"].options.overlap_px)
    ways = {name: by_analysis(analyser) for name, analyser in analysers.items()} | {"oracle": oracle}
    with progress("Masks", None, json) as bar:
        return {name: evaluate_masks(mark, data, final, bar.advance) for name, mark in ways.items()}


def _mask_table(scores: dict[str, Any]) -> _Table:
    rows: list[tuple[str, ...]] = [
        (mask, name if part is None else f"{name}, {part}", f"{value:.3f}" if isinstance(value, float) else str(value))
        for mask, found in scores.items()
        for name, score in found.items()
        for part, value in ({None: score} if isinstance(score, float) else vars(score)).items()
    ]
    return ("mask", "figure", "value"), rows


def _analyser(weights: str, segmenter: str, mask: str, **options: float) -> "Analyser":
    """An analyser as a workspace with such settings has it."""
    from monitor.service.executors import build_analyser
    from monitor.settings import AnalysisSettings

    return build_analyser(
        AnalysisSettings.model_validate({"weights": weights, "segmenter": segmenter, "mask": mask, **options})
    )


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
    "demo": demo,
}
