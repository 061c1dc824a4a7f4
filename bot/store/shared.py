"""Chroma's folder when several processes have it open, or one was killed while it wrote there. It knows no articles.

Chroma believes that it is alone. It reads its index of vectors once and later neither sees what another process adds
nor keeps it when it writes its own back; and it writes in place, so that a kill may leave half a file. Hence:

- `chroma.lock` is held while the folder is opened and during each write to it.
- `chroma.written` holds a word that each write changes: whoever finds another's there opens the folder anew.
- The table of the index, `index_metadata.pickle`, is copied before each write. A half one is replaced by its copy at
  the next opening; what was written since is in Chroma's log still, which is cleared only after the table.
"""

import contextlib
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import filelock

from bot.errors import StoreBusy, StoreError
from bot.store import hnsw
from bot.store.disk import CHROMA

log = logging.getLogger("bot.store")
COPY = "index_metadata.whole"
LOCK_SECONDS = 60.0  # a large index takes some to be read


class Shared:
    """The folder `folder`/chroma, for one who opens it and writes to it."""

    def __init__(self, folder: Path) -> None:
        self._chroma, self._folder = folder / CHROMA, folder
        self._written = folder / "chroma.written"
        self._lock = filelock.FileLock(folder / "chroma.lock", timeout=LOCK_SECONDS)
        self._seen = b""
        self._telling = threading.Lock()

    def is_stale(self) -> bool:
        """Whether another has written since we opened the folder."""
        with self._telling:
            return self._word() != self._seen

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """Nobody writes meanwhile, and what a kill broke is mended before. Raises StoreError."""
        with self._alone():
            known = self._written.exists()
            for table in self._tables():
                _mend(table, known)
            before = self._look()
            seen = self._word()
            yield
            self._seen = seen
            if not known or self._look() != before:  # Chroma caught up with its log, and wrote
                self._tell()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """For one write. Raises StoreError."""
        with self._alone():
            for table in self._tables():
                _keep(table)
            self._tell()
            yield

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise StoreBusy(f"Another process is busy in {self._folder}. Try again when it has finished.") from None
        except OSError as error:
            raise _cannot_write(self._folder, error) from None
        try:
            yield
        except OSError as error:
            raise _cannot_write(self._folder, error) from error
        finally:
            self._lock.release()

    def _tables(self) -> list[Path]:
        return sorted(self._chroma.glob(f"*/{hnsw.NAMES}"))

    def _look(self) -> list[tuple[Path, int, int]]:
        return [(table, *_stamp(table)) for table in self._tables()]

    def _word(self) -> bytes:
        try:
            return self._written.read_bytes()
        except OSError:
            return b""

    def _tell(self) -> None:
        word = uuid.uuid4().hex.encode()
        with self._telling:  # or another thread takes it for another process's
            self._written.write_bytes(word)
            self._seen = word


def _mend(table: Path, known: bool) -> None:
    """Replace half a table by its copy; `known` is a folder that was opened by us before.

    The first table of an index has no copy. Without it, Chroma begins with its log, which then holds everything.
    """
    copy = table.with_name(COPY)
    if copy.exists() and _stamp(copy) == _stamp(table):
        return
    if _is_whole(table):
        _keep(table)
    elif copy.exists():
        log.warning("A process was killed while it wrote %s; what it held before is put back.", table)
        _copy(copy, table)
    elif known:
        log.warning("A process was killed while it wrote %s; it is made anew.", table)
        table.unlink()


def _keep(table: Path) -> None:
    copy = table.with_name(COPY)
    if not copy.exists() or _stamp(copy) != _stamp(table):
        _copy(table, copy)


def _copy(source: Path, target: Path) -> None:
    """With its time, so that it is known as the same; never half of it."""
    part = target.with_suffix(".part")
    shutil.copy2(source, part)
    os.replace(part, target)


def _stamp(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


def _is_whole(table: Path) -> bool:
    try:
        hnsw.names(table.parent)
    except ValueError:
        return False
    return True


def _cannot_write(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{folder} cannot be written: {error.strerror or error}. Check its permissions, and that the disk is not full."
    )
