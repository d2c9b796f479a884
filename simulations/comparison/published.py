"""The figures that the paper prints, from `simulations/tables/`: another data set, full-width networks."""

import csv
from pathlib import Path

_TABLES = Path(__file__).parents[1] / "tables"
DOI = "10.1016/j.autcon.2024.105497"
DATA_SET = "Experimental DIC cracks data set"


def published(table: int | str) -> list[dict[str, str]]:
    """The rows of table 1 to 5, or of what stands in the `text`; per cent where a column says so."""
    name = f"forest2024_table{table}.csv" if isinstance(table, int) else f"forest2024_{table}.csv"
    with (_TABLES / name).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def printed(table: int | str, column: str, /, **where: str) -> str | None:
    """What stands in one column as it is printed, None where the paper has none."""
    for row in published(table):
        if all(row[name] == value for name, value in where.items()):
            return row[column]
    return None
