"""The explainer's losses against slow restatements of section 2.4, with two kinds of damage."""

import numpy as np
import pytest
import torch
from torch import Tensor

from monitor.networks.explainer_training import (
    ExplainerOptions,
    area_loss,
    classification_loss,
    explainer_loss,
    merged,
    negative_class_loss,
    negative_entropy_loss,
    variation_loss,
)
from monitor.networks.unet11 import Unet11Layout

COUNT, KINDS, SIDE = 3, 2, 10
DAMAGES = np.array([[True, False], [False, True], [True, True]])


@pytest.fixture
def logits() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(0, 2, (COUNT, KINDS + 1)))


@pytest.fixture
def masks() -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).random((COUNT, KINDS, SIDE, SIDE)))


def probabilities(logits: Tensor) -> list[list[float]]:
    return [[float(np.exp(one) / np.exp(row).sum()) for one in row] for row in logits.numpy()]


def test_classification_is_binary_cross_entropy_over_the_kinds(logits: Tensor) -> None:
    total = 0.0
    for row, present in zip(probabilities(logits), DAMAGES, strict=True):
        terms = [np.log(row[k]) if present[k - 1] else np.log(1 - row[k]) for k in range(1, KINDS + 1)]
        total -= sum(terms) / KINDS
    assert classification_loss(logits, torch.from_numpy(DAMAGES)).item() == pytest.approx(total / COUNT)


def test_for_one_kind_it_is_cross_entropy() -> None:
    logits = torch.randn(4, 2)
    wanted = torch.nn.functional.cross_entropy(logits, torch.ones(4, dtype=torch.long))
    torch.testing.assert_close(classification_loss(logits, torch.ones(4, 1, dtype=torch.bool)), wanted)


def test_outside_the_mask_nothing_is_left_of_the_damage(logits: Tensor) -> None:
    """Eq. 3, and eq. 2."""
    rows = probabilities(logits)
    negative = [-np.log(row[0]) - sum(np.log(1 - row[k]) for k in range(1, KINDS + 1)) / KINDS for row in rows]
    entropy = [sum(row[k] * np.log(row[k]) for k in range(1, KINDS + 1)) / KINDS for row in rows]
    assert negative_class_loss(logits).item() == pytest.approx(np.mean(negative))
    assert negative_entropy_loss(logits).item() == pytest.approx(np.mean(entropy))


@pytest.mark.parametrize("logit", [-300.0, 300.0])
def test_certainty_does_not_break_the_losses(logit: float) -> None:
    logits = torch.tensor([[0.0, logit]], requires_grad=True)
    total = negative_class_loss(logits) + negative_entropy_loss(logits)
    total = total + classification_loss(logits, torch.tensor([[True]]))
    total.backward()
    assert torch.isfinite(total)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_masks_are_merged_by_what_a_patch_shows(masks: Tensor) -> None:
    target, other = merged(masks, torch.from_numpy(DAMAGES))
    assert torch.equal(target[0], masks[0, 0])
    assert torch.equal(other[0], masks[0, 1])
    assert torch.equal(target[1], masks[1, 1])
    assert torch.equal(target[2], torch.maximum(*masks[2]))
    assert not other[2].any()


def test_the_area_is_bounded_on_both_sides(masks: Tensor) -> None:
    least, most = 0.05, 0.3
    damages = torch.from_numpy(DAMAGES)
    target, other = merged(masks, damages)
    total = 0.0
    for patch, kind in zip(*np.nonzero(DAMAGES), strict=True):
        ranked = sorted(masks[patch, kind].flatten().tolist(), reverse=True)
        lacking = sum(1 - value for value in ranked[:5])
        beyond = sum(ranked[30:])
        total += (lacking + beyond) / SIDE**2
    wanted = float(target.mean()) + float(other.mean()) + total / COUNT
    assert area_loss(masks, damages, target, other, least, most).item() == pytest.approx(wanted)


def test_a_mask_within_its_bounds_costs_its_area_alone() -> None:
    masks = torch.zeros(1, 1, SIDE, SIDE)
    masks[0, 0, :2] = 1
    found = area_loss(masks, torch.ones(1, 1), masks[:, 0], torch.zeros(1, SIDE, SIDE), 0.1, 0.25)
    assert found.item() == pytest.approx(0.2)


def test_the_variation_counts_steps_along_rows_and_columns(masks: Tensor) -> None:
    mask, total = masks[:, 0], 0.0
    steps = COUNT * SIDE * (SIDE - 1)
    for patch, row, col in np.ndindex(COUNT, SIDE, SIDE):
        here = mask[patch, row, col]
        total += abs(float(here - mask[patch, row, col - 1])) / steps if col else 0
        total += abs(float(here - mask[patch, row - 1, col])) / steps if row else 0
    assert variation_loss(mask, torch.zeros_like(mask)).item() == pytest.approx(total)


@pytest.mark.parametrize("outside", ["negative_class", "entropy"])
def test_the_whole_is_the_weighted_sum_of_its_parts(outside: str, masks: Tensor) -> None:
    options = ExplainerOptions(
        layout=Unet11Layout(masks=KINDS), outside=outside, outside_weight=0.3, area_weight=0.5, variation_weight=0.7
    )
    patches = torch.from_numpy(np.random.default_rng(2).random((COUNT, 3, SIDE, SIDE)))
    damages, seen = torch.from_numpy(DAMAGES), list[Tensor]()

    def classify(given: Tensor) -> Tensor:
        seen.append(given)
        return given.mean((2, 3)) * 5

    found = explainer_loss(masks, damages, patches, classify, options)
    target, other = merged(masks, damages)
    torch.testing.assert_close(seen[0] + seen[1], patches)
    torch.testing.assert_close(seen[0], patches * target[:, None])
    inside, left = (given.mean((2, 3)).float() * 5 for given in seen)
    term = {"negative_class": negative_class_loss, "entropy": negative_entropy_loss}[outside]
    wanted = classification_loss(inside, damages) + 0.3 * term(left)
    wanted = wanted + 0.5 * area_loss(masks, damages, target, other, 0.001, 0.15) + 0.7 * variation_loss(target, other)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
