"""One capture from photo to numbers: register, tile, classify, attribute, segment, measure.

Pure: no clock, no database. The same photo, reference and options give the same numbers, whatever was
analysed before.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.attribution.base import Attribution, attribution, classify_and_explain
from monitor.errors import MisuseError, UnknownNameError
from monitor.imaging.photometry import grey, light
from monitor.imaging.quality import graded
from monitor.imaging.registration import align, register
from monitor.imaging.tiling import PatchGrid, agreed, cut, merge, tile, touching
from monitor.networks.second_opinion import Judge, SecondOpinion
from monitor.networks.segmenting import crack_pixels
from monitor.networks.unet import UNET_STEP_PX
from monitor.networks.weights import Classifier, Segmenter
from monitor.opening.sizes import Read, by_profiles, read, since
from monitor.records import (
    Analysis,
    BoolArray,
    ByteArray,
    FloatArray,
    Grade,
    Grading,
    Recipe,
    Registration,
    Severity,
    Status,
)
from monitor.segmentation.confidence import BesideOptions, Confidence, confidence_in, sure_cracks
from monitor.segmentation.known import KnownOptions
from monitor.segmentation.morphology import Postprocessing, grow, postprocess
from monitor.segmentation.refinement import RefinementOptions, refine
from monitor.segmentation.taught import TaughtOptions, crack_mask, gaps, mean_of_seen
from monitor.segmentation.thresholds import thresholder
from monitor.severity.metrics import MIN_COMPONENT_PX, Measured, measure, measure_along
from monitor.severity.width import width_method

#: The ways to make a mask, and what sizes go by.
MASKS = ("taught", "refined", "published")
SIZES = ("profiles", "mask")
#: So many references are known by what profiles say of them.
_MOST_REFERENCES = 32
#: A patch is looked at when at least this share of it lies inside the capture.
_SEEN_SHARE = 0.6
#: Less of the reference than this says nothing about there being no crack in it: hand-held repeats show more.
_LEAST_SEEN = 0.85
#: More of the reference's crack than this outside the capture, and the size of what is left cannot be compared.
_HIDDEN_SHARE = 0.05
_NOTHING_SEEN = (
    "The photo covers too little of any one patch of the reference to look at it. Take it from the same position as "
    "the reference."
)


@dataclass(frozen=True)
class AnalysisOptions:
    """Everything a person may choose about the analysis; all of it goes into the recipe.

    `mask` names how the mask is made: "taught" takes what a segmenter sees where the explanation points, "refined"
    follows the dark valleys there, "published" is thresholded relevance after `postprocessing`, as in the paper.
    A taught mask of which the analysis is less sure than `least_confidence` is not measured (0: whatever it shows);
    cracks in it of which it is less sure than `least_crack_confidence` are left out (0: none are), and where it is so
    of all of them, it is not measured either; `beside` says which stay beside a surer one.
    `second_opinion` says how the segmenter of a taught mask is heard beside the classifier, and `known` how much sooner
    a crack is believed that the reference shows, too, and what is marked as there since nothing has changed.
    `sizes` says what area and maximum width go by: "profiles" of the light across the mask, or the "mask" alone;
    published masks go by themselves.
    """

    attribution: str = "lrp"
    thresholder: str = "simple"
    postprocessing: Postprocessing = field(default_factory=Postprocessing)
    mask: str = "refined"
    refinement: RefinementOptions = field(default_factory=RefinementOptions)
    taught: TaughtOptions = field(default_factory=TaughtOptions)
    width_method: str = "edge"
    overlap_px: int = 32
    batch_size: int = 16
    threads: int = 0
    threshold_probability: float | None = None
    least_confidence: float = 0.3
    least_crack_confidence: float = 0.5
    beside: BesideOptions = field(default_factory=BesideOptions)
    second_opinion: SecondOpinion = field(default_factory=SecondOpinion)
    known: KnownOptions = field(default_factory=KnownOptions)
    sizes: str = "profiles"


@dataclass(frozen=True)
class _Explained:
    """Where cracks were found: per-photo `relevance`, thresholded `candidates`, and the highest probability of the
    patches that were `looked_at`, of which so many were `positive`; `gaping` is what a segmenter sees in these and
    the patches around, into which a crack may run. `likely` is the highest probability of the positive patches over
    each pixel.
    """

    looked_at: int
    probability: float
    positive: int
    likely: FloatArray
    relevance: FloatArray
    candidates: BoolArray
    gaping: FloatArray | None


class _Gaping:
    """What a segmenter sees in patches of one picture, each of them looked at once."""

    def __init__(self, segmenter: Segmenter, image: ByteArray, grid: PatchGrid, batch_size: int) -> None:
        self._segmenter, self._image, self._grid, self._batch_size = segmenter, image, grid, batch_size
        self._known: dict[int, NDArray[np.float32]] = {}

    def of(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """Crack probability (n, side, side) of the pixels of the patches `indices`."""
        new = np.array([index for index in indices.tolist() if index not in self._known], np.int64)
        seen = crack_pixels(self._segmenter, cut(self._image, self._grid, new), self._batch_size)
        self._known.update(zip(new.tolist(), seen, strict=True))
        return np.asarray([self._known[index] for index in indices.tolist()]) if len(indices) else seen

    def over(self, indices: NDArray[np.int64]) -> FloatArray:
        """The same blended into one picture (rows, cols), 0 outside of those patches."""
        seen = self.of(indices)
        return mean_of_seen(merge(seen, self._grid, indices), merge(np.ones_like(seen), self._grid, indices))


class Analyser:
    """A classifier with its explanation, and a segmenter where the mask asks for one, ready for any number of
    captures. Raises `MisuseError` for options that do not go together.
    """

    def __init__(
        self, classifier: Classifier, options: AnalysisOptions | None = None, segmenter: Segmenter | None = None
    ) -> None:
        self.options = options or AnalysisOptions()
        self._classifier = classifier
        self._segmenter = _fitting(segmenter, self.options.mask, classifier.patch_px)
        self._attribution: Attribution = attribution(self.options.attribution, classifier, self.options.batch_size)
        self._threshold = thresholder(self.options.thresholder)
        self._references: dict[str, Read | None] = {}
        width_method(self.options.width_method)  # an unknown name is refused now, not at the first crack
        if self.options.sizes not in SIZES:
            raise UnknownNameError("way to take sizes", self.options.sizes, SIZES)

    @property
    def recipe(self) -> Recipe:
        """What decides the numbers, by name."""
        return Recipe({**asdict(self.options), **self._weights(), "relevance": self._attribution.as_options()})

    @property
    def judge(self) -> Judge:
        """What says of patches whether they are cracked, its classifier with the threshold that is in force."""
        classifier = replace(self._classifier, threshold=self.threshold_probability)
        return Judge(classifier, self._segmenter, self.options.second_opinion)

    @property
    def threshold_probability(self) -> float:
        """Crack probability from which a patch counts as cracked."""
        chosen = self.options.threshold_probability
        return self._classifier.threshold if chosen is None else chosen

    def analyse(
        self, image: ByteArray, reference: ByteArray | None = None, reference_mask: BoolArray | None = None
    ) -> Analysis:
        """The capture's numbers in pixels, in the frame of `reference` when there is one.

        `image` and `reference` are uint8 (rows, cols, 3); `reference_mask` bool marks the reference's cracks: there
        registration does not look, and a crack is believed sooner. A photo that does not fit its reference, or whose
        explanation gives no mask, is an outcome with a reason, not an error.
        """
        registration, view, seen = None, image, np.ones(image.shape[:2], bool)
        if reference is not None:
            registration = register(reference, image, reference_mask)
            if not registration.accepted:
                return self._outcome(Status.NOT_REGISTERED, registration.reason, registration=registration)
            view, seen = align(image, registration, reference.shape[:2])
        aligned = view * seen[..., None]
        hidden = 0.0 if reference_mask is None else _hidden_share(reference_mask, seen)
        known = self.options.known.around(reference_mask)
        found = self._explain(view, seen, known)
        if found.looked_at == 0:
            return self._outcome(Status.NOT_MEASURED, _NOTHING_SEEN, registration, aligned)
        if found.positive == 0 and hidden > _HIDDEN_SHARE:
            return self._outcome(Status.NOT_MEASURED, _cut_off(hidden), registration, aligned, found)
        if found.positive == 0 and seen.mean() < _LEAST_SEEN:
            return self._outcome(Status.NOT_MEASURED, _part(float(seen.mean())), registration, aligned, found)
        if found.positive == 0:
            blank = np.zeros(seen.shape, bool)
            outcome = self._outcome(Status.NO_CRACK, None, registration, aligned, found, blank, measure(blank))
            return replace(outcome, grading=self._graded(reference, view, seen, outcome))
        mask, gap = (part & seen for part in self._segment(view, found, known))
        anew, missed = self._as_before(mask, seen, reference, view, reference_mask, known)
        mask, gap = mask & ~anew, gap & ~anew
        sure = self._confidence(mask, gap, found)
        if sure is not None:
            least = self.options.least_crack_confidence
            mask, sure = sure_cracks(mask, sure, least, MIN_COMPONENT_PX, self.options.beside, known)
        doubt = None if sure is None else _doubt(sure, self.options)
        if missed.any():
            mask = mask | missed
            again = self._confidence(mask, gap | missed, found)
            sure = sure if sure is None or again is None else replace(sure, of_cracks=again.of_cracks)
        severity = self._size(view, mask, reference, reference_mask)
        if severity.crack_count == 0:
            return self._outcome(Status.NOT_MEASURED, _no_mask(found), registration, aligned, found, mask)
        outcome = self._outcome(Status.MEASURED, None, registration, aligned, found, mask, severity)
        if sure is not None:
            outcome = replace(outcome, confidence=sure.value, crack_confidences=sure.of_cracks)
        if doubt is not None:
            return replace(outcome, status=Status.NOT_MEASURED, reason=doubt, severity=None)
        outcome = replace(outcome, grading=self._graded(reference, view, seen, outcome))
        if hidden > _HIDDEN_SHARE:
            return replace(outcome, status=Status.NOT_MEASURED, reason=_cut_off(hidden), severity=None)
        return outcome

    def _explain(self, image: ByteArray, seen: BoolArray, known: BoolArray | None) -> _Explained:
        grid = tile(image.shape[:2], self._classifier.patch_px, self.options.overlap_px)
        looked_at = np.flatnonzero(_shares(seen, grid) >= _SEEN_SHARE)
        patches = cut(image, grid, looked_at)
        threshold, judge = self.threshold_probability, self.judge
        gaping = None if self._segmenter is None else _Gaping(self._segmenter, image, grid, self.options.batch_size)

        def judged(alone: FloatArray) -> FloatArray:
            told = alone if gaping is None else judge.heard(alone, lambda asked: gaping.of(looked_at[asked]))
            together = agreed(told, grid, looked_at)
            if known is None:
                return together
            return self.options.known.remembered(together, _shares(known, grid)[looked_at])

        probability, relevance = classify_and_explain(
            self._attribution, self._classifier, patches, self.options.batch_size, threshold, judged
        )
        indices = looked_at[probability >= threshold]
        candidates = np.stack([self._threshold(part).mask for part in relevance]) if len(indices) else relevance
        return _Explained(
            looked_at=len(looked_at),
            probability=float(probability.max(initial=0.0)),
            positive=len(indices),
            likely=_highest(grid, indices, probability[probability >= threshold]),
            relevance=np.where(seen, merge(np.asarray(relevance, np.float32), grid, indices), np.float32(0)),
            candidates=merge(candidates.astype(np.float32), grid, indices) > 0,
            gaping=None if gaping is None else gaping.over(np.intersect1d(looked_at, touching(grid, indices))),
        )

    def _as_before(
        self,
        mask: BoolArray,
        seen: BoolArray,
        reference: ByteArray | None,
        view: ByteArray,
        lent: BoolArray | None,
        known: BoolArray | None,
    ) -> tuple[BoolArray, BoolArray]:
        """What the mask marks beside the `known` cracks, and what it misses of those `lent` by the reference, where
        nothing has changed.
        """
        options = self.options.known
        if reference is None or lent is None or known is None:
            nothing = np.zeros(mask.shape, bool)
            return nothing, nothing
        before, now = light(reference), light(view)
        missed = lent & seen & ~grow(mask, options.near_px)
        return options.unchanged(mask & ~known, before, now), options.unchanged(missed, before, now)

    def _size(self, image: ByteArray, mask: BoolArray, reference: ByteArray | None, lent: BoolArray | None) -> Severity:
        measured = self._measured(mask)
        if self.options.sizes == "mask" or self.options.mask == "published" or not mask.any():
            return measured.severity
        before = None if reference is None or lent is None else self._before(reference, lent)
        return by_profiles(light(image), measured) if before is None else since(before, light(image), measured)

    def _measured(self, mask: BoolArray) -> Measured:
        return measure_along(mask, self.options.width_method, np.random.default_rng(0))

    def _before(self, reference: ByteArray, mask: BoolArray) -> Read | None:
        """What profiles say of the reference, whose captures mostly come one after the other."""
        key = sha256(reference.tobytes()).hexdigest() + sha256(np.packbits(mask).tobytes()).hexdigest()
        known = self._references
        if key not in known:
            if len(known) >= _MOST_REFERENCES:
                known = self._references = {}
            known[key] = read(light(reference), self._measured(mask))
        return known[key]

    def _confidence(self, mask: BoolArray, gap: BoolArray, found: _Explained) -> Confidence | None:
        """How sure the mask is; None where no segmenter says what it makes of it."""
        if found.gaping is None:
            return None
        return confidence_in(mask, gap, found.likely, found.gaping, MIN_COMPONENT_PX)

    def _graded(self, reference: ByteArray | None, view: ByteArray, seen: BoolArray, outcome: Analysis) -> Grading:
        """A reference stands for itself: it is an A."""
        if reference is None or outcome.registration is None:
            return Grading(Grade.A)
        probability = outcome.crack_probability if outcome.status is Status.MEASURED else None
        margin = None if probability is None else probability - self.threshold_probability
        return graded(reference, view, seen, outcome.registration, margin)

    def _segment(self, image: ByteArray, found: _Explained, known: BoolArray | None) -> tuple[BoolArray, BoolArray]:
        """The mask, and all that looks like a gap (the mask is a part of it)."""
        luma = grey(image).astype(np.float32) / 255
        if self._segmenter is not None and found.gaping is not None:
            level, taught = self._segmenter.level, self.options.taught
            gap = gaps(luma, found.gaping, level, taught)
            return crack_mask(gap, found.gaping, level, found.relevance, found.candidates, taught, known), gap
        if self.options.mask == "published":
            mask = postprocess(found.candidates, self.options.postprocessing)
        else:
            mask = refine(luma, found.relevance, found.candidates, self.options.refinement)
        return mask, mask

    def _outcome(
        self,
        status: Status,
        reason: str | None,
        registration: Registration | None = None,
        aligned: ByteArray | None = None,
        found: _Explained | None = None,
        mask: BoolArray | None = None,
        severity: Severity | None = None,
    ) -> Analysis:
        return Analysis(
            status=status,
            reason=reason,
            crack_probability=None if found is None else found.probability,
            severity=severity,
            registration=registration,
            recipe=self.recipe,
            mask=mask,
            relevance=None if found is None else found.relevance,
            aligned=aligned,
        )

    def _weights(self) -> Mapping[str, Any]:
        return {
            "weights": self._classifier.name,
            "weights_sha256": self._classifier.sha256,
            "patch_px": self._classifier.patch_px,
            "temperature": self._classifier.temperature,
            "threshold_probability": self.threshold_probability,
            "segmenter": None if self._segmenter is None else self._segmenter.name,
            "segmenter_sha256": None if self._segmenter is None else self._segmenter.sha256,
            "segmenter_level": None if self._segmenter is None else self._segmenter.level,
            **({} if self._classifier.head_sha256 is None else {"head_sha256": self._classifier.head_sha256}),
        }


def _fitting(segmenter: Segmenter | None, mask: str, patch_px: int) -> Segmenter | None:
    """The segmenter if masks are made with it; checked now, not at the first crack."""
    if mask not in MASKS:
        raise UnknownNameError("way to make a mask", mask, MASKS)
    if mask != "taught":
        return None
    if segmenter is None:
        raise MisuseError("Masks are to be 'taught', but no segmenter is given. Name its weights, or choose 'refined'.")
    if patch_px % UNET_STEP_PX:
        raise MisuseError(f"A segmenter takes patches of multiples of {UNET_STEP_PX} px, these are {patch_px} px.")
    return segmenter


def _shares(marked: BoolArray, grid: PatchGrid) -> NDArray[np.float64]:
    """Share (n,) of each patch's pixels that are marked."""
    side = grid.patch_px
    return np.array([marked[row : row + side, col : col + side].mean() for row, col in grid.origins])


