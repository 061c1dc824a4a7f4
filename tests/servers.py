"""Real servers, started by tests as processes of their own."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], ready: str, log: Path, seconds: float = 60) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers at the address `ready`; stopped at the end. Its output goes to `log`."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            until = time.monotonic() + seconds
            while not _answers(ready):
                assert process.poll() is None, f"{command} ended:\n{log.read_text()[-2000:]}"
                assert time.monotonic() < until, f"{command} does not answer:\n{log.read_text()[-2000:]}"
                time.sleep(0.2)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False
    return True
