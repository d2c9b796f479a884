"""Teach a classifier: draw the patches, train, calibrate, choose the threshold, write weights and manifest."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from monitor.networks.devices import choose_device
from monitor.networks.training import (
    Epoch,
    LabelledPatches,
    balanced_accuracy,
    logits_of,
    preset,
    train_classifier,
)
from monitor.networks.weights import save_classifier
from simulations.patches import draw_pool

#: What the shipped weights were taught with, as the manifest names it.
TEACHING_DATA = [
    {"name": "simulated cracks on procedural walls", "licence": "Apache-2.0", "source": "simulations/"},
    {
        "name": "masonry_dais, train fold (masks only say whether a crop shows a crack)",
        "licence": "GPL-3.0",
        "citation": "Dais et al. 2021, doi:10.1016/j.autcon.2021.103606",
    },
    {
        "name": "uav75, train fold (masks only say whether a crop shows a crack)",
        "licence": "GPL-3.0",
        "citation": "Benz et al. 2019",
    },
    {"name": "ambientCG and scikit-image textures", "licence": "CC0-1.0"},
    {"name": "UFO:AI wall textures", "licence": "GPL-2.0-or-later and compatible, per file"},
    {"name": "Sweet Home 3D textures", "licence": "GPL"},
]
_VALIDATION_PATCHES = 2000
_THRESHOLDS = np.linspace(0.02, 0.98, 97)
_VALIDATION_SEED, _TRAINING_SEED = 900_000, 1000


def teach_classifier(
    data: Path, out: Path, preset_name: str, name: str, patches: int, seed: int, device: str, quiet: bool
) -> dict[str, Any]:
    """Train one classifier from the folders below `data`; weights go to `out / "weights"`.

    Patches and checkpoint stay in `out`, so that an interrupted run goes on where it stood.
    """
    options = replace(preset(preset_name), seed=seed)
    side = options.layout.patch_px
    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        drawing = bar.add_task("Drawing patches")
        validation = draw_pool(out / "pool", data, "val", _VALIDATION_PATCHES, side, _VALIDATION_SEED)
        training = draw_pool(
            out / "pool",
            data,
            "train",
            patches,
            side,
            _TRAINING_SEED,
            lambda done, total: bar.update(drawing, completed=done, total=total),
        )
        task = bar.add_task("Training")

        def note(epoch: Epoch) -> None:
            bar.print(f"epoch {epoch.number}: loss {epoch.validation_loss:.3f}, balanced {epoch.balanced_accuracy:.3f}")

        trained = train_classifier(
            LabelledPatches(training.images, training.labels),
            LabelledPatches(validation.images, validation.labels),
            options,
            out / f"{name}-{preset_name}-{seed}.ckpt",
            choose_device(device),
            note,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    logits = logits_of(trained.network, validation.images).double().numpy() / trained.temperature
    probability = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    threshold = best_threshold(probability, validation.labels)
    scores = {
        "validation_balanced_accuracy": balanced_accuracy(probability, validation.labels, threshold),
        "validation_balanced_accuracy_at_half": balanced_accuracy(probability, validation.labels),
        "epochs": len(trained.epochs),
    }
    story = {
        "data": TEACHING_DATA,
        "recipe": {"preset": preset_name, "patches": patches, **asdict(options)},
        "scores": scores,
    }
    path = save_classifier(trained.network, name, out / "weights", trained.temperature, threshold, story)
    return {"weights": str(path), "threshold": threshold, "temperature": trained.temperature, "scores": scores}


def best_threshold(probability: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The probability at which patches and small photos are told apart best, the middle one of ties.

    A photo is called cracked when any of its patches is, so every sound patch is another chance of a false
    alarm: what is best for single patches is too low for photos. Counted here is the balanced accuracy of these
    patches, and as much that of photos of four of them: four sound ones, or two of them cracked.
    """
    sound, cracked = (
        np.array([np.mean(probability[labels == kind] < value) for value in _THRESHOLDS]) for kind in (0, 1)
    )
    patches, photos = sound + 1 - cracked, sound**4 + 1 - sound**2 * cracked**2
    scores = (patches + photos) / 4
    ties = _THRESHOLDS[scores >= scores.max() - 1e-9]
    return float(ties[len(ties) // 2])
