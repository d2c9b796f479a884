"""The command's root: assembles the groups and turns errors into sentences and exit codes."""

import sys

import typer

from monitor.cli import (
    access,
    adaptation,
    alerts,
    benchmarks,
    capacity,
    captures,
    circumstances,
    comparison,
    corrections,
    databases,
    machines,
    places,
    plans,
    recipes,
    reports,
    service,
    trials,
    validation,
)
from monitor.cli.examples import show_examples

app = typer.Typer(
    name="crackmonitor",
    help="Is this crack growing, how fast, and can I trust the answer?",
    epilog="Start with: crackmonitor init wall-survey",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for name, command in {**circumstances.COMMANDS, **recipes.COMMANDS, **corrections.COMMANDS, **plans.COMMANDS}.items():
    places.location_app.command(name)(command)
for name, command in adaptation.COMMANDS.items():
    places.site_app.command(name)(command)
app.add_typer(places.site_app, name="site")
app.add_typer(adaptation.patch_app, name="patch")
app.add_typer(corrections.crack_app, name="crack")
app.add_typer(places.location_app, name="location")
app.add_typer(captures.capture_app, name="capture")
app.add_typer(alerts.alert_app, name="alert")
app.add_typer(databases.db_app, name="db")
app.add_typer(access.access_app, name="access")
app.add_typer(machines.token_app, name="token")
for group in (
    service.COMMANDS,
    captures.COMMANDS,
    trials.COMMANDS,
    validation.COMMANDS,
    benchmarks.COMMANDS,
    capacity.COMMANDS,
    comparison.COMMANDS,
    reports.COMMANDS,
    machines.COMMANDS,
):
    for name, command in group.items():
        app.command(name)(command)
show_examples(app)


def main() -> None:
    """Entry point: 0 when the command did its job, 2 on misuse, 1 when something else stood in the way."""
    from monitor.errors import CrackmonitorError, MisuseError

    try:
        app()
    except CrackmonitorError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2 if isinstance(error, MisuseError) else 1)
    except OSError as error:
        where = "The system" if error.filename is None else f"'{error.filename}'"
        why = error.strerror or error
        typer.echo(f"Error: {where} did not allow this: {why}. Check path, permissions and free space.", err=True)
        sys.exit(1)
