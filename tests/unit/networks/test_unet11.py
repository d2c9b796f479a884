"""U-Net11 and the autoencoder: what goes in comes out at the same size, in any width."""

import numpy as np
import pytest
import torch
from tiny_networks import random_patches, tiny_network

from monitor.errors import MisuseError
from monitor.networks.autoencoder import Autoencoder, AutoencoderLayout
from monitor.networks.reconstruction import reconstruction_error
from monitor.networks.training import as_batch
from monitor.networks.unet11 import Unet11, Unet11Layout
from monitor.networks.weights import Reconstructor


@pytest.mark.parametrize(
    ("width", "masks", "shape"), [(1 / 32, 1, (32, 32)), (1 / 16, 2, (64, 32)), (1 / 8, 3, (32, 96))]
)
def test_every_pixel_has_an_answer_for_every_mask(width: float, masks: int, shape: tuple[int, int]) -> None:
    network = Unet11(Unet11Layout(width, masks))
    assert network(torch.rand(2, 3, *shape)).shape == (2, masks, *shape)
    with pytest.raises(ValueError, match="multiples of 32"):
        network(torch.rand(1, 3, shape[0], shape[1] + 16))


def test_at_full_width_it_is_the_published_one() -> None:
    """TernausNet's U-Net11 has 22.9 million parameters, 9.2 of them VGG11's convolutions."""
    with torch.device("meta"):
        network = Unet11(Unet11Layout())
    down = sum(parameter.numel() for parameter in network.down.parameters())
    assert down == 9_220_480
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(22.9e6, rel=0.01)


def test_it_can_start_from_a_classifiers_convolutions() -> None:
    network, classifier = Unet11(Unet11Layout(1 / 32)), tiny_network()
    network.start_from(classifier)
    batch = as_batch(random_patches(1))
    assert torch.equal(network.down[0](batch), classifier.features[:2](batch))
    with pytest.raises(MisuseError, match=r"width 0\.0625 cannot start from .* width 0\.03125"):
        Unet11(Unet11Layout(1 / 16)).start_from(classifier)


@pytest.mark.parametrize(("width", "side"), [(1 / 32, 32), (1 / 16, 64)])
def test_an_autoencoder_squeezes_patches_through_its_bottleneck(width: float, side: int) -> None:
    network = Autoencoder(AutoencoderLayout(width, side, head=8, bottleneck=5)).eval()
    batch = torch.rand(2, 3, side, side)
    assert network.bottleneck(network.encoder(batch)).shape == (2, 5)
    rebuilt = network(batch)
    assert rebuilt.shape == batch.shape
    assert 0 <= rebuilt.min() <= rebuilt.max() <= 1
    with pytest.raises(ValueError, match="multiple of 32"):
        Autoencoder(AutoencoderLayout(width, side + 1))


def test_the_error_of_each_pixel_whatever_comes_with_it() -> None:
    torch.manual_seed(0)
    network = Autoencoder(AutoencoderLayout(1 / 32, 32, head=8, bottleneck=5)).eval()
    patches = random_patches(5)
    found = reconstruction_error(Reconstructor("tiny", network, ""), patches, 4)
    assert (found.shape, found.dtype) == ((5, 32, 32), np.float32)
    with torch.inference_mode():
        rebuilt = network(as_batch(patches)).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, ((rebuilt - patches / 255) ** 2).mean(3), atol=1e-5)
    np.testing.assert_array_equal(reconstruction_error(Reconstructor("tiny", network, ""), patches[4:], 4)[0], found[4])
    assert reconstruction_error(Reconstructor("tiny", network, ""), patches[:0], 4).shape == (0, 32, 32)
