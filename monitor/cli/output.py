"""What every command shares: its common options, and how it answers a person or a script."""

import json as json_text
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from monitor.settings import Settings
    from monitor.storage.database import Database

Workspace = Annotated[Path, typer.Option("--workspace", help="Folder made by 'crackmonitor init'.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]
HERE = Path()


def answer(result: Mapping[str, Any], as_json: bool, words: str) -> None:
    """Print `result` as one JSON object, or `words` for a person."""
    from monitor.records import to_json

    typer.echo(json_text.dumps(to_json(result), ensure_ascii=False) if as_json else words)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Plain columns for the terminal; a dash for what is missing."""
    cells = [list(head), *([("-" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def opened(workspace: Path) -> "tuple[Settings, Database]":
    """Settings and database of the workspace, checked."""
    from monitor.service.workspace import open_workspace

    return open_workspace(workspace)


@contextmanager
def progress(description: str, total: int, quiet: bool) -> "Iterator[ProgressBar]":
    """A Rich progress bar on standard error; silent for scripts."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=quiet, transient=True) as bar:
        yield ProgressBar(bar, bar.add_task(description, total=total))


class ProgressBar:
    """One task of a Rich progress display."""

    def __init__(self, bar: "Progress", task: Any) -> None:
        self._bar, self._task = bar, task

    def reached(self, done: int, total: int) -> None:
        """Show that `done` of `total` steps are finished."""
        self._bar.update(self._task, completed=done, total=total)

    def advance(self) -> None:
        """Show one more step finished."""
        self._bar.advance(self._task)
