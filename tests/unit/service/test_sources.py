"""Photos from beyond this machine: a folder that may be unmounted, fsspec's memory, and a real SFTP server."""

import os
import shutil
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo
from sftp_server import SftpServer

from monitor.errors import MisuseError, SettingsError, UnknownNameError
from monitor.imaging.files import PictureFile
from monitor.service import ingest, sources
from monitor.service.ingest import Intake
from monitor.service.sources import SOURCES, Fetching, Source
from monitor.settings import SourceSettings, load_settings
from monitor.storage import queries
from monitor.storage.database import Database


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """A folder that stands for a mounted share."""
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
def fetched(workspace: Workspace, share: Path) -> Workspace:
    """A workspace whose location gets its photos from the share."""
    workspace.settings.sources = {"wall": SourceSettings(url=f"file://{share}", location=LOCATION)}
    return workspace


def scan(workspace: Workspace, name: str = "wall") -> Intake:
    return Fetching(workspace.database, workspace.settings).scan(name, workspace.clock.turn(minutes=1))


def reasons(intake: Intake) -> str:
    return "\n".join(refusal.reason for refusal in intake.waiting_reasons)


def test_a_photo_is_fetched_once_it_is_whole_and_never_again(fetched: Workspace, share: Path) -> None:
    (share / "2025").mkdir()
    path = share / "2025" / "a.png"
    content = photo(10)
    path.write_bytes(content[:50])
    assert len(scan(fetched).waiting) == 1
    path.write_bytes(content)
    assert [scan(fetched).waiting, len(scan(fetched).accepted)] == [[f"file://{share}/2025/a.png"], 1]
    assert path.read_bytes() == content, "a source is only read"
    for _ in range(3):
        assert scan(fetched) == Intake()
    (view,) = fetched.captures()
    assert (view.file_name, view.rejected_reason) == ("a.png", None)
    assert not list((fetched.settings.workspace / "fetching").iterdir())


def test_a_file_that_was_replaced_is_fetched_anew_and_one_that_was_copied_is_known(
    fetched: Workspace, share: Path
) -> None:
    path = share / "a.png"
    for level in (10, 20):
        path.write_bytes(photo(level, days=level / 10))
        os.utime(path, (1_000_000_000 + level, 1_000_000_000 + level))
        assert len(scan(fetched).waiting) == 1
        assert len(scan(fetched).accepted) == 1
    shutil.copy(path, share / "b.png")
    scan(fetched)
    assert len(scan(fetched).duplicates) == 1
    assert scan(fetched) == Intake()
    assert len(fetched.captures()) == 2


def test_unmounted_is_not_empty(fetched: Workspace, share: Path) -> None:
    assert scan(fetched) == Intake(), "nothing has come yet"
    (share / "a.png").write_bytes(photo(10))
    scan(fetched)
    scan(fetched)
    (share / "a.png").rename(share.parent / "a.png")
    assert "is empty, and 1 file(s) came from there" in reasons(scan(fetched))
    share.rmdir()
    assert "could not be listed: there is no folder" in reasons(scan(fetched))
    share.mkdir()
    (share.parent / "a.png").rename(share / "a.png")
    assert scan(fetched) == Intake(), "it is back, and nothing is fetched again"
    assert len(fetched.captures()) == 1


