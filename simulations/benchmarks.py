"""How fast the costly parts of the analysis are, against the published way of doing them, in one process by turns.

The parts are in `simulations.speed`; those that need a database or the service are in `monitor.cli.benchmarks`.
"""

import csv
import io
from collections.abc import Mapping
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Any

from monitor.errors import MisuseError, UnknownNameError
from simulations.speed.options import BenchOptions
from simulations.speed.timing import Result

#: name -> module:function taking `BenchOptions`.
BENCHMARKS: dict[str, str] = {
    "lrp": "simulations.speed.attribution:benchmark_lrp",
    "post": "simulations.speed.postprocessing:benchmark_post",
    "registration": "simulations.speed.registering:benchmark_registration",
    "photo": "simulations.speed.photo:benchmark_photo",
}
_NEEDS_SCIKIT_LEARN = ("post", "photo")


def benchmark(name: str, options: BenchOptions, known: Mapping[str, str] | None = None) -> Result:
    """What the benchmark of that name finds; `UnknownNameError` lists the `known` ones (those above).

    Raises `MisuseError` where the published side needs scikit-learn and it is not installed.
    """
    known = BENCHMARKS if known is None else known
    if name not in known:
        raise UnknownNameError("benchmark", name, known)
    if name in _NEEDS_SCIKIT_LEARN and find_spec("sklearn") is None:
        raise MisuseError(f"The published side of '{name}' needs scikit-learn: pip install scikit-learn.")
    result: Result = resolve_name(known[name])(options)
    return result


def as_figures(result: Result) -> dict[str, Any]:
    """Everything found, for JSON: figures by name, comparisons and curves by theirs."""
    return {
        **result.figures,
        **{
            row.name: row.as_figures()
            for row in result.comparisons
            if f"{row.name}_ratio_vs_zennit" not in result.figures
        },
        **{
            f"curve_{curve.name}": {
                "what": curve.what,
                "sizes": list(curve.sizes),
                "seconds": [each.wall for each in curve.seconds],
                "cpu_seconds": [each.cpu for each in curve.seconds],
                "exponent": curve.exponent,
                "cpu_seconds_per_unit": curve.per_unit,
            }
            for curve in result.curves
        },
    }


def flat(figures: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """(name, value) of every figure; those within figures have both names with a dot between."""
    rows: list[tuple[str, str]] = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            rows += flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            rows += [(f"{before}{name}.{place}", _written(each)) for place, each in enumerate(value)]
        else:
            rows.append((f"{before}{name}", _written(value)))
    return rows


def as_csv(results: Mapping[str, Result]) -> str:
    """One figure a line: benchmark, name, value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("benchmark", "figure", "value"))
    for name, result in results.items():
        writer.writerows((name, *row) for row in flat(as_figures(result)))
    return text.getvalue()


def as_page(results: Mapping[str, Result], command: str, machine: str) -> str:
    """The figures as Markdown: ratios, what was timed, other figures, curves."""
    rows = [row for result in results.values() for row in result.comparisons]
    lines = ["# How fast", "", f"Made by `{command}` on {machine}.", ""]
    lines += ["Both sides by turns in one process, medians. On a machine that does other work, too, trust the ratio of"]
    lines += ["CPU seconds. Not checked on a GPU."]
    lines += _table(
        ("what", "against", "ratio", "CPU ratio", "goal", "ours, CPU s", "how alike"),
        [
            (
                row.what, row.against, *(f"{value:.1f}" for value in row.theirs.over(row.ours).values()),
                f">= {row.goal:g}", f"{row.ours.cpu:.4g}", _listed(row.same),
            )
            for row in rows
        ],
    )  # fmt: skip
    lines += ["", "What was timed:", ""]
    lines += [f"* {row.what}: {_listed(row.setting)}" for row in rows]
    figures = [(name, *row) for name, result in results.items() for row in flat(result.figures)]
    lines += _table(("benchmark", "figure", "value"), figures) if figures else []
    curves = [curve for result in results.values() for curve in result.curves]
    lines += _table(
        ("cost against", "exponent", "at", "seconds", "CPU s"),
        [
            (
                curve.what, f"{curve.exponent:.2f}", ", ".join(f"{size:g}" for size in curve.sizes),
                ", ".join(f"{each.wall:.3g}" for each in curve.seconds),
                ", ".join(f"{each.cpu:.3g}" for each in curve.seconds),
            )
            for curve in curves
        ],
    ) if curves else []  # fmt: skip
    return "\n".join([*lines, ""])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return ["", *(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))]


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in flat(values))


def _written(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
