"""The secrets file of OpenID Connect."""

import stat
import tomllib
from pathlib import Path

import pytest

from monitor.access.openid import write_secrets
from monitor.errors import MisuseError

GIVEN = {
    "client_id": "walls",
    "client_secret": " hush hush\n",
    "metadata_url": "https://login.example/.well-known/openid-configuration",
    "address": "https://walls.example/",
}


def test_it_is_its_owners_alone_and_has_a_new_cookie_secret_each_time(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    path.write_text("old")
    path.chmod(0o644)
    assert write_secrets(path, **GIVEN) == "https://walls.example/oauth2callback"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = tomllib.loads(path.read_text())["auth"]
    assert first["client_secret"] == "hush hush"
    assert first["server_metadata_url"] == GIVEN["metadata_url"]
    assert len(first["cookie_secret"]) >= 43
    write_secrets(path, **GIVEN)
    assert tomllib.loads(path.read_text())["auth"]["cookie_secret"] != first["cookie_secret"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"metadata_url": "http://login.example/x"}, "provider's address must begin with https"),
        ({"address": "http://walls.example"}, "address of the pages must begin with https"),
        ({"address": "walls.example"}, "must begin with https"),
        ({"client_secret": " "}, "empty"),
        ({"client_id": ""}, "empty"),
    ],
)
def test_what_would_be_unsafe_or_is_missing_writes_nothing(tmp_path: Path, change: dict[str, str], why: str) -> None:
    with pytest.raises(MisuseError, match=why):
        write_secrets(tmp_path / "secrets.toml", **{**GIVEN, **change})
    assert list(tmp_path.iterdir()) == []


def test_this_machine_may_do_without_tls(tmp_path: Path) -> None:
    here = GIVEN | {"address": "http://localhost:8501", "metadata_url": "http://127.0.0.1:9/x"}
    assert write_secrets(tmp_path / "secrets.toml", **here) == "http://localhost:8501/oauth2callback"
