"""Who may import whom: the layer table as contracts in `pyproject.toml`, and what an import really loads."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
NETWORK_PACKAGES = {"torch", "torchvision", "zennit", "captum", "safetensors"}
#: Layers 0 to 3: what happens there may not depend on when.
WITHOUT_CLOCK = (
    "records.py", "errors.py", "analysis.py",
    "imaging", "segmentation", "severity", "growth", "networks", "attribution",
)  # fmt: skip


def test_every_import_contract_is_kept() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"{len(CONTRACTS['contracts'])} kept, 0 broken" in found.stdout


def test_every_package_stands_under_a_contract() -> None:
    """A new top-level package, like a new package in monitor, has to be given its place."""
    packages = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - {"tests"}
    assert set(CONTRACTS["root_packages"]) == packages
    layers = next(contract for contract in CONTRACTS["contracts"] if contract["type"] == "layers")
    assert layers["exhaustive"] is True


def test_no_two_test_modules_share_a_name() -> None:
    """pytest imports them by their bare names: of two that share one, it would refuse the second."""
    names = [path.stem for path in (REPOSITORY / "tests").rglob("*.py") if path.stem != "conftest"]
    assert sorted(names) == sorted(set(names))


def loaded_by(module: str) -> set[str]:
    """Top-level packages in memory after an import in a fresh interpreter."""
    program = f"import sys, json, {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, "STREAMLIT_LOG_LEVEL": "error"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return set(json.loads(found.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "dashboard.data",
        "monitor.api.app",
        "monitor.storage.queries, monitor.storage.repository",
        "monitor.settings",
        "monitor.records",
    ],
)
def test_readers_and_storage_load_no_network_code(module: str) -> None:
    assert not loaded_by(module) & NETWORK_PACKAGES


@pytest.mark.parametrize("package", ["imaging.registration", "segmentation.refinement", "severity.metrics"])
def test_numbers_load_neither_networks_nor_a_database(package: str) -> None:
    assert not loaded_by(f"monitor.{package}") & (NETWORK_PACKAGES | {"sqlalchemy", "pydantic"})


def test_the_command_loads_what_it_needs_when_it_needs_it() -> None:
    heavy = {"numpy", "scipy", "cv2", "skimage", "PIL", "sqlalchemy", "pydantic", "streamlit", "plotly", "apscheduler"}
    assert not loaded_by("monitor.cli") & (heavy | NETWORK_PACKAGES)


def test_the_command_starts_quickly() -> None:
    """Processor seconds, so that a busy machine does not matter; help would feel slow from about one on."""
    program = "import time; start = time.process_time(); import monitor.cli; print(time.process_time() - start)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert float(found.stdout) < 0.7


def clock_readings(path: Path) -> list[str]:
    """Places in a module that ask what time it is."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            asked = node.func.attr in {"now", "utcnow", "today"}
        else:
            names = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
            asked = getattr(node, "module", None) == "time" or any(name.name == "time" for name in names)
        if asked:
            found.append(f"{path.relative_to(REPOSITORY)}:{node.lineno}")  # type: ignore[attr-defined]
    return found


def test_numbers_do_not_look_at_the_clock() -> None:
    places = [REPOSITORY / "monitor" / name for name in WITHOUT_CLOCK]
    modules = [module for place in places for module in (place.rglob("*.py") if place.is_dir() else [place])]
    assert len(modules) > 20
    assert [reading for module in modules for reading in clock_readings(module)] == []
