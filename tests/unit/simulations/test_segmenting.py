"""What a segmenter is taught with: true truth, masks of networks, and of people's masks the crop label alone."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from monitor.analysis import AnalysisOptions
from monitor.errors import MisuseError
from monitor.networks.segmenting import crack_pixels
from monitor.networks.weights import Segmenter
from simulations import segmenting
from simulations.patches import Painting, Patch, Source, painted_patch
from simulations.pools import Drawn
from simulations.segmenting import (
    CropLabels,
    Mixture,
    Reading,
    TaughtPhotos,
    best_level,
    crack_places,
    explained_masks,
    read_explained,
    read_soft,
    soft_masks,
    taught_photos,
    taught_window,
)
from simulations.walls import Wall, wall

SIDE = 32


class Darkness(torch.nn.Module):
    """Says that dark pixels are cracks."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(20.0))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.scale * (0.4 - pictures.mean(1, keepdim=True))


DARK = Segmenter("dark", Darkness(), 0.5, "0" * 64)  # type: ignore[arg-type]


def photo(seed: int, crack_row: int = 24, shape: tuple[int, int] = (48, 48)) -> Patch:
    image = np.random.default_rng(seed).integers(150, 190, (*shape, 3), dtype=np.uint8)
    image[crack_row - 2 : crack_row + 2] = 20
    return image


def photos(*masks: NDArray[np.bool_]) -> TaughtPhotos:
    """Photos of 48 px, their cracks as a network saw them."""
    images = [photo(seed) for seed in range(len(masks))]
    seen = [np.where(image[..., 0] < 100, 255, 0).astype(np.uint8) for image in images]
    return TaughtPhotos(images, [CropLabels(mask) for mask in masks], seen)


def pool(count: int = 6) -> Drawn:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    truth = rng.integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8)
    return {"images": images, "truth": truth, "counts": rng.random((count, SIDE, SIDE)) < 0.9}


def test_the_truth_of_a_painted_patch_lies_where_it_is_dark() -> None:
    """Also where the patch was taken anew from another place."""
    rng = np.random.default_rng(4)
    how = Painting((3.0, 6.0), rim_shadows=0.0)
    darker = []
    for _ in range(40):
        painted = painted_patch(True, 64, rng, painting=how)
        if painted is not None:
            image, covered = painted
            assert covered.shape == (64, 64)
            assert covered.sum() > 0
            inside, outside = image[covered > 0.9].mean(), image[covered < 0.01].mean()
            darker.append(inside < 0.75 * outside)
    assert np.mean(darker) > 0.9


def test_a_patch_without_a_crack_has_no_truth_and_small_cracks_are_asked_for_by_the_painting() -> None:
    rng = np.random.default_rng(0)
    sound = painted_patch(False, SIDE, rng)
    assert sound is not None
    assert not sound[1].any()
    hairline = Painting((1.0, 1.1), least_px=0.0)
    assert all(painted_patch(True, SIDE, rng, painting=hairline) is not None for _ in range(10))
    assert all(painted_patch(True, SIDE, rng, painting=replace(hairline, least_px=900.0)) is None for _ in range(10))


@pytest.mark.parametrize("reading", [read_explained, read_soft])
def test_masks_by_people_give_the_same_batches_as_long_as_crops_have_the_same_labels(reading: Reading) -> None:
    """Windows are at least 13 px wide, so dots 13 px apart label them as a mask of all pixels does."""
    dots = np.zeros((48, 48), bool)
    dots[::13, ::13] = True
    drawn = [
        Mixture(pool(), [(1.0, photos(mask, mask))], reading)(np.random.default_rng(3), 12)
        for mask in (np.ones((48, 48), bool), dots)
    ]
    for name in ("images", "truth", "weight"):
        np.testing.assert_array_equal(*(getattr(batch, name) for batch in drawn))
    assert drawn[0].truth[6:].any()


