"""Drawing many patches at once: in shards that stay in a folder, so that an interruption costs one shard at most."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

#: Arrays by name, the patches along the first axis of each.
Drawn = dict[str, NDArray[Any]]

SHARD = 1000


def draw_shards(
    draw: Callable[[int, np.random.Generator], Drawn],
    folder: Path,
    name: str,
    count: int,
    seed: int,
    on_shard: Callable[[int, int], None] = lambda _done, _total: None,
    workers: int = 2,
) -> Drawn:
    """`count` patches as `draw(count, rng)` gives them, put together from shards of at most 1000 in `folder`.

    Shards that are there already are read; `name` has to say everything that decides what they hold but for the
    seed. Several are drawn in processes of their own, so `draw` must be a function that can be pickled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = [min(SHARD, count - start) for start in range(0, count, SHARD)]
    paths = [folder / f"{name}_{seed}_{index:03d}_{each}.npz" for index, each in enumerate(counts)]
    seeds = range(seed, seed + len(counts))
    missing = [job for job in zip(paths, counts, seeds, strict=True) if not job[0].exists()]
    on_shard(len(paths) - len(missing), len(paths))
    if len(missing) == 1:
        _shard(draw, *missing[0])
        on_shard(len(paths), len(paths))
    elif missing:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_alone) as pool:
            for done, _ in enumerate(pool.map(_shard, *zip(*((draw, *job) for job in missing), strict=True)), 1):
                on_shard(len(paths) - len(missing) + done, len(paths))
    parts = [np.load(path) for path in paths]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0].files}


def _alone() -> None:
    """Each process has its own core: more threads would only wait for one another."""
    cv2.setNumThreads(1)


def _shard(draw: Callable[[int, np.random.Generator], Drawn], path: Path, count: int, seed: int) -> None:
    keep(path, draw(count, np.random.default_rng(seed)))


def keep(path: Path, arrays: Drawn) -> None:
    """Write arrays so that an interruption leaves no half file; `.npz`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part.npz")
    np.savez(temporary, **arrays)
    temporary.replace(path)
