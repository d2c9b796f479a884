"""The published limit tables as they ship with `monitor`, whose judgement no page imports."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

Row = Mapping[str, str | None]


@dataclass(frozen=True)
class LimitTable:
    """One guide to crack widths: what it is about, where it stands, what it does not say, and a row a step."""

    title: str
    source: str
    caveat: str
    rows: tuple[Row, ...]


@cache
def limit_tables() -> tuple[LimitTable, ...]:
    """All that ship, in their order."""
    text = resources.files("monitor").joinpath("growth", "guides.toml").read_text(encoding="utf-8")
    guides = [guide for guide in tomllib.loads(text).values() if isinstance(guide, dict)]
    return tuple(
        LimitTable(guide["title"], guide["source"], guide["caveat"], tuple(_row(step) for step in guide["steps"]))
        for guide in guides
    )


def _row(step: Mapping[str, Any]) -> Row:
    width = "wider"
    if "below_mm" in step:
        width = f"below {step['below_mm']:g}"
    elif "up_to_mm" in step:
        width = f"up to {step['up_to_mm']:g}"
    return {"For": step["name"], "Crack width (mm)": width, "Note": step.get("note")}
