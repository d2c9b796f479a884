"""Commands about machines: the door they come in by, and their tokens."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, table

if TYPE_CHECKING:
    from monitor.storage.tokens import TokenView

token_app = typer.Typer(help="Tokens: what machines show at the door of the API.", no_args_is_help=True)

By = Annotated[str, typer.Option(help="Who you are (your login name when left out).")]


def api(workspace: Workspace = HERE, json: Json = False) -> None:
    """Serve the HTTP API (on 127.0.0.1 unless settings say otherwise) until interrupted; also watches the worker."""
    import logging

    from monitor.api.app import serve
    from monitor.service.leases import SharedClock
    from monitor.service.scheduler import now, worker_name

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with opened(workspace) as (settings, database):
        address = f"http://{settings.api.host}:{settings.api.port}"
        answer({"address": address}, json, f"API: {address} (described in {address}/openapi.json)")
        serve(database, settings, SharedClock(database, now), f"api:{worker_name()}")


@token_app.command("add")
def token_add(
    name: Annotated[str, typer.Argument(help="The machine that will use it.")],
    scope: Annotated[str, typer.Option(help="read, push, or metrics (Prometheus; of no site).")] = "read",
    site: Annotated[str | None, typer.Option(help="The site that it opens.")] = None,
    by: By = "",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Give a machine a token. It is shown now and never again."""
    import getpass

    from monitor.api.tokens import give_token
    from monitor.errors import UnknownNameError
    from monitor.service.scheduler import now
    from monitor.storage.tokens import TokenScope

    if scope not in list(TokenScope):
        raise UnknownNameError("scope", scope, TokenScope)
    with opened(workspace) as (_, database), database.transaction() as session:
        number, secret = give_token(
            session, name=name, scope=TokenScope(scope), site=site, by=by or getpass.getuser(), now=now()
        )
    words = f"Token {number} for {name}, to be shown as 'Authorization: Bearer TOKEN'. Keep it now:\n{secret}"
    answer({"token": number, "name": name, "site": site, "scope": scope, "secret": secret}, json, words)


@token_app.command("list")
def token_list(
    everything: Annotated[bool, typer.Option("--all", help="Revoked ones, too.")] = False,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Who may come in, and when each was last used; never the tokens themselves."""
    from monitor.storage import queries

    with opened(workspace) as (_, database), database.session() as session:
        found = [view for view in queries.tokens(session) if everything or view.revoked_at is None]
    head = ("token", "name", "scope", "site", "given by", "last used", "state")
    rows = [(view.id, view.name, view.scope, view.site, view.created_by, _minute(view), _state(view)) for view in found]
    words = table(head, rows) if rows else "No machine has a token."
    answer({"tokens": [vars(view) for view in found]}, json, words)


@token_app.command("revoke")
def token_revoke(
    token: Annotated[int, typer.Argument(help="Its number, as 'token list' shows it.")],
    by: By = "",
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Take a token back: from now on it opens nothing."""
    import getpass

    from monitor.service.scheduler import now
    from monitor.storage import repository

    with opened(workspace) as (_, database), database.transaction() as session:
        repository.revoke_token(session, token, by=by or getpass.getuser(), now=now())
    answer({"token": token, "revoked": True}, json, f"Token {token} is revoked.")


def _minute(view: "TokenView") -> str | None:
    return None if view.used_at is None else f"{view.used_at:%Y-%m-%d %H:%M} UTC"


def _state(view: "TokenView") -> str:
    return "holds" if view.revoked_at is None else f"revoked by {view.revoked_by}"


COMMANDS: dict[str, Any] = {"api": api}
