"""Which workspace the pages show."""

import argparse
import os
import sys
from pathlib import Path


def workspace() -> Path:
    """The folder to show: `--workspace`, else the variable CRACKMONITOR_WORKSPACE, else the present folder."""
    arguments = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    arguments.add_argument("--workspace", type=Path, default=Path(os.environ.get("CRACKMONITOR_WORKSPACE", ".")))
    chosen: Path = arguments.parse_known_args(sys.argv[1:])[0].workspace
    return chosen.resolve()
