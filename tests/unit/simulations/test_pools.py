"""Shards hold what one long drawing would not have to be repeated for."""

from pathlib import Path

import numpy as np
import pytest

from simulations import pools
from simulations.pools import Drawn, draw_shards, keep


def numbers(count: int, rng: np.random.Generator) -> Drawn:
    return {"numbers": rng.integers(1000, size=(count, 2)), "order": np.arange(count)}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SHARD", 4)


def test_shards_follow_their_seeds_whoever_draws_them(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = draw_shards(numbers, tmp_path, "few", 10, 7, lambda *at: told.append(at))
    wanted = [numbers(count, np.random.default_rng(seed)) for count, seed in ((4, 7), (4, 8), (2, 9))]
    assert set(found) == {"numbers", "order"}
    for key, values in found.items():
        np.testing.assert_array_equal(values, np.concatenate([each[key] for each in wanted]))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_only_what_is_missing_is_drawn(tmp_path: Path) -> None:
    whole = draw_shards(numbers, tmp_path, "few", 8, 7)
    (_, second) = sorted(tmp_path.iterdir())
    second.unlink()
    asked: list[int] = []

    def noted(count: int, rng: np.random.Generator) -> Drawn:
        asked.append(count)
        return numbers(count, rng)

    told: list[tuple[int, int]] = []
    again = draw_shards(noted, tmp_path, "few", 8, 7, lambda *at: told.append(at))
    assert asked == [4]
    assert told == [(1, 2), (2, 2)]
    np.testing.assert_array_equal(again["numbers"], whole["numbers"])


def test_pools_of_another_size_seed_or_name_do_not_mix(tmp_path: Path) -> None:
    assert len(draw_shards(numbers, tmp_path, "few", 2, 7)["order"]) == 2
    assert len(draw_shards(numbers, tmp_path, "few", 3, 7)["order"]) == 3
    first = draw_shards(numbers, tmp_path, "few", 3, 7)["numbers"]
    assert not np.array_equal(draw_shards(numbers, tmp_path, "few", 3, 8)["numbers"], first)
    keep(tmp_path / "other_7_000_3.npz", {"numbers": np.zeros((3, 2))})
    assert not draw_shards(numbers, tmp_path, "other", 3, 7)["numbers"].any()


def test_an_interrupted_shard_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "kept.npz"
    keep(path, {"old": np.ones(3)})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        keep(path, {"new": np.ones(3)})
    assert np.load(path).files == ["old"]
