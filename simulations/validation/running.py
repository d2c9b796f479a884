"""Many pieces of work by number: several at once, each kept when it is done, so that an interruption costs little."""

import os
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import cv2

Made = TypeVar("Made")


@dataclass(frozen=True)
class Running:
    """`processes` work side by side, one thread each; with one, all happens here.

    What is done is kept in the folder `kept`, under a name made from `recipe`, and read from there the next time.
    `recipe` has to say everything that decides the results, the version of the code included. Results are pickled:
    name a folder that nobody else writes to.
    """

    processes: int = 1
    kept: Path | None = None
    recipe: str = ""

    def each(
        self,
        name: str,
        work: Callable[[int], Made],
        count: int,
        on_done: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> list[Made]:
        """`work(index)` for every index below `count`, in this order. With several processes `work` has to be a
        function that can be pickled.
        """
        paths = [self._path(name, index) for index in range(count)]
        missing = [index for index, path in enumerate(paths) if path is None or not path.exists()]
        made: dict[int, Made] = {}
        for done in range(count - len(missing)):
            on_done(done + 1, count)

        def take(index: int, result: Made) -> None:
            made[index] = result
            if (path := paths[index]) is not None:
                _keep(path, result)
            on_done(count - len(missing) + len(made), count)

        if self.processes == 1 or len(missing) < 2:
            for index in missing:
                take(index, work(index))
        else:
            with ProcessPoolExecutor(self.processes, get_context("spawn"), _begin, (work,)) as pool:
                pending = {pool.submit(_do, index): index for index in missing}
                try:
                    for future in as_completed(pending):
                        take(pending[future], future.result())
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        return [made[index] if index in made else _read(path) for index, path in enumerate(paths)]

    def _path(self, name: str, index: int) -> Path | None:
        if self.kept is None:
            return None
        return self.kept / sha256(f"{self.recipe}\n{name}".encode()).hexdigest()[:16] / f"{name}_{index:04d}.pickle"


#: Of this process: sent to it once, so that what the work builds and keeps is built once.
_WORK: list[Callable[[int], Any]] = []


def _begin(work: Callable[[int], Any]) -> None:
    """Each process has its own core: more threads would only wait for one another."""
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _WORK[:] = [work]


def _do(index: int) -> Any:
    return _WORK[0](index)


def _keep(path: Path, result: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.part")
    temporary.write_bytes(pickle.dumps(result))
    temporary.replace(path)


def _read(path: Path | None) -> Any:
    assert path is not None
    return pickle.loads(path.read_bytes())
