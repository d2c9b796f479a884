"""A segmenter is heard unless the classifier calls a patch clearly sound, and only then."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from tiny_networks import BATCH, random_patches, tiny_classifier

from monitor.networks.adaptation import see
from monitor.networks.classification import crack_probability
from monitor.networks.second_opinion import Judge, SecondOpinion
from monitor.networks.segmenting import crack_pixels
from monitor.networks.unet import Unet, UnetLayout
from monitor.networks.weights import Segmenter

HOW = SecondOpinion(asked_from=0.4, surest_px=5, weight=0.5, neutral=0.8)


def segmenter() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter("tiny", Unet(UnetLayout(4)).eval(), 0.5, "3" * 64)


def pixels(surest: float, count: int = 1) -> np.ndarray:
    """Patches of which five pixels are seen as cracked as that, all others not at all."""
    seen = np.zeros((count, 8, 8), np.float32)
    seen[:, 3, 1:6] = surest
    return seen


def test_what_is_neutral_changes_nothing_and_more_or_less_does_to_a_bound() -> None:
    votes = [float(HOW.vote(pixels(surest))[0]) for surest in (0.0, 0.3, 0.8, 0.95, 1.0)]
    assert votes == sorted(votes)
    assert votes[2] == pytest.approx(0, abs=1e-6)
    assert votes[3] == pytest.approx(0.5 * (logit(0.95) - logit(0.8)), abs=1e-5)
    assert np.isfinite(votes).all()
    assert votes[4] == pytest.approx(0.5 * (logit(0.997) - logit(0.8)))


def test_only_patches_that_may_be_cracked_are_asked_about_and_each_once() -> None:
    asked: list[list[int]] = []

    def seen(which: np.ndarray) -> np.ndarray:
        asked.append(which.tolist())
        return pixels(0.95, len(which))

    alone = np.array([0.1, 0.5, 0.39, 0.4, 0.9])
    told = Judge(tiny_classifier(), segmenter(), HOW).heard(alone, seen)
    assert asked == [[1, 3, 4]]
    assert told[[0, 2]].tolist() == [0.1, 0.39]
    vote = 0.5 * (logit(0.95) - logit(0.8))
    np.testing.assert_allclose(told[[1, 3, 4]], expit(logit(alone[[1, 3, 4]]) + vote), rtol=1e-5)
    assert alone.tolist() == [0.1, 0.5, 0.39, 0.4, 0.9]


def test_without_a_segmenter_the_classifier_judges_alone() -> None:
    patches = random_patches(2 * BATCH + 1)
    assert np.array_equal(
        Judge(tiny_classifier()).probability(patches, BATCH), crack_probability(tiny_classifier(), patches, BATCH)
    )


def test_patches_are_judged_by_both() -> None:
    patches, other = random_patches(2 * BATCH + 1), segmenter()
    classifier = replace(tiny_classifier(), threshold=0.9)
    alone = crack_probability(classifier, patches, BATCH)
    how = replace(HOW, asked_from=float(np.median(alone)))
    told = Judge(classifier, other, how).probability(patches, BATCH)
    odds = logit(alone) + how.vote(crack_pixels(other, patches, BATCH))
    doubted = alone >= how.asked_from
    np.testing.assert_allclose(told[doubted], expit(odds)[doubted], rtol=1e-4)
    assert np.array_equal(told[~doubted], alone[~doubted])
    assert not np.allclose(told, alone)


def test_no_patch_counts_as_cracked_unheard() -> None:
    """At a low threshold, more are asked about."""
    judge = Judge(replace(tiny_classifier(), threshold=0.2), segmenter(), HOW)
    told = judge.heard(np.array([0.1, 0.25, 0.5]), lambda which: pixels(0.05, len(which)))
    assert told[0] == 0.1
    assert told[1] < told[2] < 0.2


@pytest.mark.parametrize("threshold", [0.3, 0.9])
def test_what_a_head_is_refitted_beside_is_what_is_judged(threshold: float) -> None:
    patches = random_patches(2 * BATCH + 1)
    classifier = replace(tiny_classifier(temperature=1.3), threshold=threshold)
    alone = crack_probability(classifier, patches, BATCH)
    judge = Judge(classifier, segmenter(), replace(HOW, asked_from=float(np.median(alone))))
    told = see(judge, patches, BATCH).told()
    np.testing.assert_allclose(expit(told + logit(threshold)), judge.probability(patches, BATCH), atol=1e-5)
    assert not np.allclose(judge.probability(patches, BATCH), alone)
