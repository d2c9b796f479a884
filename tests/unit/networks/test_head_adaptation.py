"""A head refitted from few patches: held to the shipped one, explained like it, kept only where it helps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import BATCH, SIDE_PX, tiny_classifier

from monitor.attribution.base import attribution
from monitor.errors import MisuseError, WeightsError
from monitor.networks.adaptation import (
    Seen,
    Shift,
    balanced,
    compared,
    head_of,
    keep_head,
    refit,
    see,
    spots,
    with_head,
)
from monitor.networks.classification import crack_probability
from monitor.networks.second_opinion import Judge
from monitor.networks.weights import Classifier


def patches(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE_PX, SIDE_PX, 3), np.uint8)


@pytest.fixture
def classifier() -> Classifier:
    return replace(tiny_classifier(temperature=1.4), threshold=0.6)


def wall(count: int, border: float = 0.0, useful: bool = True, seed: int = 0) -> tuple[Seen, np.ndarray]:
    """Features of patches half of which are cracked, and a shipped head that sees them `border` too cracked."""
    rng = np.random.default_rng(seed)
    cracked = np.arange(count) % 2 == 0
    features = rng.standard_normal((count, 16))
    features[:, 0] += 3 * (cracked if useful else 0)
    margin = np.where(cracked, 2.0, -2.0) + rng.normal(0, 0.8, count) + border
    return Seen(features, margin), cracked


APART = np.eye(40, dtype=bool)


def test_the_margin_is_the_log_odds_over_the_threshold(classifier: Classifier) -> None:
    shown = patches(BATCH + 1)
    seen = see(Judge(classifier), shown, BATCH)
    probability = crack_probability(classifier, shown, BATCH)
    np.testing.assert_allclose(seen.margin, np.log(probability / (1 - probability)) - np.log(0.6 / 0.4), atol=1e-5)


def test_a_second_opinion_is_heard_once_the_refitted_head_asks_for_it() -> None:
    seen = Seen(np.ones((3, 1)), np.array([-2.0, 0.5, 2.0]), vote=np.array([3.0, -1.0, 0.5]), asked_from=0.0)
    np.testing.assert_allclose(seen.told(), [-2.0, -0.5, 2.5])
    np.testing.assert_allclose(Shift(np.array([1.0]), 1.0).of(seen), [3.0, 1.5, 4.5])
    np.testing.assert_allclose(seen[np.array([2, 0])].told(), [2.5, -2.0])


def test_votes_go_into_the_fit() -> None:
    """What the second opinion says already need not be learnt: the head is left alone."""
    seen, cracked = wall(40, border=3.0)
    helped = replace(seen, vote=np.where(cracked, 0.0, -9.0))
    assert compared(helped, cracked, APART).shipped > 0.9
    alone, beside = (np.abs(refit(one, cracked).of(one) - one.told()).mean() for one in (seen, helped))
    assert beside < alone / 2


def test_a_border_that_lies_wrong_is_put_right(classifier: Classifier) -> None:
    seen, cracked = wall(40, border=3.0)
    assert balanced(seen.margin, cracked) < 0.8
    found = compared(seen, cracked, APART)
    assert found.better
    assert found.adapted > 0.95


def test_a_head_that_is_right_already_is_not_replaced() -> None:
    seen, cracked = wall(40)
    found = compared(replace(seen, margin=np.where(cracked, 4.0, -4.0)), cracked, APART)
    assert (found.shipped, found.better) == (1.0, False)


def test_patches_of_one_spot_do_not_vouch_for_each_other() -> None:
    """Twins of unlike spots: what tells them apart elsewhere is noise, and only their twin could give it away."""
    rng = np.random.default_rng(1)
    features = np.repeat(rng.standard_normal((10, 60)), 2, axis=0) * 5
    cracked = np.repeat(np.arange(10) % 2 == 0, 2)
    seen = Seen(features, np.zeros(20) - 0.01)
    twins = np.kron(np.eye(10), np.ones((2, 2))) > 0
    alone, together = compared(seen, cracked, twins), compared(seen, cracked, np.eye(20, dtype=bool))
    assert together.adapted == 1.0
    assert alone.adapted < 0.8


def test_few_patches_move_the_head_little() -> None:
    seen, cracked = wall(8, border=0.5)
    moved = refit(seen, cracked).of(seen) - seen.margin
    assert np.abs(moved).max() < 4
    assert np.abs(moved).max() > 0.01


@pytest.mark.parametrize("cracked", [[True] * 9, [True] * 7 + [False] * 2])
def test_too_few_of_a_kind_are_refused(cracked: list[bool]) -> None:
    seen = Seen(np.zeros((9, 4)), np.zeros(9))
    with pytest.raises(MisuseError, match="at least 3 of either kind"):
        compared(seen, np.array(cracked), np.eye(9, dtype=bool))


def test_the_kept_head_gives_the_refitted_margin_and_is_explained(classifier: Classifier, tmp_path: Path) -> None:
    shown = patches(BATCH)
    seen = see(Judge(classifier), shown, BATCH)
    shift = Shift(np.linspace(-1, 1, seen.features.shape[1]), 0.7)
    sha256 = keep_head(tmp_path, head_of(classifier, shift))
    adapted = with_head(classifier, tmp_path, sha256)
    np.testing.assert_allclose(see(Judge(adapted), shown, BATCH).margin, shift.of(seen), atol=1e-4)
    assert adapted.head_sha256 == sha256
    assert classifier.head_sha256 is None
    before, after = (attribution("lrp", one, BATCH).explain(shown) for one in (classifier, adapted))
    with torch.inference_mode():
        logits = adapted.network(torch.from_numpy(shown).permute(0, 3, 1, 2).float() / 255)[:, 1]
    assert not np.allclose(before, after)
    reference = attribution("lrp_zennit", adapted, BATCH).explain(shown)
    np.testing.assert_allclose(after, reference, atol=1e-4 * np.abs(reference).max())
    assert np.isfinite(logits.numpy()).all()


@pytest.mark.parametrize("harm", ["absent", "altered", "of another network"])
def test_a_head_that_is_not_what_it_was_is_refused(classifier: Classifier, tmp_path: Path, harm: str) -> None:
    wide = 3 if harm == "of another network" else see(Judge(classifier), patches(1), BATCH).features.shape[1]
    stored = head_of(classifier, Shift(np.zeros(see(Judge(classifier), patches(1), BATCH).features.shape[1]), 0.0))
    if wide == 3:
        from safetensors.torch import save

        stored = save({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)})
    sha256 = keep_head(tmp_path, stored)
    path = tmp_path / f"{sha256}.safetensors"
    if harm == "absent":
        path.unlink()
    if harm == "altered":
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="adapted head"):
        with_head(classifier, tmp_path, sha256)


def test_a_spot_is_where_patches_overlap_in_one_frame() -> None:
    places = np.array([[0, 0, 64], [32, 32, 64], [64, 0, 64], [0, 0, 64]])
    same = spots(places, ["north", "north", "north", "south"])
    assert same.tolist() == [
        [True, True, False, False],
        [True, True, True, False],
        [False, True, True, False],
        [False, False, False, True],
    ]