def _hidden_share(reference_mask: BoolArray, seen: BoolArray) -> float:
    """Share of the reference's crack that lies outside the capture; 0 without a crack."""
    return float(np.mean(~seen[reference_mask])) if reference_mask.any() else 0.0


def _cut_off(hidden_share: float) -> str:
    return (
        f"The photo does not show all of the crack that the reference shows ({hidden_share:.0%} of it is missing), so "
        "area, length and largest width cannot be compared. A crack that it shows for the most part is still "
        "followed. Take it from the same position as the reference."
    )


def _part(seen_share: float) -> str:
    return (
        f"The photo shows only {seen_share:.0%} of the reference and no crack in it; the rest is unknown. Take it from "
        "the same position as the reference."
    )


def _highest(grid: PatchGrid, indices: NDArray[np.int64], probability: FloatArray) -> FloatArray:
    """The highest probability of the patches `indices` over each pixel (rows, cols), 0 where there are none."""
    highest = np.zeros(grid.covered_shape, np.float32)
    for (row, col), value in zip(grid.origins[indices], probability, strict=True):
        over = highest[row : row + grid.patch_px, col : col + grid.patch_px]
        np.maximum(over, np.float32(value), out=over)
    return highest[: grid.shape[0], : grid.shape[1]]


def _doubt(sure: Confidence, options: AnalysisOptions) -> str | None:
    """Why a mask is not to be measured; None where it is sure enough, as a whole and of one crack at least."""
    surest = max(sure.of_cracks, default=0.0)
    if sure.value >= options.least_confidence and surest >= options.least_crack_confidence:
        return None
    value, least = sure.value, options.least_confidence
    if value >= least:
        value, least = surest, options.least_crack_confidence
    return (
        f"What looks like a crack here is too doubtful to measure: confidence {value:.2f}, and {least:.2f} is"
        f" asked for (a patch is {sure.probability:.0%} likely to be cracked, the segmenter is {sure.seen:.0%} sure of"
        f" the pixels, and it and the explanation agree on {sure.agreed:.0%} of them). Look at the photo; take it again"
        " sharper or closer."
    )


def _no_mask(found: _Explained) -> str:
    return (
        f"{found.positive} patch(es) look cracked (highest probability {found.probability:.2f}), but their "
        "explanation gives no crack large enough to measure. Look at the photo; take it again sharper or closer."
    )
