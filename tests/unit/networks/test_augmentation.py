"""Parts of a batch are turned alike, and light varies as much as asked."""

import numpy as np
import pytest
import torch

from monitor.networks.augmentation import lit, turned


def test_all_parts_of_a_batch_are_turned_alike_and_left_as_they_were() -> None:
    rng = np.random.default_rng(0)
    colours = torch.from_numpy(rng.random((40, 3, 6, 6), dtype=np.float32))
    red, kept = colours[:, :1].clone(), colours.clone()
    found, red_found = turned([colours, red], rng, quarter_turns=True)
    assert torch.equal(found[:, :1], red_found)
    assert torch.equal(colours, kept)
    assert not torch.equal(found, kept)


def test_each_patch_is_flipped_by_itself_and_only_a_batch_as_a_whole_by_quarters() -> None:
    rng = np.random.default_rng(1)
    patch = torch.arange(9.0).reshape(1, 1, 3, 3)
    batch = patch.repeat(60, 1, 1, 1)
    flips = [patch[0], patch[0].flip(1), patch[0].flip(2), patch[0].flip(1).flip(2)]
    (flipped,) = turned([batch], rng, quarter_turns=False)
    seen = [{index for index, flip in enumerate(flips) if torch.equal(flip, each)} for each in flipped]
    assert set.union(*seen) == {0, 1, 2, 3}
    quarters = set()
    for _ in range(30):
        (found,) = turned([batch], rng, quarter_turns=True)
        lying = {any(torch.equal(flip, each) for flip in flips) for each in found}
        assert len(lying) == 1
        quarters |= lying
    assert quarters == {True, False}


def test_without_jitter_nothing_is_lit_anew() -> None:
    batch = torch.rand(2, 3, 4, 4)
    assert lit(batch, 0.0, np.random.default_rng(0)) is batch


def test_light_varies_from_patch_to_patch_by_the_jitter_and_stays_in_range() -> None:
    batch = torch.full((4000, 3, 2, 2), 0.4)
    found = lit(batch, 0.12, np.random.default_rng(2))
    assert torch.equal(found[:, :, :1, :1].expand_as(found), found)
    spread = 0.4 * np.hypot(0.12, 0.04)
    assert found[:, 0, 0, 0].std().item() == pytest.approx(np.hypot(spread, 0.04), rel=0.05)
    assert 0 < found.mean(1)[:, 0, 0].std().item() < found[:, 0, 0, 0].std().item()
    assert lit(torch.ones(100, 3, 2, 2), 0.5, np.random.default_rng(3)).max() == 1
