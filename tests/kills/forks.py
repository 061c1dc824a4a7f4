"""A process that has everything imported, and does each job in a child of its own: a kill then costs no start.

Forked before Chroma is opened, as its threads would not come along. Run as a program, it reads a job a line from stdin
and writes what became of it to stdout.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

REPO = Path(__file__).parents[2]


class Done(NamedTuple):
    """`status` is the exit code, or minus the signal; `calls` names the files of its writing calls if asked for."""

    status: int
    value: Any
    error: str
    seconds: float
    calls: list[str]


class Forks:
    """The process, seen from a test."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(self, job: str, work: str, folder: Path, **more: Any) -> None:
        """`job` is "prepare", "do" or "look"; see `_child` for the rest."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"job": job, "work": work, "folder": str(folder), **more}) + "\n")
        self._process.stdin.flush()

    def end(self) -> Done:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the process that forks has ended"
        return Done(*json.loads(line))

    def run(self, job: str, work: str, folder: Path, **more: Any) -> Done:
        self.start(job, work, folder, **more)
        return self.end()


@contextmanager
def forking(plug: Path | None, environment: Mapping[str, str] | None = None) -> Iterator[Forks]:
    """With the library `plug`, which kills at a chosen call, where there is one."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BOT_", "HF_"))}
    paths = f"{REPO}{os.pathsep}{REPO / 'tests'}"
    added = {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1"} | dict(environment or {})
    if plug:
        added["LD_PRELOAD"] = str(plug)
    command = [sys.executable, "-m", "kills.forks"]
    with subprocess.Popen(
        command,
        env=clean | added,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a file would count among those that are written
        text=True,
    ) as process:
        try:
            yield Forks(process)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(30)


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)  # what commands print is no answer
    from kills.works import WORKS  # noqa: PLC0415 - in this process only

    for line in sys.stdin:
        job = json.loads(line)
        begun = time.monotonic()
        told, to_tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(told)
            _child(job, WORKS[job["work"]], to_tell)
        os.close(to_tell)
        if (after := job.get("after")) is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        with os.fdopen(told, encoding="utf-8", errors="replace") as pipe:
            *calls, last = pipe.read().split("\n")
        _, status = os.waitpid(child, 0)
        value, error = json.loads(last) if last.startswith("[") else (None, "")
        done = (os.waitstatus_to_exitcode(status), value, error, time.monotonic() - begun, calls)
        answers.write(json.dumps(done) + "\n")
        answers.flush()


def _child(job: dict[str, Any], work: Any, to_tell: int) -> None:
    """`at`: killed at this writing call to files whose names end in `end`, with half of it done if `torn`.

    `log`: the names of the files of all such calls are told.

    `uid`: as this user; `largest`: no file may have more bytes.
    """
    code = 0
    try:
        if (uid := job.get("uid")) is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        if (largest := job.get("largest")) is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        log = to_tell if job.get("log") else -1
        _arm(job.get("end", ""), job.get("at", -1), job.get("torn", False), log)
        value, error = getattr(work, job["job"])(Path(job["folder"])), ""
    except BaseException as caught:  # noqa: BLE001 - told to the test
        name = next(kind.__name__ for kind in type(caught).__mro__ if not kind.__name__.startswith("_"))
        value, error, code = None, f"{name}: {caught}\n{traceback.format_exc()}", 1
    _arm("", -1, False, -1)
    with os.fdopen(to_tell, "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps([value, error]))
    os._exit(code)


def _arm(end: str, at: int, torn: bool, log: int) -> None:
    if "LD_PRELOAD" in os.environ:
        ctypes.CDLL(None).plug_arm(end.encode(), ctypes.c_long(at), ctypes.c_int(torn), ctypes.c_int(log))


if __name__ == "__main__":
    _serve()
