"""What every training shares: its steps down the loss, the running mean of its weights, and checkpoints."""

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from monitor.errors import MisuseError


class DescentOptions(Protocol):
    """The options that decide a step."""

    @property
    def learning_rate(self) -> float:
        """Of AdamW (doi:10.48550/arXiv.1711.05101); the highest one where it follows one cycle."""

    @property
    def weight_decay(self) -> float:
        """Of AdamW."""

    @property
    def weight_average(self) -> float:
        """Share of the running mean of the weights that a step keeps (0: no mean)."""

    @property
    def bfloat16(self) -> bool:
        """Whether layers run in bfloat16, where the device is quick at it."""


def quick_in_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 saves time there: processors without vectors for it take ten times as long as in float32."""
    return device.type != "cpu" or torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "AMX"))


class Descent:
    """A network on its way down, together with parts `beside` it that are taught but neither averaged nor kept.

    With `one_cycle` the learning rate rises and falls once over all `steps` (doi:10.48550/arXiv.1708.07120).
    """

    def __init__(
        self,
        network: nn.Module,
        options: DescentOptions,
        steps: int,
        device: torch.device | None,
        *,
        one_cycle: bool = True,
        beside: nn.Module | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self._beside = nn.Module() if beside is None else beside.to(self.device)
        self._bfloat16 = options.bfloat16 and quick_in_bfloat16(self.device)
        self._optimiser = torch.optim.AdamW(
            [*self.network.parameters(), *self._beside.parameters()],
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
        )
        self._schedule = (
            torch.optim.lr_scheduler.OneCycleLR(self._optimiser, options.learning_rate, total_steps=steps)
            if one_cycle
            else torch.optim.lr_scheduler.ConstantLR(self._optimiser, factor=1.0)
        )
        self._average = (
            AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(options.weight_average), use_buffers=True)  # type: ignore[no-untyped-call]
            if options.weight_average
            else None
        )

    @property
    def averaged(self) -> nn.Module:
        """The network to judge and to keep: that of the mean weights, or the trained one where there is no mean."""
        return self.network if self._average is None else self._average.module

    def precision(self) -> torch.autocast:
        """The context in which the network is to be called while it is trained."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._bfloat16)

    def placed(self, batch: Tensor) -> Tensor:
        """A batch (n, channels, rows, cols) where and as the network takes it."""
        return batch.to(self.device, memory_format=torch.channels_last)

    def step(self, loss: Tensor) -> float:
        """One step down; returns the loss it started from."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._schedule.step()
        if self._average is not None:
            self._average.update_parameters(self.network)
        return float(loss.item())

    def state(self) -> dict[str, Any]:
        """All that a later `restore` needs to go on."""
        return {
            "network": self.network.state_dict(),
            "beside": self._beside.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.network.load_state_dict(state["network"])
        self._beside.load_state_dict(state["beside"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that an interruption leaves the one before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    temporary.replace(path)


def read_checkpoint(path: Path, belonging_to: dict[str, Any]) -> dict[str, Any]:
    """The state in a checkpoint; `MisuseError` when it is damaged or differs from `belonging_to` where that says."""
    try:
        state = dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file raises anything from EOFError to UnpicklingError
        raise MisuseError(f"The checkpoint {path} cannot be read. Remove it to start anew.") from error
    if any(state.get(key) != value for key, value in belonging_to.items()):
        raise MisuseError(
            f"{path} belongs to a training with other options or patches. Use another folder or remove it."
        )
    return state
