"""`benchmark` compares methods on simulated photos, goes on where it stopped, and `baselines` feeds it."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import crackmonitor

from simulations.comparison import benchmark
from simulations.comparison.benchmark import Plan

METHODS = "lrp,lrp+augsmooth_paper,deep_lift,raw,oracle,taught"
#: Where it does not matter which.
FEW = "lrp,raw"


TINY = Plan(classified=2, scored=2, trajectories=1, pictures=0)


@pytest.fixture(autouse=True)
def tiny_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "QUICK", TINY)


def compared(out: Path, *words: object, methods: str = METHODS) -> dict[str, object]:
    return crackmonitor("benchmark", "--quick", "--json", "--out", out, "--methods", methods, *words).result


def test_the_report_is_the_same_whole_or_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "QUICK", replace(TINY, pictures=1))
    networks = tmp_path / "no_networks"
    networks.mkdir()
    whole = compared(tmp_path / "whole", "--networks", networks)
    assert whole["left"] == 0
    assert "no weights shipped" in str(whole["not_measured"])
    first = compared(tmp_path / "parts", "--networks", networks, "--piece", "1/2")
    assert int(str(first["left"])) > 0
    assert "Unfinished" in (tmp_path / "parts" / "report.md").read_text(encoding="utf-8")
    assert compared(tmp_path / "parts", "--networks", networks, "--piece", "2/2")["left"] == 0
    for name in ("segmentation", "severity", "growth", "classification", "smoothing"):
        parts = (tmp_path / "parts" / "tables" / f"{name}.csv").read_text(encoding="utf-8")
        assert parts == (tmp_path / "whole" / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    page = (tmp_path / "whole" / "report.md").read_text(encoding="utf-8")
    assert "| oracle | not measured |" in page
    assert "another data set" in page
    shown = {path.name for path in (tmp_path / "whole" / "figures").glob("*.png")}
    assert {f"figure_{name}.png" for name in ("02", "05", "06a", "06b", "07", "08", "09", "10")} <= shown
    with (tmp_path / "whole" / "tables" / "sums.csv").open(encoding="utf-8") as file:
        errors = {row["method"]: float(row["error_median"]) for row in csv.DictReader(file)}
    assert errors["deep_lift"] < 0.01
    assert errors["lrp"] < 0.01
    assert "| taught |  |  |" in page


def test_going_on_does_nothing_twice(tmp_path: Path) -> None:
    out = tmp_path / "out"
    compared(out, "--minutes", 0, methods=FEW)
    done = compared(out, methods=FEW)
    rows = out / "rows" / "piece_1_of_1.jsonl"
    kept = rows.read_bytes()
    assert compared(out, methods=FEW)["rows"] == done["rows"]
    assert rows.read_bytes() == kept


def test_other_baselines_are_another_recipe(tmp_path: Path) -> None:
    made = crackmonitor("baselines", tmp_path / "mine.npz", "--count", 2, "--seed", 4, "--json").result
    assert made["patches"] == 2
    assert np.load(tmp_path / "mine.npz")["patches"].shape == (2, 128, 128, 3)
    out = tmp_path / "out"
    compared(out, "--minutes", 0, methods=FEW)
    call = ("benchmark", "--quick", "--out", out, "--methods", FEW, "--baselines", tmp_path / "mine.npz")
    reply = crackmonitor(*call)
    assert reply.status == 2
    assert "baselines_sha256" in reply.sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--methods", "gradcam"), "Unknown method 'gradcam'. Known: "),
        (("--methods", "lrp+blur"), "Unknown smoothing 'blur'. Known: augsmooth_paper"),
        (("--piece", "4/3"), "no piece 4 of 3"),
        (("--weights", "none"), "Unknown weights"),
        (("--baselines", "absent.npz"), "cannot be read"),
    ],
)
def test_misuse_is_told_before_any_work(words: tuple[str, str], said: str, tmp_path: Path) -> None:
    reply = crackmonitor("benchmark", "--quick", "--out", tmp_path / "out", *words)
    assert reply.status == 2
    assert said in reply.sentence
    assert not (tmp_path / "out").exists()
