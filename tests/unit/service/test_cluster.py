"""Captures analysed on a Ray cluster of several nodes on this machine: the same numbers, also when a node is lost."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import skimage.data
from dark_classifier import save_dark_classifier
from PIL import Image
from service_examples import NOW, Workspace, encoded
from sqlalchemy import delete, update

from monitor.errors import ClusterError, MisuseError, UnknownNameError
from monitor.records import Recipe
from monitor.service.executing import EXECUTORS, LocalExecutor, executor_of
from monitor.service.jobs import Jobs
from monitor.settings import AnalysisSettings, ClusterSettings, Settings
from monitor.storage.tables import ClaimRow, ReadingRow
from monitor.storage.views import CaptureView

SIDE, CAPTURES = 192, 7


def wall(shift: int, crack_px: float) -> bytes:
    seen = skimage.data.gravel()[shift : shift + SIDE, shift : shift + SIDE] / 255
    light = np.clip(0.55 + (seen - 0.5) * 0.25, 0.45, 1.0)
    rows, cols = np.indices(light.shape)
    light[np.abs(cols + shift - 96 - 20 * np.sin((rows + shift) / 40)) < crack_px / 2] = 0.1
    picture = np.repeat((light * 255).astype(np.uint8)[..., None], 3, axis=2)
    return encoded(Image.fromarray(picture), taken=NOW.replace(day=1 + shift))


def settings_of(workspace: Workspace, **changed: object) -> Settings:
    weights = str(save_dark_classifier(workspace.settings.workspace / "weights"))
    workspace.settings.analysis = AnalysisSettings(weights=weights, device="cpu", mask="refined", batch_size=4)
    workspace.settings.worker = workspace.settings.worker.model_copy(update=changed)
    return workspace.settings


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes on this machine, with room for one analyser each."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'crackmonitor[cluster]'")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100_000_000})
        found.add_node(num_cpus=1, object_store_memory=100_000_000)
        ray.init(address=found.address, log_to_driver=False)
        yield found
        ray.shutdown()
        found.shutdown()


def known(views: list[CaptureView]) -> list[tuple[object, ...]]:
    """What is stored of each capture; pictures are named by the hash of their content."""
    found = []
    for view in views:
        reading = view.reading
        assert reading is not None
        matrix = None if reading.registration is None else np.asarray(reading.registration.matrix).tolist()
        found.append((view.sha256, reading.fingerprint, reading.severity, matrix, dict(reading.pictures)))
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own, of files and sockets that it leaves to the end
def test_the_cluster_gives_the_numbers_of_one_machine_though_a_node_is_lost_half_way(
    workspace: Workspace, cluster: Any
) -> None:
    settings = settings_of(workspace, executor="ray")
    settings.database_url = "postgresql://me:secret@host/database"  # Jobs are given their database
    workspace.take(*(wall(shift, 5 + shift) for shift in range(CAPTURES)))
    analysed: list[int] = []

    def lose_a_node(capture: CaptureView, _: object) -> None:
        analysed.append(capture.id)
        if len(analysed) == 3:
            cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)

    jobs = Jobs(workspace.database, settings, workspace.clock, "one", on_analysed=lose_a_node)
    jobs.analyse_pending()
    executor = jobs.executor
    told = executor._settings  # type: ignore[attr-defined]
    assert told.database_url != settings.database_url, "passwords stay where they are"
    assert (executor.at_once, len(analysed)) == (4, CAPTURES)
    in_cluster = known(workspace.captures(fingerprint=jobs.analyser.recipe.fingerprint))

    unknown = SimpleNamespace(recipe=Recipe({"weights": "nosuch", "weights_sha256": "0", "segmenter": None}))
    with pytest.raises(ClusterError, match=r"The machine .* of the cluster cannot be used: .*"):
        executor.submit(unknown, np.zeros((8, 8, 3), np.uint8), None, None).result()  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r".+"):
        executor.submit(jobs.analyser, np.zeros((8, 8, 4), np.uint8), None, None).result()
    jobs.close()

    alone = Jobs(workspace.database, settings_of(workspace, executor="local"), workspace.clock, "two")
    _measured_again(workspace, alone)
    assert known(workspace.captures(fingerprint=alone.analyser.recipe.fingerprint)) == in_cluster


def _measured_again(workspace: Workspace, jobs: Jobs) -> None:
    """All once more, on this machine alone."""
    with workspace.database.transaction() as session:
        session.execute(update(ReadingRow).values(superseded_at=NOW, superseded_why="to do it once more"))
        session.execute(delete(ClaimRow))
    assert jobs.analyse_pending() == CAPTURES
    assert isinstance(jobs.executor, LocalExecutor)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_without_room_says_so(workspace: Workspace, cluster: Any) -> None:
    settings = settings_of(workspace, executor="ray")
    settings.cluster = ClusterSettings(gpus=1)
    with pytest.raises(ClusterError, match=r"no room for an analyser with 1 CPU\(s\) and 1 GPU"):
        executor_of(settings)


def test_without_ray_a_sentence_says_what_to_do(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    settings = settings_of(workspace, executor="ray")
    with pytest.raises(MisuseError, match=r"pip install 'crackmonitor\[cluster\]'"):
        executor_of(settings)
    workspace.take(wall(0, 5))
    with pytest.raises(MisuseError, match="which is not installed here"):
        Jobs(workspace.database, settings, workspace.clock, "one").analyse_pending()
    local = Jobs(workspace.database, settings_of(workspace, executor="local"), workspace.clock, "one")
    assert local.analyse_pending() == 1, "no capture was spent on it"


def test_an_unknown_executor_names_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(UnknownNameError, match="Known: local, ray"):
        executor_of(settings_of(workspace, executor="cloud"))
    assert isinstance(executor_of(workspace.settings.model_copy(update={"worker": Settings().worker})), LocalExecutor)


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_executor_is_there_to_be_imported(name: str) -> None:
    module, _, attribute = EXECUTORS[name].partition(":")
    __import__(module)
    assert hasattr(sys.modules[module], attribute)