def test_a_teacher_sees_photos_without_the_masks_by_people(tmp_path: Path) -> None:
    everywhere, nowhere = np.ones((48, 48), bool), np.zeros((48, 48), bool)
    sources = [Source("walls", [photo(0)], [mask]) for mask in (everywhere, nowhere)]
    found = [taught_photos(one, soft_masks(DARK), tmp_path / str(n)).masks for n, one in enumerate(sources)]
    np.testing.assert_array_equal(*found)


def test_a_window_that_people_call_sound_has_no_truth_whatever_its_mask_says() -> None:
    sound = photos(np.zeros((48, 48), bool))
    for seed in range(20):
        _, truth, weight = taught_window(sound, SIDE, read_soft, np.random.default_rng(seed))
        assert not truth.any()
        assert (weight == 1).all()


def test_windows_that_show_a_crack_of_which_the_mask_knows_nothing_are_left_out() -> None:
    cracked = photos(np.ones((48, 48), bool), np.ones((48, 48), bool))
    blind = replace(cracked, masks=[cracked.masks[0], np.zeros((48, 48), np.uint8)])
    for seed in range(20):
        _, truth, _ = taught_window(blind, SIDE, read_soft, np.random.default_rng(seed))
        assert truth.any()
    nothing = replace(blind, masks=[np.zeros((48, 48), np.uint8)] * 2)
    with pytest.raises(MisuseError, match="No window of the photos"):
        taught_window(nothing, SIDE, read_soft, np.random.default_rng(0))


def test_truth_lies_on_the_crack_of_the_window() -> None:
    cracked = photos(np.ones((48, 48), bool))
    for seed in range(10):
        image, truth, weight = taught_window(cracked, SIDE, read_soft, np.random.default_rng(seed))
        assert image.shape == (SIDE, SIDE, 3)
        assert truth.shape == weight.shape == (SIDE, SIDE)
        assert image[truth == 1].mean() < 0.8 * image[truth == 0].mean()


def test_a_hard_mask_counts_in_full_and_what_is_not_in_it_less() -> None:
    mask = np.zeros((16, 16), np.float32)
    mask[8, 3:12], mask[2, 2] = 1, 0.4
    truth, weight = read_explained(mask)
    np.testing.assert_array_equal(truth, mask)
    assert weight[8, 5] == 1
    assert weight[5, 5] == weight[12, 14] == np.float32(0.25)
    assert weight[2, 2] == weight[0, 15] == np.float32(0.35)


def test_a_soft_mask_is_crack_from_a_quarter_on_and_half_sure_places_hardly_count() -> None:
    truth, weight = read_soft(np.array([[0.0, 0.05, 0.1, 0.2, 0.3, 0.9]], np.float32))
    np.testing.assert_array_equal(truth, [[0, 0, 0, 0, 1, 1]])
    np.testing.assert_array_equal(weight, np.array([[0.6, 0.6, 0.1, 0.1, 1, 1]], np.float32))


def test_half_of_a_batch_is_simulated_and_counts_where_a_gap_can_be_seen() -> None:
    drawn = pool()
    batch = Mixture(drawn, [(1.0, photos(np.ones((48, 48), bool)))], read_soft)(np.random.default_rng(1), 7)
    assert batch.images.shape == (7, SIDE, SIDE, 3)
    assert (batch.images.dtype, batch.truth.dtype, batch.weight.dtype) == (np.uint8, np.float32, np.float32)
    for image, truth, weight in zip(batch.images[:3], batch.truth[:3], batch.weight[:3], strict=True):
        (index,) = np.flatnonzero((drawn["images"] == image).all(axis=(1, 2, 3)))
        np.testing.assert_array_equal(truth, drawn["truth"][index].astype(np.float32) / 255)
        np.testing.assert_array_equal(weight, drawn["counts"][index])
    assert set(np.unique(batch.weight[3:])) <= {np.float32(0.1), np.float32(0.6), np.float32(1)}


