"""Files on their way in: none taken too early, none lost, none altered, whatever breaks on the way."""

import hashlib
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from service_examples import LOCATION, NOW, SUFFIXES, Gauge, Workspace, photo

from monitor.errors import MisuseError, UnknownNameError
from monitor.imaging.files import PictureFile
from monitor.records import TimeSource
from monitor.service import ingest
from monitor.service.ingest import Ingest, Intake
from monitor.settings import IngestSettings
from monitor.storage import queries

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "HEIF": "image/heic",
}


def original_of(workspace: Workspace, content: bytes, suffix: str = ".png") -> Path:
    sha256 = hashlib.sha256(content).hexdigest()
    return workspace.settings.originals / sha256[:2] / f"{sha256}{suffix}"


def watched(workspace: Workspace) -> list[str]:
    with workspace.database.session() as session:
        return queries.sightings(session)


def test_a_file_is_taken_in_when_two_scans_found_it_the_same(workspace: Workspace) -> None:
    path = workspace.drop("a.png", photo())
    assert workspace.scan() == Intake(waiting=[str(path)])
    assert workspace.captures() == []
    assert watched(workspace) == [str(path)]
    assert workspace.scan() == Intake(accepted=[str(path)])
    assert workspace.inbox_files() == []
    assert watched(workspace) == []
    assert workspace.scan() == Intake()


def test_as_many_scans_are_waited_for_as_the_settings_say(workspace: Workspace) -> None:
    workspace.settings.ingest.stable_scans = 4
    workspace.drop("a.png", photo())
    assert [len(workspace.scan().accepted) for _ in range(4)] == [0, 0, 0, 1]


