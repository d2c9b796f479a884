"""What every training shares: where bfloat16 is worth while."""

import pytest
import torch

from monitor.networks.descent import quick_in_bfloat16


@pytest.mark.parametrize(
    ("device", "capability", "quick"),
    [("cpu", "DEFAULT", False), ("cpu", "AVX2", False), ("cpu", "AVX512", True), ("cuda", "AVX2", True)],
)
def test_bfloat16_is_for_devices_that_are_quick_at_it(
    device: str, capability: str, quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processors without vectors for it take ten times as long as in float32."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert quick_in_bfloat16(torch.device(device)) == quick
