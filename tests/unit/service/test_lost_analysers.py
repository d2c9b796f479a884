"""What becomes of captures whose analysers are lost, slow to come up or busy at the end; Ray itself is stood in for."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from monitor.errors import ClusterError, MisuseError, RecipeError
from monitor.records import Analysis, Recipe, Status
from monitor.service import cluster
from monitor.service.cluster import RayExecutor, RemoteAnalyser
from monitor.settings import ClusterSettings, Settings

RECIPE = Recipe({"weights": "first"})
PICTURE = np.zeros((4, 4, 3), np.uint8)


class RayError(Exception):
    """As Ray's own."""


class RayActorError(RayError):
    """As Ray's own."""


class RayTaskError(RayError):
    """As Ray's own: `cause` is what was raised in the cluster."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Elsewhere(RayError):
    """Stands for those that Ray raises in other ways of losing something."""


class Actor:
    """An analyser of the cluster. `fate` says what becomes of each capture: 'done', 'lost', 'held' until it is killed,
    or an error that the analysis raises; after the last of them all are done. One that `starts` never comes up.
    """

    def __init__(self, *fate: Any, comes_up: bool = True, starts: bool = False) -> None:
        self.alive = comes_up
        self.starts = starts
        self.ended = threading.Event()
        self.begun = threading.Event()
        self.ready = SimpleNamespace(remote=lambda: self._ready)
        self.analyse = SimpleNamespace(remote=lambda *_: self._analyse)
        self._fate = list(fate)

    def _ready(self) -> int:
        if self.starts:
            self.begun.set()
            self.ended.wait(20)
        if not self.alive:
            raise RayActorError("The actor died.\nIts log follows.")
        return 1

    def _analyse(self) -> Analysis:
        self.begun.set()
        fate = self._fate.pop(0) if self._fate else "done"
        if isinstance(fate, Exception):
            raise RayTaskError(fate)
        if fate == "held":
            self.ended.wait(20)
        if fate != "done":
            self.alive = False
            raise RayActorError("The actor died.\nIts log follows.")
        return Analysis(Status.NO_CRACK, None, 0.1, None, None, RECIPE)

    def kill(self) -> None:
        self.alive = False
        self.ended.set()


class Ray:
    """What an executor asks of Ray, with these analysers to start, one after another; the last ones are sound."""

    def __init__(self, *actors: Actor, cpus: float = 1, joined: bool = False) -> None:
        lost = dict.fromkeys(("WorkerCrashedError", "NodeDiedError", "ObjectLostError", "GetTimeoutError"), Elsewhere)
        self.exceptions = SimpleNamespace(
            RayError=RayError, RayActorError=RayActorError, RayTaskError=RayTaskError, **lost
        )
        self.started: list[Actor] = []
        self.asked: list[dict[str, Any]] = []
        self.put_there: list[object] = []
        self.shut = False
        self._actors = list(actors)
        self._cpus, self._joined = cpus, joined

    def is_initialized(self) -> bool:
        return self._joined

    def init(self, **asked: Any) -> None:
        self.asked.append(asked)
        if asked["address"] == "10.0.0.1:6379":
            raise ConnectionError("Could not reach it.\nTraceback")

    def shutdown(self) -> None:
        self.shut = True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": self._cpus}

    def put(self, given: object) -> object:
        self.put_there.append(given)
        return given

    def get(self, reference: Callable[[], Any], timeout: float) -> Any:
        return reference()

    def kill(self, actor: Actor) -> None:
        actor.kill()

    def remote(self, _kind: type) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._start))

    def _start(self, *_: object) -> Actor:
        self.started.append(self._actors.pop(0) if self._actors else Actor())
        return self.started[-1]


Made = Callable[..., tuple[RayExecutor, Ray]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Makes an executor on a cluster of these analysers; closed after the test."""
    monkeypatch.setattr(cluster, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    without_torch = SimpleNamespace(chosen_threads=lambda: 1)  # which takes longer to come up than anybody waits here
    monkeypatch.setitem(sys.modules, "monitor.service.executors", without_torch)
    monkeypatch.setattr("monitor.service.executors", without_torch, raising=False)
    found: list[RayExecutor] = []

    def make(*actors: Actor, cpus: float = 1, joined: bool = False, **settings: Any) -> tuple[RayExecutor, Ray]:
        ray = Ray(*actors, cpus=cpus, joined=joined)
        monkeypatch.setitem(sys.modules, "ray", ray)
        found.append(RayExecutor(Settings.model_construct(**{"cluster": ClusterSettings(**settings)})))
        return found[-1], ray

    yield make
    for executor in found:
        executor.close()


def submit(executor: RayExecutor, reference: Any = None) -> "Future[Analysis]":
    return executor.submit(SimpleNamespace(recipe=RECIPE), PICTURE, reference, None)  # type: ignore[arg-type]


def test_a_capture_whose_analyser_is_lost_is_analysed_by_another(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    executor, ray = made(Actor("lost"))
    assert submit(executor).result(20).status is Status.NO_CRACK
    assert [actor.alive for actor in ray.started] == [False, True]
    assert "its capture is analysed again. The actor died." in caplog.text
    assert "Its log follows" not in caplog.text


def test_a_capture_that_loses_every_analyser_is_given_up_and_the_next_one_is_analysed(made: Made) -> None:
    executor, ray = made(Actor("lost"), Actor("lost"), attempts=2)
    with pytest.raises(RuntimeError, match="was lost 2 times in a row"):
        submit(executor).result(20)
    assert submit(executor).result(20).status is Status.NO_CRACK
    assert len(ray.started) == 3


def test_an_analyser_that_was_lost_while_it_was_free_costs_no_capture(made: Made) -> None:
    executor, ray = made(attempts=1)
    submit(executor).result(20)
    ray.started[0].kill()
    assert submit(executor).result(20).status is Status.NO_CRACK
    assert len(ray.started) == 2


def test_an_analyser_that_does_not_come_up_is_said_and_made_anew_for_the_next_capture(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    executor, ray = made(Actor(comes_up=False))
    with pytest.raises(ClusterError, match=r"No analyser of the cluster comes up\. .*'ray status'"):
        submit(executor).result(20)
    assert "An analyser did not come up in the cluster: The actor died." in caplog.text
    assert submit(executor).result(20).status is Status.NO_CRACK
    assert len(ray.started) == 2


def test_a_capture_waits_while_the_only_analyser_is_busy(made: Made) -> None:
    executor, ray = made()
    submit(executor).result(20)
    ray.started[0]._fate = ["held"]
    busy, waiting = submit(executor), submit(executor)
    with pytest.raises(TimeoutError):
        waiting.result(0.5)  # longer than it takes to find that no analyser comes up
    ray.started[0].kill()
    assert [one.result(20).status for one in (busy, waiting)] == [Status.NO_CRACK] * 2


def test_what_the_analysis_raises_is_raised_here_and_its_analyser_goes_on(made: Made) -> None:
    own, other = MisuseError("The photo is smaller than a patch."), ValueError()
    executor, ray = made(Actor(own, other))
    with pytest.raises(MisuseError, match="smaller than a patch"):
        submit(executor).result(20)
    with pytest.raises(RuntimeError, match="ValueError"):
        submit(executor).result(20)
    assert submit(executor).result(20).status is Status.NO_CRACK
    assert len(ray.started) == 1


def test_closing_waits_for_no_capture_that_is_still_in_hand(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error elsewhere may have left it there; the worker has to end all the same, and soon."""
    executor, ray = made(Actor("held"))
    monkeypatch.setattr(cluster, "_PATIENCE_SECONDS", 40.0)
    in_hand, waiting = submit(executor), submit(executor)
    while not (in_hand.running() and waiting.running() and ray.started and ray.started[0].begun.is_set()):
        time.sleep(0.01)
    closing = threading.Thread(target=executor.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    for one in (in_hand, waiting):
        with pytest.raises(ClusterError, match="when the worker was stopped"):
            one.result(0)
    assert ray.shut, "it was started for this worker alone"


def test_closing_waits_for_no_analyser_that_is_still_coming_up(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    executor, ray = made(Actor(starts=True))
    monkeypatch.setattr(cluster, "_PATIENCE_SECONDS", 40.0)
    waiting = submit(executor)
    while not (waiting.running() and ray.started and ray.started[0].begun.is_set()):
        time.sleep(0.01)
    closing = threading.Thread(target=executor.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    with pytest.raises(ClusterError, match="when the worker was stopped"):
        waiting.result(0)


def test_a_cluster_that_was_joined_stays_when_the_worker_goes(made: Made) -> None:
    executor, ray = made(joined=True)
    submit(executor).result(20)
    executor.close()
    assert (ray.asked, ray.shut) == ([], False)
    assert not ray.started[0].alive


@pytest.mark.parametrize(("wanted", "room"), [(0, 3), (2, 2), (5, 3)])
def test_there_are_as_many_analysers_as_there_is_room_for_and_the_settings_want(
    made: Made, wanted: int, room: int
) -> None:
    executor, _ = made(cpus=3.5, analysers=wanted)
    assert executor.at_once == 2 * room


def test_a_reference_is_sent_once_while_captures_follow_each_other(made: Made) -> None:
    executor, ray = made()
    first, *others = [np.full((2, 2, 3), level, np.uint8) for level in range(5)]
    for reference in (first, first, *others, first):
        submit(executor, reference).result(20)
    assert sum(there is first for there in ray.put_there) == 2, "four others pushed it out"
    assert all(sum(there is other for there in ray.put_there) == 1 for other in others)


def test_a_cluster_out_of_reach_is_said_with_what_to_do(made: Made) -> None:
    said = r"There is no Ray cluster at '10\.0\.0\.1:6379': Could not reach it\. Start one"
    with pytest.raises(ClusterError, match=said) as told:
        made(address="10.0.0.1:6379")
    assert "Traceback" not in str(told.value)
    assert "cluster.address" in str(told.value)


def test_what_lives_in_the_cluster_builds_each_recipe_once_and_refuses_what_it_cannot_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[Recipe] = []
    threads: list[int] = []

    class Analyser:
        def analyse(self, image: np.ndarray, *others: np.ndarray | None) -> Analysis:
            image += 1  # as analyses may
            assert others == (None, None)
            return Analysis(Status.NO_CRACK, None, float(image.max()), None, None, RECIPE)

    def build(recipe: Recipe, _: Settings) -> Analyser:
        if recipe != RECIPE:
            raise RecipeError("its weights are gone.")
        built.append(recipe)
        return Analyser()

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=threads.append))
    without_torch = SimpleNamespace(analyser_of=build)
    monkeypatch.setitem(sys.modules, "monitor.service.executors", without_torch)
    remote = RemoteAnalyser(Settings(), threads=3)
    assert (threads, remote.ready()) == ([3], os.getpid())
    sent = PICTURE.copy()
    sent.flags.writeable = False  # as what comes from the cluster's memory is
    assert [remote.analyse(RECIPE, sent, None, None).crack_probability for _ in range(2)] == [1.0, 1.0]
    assert built == [RECIPE]
    with pytest.raises(ClusterError, match=r"The machine .+ of the cluster cannot be used: its weights are gone"):
        remote.analyse(Recipe({"weights": "second"}), sent, None, None)
