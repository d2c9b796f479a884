"""What relevance adds up to, and by how much it misses that."""

import numpy as np
import pytest
from tiny_networks import BATCH, random_patches, tiny_classifier

from monitor.attribution.base import attribution
from monitor.attribution.sums import promised_sum, relative_errors, started_sum
from monitor.networks.training import logits_of


def test_the_error_is_a_share_of_what_was_promised() -> None:
    relevance = np.zeros((2, 4, 4), np.float32)
    relevance[0, 1, 2], relevance[1, 3, 3] = 1.0, -0.5
    np.testing.assert_allclose(relative_errors(relevance, np.array([2.0, -3.0])), [0.5, 0.5])


@pytest.mark.parametrize("name", ["lrp", "lrp_zennit"])
def test_lrp_starts_with_the_crack_logit_and_keeps_it_where_no_bias_takes_a_share(name: str) -> None:
    classifier, patches = tiny_classifier(2, biases=False), random_patches(3)
    method = attribution(name, classifier, BATCH)
    started = started_sum(method, classifier, patches)
    assert started is not None
    np.testing.assert_allclose(started, logits_of(classifier.network, patches)[:, 1], rtol=1e-4)
    assert (relative_errors(method.explain(patches), started) < 0.02).all()


def test_lrp_of_both_logits_starts_with_one_for_each() -> None:
    classifier, patches = tiny_classifier(), random_patches(2)
    started = started_sum(attribution("lrp_both_logits", classifier, BATCH), classifier, patches)
    assert started is not None
    np.testing.assert_array_equal(started, [2.0, 2.0])


@pytest.mark.parametrize("name", ["lrp", "lrp_both_logits"])
@pytest.mark.parametrize("seed", range(3))
def test_what_lrp_loses_the_biases_keep(name: str, seed: int) -> None:
    classifier, patches = tiny_classifier(seed), random_patches(3)
    method = attribution(name, classifier, BATCH)
    promised, started = promised_sum(method, patches), started_sum(method, classifier, patches)
    assert promised is not None
    assert started is not None
    relevance = method.explain(patches).astype(np.float64)
    sums, magnitude = (3 * part.sum(axis=(1, 2)) for part in (relevance, np.abs(relevance)))
    np.testing.assert_array_less(np.abs(sums - promised), 1e-3 * magnitude)
    assert (np.abs(sums - started) > 0.05 * magnitude).any()


@pytest.mark.parametrize("name", ["input_x_gradient", "raw", "lrp+augsmooth_paper"])
def test_some_methods_promise_nothing(name: str) -> None:
    classifier = tiny_classifier()
    method = attribution(name, classifier, BATCH)
    assert promised_sum(method, random_patches(2)) is None
    assert started_sum(method, classifier, random_patches(2)) is None


@pytest.mark.parametrize("name", ["lrp", "deep_lift"])
def test_no_patch_no_promise(name: str) -> None:
    classifier = tiny_classifier()
    promised = promised_sum(attribution(name, classifier, BATCH), random_patches(0))
    assert promised is not None
    assert promised.shape == (0,)
