"""How long the costly parts take, kept by `make speed` and compared with the last run on the same machine.

Nothing here is a test: `make test` does not run it, since a busy machine is slow without being wrong.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monitor.attribution import lean
from monitor.imaging.registration import reference_features, register
from monitor.imaging.sparse_masks import SparseMask
from monitor.networks.weights import load_classifier
from monitor.opening.following import follow
from monitor.opening.sightings import Sighting
from monitor.segmentation import thresholds
from monitor.segmentation.morphology import postprocess
from monitor.severity.metrics import measure
from simulations.scenarios import captures, scenario
from simulations.speed import photo
from simulations.speed.attribution import random_classifier
from simulations.speed.options import BenchOptions
from simulations.speed.photos import Scene, scene
from simulations.speed.postprocessing import relevance_maps

Timed = Callable[..., Any]
OPTIONS = BenchOptions(megapixels=1.0)


@pytest.fixture(scope="module")
def shown() -> Scene:
    return scene(OPTIONS.megapixels, OPTIONS.seed)


@pytest.fixture(scope="module")
def maps() -> np.ndarray:
    found, _ = relevance_maps(OPTIONS)
    return found


def test_lrp_of_a_patch_at_full_width(benchmark: Timed) -> None:
    engine = lean.crack_lrp(random_classifier(1.0, 256, 0), 1)
    benchmark(engine.explain, np.random.default_rng(0).integers(0, 256, (1, 256, 256, 3), np.uint8))


def test_classification_and_lrp_of_16_patches_as_shipped(benchmark: Timed) -> None:
    classifier = load_classifier("default")
    patches = np.random.default_rng(0).integers(0, 256, (16, classifier.patch_px, classifier.patch_px, 3), np.uint8)
    benchmark(lean.crack_lrp(classifier, 16).explain, patches)


@pytest.mark.parametrize("method", ["simple", "gmm"])
def test_threshold(benchmark: Timed, maps: np.ndarray, method: str) -> None:
    found = thresholds.thresholder(method)
    benchmark(lambda: [found(each) for each in maps])


def test_morphology_and_severity(benchmark: Timed, maps: np.ndarray) -> None:
    masks = [thresholds.simple(each).mask for each in maps]
    benchmark(lambda: [measure(postprocess(each)) for each in masks])


def test_registration_to_a_new_reference(benchmark: Timed, shown: Scene) -> None:
    benchmark.pedantic(register, (shown.reference, shown.capture), setup=reference_features.cache_clear, rounds=7)


def test_analysis_of_a_repeat(benchmark: Timed, shown: Scene) -> None:
    analyser = photo.shipped()
    first = analyser.analyse(shown.reference)
    benchmark.pedantic(analyser.analyse, (shown.capture, shown.reference, first.mask), rounds=5, warmup_rounds=1)


def test_following_of_six_captures(benchmark: Timed) -> None:
    wall = replace(scenario("growing"), captures=6, interval_days=60.0, shape=(720, 960))
    photos = [picture for _, picture, _ in captures(wall, 0)]
    analyser = photo.shipped()
    first = analyser.analyse(photos[0])
    sightings = []
    for number, picture in enumerate(photos):
        found = first if number == 0 else analyser.analyse(picture, photos[0], first.mask)
        matrix = np.eye(3) if found.registration is None else found.registration.matrix
        if found.mask is not None and matrix is not None:
            sightings.append(Sighting(number, SparseMask.of(found.mask), picture.shape[:2], matrix))
    assert len(sightings) >= 4
    benchmark.pedantic(follow, (0, sightings, lambda key: photos[key]), rounds=5)
