"""The same photo gives the same numbers in every release, or the release says so.

Stored histories are joined by recipe, and `ANALYSIS_VERSION` is part of it: numbers that change under the same
version are false growth.
"""

import json
from pathlib import Path

import golden_numbers
import pytest
from golden_numbers import Numbers, changes, load, main, numbers

from monitor import records
from monitor.records import ANALYSIS_VERSION

_WHAT_TO_DO = """
The same photo gives other numbers than before. If that was not meant, undo it. If it was:
  1. raise ANALYSIS_VERSION in monitor/records.py (a new series starts; old readings stay comparable among themselves),
  2. remake the stored numbers: python tests/unit/golden_numbers.py
  3. say in CHANGELOG.md what changed and why.
Changed numbers:
"""


@pytest.fixture(scope="module")
def found() -> Numbers:
    return numbers()


def test_no_number_changed_without_a_new_analysis_version(found: Numbers) -> None:
    lines = changes(found, load()["numbers"])
    assert not lines, _WHAT_TO_DO + "\n".join(lines)


def test_the_stored_numbers_are_of_this_analysis_version() -> None:
    assert load()["analysis_version"] == ANALYSIS_VERSION, (
        "ANALYSIS_VERSION was raised: remake the stored numbers with python tests/unit/golden_numbers.py"
    )


def test_numbers_repeat_within_one_process(found: Numbers) -> None:
    assert numbers() == found


def test_what_is_measured_is_worth_watching(found: Numbers) -> None:
    """The scene is registered and shows a crack, so that no number is a default."""
    assert abs(found["registration"]["corner_0_px"]) < 0.2
    assert found["severity_edge"]["crack_count"] >= 1
    assert found["severity_edge"]["max_width_px"] > found["severity_edge"]["max_width_mm"] > 1
    assert found["morphology"]["area_opening"] < found["morphology"]["first_closing"]
    assert found["morphology"]["second_closing"] > found["morphology"]["area_opening"]
    assert len({value for part in found.values() for value in part.values()}) > 40


@pytest.mark.parametrize("change", [1.002, 0.998])
def test_a_small_change_of_any_number_is_noticed(found: Numbers, change: float) -> None:
    for part, values in found.items():
        for name, value in values.items():
            moved = value + 0.011 if part == "registration" else value * change + 2e-4 * (value == 0)
            lines = changes({**found, part: {**values, name: moved}}, found)
            assert [line.split(":")[0] for line in lines] == [f"{part}.{name}"]


def test_a_number_that_is_new_gone_or_not_finite_is_noticed() -> None:
    assert changes({"part": {"new": 1.0}}, {}) == ["part.new: None -> 1.0"]
    assert changes({}, {"part": {"gone": 1.0}}) == ["part.gone: 1.0 -> None"]
    assert changes({"part": {"broken": float("nan")}}, {"part": {"broken": 1.0}})
    assert not changes({"part": {"same": 1.0}}, {"part": {"same": 1.0}})


def test_other_numbers_are_not_stored_under_the_same_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "golden" / "analysis.json"
    monkeypatch.setattr(golden_numbers, "STORED", stored)
    monkeypatch.setattr(golden_numbers, "numbers", lambda: {"part": {"value": 2.0}})
    assert main([]) == 0, "nothing was stored before"
    first = stored.read_text()
    monkeypatch.setattr(golden_numbers, "numbers", lambda: {"part": {"value": 3.0}})
    assert main([]) == 1
    assert stored.read_text() == first
    assert "raise it first" in capsys.readouterr().err
    monkeypatch.setattr(records, "ANALYSIS_VERSION", ANALYSIS_VERSION + 1)
    assert main([]) == 0
    assert json.loads(stored.read_text()) == {
        "analysis_version": ANALYSIS_VERSION + 1,
        "numbers": {"part": {"value": 3.0}},
    }
