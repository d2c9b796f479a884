"""The command that plans large services, on small photos and a small database."""

from pathlib import Path

from command_line import crackmonitor


def test_costs_are_measured_and_both_demands_are_planned(tmp_path: Path) -> None:
    report = tmp_path / "capacity.md"
    options = ["--megapixels", "0.1", "--rounds", "1", "--history", "4", "--readings", "400"]
    found = crackmonitor("capacity", *options, "--report", report, "--json").result
    assert all(found["costs"][name] > 0 for name in ("ingest", "analysis", "database", "sent_mb", "kept_mb"))
    assert found["database"] == "SQLite"
    assert [one["days"] for one in found["plans"]] == [30, 365, 30, 365]
    assert all(one["first"] in ("cores", "database", "link") for one in found["plans"])
    page = report.read_text(encoding="utf-8")
    assert "`crackmonitor capacity --megapixels 0.1 --rounds 1 --history 4 --readings 400`" in page
    assert page.count("| 1,000 cameras, every 10 minutes |") == 2
