"""Teach a segmenter in rounds, by simulated cracks and by masks that networks gave; write weights and manifest."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from monitor.networks.devices import choose_device
from monitor.networks.segmenter_training import SegmenterOptions, train_segmenter
from monitor.networks.segmenting import crack_pixels
from monitor.networks.weights import Classifier, Segmenter, load_classifier, load_segmenter, save_segmenter
from simulations.fading import kept_twins
from simulations.patches import Patch, check_folders, masked_photos, twins_in
from simulations.pools import Drawn
from simulations.segmenting import (
    HAIRLINE_ZOOMS,
    Mixture,
    Reading,
    best_level,
    draw_pixel_pool,
    explained_masks,
    read_explained,
    read_soft,
    soft_masks,
    taught_photos,
)
from simulations.teaching import TEACHING_DATA, check_name, shown

_SIDE_PX = 128
_VALIDATION_PATCHES, _BATCH = 1000, 64
_VALIDATION_SEED, _TRAINING_SEED = 800_000, 100_000
#: How much surer a network is taken to be of hairlines than it is.
_HAIRLINE_GAIN = 2.5
_TRUTH = (
    "Simulated cracks, and in photos masks that networks gave: in round 1 the explanation of a classifier, in round 2 "
    "the network of round 1. Masks that people drew only said whether a crop shows a crack."
)


def teach_segmenter(
    data: Path,
    out: Path,
    name: str,
    teacher: str,
    patches: int,
    options: SegmenterOptions,
    device: str,
    quiet: bool,
    start: str | None = None,
) -> dict[str, Any]:
    """Train one segmenter from the folders below `data`; weights go to `out / "weights"`.

    Round 1 believes the masks that the explanation of `teacher` (name or file of a classifier's weights) gives, round 2
    those of the network of round 1, which is kept in `out / "rounds"`. With `start`, the name or file of a segmenter's
    weights, there is one round more, which goes on with these in their layout and believes their masks. Patches, masks
    and checkpoints stay in `out`, so that an interrupted run goes on where it stood.
    """
    where = choose_device(device)
    before = None if start is None else load_segmenter(start, device=where)
    classifier = load_classifier(teacher, device=where) if before is None else None
    check_name(name, out / "weights", "unet")
    check_folders(data)
    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        draw = partial(draw_pixel_pool, out / "pool", data)
        validation = draw("val", _VALIDATION_PATCHES, _SIDE_PX, _VALIDATION_SEED)
        training = draw("train", patches, _SIDE_PX, _TRAINING_SEED, shown(bar, "Drawing patches"))
        lesson = _Lesson(data, out, classifier, training, validation, options, where, bar)
        if classifier is not None:
            first = load_segmenter(str(lesson.taught(classifier, f"{name}-1", out / "rounds").path), device=where)
            last = lesson.taught(first, name, out / "weights")
        else:
            assert before is not None
            last = lesson.going_on(before).taught(before, name, out / "weights", before)
    return {"weights": str(last.path), "level": last.level, "scores": last.scores}


@dataclass(frozen=True)
class _Taught:
    path: Path
    level: float
    scores: dict[str, float]


@dataclass(frozen=True)
class _Lesson:
    """What all rounds share; `classifier` is whose explanations stand at the beginning, None where that was before."""

    data: Path
    out: Path
    classifier: Classifier | None
    training: Drawn
    validation: Drawn
    options: SegmenterOptions
    device: torch.device
    bar: Progress

    def going_on(self, before: Segmenter) -> "_Lesson":
        """The same for a finished network: of its layout, with smaller steps."""
        options = replace(self.options, layout=before.network.layout, learning_rate=self.options.learning_rate / 2)
        return replace(self, options=options)

    def taught(
        self, teacher: Classifier | Segmenter, name: str, folder: Path, start: Segmenter | None = None
    ) -> _Taught:
        """One round: the teacher's masks, the training from `start` on, the level, and the weights in `folder`."""
        reading, believed = _believed(teacher)
        photos = []
        for source_name, about in believed.items():
            source = masked_photos(self.data / source_name, "train")
            told = "".join(f"_{name}_{value}" for name, value in about.how.items())
            kept = self.out / "masks" / f"{source_name}_{teacher.sha256[:12]}{told}"
            seen = taught_photos(source, about.masks, kept, shown(self.bar, f"Masks of {source_name}"))
            if about.twins:
                seen = kept_twins(
                    seen, about.masks, twins_in(kept, source_name), np.random.default_rng(self.options.seed)
                )
            photos.append((about.share, seen))
        patches = len(self.training["images"])
        found = train_segmenter(
            Mixture(self.training, photos, reading),
            self.options,
            self.out / f"{name}-{self.options.seed}.ckpt",
            f"{patches} simulated patches, masks by {teacher.sha256}",
            self.device,
            shown(self.bar, f"Training {name}"),
            start=None if start is None else start.network,
        )
        shipped = Segmenter(name, found.network.to(self.device).eval(), 0.5, "")
        level, dice = best_level(crack_pixels(shipped, self.validation["images"], _BATCH), self.validation["truth"])
        scores = {"simulated_dice": dice, "last_loss": found.losses[-1]}
        self.bar.print(f"{name}: loss {found.losses[-1]:.3f}, Dice coefficient on simulated patches {dice:.3f}")
        story = {
            "data": TEACHING_DATA,
            "truth": _TRUTH,
            "recipe": {
                "patches": patches,
                "photos": {name: about.share for name, about in believed.items()},
                "masks": {name: about.how for name, about in believed.items() if about.how},
                **_explained(self.classifier),
                "teacher": teacher.name,
                "teacher_sha256": teacher.sha256,
                **asdict(self.options),
                **({} if start is None else {"start": start.name, "start_sha256": start.sha256}),
            },
            "scores": scores,
        }
        return _Taught(save_segmenter(found.network.cpu(), name, folder, level, story), level, scores)


def _explained(classifier: Classifier | None) -> dict[str, str]:
    if classifier is None:
        return {}
    return {"explained_by": classifier.name, "explained_by_sha256": classifier.sha256}


@dataclass(frozen=True)
class _Believed:
    """What a teacher says of one set of photos: its `masks`, how often they are shown, and whether `twins` are, too, in
    which what it sees is fainter or gone. `how` says what else decides the masks.
    """

    share: float
    masks: Callable[[Patch], NDArray[np.uint8]]
    twins: bool = False
    how: Mapping[str, float | str] = field(default_factory=dict)


def _believed(teacher: Classifier | Segmenter) -> tuple[Reading, dict[str, _Believed]]:
    """How a teacher's masks are read, and what it is believed by the name of the photos.

    The hairlines of `uav75` come in when a network that knows where cracks are can say where. It sees them faintly at
    first: in a window that shows a crack, what it is a tenth sure of is the best guess there is.
    """
    if isinstance(teacher, Classifier):
        return read_explained, {"masonry_dais": _Believed(1.0, explained_masks(teacher))}
    return read_soft, {
        "masonry_dais": _Believed(0.6, soft_masks(teacher), twins=True),
        "uav75": _Believed(
            0.4,
            soft_masks(teacher, HAIRLINE_ZOOMS, _HAIRLINE_GAIN),
            how={"gain": _HAIRLINE_GAIN, "zooms": "-".join(f"{zoom:g}" for zoom in HAIRLINE_ZOOMS)},
        ),
    }
