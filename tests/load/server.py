"""The program as its users run it, in a process of its own with the small model: `bot ingest`, then `bot chat`."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from samples import SMALL_LLM
from servers import free_port, running

from bot.config import PROJECT


class Server(NamedTuple):
    address: str
    process: subprocess.Popen[bytes]

    def memory_mb(self) -> float:
        """What of the process is in memory."""
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, check=True)
        return int(told.stdout) / 1024


def command(folder: Path, **settings: object) -> list[str]:
    """The command line up to the command's name, with a data folder within `folder`.

    Weights have one form, so that the memory does not depend on which was measured to be the fastest.
    """
    chosen = {"llm.threads": 1, "llm.model": SMALL_LLM, "llm.spare_memory": True, **settings}
    options = [word for name, value in chosen.items() for word in ("--set", f"{name}={str(value).lower()}")]
    return [sys.executable, "-m", "bot", "--data-dir", str(folder / "data"), *options]


def ingest(folder: Path) -> None:
    """Add the files of `folder`/articles."""
    subprocess.run([*command(folder), "ingest", str(folder / "articles")], cwd=PROJECT, check=True, timeout=300)


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[Server]:
    """The page, until the end of the block; what it writes to the terminal goes to `folder`/log."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    words = [*command(folder, **settings), "chat", "--port", str(port)]
    with running(words, address, folder / "log", seconds=300) as process:
        yield Server(address, process)
