"""Where the networks run."""

import torch

from monitor.errors import MisuseError


def choose_device(wish: str) -> torch.device:
    """The device of that name; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises `MisuseError` when a device is asked for that this machine does not have.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wish == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available.get(wish, False):
        there = ", ".join(name for name, there in available.items() if there)
        raise MisuseError(f"Device '{wish}' is not available here. Set 'analysis.device' to auto or one of: {there}.")
    return torch.device(wish)
