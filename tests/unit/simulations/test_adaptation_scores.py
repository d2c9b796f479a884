"""Adapting to a wall is scored on photos that show none of the judged spots."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_networks import tiny_classifier, tiny_network

from monitor.networks import adaptation
from monitor.networks.second_opinion import Judge
from simulations import adaptation_scores
from simulations.adaptation_scores import adapted_to_wall, same_spots
from simulations.scores import Labelled
from simulations.walls import wall

JUDGE = Judge(replace(tiny_classifier(), network=tiny_network(patch_px=64)))


def picture(seed: int, size: int = 300) -> np.ndarray:
    return np.rint(wall("bonded", (size, size), np.random.default_rng(seed)).image * 255).astype(np.uint8)


def test_crops_that_overlap_show_the_same_spot_and_others_do_not() -> None:
    one, other = picture(1), picture(2)
    crops = [one[:227, :227], one[60:287, 50:277], other[:227, :227]]
    assert same_spots(crops).tolist() == [[True, True, False], [True, True, False], [False, False, True]]


def test_a_border_that_lies_wrong_on_a_wall_is_put_right_on_photos_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped head calls everything here cracked, those with a crack more so."""
    count = 60
    cracked = np.arange(count) % 2 == 0
    rng = np.random.default_rng(0)
    seen = adaptation.Seen(rng.standard_normal((count, 8)), np.where(cracked, 4.0, 1.0) + rng.normal(0, 0.3, count))
    monkeypatch.setattr(adaptation_scores, "see", lambda *_, **__: seen)
    monkeypatch.setattr(adaptation_scores, "same_spots", lambda photos: np.eye(len(photos), dtype=bool))
    photos = Labelled([np.zeros((64, 64, 3), np.uint8)] * count, cracked, np.full(count, "A"))
    found = adapted_to_wall(JUDGE, photos, np.random.default_rng(0))
    assert found is not None
    assert (found.n, found.judged, found.repeats, found.left) == (60, 20, 10, 40)
    assert found.shipped == 0.5
    assert found.adapted > 0.95


def test_a_wall_of_which_nothing_is_left_has_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 30
    cracked = np.arange(count) % 2 == 0
    seen = adaptation.Seen(np.zeros((count, 4)), np.zeros(count))
    monkeypatch.setattr(adaptation_scores, "see", lambda *_, **__: seen)
    monkeypatch.setattr(adaptation_scores, "same_spots", lambda photos: np.ones((len(photos),) * 2, bool))
    photos = Labelled([np.zeros((64, 64, 3), np.uint8)] * count, cracked, np.full(count, "A"))
    assert adapted_to_wall(JUDGE, photos, np.random.default_rng(0)) is None
