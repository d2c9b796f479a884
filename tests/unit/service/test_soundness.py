"""Promise 6: an original is what was taken in, or it is said that it is not."""

from pathlib import Path

import pytest
from service_examples import Gauge, Workspace, photo

from monitor.errors import LostOriginalError
from monitor.records import Status
from monitor.service.ingest import read_original
from monitor.service.soundness import examined


def originals(workspace: Workspace) -> list[Path]:
    return sorted(path for path in workspace.settings.originals.rglob("*") if path.is_file())


def flip(path: Path, at: int = -20) -> None:
    """One changed bit."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_an_altered_original_is_named_and_so_is_a_lost_one(workspace: Workspace) -> None:
    workspace.take(photo(10), photo(20), photo(30))
    sound = examined(workspace.database, workspace.settings)
    assert (sound.originals, sound.problems) == (3, [])
    altered, lost, _ = originals(workspace)
    flip(altered)
    lost.unlink()
    problems = examined(workspace.database, workspace.settings).problems
    assert len(problems) == 2
    assert any(f"{altered} of" in words and "was altered" in words for words in problems)
    assert any(f"{lost} does not exist" in words for words in problems)


def test_a_changed_byte_is_found_before_an_original_is_read(workspace: Workspace) -> None:
    workspace.take(photo())
    (path,) = originals(workspace)
    assert read_original(path).shape == (16, 24, 3)
    flip(path)
    with pytest.raises(LostOriginalError, match="is not what was taken in: its sha256 is another"):
        read_original(path)


def test_an_altered_original_gives_no_numbers(workspace: Workspace) -> None:
    workspace.take(photo(10))
    flip(originals(workspace)[0])
    gauge = Gauge()
    for _ in range(3):
        workspace.jobs(gauge).analyse_pending()
        workspace.clock.turn(hours=1)
    (capture,) = workspace.captures(fingerprint=gauge.recipe.fingerprint)
    assert capture.reading is not None
    assert capture.reading.status is Status.NOT_MEASURED
    assert "its sha256 is another" in str(capture.reading.reason)
    assert gauge.levels == []
