"""Shipped and home-made weights: safetensors in half precision beside a manifest that says what they are.

`weights.toml` holds one table per network: file, sha256, architecture, layout, calibration, the data it was
trained on with licences, the recipe and the scores. A file whose hash differs from its entry is refused.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from monitor.errors import UnknownNameError, WeightsError
from monitor.networks.vgg import Vgg11, Vgg11Layout

SHIPPED = Path(__file__).with_name("weights")
MANIFEST = "weights.toml"
ARCHITECTURE = "vgg11"


@dataclass(frozen=True)
class Classifier:
    """A patch classifier ready for use: float32, in evaluation mode, on its device.

    `threshold` is the crack probability (after division of the logits by `temperature`) from which a patch
    counts as cracked.
    """

    name: str
    network: Vgg11
    temperature: float
    threshold: float
    sha256: str

    @property
    def patch_px(self) -> int:
        """Side of the patches the network takes."""
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
    network: Vgg11, name: str, folder: Path, temperature: float, threshold: float, story: dict[str, Any]
) -> Path:
    """Write `<name>.safetensors` (float16) into `folder` and its entry into the manifest; returns the file.

    `story` is what a reader wants to know: data with licences, recipe, scores. Raises `WeightsError` when the
    weights are not finite numbers or too large for float16.
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
        "architecture": ARCHITECTURE,
        "layout": network.layout.as_options(),
        "temperature": temperature,
        "threshold": threshold,
        **story,
    }
    (folder / MANIFEST).write_text(tomli_w.dumps(entries), encoding="utf-8")
    return path


def load_classifier(name: str, folder: Path = SHIPPED, device: torch.device | None = None) -> Classifier:
    """The classifier of that name (or path of a `.safetensors` file with a manifest beside it).

    Raises `UnknownNameError` for a name without an entry, `WeightsError` when the file is absent, altered,
    unreadable or of another architecture. A pickle is never read.
    """
    if name.endswith(".safetensors"):
        folder, name = Path(name).parent, Path(name).stem
    entries = manifest(folder)
    if name not in entries:
        raise UnknownNameError(f"classifier weights (looked in {folder / MANIFEST})", name, entries)
    entry = _checked(entries[name], name, folder / MANIFEST)
    network = Vgg11(entry.layout)
    try:
        network.load_state_dict(load_tensors(_verified(folder / entry.file, entry.sha256)))
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"The weights {folder / entry.file} do not fit the layout in {MANIFEST}: {error}. Install them anew."
        ) from error
    network = network.float().eval().to(device or torch.device("cpu"))
    return Classifier(name, network, entry.temperature, entry.threshold, entry.sha256)


@dataclass(frozen=True)
class _Entry:
    """What loading needs of one table of the manifest."""

    file: str
    sha256: str
    layout: Vgg11Layout
    temperature: float
    threshold: float


def _checked(entry: dict[str, Any], name: str, path: Path) -> _Entry:
    try:
        if entry["architecture"] != ARCHITECTURE:
            raise WeightsError(
                f"The weights '{name}' in {path} are of the architecture '{entry['architecture']}', "
                f"but only '{ARCHITECTURE}' is known here. Choose other weights."
            )
        layout, numbers = Vgg11Layout(**entry["layout"]), (float(entry["temperature"]), float(entry["threshold"]))
        return _Entry(entry["file"], entry["sha256"], layout, *numbers)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"The entry '{name}' in {path} is incomplete or wrong ({error}). Install the weights anew."
        ) from error


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
