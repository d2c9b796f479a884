"""The command `crackmonitor` as a script calls it: words in; exit status, standard output and error out."""

import io
import json
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from monitor.cli.main import main


@dataclass(frozen=True)
class Reply:
    """How one call ended and what it printed."""

    status: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The one JSON object on standard output of a command that did its job."""
        assert self.status == 0, self.err
        found = json.loads(self.out, parse_constant=_refused)
        assert isinstance(found, dict)
        return found

    @property
    def sentence(self) -> str:
        """What a command that did not do its job said instead, on standard error; nothing stands on the other."""
        assert self.status in (1, 2), self.out
        assert self.out == ""
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, self.err
        return lines[0].removeprefix("Error: ")


def crackmonitor(*words: object) -> Reply:
    """One call through the entry point, in this process. What would be a traceback is raised."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["crackmonitor", *map(str, words)]
    with patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            status = end.code
        else:
            status = 0
    assert isinstance(status, int)
    return Reply(status, out.getvalue(), err.getvalue())


def crackmonitor_program(*words: object, folder: Path) -> Reply:
    """One call of the installed program in a process of its own, with `folder` as the current one."""
    done = subprocess.run(_call(words), cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return Reply(done.returncode, done.stdout, done.stderr)


def started(*words: object) -> subprocess.Popen[str]:
    """The installed program, still at work."""
    return subprocess.Popen(_call(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _call(words: Sequence[object]) -> list[str]:
    return [str(Path(sysconfig.get_path("scripts")) / "crackmonitor"), *map(str, words)]


def _refused(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")
