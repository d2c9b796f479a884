"""The pages must stay quick to start and read only: no network code, whatever a page does."""

import os
import subprocess
import sys
from pathlib import Path

from dashboard import data

_FOLDER = Path(data.__file__).parent

_PROGRAM = """
import sys
from streamlit.testing.v1 import AppTest
sys.argv = ["app.py"]
app = AppTest.from_file({app!r}, default_timeout=30).run()
for page in ("location", "capture", "alarms", "upload", "set_up", "system"):
    app.switch_page(f"app_pages/{{page}}.py")
    app.query_params["location"] = "steady"
    app.run()
    assert not app.exception and not app.error
loaded = {{name.split(".")[0] for name in sys.modules}} & {{"torch", "captum", "zennit", "apscheduler", "matplotlib"}}
loaded |= {{name for name in sys.modules if name.startswith(("monitor.analysis", "monitor.networks"))}}
loaded |= {{name for name in sys.modules if name.startswith(("monitor.attribution", "monitor.service"))}}
loaded |= {{name for name in sys.modules if name.startswith("monitor.growth")}}
print(sorted(loaded))
"""


def test_no_page_imports_networks_judgement_or_the_service(full: Path) -> None:
    program = _PROGRAM.format(app=str(_FOLDER / "app.py"))
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "CRACKMONITOR_WORKSPACE": str(full)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "[]"


def test_only_the_data_modules_touch_monitor() -> None:
    touching = {path.name for path in _FOLDER.rglob("*.py") if _imports_of_monitor(path)}
    assert touching == {*(path.name for path in _FOLDER.glob("*data.py")), "changes.py", "served.py"}


def _imports_of_monitor(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line.startswith(("from monitor", "import monitor"))]
