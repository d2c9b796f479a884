"""Where captures are analysed: in the worker itself, or elsewhere. Each way is an entry of `EXECUTORS`."""

import importlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from monitor.errors import UnknownNameError
from monitor.records import Analysis, BoolArray, ByteArray
from monitor.settings import Settings

if TYPE_CHECKING:  # torch comes with the first capture
    from monitor.analysis import Analyser

#: name in `worker.executor` -> what makes it of the settings; imported on first use.
EXECUTORS = {
    "local": "monitor.service.executing:LocalExecutor",
    "ray": "monitor.service.cluster:RayExecutor",
}


class Executor(Protocol):
    """Analyses captures, as many at once as `at_once` says; whoever submits more makes it wait.

    Numbers are the same wherever they are made: the analyser's recipe decides them, or the executor refuses.
    """

    at_once: int

    def submit(
        self, analyser: "Analyser", image: ByteArray, reference: ByteArray | None, reference_mask: BoolArray | None
    ) -> "Future[Analysis]":
        """`analyser.analyse` of these, or what an equal analyser elsewhere makes of them.

        The future raises what the analysis raised; a capture whose machine was lost is analysed again elsewhere first.
        """
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class LocalExecutor:
    """One capture after another, here and now."""

    at_once = 1

    def __init__(self, settings: Settings) -> None:
        pass

    def submit(
        self, analyser: "Analyser", image: ByteArray, reference: ByteArray | None, reference_mask: BoolArray | None
    ) -> "Future[Analysis]":
        """Done when it returns."""
        done: Future[Analysis] = Future()
        try:
            done.set_result(analyser.analyse(image, reference, reference_mask))
        except Exception as error:  # whoever asks for the result gets it
            done.set_exception(error)
        return done

    def close(self) -> None:
        """It holds nothing."""


def executor_of(settings: Settings) -> Executor:
    """The executor that the settings name. Raises `UnknownNameError`, or `MisuseError` where it cannot work here."""
    name = settings.worker.executor
    if name not in EXECUTORS:
        raise UnknownNameError("executor", name, EXECUTORS)
    module, _, attribute = EXECUTORS[name].partition(":")
    make: Callable[[Settings], Executor] = getattr(importlib.import_module(module), attribute)
    return make(settings)
