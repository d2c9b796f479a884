"""Every attribution method keeps the same promises."""

import json

import numpy as np
import pytest
import torch
from tiny_networks import BATCH, SIDE_PX, hooks_on, random_patches, tiny_beside, tiny_classifier

from monitor.attribution.base import ATTRIBUTIONS, Attribution, attribution
from monitor.errors import UnknownNameError
from monitor.networks.training import as_batch
from monitor.networks.weights import Classifier


@pytest.fixture(params=sorted(ATTRIBUTIONS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def classifier() -> Classifier:
    return tiny_classifier()


@pytest.fixture
def method(name: str, classifier: Classifier) -> Attribution:
    return attribution(name, classifier, BATCH, tiny_beside())


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1])
def test_every_patch_has_a_finite_relevance_of_its_size(method: Attribution, count: int) -> None:
    relevance = method.explain(random_patches(count))
    assert relevance.shape == (count, SIDE_PX, SIDE_PX)
    assert relevance.dtype == np.float32
    assert np.isfinite(relevance).all()
    assert all(np.ptp(part) > 0 for part in relevance)


def test_neighbours_do_not_change_a_single_bit(method: Attribution) -> None:
    patches = random_patches(2 * BATCH + 1)
    together = method.explain(patches)
    alone = np.concatenate([method.explain(patch[None]) for patch in patches])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(method.explain(patches[::-1])[::-1], together)


def test_repeatable_and_without_side_effects(name: str, method: Attribution, classifier: Classifier) -> None:
    patches = random_patches(BATCH + 1)
    before, batch = patches.copy(), as_batch(patches)
    with torch.inference_mode():
        outputs = classifier.network(batch)
    relevance = method.explain(patches)
    np.testing.assert_array_equal(method.explain(patches), relevance)
    np.testing.assert_array_equal(
        attribution(name, tiny_classifier(), BATCH, tiny_beside()).explain(patches), relevance
    )
    np.testing.assert_array_equal(patches, before)
    assert hooks_on(classifier.network) == 0
    assert not classifier.network.training
    with torch.inference_mode():
        assert torch.equal(classifier.network(batch), outputs)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_patch_is_explained_with_finite_numbers(method: Attribution, level: int) -> None:
    relevance = method.explain(np.full((1, SIDE_PX, SIDE_PX, 3), level, np.uint8))
    assert relevance.shape == (1, SIDE_PX, SIDE_PX)
    assert np.isfinite(relevance).all()


def test_the_options_are_plain_values_for_the_recipe(name: str, method: Attribution) -> None:
    assert json.loads(json.dumps(method.as_options())) == method.as_options()
    assert method.as_options() == attribution(name, tiny_classifier(1), BATCH, tiny_beside()).as_options()


def test_no_two_methods_share_their_options(classifier: Classifier) -> None:
    options = [
        json.dumps(attribution(name, classifier, BATCH, tiny_beside()).as_options(), sort_keys=True)
        for name in ATTRIBUTIONS
    ]
    assert len(set(options)) == len(ATTRIBUTIONS)


def test_an_unknown_name_lists_the_known_ones(classifier: Classifier) -> None:
    with pytest.raises(UnknownNameError, match=r"'gradcam'\. Known: .*lrp, lrp_both_logits, lrp_zennit"):
        attribution("gradcam", classifier, BATCH)
