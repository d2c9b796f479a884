"""What is loaded is what was saved, or a sentence that says why not."""

import hashlib
import pickle
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch
from tiny_networks import random_patches, tiny_network

from monitor.errors import UnknownNameError, WeightsError
from monitor.networks.training import as_batch
from monitor.networks.unet import Unet, UnetLayout
from monitor.networks.weights import (
    MANIFEST,
    SHIPPED,
    load_classifier,
    load_segmenter,
    manifest,
    save_classifier,
    save_segmenter,
)

STORY = {"data": [{"name": "stripes", "licence": "CC0-1.0"}], "scores": {"epochs": 3}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one classifier, `first`."""
    save_classifier(tiny_network(1), "first", tmp_path / "weights", 1.7, 0.42, STORY)
    return tmp_path / "weights"


def change_entry(folder: Path, change: Callable[[dict[str, Any]], object], name: str = "first") -> None:
    entries = manifest(folder)
    change(entries[name])
    (folder / MANIFEST).write_text(tomli_w.dumps(entries), encoding="utf-8")


def test_a_classifier_comes_back_as_it_was_saved(folder: Path) -> None:
    saved, found = tiny_network(1), load_classifier("first", folder)
    assert (found.name, found.temperature, found.threshold) == ("first", 1.7, 0.42)
    assert found.network.layout == saved.layout
    assert found.patch_px == saved.layout.patch_px
    assert found.sha256 == hashlib.sha256((folder / "first.safetensors").read_bytes()).hexdigest()
    assert not found.network.training
    for name, value in saved.state_dict().items():
        loaded = found.network.state_dict()[name]
        assert loaded.dtype == torch.float32
        assert loaded.device == torch.device("cpu")
        assert torch.equal(loaded, value.half().float()), name


def test_half_precision_hardly_changes_the_logits(folder: Path) -> None:
    batch = as_batch(random_patches(8))
    with torch.inference_mode():
        wanted, found = tiny_network(1)(batch), load_classifier("first", folder).network(batch)
    torch.testing.assert_close(found, wanted, rtol=0.01, atol=0.01)


def test_saving_again_gives_the_same_file_and_a_loaded_network_saves_alike(folder: Path, tmp_path: Path) -> None:
    once = (folder / "first.safetensors").read_bytes()
    again = save_classifier(load_classifier("first", folder).network, "first", tmp_path / "again", 1.7, 0.42, STORY)
    assert again.read_bytes() == once
    assert manifest(tmp_path / "again") == manifest(folder)


def test_a_path_names_the_file_and_the_manifest_beside_it(folder: Path) -> None:
    by_path = load_classifier(str(folder / "first.safetensors"))
    assert by_path.sha256 == load_classifier("first", folder).sha256
    assert by_path.name == "first"


def test_the_story_stays_in_the_manifest_and_others_beside_it(folder: Path) -> None:
    save_classifier(tiny_network(2), "second", folder, 1.0, 0.5, {})
    entries = manifest(folder)
    assert sorted(entries) == ["first", "second"]
    assert entries["first"]["scores"] == STORY["scores"]
    assert entries["first"]["data"] == STORY["data"]
    assert load_classifier("first", folder).sha256 != load_classifier("second", folder).sha256


def test_a_segmenter_comes_back_as_it_was_saved_beside_a_classifier(folder: Path) -> None:
    torch.manual_seed(1)
    saved = Unet(UnetLayout(4))
    path = save_segmenter(saved, "seer", folder, 0.35, STORY)
    for found in (load_segmenter("seer", folder), load_segmenter(str(path))):
        assert (found.name, found.level) == ("seer", 0.35)
        assert found.network.layout == saved.layout
        assert not found.network.training
        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        for name, value in saved.state_dict().items():
            assert torch.equal(found.network.state_dict()[name], value.half().float()), name
    assert manifest(folder)["seer"]["data"] == STORY["data"]
    assert load_classifier("first", folder).threshold == 0.42


def test_a_network_of_the_other_kind_is_refused(folder: Path) -> None:
    save_segmenter(Unet(UnetLayout(4)), "seer", folder, 0.35, {})
    with pytest.raises(WeightsError, match="'unet', but 'vgg11' is needed"):
        load_classifier("seer", folder)
    with pytest.raises(WeightsError, match="'vgg11', but 'unet' is needed"):
        load_segmenter("first", folder)


@pytest.mark.parametrize("position", [0, 200, -1])
def test_an_altered_file_is_refused(folder: Path, position: int) -> None:
    path = folder / "first.safetensors"
    stored = bytearray(path.read_bytes())
    stored[position] ^= 1
    path.write_bytes(stored)
    with pytest.raises(WeightsError, match=r"first\.safetensors is not the one its manifest describes \(sha256"):
        load_classifier("first", folder)


def test_an_absent_file_is_a_sentence_that_says_what_to_do(folder: Path) -> None:
    (folder / "first.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"first\.safetensors is absent.*Reinstall.*'analysis\.weights'"):
        load_classifier("first", folder)


def test_an_unknown_name_lists_the_known_ones(folder: Path, tmp_path: Path) -> None:
    save_classifier(tiny_network(2), "second", folder, 1.0, 0.5, {})
    with pytest.raises(UnknownNameError, match=r"'third'\. Known: first, second\."):
        load_classifier("third", folder)
    with pytest.raises(UnknownNameError, match=r"Known: none yet\."):
        load_classifier(str(tmp_path / "elsewhere.safetensors"))


def refused(folder: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load_classifier("first", folder)
    return str(caught.value)


@pytest.mark.parametrize("option", ["width", "patch_px", "head", "classes"])
def test_weights_of_another_layout_are_refused(folder: Path, option: str) -> None:
    change_entry(folder, lambda entry: entry["layout"].update({option: entry["layout"][option] * 2}))
    assert "do not fit the layout" in refused(folder)


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    change_entry(folder, lambda entry: entry.update(architecture="unet"))
    assert "'unet'" in refused(folder)


@pytest.mark.parametrize("key", ["file", "sha256", "architecture", "layout", "temperature", "threshold"])
def test_an_incomplete_entry_is_refused_with_a_sentence(folder: Path, key: str) -> None:
    change_entry(folder, lambda entry: entry.pop(key))
    sentence = refused(folder)
    assert key in sentence
    assert str(folder / MANIFEST) in sentence


def test_an_unknown_layout_option_is_refused_with_a_sentence(folder: Path) -> None:
    change_entry(folder, lambda entry: entry["layout"].update(dropout=0.5))
    assert "dropout" in refused(folder)


@pytest.mark.parametrize("content", [b"[first", b"\xff\xfe[first]", b"first = 3"])
def test_an_unreadable_manifest_is_a_sentence(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    assert str(folder / MANIFEST) in refused(folder)


class Bomb:
    """Leaves a trace when a pickle of it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.trace,)


