"""NN-Explainer and B-cos: masks and linear maps by damage, and refusals where networks do not belong together."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_networks import (
    BATCH,
    random_patches,
    tiny_bcos,
    tiny_beside,
    tiny_classifier,
    tiny_explainer,
)

from monitor.attribution.base import Beside, attribution
from monitor.attribution.bcos import Bcos, relevant
from monitor.attribution.nn_explainer import NnExplainer
from monitor.errors import MisuseError, UnknownNameError
from monitor.networks.bcos import linear_map
from monitor.networks.training import as_batch


@pytest.mark.parametrize("damage", [1, 2])
def test_each_kind_of_damage_has_its_mask(damage: int) -> None:
    explainer, patches = tiny_explainer(masks=2), random_patches(3)
    found = NnExplainer(tiny_classifier(), BATCH, explainer, damage).explain(patches)
    with torch.inference_mode():
        wanted = torch.sigmoid(explainer.network(as_batch(patches)))[:, damage - 1]
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)
    assert 0 <= found.min() <= found.max() <= 1
    beside = Beside(explainer=explainer, damage=damage)
    np.testing.assert_array_equal(attribution("nn_explainer", tiny_classifier(), BATCH, beside).explain(patches), found)


def test_masks_of_two_kinds_differ() -> None:
    one, two = (NnExplainer(tiny_classifier(), BATCH, tiny_explainer(masks=2), damage) for damage in (1, 2))
    assert not np.array_equal(one.explain(random_patches(1)), two.explain(random_patches(1)))
    assert one.as_options() != two.as_options()


def test_an_explainer_explains_the_classifier_it_was_taught_with() -> None:
    other = replace(tiny_classifier(), name="mine", sha256="f" * 64)
    with pytest.raises(MisuseError, match="taught with the classifier 'tiny', not with 'mine'"):
        attribution("nn_explainer", other, BATCH, tiny_beside())


@pytest.mark.parametrize("damage", [0, 2])
def test_a_damage_that_nobody_knows_is_misuse(damage: int) -> None:
    for name in ("nn_explainer", "bcos"):
        with pytest.raises(MisuseError, match=r"knows 1 to"):
            attribution(name, tiny_classifier(), BATCH, replace(tiny_beside(), damage=damage))


@pytest.mark.parametrize("damage", [1, 2])
def test_lengths_of_the_linear_map_where_it_contributes(damage: int) -> None:
    """Slow restatement, pixel by pixel."""
    classifier, patches = tiny_bcos(classes=3), random_patches(1)
    weights, inputs = (part[0].numpy() for part in linear_map(classifier.network, as_batch(patches), damage))
    lengths = np.zeros((32, 32))
    for row, col in np.ndindex(32, 32):
        if weights[:, row, col] @ inputs[:, row, col] > 0:
            lengths[row, col] = np.sqrt((weights[:, row, col] ** 2).sum())
    wanted = np.minimum(lengths, np.percentile(lengths, 99.5))
    found = Bcos(classifier, BATCH, damage).explain(patches)[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * wanted.max())
    assert (found == 0).any()
    assert found.max() < lengths.max()


def test_a_patch_with_hardly_any_positive_contribution_is_not_clipped_away() -> None:
    weights, inputs = -torch.ones(1, 6, 32, 32), torch.ones(1, 6, 32, 32)
    weights[0, :, 3, 4] = 2
    found = relevant(weights, inputs)
    assert found[0, 3, 4] == pytest.approx(np.sqrt(24))
    assert torch.count_nonzero(found) == 1


def test_without_any_given_or_shipped_the_known_weights_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nn_explainer", "bcos"):
        monkeypatch.setattr(f"monitor.attribution.{name}.SHIPPED_NAME", "nobody")
        with pytest.raises(UnknownNameError, match="'nobody'"):
            attribution(name, tiny_classifier(), BATCH)
