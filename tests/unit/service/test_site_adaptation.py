"""A classifier adapted to a site by judged patches: measured anew under a recipe of its own, and taken back."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from dark_classifier import save_dark_classifier
from PIL import Image
from service_examples import LOCATION, NOW, Gauge, Workspace, encoded, photo

from monitor.errors import LostOriginalError, MisuseError
from monitor.records import Analysis, Status
from monitor.service import adaptation
from monitor.service.adaptation import adapt, judge_patch, surest_patches, undo
from monitor.service.corrections import withdraw_capture
from monitor.service.ingest import original_path
from monitor.service.jobs import Jobs
from monitor.storage import queries, repository
from monitor.storage.queries.recipes import HEAD

#: Where the wall has stains that look like cracks, and cracks: the middles of patches apart from each other.
STAINS = [(32, 32), (32, 128), (32, 224), (128, 32)]
CRACKS = [(128, 128), (128, 224), (224, 32), (224, 128)]


def wall() -> bytes:
    """Bright, with small dark stains and long dark cracks."""
    rng = np.random.default_rng(0)
    picture = rng.integers(150, 210, (256, 256, 1), np.uint8).repeat(3, axis=2)
    for row, col in STAINS:
        picture[row - 3 : row + 4, col - 3 : col + 4] = 20
    for row, col in CRACKS:
        picture[row - 2 : row + 3, col - 28 : col + 28] = 20
    return encoded(Image.fromarray(picture), taken=NOW - timedelta(days=40))


@pytest.fixture
def stained(workspace: Workspace) -> tuple[Workspace, int]:
    """A workspace whose wall has been measured by a classifier that calls stains cracks."""
    weights = save_dark_classifier(workspace.settings.workspace)
    chosen = workspace.settings.analysis.model_copy(
        update={"weights": str(weights), "mask": "refined", "batch_size": 4, "threads": 1}
    )
    workspace.settings = workspace.settings.model_copy(update={"analysis": chosen})
    (capture,) = workspace.take(wall())
    tick(workspace)
    return workspace, capture


def tick(workspace: Workspace) -> None:
    workspace.clock.turn(minutes=1)
    Jobs(workspace.database, workspace.settings, workspace.clock, "one").tick()


def judge(workspace: Workspace, capture: int, places: list[tuple[int, int]], *, cracked: bool) -> None:
    for place in places:
        judge_patch(workspace.database, workspace.settings, capture, place, cracked=cracked, now=NOW, by="Ada")


def in_force(workspace: Workspace) -> str | None:
    with workspace.database.session() as session:
        return queries.location(session, LOCATION).in_force


def test_an_adapted_head_is_measured_with_and_undone_by_one_command(stained: tuple[Workspace, int]) -> None:
    workspace, capture = stained
    before = in_force(workspace)
    called = surest_patches(workspace.database, workspace.settings, capture, 99)
    assert sum(one.called_cracked for one in called) > len(CRACKS)
    judge(workspace, capture, STAINS, cracked=False)
    judge(workspace, capture, CRACKS, cracked=True)
    found = adapt(workspace.database, workspace.settings, "Town hall", workspace.clock(), "Ada")
    assert found.kept, found.told
    assert found.comparison.shipped < found.comparison.adapted
    assert [one.location for one in found.switched] == [LOCATION]
    adapted = in_force(workspace)
    assert adapted != before
    tick(workspace)
    with workspace.database.session() as session:
        assert queries.location(session, LOCATION).fingerprint == adapted
        assert HEAD in queries.recipe(session, adapted or "").options
        assert queries.shadows(session) == []
        reading = queries.capture(session, capture).reading
        former = queries.capture(session, capture, before).reading
    assert reading is not None
    assert former is not None
    assert reading.status is former.status is Status.MEASURED
    assert reading.severity != former.severity
    (back,) = undo(workspace.database, workspace.settings, "Town hall", workspace.clock.turn(minutes=1), "Ada")
    assert (back.pending, in_force(workspace)) == (0, before)
    with workspace.database.session() as session:
        (tried,) = queries.adaptations(session, queries.site_id(session, "Town hall"))
    assert (tried.made_by, tried.undone_by) == ("Ada", "Ada")
    with pytest.raises(MisuseError, match="nothing to undo"):
        undo(workspace.database, workspace.settings, "Town hall", workspace.clock())


def test_what_helps_nobody_is_not_kept_and_said_so(stained: tuple[Workspace, int]) -> None:
    """Sound patches without anything dark are told rightly as it is."""
    workspace, capture = stained
    before = in_force(workspace)
    judge(workspace, capture, CRACKS, cracked=True)
    judge(workspace, capture, [(224, 224), (192, 224), (224, 192)], cracked=False)
    found = adapt(workspace.database, workspace.settings, "Town hall", workspace.clock())
    assert not found.kept
    assert "does no better" in found.told
    assert in_force(workspace) == before
    assert not workspace.settings.heads.exists()


def test_the_last_word_on_a_patch_counts_and_too_few_are_refused(stained: tuple[Workspace, int]) -> None:
    workspace, capture = stained
    judge(workspace, capture, CRACKS, cracked=False)
    judge(workspace, capture, CRACKS, cracked=True)
    with workspace.database.session() as session:
        views = queries.patch_judgements(session, queries.site_id(session, "Town hall"))
    assert [view.cracked for view in views] == [True] * 4
    with pytest.raises(MisuseError, match="4 cracked and 0 sound"):
        adapt(workspace.database, workspace.settings, "Town hall", workspace.clock())
    with pytest.raises(MisuseError, match="outside of the 256 x 256 px"):
        judge(workspace, capture, [(400, 10)], cracked=True)


@pytest.fixture
def plain(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with three photos, the second laid onto the first and the third not; networks play no part."""
    workspace.take(*(photo(level, days=level) for level in (10, 20, 30)))

    class Lost(Gauge):
        def analyse(self, image: Any, *given: Any) -> Analysis:
            found = super().analyse(image, *given)
            if self.levels[-1] != 30:
                return found
            return replace(found, status=Status.NOT_REGISTERED, reason="too steep", severity=None, registration=None)

    workspace.jobs(Lost()).tick()
    gauge = Lost()
    judge = SimpleNamespace(classifier=SimpleNamespace(patch_px=8))
    sizes = {"judge": judge, "options": SimpleNamespace(overlap_px=0)}
    monkeypatch.setattr(adaptation, "build_analyser", lambda _: SimpleNamespace(**sizes, recipe=gauge.recipe))
    return workspace


