"""Published guides to crack widths: `guides.toml`, read and checked. Show a guide's caveat beside what it says."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from monitor.errors import MisuseError, UnknownNameError


class GuideKind(StrEnum):
    """Whether a guide's steps are damage classes, one above the other, or limits for one exposure each."""

    CLASSES = "classes"
    LIMITS = "limits"


@dataclass(frozen=True)
class Step:
    """A damage class, or an exposure and its limit.

    It reaches up to `up_to_mm`, itself included only where `inclusive`; infinite for the last class.
    """

    key: str
    name: str
    up_to_mm: float
    inclusive: bool = True
    note: str = ""

    def holds(self, width_mm: float) -> bool:
        """Whether the width does not exceed this step."""
        return width_mm < self.up_to_mm or (self.inclusive and width_mm == self.up_to_mm)


@dataclass(frozen=True)
class Guide:
    """One published guide, its steps by rising width."""

    key: str
    version: int
    title: str
    source: str
    caveat: str
    kind: GuideKind
    steps: tuple[Step, ...]

    def class_of(self, width_mm: float) -> Step:
        """The damage class of a width in mm. Raises `MisuseError` for a guide of limits or a width below 0."""
        if self.kind is not GuideKind.CLASSES:
            raise MisuseError(f"{self.title} has limits for exposures, no damage classes; ask which are exceeded.")
        return next(step for step in self.steps if step.holds(_width(width_mm)))

    def exceeded_by(self, width_mm: float) -> tuple[Step, ...]:
        """The steps that a width in mm lies beyond: exposures it is too wide for, or lower classes."""
        return tuple(step for step in self.steps if not step.holds(_width(width_mm)))


@cache
def guides() -> Mapping[str, Guide]:
    """Every shipped guide by its key."""
    text = resources.files("monitor").joinpath("guides.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    version = tables.pop("version")
    return MappingProxyType({key: _guide(key, version, table) for key, table in tables.items()})


def guide(key: str) -> Guide:
    """One guide. Raises `UnknownNameError` for a key that is not shipped."""
    known = guides()
    if key not in known:
        raise UnknownNameError("guide to crack widths", key, known)
    return known[key]


def damage_class(width_mm: float, key: str = "bre_digest_251") -> Step:
    """The damage class of a crack width in mm, by one guide."""
    return guide(key).class_of(width_mm)


def _guide(key: str, version: int, table: Mapping[str, Any]) -> Guide:
    return Guide(
        key=key,
        version=version,
        title=table["title"],
        source=table["source"],
        caveat=table["caveat"],
        kind=GuideKind(table["kind"]),
        steps=tuple(_step(step) for step in table["steps"]),
    )


def _step(entry: Mapping[str, Any]) -> Step:
    bound = entry.get("below_mm", entry.get("up_to_mm", float("inf")))
    return Step(entry["key"], entry["name"], float(bound), "below_mm" not in entry, entry.get("note", ""))


def _width(width_mm: float) -> float:
    if not width_mm >= 0:
        raise MisuseError(f"A crack cannot be {width_mm} mm wide.")
    return width_mm
