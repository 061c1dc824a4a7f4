"""Who leaves in the middle of an answer frees the model; who is in the middle of one when the program ends keeps it."""

import asyncio
import contextlib
import functools
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bot.conversations import Conversations, folder_of

from . import articles
from .crowd import BEGUN, WRITING
from .server import Server, ingest, serving
from .tab import API, Tab, aside, post

(OWN,) = OWNED = [articles.Own("Zorvik", "zorvik")]
LONG = "Write a long report of many sentences about Zorvik."  # seconds of writing
UNLIKELY = {"answer.min_answerable": 0.0001}  # else nothing of the next is read
LONG_TO_READ = f"{LONG} " * 70
READING, WAITING = "Reading the passages found", "1 other question first"
CITED = "data-marker"  # in a sentence that is settled
FREED_S = 1.0

Client = httpx.AsyncClient
Way = Callable[[Client], AbstractAsyncContextManager[None]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_llm_path: Path, embedder_path: Path) -> Path:
    made = tmp_path_factory.mktemp("leaving")
    articles.write(made / "articles", 1)
    ingest(made)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(folder, **UNLIKELY) as served:
        yield served


def page(question: str, stage: str, *, beats: bool = True) -> Way:
    """On the page, left when the answer has come to `stage`."""

    @asynccontextmanager
    async def asking(client: Client) -> AsyncIterator[None]:
        async with Tab(client, beats=beats) as tab:
            answer = tab.ask(question)
            await reach(answer, stage)
            yield

    return asking


@asynccontextmanager
async def events(client: Client) -> AsyncIterator[None]:
    """By the API as the README has it: a call and the stream of its events."""
    name = await post(client, LONG, [])
    async with client.stream("GET", f"{API}/call/ask/{name}") as stream:
        await anext(stream.aiter_lines())
        yield


@asynccontextmanager
async def one_request(client: Client) -> AsyncIterator[None]:
    """By the API in one request."""
    asking = asyncio.create_task(client.post(f"{API}/run/ask", json={"data": [LONG, [], [], "", ""]}))
    await asyncio.sleep(0.2)  # nothing tells when it has come
    yield
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking


WAYS = {
    "a tab, while it reads": page(LONG_TO_READ, READING),
    "a tab, while it writes": page(LONG, WRITING),
    "a tab's stream alone, while it writes": page(LONG, WRITING, beats=False),
    "a call's events": events,
    "one request": one_request,
}


async def reach(answer: AsyncIterator[str], *words: str) -> float:
    """When all the words had come."""
    missing = set(words)
    async for message in answer:
        missing = {word for word in missing if word not in message}
        if not missing:
            return time.monotonic()
    raise AssertionError(f"{missing} did not come")


async def freed_after(address: str, way: Way) -> float:
    """Seconds from the leaving of one to the turn of the next, who waits; negative if it came before."""
    client = functools.partial(Client, base_url=address, timeout=60)
    async with client() as first, client() as second, Tab(second) as tab:
        async with way(first):
            waiting = tab.ask(OWN.by_itself())
            await reach(waiting, WAITING)
            turn = asyncio.create_task(reach(waiting, BEGUN))
            await asyncio.sleep(0.1)
            left = time.monotonic()
        return await turn - left


@pytest.mark.parametrize("way", WAYS)
def test_who_leaves_frees_the_model(server: Server, way: str) -> None:
    assert 0 < (freed := aside(freed_after(server.address, WAYS[way]))) < FREED_S
    print(f"{way}: the next came after {freed:.2f} s")


def test_an_answer_that_the_end_breaks_off_is_kept(server: Server, folder: Path) -> None:
    """The last, as it ends the server."""

    async def end_in_the_midst() -> None:
        async with Client(base_url=server.address, timeout=60) as client, Tab(client) as tab:
            answer = tab.ask(LONG)
            await reach(answer, CITED)
            server.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(server.process.wait, 10) == 0

    aside(end_in_the_midst())
    kept = Conversations(folder_of(folder / "data"))
    (said,) = kept.read(kept.all()[0].id)
    assert said.question == LONG
    assert said.answer.stopped
    assert said.answer.citations
