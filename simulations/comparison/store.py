"""Rows that are kept as they come, so that an interruption costs one row at most.

A folder holds the recipe that all its rows share, and files of one JSON object a line: one for each piece, so that
several may be made at the same time.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monitor.errors import MisuseError
from monitor.records import Recipe, to_json

Row = dict[str, Any]
Key = tuple[str, str, str]

_RECIPE, _ROWS = "recipe.json", "rows"


def key_of(row: Mapping[str, Any]) -> Key:
    """What a row is about: which kind of row, which method, which sample."""
    return str(row["kind"]), str(row["method"]), str(row["sample"])


class Store:
    """The rows of one folder; `piece` names the file that new ones go to.

    Raises `MisuseError` when the folder holds rows of another recipe.
    """

    def __init__(self, folder: Path, recipe: Mapping[str, Any], piece: str) -> None:
        self._rows, self._file = folder / _ROWS, folder / _ROWS / f"{piece}.jsonl"
        self._rows.mkdir(parents=True, exist_ok=True)
        _settle(folder, to_json(recipe))
        _cut_torn_line(self._file)
        self._known = {key_of(row) for row in self}

    def __iter__(self) -> Iterator[Row]:
        """All whole rows of all pieces; the first of those that are there twice."""
        seen: set[Key] = set()
        for path in sorted(self._rows.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
                row: Row = json.loads(line)
                if key_of(row) not in seen:
                    seen.add(key_of(row))
                    yield row

    def __contains__(self, key: Key) -> bool:
        return key in self._known

    def add(self, row: Row) -> None:
        """Keep a row from now on."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(to_json(row)) + "\n")
        self._known.add(key_of(row))


def _settle(folder: Path, recipe: Mapping[str, Any]) -> None:
    path = folder / _RECIPE
    if not path.exists():
        path.write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
        return
    there = json.loads(path.read_text(encoding="utf-8"))
    differences = Recipe(there).differences(Recipe(dict(recipe)))
    if differences:
        named = "; ".join(f"{name}: there {old}, now {new}" for name, (old, new) in differences.items())
        raise MisuseError(f"{folder} holds figures of another recipe ({named}). Choose another --out.")


def _cut_torn_line(path: Path) -> None:
    """Take away what an interruption left of a line."""
    if path.exists():
        written = path.read_bytes()
        path.write_bytes(written[: written.rfind(b"\n") + 1])