def test_a_file_that_changes_while_it_is_fetched_waits(
    fetched: Workspace, share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = share / "a.png"
    path.write_bytes(photo(10))
    scan(fetched)
    get_file = fsspec.implementations.local.LocalFileSystem.get_file

    def meanwhile(system: object, *given: object, **named: object) -> None:
        get_file(system, *given, **named)
        path.write_bytes(photo(20))

    with monkeypatch.context() as patch:
        patch.setattr(fsspec.implementations.local.LocalFileSystem, "get_file", meanwhile)
        assert scan(fetched).waiting == [f"file://{path}"]
    assert fetched.captures() == []
    scan(fetched)
    assert len(scan(fetched).accepted) == 1


def test_what_is_refused_is_kept_with_its_reason_and_not_fetched_again(fetched: Workspace, share: Path) -> None:
    (share / "letter.png").write_bytes(b"no picture")
    (share / "huge.png").write_bytes(photo(20) + bytes(2_000_000))
    (share / ".hidden.png").write_bytes(photo(30))
    (share / "half.png.part").write_bytes(photo(30))
    (share / "link.png").symlink_to(fetched.settings.workspace / "crackmonitor.toml")
    fetched.settings.ingest.max_file_mb = 1
    scan(fetched)
    refused = {Path(one.file).name: one.reason for one in scan(fetched).rejected}
    assert refused.keys() == {"letter.png", "huge.png"}
    assert str(share / "letter.png") in refused["letter.png"]
    assert "larger than the 1 MB" in refused["huge.png"]
    assert any(name.endswith("letter.png") for name in fetched.quarantine_files())
    assert scan(fetched) == Intake()


def test_what_cannot_be_taken_in_now_is_fetched_again_later(
    fetched: Workspace, share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (share / "a.png").write_bytes(photo(10))
    scan(fetched)
    fetched.settings.ingest.least_free_gb = 1e6
    assert "of disk space free" in reasons(scan(fetched))
    fetched.settings.ingest.least_free_gb = 0

    def broken(*_: object) -> PictureFile:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "examine", broken)
        assert "No space left on device" in reasons(scan(fetched))
    assert len(scan(fetched).accepted) == 1


def test_a_worker_that_is_stopped_leaves_the_rest_for_the_next(fetched: Workspace, share: Path) -> None:
    for level in (10, 20):
        (share / f"{level}.png").write_bytes(photo(level))
    scan(fetched)
    asked = iter([False, True])
    fetching = Fetching(fetched.database, fetched.settings)
    intake = fetching.scan("wall", fetched.clock.turn(minutes=1), lambda: next(asked))
    assert [[Path(name).name for name in found] for found in (intake.accepted, intake.waiting)] == [["10.png"], []]
    assert len(scan(fetched).accepted) == 1


def test_the_folders_of_a_site_are_its_locations(workspace: Workspace) -> None:
    workspace.add_location("south-wall")
    workspace.settings.sources = {"hall": SourceSettings(url="memory://hall", site="Town hall")}
    memory = fsspec.filesystem("memory")
    for number, name in enumerate(("north-wall/a.png", "south-wall/deep/b.png", "nowhere/c.png", "d.png")):
        memory.pipe(f"/hall/{name}", photo(10 * number + 10, days=-number))
    try:
        first, second = scan(workspace, "hall"), scan(workspace, "hall")
    finally:
        memory.rm("/hall", recursive=True)
    assert len(first.waiting) == 4
    assert sorted(second.accepted) == ["memory://hall/north-wall/a.png", "memory://hall/south-wall/deep/b.png"]
    assert "there is no location 'nowhere' at Town hall" in reasons(second)
    assert "there is no location 'd.png'" in reasons(second)
    assert (len(workspace.captures()), len(workspace.captures("south-wall"))) == (1, 1)
    assert "could not be listed" in reasons(scan(workspace, "hall")), "it is gone"


def test_the_worker_fetches_tells_once_what_is_wrong_and_goes_on(
    fetched: Workspace, share: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fetched.settings.sources["lost"] = SourceSettings(url="file:///nowhere/at/all", location=LOCATION)
    fetched.settings.sources["odd"] = SourceSettings(url="gopher://old/folder", location=LOCATION)
    (share / "a.png").write_bytes(photo(10))
    gauge = Gauge()
    jobs = fetched.jobs(gauge)
    for _ in range(3):
        fetched.clock.turn(minutes=1)
        jobs.tick()
    assert gauge.levels == [10]
    assert caplog.text.count("'lost' (file:///nowhere/at/all) could not be listed") == 1
    assert caplog.text.count("Unknown kind of source 'gopher'. Known: file, memory, s3, sftp, smb.") == 1


def test_two_workers_do_not_fetch_the_same(shared_workspace: Workspace, share: Path) -> None:
    workspace = shared_workspace
    workspace.settings.sources = {"wall": SourceSettings(url=f"file://{share}", location=LOCATION)}
    (share / "a.png").write_bytes(photo(10))
    one, two = workspace.jobs(Gauge(), worker="one"), workspace.jobs(Gauge(), worker="two")
    with one._leases.alone_at("source wall", "one"):
        assert two.scan() == Intake()
    assert len(two.scan().waiting) == 1


def test_a_source_that_makes_no_sense_is_refused_in_words(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="Known: file, memory, s3, sftp, smb"):
        Source("old", SourceSettings(url="gopher://old/folder", location=LOCATION))
    monkeypatch.setitem(SOURCES, "s3", ("no_such_package", "crackmonitor[sources]"))
    with pytest.raises(MisuseError, match=r"needs the package no_such_package: pip install 'crackmonitor\[sources\]'"):
        Source("bucket", SourceSettings(url="s3://bucket/folder", location=LOCATION))
    file = workspace.settings.workspace / "crackmonitor.toml"
    for lines, words in (
        ('url = "s3://a/b"', "names its location, or its site"),
        ('url = "s3://a/b"\nlocation = "a"\nsite = "b"', "names its location, or its site"),
        ('url = "sftp://me:secret@host/folder"\nlocation = "a"', "holds a password"),
        ('url = "simplecache::s3://a/b"\nlocation = "a"', "is no kind://place/folder"),
    ):
        file.write_text(f"[sources.wall]\n{lines}\n", encoding="utf-8")
        with pytest.raises(SettingsError, match=words):
            load_settings(workspace.settings.workspace)


def test_secrets_come_from_the_environment_and_go_nowhere(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = workspace.settings.workspace / "crackmonitor.toml"
    file.write_text(
        f'[sources.wall]\nurl = "file:///nowhere"\nlocation = "{LOCATION}"\noptions = {{ user = "me" }}\n', "utf-8"
    )
    monkeypatch.setenv("CRACKMONITOR_SOURCES__WALL__OPTIONS__PASSWORD", "hunter2")
    workspace.settings = load_settings(workspace.settings.workspace)
    assert workspace.settings.sources["wall"].options == {"user": "me", "password": "hunter2"}

    def told(*_: object, **__: object) -> None:
        raise RuntimeError("login of me with hunter2 failed")

    monkeypatch.setattr(sources.Source, "_opened", told)
    assert "login of me with *** failed" in reasons(scan(workspace))


@pytest.fixture
def sftp(share: Path, tmp_path: Path) -> Iterator[SftpServer]:
    with SftpServer(share) as server:
        yield server


@pytest.mark.filterwarnings("ignore")  # paramiko's and cryptography's own, of algorithms that they give up
def test_photos_come_from_a_real_sftp_server(
    workspace: Workspace, share: Path, sftp: SftpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = {"port": sftp.port, "username": "me", "password": "secret", "look_for_keys": False, "allow_agent": False}
    source = SourceSettings(url="sftp://127.0.0.1/photos", location=LOCATION, options=options)
    workspace.settings.sources = {"wall": source}
    (share / "photos").mkdir()
    (share / "photos" / "a.png").write_bytes(photo(10, days=None))
    taken = NOW - timedelta(days=3)
    os.utime(share / "photos" / "a.png", (taken.timestamp(), taken.timestamp()))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "127.0.0.1 belongs to the inner network" in reasons(scan(workspace)), "nobody named it"
    workspace.settings.network.allow = ["127.0.0.1"]
    assert "not found in known_hosts" in reasons(scan(workspace)), "an unknown host is not trusted"
    source.options["host_key_policy"] = "auto_add"
    scan(workspace)
    assert len(scan(workspace).accepted) == 1
    (view,) = workspace.captures()
    assert view.time is not None
    assert abs(view.time.at - taken) < timedelta(seconds=2)
    source.options["password"] = "wrong"
    assert "could not be listed" in reasons(scan(workspace))
    source.options["password"] = "secret"
    assert scan(workspace) == Intake()


def test_what_was_fetched_is_remembered_on_both_databases(database: Database) -> None:
    from monitor.storage import repository

    for version in ("1", "2"):
        with database.transaction() as session:
            repository.record_fetched(session, "wall", "a.png", version, NOW)
    with database.session() as session:
        assert queries.fetched(session, "wall") == {"a.png": "2"}
        assert queries.fetched(session, "other") == {}


@pytest.mark.filterwarnings("ignore")  # paramiko's and cryptography's own, of algorithms that they give up
@pytest.mark.parametrize("host", ["localhost", "169.254.169.254", "127.1"])
def test_a_source_is_nothing_inner_that_nobody_named_under_any_name(workspace: Workspace, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inner:
        inner.settimeout(0.2)
        options = {"port": inner.getsockname()[1], "username": "me", "password": "secret"}
        source = SourceSettings(url=f"sftp://{host}/photos", location=LOCATION, options=options)
        workspace.settings.sources = {"wall": source}
        workspace.settings.network.allow = ["10.0.0.0/8"]
        (refusal,) = scan(workspace).waiting_reasons
        with pytest.raises(TimeoutError):
            inner.accept()
    assert "belongs to the inner network. If it is meant, name it under 'network.allow'" in refusal.reason
    assert "It is tried again at the next round" in refusal.reason


@pytest.mark.filterwarnings("ignore")  # botocore's and moto's own
def test_photos_come_from_a_bucket_of_a_real_s3_server(workspace: Workspace) -> None:
    """Over HTTP, in its own words; not installed with the tests, because the server alone needs some forty packages."""
    server = pytest.importorskip("moto.server", reason="no S3 server: pip install 's3fs' 'moto[s3,server]'")
    pytest.importorskip("s3fs", reason="S3 needs s3fs: pip install 'crackmonitor[sources]'")
    running = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        endpoint = {"client_kwargs": {"endpoint_url": f"http://{host}:{port}"}, "key": "me", "secret": "hunter2"}
        source = SourceSettings(url="s3://survey/walls", site="Town hall", options=endpoint)
        workspace.settings.sources = {"bucket": source}
        assert "127.0.0.1 belongs to the inner network" in reasons(scan(workspace, "bucket")), "nobody named it"
        workspace.settings.network.allow = [host]
        assert "could not be listed" in reasons(scan(workspace, "bucket")), "there is no bucket"
        bucket = fsspec.filesystem("s3", **endpoint)
        bucket.mkdir("survey")
        bucket.pipe(f"survey/walls/{LOCATION}/a.png", photo(10))
        assert len(scan(workspace, "bucket").waiting) == 1
        bucket.pipe(f"survey/walls/{LOCATION}/a.png", photo(20))
        assert len(scan(workspace, "bucket").waiting) == 1, "its ETag is another"
        assert scan(workspace, "bucket").accepted == [f"s3://survey/walls/{LOCATION}/a.png"]
        assert scan(workspace, "bucket") == Intake()
        bucket.rm("survey/walls", recursive=True)
        assert "could not be listed" in reasons(scan(workspace, "bucket"))
    finally:
        running.stop()