def test_workers_that_look_at_one_moment_have_looked_once(shared_workspace: Workspace) -> None:
    """Otherwise a copy that pauses for less than a round would be taken in half."""
    workspace, content = shared_workspace, photo(shape=(64, 64))
    path = workspace.drop("a.png", content[: len(content) // 2])
    workers = [workspace.jobs(Gauge(), worker, scans_apart=timedelta(seconds=30)) for worker in ("one", "two", "three")]
    for _ in range(2):
        for worker in workers:
            assert worker.scan() == Intake(waiting=[str(path)])
            workspace.clock.turn(seconds=5)
    path.write_bytes(content)
    for seconds, taken in ((0, []), (29, []), (1, [str(path)])):
        workspace.clock.turn(seconds=seconds)
        assert [file for worker in workers for file in worker.scan().accepted] == taken
    assert original_of(workspace, content).read_bytes() == content


def test_a_scan_that_somebody_asks_for_counts_however_soon(workspace: Workspace) -> None:
    path = workspace.drop("a.png", photo())
    by_hand = Ingest(workspace.database, workspace.settings)
    assert [by_hand.scan(workspace.clock()).accepted for _ in range(2)] == [[], [str(path)]]


def test_a_file_that_still_grows_waits_and_is_then_taken_whole(workspace: Workspace) -> None:
    content = photo(shape=(64, 64))
    path = workspace.drop("a.png", b"")
    for end in range(0, len(content), len(content) // 5):
        path.write_bytes(content[:end])
        assert workspace.scan() == Intake(waiting=[str(path)])
    path.write_bytes(content)
    assert workspace.scan().waiting == [str(path)]
    assert workspace.scan().accepted == [str(path)]
    assert original_of(workspace, content).read_bytes() == content


def test_a_file_rewritten_at_the_same_size_is_watched_anew(workspace: Workspace) -> None:
    path = workspace.drop("a.png", photo(10))
    workspace.scan()
    path.write_bytes(photo(20))
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    assert workspace.scan().waiting == [str(path)]


def test_a_file_that_changes_while_those_before_it_are_taken_in_waits(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = workspace.drop("a.png", photo(10)), workspace.drop("b.png", photo(20))
    workspace.scan()
    examine = ingest.examine

    def meanwhile(path: Path, limits: IngestSettings) -> PictureFile:
        second.write_bytes(photo(30)[:50])
        return examine(path, limits)

    monkeypatch.setattr(ingest, "examine", meanwhile)
    intake = workspace.scan()
    assert (intake.accepted, intake.waiting, intake.rejected) == ([str(first)], [str(second)], [])


def test_a_scan_that_is_stopped_leaves_the_rest_for_the_next(workspace: Workspace) -> None:
    for name in ("a.png", "b.png"):
        workspace.drop(name, photo(ord(name[0])))
    scanning = Ingest(workspace.database, workspace.settings)
    assert scanning.scan(workspace.clock.turn(minutes=1), lambda: True) == Intake()
    assert watched(workspace) == []
    workspace.scan()
    asked = iter([False, False, True])
    intake = scanning.scan(workspace.clock.turn(minutes=1), lambda: next(asked))
    assert (len(intake.accepted), intake.waiting) == (1, [])
    assert workspace.inbox_files() == [f"{LOCATION}/b.png"]
    assert len(workspace.scan().accepted) == 1


def test_half_a_photo_that_stood_still_does_not_stop_the_whole_one(workspace: Workspace) -> None:
    content = photo(shape=(64, 64))
    path = workspace.drop("a.png", content[: len(content) // 2])
    workspace.scan()
    assert len(workspace.scan().rejected) == 1
    path.write_bytes(content)
    workspace.scan()
    assert workspace.scan().accepted == [str(path)]


@pytest.mark.parametrize("kind", SUFFIXES)
def test_the_original_is_kept_byte_for_byte_under_its_hash(workspace: Workspace, kind: str) -> None:
    content = photo(days=2, kind=kind, shape=(48, 64))
    workspace.clock.turn(days=3)
    workspace.drop("Foto 1.JPG", content)
    workspace.scan()
    workspace.scan()
    assert original_of(workspace, content, SUFFIXES[kind]).read_bytes() == content
    assert len(workspace.original_files()) == 1
    (capture,) = workspace.captures()
    assert (capture.file_name, capture.media_type) == ("Foto 1.JPG", MEDIA_TYPES[kind])
    assert (capture.height_px, capture.width_px) == (48, 64)
    assert capture.sha256 == hashlib.sha256(content).hexdigest()
    assert capture.time is not None
    assert (capture.time.at, capture.time.source) == (NOW + timedelta(days=2), TimeSource.EXIF_OFFSET)


def test_without_a_time_in_the_photo_the_files_own_time_counts_as_uncertain(workspace: Workspace) -> None:
    path = workspace.drop("a.png", photo(days=None))
    os.utime(path, (0, (NOW - timedelta(days=9)).timestamp()))
    workspace.scan()
    workspace.scan()
    (capture,) = workspace.captures()
    assert capture.time is not None
    assert (capture.time.at, capture.time.certain) == (NOW - timedelta(days=9), False)


def test_the_same_photo_again_is_a_duplicate_and_leaves_the_inbox(workspace: Workspace) -> None:
    first, second = workspace.drop("a.png", photo()), workspace.drop("b.png", photo())
    workspace.scan()
    assert workspace.scan() == Intake(accepted=[str(first)], duplicates=[str(second)])
    third = workspace.drop("c.png", photo())
    workspace.scan()
    assert workspace.scan() == Intake(duplicates=[str(third)])
    assert [capture.file_name for capture in workspace.captures()] == ["a.png"]
    assert len(workspace.original_files()) == 1
    assert workspace.inbox_files() == []


def test_a_photo_of_another_location_is_quarantined_and_changes_nothing_there(workspace: Workspace) -> None:
    workspace.add_location("south-wall")
    workspace.drop("a.png", photo())
    workspace.scan()
    workspace.scan()
    workspace.drop("b.png", photo(), "south-wall")
    workspace.scan()
    (refusal,) = workspace.scan().rejected
    assert f"same file as a.png, which belongs to the location '{LOCATION}'" in refusal.reason
    (kept, reason) = workspace.quarantine_files()
    assert kept.startswith("south-wall/")
    assert "One photo belongs to one location" in (workspace.settings.quarantine / reason).read_text(encoding="utf-8")
    assert workspace.captures("south-wall") == []
    assert [capture.file_name for capture in workspace.captures()] == ["a.png"]
    assert workspace.inbox_files() == []


def test_a_folder_without_location_waits_and_is_never_lost(workspace: Workspace) -> None:
    content = photo()
    path = workspace.drop("a.png", content, "east-wall")
    for _ in range(5):
        intake = workspace.scan()
        assert (intake.accepted, intake.waiting, intake.rejected) == ([], [str(path)], [])
        (why,) = intake.waiting_reasons
        assert "there is no location 'east-wall'. Add it" in why.reason
    assert path.read_bytes() == content
    workspace.add_location("east-wall")
    assert workspace.scan().accepted == [str(path)], "it has been the same for long"


def test_a_file_beside_the_folders_waits_even_when_called_like_a_location(workspace: Workspace) -> None:
    loose = workspace.drop("a.png", photo(), "")
    workspace.inbox.rmdir()
    named = workspace.drop(LOCATION, photo(), "")
    for _ in range(3):
        intake = workspace.scan()
        assert (intake.accepted, intake.waiting) == ([], [str(loose), str(named)])
        assert ["lies in no location's folder" in why.reason for why in intake.waiting_reasons] == [True, True]


def test_an_original_that_was_lost_is_back_when_its_photo_comes_again(workspace: Workspace) -> None:
    content = photo()
    for _ in range(2):
        workspace.drop("a.png", content)
        workspace.scan()
        workspace.scan()
        original_of(workspace, content).unlink()
    workspace.drop("again.png", content)
    workspace.scan()
    assert len(workspace.scan().duplicates) == 1
    assert original_of(workspace, content).read_bytes() == content
    assert workspace.inbox_files() == []


@pytest.mark.parametrize(("hours", "believed"), [(20, True), (30, False), (24 * 3650, False)])
def test_a_camera_clock_that_runs_ahead_is_not_believed(workspace: Workspace, hours: float, believed: bool) -> None:
    workspace.drop("a.png", photo(days=hours / 24))
    workspace.scan()
    workspace.scan()
    (capture,) = workspace.captures()
    assert capture.time is not None
    assert capture.time.certain is believed
    assert (capture.time.at <= NOW + timedelta(minutes=10)) is not believed


def test_a_folder_below_a_location_belongs_to_it(workspace: Workspace) -> None:
    path = workspace.drop("a.png", photo(), f"{LOCATION}/2025/june")
    workspace.scan()
    assert workspace.scan().accepted == [str(path)]
    assert len(workspace.captures()) == 1


@pytest.mark.parametrize("name", [".a.png", "~a.png", "a.png.part", "A.CRDOWNLOAD", "Thumbs.db", ".sync/a.png"])
def test_what_is_not_finished_or_not_meant_for_us_is_left_alone(workspace: Workspace, name: str) -> None:
    path = workspace.drop(name, photo())
    assert [workspace.scan() for _ in range(3)] == [Intake()] * 3
    assert path.exists()


def test_a_link_in_the_inbox_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "private.png").write_bytes(photo())
    (workspace.inbox / "a.png").symlink_to(tmp_path / "private.png")
    assert [workspace.scan() for _ in range(3)] == [Intake()] * 3


def test_a_file_that_was_taken_out_of_the_inbox_is_no_longer_watched(workspace: Workspace) -> None:
    path = workspace.drop("a.png", photo())
    workspace.scan()
    path.unlink()
    workspace.clock.turn(hours=1)
    workspace.scan()
    assert watched(workspace) == []


def test_photos_given_by_hand_are_taken_at_once_and_stay_where_they_are(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    contents = {"a.png": photo(10), "b.png": photo(20), "c.txt": b"notes"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    single = tmp_path / "d.png"
    single.write_bytes(photo(30))
    intake = Ingest(workspace.database, workspace.settings).take([folder, single], LOCATION, NOW)
    assert intake.accepted == [str(folder / "a.png"), str(folder / "b.png"), str(single)]
    assert [refusal.file for refusal in intake.rejected] == [str(folder / "c.txt")]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents
    assert single.exists()


def test_a_path_or_location_that_does_not_exist_takes_nothing_in(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(photo())
    hand = Ingest(workspace.database, workspace.settings)
    with pytest.raises(MisuseError, match="no file or folder"):
        hand.take([tmp_path / "a.png", tmp_path / "b.png"], LOCATION, NOW)
    with pytest.raises(UnknownNameError, match="Known: north-wall"):
        hand.take([tmp_path / "a.png"], "east-wall", NOW)
    assert workspace.captures() == []


def test_two_workers_scanning_one_inbox_make_one_capture_of_each_file(shared_workspace: Workspace) -> None:
    contents = [photo(level) for level in range(10, 30)]
    for number, content in enumerate(contents):
        shared_workspace.drop(f"{number}.png", content)
    shared_workspace.scan()
    together, failures = threading.Barrier(2), []
    intakes: list[Intake] = []

    def scan() -> None:
        together.wait(timeout=20)
        try:
            intakes.append(Ingest(shared_workspace.database, shared_workspace.settings).scan(shared_workspace.clock()))
        except Exception as error:
            failures.append(error)

    workers = [threading.Thread(target=scan) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert [intake.rejected for intake in intakes] == [[], []]
    assert sum(len(intake.accepted) for intake in intakes) == len(contents)
    captures = shared_workspace.captures()
    assert sorted(capture.sha256 for capture in captures) == sorted(
        hashlib.sha256(content).hexdigest() for content in contents
    )
    assert [capture.rejected_reason for capture in captures] == [None] * len(contents)
    assert shared_workspace.inbox_files() == []
    assert shared_workspace.quarantine_files() == []
