"""Teach the networks that Forest et al. 2024 compare: explainer, autoencoder, supervised oracle; weights and manifest.

Their patches are those of the classifiers (`simulations.teaching`, which teaches the B-cos classifier, too). Masks that
people drew are in the oracle's loss and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import Progress

from monitor.networks.autoencoder_training import AUTOENCODER_PRESETS, SoundPatches, train_autoencoder
from monitor.networks.devices import choose_device
from monitor.networks.epochs import Epoch, EpochOptions
from monitor.networks.explainer_training import EXPLAINER_PRESETS, DamagedPatches, train_explainer
from monitor.networks.oracle_training import ORACLE_PRESETS, MaskedPatches, train_oracle
from monitor.networks.segmenting import crack_pixels
from monitor.networks.training import preset
from monitor.networks.weights import (
    Segmenter,
    load_classifier,
    save_autoencoder,
    save_explainer,
    save_segmenter,
)
from simulations.data_sets import layout_of
from simulations.segmenting import best_level
from simulations.teaching import check_name, named, shown, told
from simulations.teaching_data import check_data, labelled_patches, masked_patches

#: What the shipped oracle was taught with, as the manifest names it.
DRAWN_DATA = [
    {
        "name": "masonry_dais, train fold (photos and the masks that people drew)",
        "licence": "GPL-3.0",
        "citation": "Dais et al. 2021, doi:10.1016/j.autcon.2021.103606",
    }
]
_VALIDATION_PATCHES = 1000
_BATCH = 64


Options = TypeVar("Options", bound=EpochOptions)


def _options(presets: Mapping[str, Options], name: str, seed: int, epochs: int | None) -> Options:
    chosen = replace(preset(name, presets), seed=seed)
    return chosen if epochs is None else replace(chosen, epochs=epochs)


def _note(bar: Progress, epoch: Epoch) -> None:
    bar.print(f"epoch {epoch.number}: loss {epoch.train_loss:.4f}, validation {epoch.validation_loss:.4f}")


def _scores(epochs: list[Epoch]) -> dict[str, float]:
    losses = [epoch.validation_loss for epoch in epochs]
    return {"validation_loss": float(np.nanmin(losses)), "epochs": len(epochs)}


def _bar(quiet: bool) -> Progress:
    return Progress(console=Console(stderr=True), disable=quiet)


def teach_explainer(
    data: Path,
    out: Path,
    name: str,
    seed: int,
    device: str,
    quiet: bool,
    *,
    teacher: str = "default",
    preset_name: str = "twin",
    patches: int = 20000,
    epochs: int | None = None,
    entropy: bool = False,
) -> dict[str, Any]:
    """Train an explainer of the classifier `teacher` (name or file) on damaged patches, half of the `patches` drawn;
    weights go to `out / "weights"`.

    With `entropy` the loss is that of eq. 2. Patches and checkpoint stay in `out`, so that an interrupted training goes
    on where it stood.
    """
    options = _options(EXPLAINER_PRESETS, preset_name, seed, epochs)
    where = choose_device(device)
    classifier = load_classifier(teacher, device=where)
    layout = classifier.network.layout
    options = replace(options, layout=replace(options.layout, masks=layout.classes - 1))
    options = replace(options, outside="entropy") if entropy else options
    check_name(name, out / "weights", "unet11_explainer")
    check_data(data, layout.patch_px)
    with _bar(quiet) as bar:
        sets = []
        for fold, count in (("train", patches), ("val", _VALIDATION_PATCHES)):
            drawing = shown(bar, f"Drawing patches ({fold})")
            drawn = labelled_patches(data, out / "pool", fold, count, layout.patch_px, drawing)
            damages = drawn.labels[:, None] == np.arange(1, layout.classes)
            sets.append(DamagedPatches(drawn.images[drawn.labels > 0], damages[drawn.labels > 0]))
        checkpoint = out / f"{named(name, preset_name, seed, classifier.sha256)}.ckpt"
        network, seen = train_explainer(
            sets[0], sets[1], classifier, options, checkpoint, where, partial(_note, bar), shown(bar, "Training")
        )
    story = {
        "data": told(data),
        "truth": "Labels of patches alone, and what the classifier makes of masked patches.",
        "recipe": {"preset": preset_name, "patches": patches, **asdict(options)},
        "scores": _scores(seen),
    }
    path = save_explainer(network.cpu(), name, out / "weights", classifier, story)
    return {"weights": str(path), "explains": classifier.name, "scores": story["scores"]}


def teach_autoencoder(
    data: Path,
    out: Path,
    name: str,
    seed: int,
    device: str,
    quiet: bool,
    *,
    preset_name: str = "twin",
    patches: int = 20000,
    epochs: int | None = None,
) -> dict[str, Any]:
    """Train an autoencoder on damage-free patches, half of the `patches` drawn; weights go to `out / "weights"`.

    Patches and checkpoint stay in `out`, so that an interrupted training goes on where it stood.
    """
    options = _options(AUTOENCODER_PRESETS, preset_name, seed, epochs)
    where, side = choose_device(device), options.layout.patch_px
    check_name(name, out / "weights", "autoencoder")
    check_data(data, side)
    with _bar(quiet) as bar:
        sets = []
        for fold, count in (("train", patches), ("val", _VALIDATION_PATCHES)):
            drawn = labelled_patches(data, out / "pool", fold, count, side, shown(bar, f"Drawing patches ({fold})"))
            sets.append(SoundPatches(drawn.images[drawn.labels == 0]))
        checkpoint = out / f"{named(name, preset_name, seed)}.ckpt"
        network, seen = train_autoencoder(
            sets[0], sets[1], options, checkpoint, where, partial(_note, bar), shown(bar, "Training")
        )
    story = {
        "data": told(data),
        "truth": "None: damage-free patches alone.",
        "recipe": {"preset": preset_name, "patches": patches, **asdict(options)},
        "scores": _scores(seen),
    }
    path = save_autoencoder(network.cpu(), name, out / "weights", story)
    return {"weights": str(path), "scores": story["scores"]}


def teach_oracle(
    data: Path,
    out: Path,
    name: str,
    seed: int,
    device: str,
    quiet: bool,
    *,
    preset_name: str = "twin",
    patches: int = 8000,
    epochs: int | None = None,
    start: str | None = None,
) -> dict[str, Any]:
    """Train a supervised oracle on patches with masks that people drew; weights go to `out / "weights"`.

    With `start`, the name or file of a classifier's weights, its way down begins with that one's convolutions, and the
    patches are of that one's size. Patches and checkpoint stay in `out`, so that an interrupted training goes on where
    it stood.
    """
    options = _options(ORACLE_PRESETS, preset_name, seed, epochs)
    where = choose_device(device)
    before = None if start is None else load_classifier(start)
    if before is not None:
        options = replace(options, patch_px=before.patch_px)
    side = options.patch_px
    check_name(name, out / "weights", "unet11_oracle")
    check_data(data, side, drawn=True)
    with _bar(quiet) as bar:
        sets = []
        for fold, count in (("train", patches), ("val", _VALIDATION_PATCHES)):
            drawing = shown(bar, f"Drawing patches ({fold})")
            sets.append(MaskedPatches(*masked_patches(data, out / "pool", fold, count, side, drawing)))
        checkpoint = out / f"{named(name, preset_name, seed, before and before.sha256)}.ckpt"
        network, seen = train_oracle(
            sets[0],
            sets[1],
            options,
            checkpoint,
            where,
            partial(_note, bar),
            shown(bar, "Training"),
            None if before is None else before.network,
        )
    ready = Segmenter(name, network.to(where), 0.5, "")
    level, dice = best_level(crack_pixels(ready, sets[1].images, _BATCH), sets[1].masks.astype(np.uint8) * 255)
    scores = {**_scores(seen), "validation_dice": dice}
    story = {
        "data": DRAWN_DATA if layout_of(data) is None else told(data),
        "truth": "Masks that people drew: what supervision would buy, for comparison only.",
        "recipe": {
            "preset": preset_name,
            "patches": patches,
            **asdict(options),
            **({} if before is None else {"start": before.name, "start_sha256": before.sha256}),
        },
        "scores": scores,
    }
    path = save_segmenter(network.cpu(), name, out / "weights", level, story)
    return {"weights": str(path), "level": level, "scores": scores}
