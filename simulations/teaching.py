"""Teach a classifier: draw the patches, train, calibrate, choose the threshold, write weights and manifest."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from monitor.errors import MisuseError
from monitor.networks.devices import choose_device
from monitor.networks.epochs import Epoch
from monitor.networks.training import (
    BCOS_PRESETS,
    PRESETS,
    ClassifierNetwork,
    LabelledPatches,
    TrainedClassifier,
    TrainingOptions,
    balanced_accuracy,
    logits_of,
    preset,
    train_classifier,
)
from monitor.networks.vgg import Vgg11, widened
from monitor.networks.weights import Classifier, Segmenter, load_classifier, load_segmenter, manifest, save_classifier
from simulations.data_sets import layout_of
from simulations.fading import keep_twins
from simulations.patch_pools import HAIRLINES_NAME, PatchPool
from simulations.patches import SETS
from simulations.segmenting import crack_places
from simulations.teaching_data import check_data, labelled_patches, whole

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
#: Presets for finished classifiers; and the one that stays with what such a classifier says, but for hairlines.
_GOING_ON = ("tuned", "widened", "kept")
_KEPT, _LEARNT = "kept", (HAIRLINES_NAME, SETS[2])
_FOLDS_TOLD = {"train": "train fold", "train+val": "train and val folds"}
_VALIDATION_PATCHES = 2000
_THRESHOLDS = np.linspace(0.02, 0.98, 97)
#: Some thousand patches do not tell scores apart that differ by less.
_AS_GOOD = 0.002
#: By the kind of classifier: its presets, and the architecture of what it becomes.
_KINDS: dict[str, tuple[Mapping[str, TrainingOptions], str]] = {
    "classifier": (PRESETS, "vgg11"),
    "bcos": (BCOS_PRESETS, "bcos_vgg11"),
}
#: Weight of the loss at the places beside that of the labels, where a segmenter gives places.
_DENSE_WEIGHT = 0.5


def teach_classifier(
    data: Path,
    out: Path,
    preset_name: str,
    name: str,
    patches: int,
    seed: int,
    device: str,
    quiet: bool,
    dense_by: str | None = None,
    start: str | None = None,
    kind: str = "classifier",
    epochs: int | None = None,
    with_val: bool = False,
) -> dict[str, Any]:
    """Train one classifier, or of `kind` "bcos" a B-cos one, from the data in `data`; weights go to `out / "weights"`.

    With `dense_by`, the name or file of a segmenter's weights, its features also have to say where that segmenter
    sees the crack, and the mixture's photos of masonry have twins in which what that segmenter sees is fainter or
    gone. With `start`, the name or file of a classifier's weights, training goes on with these in their layout; by the
    preset "kept" it stays with what they say of patches and learns hairlines, real or not, from labels (and the places
    of all cracks, where a segmenter shows them). Patches and checkpoint stay in `out`, so that an interrupted run goes
    on where it stood.

    `with_val` is for the last training, once all is chosen: the validation photos teach as well. Nothing is left then
    to calibrate by, so temperature and threshold stay those of `start`, and there are no scores. Which epoch is kept
    still goes by the loss on photos that taught: plan few.
    """
    if with_val and (start is None or whole(data)):
        raise MisuseError(
            "--with-val goes on from a classifier that is calibrated: name its --start, and photos to cut."
        )
    if preset_name == _KEPT and layout_of(data) is not None:
        raise MisuseError(
            "The preset 'kept' teaches the hairlines of the shipped networks' mixture, and would learn nothing from"
            f" {data}. Go on with the preset 'tuned'."
        )
    presets, architecture = _KINDS[kind]
    options = replace(preset(preset_name, presets), seed=seed)
    options = options if epochs is None else replace(options, epochs=epochs)
    where = choose_device(device)
    before = None if start is None else load_classifier(start)
    beginning, options = _begun(None if before is None else before.network, preset_name, options)
    segmenter = None
    if dense_by is not None:
        segmenter = load_segmenter(dense_by, device=where)
        options = replace(options, dense_weight=_DENSE_WEIGHT)
    check_name(name, out / "weights", architecture)
    check_data(data, options.layout.patch_px)
    fold, addition = ("train+val", "_with_val") if with_val else ("train", "")
    kept_to = before if preset_name == _KEPT else None
    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        drawing = Drawing(data, out, options.layout.patch_px, bar)
        validation = drawing.validation()
        training = drawing.training(fold, addition, patches, segmenter, kept_to)

        def note(epoch: Epoch) -> None:
            bar.print(f"epoch {epoch.number}: loss {epoch.validation_loss:.3f}, balanced {epoch.balanced_accuracy:.3f}")

        trained = train_classifier(
            training,
            LabelledPatches(validation.images, validation.labels),
            options,
            out / f"{named(name, preset_name, seed, before and before.sha256)}{addition}.ckpt",
            where,
            note,
            shown(bar, "Training"),
            beginning,
        )
    if before is not None and with_val:
        temperature, threshold, scores = before.temperature, before.threshold, {}
    else:
        temperature = trained.temperature
        threshold, scores = judged(trained, validation)
    scores["epochs"] = len(trained.epochs)
    story = {
        "data": told(data, fold),
        "recipe": {
            "preset": preset_name,
            "patches": patches,
            "fold": fold,
            **asdict(options),
            **({} if before is None else {"start": before.name, "start_sha256": before.sha256}),
            **({} if segmenter is None else {"dense_by": segmenter.name, "dense_by_sha256": segmenter.sha256}),
        },
        "scores": scores,
    }
    path = save_classifier(trained.network, name, out / "weights", temperature, threshold, story)
    return {"weights": str(path), "threshold": threshold, "temperature": temperature, "scores": scores}


@dataclass(frozen=True)
class Drawing:
    """Where patches of `side` px are drawn from and stay, and the bar that shows it."""

    data: Path
    out: Path
    side: int
    bar: Progress

    def validation(self) -> PatchPool:
        """Patches that no network was taught on."""
        return self._pool("val", _VALIDATION_PATCHES, lambda _done, _total: None)

    def training(
        self, fold: str, addition: str, count: int, segmenter: Segmenter | None, kept_to: Classifier | None
    ) -> LabelledPatches:
        """Patches with labels; with a segmenter also with twins and places, and beside a classifier that a training is
        kept to with hairlines, and with what that one says. `addition` tells what is kept of other folds apart.
        """
        twins = places = None
        if segmenter is not None and layout_of(self.data) is None:
            twins = self.out / "twins" / f"{segmenter.sha256[:12]}{addition}"
            keep_twins(self.data, segmenter, twins, fold)
        drawn = self._pool(fold, count, shown(self.bar, "Drawing patches"), twins, kept_to is not None)
        if segmenter is not None:
            folder = self.out / "places" / f"{self.side}_{segmenter.sha256[:12]}{addition}"
            places = crack_places(segmenter, drawn.images, folder, shown(self.bar, "Looking for cracks"))
        return LabelledPatches(drawn.images, drawn.labels, places, None if kept_to is None else _kept(kept_to, drawn))

    def _pool(
        self,
        fold: str,
        count: int,
        on_shard: Callable[[int, int], None],
        twins: Path | None = None,
        hairlines: bool = False,
    ) -> PatchPool:
        return labelled_patches(self.data, self.out / "pool", fold, count, self.side, on_shard, twins, hairlines)


def _kept(before: Classifier, training: PatchPool) -> NDArray[np.float32]:
    """What the classifier says of every patch (n,), before its temperature; NaN of those whose labels are to be learnt.

    (Learning without forgetting: doi:10.1109/TPAMI.2017.2773081.)
    """
    said = torch.softmax(logits_of(before.network, training.images), 1)[:, 1].numpy()
    return np.where(np.isin(training.names, _LEARNT), np.float32(np.nan), said)


def _begun(
    network: ClassifierNetwork | None, preset_name: str, options: TrainingOptions
) -> tuple[ClassifierNetwork | None, TrainingOptions]:
    """What a training that goes on from `network` begins with, and its options in that network's layout."""
    if network is None:
        if preset_name in _GOING_ON:
            raise MisuseError(f"The preset '{preset_name}' goes on with a finished classifier: name its --start.")
        return None, options
    if preset_name == "widened" and isinstance(network, Vgg11):
        network = widened(network, options.layout.width, options.seed)
    return network, replace(options, layout=network.layout)


