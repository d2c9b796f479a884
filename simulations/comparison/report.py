"""The report: tables as CSV, figures, and a Markdown page that shows both beside what the paper prints."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.records import Recipe
from simulations.comparison import tables as made
from simulations.comparison.benchmark import Comparison, Outcome
from simulations.comparison.intervals import CONFIDENCE, Figure
from simulations.comparison.methods import PAPER, prepared
from simulations.comparison.plots import save_charts, save_pictures
from simulations.comparison.published import DATA_SET, DOI, printed
from simulations.comparison.samples import samples_of, trajectories
from simulations.comparison.tables import Line

_HEADINGS = {
    "classification": "Table 1: classification",
    "segmentation": "Table 2: masks of the cracked test samples",
    "segmentation_called": "Table 2, only samples that the classifier calls cracked",
    "smoothing": "Table 3: AugSmooth, and what it changes",
    "severity": "Table 4: severity after all post-processing",
    "growth": "Table 5: growth",
    "seconds": "Figure 10: seconds a sample",
    "ranking": "How well relevance ranks pixels",
    "sums": "What relevance adds up to",
}
_REMARKS = {
    "classification": "Each network at its own threshold. n: samples, of which `cracked` show a crack.",
    "segmentation": "Pixels of all samples pooled, whether or not the classifier calls them cracked.",
    "smoothing": "`augsmooth_paper`: 6 augmentations (mirrored left to right, three intensities); "
    "`augsmooth_published`: the paper's code takes 12 (upside down, too). Deltas on the same samples.",
    "severity": "A sample without a mask counts as 100 % off. Widths by the `edge` method, the paper's by another one.",
    "growth": "A trajectory is kept when at least {least} of its 5 frames are called cracked; frames that are not are "
    "left out (the paper kept 87 of 100), of `refined` and `taught` also those that the service does not measure. "
    "Intervals over trajectories. Masks: simple threshold, all post-processing.",
    "seconds": "One sample at a time; `forward_passes` is the ratio to one classification timed just before each.",
    "ranking": "F1 when the strongest so many per cent of each sample's pixels are its mask: the map by itself, "
    "no thresholder (raw intensities have nothing positive to rank). `pixels with half`: how few pixels hold half of "
    "the positive relevance (median, %). The simple "
    "threshold goes by the highest value, and so finds the less of a crack the fewer pixels hold a map's relevance.",
    "sums": "By which share the summed relevance misses what it has to come to: for IntegratedGradients, DeepLift and "
    "the SHAP pair the crack logit less that of the baseline (completeness; GradientShap only approaches it), for LRP "
    "what it starts with less what the biases on the way keep (conservation; with what a rule of two parts keeps where "
    "one of them has nothing to go to). Quantiles over samples. Kept by biases: as a share of the start; negative "
    "where they add to it, more than 1 where they turn its sign.",
}
#: About what cracks take up of masonry_dais.
_JUDGED_PERCENT = 4
#: Pictures of photos whose licence does not let them be passed on lie here, and version control passes it over.
PRIVATE = "pictures"


def all_tables(rows: Sequence[Mapping[str, Any]], mm_per_px: float | None) -> dict[str, list[Line]]:
    """Every table, by name; empty where no row says anything about it."""
    known = [dict(row) for row in rows]
    return {
        "classification": made.classification(known),
        "segmentation": made.segmentation(known),
        "segmentation_called": made.segmentation(known, called_only=True),
        "smoothing": made.smoothing(known),
        "severity": made.severity(known, mm_per_px),
        "growth": made.growth(known),
        "seconds": made.seconds(known),
        "ranking": made.ranking(known),
        "sums": made.sums(known),
    }


def write_report(comparison: Comparison, outcome: Outcome, folder: Path, command: str, machine: str) -> Path:
    """Write `tables/*.csv`, `figures/*.png` and `report.md` into `folder`; returns the page.

    Pictures in `figures/` are of simulated samples; those of the data set go to `pictures/`, which git ignores.
    """
    tables = all_tables(outcome.rows, comparison.mm_per_px)
    for name, lines in tables.items():
        _write_csv(folder / "tables" / f"{name}.csv", lines)
    figures = folder / "figures"
    save_charts(figures, outcome.rows, tables, made.stage_scores(outcome.rows))
    _save_pictures(comparison, folder)
    page = folder / "report.md"
    page.write_text(
        _page(comparison, outcome, tables, sorted(figures.glob("*.png")), command, machine), encoding="utf-8"
    )
    return page


def _save_pictures(comparison: Comparison, folder: Path) -> None:
    methods, _ = prepared(comparison.methods, comparison.there)
    side, count = comparison.there.classifier.patch_px, comparison.plan.pictures
    simulated = samples_of(None, "test", side, 4 * count, comparison.seed)
    shown = [sample for sample in simulated if sample.cracked][:count]
    save_pictures(folder / "figures", methods, shown, trajectories(simulated, 1, comparison.seed))
    if comparison.data is not None:
        private = folder / PRIVATE
        private.mkdir(parents=True, exist_ok=True)
        (private / ".gitignore").write_text("*\n", encoding="utf-8")
        samples, grown = comparison.scored()
        save_pictures(private, methods, samples[:: max(1, len(samples) // count)][:count], grown[:1])


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _write_csv(path: Path, lines: Sequence[Line]) -> None:
    """One row a line; a figure becomes value, low, high and the number of groups.

    To six digits: the last ones of a network's answer hang on what else was in its batch.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = [{name: _rounded(value) for name, value in _flat(line).items()} for line in lines]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(flat[0]) if flat else ["nothing"])
        writer.writeheader()
        writer.writerows(flat)


