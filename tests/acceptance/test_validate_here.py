"""`crackmonitor validate --location NAME`: growth simulated on a location's own wall, kept with it."""

from pathlib import Path

import pytest
from command_line import crackmonitor


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--location", "nowhere"), "nowhere"),
        (("--location", "wall"), "has no measured reference yet"),
        (("--location", "wall", "--quick"), "Leave them out with --location"),
        (("--location", "wall", "--share", "0.5"), "Leave them out with --location"),
        (("--quick", "--share", "0.5"), "leave out --share, or --quick"),
        (("--location", "wall", "--rates", "fast"), "no growth rates"),
        (("--location", "wall", "--rates", "-1"), "no growth rates"),
        (("--rates", "1,2"), "name it with --location"),
        (("--captures", "5"), "name it with --location"),
    ],
)
def test_misuse(workspace: Path, words: tuple[str, ...], sentence: str) -> None:
    crackmonitor("site", "add", "yard", "--workspace", workspace)
    crackmonitor("location", "add", "wall", "--site", "yard", "--workspace", workspace)
    refused = crackmonitor("validate", *words, "--workspace", workspace)
    assert refused.status == 2
    assert sentence in refused.sentence