def judged(trained: TrainedClassifier, validation: PatchPool) -> tuple[float, dict[str, float]]:
    """The threshold that photos no network was taught on ask for, and how well they are told by it."""
    logits = logits_of(trained.network, validation.images).double().numpy() / trained.temperature
    probability = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    threshold = best_threshold(probability, validation.labels)
    return threshold, {
        "validation_balanced_accuracy": balanced_accuracy(probability, validation.labels, threshold),
        "validation_balanced_accuracy_at_half": balanced_accuracy(probability, validation.labels),
    }


def told(data: Path, fold: str = "train") -> list[dict[str, str]]:
    """What a manifest says of the data in a folder."""
    if layout_of(data) is None:
        return [{**each, "name": each["name"].replace("train fold", _FOLDS_TOLD[fold])} for each in TEACHING_DATA]
    return [{"name": data.name, "licence": "not known here", "source": "the user's own data set"}]


def named(name: str, preset_name: str, seed: int, sha256: str | None = None) -> str:
    """The name of a checkpoint; `sha256` is that of a classifier the training depends on."""
    return "-".join([name, preset_name, str(seed), *([sha256[:12]] if sha256 else [])])


def check_name(name: str, folder: Path, architecture: str) -> None:
    """Raise `MisuseError` when a network of another architecture bears that name in the folder's manifest."""
    there = manifest(folder).get(name, {}).get("architecture", architecture)
    if there != architecture:
        raise MisuseError(f"In {folder} the weights '{name}' are of the architecture '{there}'. Choose another --name.")


def shown(bar: Progress, description: str) -> Callable[[int, int], None]:
    """A new task on the bar, as a function that takes how much is done of how much."""
    task = bar.add_task(description)
    return lambda done, total: bar.update(task, completed=done, total=total)


def best_threshold(probability: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The probability at which patches and small photos are told apart best, the middle one of those as good as it.

    A photo is called cracked when any of its patches is, so every sound patch is another chance of a false
    alarm: what is best for single patches is too low for photos. Counted here is the balanced accuracy of these
    patches, and as much that of photos of four of them: four sound ones, or two of them cracked.
    """
    sound, cracked = (
        np.array([np.mean(probability[labels == kind] < value) for value in _THRESHOLDS]) for kind in (0, 1)
    )
    patches, photos = sound + 1 - cracked, sound**4 + 1 - sound**2 * cracked**2
    scores = (patches + photos) / 4
    ties = _THRESHOLDS[scores >= scores.max() - _AS_GOOD]
    return float(ties[len(ties) // 2])
