"""A segmenter learns what it is shown, goes on where it was interrupted, and what comes out is what was trained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.errors import MisuseError
from monitor.networks import segmenter_training
from monitor.networks.segmenter_training import (
    MarkedPatches,
    SegmenterOptions,
    TaughtSegmenter,
    segmentation_loss,
    train_segmenter,
)
from monitor.networks.training import as_batch
from monitor.networks.unet import Unet, UnetLayout

# Networks as small as these lose more time to waiting for each other's threads than they gain.
torch.set_num_threads(1)

OPTIONS = SegmenterOptions(
    layout=UnetLayout(width=4, batch_norm=True), steps=7, batch_size=4, weight_average=0.9, bfloat16=False
)
FEW = 3


def barred(rng: np.random.Generator, count: int) -> MarkedPatches:
    """Noise with a dark bar across each patch, somewhere."""
    images = rng.integers(120, 200, (count, 32, 32, 3), dtype=np.uint8)
    truth = np.zeros((count, 32, 32), np.float32)
    for patch, start in enumerate(rng.integers(2, 26, count)):
        truth[patch, start : start + 4] = 1
    images[truth > 0] //= 4
    return MarkedPatches(images, truth, np.ones_like(truth))


def taught(
    checkpoint: Path, options: SegmenterOptions = OPTIONS, on_step: Callable[[int, int], None] = lambda *_: None
) -> TaughtSegmenter:
    return train_segmenter(barred, options, checkpoint, "bars", None, on_step, checkpoint_steps=FEW)


def assert_same(found: TaughtSegmenter, wanted: TaughtSegmenter) -> None:
    assert found.losses == wanted.losses
    for name, value in wanted.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value), name


class Interruption(Exception):
    """The power goes."""


def cut_at(step: int) -> Callable[[int, int], None]:
    def on_step(done: int, _total: int) -> None:
        if done == step:
            raise Interruption

    return on_step


@pytest.mark.parametrize("step", [1, 3, 5, 7])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_an_interrupted_training_ends_bit_for_bit_as_an_uninterrupted_one(
    tmp_path: Path, step: int, bfloat16: bool
) -> None:
    """Checkpoints are written after the third, the sixth and the last step."""
    options = replace(OPTIONS, bfloat16=bfloat16)
    wanted = taught(tmp_path / "whole.ckpt", options)
    assert len(wanted.losses) == 3
    with pytest.raises(Interruption):
        taught(tmp_path / "cut.ckpt", options, cut_at(step))
    torch.manual_seed(99)
    assert_same(taught(tmp_path / "cut.ckpt", options), wanted)


def test_a_finished_training_is_read_not_repeated(tmp_path: Path) -> None:
    wanted = taught(tmp_path / "done.ckpt")
    assert_same(taught(tmp_path / "done.ckpt", on_step=cut_at(1)), wanted)


def test_the_bars_are_learned_and_progress_is_told(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    options = replace(OPTIONS, steps=160, batch_size=8, learning_rate=1e-2)
    found = train_segmenter(barred, options, tmp_path / "bars.ckpt", "bars", None, lambda *at: steps.append(at), 40)
    assert steps == [(done, 160) for done in range(1, 161)]
    assert found.losses[-1] < 0.5 * found.losses[0]
    unseen = barred(np.random.default_rng(1234), 8)
    with torch.inference_mode():
        marked = (found.network(as_batch(unseen.images))[:, 0] > 0).numpy()
    assert np.mean(marked == (unseen.truth > 0.5)) > 0.97


def test_the_network_is_the_folded_mean_of_the_trained_ones(tmp_path: Path) -> None:
    found = taught(tmp_path / "whole.ckpt").network
    assert not found.layout.batch_norm
    assert not found.training
    trained = Unet(OPTIONS.layout).eval()
    state = torch.load(tmp_path / "whole.ckpt", weights_only=True)["descent"]["average"]
    trained.load_state_dict({key.removeprefix("module."): state[key] for key in state if key != "n_averaged"})
    batch = as_batch(barred(np.random.default_rng(5), 3).images)
    with torch.inference_mode():
        torch.testing.assert_close(found(batch), trained(batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("other", [replace(OPTIONS, seed=1), replace(OPTIONS, steps=8), replace(OPTIONS, batch_size=2)])
def test_a_checkpoint_of_other_options_is_refused_and_kept(tmp_path: Path, other: SegmenterOptions) -> None:
    checkpoint = tmp_path / "kept.ckpt"
    taught(checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(MisuseError, match=r"kept\.ckpt belongs to a training with other options"):
        taught(checkpoint, other, cut_at(1))
    assert checkpoint.read_bytes() == before


def test_a_checkpoint_of_other_patches_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "kept.ckpt"
    taught(checkpoint)
    with pytest.raises(MisuseError, match="other options or patches"):
        train_segmenter(barred, OPTIONS, checkpoint, "stripes", checkpoint_steps=FEW)
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(MisuseError, match=r"kept\.ckpt cannot be read"):
        taught(checkpoint)


def test_the_caller_gives_other_batches_at_every_step_and_the_same_ones_again(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def noted(rng: np.random.Generator, count: int) -> MarkedPatches:
        batch = barred(rng, count)
        seen.append(batch.images.tobytes())
        return batch

    for name in ("first", "again"):
        train_segmenter(noted, replace(OPTIONS, steps=3), tmp_path / name, "bars")
    assert seen[:3] == seen[3:]
    assert len(set(seen)) == 3


MISUSE = [
    ("have to be", lambda batch: replace(batch, truth=batch.truth[:, 1:])),
    ("have to be", lambda batch: replace(batch, weight=batch.weight[1:])),
    ("have to be", lambda batch: replace(batch, images=batch.images[..., :1])),
    ("multiple of 16", lambda batch: MarkedPatches(batch.images[:, :24, :24], *(np.zeros((2, 4, 24, 24), np.float32)))),
    ("square", lambda batch: MarkedPatches(batch.images[:, :16], batch.truth[:, :16], batch.weight[:, :16])),
]


@pytest.mark.parametrize(("sentence", "spoiled"), MISUSE)
def test_batches_that_do_not_fit_are_refused(
    tmp_path: Path, sentence: str, spoiled: Callable[[MarkedPatches], MarkedPatches]
) -> None:
    with pytest.raises(MisuseError, match=sentence):
        train_segmenter(lambda rng, count: spoiled(barred(rng, count)), OPTIONS, tmp_path / "never.ckpt", "bars")
    assert not (tmp_path / "never.ckpt").exists()


def test_a_training_that_diverged_is_refused_and_leaves_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"diverged.*lower learning rate"):
        taught(tmp_path / "diverged.ckpt", replace(OPTIONS, learning_rate=1e30))
    assert not (tmp_path / "diverged.ckpt").exists()


def test_the_loss_is_weighted_cross_entropy_and_half_a_dice_loss() -> None:
    rng = np.random.default_rng(0)
    logits, truth, weight = rng.normal(0, 2, (3, 16)), rng.random((3, 16)), rng.random((3, 16))
    total = shared = called = there = 0.0
    for logit, share, counts in zip(logits.ravel(), truth.ravel(), weight.ravel(), strict=True):
        probability, crack = 1 / (1 + np.exp(-logit)), share > 0.5
        entropy = -share * np.log(probability) - (1 - share) * np.log(1 - probability)
        total += entropy * counts * (3 if crack else 1)
        shared += probability * crack * counts
        called += probability * counts
        there += crack * counts
    wanted = total / logits.size + 0.5 * (1 - (2 * shared + 1) / (called + there + 1))
    found = segmentation_loss(*(torch.from_numpy(part).reshape(3, 1, 4, 4) for part in (logits, truth, weight)))
    assert found.item() == pytest.approx(wanted, rel=1e-6)


def test_pixels_without_weight_do_not_matter() -> None:
    logits, truth = torch.randn(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    weight = (torch.rand(2, 1, 4, 4) < 0.5).float()
    other = torch.where(weight > 0, truth, 1 - truth)
    assert segmentation_loss(logits, truth, weight) == segmentation_loss(logits, other, weight)


def test_truth_and_weight_are_turned_as_the_picture_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Truth and weight are told from the picture's own red and green: so they are after flips and turns."""
    pairs: list[tuple[torch.Tensor, ...]] = []
    monkeypatch.setattr(
        segmenter_training, "segmentation_loss", lambda *parts: pairs.append(parts) or segmentation_loss(*parts)
    )

    def coloured(rng: np.random.Generator, count: int) -> MarkedPatches:
        images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        red, green = (images[..., colour].astype(np.float32) / 255 for colour in (0, 1))
        return MarkedPatches(images, red, green)

    class Watched(Unet):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            pairs.append((pictures,))
            return super().forward(pictures)

    monkeypatch.setattr(segmenter_training, "Unet", Watched)
    train_segmenter(coloured, replace(OPTIONS, light_jitter=0.0, steps=3), tmp_path / "turned.ckpt", "colours")
    for (pictures,), (_, truth, weight) in zip(pairs[::2], pairs[1::2], strict=True):
        torch.testing.assert_close(pictures[:, :2], torch.cat([truth, weight], 1), rtol=0, atol=1e-6)
