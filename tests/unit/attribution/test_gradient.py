"""Captum's methods against their definitions restated slowly, in few images at once and without traces."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from tiny_networks import BATCH, SIDE_PX, random_patches, tiny_classifier
from torch import Tensor, nn

from monitor.attribution import gradient
from monitor.attribution.base import Beside, attribution
from monitor.attribution.baselines import fitted, load_baselines, save_baselines
from monitor.attribution.sums import promised_sum, relative_errors
from monitor.errors import MisuseError
from monitor.networks.training import as_batch
from monitor.networks.weights import Classifier

CAPTUM = (
    "input_x_gradient", "integrated_gradients", "integrated_gradients_zero", "deep_lift", "deep_lift_zero",
    "deep_lift_published", "deep_lift_shap", "deep_lift_shap_published", "gradient_shap", "gradient_shap_zero",
)  # fmt: skip


@pytest.fixture
def classifier() -> Classifier:
    return tiny_classifier()


def crack_gradient(network: nn.Module, images: Tensor) -> Tensor:
    """Of the crack logit of each image (n, 3, side, side)."""
    images = images.detach().requires_grad_()
    return torch.autograd.grad(network(images)[:, 1].sum(), images)[0]


def close(found: Any, wanted: Tensor) -> None:
    mean = wanted.mean(dim=1).numpy()
    np.testing.assert_allclose(found, mean, rtol=0, atol=1e-4 * np.abs(mean).max())


def test_input_x_gradient_is_the_slope_times_the_input(classifier: Classifier) -> None:
    patches = random_patches(2)
    image = as_batch(patches).double()
    network = tiny_classifier().network.double()
    wanted = torch.zeros_like(image)
    for row, col in ((3, 4), (16, 17), (31, 0)):
        for colour in range(3):
            step = torch.zeros_like(image)
            step[:, colour, row, col] = 1e-6
            slope = (network(image + step) - network(image - step))[:, 1] / 2e-6
            wanted[:, colour, row, col] = slope * image[:, colour, row, col]
    found = attribution("input_x_gradient", classifier, BATCH).explain(patches)
    there = (wanted != 0).any(dim=1).numpy()
    assert there.sum() == 6
    np.testing.assert_allclose(found[there], wanted.mean(dim=1).detach().numpy()[there], rtol=1e-3, atol=1e-7)


def test_integrated_gradients_follow_the_straight_way(classifier: Classifier) -> None:
    patches, beside = random_patches(2), Beside(baselines=random_patches(3, 5))
    images, start = as_batch(patches), as_batch(random_patches(3, 5)).mean(dim=0, keepdim=True)
    points, weights = np.polynomial.legendre.leggauss(50)
    total = torch.zeros_like(images)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        total += weight * crack_gradient(classifier.network, start + float(point) * (images - start))
    close(attribution("integrated_gradients", classifier, BATCH, beside).explain(patches), total * (images - start))


def flat_classifier(rng: np.random.Generator, hidden: int) -> Classifier:
    """One hidden layer on 4 x 4 patches; without one it is linear."""
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(48, hidden or 2)]
    if hidden:
        layers += [nn.ReLU(), nn.Linear(hidden, 2)]
    network: Any = nn.Sequential(*layers)
    network.layout = SimpleNamespace(patch_px=4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.from_numpy(rng.standard_normal(parameter.shape)))
    return Classifier("flat", network.eval(), 1.0, 0.5, "0" * 64)


def test_deep_lift_rescales_by_differences_from_the_baseline() -> None:
    classifier = flat_classifier(np.random.default_rng(0), 7)
    first, last = (layer for layer in classifier.network.modules() if isinstance(layer, nn.Linear))
    patches, baselines = random_patches(2, 1, 4), random_patches(2, 2, 4)
    x, b = as_batch(patches).flatten(1), as_batch(baselines).mean(dim=0, keepdim=True).flatten(1)
    with torch.no_grad():
        z, still = first(x), first(b)
        multiplier = (z.clamp(min=0) - still.clamp(min=0)) / (z - still)
        wanted = (x - b) * ((last.weight[1] * multiplier) @ first.weight)
    found = attribution("deep_lift", classifier, BATCH, Beside(baselines=baselines)).explain(patches)
    close(found, wanted.view(2, 3, 4, 4))


def test_published_deep_lift_shap_in_parts_is_captums_whole_one(classifier: Classifier) -> None:
    patches, baselines = random_patches(2), random_patches(10, 3)
    found = attribution("deep_lift_shap_published", classifier, BATCH, Beside(baselines=baselines)).explain(patches)
    with gradient.left_as_found(classifier.network):
        images = as_batch(patches).requires_grad_()
        shap = captum.attr.DeepLiftShap(classifier.network)
        # One patch at a time: captum mixes those of a batch (captum issue 1276).
        whole = torch.cat([shap.attribute(image[None], as_batch(baselines), target=1) for image in images])
    close(found, whole.detach())


def test_deep_lift_shap_is_the_mean_of_deep_lift(classifier: Classifier) -> None:
    patches, baselines = random_patches(2), random_patches(3, 3)
    found = attribution("deep_lift_shap", classifier, BATCH, Beside(baselines=baselines)).explain(patches)
    parts = [
        attribution("deep_lift", classifier, BATCH, Beside(baselines=one[None])).explain(patches) for one in baselines
    ]
    np.testing.assert_allclose(found, np.mean(parts, axis=0), rtol=0, atol=1e-6 * np.abs(found).max())


def test_deep_lift_as_captum_gives_it_misses_its_promise(classifier: Classifier) -> None:
    """When this fails, captum has mended it: take out `spaced`."""
    patches = random_patches(3)
    for name, kept in (("deep_lift", True), ("deep_lift_published", False)):
        method = attribution(name, classifier, BATCH)
        promised = promised_sum(method, patches)
        assert promised is not None
        assert (relative_errors(method.explain(patches), promised) < 0.01).all() is np.bool_(kept)


def test_integrated_gradients_in_parts_are_captums_whole_ones(classifier: Classifier) -> None:
    patches, baselines = random_patches(1), random_patches(3, 3)
    found = attribution("integrated_gradients", classifier, BATCH, Beside(baselines=baselines)).explain(patches)
    images = as_batch(patches).requires_grad_()
    start = as_batch(baselines).mean(dim=0, keepdim=True)
    close(found, captum.attr.IntegratedGradients(classifier.network).attribute(images, start, target=1).detach())


def test_gradient_shap_of_a_linear_network_is_its_weights_times_the_difference() -> None:
    classifier = flat_classifier(np.random.default_rng(0), 0)
    linear = next(layer for layer in classifier.network.modules() if isinstance(layer, nn.Linear))
    patches, baselines = random_patches(1, 1, 4), random_patches(1, 2, 4)
    difference = (as_batch(patches) - as_batch(baselines))[0].flatten()
    found = attribution("gradient_shap", classifier, 1, Beside(baselines=baselines)).explain(patches)
    weights = linear.weight[1].detach()
    spread = 4 * gradient.NOISE / np.sqrt(gradient.SAMPLES) * weights.abs().view(3, 4, 4).mean(dim=0).numpy()
    off = np.abs(found[0] - (weights * difference).view(3, 4, 4).mean(dim=0).numpy())
    assert (off < spread).all()
    assert off.max() > 0


def test_gradient_shap_leaves_the_shared_generators_alone(classifier: Classifier) -> None:
    method = attribution("gradient_shap", classifier, BATCH)
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    wanted = np.random.random(), torch.rand(1)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    method.explain(random_patches(2))
    assert (np.random.random(), torch.rand(1)) == wanted  # noqa: NPY002


@contextmanager
def watched(network: nn.Module) -> Iterator[list[int]]:
    """How many images go through the first layer, each time."""
    seen: list[int] = []
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    handle = first.register_forward_hook(lambda _layer, inputs, _output: seen.append(len(inputs[0])))
    try:
        yield seen
    finally:
        handle.remove()


@pytest.mark.parametrize("name", CAPTUM)
def test_few_images_are_in_the_network_at_once(name: str, classifier: Classifier) -> None:
    method = attribution(name, classifier, 16)
    with watched(classifier.network) as seen:
        method.explain(random_patches(5))
    assert seen
    assert max(seen) <= (gradient.SAMPLES if "gradient_shap" in name else gradient.AT_ONCE)


@pytest.mark.parametrize(
    ("name", "most"), [("deep_lift", 1e-3), ("deep_lift_shap", 1e-3), ("integrated_gradients", 0.1)]
)
@pytest.mark.parametrize("seed", range(3))
def test_relevance_comes_to_what_it_promises(name: str, most: float, seed: int) -> None:
    classifier, patches = tiny_classifier(seed), random_patches(3, seed)
    method = attribution(name, classifier, BATCH)
    promised = promised_sum(method, patches)
    assert promised is not None
    scale = np.abs(method.explain(patches)).sum(axis=(1, 2)) * 3
    off = relative_errors(method.explain(patches), promised) * np.abs(promised)
    assert (off < most * scale).all()


def test_the_zero_baseline_is_black(classifier: Classifier) -> None:
    patches = random_patches(2)
    black = Beside(baselines=np.zeros((1, SIDE_PX, SIDE_PX, 3), np.uint8))
    for name in ("integrated_gradients", "deep_lift", "gradient_shap"):
        zero = attribution(f"{name}_zero", classifier, BATCH).explain(patches)
        np.testing.assert_array_equal(zero, attribution(name, classifier, BATCH, black).explain(patches))
        assert not np.array_equal(zero, attribution(name, classifier, BATCH).explain(patches))


def test_the_recipe_tells_baselines_apart(classifier: Classifier) -> None:
    options = [
        attribution("deep_lift", classifier, BATCH, Beside(baselines=random_patches(2, seed))).as_options()
        for seed in (0, 1)
    ]
    assert options[0]["baselines_sha256"] != options[1]["baselines_sha256"]


def test_shipped_baselines_fit_any_patch() -> None:
    shipped = load_baselines()
    assert shipped.shape == (gradient.SAMPLE, 128, 128, 3)
    assert fitted(shipped, 32).shape == (gradient.SAMPLE, 32, 32, 3)
    assert fitted(shipped, 256).shape == (gradient.SAMPLE, 256, 256, 3)


def test_baselines_are_read_as_they_were_kept(tmp_path: Any) -> None:
    save_baselines(random_patches(3), tmp_path / "mine.npz")
    np.testing.assert_array_equal(load_baselines(tmp_path / "mine.npz"), random_patches(3))
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    for path in (tmp_path / "torn.npz", tmp_path / "absent.npz"):
        with pytest.raises(MisuseError, match="crackmonitor baselines"):
            load_baselines(path)
    save_baselines(random_patches(1)[0], tmp_path / "flat.npz")
    with pytest.raises(MisuseError, match="at least one square"):
        load_baselines(tmp_path / "flat.npz")