def test_a_pickle_is_never_read(folder: Path, tmp_path: Path) -> None:
    """Not even one that the manifest vouches for, in either of the two ways of torch and plain."""
    trace, path = tmp_path / "trace", folder / "first.safetensors"
    pickle.loads(pickle.dumps(Bomb(trace)))
    assert trace.exists(), "the bomb must work, or this test shows nothing"
    trace.unlink()
    torch.save({"weight": Bomb(trace)}, tmp_path / "torch.pt")
    for stored in (pickle.dumps(Bomb(trace)), (tmp_path / "torch.pt").read_bytes()):
        path.write_bytes(stored)
        change_entry(folder, lambda entry, stored=stored: entry.update(sha256=hashlib.sha256(stored).hexdigest()))
        refused(folder)
        assert not trace.exists()


@pytest.mark.parametrize("value", [float("nan"), 1e5])
def test_weights_that_half_precision_cannot_hold_are_not_saved(tmp_path: Path, value: float) -> None:
    network = tiny_network()
    with torch.no_grad():
        next(network.parameters())[0, 0, 0, 0] = value
    with pytest.raises(WeightsError, match="float16"):
        save_classifier(network, "diverged", tmp_path / "weights", 1.0, 0.5, {})
    assert not (tmp_path / "weights").exists()


def shipped(architecture: str) -> list[str]:
    return sorted(name for name, entry in manifest(SHIPPED).items() if entry["architecture"] == architecture)


def test_both_kinds_are_shipped_and_small() -> None:
    assert "default" in shipped("vgg11")
    assert "segmenter" in shipped("unet")
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 40e6


@pytest.mark.parametrize("name", shipped("unet"))
def test_a_shipped_segmenter_can_be_loaded(name: str) -> None:
    found = load_segmenter(name)
    assert 0 < found.level < 1
    assert all(np.isfinite(value.numpy()).all() for value in found.network.state_dict().values())


@pytest.mark.parametrize("name", shipped("vgg11"))
def test_what_is_shipped_can_be_loaded(name: str) -> None:
    found = load_classifier(name)
    assert 0 < found.threshold < 1
    assert found.temperature > 0
    assert not found.network.layout.batch_norm, "LRP's rules are made for networks without batch norm"
    assert all(np.isfinite(value.numpy()).all() for value in found.network.state_dict().values())


def test_the_manifest_is_plain_toml(folder: Path) -> None:
    entry = tomllib.loads((folder / MANIFEST).read_text(encoding="utf-8"))["first"]
    assert entry["file"] == "first.safetensors"
    assert entry["layout"] == tiny_network(1).layout.as_options()
