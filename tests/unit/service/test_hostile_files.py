"""Promise 7: whatever lies in the inbox, the worker lives and every file has an outcome."""

import io
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hostile_files import HOSTILE, mutated, png
from PIL import Image
from service_examples import LOCATION, Workspace, photo
from soaking import times

from monitor.errors import UnreadableImageError
from monitor.imaging.files import read_picture
from monitor.service import decoding
from monitor.service.decoding import Decoder, examine
from monitor.settings import IngestSettings

pytestmark = pytest.mark.soak
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="this system does not limit a child's memory")


@pytest.fixture
def decoder() -> Decoder:
    return Decoder(memory_mb=600, seconds=60)


def test_every_hostile_file_has_an_outcome_and_its_reason(workspace: Workspace) -> None:
    for name, (content, _) in HOSTILE.items():
        workspace.drop(name, content())
    workspace.drop("sound.png", photo())
    workspace.scan()
    intake = workspace.scan()
    assert workspace.inbox_files() == []
    reasons = {Path(refusal.file).name: refusal.reason for refusal in intake.rejected}
    for name, (_, words) in HOSTILE.items():
        if words is not None:
            assert words in reasons.pop(name)
    assert reasons == {}
    photos = {name for name, (_, words) in HOSTILE.items() if words is None} | {"sound.png"}
    assert {Path(path).name for path in intake.accepted} == photos


def test_what_else_a_photo_is_does_not_matter(workspace: Workspace) -> None:
    """Its kept name comes from what was decoded, and its bytes are kept as they are."""
    polyglot = HOSTILE["archive behind.jpg"][0]()
    workspace.drop("invoice.zip.php", polyglot)
    workspace.scan()
    assert len(workspace.scan().accepted) == 1
    (kept,) = workspace.original_files()
    assert kept.endswith(".jpg")
    assert (workspace.settings.originals / kept).read_bytes() == polyglot


