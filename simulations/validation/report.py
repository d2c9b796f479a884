"""What a validation found, for scripts, for the terminal, and as a page to keep."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from simulations.validation.figures import CONFIDENCE, Figure
from simulations.validation.plan import Plan

#: In which words a figure is reported, and what the goal is.
MEANINGS: dict[str, tuple[str, str]] = {
    "opening_slope_mape_percent": ("slope of the mean opening, growth of 4 px and more: mean error, %", "<= 5"),
    "opening_slope_mape_percent_small": ("the same, growth of 1 to 4 px", "<= 15"),
    "opening_not_measured": ("series in which the simulated crack was not measured", ""),
    "opening_reading_error_px_median": ("one reading of the change since the reference: median error, px", "<= 0.1"),
    "opening_reading_error_px_p95": ("the same, 95th percentile", "<= 0.3"),
    "opening_reading_within_1_64_errors": ("share of readings within 1.64 of their own standard errors", ""),
    "poses_difference_px_rms": ("one wall from three poses: difference of two readings, rms, px", "<= 0.15"),
    "poses_within_1_64_errors": ("the same, share within 1.64 combined errors", ">= 0.85"),
    "interval_coverage": ("share of 90 % intervals of the rate that hold the true one", "0.85-0.95"),
    "mask_area_r": ("paper's protocol, masks: r of area in time, mean over series as in the paper", ">= 0.95"),
    "mask_area_r_pooled": ("the same, of measured and true area, all series together", ""),
    "mask_width_r": ("paper's protocol, masks: r of maximum width in time, mean over series", ">= 0.95"),
    "mask_width_r_pooled": ("the same, of measured and true width, all series together", ""),
    "mask_area_slope_mape_percent": ("paper's protocol, masks: slope of area, mean error, %", "<= 15"),
    "mask_width_slope_mape_percent": ("paper's protocol, masks: slope of maximum width, mean error, %", "<= 15"),
    "mask_realistic_area_r": ("realistic captures, masks: r of area in time, mean over series", ""),
    "mask_realistic_area_r_pooled": ("the same, of measured and true area, all series together", ""),
    "mask_realistic_width_r": ("realistic captures, masks: r of maximum width in time, mean over series", ""),
    "mask_realistic_width_r_pooled": ("the same, of measured and true width, all series together", ""),
    "mask_realistic_area_slope_mape_percent": ("realistic captures, masks: slope of area, mean error, %", "<= 25"),
    "mask_realistic_width_slope_mape_percent": (
        "realistic captures, masks: slope of maximum width, mean error, %",
        "<= 25",
    ),
    "static_alarms": ("static series with any alarm", "0"),
    "growing_alarmed": ("share of series growing at twice the amber rate or more that alarm", ">= 0.95"),
    "alarm_delay_days_median": ("days until that alarm, median", "reported"),
    "alarm_delay_days_p95": ("the same, 95th percentile", "reported"),
    "seasonal_called_progressive": (
        "histories with a season of 0.3 mm alone called progressive after 18 months; errors as read here",
        "<= 0.05",
    ),
    "growth_with_season_recognised": ("the same with growth of 1 mm a year, called progressive", ">= 0.8"),
    "genuine_accepted": ("share of genuine repeats that were registered", ">= 0.98"),
    "graded_ab": ("share of genuine repeats graded A or B", ">= 0.9"),
    "registration_corner_px_median": (
        "simulated pairs: largest corner error of the registration, median, px",
        "<= 0.2",
    ),
    "registration_corner_px_p95": ("the same, 95th percentile", "<= 0.6"),
    "registration_pairs_accepted": ("of these pairs accepted", ""),
    "planar_pairs_accepted": ("planar_pairs (viewpoints up to 50 degrees apart): share accepted", ""),
    "planar_pairs_within_2_px": ("of these, share whose points lie within 2 px of the given homography", "1"),
    "planar_pairs_px_worst": ("of these, the worst pair, px", "<= 2"),
    "unrelated_accepted": ("photos of two different walls taken for one", "0"),
    "evolution_area_grows": ("real evolution painted on walls: pairs whose area is seen to grow", "all"),
    "evolution_length_grows": ("the same, length", "all"),
    "evolution_photographed_again": ("of these, taken again as the photo did not show all of the crack", "reported"),
}


def as_json(figures: Mapping[str, Figure], plan: Plan, seed: int) -> dict[str, Any]:
    """Every value under its own name; `intervals` and `counts` hold the rest under the same names."""
    return {
        **{name: figure.value for name, figure in figures.items()},
        "intervals": {name: [figure.low, figure.high] for name, figure in figures.items() if name in MEANINGS},
        "counts": {name: figure.n for name, figure in figures.items() if name in MEANINGS},
        "confidence": CONFIDENCE,
        "plan": asdict(plan),
        "seed": seed,
    }


def as_rows(figures: Mapping[str, Figure]) -> list[tuple[str, str, str, str]]:
    """Name, value, interval and n as text for a table."""
    return [
        (name.replace("_", " "), _text(figure.value), _interval(figure), str(figure.n))
        for name, figure in figures.items()
        if name in MEANINGS
    ]


def as_report(figures: Mapping[str, Figure], plan: Plan, command: str, seconds: float, machine: str) -> str:
    """The figures as a Markdown page, with what they were made by."""
    rows = [
        f"| {meaning} | {_text(figure.value)} | {_interval(figure)} | {figure.n} | {goal} |"
        for name, (meaning, goal) in MEANINGS.items()
        if (figure := figures.get(name)) is not None
    ]
    made = ", ".join(f"{name} {value}" for name, value in asdict(plan).items())
    return "\n".join(
        [
            "# Validation",
            "",
            "Simulated series of known growth through the real analysis; see `simulations/validation/`.",
            "n counts what a figure is taken over: series, readings or pairs. Intervals are drawn over whole walls;",
            "with a handful of walls they say little.",
            "",
            f"Made by `{command}` in {seconds:.0f} s on {machine}. Plan: {made}.",
            "",
            f"| figure | value | {CONFIDENCE:.0%} interval | n | goal |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _text(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _interval(figure: Figure) -> str:
    return "-" if figure.low is None or figure.high is None else f"{_text(figure.low)} to {_text(figure.high)}"
