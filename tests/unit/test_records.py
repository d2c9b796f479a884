"""Records say what they say to people and to JSON; recipes are told apart by anything that decides a number."""

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from monitor import records
from monitor.records import (
    ANALYSIS_VERSION,
    AlertState,
    Analysis,
    CaptureTime,
    GrowthFit,
    Observation,
    Recipe,
    Registration,
    Scale,
    ScaleOrigin,
    Severity,
    Status,
    TimeSource,
    to_json,
)

AT = datetime(2025, 3, 3, 10, 0, tzinfo=UTC)
OPTIONS: dict[str, Any] = {"thresholder": "simple", "overlap_px": 32, "scales_px": (1.0, 2.0), "refinement": None}


def test_only_the_files_own_time_is_uncertain() -> None:
    uncertain = [source for source in TimeSource if not CaptureTime(AT, source).certain]
    assert uncertain == [TimeSource.FILE]


@pytest.mark.parametrize(
    "change",
    [{"thresholder": "gmm"}, {"overlap_px": 33}, {"scales_px": (1.0,)}, {"refinement": {}}, {"new": 1}],
)
def test_a_fingerprint_changes_with_any_option(change: dict[str, Any]) -> None:
    assert Recipe({**OPTIONS, **change}).fingerprint != Recipe(OPTIONS).fingerprint


def test_a_fingerprint_changes_when_an_option_goes_or_the_version_rises() -> None:
    fewer = {name: value for name, value in OPTIONS.items() if name != "overlap_px"}
    assert Recipe(fewer).fingerprint != Recipe(OPTIONS).fingerprint
    assert Recipe(OPTIONS, ANALYSIS_VERSION + 1).fingerprint != Recipe(OPTIONS).fingerprint


def test_a_fingerprint_does_not_depend_on_the_order_of_options() -> None:
    assert Recipe(dict(reversed(OPTIONS.items()))).fingerprint == Recipe(OPTIONS).fingerprint
    assert Recipe(OPTIONS).analysis_version == ANALYSIS_VERSION


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    """Stored histories are keyed by it: another way of computing it would orphan them all."""
    assert Recipe({"b": [1, 2.5], "a": "grey", "c": {"d": None}}, 7).fingerprint == "9f097f95376bb8be"


def test_a_fingerprint_is_the_same_in_another_interpreter() -> None:
    program = f"from monitor.records import Recipe; print(Recipe({OPTIONS!r}).fingerprint)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == Recipe(OPTIONS).fingerprint


def test_records_are_frozen() -> None:
    found = [kind for kind in vars(records).values() if isinstance(kind, type) and is_dataclass(kind)]
    assert len(found) >= 8
    for kind in found:
        empty = object.__new__(kind)
        with pytest.raises(FrozenInstanceError):
            setattr(empty, fields(kind)[0].name, 0)


def test_plain_values_stay_as_they_are() -> None:
    assert to_json({"text": "crack", "count": 3, "yes": True, "none": None, "share": 0.25}) == {
        "text": "crack",
        "count": 3,
        "yes": True,
        "none": None,
        "share": 0.25,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float32("nan"), np.float64("inf")])
def test_numbers_that_json_cannot_hold_become_none(value: float) -> None:
    assert to_json({"value": value, "many": [value, 1.0], "array": np.array([value, 2.0])}) == {
        "value": None,
        "many": [None, 1.0],
        "array": [None, 2.0],
    }


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([True, False]), [True, False]),
        (AT, "2025-03-03T10:00:00+00:00"),
        (AT.astimezone(timezone(timedelta(hours=2))), "2025-03-03T12:00:00+02:00"),
        ((1, (2, 3)), [1, [2, 3]]),
        ({1: AlertState.FIRING}, {"1": "firing"}),
    ],
)
def test_other_kinds_become_plain_values(value: Any, wanted: Any) -> None:
    found = to_json({"value": value})["value"]
    assert found == wanted
    assert json.loads(json.dumps(found)) == wanted


@dataclass(frozen=True)
class Holder:
    """A record in a record."""

    part: Scale
    parts: tuple[Scale, ...]


def test_records_within_records_are_written_out() -> None:
    scale = Scale(0.5, 0.01, ScaleOrigin.MARKER)
    plain = {"mm_per_px": 0.5, "standard_error": 0.01, "origin": "marker"}
    assert to_json(Holder(scale, (scale, scale))) == {"part": plain, "parts": [plain, plain]}


def test_every_record_survives_json() -> None:
    registration = Registration(True, None, np.eye(3), 0.1, 40, 0.9, 0.7, 0.95)
    analysis = Analysis(
        status=Status.MEASURED,
        reason=None,
        crack_probability=0.9,
        severity=Severity(1, 50.0, 2.0, 25.0),
        registration=registration,
        recipe=Recipe(OPTIONS),
        mask=np.eye(2, dtype=bool),
    )
    for record in (analysis, GrowthFit("all", "length_mm", "mm", "theil_sen", 3, False), Observation(AT, 1.5, 3)):
        plain = to_json(record)
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
        assert set(plain) == {part.name for part in fields(record)}
    assert to_json(analysis)["registration"]["matrix"] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert to_json(analysis)["mask"] == [[True, False], [False, True]]


def test_recipes_tell_what_differs_by_name_down_to_the_options_of_a_part() -> None:
    old = Recipe({"weights": "first", "grid": {"px": 64, "overlap": (1, 2)}, "blur": None})
    new = Recipe({"weights": "second", "grid": {"px": 32, "overlap": [1, 2]}, "seed": 3}, ANALYSIS_VERSION + 1)
    assert old.differences(new) == {
        "analysis_version": (ANALYSIS_VERSION, ANALYSIS_VERSION + 1),
        "grid.px": (64, 32),
        "seed": (None, 3),
        "weights": ("first", "second"),
    }
    assert old.differences(old) == {}
