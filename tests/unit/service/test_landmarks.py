"""The worker looks once at every reference, so that uploads can be recognised."""

import numpy as np
from service_examples import Gauge, Workspace, photo

from monitor.imaging.recognition import read_landmarks
from monitor.service.landmarks import learn_references
from monitor.storage import queries


def test_every_reference_is_looked_at_once(workspace: Workspace) -> None:
    assert learn_references(workspace.database, workspace.settings) == 0
    workspace.take(photo(100), photo(110, days=30))
    workspace.jobs(Gauge()).tick()
    with workspace.database.session() as session:
        reference = queries.reference(session, workspace.location_id)
    assert reference is not None
    kept = workspace.settings.landmarks_of(reference.sha256)
    assert read_landmarks(kept).dtype == np.uint8
    assert [path.name for path in kept.parent.iterdir()] == [kept.name], "later captures are not references"
    assert learn_references(workspace.database, workspace.settings) == 0


def test_a_lost_original_is_left_for_later(workspace: Workspace) -> None:
    workspace.take(photo(100))
    workspace.jobs(Gauge()).tick()
    with workspace.database.session() as session:
        reference = queries.reference(session, workspace.location_id)
    assert reference is not None
    workspace.settings.landmarks_of(reference.sha256).unlink()
    (original,) = workspace.settings.originals.rglob("*.png")
    away = original.rename(original.with_suffix(".away"))
    assert learn_references(workspace.database, workspace.settings) == 0
    away.rename(original)
    assert learn_references(workspace.database, workspace.settings) == 1
