"""Commands about the database: backup, restore, check."""

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened

db_app = typer.Typer(help="The database: copies of it, and whether it is sound.", no_args_is_help=True)


@db_app.command("backup")
def db_backup(
    file: Annotated[Path, typer.Argument(help="The new file.")], workspace: Workspace = HERE, json: Json = False
) -> None:
    """Copy the database while the worker goes on. Copy 'originals', 'pictures' and 'heads' afterwards, as any files."""
    from monitor.storage.backups import back_up

    with opened(workspace) as (_, database):
        made = back_up(database, file)
    words = f"{made.path}: {made.captures} captures, {made.readings} readings, {made.size_bytes / 1e6:.1f} MB."
    answer(vars(made) | {"path": str(made.path)}, json, words)


@db_app.command("restore")
def db_restore(
    file: Annotated[Path, typer.Argument(help="A file made by 'db backup'.")],
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Put a backup where the database belongs; refused while there is one."""
    from monitor.settings import load_settings
    from monitor.storage.backups import restore
    from monitor.storage.database import Database

    database = Database(load_settings(workspace).resolved_database_url)
    made = restore(database, file)
    problems = database.check()
    database.close()
    words = " ".join([f"{made.captures} captures and {made.readings} readings are back in {made.path}.", *problems])
    answer(vars(made) | {"path": str(made.path), "problems": problems}, json, words)


@db_app.command("check")
def db_check(workspace: Workspace = HERE, json: Json = False) -> None:
    """Read everything: the database, its audit trail, and every original against its sha256."""
    from monitor.service.soundness import examined

    with opened(workspace) as (settings, database):
        found = examined(database, settings)
    result = {
        "sound": not found.problems,
        "originals": found.originals,
        "audit_entries": found.trail.entries,
        "audit_sha256": found.trail.last,
        "problems": found.problems,
    }
    sound = f"The database, {found.originals} originals and the audit trail are sound."
    head = f"Audit trail: {found.trail.entries} entries, the last one {found.trail.last}."
    answer(result, json, "\n".join([*(found.problems or [sound]), head]))
    if found.problems:
        raise typer.Exit(1)
