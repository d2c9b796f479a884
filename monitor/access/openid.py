"""OpenID Connect through Streamlit's own login: the secrets file that it reads, written with a mode of 0600."""

import os
import secrets
import tempfile
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import tomli_w

from monitor.access.entry import is_loopback
from monitor.errors import MisuseError

CALLBACK = "/oauth2callback"
_COOKIE_SECRET_BYTES = 32


def require_client() -> None:
    """Raise `MisuseError`, saying how to get it, where what speaks OpenID Connect is not installed."""
    if find_spec("authlib") is None:
        raise MisuseError("OpenID Connect needs the package Authlib: pip install 'crackmonitor[openid]'.")


def write_secrets(path: Path, *, client_id: str, client_secret: str, metadata_url: str, address: str) -> str:
    """Write the file, whole or not at all, with a new cookie secret (which logs everybody out). Returns the address
    that the provider must know as redirect URI.

    `metadata_url` is the provider's `.well-known/openid-configuration`, `address` where people open the pages. Raises
    `MisuseError` for one that is not encrypted, other than on this machine.
    """
    for what, url in (("The provider's address", metadata_url), ("The address of the pages", address)):
        _require_safe(what, url)
    if not client_id.strip() or not client_secret.strip():
        raise MisuseError("The client id or the client secret is empty; the provider shows both where it lists this.")
    redirect = address.rstrip("/") + CALLBACK
    auth = {
        "redirect_uri": redirect,
        "cookie_secret": secrets.token_urlsafe(_COOKIE_SECRET_BYTES),
        "client_id": client_id.strip(),
        "client_secret": client_secret.strip(),
        "server_metadata_url": metadata_url,
    }
    head = "# Made by 'crackmonitor access setup'. Keep it to yourself: whoever has it can log in as anybody.\n\n"
    _write_privately(path, head + tomli_w.dumps({"auth": auth}))
    return redirect


def _require_safe(what: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise MisuseError(f"{what} must begin with https://; '{url}' does not.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise MisuseError(f"{what} must begin with https:// (only this machine may do without); '{url}' does not.")


def _write_privately(path: Path, text: str) -> None:
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")  # readable by its owner alone
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(path)
    finally:
        Path(unfinished).unlink(missing_ok=True)
