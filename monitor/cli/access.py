"""Commands about who may come in. The command line itself asks nobody: who can write the database can do everything."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.output import HERE, Json, Workspace, answer, opened, table
from monitor.storage.access import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.storage.views import SiteView

access_app = typer.Typer(
    help="Who may come in to the pages, and what they may do there: viewer, operator, engineer, admin.",
    epilog="Start with: crackmonitor access add ada --role admin",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The account; with OpenID Connect the person's e-mail address.")]
Site = Annotated[str | None, typer.Option(help="At this site alone.")]
PasswordFile = Annotated[
    Path | None, typer.Option(help="File whose first line is the password; without it, it is asked for.")
]


@access_app.command("setup")
def access_setup(
    metadata_url: Annotated[
        str, typer.Option(help="The provider's discovery document: https://.../.well-known/openid-configuration.")
    ],
    client_id: Annotated[str, typer.Option(help="What the provider calls these pages.")],
    address: Annotated[
        str | None, typer.Option(help="Where people open the pages; the setting 'dashboard.url' when left out.")
    ] = None,
    client_secret_file: Annotated[
        Path | None,
        typer.Option(
            help="File whose first line is the client secret; without it, the variable CRACKMONITOR_CLIENT_SECRET,"
            " else it is asked for."
        ),
    ] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Let people log in by OpenID Connect: writes secrets.toml, for its owner alone to read."""
    import os

    from monitor.access.openid import require_client, write_secrets
    from monitor.storage import queries

    require_client()
    secret = os.environ.get("CRACKMONITOR_CLIENT_SECRET", "") if client_secret_file is None else ""
    with opened(workspace) as (settings, database):
        redirect = write_secrets(
            settings.secrets,
            client_id=client_id,
            client_secret=secret or _secret("Client secret", client_secret_file, again=False),
            metadata_url=metadata_url,
            address=address or settings.link,
        )
        with database.session() as session:
            known = queries.any_account(session)
    words = f"{settings.secrets} is written. Tell the provider this redirect URI: {redirect}\nStart the dashboard anew."
    if not known:
        words += "\nNobody has access yet: crackmonitor access add E-MAIL --role admin --no-password."
    answer({"file": str(settings.secrets), "redirect_uri": redirect, "accounts": known}, json, words)


@access_app.command("add")
def access_add(
    name: Name,
    role: Annotated[Role, typer.Option(help="What they may do, wherever no site says otherwise.")] = Role.VIEWER,
    password_file: PasswordFile = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="For whoever logs in by OpenID Connect alone.")
    ] = False,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Let somebody in. The first account ends the time in which nobody is asked for a password."""
    from monitor.access.accounts import hashed
    from monitor.service.scheduler import now
    from monitor.storage import queries, repository

    with opened(workspace) as (_, database):
        with database.session() as session:
            first = not queries.any_account(session)
            taken = queries.account_with(session, name) is not None
        kept = None if no_password or taken else hashed(_secret(f"Password of {name}", password_file, again=True))
        with database.transaction() as session:
            repository.add_account(session, name, role=role, now=now())
            if kept is not None:
                repository.set_password(session, name, kept, now())
    words = f"{name} may come in as {role}."
    if first:
        words += " From now on the pages ask everybody to log in."
    if first and role is not Role.ADMIN:
        words += " Nobody is admin yet; this command line can do what an admin can."
    answer({"account": name, "role": role, "password": kept is not None}, json, words)


@access_app.command("list")
def access_list(workspace: Workspace = HERE, json: Json = False) -> None:
    """Who may come in, with which roles."""
    from monitor.access.entry import Door, door_of
    from monitor.storage import queries

    with opened(workspace) as (settings, database), database.session() as session:
        door, found, sites = door_of(session, settings), queries.accounts(session), queries.sites(session)
    told = [
        {
            "account": one.name,
            "role": one.role,
            "sites": _sites(one.sites, sites),
            "password": one.has_password,
            "added_at": one.added_at,
        }
        for one in found
    ]
    rows = [(one.name, one.role, _listed(_sites(one.sites, sites))) for one in found]
    how = {
        Door.OPEN: "Nobody is asked for a password: the pages are for this machine alone.",
        Door.ACCOUNTS: "People log in by name and password.",
        Door.OPENID: "People log in by OpenID Connect.",
    }[door]
    words = "\n".join([how, *([table(("account", "role", "at sites"), rows)] if rows else [])])
    answer({"door": door, "accounts": told}, json, words)


@access_app.command("role")
def access_role(
    name: Name,
    role: Annotated[
        Role | None, typer.Argument(help="The new role; left out with --site: the general one again.")
    ] = None,
    site: Site = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Change what somebody may do, everywhere or at one site."""
    from monitor.errors import UnknownNameError
    from monitor.storage import queries, repository

    with opened(workspace) as (_, database), database.transaction() as session:
        known = {view.name: view.id for view in queries.sites(session)}
        if site is not None and site not in known:
            raise UnknownNameError("site", site, known)
        repository.set_role(session, name, role, site_id=None if site is None else known[site])
    where = "everywhere but where a site says otherwise" if site is None else f"at {site}"
    words = f"{name} is {role} {where}." if role is not None else f"{name} has the general role {where} again."
    answer({"account": name, "role": role, "site": site}, json, words)


@access_app.command("remove")
def access_remove(name: Name, workspace: Workspace = HERE, json: Json = False) -> None:
    """Keep somebody out from now on; what they did stays under their name."""
    from monitor.service.scheduler import now
    from monitor.storage import queries, repository

    with opened(workspace) as (settings, database):
        with database.transaction() as session:
            repository.remove_account(session, name, now())
        with database.session() as session:
            left = queries.any_account(session) or settings.secrets.is_file()
    words = (
        f"{name} is out." if left else f"{name} is out. Nobody is left, so the pages ask nobody for a password again."
    )
    answer({"account": name, "left": left}, json, words)


@access_app.command("password")
def access_password(
    name: Name, password_file: PasswordFile = None, workspace: Workspace = HERE, json: Json = False
) -> None:
    """Give somebody a new password, and end their logins."""
    from monitor.access.accounts import hashed
    from monitor.service.scheduler import now
    from monitor.storage import queries, repository

    with opened(workspace) as (_, database):
        with database.session() as session:
            queries.account(session, name)
        kept = hashed(_secret(f"New password of {name}", password_file, again=True))
        with database.transaction() as session:
            repository.set_password(session, name, kept, now())
    answer({"account": name}, json, f"{name} has a new password, and is logged out everywhere.")


def _secret(what: str, file: Path | None, *, again: bool) -> str:
    """From the first line of a file, or typed unseen; never an argument, which every program here could read."""
    from monitor.errors import MisuseError

    if file is not None:
        if not file.is_file():
            raise MisuseError(f"There is no file {file}. Check the name and the folder.")
        return (file.read_text(encoding="utf-8").splitlines() or [""])[0]
    typed: str = typer.prompt(what, hide_input=True, confirmation_prompt=again, err=True)
    return typed


def _listed(given: "dict[str, Role]") -> str | None:
    return ", ".join(f"{site}: {role}" for site, role in given.items()) or None


def _sites(given: "Mapping[int, Role]", sites: "Sequence[SiteView]") -> dict[str, Role]:
    """Roles by the name of the site."""
    return {view.name: given[view.id] for view in sites if view.id in given}
