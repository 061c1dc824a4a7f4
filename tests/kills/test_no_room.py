"""A disk that is full or read-only: an error of ours that says so, and what was there stays and goes on afterwards.

What can be made anew (cells, the BM25 index) costs no error. Full is a limit on the size of files, or a small file
system of its own where one may be mounted; read-only is a folder of another user's.
"""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .forks import Done, Forks
from .test_kills import check, look, renew
from .works import WORKS, look_at_store

NOBODY = 65534
FAILS = {
    "ingest": "StoreError",
    "replace": "StoreError",
    "remove": "StoreError",
    "rebuild": "StoreError",
    "rebuild the same": "StoreError",
    "a thousand vectors": "StoreError",
    "search": "StoreError",
    "fetch": "FetchError",
    "conversation": "ConversationError",
    "feedback": "FeedbackError",
    "cells": "",
    "eval": "DatasetError",
    "users": "UserError",
}
REMEDY = r"[Rr]oom|space|permissions|disk"
SLOW = [kind for kind, work in WORKS.items() if work.look is look_at_store and kind != "remove"]
KINDS = [pytest.param(kind, marks=pytest.mark.soak if kind in SLOW else pytest.mark.rounds) for kind in FAILS]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MB."""
    mount, place = shutil.which("mount"), tmp_path / "disk"
    place.mkdir()
    command = [str(mount), "-t", "tmpfs", "-o", "size=160m", "citebot-test", str(place)]
    if os.name != "posix" or not mount or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here; a limit on the size of files stands in for a full disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_every_kind_of_work_has_its_row() -> None:
    assert FAILS.keys() == WORKS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_may_not_grow(kind: str, forks: Forks, folder: Path) -> None:
    work = folder / "work"
    work.mkdir()
    assert not (done := forks.run("prepare", kind, work)).error, done.error
    largest = 0 if kind in ("search", "eval", "users") else size(work) // 2
    fails_and_goes_on(kind, forks, work, folder / "before", lambda: forks.run("do", kind, work, largest=largest))


@pytest.mark.parametrize("kind", KINDS)
def test_the_disk_is_full(kind: str, forks: Forks, small_disk: Path, folder: Path) -> None:
    work = small_disk / "work"
    work.mkdir()
    assert not (done := forks.run("prepare", kind, work)).error, done.error

    def do() -> Done:
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        try:
            return forks.run("do", kind, work)
        finally:
            ballast.unlink()

    fails_and_goes_on(kind, forks, work, folder / "before", do)


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_is_read_only(kind: str, forks: Forks, folder: Path) -> None:
    """Of another user's where we are root, whom permissions do not bind."""
    work = folder / "work"
    work.mkdir()
    folder.chmod(0o755)
    assert not (done := forks.run("prepare", kind, work)).error, done.error

    def do() -> Done:
        allow(work, write=False)
        try:
            return forks.run("do", kind, work, **({"uid": NOBODY} if os.geteuid() == 0 else {}))
        finally:
            allow(work, write=True)

    fails_and_goes_on(kind, forks, work, folder / "before", do)


def fails_and_goes_on(kind: str, forks: Forks, work: Path, before: Path, do: Callable[[], Done]) -> None:
    shutil.copytree(work, before)
    old = look(forks, kind, work)
    renew(before, work)
    done = do()
    assert done.error.partition(":")[0] == FAILS[kind], done.error
    assert not done.error or re.search(REMEDY, done.error.splitlines()[0]), done.error
    found = look(forks, kind, work)
    assert forks.run("do", kind, work).status == 0
    new = look(forks, kind, work)
    check(found, old, new, WORKS[kind].together, kind)
    renew(before, work)
    assert forks.run("do", kind, work).status == 0
    assert look(forks, kind, work) == new


def size(folder: Path) -> int:
    return max(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def allow(folder: Path, write: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod((0o755 if path.is_dir() else 0o644) if write else (0o555 if path.is_dir() else 0o444))
