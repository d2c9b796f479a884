"""Scores of a classifier: ranks, rates at its threshold, plain averages over walls."""

from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.networks.second_opinion import Judge
from monitor.networks.vgg import Vgg11, Vgg11Layout
from monitor.networks.weights import Classifier
from simulations.scores import (
    Labelled,
    area_under_curve,
    brickwork,
    masonry_crops,
    masonry_test_crops,
    photo_probability,
    score,
    scores_by_group,
)

SIDE = 64


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(3)
    network = Vgg11(Vgg11Layout(width=0.05, patch_px=SIDE, head=8)).eval()
    return Classifier("untaught", network, temperature=1.0, threshold=0.5, sha256="0" * 64)


def test_area_under_the_curve_counts_pairs_in_the_right_order() -> None:
    cracked = np.array([True, False, True, False, False])
    assert area_under_curve(np.array([0.9, 0.1, 0.8, 0.2, 0.3]), cracked) == 1.0
    assert area_under_curve(np.array([0.1, 0.9, 0.2, 0.8, 0.7]), cracked) == 0.0
    assert area_under_curve(np.full(5, 0.4), cracked) == 0.5
    assert area_under_curve(np.array([0.5, 0.4, 0.2, 0.3, 0.1]), cracked) == pytest.approx(4 / 6)


def test_rates_are_those_at_the_threshold() -> None:
    found = score(np.array([0.9, 0.4, 0.6, 0.1]), np.array([True, True, False, False]), 0.5)
    assert (found.true_positive_rate, found.true_negative_rate, found.balanced_accuracy) == (0.5, 0.5, 0.5)
    assert score(np.array([0.5, 0.49]), np.array([True, False]), 0.5).balanced_accuracy == 1.0


def test_a_photo_is_as_cracked_as_its_most_cracked_patch(classifier: Classifier) -> None:
    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    alone = photo_probability(Judge(classifier), list(tiles))
    together = photo_probability(Judge(classifier), [np.concatenate(list(tiles), axis=1)])
    assert together[0] == pytest.approx(alone.max(), abs=1e-5)


def test_walls_count_alike_and_one_sided_walls_not_at_all(classifier: Classifier) -> None:
    rng = np.random.default_rng(1)
    photos = [rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in range(9)]
    cracked = np.array([True, False, True, False, False, False, False, True, True])
    groups = np.array(["a", "a", "b", "b", "b", "b", "b", "c", "c"])
    found = scores_by_group(Judge(classifier), Labelled(photos, cracked, groups))
    assert set(found) == {"a", "b", "mean"}
    assert found["mean"].balanced_accuracy == pytest.approx(
        (found["a"].balanced_accuracy + found["b"].balanced_accuracy) / 2
    )
    assert found["mean"].n == 7


@pytest.mark.shared_data
def test_real_sets_are_read_whole(shared_data: Path) -> None:
    crops = masonry_test_crops(shared_data)
    assert len(crops.photos) == 231
    assert crops.cracked.sum() == 126
    walls = brickwork(shared_data)
    assert len(walls.photos) == 538
    assert walls.cracked.sum() == 269
    made = masonry_crops(shared_data, "val", np.random.default_rng(0))
    assert 0.2 < made.cracked.mean() < 0.8
    assert {photo.shape for photo in made.photos} == {(112, 112, 3)}
