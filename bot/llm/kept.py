"""Cells that a model has read, kept for other questions: in memory, then on disk; the only importer of diskcache.

What is here can all be made again: what is damaged counts as missing, and what cannot be written is not kept. Several
processes may share a folder, with models of their own: a key says all that its value was made with. It knows no tokens
and no articles.
"""

import hashlib
import logging
import math
import os
import shutil
import sqlite3
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import diskcache

log = logging.getLogger("bot.llm")
MARK = "made for"  # the key of a note that earlier versions left in the folder
DIGEST = 32  # bytes of the sum that stands before each value
WAIT_SECONDS = 0.3  # for another process's turn
REST_SECONDS = 60.0  # without the disk, after it failed
FULL = 0.95  # of the room
NO_LONGER = 0.75  # of it, once it was full: several values at once go for a new one
USED_SECONDS = 60.0  # between two notes on the disk that a value is used, and two looks for what is gone
_FAILURES = (OSError, sqlite3.Error, diskcache.Timeout, ValueError)


class _PlainDisk(diskcache.Disk):  # type: ignore[misc]
    """Bytes and short texts only: nothing in the folder is ever unpickled."""

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode == diskcache.core.MODE_PICKLE:
            raise ValueError("a pickled value")
        return super().fetch(mode, filename, value, read)

    def get(self, key: Any, raw: bool) -> Any:
        """The key as it was put; one that would be unpickled is none of ours."""
        return super().get(key, raw) if raw else ""


