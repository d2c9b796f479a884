"""The benchmark says what it timed, and that both engines gave the same."""

import json

import pytest
from typer.testing import CliRunner

from monitor.cli import app
from monitor.errors import UnknownNameError
from simulations.benchmarks import BENCHMARKS, benchmark

TINY = ("--width", "0.03", "--patch", "32", "--rounds", "1")


def test_the_figures_of_a_tiny_setting() -> None:
    found = json.loads(CliRunner().invoke(app, ["bench", "--only", "lrp", "--json", *TINY]).stdout)
    assert found["benchmark"] == "lrp"
    assert found["lrp_ratio_vs_zennit"] > 0
    assert found["pearson"] >= 0.9999
    assert found["relative_l2"] <= 1e-2
    assert found["threads"] >= 1
    assert (found["width"], found["patch_px"], found["rounds"]) == (0.03, 32, 1)
    assert found["batch_sizes"] == {"zennit": 1, "lean": 2}
    assert min(found["seconds_per_patch"].values()) > 0
    assert "CPU cores" in found["machine"]


def test_the_words_name_every_figure() -> None:
    words = CliRunner().invoke(app, ["bench", *TINY]).stdout
    assert "lrp_ratio_vs_zennit" in words
    assert "machine" in words


def test_an_unknown_benchmark_lists_the_known_ones() -> None:
    assert set(BENCHMARKS) == {"lrp"}
    with pytest.raises(UnknownNameError, match=r"'nosuch'\. Known: lrp"):
        benchmark("nosuch", 0.03, 32, 1, 0)
