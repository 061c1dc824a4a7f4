"""The folder that uploads pass through; it knows nothing of the page, and what is in the files is not its business.

Gradio writes an upload to a file `tmp…` in it while it comes in, then moves it to `<hash of its content>/<its name>`:
visitors who send the same file get the same path. For each file it also leaves an empty `tmp…` beside.
"""

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
STRAY_S = 3600  # nothing is written any more to a file this old, in seconds


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
        """Removes the files, and what broken uploads of anyone left long ago."""
        shutil.rmtree(self._own, ignore_errors=True)
        for stray in self._folder.glob("tmp*"):
            with suppress(OSError):
                if time.time() - stray.stat().st_mtime > STRAY_S:
                    stray.unlink()


def written(folder: Path, title: str, text: str) -> Path:
    """A new text file in `folder`, named and headed by the title, as if it were uploaded."""
    name = " ".join(re.sub(r"[^\w\s-]", " ", title).split())[:NAME].strip() or "pasted"
    path = Path(tempfile.mkdtemp(prefix=PASTED, dir=folder)) / f"{name}.txt"
    path.write_text(f"{title.strip()}\n\n{text}" if title.strip() else text, encoding="utf-8", errors="replace")
    return path


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
