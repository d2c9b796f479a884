"""What the commands share: common options, how photos are read, and how a person or a script is answered."""

import json as json_text
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from monitor.records import ByteArray
    from monitor.settings import Settings
    from monitor.storage.database import Database

Workspace = Annotated[Path, typer.Option("--workspace", help="Folder made by 'crackmonitor init'.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same result, wherever something is drawn at random.")]
HERE = Path()


def answer(result: Mapping[str, Any], as_json: bool, words: str) -> None:
    """Print `result` as one JSON object, or `words` for a person; file names in no known encoding are escaped."""
    from monitor.records import to_json

    typer.echo(json_text.dumps(to_json(result)) if as_json else words.encode(errors="backslashreplace").decode())


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Plain columns for the terminal; a dash for what is missing."""
    cells = [list(head), *([("-" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def read_photo(path: Path, settings: "Settings", background: str = "white") -> "ByteArray":
    """The picture in a file that a person named, as uint8 (rows, cols, 3); what is transparent shows `background`.

    Raises `MisuseError` when there is no such file, `UnreadableImageError` when it is no picture we accept.
    """
    from monitor.errors import MisuseError
    from monitor.imaging.files import read_picture

    if not path.is_file():
        raise MisuseError(f"There is no file {path}. Check the name and the folder.")
    return read_picture(path, settings.ingest.max_megapixels, settings.ingest.max_file_mb, background).image


@contextmanager
def opened(workspace: Path) -> "Iterator[tuple[Settings, Database]]":
    """Settings and database of the workspace, checked; the database is closed at the end.

    The audit trail names the system's user for what is changed: whoever can write the database can do everything.
    """
    from monitor.access.people import machine_user
    from monitor.service.workspace import open_workspace

    settings, database = open_workspace(workspace)
    database.acting = f"{machine_user().name} (command line)"
    with closing(database):
        yield settings, database


@contextmanager
def progress(description: str, total: int | None, quiet: bool) -> "Iterator[ProgressBar]":
    """A Rich progress bar on the terminal, pulsing where `total` is not known; silent for scripts and log files."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
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
