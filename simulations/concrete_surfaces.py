"""Concrete to paint hairlines on: networks fail on them until they have seen many.

A hairline is fainter than the formwork joints and air voids around it, so what a crack is known by elsewhere misleads.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from simulations.data_sets import layout_of
from simulations.patches import (
    SETS,
    Source,
    Zooms,
    check_folders,
    labelled_window,
    masked_photos,
    random_zoom,
    textures,
)
from simulations.walls import Wall, wall

#: A crack-free surface of so many px a side.
Surface = Callable[[int, np.random.Generator], Wall]

#: How often concrete is a crack-free window of photos, a texture, or procedural; and at which zooms windows are taken.
SHARES = (0.6, 0.15, 0.25)
CONCRETE_ZOOMS: Zooms = (0.8, 2.2)


def concrete_surface(data: Path, fold: str) -> Surface | None:
    """Concrete of the train folds of the mixture below `data`: None for another data set, and for validation, which
    sees real surfaces as they are.
    """
    if fold == "val" or layout_of(data) is not None:
        return None
    check_folders(data)
    surfaces, _, photos = SETS
    return concrete_of([masked_photos(data / photos, fold), textures(data / surfaces, fold)])


def concrete_of(sources: Sequence[Source]) -> Surface:
    """Crack-free windows of the two sources, or plain procedural walls; joints and voids are painted on later."""

    def surface(side: int, rng: np.random.Generator) -> Wall:
        chosen = int(rng.choice(3, p=SHARES))
        if chosen == 2:
            return wall("plain", (side, side), rng)
        window = None
        while window is None:
            window = labelled_window(sources[chosen], False, side, random_zoom(CONCRETE_ZOOMS, rng), rng)
        return Wall(window, np.zeros((side, side), bool), sources[chosen].name)

    return surface
