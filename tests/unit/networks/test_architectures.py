"""Every architecture in the table is saved, loaded, and told from every other one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_networks import SIDE_PX, tiny_bcos, tiny_classifier, tiny_explainer, tiny_network

from monitor.errors import WeightsError
from monitor.networks import weights
from monitor.networks.autoencoder import Autoencoder, AutoencoderLayout
from monitor.networks.unet import Unet, UnetLayout
from monitor.networks.weights import (
    ARCHITECTURES,
    load_autoencoder,
    load_bcos,
    load_classifier,
    load_explainer,
    load_oracle,
    load_segmenter,
    manifest,
    save_autoencoder,
    save_classifier,
    save_explainer,
    save_segmenter,
)

Kept = tuple[torch.nn.Module, Callable[[Path], Path], Callable[..., Any]]


def kept() -> dict[str, Kept]:
    """By architecture: a network, what saves it into a folder, and what loads it."""
    vgg, bcos, unet11 = tiny_network(), tiny_bcos().network, tiny_explainer().network
    unet, autoencoder = Unet(UnetLayout(1)), Autoencoder(AutoencoderLayout(1 / 32, SIDE_PX, 8, 5))
    return {
        "vgg11": (vgg, lambda to: save_classifier(vgg, "vgg11", to, 1.5, 0.4, {}), load_classifier),
        "bcos_vgg11": (bcos, lambda to: save_classifier(bcos, "bcos_vgg11", to, 1.5, 0.4, {}), load_bcos),
        "unet": (unet, lambda to: save_segmenter(unet, "unet", to, 0.3, {}), load_segmenter),
        "unet11_oracle": (unet11, lambda to: save_segmenter(unet11, "unet11_oracle", to, 0.3, {}), load_oracle),
        "unet11_explainer": (
            unet11,
            lambda to: save_explainer(unet11, "unet11_explainer", to, tiny_classifier(), {}),
            load_explainer,
        ),
        "autoencoder": (autoencoder, lambda to: save_autoencoder(autoencoder, "autoencoder", to, {}), load_autoencoder),
    }


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_what_is_loaded_is_what_was_saved(architecture: str, tmp_path: Path) -> None:
    network, save, load = kept()[architecture]
    path = save(tmp_path)
    found = load(str(path))
    assert found.name == architecture
    assert found.sha256 == manifest(tmp_path)[architecture]["sha256"]
    assert found.network.layout == network.layout
    assert not found.network.training
    for name, value in network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value.half().float()), name
    for number in ARCHITECTURES[architecture].numbers:
        assert getattr(found, number) == manifest(tmp_path)[architecture][number]


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_another_architecture_is_refused_by_name(architecture: str, tmp_path: Path) -> None:
    all_of_them = kept()
    for _, save, _ in all_of_them.values():
        save(tmp_path)
    load = all_of_them[architecture][2]
    for other in set(ARCHITECTURES) - {architecture}:
        with pytest.raises(WeightsError, match=f"architecture '{other}', but '{architecture}' is needed here"):
            load(other, tmp_path)


def test_an_explainer_knows_its_classifier(tmp_path: Path) -> None:
    save_explainer(tiny_explainer().network, "mine", tmp_path, tiny_classifier(), {})
    found = load_explainer("mine", tmp_path)
    assert (found.explains, found.explains_sha256) == ("tiny", tiny_classifier().sha256)
    entries = manifest(tmp_path)
    del entries["mine"]["explains"]
    (tmp_path / weights.MANIFEST).write_text(weights.tomli_w.dumps(entries))
    with pytest.raises(WeightsError, match="incomplete or wrong"):
        load_explainer("mine", tmp_path)
