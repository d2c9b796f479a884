"""The layouts are the paper's in any width, and folding batch norm away changes nothing."""

from itertools import pairwise

import pytest
import torch
from tiny_networks import random_patches, tiny_network
from torch import nn

from monitor.errors import MisuseError
from monitor.networks.training import PRESETS, as_batch
from monitor.networks.vgg import Vgg11, Vgg11Layout, folded, widened

LAYOUTS = [
    Vgg11Layout(),
    Vgg11Layout(batch_norm=True),
    Vgg11Layout(width=0.5, patch_px=128),
    Vgg11Layout(width=0.25, patch_px=128, batch_norm=True),
    Vgg11Layout(width=1 / 64, patch_px=32, head=16, classes=3),
]


def without_numbers(layout: Vgg11Layout) -> Vgg11:
    """The network on torch's meta device: shapes only, whatever its size."""
    with torch.device("meta"):
        return Vgg11(layout)


def layers(network: nn.Module, kind: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def test_the_default_layout_is_the_papers() -> None:
    network = without_numbers(Vgg11Layout())
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 256, 512, 512, 512, 512]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert {layer.padding for layer in convolutions} == {(1, 1)}
    assert network.pooling.output_size == 8
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(512 * 8 * 8, 128), (128, 128), (128, 2)]
    assert not layers(network, nn.BatchNorm2d)


@pytest.mark.parametrize(
    ("width", "patch_px", "last_channels", "side"),
    [(1.0, 256, 512, 8), (0.5, 128, 256, 4), (0.25, 128, 128, 4), (0.25, 100, 128, 3), (1 / 512, 32, 1, 1)],
)
def test_width_scales_channels_and_patch_size_scales_the_head(
    width: float, patch_px: int, last_channels: int, side: int
) -> None:
    network = without_numbers(Vgg11Layout(width=width, patch_px=patch_px))
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert convolutions[-1].out_channels == last_channels
    assert convolutions[0].in_channels == 3
    assert all(after.in_channels == before.out_channels for before, after in pairwise(convolutions))
    first = next(layer for layer in network.classifier if isinstance(layer, nn.Linear))
    assert first.in_features == last_channels * side * side


@pytest.mark.parametrize("layout", [*LAYOUTS, *(options.layout for options in PRESETS.values())])
def test_patches_of_the_layout_give_one_logit_a_class(layout: Vgg11Layout) -> None:
    patches = torch.zeros((3, 3, layout.patch_px, layout.patch_px), device="meta")
    assert without_numbers(layout)(patches).shape == (3, layout.classes)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_convolution_has_its_own_norm_only_when_asked(layout: Vgg11Layout) -> None:
    network = without_numbers(layout)
    norms = len(layers(network, nn.BatchNorm2d))
    assert norms == (len(layers(network, nn.Conv2d)) if layout.batch_norm else 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_survives_as_plain_values(layout: Vgg11Layout) -> None:
    assert Vgg11Layout(**layout.as_options()) == layout


def taught_norms(seed: int) -> Vgg11:
    """A network with batch norm whose running statistics are anything but the initial ones."""
    network = tiny_network(seed, batch_norm=True).train()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(seed))
        for step in range(3):
            network(as_batch(random_patches(8, seed=step)))
    return network.eval()


@pytest.mark.parametrize("seed", range(3))
def test_folding_gives_the_same_function_without_norms(seed: int) -> None:
    network = taught_norms(seed)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    plain = folded(network)
    assert not layers(plain, nn.BatchNorm2d)
    assert not plain.layout.batch_norm
    assert not plain.training
    batch = as_batch(random_patches(6, seed=90))
    with torch.inference_mode():
        wanted, found = network(batch), plain(batch)
    assert wanted.std() > 0.01
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_folding_without_norms_gives_an_equal_network_of_its_own() -> None:
    network = tiny_network()
    plain = folded(network)
    batch = as_batch(random_patches(2))
    with torch.inference_mode():
        wanted = network(batch)
        assert torch.equal(plain(batch), wanted)
        for parameter in plain.parameters():
            parameter.zero_()
        assert torch.equal(network(batch), wanted)


def test_a_widened_network_is_the_same_function_with_more_to_learn() -> None:
    network = folded(tiny_network())
    wider = widened(network, 4 * network.layout.width)
    batch = as_batch(random_patches(4))
    torch.testing.assert_close(wider(batch), network(batch), rtol=1e-5, atol=1e-6)
    assert wider.layout.width == 4 * network.layout.width
    wider(batch)[:, 1].sum().backward()
    heard = wider.classifier[1].weight.grad[:, network.classifier[1].in_features :]
    assert heard.abs().sum() > 0, "what is new is listened to from the first step on"


def test_only_a_finished_network_is_widened() -> None:
    with pytest.raises(MisuseError, match="folded"):
        widened(folded(tiny_network()), 1 / 128)
    with pytest.raises(MisuseError, match="folded"):
        widened(tiny_network(batch_norm=True), 1.0)