def judged_at(workspace: Workspace, capture: int) -> tuple[int, int]:
    found = judge_patch(workspace.database, workspace.settings, capture, (7, 13), cracked=True, now=NOW, by="Ada")
    return found.row_px, found.col_px


def test_patches_are_judged_in_the_references_frame_and_only_where_a_photo_is_laid_onto_it(plain: Workspace) -> None:
    reference, laid, lost = (view.id for view in plain.captures())
    assert judged_at(plain, reference) == judged_at(plain, laid) == (0, 8)
    with pytest.raises(MisuseError, match=r"is not laid onto its reference \(yet\).*Judge patches of another one"):
        judged_at(plain, lost)
    withdraw_capture(plain.database, laid, "It shows a cat.", NOW)
    with pytest.raises(MisuseError, match="was rejected; it has no patches"):
        judged_at(plain, laid)
    (view,) = [view for view in plain.captures() if view.id == reference]
    original_path(plain.settings.originals, view.sha256, "image/png").unlink()
    with pytest.raises(LostOriginalError, match=r"is out of reach\. Put it back as"):
        judged_at(plain, reference)


def test_a_site_whose_walls_go_by_another_recipe_is_not_adapted(
    plain: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = plain.captures()[0].id
    with plain.database.transaction() as session:
        for number in range(20):
            repository.judge_patch(session, reference, (number, 0), 8, cracked=number % 2 == 0, now=NOW, by="Ada")
    newer = SimpleNamespace(recipe=Gauge("second").recipe)
    monkeypatch.setattr(adaptation, "build_analyser", lambda _: newer)
    with pytest.raises(MisuseError, match=f"'{LOCATION}' goes by another recipe than the settings bring.*switch first"):
        adapt(plain.database, plain.settings, "Town hall", NOW)
    with pytest.raises(MisuseError, match="not adapted to 'Town hall'; there is nothing to undo"):
        undo(plain.database, plain.settings, "Town hall", NOW)


def test_a_site_without_any_series_yet_may_be_adapted(workspace: Workspace) -> None:
    with workspace.database.session() as session:
        adaptation._require_present(session, queries.location(session, LOCATION), Gauge().recipe)
