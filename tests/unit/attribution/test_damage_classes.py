"""Two kinds of damage, one map for each: dark lines (1) and bright spots (2), by a network taught here in seconds."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from tiny_networks import BATCH, random_patches, tiny_classifier

from monitor.attribution.classes import class_relevance, for_damage
from monitor.errors import MisuseError
from monitor.networks.training import as_batch
from monitor.networks.vgg import Vgg11, Vgg11Layout, folded
from monitor.networks.weights import Classifier
from monitor.records import ByteArray

SIDE = 32


def pictured(line_col: int | None, spot: tuple[int, int] | None, rng: np.random.Generator) -> ByteArray:
    """A grainy wall, a dark line along a column, a bright round spot."""
    patch = rng.normal(128, 12, (SIDE, SIDE, 3))
    if line_col is not None:
        patch[:, line_col : line_col + 3] -= 110
    drawn = np.clip(patch, 0, 255).astype(np.uint8)
    if spot is not None:
        cv2.circle(drawn, spot, 4, (240, 240, 240), -1)
    return drawn


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    network = Vgg11(Vgg11Layout(width=1 / 16, patch_px=SIDE, head=16, classes=3, batch_norm=True)).train()
    descent = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(150):
        labels = rng.integers(0, 3, 32)
        places = rng.integers(5, SIDE - 6, (32, 3))
        patches = np.stack([
            pictured(int(one) if label == 1 else None, (int(two), int(three)) if label == 2 else None, rng)
            for label, (one, two, three) in zip(labels, places, strict=True)
        ])  # fmt: skip
        loss = torch.nn.functional.cross_entropy(network(as_batch(patches)), torch.from_numpy(labels))
        descent.zero_grad()
        loss.backward()
        descent.step()
    return Classifier("two kinds", folded(network), 1.0, 0.5, "0" * 64)


@pytest.mark.parametrize("name", ["lrp", "deep_lift", "integrated_gradients"])
def test_each_kind_of_damage_has_its_own_map(name: str, classifier: Classifier) -> None:
    rng = np.random.default_rng(1)
    patches = np.stack([pictured(5, (24, int(row)), rng) for row in rng.integers(8, 24, 6)])
    relevance = class_relevance(name, classifier, patches, BATCH)
    assert relevance.shape == (6, 2, SIDE, SIDE)
    on_line, on_spot = (relevance[..., cols].sum(axis=(0, 2, 3)) for cols in (slice(3, 10), slice(18, 30)))
    assert on_line[0] > on_spot[0], "the first kind is the line"
    assert on_spot[1] > on_line[1], "the second kind is the spot"


def test_a_view_of_one_kind_has_its_logits_and_leaves_the_network_alone(classifier: Classifier) -> None:
    batch = as_batch(random_patches(3))
    with torch.inference_mode():
        before = classifier.network(batch)
        for kind in (1, 2):
            view = for_damage(classifier, kind)
            torch.testing.assert_close(view.network(batch), before[:, [0, kind]])
            assert view.network.layout == replace(classifier.network.layout, classes=2)
        torch.testing.assert_close(classifier.network(batch), before)


@pytest.mark.parametrize("kind", [0, 2])
def test_there_is_no_map_for_what_a_classifier_does_not_know(kind: int) -> None:
    with pytest.raises(MisuseError, match=f"no damage number {kind}: the classifier knows 1 to 1"):
        for_damage(tiny_classifier(), kind)
