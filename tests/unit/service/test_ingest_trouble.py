"""What is refused goes to quarantine with its reason; what breaks half-way is done again without harm."""

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from service_examples import LOCATION, Workspace, photo

from monitor.imaging.files import PictureFile
from monitor.service import ingest
from monitor.service.decoding import examine
from monitor.service.ingest import Intake
from monitor.storage import queries, repository


def huge() -> bytes:
    """100 megapixels in a few kilobytes."""
    stream = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(stream, "PNG")
    return stream.getvalue()


def gif() -> bytes:
    stream = io.BytesIO()
    Image.new("P", (8, 8)).save(stream, "GIF")
    return stream.getvalue()


def noisy() -> bytes:
    """More bytes than `max_file_mb` in the test allows."""
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.jpg": (lambda: b"", "is empty (0 bytes)"),
    "truncated.jpg": (lambda: photo(kind="JPEG", shape=(200, 200))[:-900], "is damaged or incomplete"),
    "letter.jpg": (lambda: b"Dear Sir or Madam, the crack has grown. " * 9, "not contain a picture of an accepted"),
    "huge.png": (huge, "has 100.0 megapixels, more than the 64 allowed"),
    "moving.gif": (gif, "not contain a picture of an accepted format"),
    "noisy.png": (noisy, "more than the 0.2 MB allowed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_file_is_quarantined_whole_with_its_reason_beside_it(workspace: Workspace, name: str) -> None:
    make, complaint = REFUSED[name]
    content = make()
    workspace.settings.ingest.max_file_mb = 0.2
    workspace.drop(name, content)
    workspace.drop("sound.png", photo())
    workspace.scan()
    intake = workspace.scan()
    assert [Path(path).name for path in intake.accepted] == ["sound.png"]
    (refusal,) = intake.rejected
    assert complaint in refusal.reason
    assert workspace.inbox_files() == []
    kept, reason = (workspace.settings.quarantine / file for file in workspace.quarantine_files())
    assert kept.name.endswith(name)
    assert kept.read_bytes() == content
    assert (reason.name, reason.read_text(encoding="utf-8")) == (f"{kept.name}.reason.txt", refusal.reason + "\n")
    assert len(workspace.original_files()) == 1
    (row,) = [capture for capture in workspace.captures() if capture.file_name == name]
    assert row.rejected_reason == refusal.reason


def test_a_refused_file_sent_again_is_refused_again_and_stays_one_row(workspace: Workspace) -> None:
    for name in ("a.jpg", "b.jpg"):
        workspace.drop(name, b"no picture")
        workspace.scan()
        assert len(workspace.scan().rejected) == 1
    assert [capture.file_name for capture in workspace.captures()] == ["a.jpg"]
    assert len(workspace.quarantine_files()) == 4
    assert workspace.inbox_files() == []


def test_a_photo_refused_as_too_large_is_accepted_once_the_limit_was_raised(workspace: Workspace) -> None:
    workspace.settings.ingest.max_megapixels = 0.0001
    workspace.drop("a.png", photo(shape=(16, 24)))
    workspace.scan()
    assert "raise max_megapixels" in workspace.scan().rejected[0].reason
    workspace.settings.ingest.max_megapixels = 64
    workspace.drop("again.png", photo(shape=(16, 24)))
    workspace.scan()
    assert len(workspace.scan().accepted) == 1
    (capture,) = workspace.captures()
    assert (capture.rejected_reason, capture.height_px, capture.file_name) == (None, 16, "again.png")
    assert capture.time is not None


class PowerCut(BaseException):
    """The process ends here."""


def raising(*_: Any, **__: Any) -> Any:
    raise PowerCut


def after(call: Callable[..., Any]) -> Callable[..., Any]:
    """Do it, then die."""

    def once(*given: Any, **named: Any) -> Any:
        call(*given, **named)
        raise PowerCut

    return once


CUTS: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "before the copy": (ingest, "copy_whole", raising),
    "after the copy": (ingest, "copy_whole", after(ingest.copy_whole)),
    "before the row": (repository, "add_capture", raising),
    "inside the row's transaction": (repository, "add_capture", after(repository.add_capture)),
    "before the removal": (Path, "unlink", raising),
    "after the removal": (repository, "forget_sighting", raising),
}


