"""From photo to outcome, with networks whose answers can be foreseen and with a real, tiny one."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from analysis_doubles import PATCH_PX, cracked, dark_seeker, wall
from tiny_networks import tiny_classifier

from monitor import analysis
from monitor.analysis import Analyser, AnalysisOptions
from monitor.attribution.base import ATTRIBUTIONS
from monitor.errors import MisuseError, UnknownNameError
from monitor.imaging.tiling import tile
from monitor.networks.second_opinion import SecondOpinion
from monitor.networks.segmenting import crack_pixels
from monitor.networks.weights import Classifier, Segmenter
from monitor.records import Analysis, ByteArray, FloatArray, Severity, Status, shows_cracks
from monitor.segmentation.confidence import BesideOptions
from monitor.segmentation.known import KnownOptions
from monitor.segmentation.morphology import Postprocessing
from monitor.segmentation.refinement import RefinementOptions
from monitor.segmentation.taught import TaughtOptions
from monitor.severity.metrics import Measured

SHAPE = (260, 340)
#: Everything about the wall's crack that a test asks for: 4 px wide, 200 px long, at row 120, column 60.
CRACK: dict[str, Any] = {"width_px": 4, "first": (120, 60), "length_px": 200}
OPTIONS = AnalysisOptions(attribution="darkness", overlap_px=16, batch_size=4)
#: A real network that calls every patch cracked.
TINY = AnalysisOptions(overlap_px=0, batch_size=16, threshold_probability=0.0)


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("darkness", "silence"):
        monkeypatch.setitem(ATTRIBUTIONS, name, f"analysis_doubles:{name}")


@pytest.fixture
def canvas() -> ByteArray:
    """A wall larger than a picture, so that a camera can move along it."""
    return wall((SHAPE[0] + 200, SHAPE[1] + 300))


def seen_from(canvas: ByteArray, row: int, col: int, shape: tuple[int, int] = SHAPE) -> ByteArray:
    return np.ascontiguousarray(canvas[row : row + shape[0], col : col + shape[1]])


def analyse(image: ByteArray, *others: Any, options: AnalysisOptions = OPTIONS) -> Analysis:
    return Analyser(dark_seeker(), options).analyse(image, *others)


def test_a_crack_is_measured() -> None:
    found = analyse(cracked(wall(SHAPE), **CRACK))
    assert found.status is Status.MEASURED
    assert found.reason is None
    assert found.crack_probability == pytest.approx(1, abs=1e-6)
    assert found.severity is not None
    assert found.severity.crack_count == 1
    assert found.severity.max_width_px == pytest.approx(4, abs=0.7)
    assert found.severity.length_px == pytest.approx(200, rel=0.04)
    assert found.severity.area_px == pytest.approx(800, rel=0.1)
    assert found.severity.area_mm2 is None
    assert found.mask is not None
    assert found.mask[120:124, 62:258].mean() > 0.98
    assert found.registration is None


def test_a_sound_wall_is_no_crack_which_is_zero_not_nothing() -> None:
    found = analyse(wall(SHAPE))
    assert found.status is Status.NO_CRACK
    assert found.reason is None
    assert found.severity == Severity(0, 0.0, 0.0, 0.0)
    assert found.crack_probability is not None
    assert found.crack_probability < 0.5
    assert found.mask is not None
    assert not found.mask.any()
    assert found.relevance is not None
    assert not found.relevance.any()


def test_a_crack_without_an_explanation_is_not_measured_which_is_not_zero() -> None:
    found = analyse(cracked(wall(SHAPE), **CRACK), options=replace(OPTIONS, attribution="silence"))
    assert found.status is Status.NOT_MEASURED
    assert found.severity is None
    assert found.reason is not None
    assert "look cracked (highest probability 1.00)" in found.reason
    assert found.mask is not None
    assert not found.mask.any()


def test_another_place_is_not_registered_and_nothing_is_measured() -> None:
    found = analyse(cracked(wall(SHAPE, seed=1), **CRACK), wall(SHAPE, seed=2))
    assert found.status is Status.NOT_REGISTERED
    assert found.registration is not None
    assert not found.registration.accepted
    assert found.reason == found.registration.reason
    assert found.reason
    assert [found.severity, found.crack_probability, found.mask, found.relevance, found.aligned] == [None] * 5


def test_numbers_are_in_the_frame_of_the_reference(canvas: ByteArray) -> None:
    """The capture is larger than the reference and taken 30 rows and 50 columns before it."""
    wide = (SHAPE[0] + 60, SHAPE[1] + 90)
    plain, opened = (seen_from(canvas, 60, 70), cracked(canvas, 6, (60 + 120, 70 + 60), 200))
    found = analyse(seen_from(opened, 30, 20, wide), plain)
    assert found.status is Status.MEASURED
    assert found.registration is not None
    assert found.registration.matrix is not None
    np.testing.assert_allclose(found.registration.matrix, [[1, 0, -50], [0, 1, -30], [0, 0, 1]], atol=0.1)
    assert found.mask is not None
    assert found.relevance is not None
    assert found.aligned is not None
    assert (found.mask.shape, found.mask.dtype) == (SHAPE, np.bool_)
    assert (found.relevance.shape, found.relevance.dtype) == (SHAPE, np.float32)
    assert (found.aligned.shape, found.aligned.dtype) == ((*SHAPE, 3), np.uint8)
    assert found.mask[120:126, 62:258].mean() > 0.95
    assert not found.mask[:112].any()
    assert not found.mask[134:].any()


def test_a_picture_smaller_than_a_patch_keeps_its_shape() -> None:
    small = (PATCH_PX - 14, PATCH_PX - 4)
    found = analyse(cracked(wall(small), 4, (20, 2), 56))
    assert found.status is Status.MEASURED
    assert found.mask is not None
    assert found.relevance is not None
    assert found.mask.shape == found.relevance.shape == small


def test_patches_outside_the_capture_are_not_looked_at(canvas: ByteArray) -> None:
    """A third of the reference lies beyond the capture and is black there, which the classifier calls cracked."""
    classifier = dark_seeker()
    options = replace(OPTIONS, batch_size=1, overlap_px=0)
    found = Analyser(classifier, options).analyse(seen_from(canvas, 60, 20), seen_from(canvas, 60, 140))
    assert found.registration is not None
    assert found.registration.overlap == pytest.approx(220 / 340, abs=0.02)
    assert found.aligned is not None
    assert not found.aligned[:, 222:].any(), "black beyond the capture"
    assert found.status is Status.NOT_MEASURED, "nothing is known of the third that was not seen"
    assert "only 65%" in str(found.reason)
    mostly_seen = [col for _, col in tile(SHAPE, PATCH_PX).origins if col + 0.6 * PATCH_PX <= 220]
    assert classifier.network.batches == len(mostly_seen)


def test_the_edge_of_the_capture_is_no_crack(canvas: ByteArray) -> None:
    """Three quarters of some patches lie within the capture: what is missing there is not shown as black."""
    found = analyse(seen_from(canvas, 60, 20), seen_from(canvas, 60, 120), options=replace(OPTIONS, overlap_px=0))
    assert found.status is Status.NOT_MEASURED
    assert found.crack_probability is not None
    assert found.crack_probability < 0.5
    assert found.aligned is not None
    assert not found.aligned[:, 242:].any()
    assert found.aligned[2:-2, :238].all()


def test_a_photo_that_shows_nearly_all_of_the_reference_may_say_there_is_no_crack(canvas: ByteArray) -> None:
    assert analyse(seen_from(canvas, 60, 20), seen_from(canvas, 60, 50)).status is Status.NO_CRACK


def test_a_crack_of_the_reference_that_the_photo_cuts_off_is_not_measured(canvas: ByteArray) -> None:
    known = np.zeros(SHAPE, bool)
    known[100:110, 250:300] = True
    photo, reference = seen_from(canvas, 60, 20), seen_from(canvas, 60, 120)
    found = Analyser(dark_seeker(), OPTIONS).analyse(photo, reference, known)
    assert found.status is Status.NOT_MEASURED
    assert "does not show all of the crack" in str(found.reason)
    known[:, 200:] = False
    known[100:110, 50:100] = True
    assert "does not show all" not in str(Analyser(dark_seeker(), OPTIONS).analyse(photo, reference, known).reason)


def test_what_is_shown_of_a_crack_that_is_cut_off_can_be_followed() -> None:
    """Its photo has no sizes to compare, but a mask and a grade."""
    whole = cracked(wall((SHAPE[0] + 200, SHAPE[1] + 300)), width_px=4, first=(180, 80), length_px=200)
    reference, photo = seen_from(whole, 60, 20), seen_from(whole, 60, 120)
    known = np.zeros(SHAPE, bool)
    known[120:124, 60:260] = True
    found = analyse(photo, reference, known)
    assert found.status is Status.NOT_MEASURED
    assert "does not show all of the crack" in str(found.reason)
    assert found.severity is None
    assert found.mask is not None
    assert found.mask[120:124, 105:255].mean() > 0.9
    assert not found.mask[:, :95].any()
    assert found.grading is not None
    assert shows_cracks(found.status, found.grading)


def test_sizes_go_by_the_green_light(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[FloatArray] = []

    def noted(light: FloatArray, measured: Measured) -> Severity:
        asked.append(light)
        return measured.severity

    monkeypatch.setattr(analysis, "by_profiles", noted)
    photo = cracked(wall(SHAPE), **CRACK)
    assert analyse(photo).status is Status.MEASURED
    np.testing.assert_array_equal(asked, [photo[..., 1]])


def test_a_mask_never_leaves_the_capture(canvas: ByteArray) -> None:
    opened = cracked(canvas, 6, (60 + 120, 130 + 20), 400)
    found = analyse(seen_from(opened, 60, 20), seen_from(canvas, 60, 130), options=replace(OPTIONS, mask="published"))
    assert found.status is Status.MEASURED
    assert found.mask is not None
    assert found.relevance is not None
    for values in (found.mask, found.relevance):
        assert values[:, :225].any()
        assert not values[:, 232:].any()


def test_a_capture_of_which_no_patch_could_be_looked_at_is_not_called_sound(canvas: ByteArray) -> None:
    """Half of a reference of one patch: too little to look at, though enough to register."""
    reference, capture = seen_from(canvas, 60, 200, (240, 240)), seen_from(canvas, 60, 95, (240, 240))
    classifier = dark_seeker()
    classifier.network.layout = replace(classifier.network.layout, patch_px=240)
    found = Analyser(classifier, replace(OPTIONS, overlap_px=0)).analyse(capture, reference)
    assert found.registration is not None
    assert found.registration.accepted, found.reason
    assert classifier.network.batches == 0
    assert found.status is Status.NOT_MEASURED
    assert found.reason
    assert found.severity is None
    assert found.crack_probability is None


def bits(found: Analysis) -> list[Any]:
    assert found.mask is not None
    assert found.relevance is not None
    return [found.severity, found.crack_probability, found.mask.tobytes(), found.relevance.tobytes()]


@pytest.mark.parametrize("options", [TINY, replace(TINY, width_method="published", mask="published")])
def test_the_same_photo_gives_the_same_bits_whatever_came_before(canvas: ByteArray, options: AnalysisOptions) -> None:
    reference, image = seen_from(canvas, 60, 70), cracked(seen_from(canvas, 57, 66), **CRACK)
    analyser = Analyser(tiny_classifier(), options)
    first = analyser.analyse(image, reference)
    assert first.status in {Status.MEASURED, Status.NOT_MEASURED}
    assert first.relevance is not None
    assert np.ptp(first.relevance) > 0
    analyser.analyse(cracked(wall((90, 300), seed=5), 3, (40, 5), 220))
    np.random.default_rng().random()
    torch.rand(3)
    for again in (analyser, Analyser(tiny_classifier(), options)):
        assert bits(again.analyse(image, reference)) == bits(first)


def test_the_pictures_given_are_left_alone(canvas: ByteArray) -> None:
    reference, image = seen_from(canvas, 60, 70), cracked(seen_from(canvas, 57, 66), **CRACK)
    reference_mask = np.zeros(SHAPE, bool)
    kept = reference.copy(), image.copy(), reference_mask.copy()
    analyse(image, reference, reference_mask)
    for given, before in zip((reference, image, reference_mask), kept, strict=True):
        np.testing.assert_array_equal(given, before)


def test_the_mask_of_the_reference_is_left_out_of_the_registration(canvas: ByteArray) -> None:
    with pytest.raises(MisuseError, match="its own mask"):
        analyse(seen_from(canvas, 0, 0), seen_from(canvas, 5, 5), np.zeros((3, 3), bool))


def test_the_threshold_is_the_weights_own_unless_another_is_chosen() -> None:
    sound = wall(SHAPE)
    classifier = dark_seeker(threshold=0.4)
    assert Analyser(classifier, OPTIONS).threshold_probability == 0.4
    assert Analyser(classifier, replace(OPTIONS, threshold_probability=0.9)).threshold_probability == 0.9
    eager = replace(OPTIONS, threshold_probability=0.001)
    assert analyse(sound, options=eager).status is not Status.NO_CRACK
    assert analyse(sound, options=OPTIONS).status is Status.NO_CRACK


@pytest.mark.parametrize("option", ["attribution", "thresholder", "width_method", "mask"])
def test_an_unknown_method_is_refused_before_the_first_photo(option: str) -> None:
    with pytest.raises(UnknownNameError, match=r"'ruler'\. Known: "):
        Analyser(dark_seeker(), replace(OPTIONS, **{option: "ruler"}))


OTHER_OPTIONS: dict[str, Any] = {
    "attribution": "lrp_both_logits",
    "thresholder": "gmm",
    "postprocessing": Postprocessing(min_area_px=51),
    "mask": "published",
    "refinement": RefinementOptions(reach_px=6),
    "taught": TaughtOptions(reach_px=6),
    "width_method": "published",
    "overlap_px": 31,
    "batch_size": 8,
    "threads": 1,
    "threshold_probability": 0.31,
    "least_confidence": 0.4,
    "least_crack_confidence": 0.6,
    "beside": BesideOptions(near_px=40),
    "second_opinion": SecondOpinion(weight=0.4),
    "known": KnownOptions(weight=0.5),
    "sizes": "mask",
}


def fingerprint(options: AnalysisOptions | None = None, classifier: Classifier | None = None) -> str:
    return Analyser(classifier or tiny_classifier(), options).recipe.fingerprint


@pytest.mark.parametrize("option", [option.name for option in fields(AnalysisOptions)])
def test_every_option_decides_the_fingerprint(option: str) -> None:
    assert fingerprint(replace(AnalysisOptions(), **{option: OTHER_OPTIONS[option]})) != fingerprint()


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("postprocessing", Postprocessing()),
        ("refinement", RefinementOptions()),
        ("taught", TaughtOptions()),
        ("second_opinion", SecondOpinion()),
        ("beside", BesideOptions()),
        ("known", KnownOptions()),
    ],
)
def test_every_option_of_a_part_decides_the_fingerprint(whole: str, part: Any) -> None:
    for option in fields(part):
        value = getattr(part, option.name)
        changed = replace(part, **{option.name: (*value, 16.0) if isinstance(value, tuple) else value + 2})
        assert fingerprint(replace(AnalysisOptions(), **{whole: changed})) != fingerprint(), option.name


@pytest.mark.parametrize("change", [{"sha256": "1" * 64}, {"temperature": 1.5}, {"threshold": 0.6}, {"name": "other"}])
def test_the_weights_decide_the_fingerprint(change: dict[str, Any]) -> None:
    assert fingerprint(classifier=replace(tiny_classifier(), **change)) != fingerprint()


def test_a_threshold_chosen_as_the_weights_have_it_is_the_same_recipe() -> None:
    assert fingerprint(AnalysisOptions(threshold_probability=tiny_classifier().threshold)) == fingerprint()


def test_the_device_does_not_decide_the_fingerprint() -> None:
    elsewhere = tiny_classifier()
    elsewhere.network.to("meta")
    assert fingerprint(classifier=elsewhere) == fingerprint()


def seer(blind: bool = False, **changes: Any) -> Segmenter:
    """Sees a crack wherever it is dark, or nothing anywhere."""

    class Seer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.nothing = torch.nn.Parameter(torch.zeros(1))

        def forward(self, patches: torch.Tensor) -> torch.Tensor:
            bright = patches.mean(dim=1, keepdim=True)
            return 40 * (0.4 - bright) + self.nothing - (99 if blind else 0)

    return Segmenter(**{"name": "seer", "network": Seer(), "level": 0.5, "sha256": "6" * 64, **changes})


TAUGHT = replace(OPTIONS, mask="taught")


def test_a_taught_mask_is_what_the_segmenter_sees() -> None:
    photo = cracked(wall(SHAPE), **CRACK)
    found = Analyser(dark_seeker(), TAUGHT, seer()).analyse(photo)
    assert found.status is Status.MEASURED
    assert found.mask is not None
    np.testing.assert_array_equal(found.mask, photo.mean(axis=2) / 255 <= 0.4)


def test_what_no_explanation_points_at_is_not_in_a_taught_mask() -> None:
    photo = cracked(wall(SHAPE), **CRACK)
    found = Analyser(dark_seeker(), replace(TAUGHT, attribution="silence"), seer()).analyse(photo)
    assert found.status is Status.NOT_MEASURED
    assert Analyser(dark_seeker(), TAUGHT, seer(blind=True)).analyse(photo).status is Status.NOT_MEASURED


def test_a_crack_that_is_less_sure_than_asked_for_is_left_out_and_where_all_are_nothing_is_measured() -> None:
    photo = cracked(wall(SHAPE), **CRACK)
    photo[200:206, 60:160] = 98  # hardly dark enough for the segmenter, but for its middle
    photo[202:204, 60:160] = 10
    lenient = Analyser(dark_seeker(), replace(TAUGHT, least_crack_confidence=0.0), seer()).analyse(photo)
    sure, doubtful = lenient.crack_confidences
    assert lenient.severity is not None
    assert lenient.severity.crack_count == 2
    between = Analyser(dark_seeker(), replace(TAUGHT, least_crack_confidence=(sure + doubtful) / 2), seer())
    kept = between.analyse(photo)
    assert (kept.status, kept.crack_confidences) == (Status.MEASURED, (sure,))
    assert kept.severity is not None
    assert kept.severity.crack_count == 1
    assert kept.mask is not None
    assert not kept.mask[200:206, 60:160].any()
    refused = Analyser(dark_seeker(), replace(TAUGHT, least_crack_confidence=1.0), seer()).analyse(photo)
    assert (refused.status, refused.severity) == (Status.NOT_MEASURED, None)
    assert f"confidence {sure:.2f}, and 1.00 is asked for" in str(refused.reason)


#: A crack in one patch, dark in so few of its pixels that the dark seeker gives it a probability of 0.47.
FAINT: dict[str, Any] = {"width_px": 4, "first": (20, 10), "length_px": 10}
HEARD = replace(TAUGHT, overlap_px=0, second_opinion=SecondOpinion(surest_px=20, neutral=0.6))


def test_a_crack_of_which_the_classifier_is_in_doubt_is_found_where_the_segmenter_sees_it() -> None:
    """And the other way round: what the classifier alone would call cracked is not, where the segmenter sees none."""
    photo = cracked(wall(SHAPE), **FAINT)
    alone = Analyser(dark_seeker(), replace(OPTIONS, overlap_px=0)).analyse(photo)
    assert (alone.status, 0.35 < (alone.crack_probability or 0) < 0.5) == (Status.NO_CRACK, True)
    together = Analyser(dark_seeker(), HEARD, seer()).analyse(photo)
    assert together.crack_probability is not None
    assert together.crack_probability > 0.5
    assert together.relevance is not None
    assert together.relevance[21, 12] > 0.8
    lower = replace(HEARD, threshold_probability=0.4)
    assert Analyser(dark_seeker(), lower, seer(blind=True)).analyse(photo).status is Status.NO_CRACK


def test_a_crack_that_the_reference_shows_is_believed_sooner() -> None:
    photo = cracked(wall(SHAPE), **FAINT)
    dark = photo.max(axis=2) < 0.8 * np.median(photo)
    options = replace(OPTIONS, overlap_px=0)
    statuses = []
    for weight, mask in ((0.0, dark), (1.0, np.zeros_like(dark)), (1.0, dark)):
        how = replace(options, known=KnownOptions(weight=weight))
        statuses.append(Analyser(dark_seeker(), how).analyse(photo, photo, mask).status)
    assert statuses[:2] == [Status.NO_CRACK] * 2
    assert statuses[2] is not Status.NO_CRACK


PATCH_BESIDE = (slice(180, 215), slice(100, 200))


def darkened(photo: ByteArray, share: float) -> ByteArray:
    """The same with a wet patch, in which the wall is still seen."""
    wet = photo.copy()
    wet[PATCH_BESIDE] = (share * photo[PATCH_BESIDE]).astype(np.uint8)
    return wet


@pytest.mark.parametrize(("taught", "how"), [(False, replace(OPTIONS, mask="refined")), (True, TAUGHT)])
def test_what_only_became_dark_since_the_reference_is_no_crack(taught: bool, how: AnalysisOptions) -> None:
    reference = cracked(wall(SHAPE), **CRACK)
    hollow = reference.copy()
    hollow[PATCH_BESIDE] = 20
    analyser = Analyser(dark_seeker(), how, seer() if taught else None)
    lent = analyser.analyse(reference).mask
    wet, gone = (analyser.analyse(photo, reference, lent) for photo in (darkened(reference, 0.3), hollow))
    assert wet.status is gone.status is Status.MEASURED
    assert wet.mask is not None
    assert wet.mask[120:124, 62:258].mean() > 0.9
    assert not wet.mask[PATCH_BESIDE].any()
    if taught:  # valleys are narrower than that
        assert gone.mask is not None
        assert gone.mask[PATCH_BESIDE].mean() > 0.9


def test_what_the_reference_marks_and_has_not_changed_is_marked() -> None:
    """Even where the repeat alone would not mark it: a dark joint in better light."""
    reference = cracked(darkened(wall(SHAPE), 0.4), **CRACK)
    photo = cracked(darkened(wall(SHAPE), 0.7), **CRACK)
    analyser = Analyser(dark_seeker(), TAUGHT, seer())
    first = analyser.analyse(reference)
    assert first.mask is not None
    again, alone = (analyser.analyse(photo, reference, lent) for lent in (first.mask, None))
    for found, marked in ((first, True), (again, True), (alone, False)):
        assert found.mask is not None
        assert bool(found.mask[PATCH_BESIDE].mean() > 0.9) is marked
    assert len(again.crack_confidences) == len(first.crack_confidences) == 2


def test_the_segmenter_looks_at_no_patch_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []

    def counted(segmenter: Segmenter, patches: ByteArray, batch_size: int) -> FloatArray:
        looked.extend(patch.tobytes() for patch in patches)
        return crack_pixels(segmenter, patches, batch_size)

    monkeypatch.setattr(analysis, "crack_pixels", counted)
    found = Analyser(dark_seeker(), TAUGHT, seer()).analyse(cracked(wall(SHAPE), **CRACK))
    assert found.status is Status.MEASURED
    assert len(looked) == len(set(looked)) > 1


def test_a_taught_mask_has_no_seams() -> None:
    """The same wall with patches laid otherwise gives the same mask."""
    photo = cracked(wall(SHAPE), **CRACK)
    masks = [
        Analyser(dark_seeker(), replace(TAUGHT, overlap_px=overlap), seer()).analyse(photo).mask
        for overlap in (0, 16, 33)
    ]
    assert masks[0] is not None
    assert masks[1] is not None
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[1], masks[2])


def test_a_taught_mask_needs_a_segmenter() -> None:
    with pytest.raises(MisuseError, match="no segmenter is given"):
        Analyser(dark_seeker(), TAUGHT)


def test_a_segmenter_decides_the_fingerprint_only_where_it_makes_the_mask() -> None:
    recipes = [
        Analyser(dark_seeker(), TAUGHT, seer(**change)).recipe.fingerprint
        for change in ({}, {"level": 0.4}, {"sha256": "7" * 64}, {"name": "other"})
    ]
    assert len(set(recipes)) == 4
    unused = Analyser(dark_seeker(), OPTIONS, seer()).recipe.fingerprint
    assert unused == Analyser(dark_seeker(), OPTIONS).recipe.fingerprint


def test_every_outcome_carries_the_recipe(canvas: ByteArray) -> None:
    analyser = Analyser(dark_seeker(), OPTIONS)
    for found in (analyser.analyse(wall(SHAPE)), analyser.analyse(wall(SHAPE), wall(SHAPE, seed=2))):
        assert found.recipe == analyser.recipe
