"""Settings: the file first, the environment over it, and sentences for everything that makes no sense."""

import os
from pathlib import Path

import pytest

from monitor.errors import SettingsError
from monitor.settings import SETTINGS_FILE, Settings, load_settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CRACKMONITOR_"):
            monkeypatch.delenv(name)


def written(folder: Path, text: str) -> Path:
    (folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
    return folder


def test_an_empty_file_means_the_defaults_in_that_folder(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, ""))
    assert settings == Settings(workspace=tmp_path)
    assert settings.resolved_database_url == f"sqlite:///{tmp_path / 'crackmonitor.db'}"
    places = (settings.inbox, settings.originals, settings.pictures, settings.quarantine)
    assert [place.relative_to(tmp_path).as_posix() for place in places] == [
        "inbox",
        "originals",
        "pictures",
        "quarantine",
    ]


def test_the_file_says_and_the_environment_has_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "[worker]\nscan_seconds = 5\noverdue_grace_days = 1\n[ingest]\nstable_scans = 7\n")
    monkeypatch.setenv("CRACKMONITOR_WORKER__SCAN_SECONDS", "9")
    monkeypatch.setenv("CRACKMONITOR_DATABASE_URL", "postgresql://user:hunter2@host/base")
    monkeypatch.setenv("CRACKMONITOR_NOTIFY__URLS", '["json://a", "json://b"]')
    settings = load_settings(tmp_path)
    assert (settings.worker.scan_seconds, settings.worker.overdue_grace_days) == (9, 1)
    assert settings.ingest.stable_scans == 7
    assert settings.resolved_database_url == "postgresql://user:hunter2@host/base"
    assert settings.notify.urls == ["json://a", "json://b"]


def test_secrets_come_from_a_file_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(
        tmp_path, 'database_url = "postgresql://user@host/base"\n[notify]\nurls = ["json://c"]\nretry_seconds = 7\n'
    )
    secrets = tmp_path / "secrets.env"
    secrets.write_text(
        "# of this machine\nCRACKMONITOR_DATABASE_URL=postgresql://user:hunter2@host/base\n"
        'CRACKMONITOR_NOTIFY__URLS=\'["json://a", "json://b"]\'\nCRACKMONITOR_API__PORT=1\n'
    )
    assert load_settings(tmp_path).notify.urls == ["json://c"]
    monkeypatch.setenv("CRACKMONITOR_SECRETS_FILE", str(secrets))
    monkeypatch.setenv("CRACKMONITOR_API__PORT", "2")
    settings = load_settings(tmp_path)
    assert settings.database_url == "postgresql://user:hunter2@host/base"
    assert (settings.notify.urls, settings.notify.retry_seconds) == (["json://a", "json://b"], 7)
    assert settings.api.port == 2


@pytest.mark.parametrize("line", ["CRACKMONITOR_NOTIFY__URLZ='[\"hunter2\"]'", "CRACKMONITOR_NOTIFY__URLS=hunter2"])
def test_a_wrong_line_among_the_secrets_is_told_without_the_secret(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets.env").write_text(line)
    monkeypatch.setenv("CRACKMONITOR_SECRETS_FILE", str(tmp_path / "secrets.env"))
    with pytest.raises(SettingsError, match="notify") as caught:
        load_settings(written(tmp_path, ""))
    assert "hunter2" not in str(caught.value)


def test_secrets_that_are_not_there_are_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRACKMONITOR_SECRETS_FILE", str(tmp_path / "secrets.env"))
    with pytest.raises(SettingsError, match=r"secrets\.env, which CRACKMONITOR_SECRETS_FILE names, cannot be read: No"):
        load_settings(written(tmp_path, ""))
    (tmp_path / "secrets.env").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="no text in UTF-8"):
        load_settings(tmp_path)


def test_the_workspace_is_the_folder_the_settings_were_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRACKMONITOR_WORKSPACE", "/somewhere/else")
    assert load_settings(written(tmp_path, 'workspace = "/elsewhere"\n')).workspace == tmp_path


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("sqlite:///sub/a.db", "sqlite:///{folder}/sub/a.db"),
        ("sqlite:////var/a.db", "sqlite:////var/a.db"),
        ("postgresql://u@h/b", "postgresql://u@h/b"),
    ],
)
def test_a_relative_database_file_lies_in_the_workspace(tmp_path: Path, url: str, resolved: str) -> None:
    settings = load_settings(written(tmp_path, f'database_url = "{url}"\n'))
    assert settings.resolved_database_url == resolved.format(folder=tmp_path)


def test_a_relative_workspace_gives_an_absolute_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    url = load_settings(Path()).resolved_database_url
    monkeypatch.chdir("/")
    assert url == f"sqlite:///{tmp_path / 'crackmonitor.db'}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[analysis\n", "cannot be read"),
        ("[analysis]\ndevce = 'cpu'\n", "'analysis.devce'"),
        ("[analyses]\n", "'analyses'"),
        ("[analysis]\ndevice = 'abacus'\n", "'analysis.device'"),
        ("[analysis]\nbatch_size = 'many'\n", "'analysis.batch_size'"),
        ("[analysis]\nthreshold_probability = 1.5\n", "'analysis.threshold_probability'"),
        ("[worker]\nscan_seconds = 0\n", "'worker.scan_seconds'"),
        ("[worker]\nscan_seconds = 0\n[dashboard]\nport = 99999\n", "'dashboard.port'"),
        ("[notify]\nurls = 'json://wall:hunter2@host'\n", "'notify.urls'"),
        ("[notify]\nurls = [{secret = 'hunter2'}]\n", "'notify.urls.0'"),
    ],
)
def test_what_makes_no_sense_is_said_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, text))
    assert str(tmp_path / SETTINGS_FILE) in str(caught.value)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CRACKMONITOR_ANALYSIS__DEVICE", "abacus", "'analysis.device'"),
        ("CRACKMONITOR_INGEST__MAX_MEGAPIXELS", "-3", "'ingest.max_megapixels'"),
        ("CRACKMONITOR_NOTIFY__URLS", "json://wall:hunter2@host", "notify"),
        ("CRACKMONITOR_WORKER", "60", "worker"),
    ],
)
def test_a_wrong_environment_variable_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, ""))
    assert words in str(caught.value)
    assert "environment" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_variable_we_do_not_know_is_nobodys_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRACKMONITOR_SHARED", "/data")
    assert load_settings(written(tmp_path, "")) == Settings(workspace=tmp_path)


def test_weights_of_ones_own_are_looked_for_in_the_workspace(tmp_path: Path) -> None:
    found = load_settings(written(tmp_path, '[analysis]\nweights = "own/wall.safetensors"\n'))
    assert found.analysis.weights == str(tmp_path / "own/wall.safetensors")
    elsewhere = load_settings(written(tmp_path, '[analysis]\nweights = "/srv/wall.safetensors"\n'))
    assert elsewhere.analysis.weights == "/srv/wall.safetensors"
    assert load_settings(written(tmp_path, '[analysis]\nweights = "default"\n')).analysis.weights == "default"
