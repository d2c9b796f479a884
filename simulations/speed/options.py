"""What a person may choose about the benchmarks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BenchOptions:
    """`width` (share of the paper's channels) and `patch_px` are those of the published side.

    `megapixels` is the size of photos; medians are over `rounds` of cheap steps, over `photo_rounds` of whole photos.
    `measured` patches stand for all of a photo where the published side takes minutes. `captures` of
    `capture_megapixels`, of `locations` by turns, go through the service, `sites` and `readings` into the database that
    the dashboard shows.
    """

    width: float = 1.0
    patch_px: int = 256
    rounds: int = 7
    photo_rounds: int = 3
    seed: int = 0
    megapixels: float = 12.0
    measured: int = 4
    captures: int = 200
    capture_megapixels: float = 0.08
    locations: int = 20
    sites: int = 200
    readings: int = 365_000
