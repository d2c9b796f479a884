"""Files from outside are decoded in a child process first, which has little memory and time and knows no secrets.

The child is started with the first file and kept for all that follow, so that a file costs one more message. What
breaks it breaks nothing else: the file is refused, and the next one gets a new child. Only what went through here is
ever decoded by the worker itself, from the kept original of the same sha256.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import IO, Any

from monitor.errors import UnreadableImageError
from monitor.imaging.files import PictureFile, read_picture
from monitor.settings import IngestSettings

#: Python with its libraries, and for every pixel allowed the copies that decoding and turning it into RGB hold at once.
_MEMORY_MB, _BYTES_A_PIXEL = 500, 40
#: What a Python needs to start; all other variables may hold secrets.
_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL", "TMPDIR")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_LONGEST_ANSWER = 100_000


def examine(path: Path, limits: IngestSettings) -> PictureFile:
    """Decode the photo at `path` in the child, and tell what it is.

    Raises `UnreadableImageError` with a sentence for the person who sent the file when it is refused, needs too much
    memory or time, or breaks the decoder twice; `OSError` when there can be no child.
    """
    memory_mb = round(_MEMORY_MB + limits.max_megapixels * _BYTES_A_PIXEL)
    return _decoder(memory_mb, limits.decode_seconds).examine(path, limits.max_megapixels, limits.max_file_mb)


class Decoder:
    """One child that decodes one file after another within `memory_mb` and, each, `seconds`."""

    def __init__(self, memory_mb: int, seconds: float) -> None:
        self._memory_mb, self._seconds = memory_mb, seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._turn = threading.Lock()

    def examine(self, path: Path, max_megapixels: float, max_file_mb: float) -> PictureFile:
        """As the function `examine`."""
        told = {"path": os.path.abspath(path), "max_megapixels": max_megapixels, "max_file_mb": max_file_mb}
        with self._turn:
            answer = self._ask(told) or self._ask(told)  # once more: the system may have ended it for others' sake
        if answer is None:
            raise UnreadableImageError(
                f"{path} breaks the decoder: it is damaged, or made to do harm. Copy it again from the camera."
            )
        if "refusal" in answer:
            # The child knows the file by its full path, people by what they typed.
            raise UnreadableImageError(answer["refusal"].replace(told["path"], str(path), 1))
        time = answer.pop("exif_time")
        return PictureFile(**answer, exif_time=None if time is None else datetime.fromisoformat(time))

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is None or self._owner != os.getpid():
            return
        child.kill()
        child.communicate()

    def _ask(self, told: dict[str, Any]) -> dict[str, Any] | None:
        """The child's answer; None when it died instead."""
        child = self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        out_of_time = threading.Event()

        def end() -> None:
            out_of_time.set()
            child.kill()

        watch = threading.Timer(self._seconds, end)
        watch.start()
        try:
            child.stdin.write(json.dumps(told).encode() + b"\n")
            child.stdin.flush()
            line = child.stdout.readline(_LONGEST_ANSWER)
        except BrokenPipeError:
            line = b""
        finally:
            watch.cancel()
        if line.endswith(b"\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.close()
        if out_of_time.is_set():
            return {"refusal": f"{told['path']} takes longer to decode than the {self._seconds:g} s allowed. {_HELP}"}
        return None

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._child is None or self._owner != os.getpid():  # a fork must not speak to its parent's child
            command = [sys.executable, "-P", "-m", "monitor.service.decoding", str(self._memory_mb)]
            kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=kept | _ONE_THREAD,
                start_new_session=True,  # ^C is for the worker, which finishes the file in hand
            )
            self._owner = os.getpid()
        return self._child


_HELP = "Save it smaller, or raise decode_seconds in the settings."


@cache
def _decoder(memory_mb: int, seconds: float) -> Decoder:
    decoder = Decoder(memory_mb, seconds)
    atexit.register(decoder.close)
    return decoder


def _serve(memory_mb: int, questions: IO[bytes], answers: IO[bytes]) -> None:
    """The child: one line of JSON in, one out, until nobody asks any more."""
    _confine(memory_mb)
    for line in questions:
        told = json.loads(line)
        answer = _answer(Path(told["path"]), told["max_megapixels"], told["max_file_mb"], memory_mb)
        answers.write(json.dumps(answer, default=str).encode() + b"\n")
        answers.flush()


def _answer(path: Path, max_megapixels: float, max_file_mb: float, memory_mb: int) -> dict[str, Any]:
    try:
        picture = read_picture(path, max_megapixels, max_file_mb)
    except UnreadableImageError as error:
        if isinstance(error.__cause__, MemoryError):
            return {"refusal": f"{path} needs more than {memory_mb} MB of memory to be decoded. Save it smaller."}
        return {"refusal": str(error)}
    height_px, width_px, _ = picture.image.shape
    return asdict(PictureFile(picture.media_type, height_px, width_px, picture.exif_time, picture.exif_offset))


def _confine(memory_mb: int) -> None:
    """Little memory, no core dump, and not a byte into any file; where the system has no such limits, none."""
    try:
        import resource
    except ImportError:
        return
    for limit, most in (
        (resource.RLIMIT_AS, memory_mb * 1_000_000),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with os.fdopen(os.dup(1), "wb") as own_answers:
        os.dup2(2, 1)  # whatever a library prints is no answer
        _serve(int(sys.argv[1]), sys.stdin.buffer, own_answers)
