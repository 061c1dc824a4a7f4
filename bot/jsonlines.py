"""Files of one JSON object a line, to which lines are only added; it does not know what stands in them.

A line is there whole or not at all: a last one that was broken off (the process was killed, the disk was full) counts
as not written; the next line to be added takes its place. A whole one that only lacks its line end, as some editors
leave it, counts.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

LOCK_SECONDS = 5.0
BLOCK = 1 << 16  # bytes read at once in search of the last line's start


def lines(path: Path) -> Iterator[bytes]:
    """The whole lines, without their ends. Raises OSError where the file cannot be read."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") or _is_whole(line):
                yield line.removesuffix(b"\n")


def is_broken_off(path: Path) -> bool:
    """Whether the last line counts as not written. Raises OSError where the file cannot be read."""
    with path.open("rb") as file:
        file.seek(_start_of_last(file))
        last = file.read()
    return bool(last) and not _is_whole(last)


def set_aside(path: Path, is_good: Callable[[bytes], bool], lock: Path) -> int:
    """Move lines that are not good, and a broken last one, to the file beside that ends in `.damaged`; how many.

    Holds the file `lock`. Raises OSError, whose `strerror` says why, where that cannot be done; what was there stays.
    """
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            return _sift(path, is_good)
    except Timeout:
        raise TimeoutError(errno.ETIMEDOUT, "another process holds it") from None


def append(path: Path, value: Mapping[str, Any], lock: Path) -> None:
    """Add a line and see that it is on the disk, while holding the file `lock`; folders are made.

    Raises OSError, whose `strerror` says why, where that cannot be done; what was there stays.
    """
    line = f"{json.dumps(value, ensure_ascii=False)}\n".encode("utf-8", "replace")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            _add(path, line)
    except Timeout:
        raise TimeoutError(errno.ETIMEDOUT, "another process holds it") from None


def _sift(path: Path, is_good: Callable[[bytes], bool]) -> int:
    """Killed on the way, it leaves a line in both files rather than in none."""
    kept: list[bytes] = []
    bad: list[bytes] = []
    with path.open("rb") as file:
        for line in file:
            words = line.removesuffix(b"\n")
            good = is_good(words) and (line.endswith(b"\n") or _is_whole(line))
            (kept if good else bad).append(words + b"\n")
    if bad:
        with path.with_name(f"{path.name}.damaged").open("ab") as file:
            _write(file, bad)
        fresh = path.with_name(f"{path.name}.new")
        with fresh.open("wb") as file:
            _write(file, kept)
        shutil.copymode(path, fresh)
        fresh.replace(path)
    return len(bad)


def _write(file: BinaryIO, made: list[bytes]) -> None:
    file.writelines(made)
    file.flush()
    os.fsync(file.fileno())


def _add(path: Path, line: bytes) -> None:
    """A broken line before it goes, and this one, too, where writing fails."""
    with path.open("a+b") as file:
        end = _start_of_last(file)
        file.seek(end)
        last = file.read()
        if _is_whole(last):
            end, line = end + len(last), b"\n" + line
        file.truncate(end)
        try:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def _start_of_last(file: BinaryIO) -> int:
    """Where what follows the last line end begins, in bytes."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - BLOCK)
        file.seek(start)
        if (found := file.read(end - start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0


def _is_whole(line: bytes) -> bool:
    """No beginning of an object is an object itself."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
