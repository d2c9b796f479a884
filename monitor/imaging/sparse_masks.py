"""Masks that mark little of a large picture, kept as the places they mark: of a year of captures all at once."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.records import BoolArray

#: Places in a picture, one number a pixel, row by row.
Places = NDArray[np.int32]
#: Rows and columns of a part of a picture.
Window = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class SparseMask:
    """A mask of `shape` (rows, cols) that marks `places` int32 (n,), ascending, and nothing else."""

    shape: tuple[int, int]
    places: Places

    @classmethod
    def of(cls, mask: BoolArray) -> "SparseMask":
        """The same mask, from bool (rows, cols)."""
        rows, cols = mask.shape
        return cls((rows, cols), np.flatnonzero(mask).astype(np.int32))

    def __len__(self) -> int:
        return len(self.places)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """The marked pixels (n, 2) as (row, col)."""
        return np.stack(np.divmod(self.places.astype(np.int64), self.shape[1]), axis=1)

    @property
    def box(self) -> Window:
        """The smallest part of the picture that holds all that is marked; of an empty mask an empty one."""
        if not len(self):
            return slice(0, 0), slice(0, 0)
        cols = self.places % self.shape[1]
        rows = self.places[[0, -1]] // self.shape[1]
        return slice(int(rows[0]), int(rows[1]) + 1), slice(int(cols.min()), int(cols.max()) + 1)

    def dense(self) -> BoolArray:
        """bool (rows, cols)."""
        whole = np.zeros(self.shape, bool)
        whole.reshape(-1)[self.places] = True
        return whole

    def within(self, window: Window) -> "SparseMask":
        """What lies in that part of the picture, whose sides may reach beyond the picture's, as a mask of it."""
        pixels = self.pixels - (window[0].start, window[1].start)
        size = window[0].stop - window[0].start, window[1].stop - window[1].start
        inside = ((pixels >= 0) & (pixels < size)).all(axis=1)
        return SparseMask(size, (pixels[inside] @ (size[1], 1)).astype(np.int32))

    def digest(self) -> str:
        """The same for the same mask."""
        told = hashlib.sha256(repr(self.shape).encode())
        told.update(self.places.tobytes())
        return told.hexdigest()
