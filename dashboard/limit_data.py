"""Published guides to crack widths as tables; a module that touches `monitor`."""

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.guides import Step, guides

Row = Mapping[str, str | None]


@dataclass(frozen=True)
class LimitTable:
    """One guide to crack widths: what it is about, where it stands, what it does not say, and a row a step."""

    title: str
    source: str
    caveat: str
    rows: tuple[Row, ...]


def limit_tables() -> tuple[LimitTable, ...]:
    """All that ship, in their order."""
    return tuple(
        LimitTable(guide.title, guide.source, guide.caveat, tuple(map(_row, guide.steps)))
        for guide in guides().values()
    )


def _row(step: Step) -> Row:
    width = f"{'up to' if step.inclusive else 'below'} {step.up_to_mm:g}"
    return {
        "For": step.name,
        "Crack width (mm)": width if step.up_to_mm < float("inf") else "wider",
        "Note": step.note or None,
    }