def test_photo_sets_are_asked_as_often_as_their_shares_say() -> None:
    """The second set's photos show no crack at all, so their windows have no truth."""
    both = [(0.75, photos(np.ones((48, 48), bool))), (0.25, photos(np.zeros((48, 48), bool)))]
    batch = Mixture(pool(), both, read_soft)(np.random.default_rng(1), 400)
    assert np.mean(batch.truth[200:].any(axis=(1, 2))) == pytest.approx(0.75, abs=0.1)


def test_a_network_stays_with_what_it_saw_in_cracked_windows_of_the_first_photos() -> None:
    """Its own shades instead of masks, and of the other photos and of sound windows what it always was.

    The other photos' crack is elsewhere, so that they can be told from the first.
    """
    lower = np.zeros((48, 48), bool)
    lower[20:] = True
    first, other = photos(lower, lower), photos(lower)
    other.masks[0][:] = 255
    sets = [(0.5, first), (0.5, other)]
    plain = Mixture(pool(), sets, read_soft)(np.random.default_rng(4), 80)
    kept = Mixture(pool(), sets, read_soft, DARK)(np.random.default_rng(4), 80)
    np.testing.assert_array_equal(kept.images, plain.images)
    changed = (kept.truth != plain.truth).any(axis=(1, 2))
    shown = plain.truth[40:].mean(axis=(1, 2))
    others, sound = shown == 1, shown == 0
    np.testing.assert_array_equal(changed, np.append(np.zeros(40, bool), ~others & ~sound))
    assert others.sum() > 5
    assert changed.sum() > 5
    np.testing.assert_array_equal(kept.truth[changed], crack_pixels(DARK, kept.images[changed], 4))
    assert (kept.weight[changed] == 1).all()
    np.testing.assert_array_equal(kept.weight[~changed], plain.weight[~changed])


@pytest.mark.parametrize("shape", [(48, 48), (40, 56), (224, 72)])
def test_soft_masks_say_where_the_network_sees_a_crack_in_photos_of_any_size(shape: tuple[int, int]) -> None:
    found = soft_masks(DARK)(photo(1, 20, shape))
    assert found.shape == shape
    assert found.dtype == np.uint8
    assert found[19:21].min() > 200
    assert found[:15].max() < 60


def test_a_soft_mask_is_the_same_for_the_mirror_image() -> None:
    image = photo(2)
    image[:, 10:14] = 60
    np.testing.assert_array_equal(soft_masks(DARK)(image[:, ::-1]), soft_masks(DARK)(image)[:, ::-1])


def test_a_soft_mask_with_a_gain_is_surer_and_never_more_than_sure() -> None:
    once, thrice = (soft_masks(DARK, (1.0, 2.0), gain)(photo(1, 20)).astype(int) for gain in (1.0, 3.0))
    assert 0 < once.max() <= 255
    np.testing.assert_allclose(thrice, np.minimum(3 * once, 255), atol=2)


def test_explained_masks_are_those_of_the_analysis_of_the_enlarged_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    class FakeAnalyser:
        def __init__(self, _classifier: object, options: AnalysisOptions) -> None:
            assert (options.mask, options.refinement.min_area_px) == ("refined", 100)

        def analyse(self, image: Patch) -> SimpleNamespace:
            seen.append(image.shape)
            return SimpleNamespace(mask=None if len(seen) > 1 else image[..., 0] < 100)

    monkeypatch.setattr(segmenting, "Analyser", FakeAnalyser)
    mask_of = explained_masks(None)  # type: ignore[arg-type]
    found = mask_of(photo(0))
    assert seen == [(96, 96, 3)]
    np.testing.assert_array_equal(np.flatnonzero(found.all(axis=1)), [22, 23, 24, 25])
    assert set(np.unique(found)) == {0, 255}
    assert not mask_of(photo(0)).any()


