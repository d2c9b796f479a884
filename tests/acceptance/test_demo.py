"""The main job, small: three walls through the real worker with the shipped weights, and the alert where it belongs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from command_line import crackmonitor

from simulations import scenarios

SMALL = (480, 640)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the demonstration prints for scripts, on small photos."""
    folder = tmp_path_factory.mktemp("shown") / "demo"
    small = {name: replace(one, shape=SMALL) for name, one in scenarios.SCENARIOS.items()}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scenarios, "SCENARIOS", small)
        yield crackmonitor("demo", folder, "--no-serve", "--json").result


def test_all_three_walls_are_measured_over_fifteen_months(shown: dict[str, Any]) -> None:
    assert [wall["location"] for wall in shown["locations"]] == ["dormant", "seasonal", "growing"]
    for wall in shown["locations"]:
        assert wall["n"] >= 13, f"{wall['location']}: too few readings count"
        assert wall["low"] < wall["measured_rate_mm_per_year"] < wall["high"]


def test_growth_is_told_from_rest_and_raises_the_alert(shown: dict[str, Any]) -> None:
    dormant, seasonal, growing = shown["locations"]
    assert dormant["true_rate_mm_per_year"] == pytest.approx(0.0, abs=1e-6)
    # 2.4 at the widest point, less over a stretch around it, more where the crack runs on and opens from nothing.
    assert 1.2 < growing["true_rate_mm_per_year"] < 3.2
    assert growing["measured_rate_mm_per_year"] == pytest.approx(growing["true_rate_mm_per_year"], rel=0.1)
    assert abs(dormant["measured_rate_mm_per_year"]) < 0.1
    assert seasonal["verdict"] == "seasonal"
    assert growing["verdict"] == "progressive"
    (why,) = growing["alerts"]
    assert why.startswith("Crack A: The rate is +")
    assert dormant["alerts"] == []
