"""Ways to damage a file, for tests."""

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], None]


def gone(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def halved(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def random_middle(path: Path) -> None:
    _overwrite(path, path.stat().st_size // 2)


def random_head(path: Path) -> None:
    _overwrite(path, 0)


def random_places(path: Path) -> None:
    for part in range(1, 9):
        _overwrite(path, path.stat().st_size * part // 9)


def sql(statement: str) -> Damage:
    def change(path: Path) -> None:
        database = sqlite3.connect(path)
        with database:
            assert database.execute(statement).rowcount > 0
        database.close()

    return change


def _overwrite(path: Path, at: int) -> None:
    """With up to 4096 random bytes."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(random.Random(1).randbytes(min(4096, path.stat().st_size - at)))
