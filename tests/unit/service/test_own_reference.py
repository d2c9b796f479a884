"""What is taken from a location's own reference to simulate growth there; where it cannot be, why."""

import numpy as np
import pytest
from service_examples import LOCATION, NOW, Gauge, Workspace, photo, pixels

from monitor.errors import MisuseError
from monitor.records import Crack, CrackReading, CrackState
from monitor.service import own_walls
from monitor.service.ingest import original_path
from monitor.service.own_walls import Own, own_wall
from monitor.storage import queries, repository


@pytest.fixture(autouse=True)
def _no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_walls, "analyser_of", lambda recipe, _: recipe)


def own(workspace: Workspace) -> Own:
    return own_wall(workspace.database, workspace.settings, LOCATION)


def cracked(workspace: Workspace, *cracks: tuple[str, int, float | None]) -> None:
    """Put these cracks, by name, number of stations and opening in the reference, in the place of what was found."""
    with workspace.database.transaction() as session:
        place = queries.location(session, LOCATION)
        assert place.reference_capture_id is not None
        assert place.fingerprint is not None
        first = place.reference_capture_id
        sizes = dict.fromkeys(("opening_error_px", "change_px", "change_error_px", "widest_error_px"), 0.1)
        repository.replace_cracks(
            session,
            location_id=place.id,
            fingerprint=place.fingerprint,
            cracks=[Crack(name, first, (0,), np.full((count, 2), 4.0)) for name, count, _ in cracks],
            readings=[
                CrackReading(name, first, CrackState.CONTINUED, opening_px=opening, widest_px=opening, **sizes)
                for name, _, opening in cracks
                if opening is not None
            ],
            basis="",
            now=NOW,
        )


def test_a_wall_comes_with_its_photo_its_mask_and_its_longest_crack(workspace: Workspace) -> None:
    workspace.take(photo(10), photo(20, days=1))
    workspace.jobs(Gauge()).tick()
    cracked(workspace, ("A", 5, 2.5), ("B", 9, 1.5), ("C", 7, 3.5))
    found = own(workspace)
    np.testing.assert_array_equal(found.photo, pixels(10))
    assert found.mask[4:8].all()
    assert found.mask.sum() == 4 * 24
    assert found.course is not None
    assert (found.location.name, len(found.course), found.opening_px) == (LOCATION, 9, 1.5)
    assert found.analyser == Gauge().recipe, "the one of its own recipe"


def test_a_wall_without_a_crack_has_none_to_take_out(workspace: Workspace) -> None:
    workspace.take(photo(10))
    workspace.jobs(Gauge()).tick()
    cracked(workspace)
    found = own(workspace)
    assert (found.course, found.opening_px) == (None, 0.0)
    cracked(workspace, ("A", 5, None))
    assert own(workspace).opening_px == 0.0, "its opening there is not known"


def test_a_wall_whose_mask_is_gone_counts_as_sound(workspace: Workspace) -> None:
    workspace.take(photo(10))
    workspace.jobs(Gauge()).tick()
    for path in workspace.settings.pictures.rglob("*.png"):
        path.unlink()
    assert not own(workspace).mask.any()


def test_a_wall_that_is_not_measured_or_out_of_reach_is_said(workspace: Workspace) -> None:
    with pytest.raises(MisuseError, match=f"{LOCATION} has no measured reference yet"):
        own(workspace)
    (capture_id,) = workspace.take(photo(10))
    workspace.jobs(Gauge()).tick()
    (view,) = workspace.captures()
    path = original_path(workspace.settings.originals, view.sha256, "image/png")
    path.unlink()
    with pytest.raises(MisuseError, match=f"The reference photo of {LOCATION} is out of reach.*{path.name} back"):
        own(workspace)
    assert view.id == capture_id
