"""Whether a page or another process is at work on a data folder, by the locks that it holds. It waits for none."""

from pathlib import Path

from filelock import FileLock, Timeout


def is_served(data_dir: Path) -> bool:
    """Whether a page runs on it: each holds a lock beside the files that are uploaded to it."""
    return any(map(is_held, data_dir.glob("uploads/run-*.lock")))


def is_held(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that may not be written: nobody works there
        return False
