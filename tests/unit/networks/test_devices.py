"""A device is what was asked for, or a sentence that says which there are."""

import pytest
import torch

from monitor.errors import MisuseError
from monitor.networks.devices import choose_device


def there_is(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest_there_is(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str) -> None:
    there_is(monkeypatch, cuda=cuda, mps=mps)
    assert choose_device("auto") == torch.device(chosen)


def test_the_processor_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda in (True, False):
        there_is(monkeypatch, cuda=cuda, mps=False)
        assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("wish", ["cuda", "mps", "tpu", ""])
def test_a_device_that_is_not_there_is_misuse_that_names_the_others(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    there_is(monkeypatch, cuda=False, mps=False)
    with pytest.raises(MisuseError, match=rf"'{wish}' is not available here.*auto or one of: cpu\."):
        choose_device(wish)
