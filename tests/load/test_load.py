"""Many users at once with a real model: no error, nobody's words or conversations mixed up, memory, queue, clean stop.

`make soak` has 20 users for ten minutes. With LOAD_FIGURES=FILE the figures are written there as JSON.
"""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from soak import rounds

from bot.conversations import Conversations, folder_of
from bot.users import Users, folder_name

from . import articles
from .crowd import PASSWORD, Seen, User, crowd
from .server import Server, ingest, serving
from .tab import aside

USERS, SECONDS = rounds(3, 20), rounds(10, 600)
LEAST = 2  # answers a user; on a slow machine it goes on until they have come
LOOK_S = 5.0  # between two looks at the server's memory
WARM = 0.2  # of the time; what each user's first questions load and fill is there by then
STOP_S = 10.0
SAID = ("Loading the models", "The page is on")  # all that it has to say


@dataclass
class Run:
    """What is left of a run; `memory` are MB at moments (seconds from the start)."""

    data: Path
    users: list[User]
    seen: Seen
    memory: list[tuple[float, float]] = field(default_factory=list)
    seconds: float = 0.0
    stop_s: float = 0.0
    status: int | None = None
    log: str = ""

    def warm(self) -> list[tuple[float, float]]:
        """The memory from the time on when all users had begun."""
        return [one for one in self.memory if one[0] >= WARM * SECONDS]

    def growth(self) -> float:
        """MB a minute by which the memory grows in the second half, the slope of least squares."""
        later = [one for one in self.memory if one[0] >= SECONDS / 2]
        return statistics.linear_regression(*zip(*later, strict=True)).slope * 60

    def figures(self) -> dict[str, object]:
        seen, memory = self.seen, [mb for _, mb in self.warm()]
        return {
            "users": USERS,
            "seconds": round(self.seconds, 1),
            "answered on the page": len(seen.page),
            "answered by the API": len(seen.api),
            "conversations": sum(map(len, (user.talks for user in self.users))),
            "refused by the API": seen.refused,
            "errors": len(seen.errors),
            "mixed up": len(seen.mixed_up),
            "memory, MB": [round(mb) for _, mb in self.memory[:: max(1, len(self.memory) // 20)]],
            "memory at the start, MB": round(memory[0], 1),
            "memory at the end, MB": round(memory[-1], 1),
            "memory at most, MB": round(max(memory), 1),
            "memory's growth in the second half, MB a minute": round(self.growth(), 2),
            "median wait, s": round(statistics.median(seen.waits), 2),
            "longest wait, s": round(seen.longest_wait(), 2),
            "longest wait over median": round(seen.longest_over_median(), 2),
            "overtaken": seen.overtakes(),
            "stop, s": round(self.stop_s, 2),
            "exit status": self.status,
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, small_llm_path: Path, embedder_path: Path) -> Run:
    """All users at work, and then SIGTERM while an answer is written."""
    folder = tmp_path_factory.mktemp("load")
    owned = articles.write(folder / "articles", USERS)
    ingest(folder)
    seen = Seen()
    users = [User(own, number, seen) for number, own in enumerate(owned)]
    known = Users(folder / "data", rounds=4)
    for own in owned:
        known.add(own.word, PASSWORD)
    done = Run(folder / "data", users, seen)
    with serving(folder, **{"chat.login": True}) as server:
        aside(work(done, server))
    done.log = (folder / "log").read_text(encoding="utf-8")
    figures = json.dumps(done.figures(), indent=2)
    print(figures)
    if file := os.environ.get("LOAD_FIGURES"):
        Path(file).write_text(f"{figures}\n", encoding="utf-8")
    return done


async def work(run: Run, server: Server) -> None:
    began = time.monotonic()
    crowded = asyncio.create_task(crowd(run.users, server.address))
    while not (run.seconds >= SECONDS and len(run.seen.waits) >= LEAST * USERS) and not crowded.done():
        run.seconds = time.monotonic() - began
        run.memory.append((run.seconds, server.memory_mb()))
        await asyncio.sleep(min(LOOK_S, SECONDS / 20))
    while not run.seen.writing and not crowded.done():
        await asyncio.sleep(0.01)
    run.seen.end()
    stopped = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    try:
        run.status = await asyncio.to_thread(server.process.wait, 60)
    except subprocess.TimeoutExpired:
        server.process.kill()
    run.stop_s = time.monotonic() - stopped
    await asyncio.wait_for(crowded, 60)


@pytest.mark.rounds
def test_nobody_is_failed(run: Run) -> None:
    assert run.seen.errors == []
    assert len(run.seen.page) + len(run.seen.api) >= LEAST * USERS
    assert [line for line in run.log.splitlines() if not line.startswith(SAID)] == []


@pytest.mark.rounds
def test_nothing_is_mixed_up(run: Run) -> None:
    assert run.seen.mixed_up == []


@pytest.mark.rounds
def test_each_conversation_is_kept_whole_and_is_its_users_own(run: Run) -> None:
    assert [fault for user in run.users for fault in faults(user, run.data)] == []
    assert sum(len(talk) for user in run.users for talk in user.talks) == len(run.seen.page)


def faults(user: User, data: Path) -> Iterator[str]:
    """What is wrong with the kept conversations of a user, beside what the user saw of them."""
    folder = folder_of(data, folder_name(user.own.word))
    kept = Conversations(folder)
    talks = kept.all()
    yield from (f"{talk.id} is damaged" for talk in talks if talk.damaged)
    said = sorted((kept.read(talk.id) for talk in talks if not talk.damaged), key=lambda one: one[0].at)
    found = [[one.question for one in talk] for talk in said]
    answered = [talk for talk in user.talks if talk]
    begun = [*answered[:-1], [*answered[-1], user.pending]] if user.talks[-1] else [*answered, [user.pending]]
    if found not in (answered, begun):  # what was stopped is kept where something of it was there
        yield f"{user.own.word}: {found} is kept of {begun}"
    for one in (one for talk in said for one in talk):
        of = {passage.article for passage in one.answer.retrieved}
        if one.answer.question != one.question or of != {user.own.article}:
            yield f"{user.own.word}: {one.question} was answered with {one.answer.question} from {of}"
    for path in folder.glob("*.jsonl"):
        if strangers := user.own.strangers_in(path.read_text(encoding="utf-8")):
            yield f"{user.own.word}: {strangers} in {path.name}"


@pytest.mark.rounds
def test_who_asks_first_is_answered_first(run: Run) -> None:
    assert min(run.seen.waits) >= 0
    assert run.seen.overtakes() == 0


@pytest.mark.soak
def test_nobody_waits_much_longer_than_others(run: Run) -> None:
    """The first questions, which hardly wait, are few among many."""
    assert run.seen.longest_over_median() < 2


@pytest.mark.rounds
def test_it_stops_cleanly_in_the_midst_of_answers(run: Run) -> None:
    assert run.status == 0
    assert run.stop_s < STOP_S


@pytest.mark.soak
def test_memory_is_flat(run: Run) -> None:
    """MB a minute: about 0.5 was measured, and 2.1 where each answer and each call left something behind."""
    assert run.growth() < 1.0
