"""Web pages and PDFs are read in a process of their own, under limits of time and memory.

Their parsers are other people's, and a small file can keep them busy for hours: a PDF of 30 kB that unpacks to ten
million words, a page of nothing but links. Nothing but the end of a process stops them for certain. It knows no format.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Timer
from types import TracebackType

from bot.articles.read import RISKY, parse
from bot.errors import ArticleError
from bot.schema import Article

SECONDS = 60.0  # of work on one file; a busy machine takes longer for as much of it
PATIENCE = 10  # times as long is waited for that; all the limit there is on Windows
MEMORY = 2 << 30  # bytes of addresses; systems other than Linux may not keep to it

_LATE = "reading it takes longer than {:g} seconds of work. Save its text as .txt instead."
_FELL = "it is too much for the program that reads it. Save its text as .txt instead."
_OUT_OF_TIME = -getattr(signal, "SIGXCPU", 0)  # what a process returns that has used up its seconds
_SERVE = "import sys; from bot.articles.apart import serve; serve(float(sys.argv[1]), int(sys.argv[2]))"


class Apart:
    """Reads files, the risky kinds in one other process, begun with the first of them. Not for two threads at once."""

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._seconds, self._memory = seconds, memory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Apart":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, suffix: str, data: bytes, path: Path) -> Article:
        """As `read.parse`. Raises ArticleError also where a limit is reached."""
        if suffix not in RISKY:
            return parse(suffix, data, path)
        process, began, most = self._running(), time.monotonic(), PATIENCE * self._seconds
        timer = Timer(most, process.kill)
        timer.daemon = True
        timer.start()
        reply = _asked(process, suffix, data, path)
        timer.cancel()
        late = time.monotonic() - began >= most
        if late or not reply:
            late = self.close() == _OUT_OF_TIME or late
        if not reply:
            raise ArticleError(_LATE.format(self._seconds) if late else _FELL)
        answer = json.loads(reply)
        if "refused" in answer:
            raise ArticleError(answer["refused"])
        return Article.model_validate(answer["article"])

    def close(self) -> int | None:
        """End the other process, whatever it is at; what it ended with, None where there is none."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        process.communicate()
        return process.returncode

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = [sys.executable, "-P", "-c", _SERVE, str(self._seconds), str(self._memory)]
            # -P and no empty path: where the user stands there may be files that are named like modules.
            self._process = subprocess.Popen(  # noqa: S603 - all of it is ours
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # parsers tell there what stands in the files
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        return self._process


def _asked(process: subprocess.Popen[bytes], suffix: str, data: bytes, path: Path) -> bytes:
    """The other process's line about a file; nothing where it ended before."""
    if process.stdin is None or process.stdout is None:
        return b""
    head = json.dumps({"suffix": suffix, "path": str(path.absolute()), "size": len(data)})
    try:
        process.stdin.write(head.encode() + b"\n")
        process.stdin.write(data)
        process.stdin.flush()
    except OSError:
        return b""
    return process.stdout.readline()


def serve(seconds: float, memory: int) -> None:
    """What the other process does: files in, a JSON line out for each, until nothing more comes."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a parser prints is no reply
    _limit("RLIMIT_AS", memory)
    _limit("RLIMIT_CORE", 0)
    while head := sys.stdin.buffer.readline():
        asked = json.loads(head)
        data = sys.stdin.buffer.read(asked["size"])
        _limit("RLIMIT_CPU", int(time.process_time() + seconds) + 1)  # also of use where the parent was killed
        try:
            article = parse(asked["suffix"], data, Path(asked["path"]))
            reply: dict[str, object] = {"article": article.model_dump(mode="json")}
        except ArticleError as error:
            reply = {"refused": str(error)}
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def _limit(name: str, value: int) -> None:
    """The soft one of a process's limits, where the system has such."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - there is none on Windows

        with suppress(ValueError, OSError):
            _, hard = resource.getrlimit(getattr(resource, name))
            resource.setrlimit(getattr(resource, name), (value, hard))
