"""Shipped and home-made weights: safetensors in half precision beside a manifest that says what they are.

`weights.toml` holds one table per network: file, sha256, architecture, layout, calibration, the data it was
trained on with licences, the recipe and the scores. A file whose hash differs from its entry is refused.
"""

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from monitor.errors import UnknownNameError, WeightsError
from monitor.networks.autoencoder import Autoencoder, AutoencoderLayout
from monitor.networks.bcos import BcosLayout, BcosVgg11
from monitor.networks.unet import Unet, UnetLayout
from monitor.networks.unet11 import Unet11, Unet11Layout
from monitor.networks.vgg import Vgg11, Vgg11Layout

SHIPPED = Path(__file__).with_name("weights")
MANIFEST = "weights.toml"

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Architecture:
    """What a file of weights may hold: how its network is built from the layout in the manifest, and which numbers
    stand there beside it.
    """

    build: Callable[[dict[str, Any]], nn.Module]
    numbers: tuple[str, ...] = ()


#: By the name in the manifest.
ARCHITECTURES: dict[str, Architecture] = {
    "vgg11": Architecture(lambda options: Vgg11(Vgg11Layout(**options)), ("temperature", "threshold")),
    "unet": Architecture(lambda options: Unet(UnetLayout(**options)), ("level",)),
    "bcos_vgg11": Architecture(lambda options: BcosVgg11(BcosLayout(**options)), ("temperature", "threshold")),
    "unet11_explainer": Architecture(lambda options: Unet11(Unet11Layout(**options))),
    "unet11_oracle": Architecture(lambda options: Unet11(Unet11Layout(**options)), ("level",)),
    "autoencoder": Architecture(lambda options: Autoencoder(AutoencoderLayout(**options))),
}


@dataclass(frozen=True)
class Segmenter:
    """A network that marks crack pixels, ready for use: float32, in evaluation mode, on its device.

    `level` is the probability from which a pixel counts as crack.
    """

    name: str
    network: Unet | Unet11
    level: float
    sha256: str


@dataclass(frozen=True)
class Explainer:
    """A network that gives the mask by which a classifier knows each kind of damage; float32, in evaluation mode.

    `explains` and `explains_sha256` say which classifier it was taught with; it explains no other one.
    """

    name: str
    network: Unet11
    explains: str
    explains_sha256: str
    sha256: str


@dataclass(frozen=True)
class Reconstructor:
    """An autoencoder of damage-free patches, ready for use: float32, in evaluation mode, on its device."""

    name: str
    network: Autoencoder
    sha256: str


@dataclass(frozen=True)
class Classifier:
    """A patch classifier ready for use: float32, in evaluation mode, on its device.

    `threshold` is the crack probability (after division of the logits by `temperature`) from which a patch
    counts as cracked. `head_sha256` names the last layer where it was adapted to a site.
    """

    name: str
    network: Vgg11
    temperature: float
    threshold: float
    sha256: str
    head_sha256: str | None = None

    @property
    def patch_px(self) -> int:
        """Side of the patches the network takes."""
        return self.network.layout.patch_px


@dataclass(frozen=True)
class BcosClassifier:
    """A patch classifier that explains itself; its numbers are those of a `Classifier`."""

    name: str
    network: BcosVgg11
    temperature: float
    threshold: float
    sha256: str

    @property
    def patch_px(self) -> int:
        """Side of the patches the network was taught on."""
        return self.network.layout.patch_px