class Kept:
    """Values by key, at most `memory_bytes` of them in memory and about `disk_bytes` in `folder`.

    What was not used for longest goes first. 0 bytes keep nothing there. Safe for several threads.

    It is full where what was used or put since it was opened, or since `made_for` told of something new, takes all the
    room: what others left goes for new values.
    """

    def __init__(self, folder: Path | None, *, memory_bytes: int, disk_bytes: int) -> None:
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._used, self._memory_bytes = 0, memory_bytes
        self._folder, self._disk_bytes = folder, disk_bytes
        self._lock = threading.RLock()
        self._opened: diskcache.Cache | None = None
        self._again = 0.0  # when the disk is tried again, after it failed
        self._on_disk: dict[str, tuple[float, int]] = {}  # what was used there: when that was noted last, and its bytes
        self._looked = 0.0  # when the disk was asked which of them are there
        self._mark, self._was_full = "", False
        self._closed = False
        with self._lock:
            self._disk  # noqa: B018 - opens it

    @property
    def _disk(self) -> diskcache.Cache | None:
        """The disk's part; None where there is none, or it failed a short while ago. The caller has the lock."""
        if self._folder is None or not self._disk_bytes or self._closed or time.monotonic() < self._again:
            return None
        if self._opened is None:
            self._opened = self._open(self._folder)
        return self._opened

    def made_for(self, mark: str) -> None:
        """Say what all is made with that is used from now on.

        What was made with anything else does not count as used any more. It stays on the disk until new values need its
        room, and goes first: a prompt may come back, and another process may use another model.
        """
        with self._lock:
            if mark != self._mark:
                self._mark, self._used, self._was_full = mark, 0, False
                self._memory.clear()
                self._on_disk.clear()

    def get(self, key: str) -> bytes | None:
        """The value, None where there is none or it is damaged."""
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                self._note_use(key)
                return self._memory[key]
            stored = self._from_disk(key)
            if stored is None:
                self._on_disk.pop(key, None)
                return None
            value = stored[DIGEST:]
            if _digest(value) != stored[:DIGEST]:
                log.warning("A damaged file of kept passages was dropped; it is made again.")
                self._drop(key)
                return None
            self._remember(key, value)
            self._on_disk[key] = time.monotonic(), len(stored)
            return value

    def use(self, key: str) -> bool:
        """Whether it is kept, on the disk where there is one; if so, that counts as a use."""
        with self._lock:
            if self._disk is None:
                return key in self._memory
            return self._note_use(key)

    def put(self, key: str, value: bytes) -> bool:
        """Whether it is kept now; where there should be a disk, on that."""
        with self._lock:
            self._remember(key, value)
            if self._folder is None or not self._disk_bytes:
                return key in self._memory
            if self._disk is None:
                return False
            try:
                self._disk.set(key, _digest(value) + value)
            except _FAILURES as error:
                self._rest(error)
                return False
            self._on_disk[key] = time.monotonic(), DIGEST + len(value)
            return True

    def full(self) -> bool:
        """Whether more would push out what is used."""
        with self._lock:
            self._forget_lost()
            if self._disk is not None:
                limit = (NO_LONGER if self._was_full else FULL) * self._disk_bytes
                self._was_full = sum(size for _, size in self._on_disk.values()) >= limit
                return self._was_full
            return self._used >= FULL * self._memory_bytes

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def _open(self, folder: Path, again: bool = False) -> diskcache.Cache | None:
        try:
            return diskcache.Cache(
                str(folder),
                disk=_PlainDisk,
                size_limit=self._disk_bytes,
                eviction_policy="least-recently-used",
                timeout=WAIT_SECONDS,
            )
        except sqlite3.DatabaseError as error:
            if not again and not isinstance(error, sqlite3.OperationalError):
                log.warning("The folder %s is damaged (%s); what it kept is made again.", folder, error)
                shutil.rmtree(folder, ignore_errors=True)
                return self._open(folder, again=True)
            self._rest(error)
        except _FAILURES as error:
            self._rest(error)
        return None

    def _from_disk(self, key: str) -> bytes | None:
        if self._disk is None:
            return None
        try:
            stored = self._disk.get(key)
            if stored is None and key in self._disk:  # its file is gone
                self._disk.delete(key)
        except _FAILURES as error:
            self._rest(error)
            return None
        return stored if isinstance(stored, bytes) else None

    def _note_use(self, key: str) -> bool:
        """Tell the disk, now and then, that a value is used, or it would go as one that nobody needs."""
        noted, _ = self._on_disk.get(key, (-math.inf, 0))
        if time.monotonic() - noted < USED_SECONDS:
            return True
        if self._disk is None:
            return False
        try:
            found = self._disk.get(key, read=True)  # opened, not read
        except _FAILURES as error:
            self._rest(error)
            return False
        if found is None:
            self._on_disk.pop(key, None)
            return False
        size = len(found) if isinstance(found, bytes) else os.fstat(found.fileno()).st_size
        if not isinstance(found, bytes):
            found.close()
        self._on_disk[key] = time.monotonic(), size
        return True

    def _forget_lost(self) -> None:
        """See now and then what of the used is gone: another process may have pushed it out."""
        if self._disk is None or time.monotonic() - self._looked < USED_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            there = set(self._disk.iterkeys())
        except _FAILURES as error:
            self._rest(error)
            return
        self._on_disk = {key: noted for key, noted in self._on_disk.items() if key in there}

    def _drop(self, key: str) -> None:
        self._on_disk.pop(key, None)
        try:
            if self._disk is not None:
                self._disk.delete(key)
        except _FAILURES as error:
            self._rest(error)

    def _remember(self, key: str, value: bytes) -> None:
        self._used += len(value) - len(self._memory.pop(key, b""))
        self._memory[key] = value
        while self._used > self._memory_bytes and self._memory:
            _, dropped = self._memory.popitem(last=False)
            self._used -= len(dropped)

    def _rest(self, error: Exception) -> None:
        """Do without the disk for a while: a full or locked one must not make answers fail, or wait."""
        self._again = time.monotonic() + REST_SECONDS
        reason = str(error) or type(error).__name__
        log.warning("Passages are not kept in %s for now: %s. Answers only come later.", self._folder, reason)


def fault(folder: Path, *, full: bool = False) -> str:
    """What is wrong with what is kept in `folder`, "" for nothing; `full` reads every value."""
    if not (folder / diskcache.core.DBNAME).exists():
        return ""
    try:
        with diskcache.Cache(str(folder), disk=_PlainDisk, timeout=WAIT_SECONDS) as cache:
            problems = [str(one.message).split(":")[0] for one in cache.check()]
            serious = [one for one in problems if not one.startswith(("unknown file", "empty directory"))]
            if serious or not full:
                return "; ".join(dict.fromkeys(serious))
            damaged = sum(not _is_whole(cache.get(key)) for key in cache.iterkeys() if key != MARK)
            return f"{damaged} values are damaged" if damaged else ""
    except _FAILURES as error:
        return str(error) or type(error).__name__


def _is_whole(stored: Any) -> bool:
    """Whether it has the sum that stands before it; one that is gone by now is no damage."""
    return stored is None or (isinstance(stored, bytes) and _digest(stored[DIGEST:]) == stored[:DIGEST])


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