def _flat(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in line.items():
        if isinstance(value, Figure):
            found |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
            found["groups"] = value.groups
        else:
            found[name] = value
    return found


def _page(
    comparison: Comparison,
    outcome: Outcome,
    tables: Mapping[str, list[Line]],
    figures: Sequence[Path],
    command: str,
    machine: str,
) -> str:
    recipe = comparison.recipe()
    layout = comparison.there.classifier.network.layout
    lines = [
        "# What the paper compares, here",
        "",
        f"Made by `{command}` on {machine}, device {recipe['device']}, {recipe['threads']} thread(s). Data: "
        f"{recipe['data']}. Seed {comparison.seed}. Recipe `{Recipe(recipe).fingerprint}`: classifier "
        f"`{recipe['classifier']}` (sha256 {recipe['classifier_sha256'][:12]}), VGG11-128 of {layout.width:g} times "
        f"the paper's channels on patches of {layout.patch_px} px; thresholded maps, closing 5 px, area opening 50 px, "
        "closing 25 px.",
        "",
        f"In brackets: {CONFIDENCE:.0%} intervals; photos are drawn anew, with all samples cut from them. *paper*: "
        f"printed in [doi:{DOI}](https://doi.org/{DOI}) for **another data set** ({DATA_SET}, 256 px) and networks of "
        "full width: beside ours for orientation, not to be compared digit by digit (`simulations/tables`).",
    ]
    if outcome.left:
        lines += ["", f"**Unfinished**: {outcome.left} rows are still to be made; run the same command again."]
    if outcome.missing:
        lines += ["", "Not measured:", ""]
        lines += [f"* `{name}`: {why}" for name, why in outcome.missing.items()]
    for name, heading in _HEADINGS.items():
        lines += ["", f"## {heading}", ""]
        if name in _REMARKS:
            lines += [_REMARKS[name].format(least=made.LEAST_FRAMES), ""]
        lines += _table(tables[name], outcome.missing if name in ("segmentation", "severity", "growth") else {})
    lines += ["", "## Order of merit", "", *order_of_merit(tables["segmentation"], tables["ranking"])]
    lines += ["", "## Figures", "", "Every photo shown is simulated.", ""]
    lines += [f"![{figure.stem.replace('_', ' ')}](figures/{figure.name})" for figure in figures]
    return "\n".join([*lines, ""])


def _table(lines: Sequence[Line], missing: Mapping[str, str]) -> list[str]:
    """Markdown rows; the published figure stands in one cell with ours, so that tables stay narrow."""
    if not lines:
        return ["Nothing was measured: the data set has no masks, or no method could be had."]
    names = [name for name in lines[0] if not name.endswith("_published") and name != "fingerprint"]
    head = [name.replace("_percent", " %").replace("_", " ") for name in names]
    rows = [[_cell(line, name) for name in names] for line in lines]
    rows += [[method, "not measured", *[""] * (len(names) - 2)] for method in missing]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _cell(line: Line, name: str) -> str:
    value = line[name]
    text = _figure(value) if isinstance(value, Figure) else _number(value)
    paper = line.get(f"{name.removesuffix('_percent').removesuffix('_median')}_published")
    return text if paper is None else f"{text}; paper {paper}"


def _figure(value: Figure) -> str:
    if value.value is None or value.low is None or value.high is None:
        return "-"
    return f"{_number(value.value)} ({_number(value.low)} to {_number(value.high)})"


def _number(value: Any) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}" if abs(value) < 0.1 else f"{value:.2f}"


def order_of_merit(lines: Sequence[Line], ranking: Sequence[Line]) -> list[str]:
    """The paper's methods by F1 (simple threshold, morphology), here and there, and by how well they rank pixels; and
    whether the paper's order holds.
    """
    ours = {
        line["method"]: line["f1_percent"].value
        for line in lines
        if (line["threshold"], line["morphology"]) == ("simple", "yes") and line["f1_percent"].value is not None
    }
    there = {
        name: float(f1)
        for name in PAPER
        if (f1 := printed(2, "f1_percent", method=name, threshold="simple", morphology="yes")) is not None
    }
    both = [name for name in PAPER if name in ours and name in there]
    if not both:
        return ["Nothing to put in order."]
    found = ["By F1, simple threshold and morphology:", ""]
    for title, scores in (("here", ours), ("paper", there)):
        ranked = sorted(both, key=lambda name: -scores[name])
        found.append(f"* {title}: " + ", ".join(f"{name} {scores[name]:.1f}" for name in ranked))
    found += ["", *_claim(ours, "")]
    share = {
        line["method"]: line[f"f1_strongest_{_JUDGED_PERCENT}_percent"].value
        for line in ranking
        if line["method"] in both
    }
    if share:
        ranked = sorted(share, key=lambda name: -share[name])
        found += ["", f"By F1 of the strongest {_JUDGED_PERCENT} % of pixels, whatever a threshold makes of them:", ""]
        found += ["* here: " + ", ".join(f"{name} {share[name]:.1f}" for name in ranked)]
        found += ["", *_claim(share, " by that")]
    return found


def _claim(scores: Mapping[str, float], where: str) -> list[str]:
    """Whether the paper's order of four methods holds."""
    pairs = [(one, other) for one in ("lrp", "deep_lift_shap") for other in ("input_x_gradient", "gradient_shap")]
    known = [pair for pair in pairs if all(name in scores for name in pair)]
    broken = [f"{one} is behind {other}" for one, other in known if scores[one] <= scores[other]]
    if not known:
        return []
    claim = "LRP and DeepLiftShap ahead of InputXGradient and GradientShap"
    return [
        f"{claim}: " + (f"holds{where} here." if not broken else f"does not hold{where} here: {'; '.join(broken)}.")
    ]
