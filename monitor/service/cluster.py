"""Captures analysed on a Ray cluster: by analysers that live in processes of their own, on any of its machines.

Each holds its networks on its GPU or CPU and is handed one capture after another. What is in hand of a machine that is
lost is handed to another analyser. Nothing here decides what is to be done: claims and readings stay with the worker.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from monitor.errors import ClusterError, CrackmonitorError, MisuseError, RecipeError
from monitor.records import Analysis, BoolArray, ByteArray, Recipe
from monitor.settings import Settings

if TYPE_CHECKING:
    from monitor.analysis import Analyser

log = logging.getLogger("crackmonitor.worker")

_ABSENT = (
    "The executor 'ray' needs Ray, which is not installed here. Install it with pip install 'crackmonitor[cluster]', "
    'or set worker.executor = "local" in the settings.'
)
_NO_ANALYSER = (
    "No analyser of the cluster comes up. See whether its machines are up, and whether others use all of them "
    "('ray status')."
)
_CLOSED = "The capture was in hand when the worker was stopped; it is analysed by the next one."
#: A new analyser loads its networks; a cluster that has room for one has it by then.
_PATIENCE_SECONDS = 180.0
#: An analyser that takes longer over one capture has got stuck, and counts as lost.
_LONGEST_SECONDS = 7200.0
#: Pictures that stay in the cluster's memory because captures to come are registered to them as well.
_KEPT_REFERENCES = 4


class RemoteAnalyser:
    """What lives in a process of the cluster: analysers by their recipe, each built when it is first asked for."""

    def __init__(self, settings: Settings, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)  # before it is asked what torch chose: the same as where the worker runs
        from monitor.service.executors import analyser_of

        self._settings = settings
        self._build: Callable[[Recipe, Settings], Analyser] = analyser_of
        self._built: dict[str, Analyser] = {}

    def ready(self) -> int:
        """The process it lives in."""
        return os.getpid()

    def analyse(
        self, recipe: Recipe, image: ByteArray, reference: ByteArray | None, reference_mask: BoolArray | None
    ) -> Analysis:
        """As `Analyser.analyse` under that recipe. Raises `ClusterError` where this machine cannot follow it."""
        if recipe.fingerprint not in self._built:
            try:
                self._built[recipe.fingerprint] = self._build(recipe, self._settings)
            except RecipeError as error:
                host = os.uname().nodename
                raise ClusterError(f"The machine {host} of the cluster cannot be used: {error}") from error
        # What comes from the cluster's memory cannot be written to.
        own = [None if given is None else given.copy() for given in (image, reference, reference_mask)]
        return self._built[recipe.fingerprint].analyse(*own)  # type: ignore[arg-type]


@dataclass
class _Seats:
    """The analysers of the cluster: all of them, also the busy and the starting ones, those that are free, and how many
    are missing.
    """

    free: "queue.LifoQueue[Any]" = field(default_factory=queue.LifoQueue)
    taken: list[Any] = field(default_factory=list)
    missing: int = 0


class RayExecutor:
    """Hands captures to analysers on the Ray cluster that the settings name; it connects when it is made.

    It takes twice as many captures as there are analysers, so that the next picture is there when one is done, and
    no more. Raises `MisuseError` without Ray, `ClusterError` where the cluster is out of reach or has no room.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            self._ray: Any = import_module("ray")
        except ImportError:
            raise MisuseError(_ABSENT) from None
        self._cluster = settings.cluster
        # What networks are built from, and nothing else: secrets and addresses of people do not leave this machine.
        self._settings = Settings.model_construct(workspace=settings.workspace, analysis=settings.analysis)
        self._started_here = _connect(self._ray, self._cluster.address)
        self._guard = threading.Lock()
        self._closed = False
        self._references: list[tuple[Any, Any]] = []
        room = self._room()
        self._seats = _Seats(missing=room)
        self.at_once = 2 * room
        self._hands = ThreadPoolExecutor(self.at_once + room, thread_name_prefix="cluster")

    def submit(
        self, analyser: "Analyser", image: ByteArray, reference: ByteArray | None, reference_mask: BoolArray | None
    ) -> "Future[Analysis]":
        """As `Executor.submit`: what the analyser's recipe gives, made in the cluster."""
        self._fill_seats()
        put = (self._ray.put(image), self._kept(reference), self._kept(reference_mask))
        return self._hands.submit(self._analyse, analyser.recipe, put)

    def close(self) -> None:
        """Let the analysers go, and the cluster where it was started for this worker."""
        with self._guard:
            self._closed = True
        for analyser in self._seats.taken:
            self._ray.kill(analyser)
        self._seats.free.put(None)  # whoever waits for one learns it
        self._hands.shutdown(cancel_futures=True)
        if self._started_here:
            self._ray.shutdown()

    def _room(self) -> int:
        """How many analysers the cluster has room for, at most as many as the settings want."""
        resources, needs = self._ray.cluster_resources(), {"CPU": self._cluster.cpus, "GPU": self._cluster.gpus}
        room = min(int(resources.get(name, 0) / need) for name, need in needs.items() if need > 0)
        if room < 1:
            raise ClusterError(
                f"The cluster has no room for an analyser with {self._cluster.cpus:g} CPU(s) and "
                f"{self._cluster.gpus:g} GPU(s). Lower cluster.cpus or cluster.gpus in the settings, or add a machine."
            )
        return min(room, self._cluster.analysers) if self._cluster.analysers else room

    def _kept(self, picture: ByteArray | BoolArray | None) -> Any:
        """The cluster's copy of a picture; the captures of a location follow each other and share theirs."""
        if picture is None:
            return None
        for known, reference in self._references:
            if known is picture:
                return reference
        put = self._ray.put(picture)
        self._references = [*self._references, (picture, put)][-_KEPT_REFERENCES:]
        return put

    def _fill_seats(self) -> None:
        with self._guard:
            while self._seats.missing and not self._closed:
                self._seats.missing -= 1
                self._hands.submit(self._take_seat)

    def _take_seat(self) -> None:
        """Start one analyser; where it does not come up, the next capture makes another try."""
        from monitor.service import executors  # torch, as late as can be

        remote = self._ray.remote(RemoteAnalyser)
        placed = remote.options(
            num_cpus=self._cluster.cpus, num_gpus=self._cluster.gpus, scheduling_strategy="SPREAD", max_restarts=0
        )
        with self._guard:
            if self._closed:
                return
            analyser = placed.remote(self._settings, executors.chosen_threads())
            self._seats.taken.append(analyser)
        try:
            self._ray.get(analyser.ready.remote(), timeout=_PATIENCE_SECONDS)
        except self._ray.exceptions.RayError as error:
            log.warning("An analyser did not come up in the cluster: %s", _first_line(error))
            self._give_up(analyser)
            return
        self._seats.free.put(analyser)

    def _give_up(self, analyser: Any) -> None:
        with self._guard:
            if self._closed:
                return
            self._ray.kill(analyser)
            self._seats.taken.remove(analyser)
            self._seats.missing += 1

    def _analyse(self, recipe: Recipe, put: tuple[Any, Any, Any]) -> Analysis:
        """In a thread of its own: wait for a free analyser; where it is lost with the capture, try another."""
        for _ in range(self._cluster.attempts):
            analyser = self._free_analyser()
            try:
                found: Analysis = self._ray.get(analyser.analyse.remote(recipe, *put), timeout=_LONGEST_SECONDS)
            except self._lost as error:
                log.warning("An analyser was lost; its capture is analysed again. %s", _first_line(error))
                self._give_up(analyser)
                if self._closed:  # it was not lost, it was stopped
                    raise ClusterError(_CLOSED) from error
                self._fill_seats()
                continue
            except self._ray.exceptions.RayTaskError as error:
                self._seats.free.put(analyser)
                raise _own(error.cause) from error
            self._seats.free.put(analyser)
            return found
        raise RuntimeError(f"its analyser in the cluster was lost {self._cluster.attempts} times in a row")

    @property
    def _lost(self) -> tuple[type[Exception], ...]:
        errors = self._ray.exceptions
        died = errors.RayActorError, errors.WorkerCrashedError, errors.NodeDiedError
        return *died, errors.ObjectLostError, errors.GetTimeoutError

    def _free_analyser(self) -> Any:
        """One that is free and answers: those of a machine that was lost while they had nothing to do are given up.

        Waits while there are others that are busy or starting.
        """
        while True:
            if self._closed:
                self._seats.free.put(None)  # for the next one who waits
                raise ClusterError(_CLOSED)
            try:
                analyser = self._seats.free.get(timeout=_PATIENCE_SECONDS)
                if analyser is None:
                    continue
                self._ray.get(analyser.ready.remote(), timeout=_PATIENCE_SECONDS)
                return analyser
            except self._lost:
                self._give_up(analyser)
                self._fill_seats()
            except queue.Empty:
                if not self._seats.taken:
                    raise ClusterError(_NO_ANALYSER) from None


def _own(error: Exception) -> Exception:
    """What the analysis raised, where it is an error of ours; of others only what they say, which any machine knows."""
    return error if isinstance(error, CrackmonitorError) else RuntimeError(str(error) or type(error).__name__)


def _connect(ray: Any, address: str) -> bool:
    """Join the cluster; True where it was started here, for this worker alone."""
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        ray.init(address=address or "local", log_to_driver=False, include_dashboard=False if not address else None)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"at '{address}'" if address else "on this machine"
        raise ClusterError(
            f"There is no Ray cluster {where}: {_first_line(error)} Start one with 'ray start --head', or correct "
            "cluster.address in the settings."
        ) from error
    return not address


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