def test_masks_are_made_once_and_an_interruption_costs_one_photo(tmp_path: Path) -> None:
    source = Source("walls", [photo(0), photo(1), photo(2)], [np.ones((48, 48), bool)] * 3)
    asked: list[int] = []

    def teacher(image: Patch) -> NDArray[np.uint8]:
        asked.append(len(asked))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return image[..., 0]

    with pytest.raises(KeyboardInterrupt):
        taught_photos(source, teacher, tmp_path)
    told: list[tuple[int, int]] = []
    found = taught_photos(source, teacher, tmp_path, lambda *at: told.append(at))
    again = taught_photos(source, teacher, tmp_path)
    assert len(asked) == 4
    assert told == [(1, 3), (2, 3), (3, 3)]
    for mask, same, image in zip(found.masks, again.masks, source.images, strict=True):
        np.testing.assert_array_equal(mask, image[..., 0])
        np.testing.assert_array_equal(same, mask)


def test_photos_without_crop_labels_cannot_teach(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="textures do not say where crops show a crack"):
        taught_photos(Source("textures", [photo(0)], None), soft_masks(DARK), tmp_path)


def test_places_are_where_the_segmenter_sees_most_and_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenting, "SHARD", 3)
    images = np.full((7, SIDE, SIDE, 3), 200, np.uint8)
    spots = [(index % 4, index // 2) for index in range(7)]
    for image, (row, col) in zip(images, spots, strict=True):
        image[row * 8 + 3, col * 8 + 5] = 0
    told: list[tuple[int, int]] = []
    found = crack_places(DARK, images, tmp_path, lambda *at: told.append(at))
    assert (found.shape, found.dtype) == ((7, 4, 4), np.uint8)
    assert [tuple(np.argwhere(place > 200)[0]) for place in found] == spots
    assert (found > 200).sum() == 7
    assert told == [(1, 3), (2, 3), (3, 3)]
    monkeypatch.setattr(segmenting, "crack_pixels", None)
    np.testing.assert_array_equal(crack_places(DARK, images, tmp_path, lambda *_: None), found)


def test_the_best_level_is_where_dice_is_best() -> None:
    truth = np.array([255, 255, 200, 100, 0, 0], np.uint8)
    level, dice = best_level(np.array([0.9, 0.7, 0.62, 0.5, 0.3, 0.1], np.float32), truth)
    assert 0.5 < level <= 0.62
    assert dice == 1
    level, dice = best_level(np.array([0.9, 0.7, 0.2, 0.5, 0.3, 0.1], np.float32), truth)
    assert 0.5 < level <= 0.7
    assert dice == pytest.approx(4 / 5)


def test_a_pool_of_simulated_pixels_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    surfaces = Source("textures", [photo(5)], None)
    walls = Source("walls", [photo(6)], [photo(6)[..., 0] < 100])
    monkeypatch.setattr(segmenting, "standard_sources", lambda *_: [(0.4, None), (0.3, surfaces), (0.3, walls)])
    asked: list[int] = []

    def concrete(side: int, rng: np.random.Generator) -> Wall:
        asked.append(side)
        return wall("plain", (side, side), rng)

    monkeypatch.setattr(segmenting, "concrete_surface", lambda *_: concrete)
    drawn = segmenting.draw_pixel_pool(tmp_path, tmp_path, "train", 24, SIDE, 1)
    assert 3 < len(asked) < 16
    assert drawn["images"].shape == (24, SIDE, SIDE, 3)
    assert drawn["truth"].shape == (24, SIDE, SIDE)
    assert drawn["truth"].dtype == np.uint8
    assert drawn["counts"].dtype == np.bool_
    assert drawn["counts"][drawn["truth"] > 127].all()
    assert 0.3 < np.mean(drawn["truth"].any(axis=(1, 2))) < 0.9
    monkeypatch.setattr(segmenting, "standard_sources", None)
    again = segmenting.draw_pixel_pool(tmp_path, tmp_path, "train", 24, SIDE, 1)
    np.testing.assert_array_equal(again["images"], drawn["images"])
