"""The segmenter answers for every pixel, and folding batch norm away changes nothing."""

import pytest
import torch
from torch import nn

from monitor.networks.unet import UNET_STEP_PX, Unet, UnetLayout, folded_unet


def network(layout: UnetLayout, seed: int = 0) -> Unet:
    """Weights, and running means and variances, that are not those of a new network."""
    torch.manual_seed(seed)
    made = Unet(layout)
    with torch.no_grad():
        for layer in made.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_()
                layer.running_var.uniform_(0.5, 2)
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_()
    return made.eval()


@pytest.mark.parametrize("shape", [(16, 16), (64, 48), (128, 128)])
def test_every_pixel_has_an_answer(shape: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert network(UnetLayout(4))(torch.rand(2, 3, *shape)).shape == (2, 1, *shape)


def test_other_sizes_do_not_go_in() -> None:
    with pytest.raises(RuntimeError), torch.inference_mode():
        network(UnetLayout(4))(torch.rand(1, 3, UNET_STEP_PX + 2, UNET_STEP_PX))


def test_an_answer_moves_with_the_picture() -> None:
    """What the network says of a place does not depend on where in the picture it lies, away from the border."""
    picture = torch.rand(1, 3, 256, 256)
    with torch.inference_mode():
        whole = network(UnetLayout(4))(picture)
        part = network(UnetLayout(4))(picture[..., UNET_STEP_PX:, UNET_STEP_PX:])
    inner = slice(96, 144)
    torch.testing.assert_close(part[..., inner, inner], whole[..., UNET_STEP_PX:, UNET_STEP_PX:][..., inner, inner])


@pytest.mark.parametrize("width", [2, 8])
def test_folding_changes_nothing(width: int) -> None:
    normed = network(UnetLayout(width, batch_norm=True))
    plain = folded_unet(normed)
    assert plain.layout == UnetLayout(width)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in plain.modules())
    batch = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = normed(batch)
        torch.testing.assert_close(plain(batch), wanted, rtol=1e-4, atol=1e-4)
        assert wanted.std() > 1e-3
    assert folded_unet(plain) is plain
