"""Bare llama.cpp to measure against, as measures/raw.py has it: it waits while the program works, and it for that."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

RAW = Path(__file__).with_name("raw.py")
OURS = "GOMP_SPINCOUNT"  # what the program sets for its own process (bot.llama), and so for those that it starts


class Bare:
    """A process with a model of its own."""

    def __init__(self, path: Path) -> None:
        environ = {name: value for name, value in os.environ.items() if name != OURS}
        self._process = subprocess.Popen(
            [sys.executable, str(RAW), str(path)],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # llama.cpp tells much
            text=True,
        )

    def read(self, tokens: Sequence[int]) -> float:
        """Seconds to read these as a prompt."""
        return self._seconds("read", tokens)

    def write(self, tokens: Sequence[int]) -> float:
        """Seconds for a token of an answer that goes on with these after the last prompt."""
        return self._seconds("write", tokens) / len(tokens)

    def _seconds(self, job: str, tokens: Sequence[int]) -> float:
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):  # told below
            self._process.stdin.write(json.dumps({job: list(tokens)}) + "\n")
            self._process.stdin.flush()
        told = self._process.stdout.readline()
        if not told:
            raise RuntimeError(f"{RAW.name} ended with status {self._process.wait()}.")
        return float(told)

    def close(self) -> None:
        self._process.communicate()
