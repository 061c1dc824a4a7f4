"""Nothing is lost and nothing is half there, whenever a process is killed; the same command then does the rest.

A kill is a SIGKILL of the process itself, at one of the calls by which it changes files (plug.c), with that call undone
or half done; elsewhere than on Linux it comes after a part of the time that the work takes. Calls are drawn file by
file, so that the one write in ten thousand that goes to a small file is met, too. Pulling the plug of the machine is
another matter: what the disk forgets then is not looked at here.
"""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from soak import rounds

from .forks import Forks
from .works import WORKS, Look, look_at_store

SEED = 20261126


@pytest.mark.rounds
@pytest.mark.parametrize("kind", WORKS)
def test_killed_at_any_moment(kind: str, forks: Forks, plug: Path | None, folder: Path) -> None:
    before, work = folder / "before", folder / "work"
    work.mkdir()
    assert not (done := forks.run("prepare", kind, work)).error, done.error
    work.rename(before)
    renew(before, work)
    old = look(forks, kind, work)
    calls = list[list[str]]()
    for _ in range(3):  # diskcache has 256 names for a folder: two runs share some by chance
        renew(before, work)
        whole = forks.run("do", kind, work, log=plug is not None)
        assert whole.status == 0, whole.error
        calls.append(whole.calls)
    new = look(forks, kind, work)
    assert (new == old) == (kind in ("search", "rebuild the same"))
    count = rounds(2 if WORKS[kind].look is look_at_store else 5, 100)
    planned = list(kills(kind, calls, count) if plug else moments(kind, whole.seconds, count))
    died = 0
    for kill in planned:
        renew(before, work)
        killed = forks.run("do", kind, work, **kill)
        assert killed.status in (-9, 0), (kill, killed.error)
        died += killed.status == -9
        found = look(forks, kind, work, kill)
        check(found, old, new, WORKS[kind].together, kill)
        again = forks.run("do", kind, work)
        assert again.status == 0, (kill, again.error)
        assert look(forks, kind, work, kill) == new, kill
    assert died > len(planned) / 2, "the others ended first: their call was not made this time"
    print(f"{kind}: {died} of {len(planned)} killed")


def kills(kind: str, calls: list[list[str]], count: int) -> Iterator[dict[str, Any]]:
    """Of some runs' calls. Files whose names are others in each run are known by their endings."""
    chance = random.Random(f"{SEED} {kind}")
    stable = set(calls[0]).intersection(*calls[1:])
    ends = Counter(name if name in stable else Path(name).suffix for name in calls[0])
    for turn in range(count):
        if turn % len(ends) == 0:
            order = chance.sample(sorted(ends), len(ends))
        end = order[turn % len(ends)]
        yield {"end": end, "at": chance.randrange(ends[end] if end else len(calls[0])), "torn": chance.random() < 0.5}


def moments(kind: str, seconds: float, count: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(f"{SEED} {kind}")
    return ({"after": chance.random() * seconds} for _ in range(count))


def check(found: Look, old: Look, new: Look, together: bool, kill: object) -> None:
    assert not found.faults, (kill, found.faults)
    for name in found.items.keys() | old.items.keys() | new.items.keys():
        item = found.items.get(name)
        assert item in (old.items.get(name), new.items.get(name)), (kill, name, "is neither old nor new")
    if together:
        assert found.items in (old.items, new.items), (kill, "is partly old and partly new")


def look(forks: Forks, kind: str, folder: Path, kill: object = None) -> Look:
    done = forks.run("look", kind, folder)
    assert done.status == 0, (kill, done.error)
    return Look(*done.value)


def renew(before: Path, work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(before, work, symlinks=True)
