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
from simulations.patch_pools import twins_in
from simulations.patches import Patch, check_folders, masked_photos
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
#: How much surer a network is taken to be of hairlines than it is: it sees them faintly at first, and in a window that
#: shows a crack, what it is a tenth sure of is the best guess there is.
_HAIRLINE_GAIN = 2.5
#: The same in the rounds that go on from a finished network. In the first (None) it is believed nothing of hairlines:
#: it has yet to learn from simulated ones that concrete has joints and voids.
_FURTHER_GAINS = (None, 2.5, 2.0)
_TRUTH = (
    "Simulated cracks, and in photos masks that networks gave: in round 1 the explanation of a classifier, in round 2 "
    "the network of round 1{further}. Masks that people drew only said whether a crop shows a crack."
)
_FURTHER = (
    "; in further rounds, which go on from a finished network, what that one sees in photos of masonry, and in those "
    "of hairlines first nothing, then what the network of the round before sees"
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
    weights, there are further rounds, which go on with these in their layout: they stay with what it sees in masonry
    and learn hairlines, round by round, from what the one before sees. Patches, masks and checkpoints stay in `out`, so
    that an interrupted run goes on where it stood.
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
            last = lesson.further(before, name)
    return {"weights": str(last.path), "level": last.level, "scores": last.scores}


@dataclass(frozen=True)
class _Taught:
    path: Path
    level: float
    scores: dict[str, float]


@dataclass(frozen=True)
class _Lesson:
    """What all rounds share; `classifier` is whose explanations stand at the beginning, None where that was before, and
    `keeper` then whose masonry they stay with.
    """

    data: Path
    out: Path
    classifier: Classifier | None
    training: Drawn
    validation: Drawn
    options: SegmenterOptions
    device: torch.device
    bar: Progress
    keeper: Segmenter | None = None

    def further(self, before: Segmenter, name: str) -> _Taught:
        """The rounds that go on from a finished network: of its layout, with smaller steps."""
        options = replace(self.options, layout=before.network.layout, learning_rate=self.options.learning_rate / 2)
        lesson, last, teacher = replace(self, options=options, keeper=before), None, before
        for number, gain in enumerate(_FURTHER_GAINS, 1):
            final = number == len(_FURTHER_GAINS)
            folder = self.out / ("weights" if final else "rounds")
            last = lesson.taught(teacher, name if final else f"{name}-further-{number}", folder, teacher, gain)
            teacher = load_segmenter(str(last.path), device=self.device)
        assert last is not None, "there are further rounds"
        return last

    def taught(
        self,
        teacher: Classifier | Segmenter,
        name: str,
        folder: Path,
        start: Segmenter | None = None,
        hairline_gain: float | None = _HAIRLINE_GAIN,
    ) -> _Taught:
        """One round: the teacher's masks, the training from `start` on, the level, and the weights in `folder`."""
        reading, believed = _believed(teacher, hairline_gain)
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
            Mixture(self.training, photos, reading, self.keeper),
            self.options,
            self.out / f"{name}-{self.options.seed}.ckpt",
            f"{patches} simulated patches, masks by {teacher.sha256}, hairlines {hairline_gain}, kept to "
            f"{self.keeper and self.keeper.sha256}",
            self.device,
            shown(self.bar, f"Training {name}"),
            start=None if start is None else start.network,
        )
        shipped = Segmenter(name, found.network.to(self.device).eval(), 0.5, "")
        seen = crack_pixels(shipped, self.validation["images"], _BATCH)
        level, dice = best_level(seen, self.validation["truth"], self.validation["counts"])
        scores = {"simulated_dice": dice, "last_loss": found.losses[-1]}
        self.bar.print(f"{name}: loss {found.losses[-1]:.3f}, Dice coefficient on simulated patches {dice:.3f}")
        story = {
            "data": TEACHING_DATA,
            "truth": _TRUTH.format(further="" if self.keeper is None else _FURTHER),
            "recipe": {
                "patches": patches,
                "photos": {name: about.share for name, about in believed.items()},
                "masks": {name: about.how for name, about in believed.items() if about.how},
                **_explained(self.classifier),
                "teacher": teacher.name,
                "teacher_sha256": teacher.sha256,
                **asdict(self.options),
                **({} if start is None else {"start": start.name, "start_sha256": start.sha256}),
                **({} if self.keeper is None else {"kept_to": self.keeper.name, "kept_to_sha256": self.keeper.sha256}),
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


def _believed(teacher: Classifier | Segmenter, hairline_gain: float | None) -> tuple[Reading, dict[str, _Believed]]:
    """How a teacher's masks are read, and what it is believed by the name of the photos: first those of masonry."""
    if isinstance(teacher, Classifier):
        return read_explained, {"masonry_dais": _Believed(1.0, explained_masks(teacher))}
    hairlines = _Believed(0.4, _nothing, how={"gain": 0})
    if hairline_gain is not None:
        how = {"gain": hairline_gain, "zooms": "-".join(f"{zoom:g}" for zoom in HAIRLINE_ZOOMS)}
        hairlines = _Believed(0.4, soft_masks(teacher, HAIRLINE_ZOOMS, hairline_gain), how=how)
    return read_soft, {"masonry_dais": _Believed(0.6, soft_masks(teacher), twins=True), "uav75": hairlines}


def _nothing(image: Patch) -> NDArray[np.uint8]:
    """No mask: of such photos, windows that show a crack are left out."""
    return np.zeros(image.shape[:2], np.uint8)
