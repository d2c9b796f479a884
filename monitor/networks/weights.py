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
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise WeightsError(f"The weights manifest {path} cannot be read: {error}.") from error


def save_classifier(
    network: Vgg11, name: str, folder: Path, temperature: float, threshold: float, story: dict[str, Any]
) -> Path:
    """Write `<name>.safetensors` (float16) into `folder` and its entry into the manifest; returns the file.

    `story` is what a reader wants to know: data with licences, recipe, scores.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = save_tensors({key: value.half().contiguous() for key, value in network.state_dict().items()})
    path = folder / f"{name}.safetensors"
    path.write_bytes(stored)
    entries = manifest(folder)
    entries[name] = {
        "file": path.name,
        "sha256": hashlib.sha256(stored).hexdigest(),
        "architecture": "vgg11",
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
    entry = entries[name]
    network = Vgg11(Vgg11Layout(**entry["layout"]))
    try:
        network.load_state_dict(load_tensors(_verified(folder / entry["file"], entry["sha256"])))
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"The weights {folder / entry['file']} do not fit the layout in {MANIFEST}: {error}. Install them anew."
        ) from error
    network = network.float().eval().to(device or torch.device("cpu"))
    return Classifier(name, network, float(entry["temperature"]), float(entry["threshold"]), entry["sha256"])


def _verified(path: Path, sha256: str) -> bytes:
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"The weights file {path} is absent or unreadable ({error}). Reinstall crackmonitor, or point "
            "'analysis.weights' in the settings to another file."
        ) from error
    if hashlib.sha256(stored).hexdigest() != sha256:
        raise WeightsError(f"The weights file {path} is not the one its manifest describes (sha256 differs).")
    return stored
