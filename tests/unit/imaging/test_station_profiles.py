from pathlib import Path

import numpy as np
import pytest

from monitor.errors import UnreadableImageError
from monitor.imaging.station_profiles import StationProfiles, as_grey, read_profiles, write_profiles

LIGHT = np.array([[0.0, 0.4, 120.4, 300.0, np.nan]])


def crack(name: str, stations: int) -> StationProfiles:
    rng = np.random.default_rng(stations)
    return StationProfiles(
        name,
        np.arange(stations),
        np.linspace(-4, 4, 17),
        np.array([7, 3]),
        rng.integers(0, 256, (stations, 2, 17)).astype(np.uint8),
        rng.normal(3, 1, (stations, 2)).astype(np.float32),
    )


def test_black_is_kept_apart_from_what_was_not_seen() -> None:
    assert as_grey(LIGHT).tolist() == [[1, 1, 120, 255, 0]]


def test_profiles_come_back_as_they_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "profiles" / "1-abc.npz"
    kept = [crack("A", 5), crack("M1", 3)]
    write_profiles(path, kept)
    found = read_profiles(path)
    assert list(found) == ["A", "M1"]
    for one in kept:
        for part in ("stations", "offsets_px", "captures", "grey", "opening_px"):
            assert np.array_equal(getattr(found[one.crack], part), getattr(one, part))
    assert [left.name for left in path.parent.iterdir()] == ["1-abc.npz"]


def test_without_cracks_nothing_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "1-abc.npz"
    write_profiles(path, [crack("A", 5)])
    write_profiles(path, [])
    assert not path.exists()
    assert read_profiles(path) == {}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "1-abc.npz"
    write_profiles(path, [crack("A", 5)])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UnreadableImageError, match=r"is damaged\. Delete it"):
        read_profiles(path)
