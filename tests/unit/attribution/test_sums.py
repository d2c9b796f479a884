"""What relevance adds up to, and by how much it misses that."""

import numpy as np
import pytest
from tiny_networks import BATCH, random_patches, tiny_classifier

from monitor.attribution.base import attribution
from monitor.attribution.sums import promised_sum, relative_errors
from monitor.networks.training import logits_of


def test_the_error_is_a_share_of_what_was_promised() -> None:
    relevance = np.zeros((2, 4, 4), np.float32)
    relevance[0, 1, 2], relevance[1, 3, 3] = 1.0, -0.5
    np.testing.assert_allclose(relative_errors(relevance, np.array([2.0, -3.0])), [0.5, 0.5])


@pytest.mark.parametrize("name", ["lrp", "lrp_zennit"])
def test_lrp_promises_the_crack_logit_and_keeps_it_where_no_bias_takes_a_share(name: str) -> None:
    classifier, patches = tiny_classifier(2, biases=False), random_patches(3)
    method = attribution(name, classifier, BATCH)
    promised = promised_sum(method, classifier, patches)
    assert promised is not None
    np.testing.assert_allclose(promised, logits_of(classifier.network, patches)[:, 1], rtol=1e-4)
    assert (relative_errors(method.explain(patches), promised) < 0.02).all()


def test_lrp_of_both_logits_starts_with_one_for_each() -> None:
    classifier, patches = tiny_classifier(), random_patches(2)
    promised = promised_sum(attribution("lrp_both_logits", classifier, BATCH), classifier, patches)
    assert promised is not None
    np.testing.assert_array_equal(promised, [2.0, 2.0])


@pytest.mark.parametrize("name", ["input_x_gradient", "raw", "lrp+augsmooth_paper"])
def test_some_methods_promise_nothing(name: str) -> None:
    classifier = tiny_classifier()
    assert promised_sum(attribution(name, classifier, BATCH), classifier, random_patches(2)) is None


@pytest.mark.parametrize("name", ["lrp", "deep_lift"])
def test_no_patch_no_promise(name: str) -> None:
    classifier = tiny_classifier()
    promised = promised_sum(attribution(name, classifier, BATCH), classifier, random_patches(0))
    assert promised is not None
    assert promised.shape == (0,)
