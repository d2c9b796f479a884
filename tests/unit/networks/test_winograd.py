"""Winograd's convolution is a convolution."""

import pytest
import torch
from torch.nn import functional

from monitor.networks.winograd import WinogradConvolution


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(4, 4), (8, 12), (1, 1), (3, 2), (5, 9), (16, 7)])
@pytest.mark.parametrize("count", [1, 3])
def test_it_is_the_convolution_at_any_size(size: tuple[int, int], count: int) -> None:
    inputs, weight, bias = drawn(0, count, 5, *size), drawn(1, 7, 5, 3, 3), drawn(2, 7)
    wanted = functional.conv2d(inputs.double(), weight.double(), padding=1)
    for offset in (None, bias):
        found = WinogradConvolution(weight, offset)(inputs)
        shifted = wanted if offset is None else wanted + offset.double()[:, None, None]
        torch.testing.assert_close(found.double(), shifted, rtol=0, atol=1e-5 * float(shifted.abs().max()))


def test_the_inputs_and_weights_are_left_alone() -> None:
    inputs, weight, bias = drawn(0, 1, 3, 8, 8), drawn(1, 4, 3, 3, 3), drawn(2, 4)
    before = [each.clone() for each in (inputs, weight, bias)]
    WinogradConvolution(weight, bias)(inputs).zero_()
    assert all(torch.equal(*pair) for pair in zip((inputs, weight, bias), before, strict=True))
