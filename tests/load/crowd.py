"""Many users at once, each in conversations of their own, until they are told to end; what they saw is noted.

A user holds a conversation on the page, then asks a question by the API, and so on; half of them begin each
conversation in a new tab, half go on in theirs.
"""

import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx

from .articles import Own
from .tab import Failed, Tab, ask

PASSWORD = "a lighthouse at night"
BEGUN = "Searching your articles"  # the page's words as soon as a question's turn has come
WRITING, TOOK = "Answering", "Took "  # while it is answered, and when it was answered to its end
PROBLEM = "cb-problem"
PATIENCE_S = 600.0


class Asked(NamedTuple):
    """A question that was answered: when it was asked, its turn came, and it was answered; on this machine's clock."""

    asked: float
    begun: float
    ended: float

    @property
    def wait(self) -> float:
        return self.begun - self.asked


@dataclass
class Seen:
    """What all users saw."""

    page: list[Asked] = field(default_factory=list)
    api: list[Asked] = field(default_factory=list)
    refused: int = 0
    errors: list[str] = field(default_factory=list)
    mixed_up: list[str] = field(default_factory=list)
    waiting: dict[str, float] = field(default_factory=dict)  # since when, by the user's word
    left: list[Asked] = field(default_factory=list)  # who was not answered yet at the end
    ending: bool = False  # what fails from now on was to be expected
    writing: int = 0  # answers that are being written at the moment

    def end(self) -> None:
        """From now on nobody is answered; whose turn may not have come yet counts as begun now."""
        self.ending, now = True, time.monotonic()
        self.left = [Asked(asked, now, now) for asked in self.waiting.values()]

    @property
    def waits(self) -> list[float]:
        return [one.wait for one in (*self.page, *self.api)]

    def longest_over_median(self) -> float:
        return self.longest_wait() / statistics.median(self.waits)

    def longest_wait(self) -> float:
        return max(one.wait for one in (*self.page, *self.api, *self.left))

    def overtakes(self, slack_s: float = 1.0) -> int:
        """How many questions began before others that had been asked earlier, by more than the slack in both."""
        every = sorted((*self.page, *self.api, *self.left))
        return sum(
            later.begun + slack_s < one.begun
            for number, one in enumerate(every)
            for later in every[number + 1 :]
            if later.asked > one.asked + slack_s
        )


class User:
    """`talks` are the conversations as they must be kept: the questions that were answered, in order."""

    def __init__(self, own: Own, number: int, seen: Seen) -> None:
        self.own, self._number, self._seen = own, number, seen
        self.talks: list[list[str]] = []
        self.pending = ""  # the question on the page that is not answered yet

    async def live(self, address: str) -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE_S, limits=limits) as client:
            try:
                entered = await client.post("/login", data={"username": self.own.word, "password": PASSWORD})
                entered.raise_for_status()
                await self._talk_on(client)
            except (httpx.HTTPError, Failed) as error:
                if not self._seen.ending:
                    self._seen.errors.append(f"{self.own.word}: {error!r}")

    async def _talk_on(self, client: httpx.AsyncClient) -> None:
        while True:
            async with Tab(client) as tab:
                await tab.only(self.own.article)
                await self._converse(client, tab)
                while self._number % 2:
                    await tab.afresh()
                    await tab.only(self.own.article)
                    await self._converse(client, tab)

    async def _converse(self, client: httpx.AsyncClient, tab: Tab) -> None:
        self.talks.append([])
        if self._number % 2:
            await self._ask_api(client)
        for question in self.own.conversation(self._number + len(self.talks)):
            await self._ask_page(tab, question)
        if not self._number % 2:
            await self._ask_api(client)

    async def _ask_page(self, tab: Tab, question: str) -> None:
        self.pending, asked, begun, writing, last = question, self._wait(), 0.0, False, ""
        try:
            async for last in tab.ask(question):
                begun = begun or (time.monotonic() if BEGUN in last else 0.0)
                if not writing and WRITING in last:
                    writing = True
                    self._seen.writing += 1
                self._look_for_strangers(last)
        finally:
            self._seen.writing -= writing
        if TOOK not in last or PROBLEM in last:  # at the end it was stopped
            raise Failed(f"{question}: {last[:2000]}")
        del self._seen.waiting[self.own.word]
        self._seen.page.append(Asked(asked, begun, time.monotonic()))
        self.talks[-1].append(question)
        self.pending = ""

    async def _ask_api(self, client: httpx.AsyncClient) -> None:
        question, asked = self.own.by_itself(), self._wait()
        answer = await ask(client, question, [self.own.article])
        ended = time.monotonic()
        if answer["stopped"]:
            raise Failed(f"{question}: the answer was stopped")
        self._look_for_strangers(json.dumps(answer, ensure_ascii=False))
        shown = {one["article"] for one in (*answer["retrieved"], *answer["citations"], *answer["evidence"])}
        if answer["question"] != question or shown - {self.own.article}:
            self._seen.mixed_up.append(f"{question}: {answer['question']}, {shown}")
        self._seen.refused += answer["refused"]
        del self._seen.waiting[self.own.word]
        self._seen.api.append(Asked(asked, ended - answer["timings"]["total_s"], ended))

    def _wait(self) -> float:
        """The moment at which a question is asked, noted until it is answered."""
        asked = self._seen.waiting[self.own.word] = time.monotonic()
        return asked

    def _look_for_strangers(self, text: str) -> None:
        if found := self.own.strangers_in(text):
            self._seen.mixed_up.append(f"{self.own.word}: {found} in {text[:500]}")


async def crowd(users: list[User], address: str) -> None:
    await asyncio.gather(*(user.live(address) for user in users))
