"""The folder that uploads pass through; it knows nothing of the page, and what is in the files is not its business.

Gradio writes an upload to a file `tmp…` in it while it comes in, then moves it to `<hash of its content>/<its name>`:
visitors who send the same file get the same path. For each file it also leaves an empty `tmp…` beside.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

NAME = 60  # characters of a pasted text's file name
PASTED = "pasted-"
STRAY_S = 3600  # what nobody claimed for so many seconds, nobody will
MOST_HELD = 2_000_000_000  # bytes of all visitors' files together
SPARED = 1_000_000_000  # bytes of the disk that uploads never take
_KEPT = ("claim-", PASTED)  # in work, which may take hours


class Folder:
    """A new folder `path` within `parent`, held by a lock until the object or the process ends.

    Those of pages that have ended are removed; those of pages that still run on the same data are left alone.
    """

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(parent / "start.lock"):
            for left in list(parent.iterdir()):
                _remove_unheld(left)
            self.path = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
            self._lock = _lock(self.path)
            self._lock.acquire(timeout=0)

    def has_room(self, more: int = 0) -> bool:
        """Whether `more` bytes may come in, after what nobody claimed was removed."""
        sweep(self.path)
        held = sum(_size(Path(folder, name)) for folder, _, names in os.walk(self.path) for name in names)
        return held + more <= MOST_HELD and shutil.disk_usage(self.path).free - more > SPARED

    def close(self) -> None:
        """Removes the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


class Claim:
    """One visitor's uploads, moved out of the way of others': `files` are there, `gone` are the names of the rest."""

    def __init__(self, paths: Sequence[Path], folder: Path) -> None:
        self._folder = folder
        self._own = Path(tempfile.mkdtemp(prefix="claim-", dir=folder))
        self.files: list[Path] = []
        self.gone: list[str] = []
        for number, path in enumerate(dict.fromkeys(paths)):
            target = self._own / str(number) / path.name
            target.parent.mkdir()
            try:
                path.rename(target)
                self.files.append(target)
                if path.parent.name.startswith(PASTED):
                    path.parent.rmdir()
            except OSError:
                self.gone.append(path.name)

    def forget(self) -> None:
        """Removes the files, and what anyone uploaded long ago and did not claim."""
        shutil.rmtree(self._own, ignore_errors=True)
        sweep(self._folder)


def written(folder: Path, title: str, text: str) -> Path:
    """A new text file in `folder`, named and headed by the title, as if it were uploaded."""
    name = " ".join(re.sub(r"[^\w\s-]", " ", title).split())[:NAME].strip() or "pasted"
    path = Path(tempfile.mkdtemp(prefix=PASTED, dir=folder)) / f"{name}.txt"
    path.write_text(f"{title.strip()}\n\n{text}" if title.strip() else text, encoding="utf-8", errors="replace")
    return path


def sweep(folder: Path) -> None:
    """Removes what broken uploads left long ago, and files that were uploaded and never claimed."""
    for stray in folder.iterdir():
        with suppress(OSError):
            if not stray.name.startswith(_KEPT) and time.time() - stray.stat().st_mtime > STRAY_S:
                _remove(stray)


def _size(path: Path) -> int:
    """In bytes; 0 where it has gone meanwhile."""
    with suppress(OSError):
        return path.lstat().st_size
    return 0


def _remove(left: Path) -> None:
    if left.is_dir():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink(missing_ok=True)


def _lock(folder: Path) -> FileLock:
    # Beside the folder, as Windows removes no open file; held for the process, whichever thread took it.
    return FileLock(f"{folder}.lock", thread_local=False)


def _remove_unheld(left: Path) -> None:
    if left.is_dir():
        lock = _lock(left)
        with suppress(Timeout):
            with lock.acquire(timeout=0):
                shutil.rmtree(left, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)
    elif left.suffix != ".lock":
        left.unlink(missing_ok=True)
