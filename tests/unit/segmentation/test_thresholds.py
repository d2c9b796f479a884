"""The two published thresholds against slow restatements and a reference implementation."""

import warnings

import cv2
import numpy as np
import pytest

from monitor.segmentation.thresholds import fit_mixture, gmm, simple


def slow_simple(relevance):
    """The published rule, word by word."""
    values = relevance.astype(np.float64)
    values = (values - values.min()) / (values.max() - values.min())
    threshold, moved = values.mean(), 1.0
    while moved > 1e-6:
        halfway = (values[values <= threshold].mean() + values[values > threshold].mean()) / 2
        moved, threshold = abs(halfway - threshold), halfway
    mask = values > threshold
    return ~mask if mask.mean() > 0.5 else mask


def relevance_like(seed, shape=(200, 256)):
    """A crack's worth of spiky relevance on spiky noise."""
    rng = np.random.default_rng(seed)
    crack = np.zeros(shape, np.float32)
    corners = rng.integers(20, shape[0] - 20, (4, 1, 2)).astype(np.int32)
    cv2.polylines(crack, [corners], False, 1.0, int(rng.integers(1, 5)))
    near = cv2.GaussianBlur(crack, (0, 0), rng.uniform(2, 8))
    near /= near.max()
    noise = rng.laplace(size=shape)
    if seed % 2:
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.5, 1.5))
    return (near * (0.3 + np.abs(noise)) + (0.1 * near + 0.02) * noise).astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_simple_equals_the_slow_rule(seed):
    relevance = relevance_like(seed)
    for values in (relevance, -relevance, np.exp(4 * relevance), relevance[:1], relevance[:, :7]):
        assert np.array_equal(simple(values).mask, slow_simple(values))


def test_simple_threshold_is_in_units_of_the_relevance():
    relevance = 1000 + 50 * relevance_like(1)
    found = simple(relevance)
    assert (found.mask == (relevance > found.threshold)).mean() > 0.999


def test_simple_of_two_levels_lies_half_way():
    relevance = np.zeros((10, 10), np.float32)
    relevance[:2] = 8.0
    assert simple(relevance).threshold == pytest.approx(4.0)


def test_gmm_matches_the_reference_implementation():
    """Median IoU >= 0.97 with scikit-learn's mixture, and a likelihood that is no worse."""
    mixtures = pytest.importorskip("sklearn.mixture")
    overlaps, gains = [], []
    for seed in range(12):
        relevance = relevance_like(seed)
        values = cv2.medianBlur(relevance, 3).astype(np.float64)
        values = (values - values.min()) / np.ptp(values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reference = mixtures.GaussianMixture(3, random_state=0).fit(values.reshape(-1, 1))
        highest = reference.predict([[1.0]])[0]
        expected = reference.predict_proba(values.reshape(-1, 1))[:, highest].reshape(values.shape) > 0.5
        expected = ~expected if expected.mean() > 0.5 else expected
        mask = gmm(relevance).mask
        overlaps.append((mask & expected).sum() / (mask | expected).sum())
        joint = fit_mixture(values).log_densities(values.ravel())
        gains.append(np.logaddexp.reduce(joint, axis=0).mean() - reference.score(values.reshape(-1, 1)))
    assert np.median(overlaps) >= 0.97
    assert np.median(gains) >= 0
    assert min(gains) >= -1e-3


def test_gmm_finds_three_known_gaussians():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0.2, 0.03, 20000), rng.normal(0.5, 0.05, 8000), rng.normal(0.8, 0.02, 2000)])
    mixture = fit_mixture(np.clip(values, 0, 1))
    order = np.argsort(mixture.means)
    assert mixture.means[order] == pytest.approx([0.2, 0.5, 0.8], abs=0.01)
    assert mixture.weights[order] == pytest.approx([2 / 3, 4 / 15, 1 / 15], abs=0.01)
    assert np.sqrt(mixture.variances[order]) == pytest.approx([0.03, 0.05, 0.02], abs=0.005)


def test_gmm_says_when_the_median_filter_left_nothing():
    relevance = np.zeros((20, 20), np.float32)
    relevance[4, 4] = 1.0
    found = gmm(relevance)
    assert not found.mask.any()
    assert found.reason
