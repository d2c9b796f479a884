"""Pools of labelled patches to train a classifier on: the mixture of sources, hairlines, and twins of photos."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulations.concrete_surfaces import CONCRETE_ZOOMS, SHARES, Surface, concrete_surface
from simulations.data_sets import layout_of
from simulations.patches import (
    CRACKED_FROM_PX,
    HAIRLINES,
    ZOOMS,
    Patch,
    Source,
    Zooms,
    painted_patch,
    real_patch,
    simulated_patch,
    standard_sources,
)
from simulations.pools import Drawn, draw_shards

#: The name of simulated hairlines on concrete among the sources of a pool.
HAIRLINES_NAME = "hairlines"
#: How often procedural walls, textures and the two photo sets are shown.
_SHARES = (0.30, 0.30, 0.35, 0.05)
#: The same for a network that is to learn hairlines, and how often these are then simulated on concrete.
_WITH_HAIRLINES, _HAIRLINE_SHARE = (0.25, 0.24, 0.29, 0.22), 0.21
_MIXED = sha256(
    repr((HAIRLINES, CRACKED_FROM_PX, _WITH_HAIRLINES, _HAIRLINE_SHARE, SHARES, CONCRETE_ZOOMS)).encode()
).hexdigest()


def patches(
    sources: list[tuple[float, Source | None]],
    count: int,
    side: int,
    rng: np.random.Generator,
    zooms: Zooms = ZOOMS,
    concrete: tuple[float, Surface] | None = None,
) -> Iterator[tuple[Patch, bool, str]]:
    """Yield `count` patches (side, side, 3) with label and source name, half of them cracked.

    `sources` are (weight, source) pairs; None stands for fully simulated patches. `concrete`, with its share of all
    patches, shows hairlines or none. A source whose window does not have the wanted label is asked again: were another
    one asked instead, the surfaces of the crack photos would come to mean "cracked".
    """
    weights = np.array([weight for weight, _ in sources])
    for index in range(count):
        cracked, patch = index % 2 == 0, None
        surface = concrete[1] if concrete is not None and rng.random() < concrete[0] else None
        source = sources[int(rng.choice(len(sources), p=weights / weights.sum()))][1] if surface is None else None
        while patch is None:
            if surface is not None:
                patch = _hairline(surface, cracked, side, rng)
            elif source is None:
                patch = simulated_patch(cracked, side, rng)
            else:
                patch = real_patch(source, cracked, side, rng, zooms)
        turned = np.rot90(patch, int(rng.integers(4)))
        yield (
            np.ascontiguousarray(turned[::-1] if rng.random() < 0.5 else turned),
            cracked,
            (HAIRLINES_NAME if surface is not None else "simulated" if source is None else source.name),
        )


def _hairline(surface: Surface, cracked: bool, side: int, rng: np.random.Generator) -> Patch | None:
    painted = painted_patch(cracked, side, rng, surface(side, rng), replace(HAIRLINES, least_px=CRACKED_FROM_PX))
    return None if painted is None else painted[0]


@dataclass(frozen=True)
class PatchPool:
    """A drawn pool: `images` uint8 (n, side, side, 3), `labels` int64 (n,), `names` (n,) of the sources."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: NDArray[np.str_]


def twins_in(folder: Path, name: str) -> Path:
    """Where the photos of a source lie together with their twins, whose crack is fainter or gone."""
    return folder / f"{name}.npz"


def _with_twins(source: Source, folder: Path) -> Source:
    kept = twins_in(folder, source.name)
    if not kept.exists():
        return source
    found = np.load(kept)
    return replace(source, images=list(found["images"]), masks=list(found["cracked"]))


def _drawn(
    data: Path,
    fold: str,
    side: int,
    zooms: Zooms,
    twins: Path | None,
    hairlines: bool,
    count: int,
    rng: np.random.Generator,
) -> Drawn:
    sources = standard_sources(data, fold, _WITH_HAIRLINES if hairlines else _SHARES)
    if twins is not None:
        sources = [(share, source and _with_twins(source, twins)) for share, source in sources]
    surface = concrete_surface(data, fold) if hairlines else None
    concrete = None if surface is None else (_HAIRLINE_SHARE, surface)
    drawn = list(patches(sources, count, side, rng, zooms, concrete))
    return {
        "images": np.stack([patch for patch, _, _ in drawn]),
        "labels": np.array([int(cracked) for _, cracked, _ in drawn], np.int64),
        "names": np.array([name for _, _, name in drawn]),
    }


def draw_pool(
    folder: Path,
    data: Path,
    fold: str,
    count: int,
    side: int,
    seed: int,
    on_shard: Callable[[int, int], None] = lambda _done, _total: None,
    zooms: Zooms = ZOOMS,
    twins: Path | None = None,
    hairlines: bool = False,
) -> PatchPool:
    """Draw `count` patches of one fold, in shards kept in `folder`; with `twins`, a folder as `fading.keep_twins` makes
    it, from photos and their twins alike, and with `hairlines` many of concrete.
    """
    own = f"{data.name}_" if layout_of(data) == "masks" else ""
    name = f"{own}{fold}_{side}_{zooms[0]:g}-{zooms[1]:g}{'' if twins is None else f'_{twins.name}'}"
    name += f"_{_MIXED[:8]}" if hairlines else ""
    draw = partial(_drawn, data, fold, side, zooms, twins, hairlines)
    return PatchPool(**draw_shards(draw, folder, name, count, seed, on_shard))