def manifest(folder: Path = SHIPPED) -> dict[str, dict[str, Any]]:
    """All entries of a folder's `weights.toml`; empty when there is none."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"The weights manifest {path} cannot be read: {error}.") from error


def save_classifier(
    network: Vgg11 | BcosVgg11, name: str, folder: Path, temperature: float, threshold: float, story: dict[str, Any]
) -> Path:
    """Write a classifier as `_save` does, with its calibration."""
    architecture = "vgg11" if isinstance(network, Vgg11) else "bcos_vgg11"
    return _save(network, architecture, name, folder, {"temperature": temperature, "threshold": threshold, **story})


def save_segmenter(network: Unet | Unet11, name: str, folder: Path, level: float, story: dict[str, Any]) -> Path:
    """Write a segmenter, or a supervised oracle, as `_save` does, with the probability from which a pixel counts."""
    architecture = "unet" if isinstance(network, Unet) else "unet11_oracle"
    return _save(network, architecture, name, folder, {"level": level, **story})


def save_explainer(network: Unet11, name: str, folder: Path, classifier: Classifier, story: dict[str, Any]) -> Path:
    """Write an explainer as `_save` does, with the classifier it explains."""
    explained = {"explains": classifier.name, "explains_sha256": classifier.sha256}
    return _save(network, "unet11_explainer", name, folder, {**explained, **story})


def save_autoencoder(network: Autoencoder, name: str, folder: Path, story: dict[str, Any]) -> Path:
    """Write an autoencoder as `_save` does."""
    return _save(network, "autoencoder", name, folder, story)


def _save(
    network: Vgg11 | BcosVgg11 | Unet | Unet11 | Autoencoder,
    architecture: str,
    name: str,
    folder: Path,
    entry: dict[str, Any],
) -> Path:
    """Write `<name>.safetensors` (float16) into `folder` and its entry into the manifest; returns the file.

    The entry holds what a reader wants to know, too: data with licences, recipe, scores. Raises `WeightsError` when
    the weights are not finite numbers or too large for float16.
    """
    halves = {key: value.half().contiguous() for key, value in network.state_dict().items()}
    if not all(value.isfinite().all() for value in halves.values()):
        raise WeightsError(f"The weights '{name}' hold numbers that float16 cannot: the training diverged. Teach anew.")
    folder.mkdir(parents=True, exist_ok=True)
    stored = save_tensors(halves)
    path = folder / f"{name}.safetensors"
    path.write_bytes(stored)
    entries = manifest(folder)
    entries[name] = {
        "file": path.name,
        "sha256": hashlib.sha256(stored).hexdigest(),
        "architecture": architecture,
        "layout": network.layout.as_options(),
        **entry,
    }
    (folder / MANIFEST).write_text(tomli_w.dumps(entries), encoding="utf-8")
    return path


def load_classifier(name: str, folder: Path = SHIPPED, device: torch.device | None = None) -> Classifier:
    """The classifier of that name (or path of a `.safetensors` file with a manifest beside it).

    Raises `UnknownNameError` for a name without an entry, `WeightsError` when the file is absent, altered,
    unreadable or of another architecture. A pickle is never read.
    """
    entry = _entry(name, folder, "vgg11")
    temperature, threshold = entry.numbers["temperature"], entry.numbers["threshold"]
    return Classifier(entry.name, _filled(Vgg11, entry, device), temperature, threshold, entry.sha256)


def load_segmenter(name: str, folder: Path = SHIPPED, device: torch.device | None = None) -> Segmenter:
    """The segmenter of that name, found and refused as `load_classifier` does it."""
    entry = _entry(name, folder, "unet")
    return Segmenter(entry.name, _filled(Unet, entry, device), **entry.numbers, sha256=entry.sha256)


def load_bcos(name: str, folder: Path = SHIPPED, device: torch.device | None = None) -> BcosClassifier:
    """The B-cos classifier of that name, found and refused as `load_classifier` does it."""
    entry = _entry(name, folder, "bcos_vgg11")
    return BcosClassifier(entry.name, _filled(BcosVgg11, entry, device), **entry.numbers, sha256=entry.sha256)


def load_explainer(name: str, folder: Path = SHIPPED, device: torch.device | None = None) -> Explainer:
    """The explainer of that name, found and refused as `load_classifier` does it."""
    entry = _entry(name, folder, "unet11_explainer", ("explains", "explains_sha256"))
    return Explainer(entry.name, _filled(Unet11, entry, device), **entry.words, sha256=entry.sha256)


def load_oracle(name: str, folder: Path = SHIPPED, device: torch.device | None = None) -> Segmenter:
    """The supervised oracle of that name, found and refused as `load_classifier` does it."""
    entry = _entry(name, folder, "unet11_oracle")
    return Segmenter(entry.name, _filled(Unet11, entry, device), **entry.numbers, sha256=entry.sha256)


def load_autoencoder(name: str, folder: Path = SHIPPED, device: torch.device | None = None) -> Reconstructor:
    """The autoencoder of that name, found and refused as `load_classifier` does it."""
    entry = _entry(name, folder, "autoencoder")
    return Reconstructor(entry.name, _filled(Autoencoder, entry, device), entry.sha256)


@dataclass(frozen=True)
class _Entry:
    """What loading needs of one table of the manifest."""

    name: str
    path: Path
    sha256: str
    architecture: str
    layout: dict[str, Any]
    numbers: dict[str, float]
    words: dict[str, str]


def _entry(name: str, folder: Path, architecture: str, words: tuple[str, ...] = ()) -> _Entry:
    if name.endswith(".safetensors"):
        folder, name = Path(name).parent, Path(name).stem
    entries, path = manifest(folder), folder / MANIFEST
    if name not in entries:
        raise UnknownNameError(f"weights (looked in {path})", name, entries)
    entry = entries[name]
    try:
        if entry["architecture"] != architecture:
            raise WeightsError(
                f"The weights '{name}' in {path} are of the architecture '{entry['architecture']}', "
                f"but '{architecture}' is needed here. Choose other weights."
            )
        numbers = {key: float(entry[key]) for key in ARCHITECTURES[architecture].numbers}
        told = {key: str(entry[key]) for key in words}
        file = folder / entry["file"]
        return _Entry(name, file, entry["sha256"], architecture, dict(entry["layout"]), numbers, told)
    except (KeyError, TypeError, ValueError) as error:
        raise _incomplete(name, path, error) from error


def _filled(kind: type[Network], entry: _Entry, device: torch.device | None) -> Network:
    """The network with its weights in it: float32, in evaluation mode, on its device."""
    try:
        network = ARCHITECTURES[entry.architecture].build(entry.layout)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _incomplete(entry.name, entry.path.parent / MANIFEST, error) from error
    try:
        network.load_state_dict(load_tensors(_verified(entry.path, entry.sha256)))
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"The weights {entry.path} do not fit the layout in {MANIFEST}: {error}. Install them anew."
        ) from error
    assert isinstance(network, kind)
    return network.float().eval().to(device or torch.device("cpu"))


def _incomplete(name: str, path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"The entry '{name}' in {path} is incomplete or wrong ({error}). Install the weights anew.")


def _verified(path: Path, sha256: str) -> bytes:
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"The weights file {path} is absent or unreadable ({error}). Reinstall crackmonitor, or point "
            "'analysis.weights' in the settings to another file."
        ) from error
    if hashlib.sha256(stored).hexdigest() != sha256:
        raise WeightsError(
            f"The weights file {path} is not the one its manifest describes (sha256 differs). "
            "Reinstall crackmonitor, or put the file back that belongs to the manifest."
        )
    return stored