@pytest.mark.parametrize("moment", CUTS)
def test_a_crash_at_any_point_loses_nothing_and_doing_it_again_is_harmless(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    place, name, broken = CUTS[moment]
    content = photo()
    sha256 = hashlib.sha256(content).hexdigest()
    workspace.drop("a.png", content)
    workspace.scan()
    with monkeypatch.context() as patch:
        patch.setattr(place, name, broken)
        with pytest.raises(PowerCut):
            workspace.scan()
    assert workspace.inbox_files() or workspace.captures()
    workspace.scan()
    workspace.scan()
    (capture,) = workspace.captures()
    assert (capture.sha256, capture.rejected_reason) == (sha256, None)
    assert workspace.inbox_files() == []
    assert [name for name in workspace.original_files() if not name.endswith(".part")] == [f"{sha256[:2]}/{sha256}.png"]
    assert (workspace.settings.originals / sha256[:2] / f"{sha256}.png").read_bytes() == content


@pytest.mark.parametrize(
    ("place", "name", "broken"),
    [(repository, "reject_capture", raising), (ingest, "copy_whole", raising), (Path, "write_text", raising)],
)
def test_a_crash_while_refusing_leaves_file_or_quarantine_and_a_reason_in_the_end(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, place: object, name: str, broken: Callable[..., Any]
) -> None:
    workspace.drop("letter.jpg", b"no picture")
    workspace.scan()
    with monkeypatch.context() as patch:
        patch.setattr(place, name, broken)
        with pytest.raises(PowerCut):
            workspace.scan()
    assert workspace.inbox_files() == [f"{LOCATION}/letter.jpg"]
    assert len(workspace.scan().rejected) == 1
    kept, _ = workspace.quarantine_files()
    assert (workspace.settings.quarantine / kept).read_bytes() == b"no picture"
    assert len(workspace.captures()) == 1


@pytest.mark.parametrize(
    ("place", "moment"), [(ingest, "examine"), (ingest, "copy_whole"), (repository, "add_capture")]
)
def test_a_file_that_changes_while_it_is_taken_in_is_not_mistaken_for_what_it_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, place: object, moment: str
) -> None:
    path = workspace.drop("a.png", photo(10))
    workspace.scan()
    call = getattr(place, moment)

    def disturbed(*given: Any, **named: Any) -> Any:
        path.write_bytes(photo(20, shape=(32, 32)))
        return call(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(place, moment, disturbed)
        workspace.scan()
    assert path.exists()
    workspace.scan()
    workspace.scan()
    for capture in workspace.captures():
        (original,) = workspace.settings.originals.rglob(f"{capture.sha256}*")
        assert hashlib.sha256(original.read_bytes()).hexdigest() == capture.sha256
    assert hashlib.sha256(photo(20, shape=(32, 32))).hexdigest() in {view.sha256 for view in workspace.captures()}


def test_a_file_that_becomes_whole_while_it_is_refused_is_not_held_to_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.drop("a.png", photo()[:60])
    workspace.scan()

    def completed(*given: Any) -> PictureFile:
        try:
            return examine(*given)
        finally:
            path.write_bytes(photo())

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "examine", completed)
        assert len(workspace.scan().rejected) == 1
    assert (workspace.captures(), workspace.quarantine_files()) == ([], [])
    workspace.scan()
    assert len(workspace.scan().accepted) == 1


def test_a_file_that_goes_while_the_inbox_is_listed_stops_none_of_the_others(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.drop("b.png", photo())
    gone, listed = workspace.inbox / "a.png", ingest.files_below
    monkeypatch.setattr(ingest, "files_below", lambda inbox: [gone, *listed(inbox)])
    workspace.scan()
    intake = workspace.scan()
    assert ([Path(name).name for name in intake.accepted], intake.rejected) == (["b.png"], [])


def test_a_file_that_another_worker_took_meanwhile_is_not_called_damaged(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.drop("a.png", photo())
    workspace.scan()

    def gone(*given: Any) -> PictureFile:
        path.unlink()
        return examine(*given)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "examine", gone)
        assert workspace.scan() == Intake()
    assert workspace.captures() == []
    workspace.drop("a.png", photo())
    workspace.scan()
    assert len(workspace.scan().accepted) == 1


def test_a_file_the_disk_has_no_room_for_stays_and_the_others_go_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = workspace.drop("a.png", photo(10))
    workspace.drop("b.png", photo(20))
    call = ingest.copy_whole

    def full(source: Path, *given: Any) -> None:
        if source == stuck:
            raise OSError(28, "No space left on device")
        call(source, *given)

    workspace.scan()
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "copy_whole", full)
        intake = workspace.scan()
    assert [Path(path).name for path in intake.accepted] == ["b.png"]
    assert [(refusal.file, "No space left" in refusal.reason) for refusal in intake.rejected] == [(str(stuck), True)]
    assert workspace.inbox_files() == [f"{LOCATION}/a.png"]
    assert len(workspace.scan().accepted) == 1


@pytest.mark.parametrize("content", [photo(), b"no picture"])
@pytest.mark.parametrize(
    "name",
    [b"W\xe4nde 1.png", b"a" * 246 + b".png", "ä".encode() * 120 + b".png", b"two\nlines.png"],
    ids=["latin-1", "long", "long in bytes", "line break"],
)
def test_no_file_name_stops_a_scan(workspace: Workspace, name: bytes, content: bytes) -> None:
    try:
        (workspace.inbox / os.fsdecode(name)).write_bytes(content)
    except OSError:
        pytest.skip("this file system takes no such name")
    workspace.drop("z.png", photo(1))
    workspace.scan()
    intake = workspace.scan()
    assert len(intake.accepted) + len(intake.rejected) == 2
    assert workspace.inbox_files() == []
    assert len(workspace.captures()) == 2
    str(intake.as_json()).encode()
    with workspace.database.session() as session:
        assert queries.sightings(session) == []
