"""What a segmenter sees in a patch depends on that patch alone."""

import numpy as np
import pytest
import torch
from tiny_networks import BATCH, random_patches

from monitor.networks.segmenting import crack_pixels
from monitor.networks.training import as_batch
from monitor.networks.unet import Unet, UnetLayout
from monitor.networks.weights import Segmenter


def segmenter() -> Segmenter:
    torch.manual_seed(3)
    return Segmenter("tiny", Unet(UnetLayout(4)).eval(), 0.5, "3" * 64)


def test_it_is_the_probability_of_each_pixel() -> None:
    patches = random_patches(BATCH)
    with torch.inference_mode():
        wanted = torch.sigmoid(segmenter().network(as_batch(patches)))[:, 0].numpy()
    found = crack_pixels(segmenter(), patches, BATCH)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.std() > 1e-4


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1])
def test_neighbours_do_not_change_a_single_bit(count: int) -> None:
    patches = random_patches(count)
    together = crack_pixels(segmenter(), patches, BATCH)
    assert together.shape == patches.shape[:3]
    for index, patch in enumerate(patches):
        np.testing.assert_array_equal(crack_pixels(segmenter(), patch[None], BATCH)[0], together[index])