def test_links_in_the_inbox_lead_nowhere(workspace: Workspace, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.png").write_bytes(photo())
    (workspace.inbox / "file.png").symlink_to(secret / "key.png")
    (workspace.inbox / "folder").symlink_to(secret)
    (workspace.inbox / "gone.png").symlink_to(tmp_path / "nothing")
    (workspace.inbox / "round").symlink_to(workspace.inbox)
    workspace.scan()
    assert workspace.scan().accepted == []
    assert workspace.captures() == []
    assert (secret / "key.png").exists()


@pytest.mark.parametrize("content", [photo(), b"no picture"])
@pytest.mark.parametrize("name", ["..\\..\\evil.png", "....png", "%2e%2e%2fevil.png", "$(touch evil).png", "-rf.png"])
def test_no_name_leads_out_of_the_workspace(workspace: Workspace, name: str, content: bytes) -> None:
    before = set(workspace.settings.workspace.parent.rglob("*evil*"))
    if name.startswith("."):  # hidden files are passed over
        name = f"x{name}"
    workspace.drop(name, content)
    workspace.scan()
    intake = workspace.scan()
    assert len(intake.accepted) + len(intake.rejected) == 1
    kept = [*workspace.original_files(), *workspace.quarantine_files()]
    found = set(workspace.settings.workspace.parent.rglob("*evil*")) - before
    assert all(path.is_relative_to(workspace.settings.quarantine / LOCATION) for path in found)
    assert len(kept) in (1, 2)


def test_a_pipe_in_the_inbox_holds_nothing_up(workspace: Workspace) -> None:
    os.mkfifo(workspace.inbox / "pipe.png")
    workspace.drop("sound.png", photo())
    workspace.scan()
    assert len(workspace.scan().accepted) == 1


def test_mutated_files_all_have_an_outcome(workspace: Workspace) -> None:
    contents = set(mutated(times(300, 10_000)))
    for number, content in enumerate(contents):
        workspace.drop(f"{number:05}.jpg", content)
    workspace.settings.ingest.stable_scans = 1
    intake = workspace.scan()
    assert workspace.inbox_files() == []
    assert len(intake.accepted) + len(intake.rejected) == len(contents)
    assert len(intake.accepted) > len(contents) / 20, "some are spoilt where it does not show"
    assert len(intake.rejected) > len(contents) / 5
    assert len(workspace.original_files()) == len(intake.accepted)
    assert len(workspace.quarantine_files()) == 2 * len(intake.rejected)


@linux_only
def test_a_picture_that_needs_too_much_memory_is_refused_and_the_child_goes_on(
    decoder: Decoder, tmp_path: Path
) -> None:
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    large.write_bytes(png(10_500, 10_500))
    small.write_bytes(photo())
    with pytest.raises(UnreadableImageError, match=r"large.png needs more than 600 MB of memory"):
        decoder.examine(large, max_megapixels=1000, max_file_mb=1)
    assert decoder.examine(small, 1, 1).height_px == 16
    decoder.close()


def test_the_largest_picture_allowed_has_memory_enough(tmp_path: Path) -> None:
    """16-bit grey takes most copies on its way to RGB."""
    limits = IngestSettings(max_megapixels=12)
    path = tmp_path / "grey.png"
    Image.new("I;16", (4000, 3000)).save(path, compress_level=1)
    assert examine(path, limits).width_px == 4000
    Image.new("RGBA", (4000, 3000)).save(path, compress_level=1)
    assert examine(path, limits).width_px == 4000


def test_a_picture_that_takes_too_long_is_refused_and_the_next_gets_a_new_child(tmp_path: Path) -> None:
    slow, small = tmp_path / "slow.png", tmp_path / "small.png"
    slow.write_bytes(png(10_000, 10_000))
    small.write_bytes(photo())
    decoder = Decoder(memory_mb=9000, seconds=60)
    decoder.examine(small, 1, 1)  # so that starting Python is not in its time
    decoder._seconds = 0.05
    began = time.monotonic()
    with pytest.raises(UnreadableImageError, match=r"slow.png takes longer to decode than the 0.05 s allowed"):
        decoder.examine(slow, 1000, 1)
    assert time.monotonic() - began < 10
    decoder._seconds = 60
    assert decoder.examine(small, 1, 1).width_px == 24
    decoder.close()


def test_a_child_that_was_ended_from_outside_is_replaced(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    path.write_bytes(photo())
    decoder.examine(path, 1, 1)
    assert decoder._child is not None
    os.kill(decoder._child.pid, signal.SIGKILL)
    assert decoder.examine(path, 1, 1).media_type == "image/png"
    decoder.close()


def test_a_file_that_ends_the_child_every_time_is_refused(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "small.png"
    path.write_bytes(photo())
    monkeypatch.setattr(decoding, "sys", type("Python", (), {"executable": "/bin/false"}))
    with pytest.raises(UnreadableImageError, match="breaks the decoder"):
        decoder.examine(path, 1, 1)


def test_where_there_can_be_no_child_the_file_stays(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def impossible(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    workspace.drop("a.png", photo())
    workspace.scan()
    with monkeypatch.context() as patch:
        decoding._decoder.cache_clear()
        patch.setattr(decoding.subprocess, "Popen", impossible)
        (refusal,) = workspace.scan().rejected
    assert "stays where it is" in refusal.reason
    assert workspace.inbox_files() == [f"{LOCATION}/a.png"]
    assert len(workspace.scan().accepted) == 1


def test_the_child_knows_no_secrets_and_writes_no_files(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRACKMONITOR_DATABASE_URL", "postgresql://user:secret@host/database")
    path = tmp_path / "small.png"
    path.write_bytes(photo())
    decoder.examine(path, 1, 1)
    assert decoder._child is not None
    child = Path(f"/proc/{decoder._child.pid}")
    if not child.exists():
        pytest.skip("this system does not show a process' environment and limits")
    assert b"secret" not in (child / "environ").read_bytes()
    limits = {line[:26].strip(): line[26:].split()[0] for line in (child / "limits").read_text().splitlines()}
    assert limits["Max address space"] == "600000000"
    assert limits["Max file size"] == limits["Max core file size"] == "0"
    decoder.close()


def test_refusals_and_times_are_those_of_decoding_here(workspace: Workspace) -> None:
    for name, content in {"a.jpg": photo(kind="JPEG", days=3), "b.jpg": photo(kind="HEIF", days=None)}.items():
        path = workspace.drop(name, content)
        found, here = examine(path, workspace.settings.ingest), read_picture(path, 64, 200)
        assert (found.media_type, found.exif_time, found.exif_offset) == (
            here.media_type,
            here.exif_time,
            here.exif_offset,
        )
        assert (found.height_px, found.width_px, 3) == here.image.shape


def asked(monkeypatch: pytest.MonkeyPatch, *paths: Path, memory_mb: int = 600) -> list[dict[str, object]]:
    """What the child answers when it is asked for these, here instead of in a process of its own."""
    confined: list[int] = []
    monkeypatch.setattr(decoding, "_confine", confined.append)
    answers = io.BytesIO()
    told = [{"path": str(path), "max_megapixels": 1000, "max_file_mb": 1} for path in paths]
    decoding._serve(memory_mb, io.BytesIO("".join(json.dumps(one) + "\n" for one in told).encode()), answers)
    assert confined == [memory_mb], "before anything is read"
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_the_child_answers_each_question_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "two\nlines.png"
    good.write_bytes(photo(days=3))
    bad.write_bytes(b"no picture")
    first, second, third = asked(monkeypatch, good, bad, good)
    assert first == third
    assert (first["media_type"], first["height_px"], first["width_px"]) == ("image/png", 16, 24)
    assert str(first["exif_time"]).startswith("2025-06-04")
    assert list(second) == ["refusal"]


def test_the_child_says_when_it_was_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(path: Path, *_: float) -> None:
        raise UnreadableImageError(f"{path} cannot be decoded.") from MemoryError()

    monkeypatch.setattr(decoding, "read_picture", too_large)
    (found,) = asked(monkeypatch, tmp_path / "large.png")
    assert found["refusal"] == (
        f"{tmp_path / 'large.png'} needs more than 600 MB of memory to be decoded. Save it smaller."
    )


def test_the_child_is_confined_where_the_system_can(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[str, tuple[int, int]] = {}
    names = {name: name for name in ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_FSIZE")}
    monkeypatch.setitem(sys.modules, "resource", SimpleNamespace(setrlimit=limits.__setitem__, **names))
    decoding._confine(600)
    assert limits == {"RLIMIT_AS": (600_000_000, 600_000_000), "RLIMIT_CORE": (0, 0), "RLIMIT_FSIZE": (0, 0)}
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    decoding._confine(600)


def test_a_child_that_closed_its_end_counts_as_dead(decoder: Decoder, tmp_path: Path) -> None:
    """It may die between two questions, so that the next one cannot be asked."""
    path = tmp_path / "small.png"
    path.write_bytes(photo())
    decoder.examine(path, 1, 1)
    child = decoder._child
    assert child is not None
    child.kill()
    child.wait()
    assert decoder.examine(path, 1, 1).height_px == 16
    assert decoder._child is not child
    decoder.close()


def test_a_fork_leaves_its_parents_child_alone(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    path.write_bytes(photo())
    decoder.examine(path, 1, 1)
    child = decoder._child
    assert child is not None
    decoder._owner -= 1  # as a fork sees it
    decoder.close()
    assert child.poll() is None
    child.kill()
    child.communicate()
