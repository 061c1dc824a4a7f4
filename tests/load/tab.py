"""The page and its API as programs see them: a tab of a browser without a screen, and a caller of `ask`.

A Tab does what the page's own script does: it holds a heartbeat, lets the clock tick, and reads Gradio's queue of its
session, in which functions of the page are called by number. It knows no user and no article.
"""

import asyncio
import contextlib
import json
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

API = "/gradio_api"
CLOCK_S = 3.0  # as the page's own

Message = dict[str, Any]
Result = TypeVar("Result")


class Failed(Exception):
    """What was asked for was answered with an error, or not at all."""


class Tab:
    """Open within `async with`; its log-in is its client's."""

    def __init__(self, client: httpx.AsyncClient, *, beats: bool = True) -> None:
        """Without `beats` it is told that the visitor has left by the end of its queue's stream alone."""
        self._client, self._beats = client, beats
        self._session = secrets.token_hex(5)
        self._functions: dict[str, Message] = {}
        self._inboxes: defaultdict[str, asyncio.Queue[Message]] = defaultdict(asyncio.Queue)
        self._unanswered = 0
        self._reading: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Tab":
        config = (await self._client.get("/config")).raise_for_status().json()
        self._functions = {one["api_name"]: one for one in config["dependencies"] if one["api_name"]}
        if self._beats:
            self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._tick())]
        await self.call("_arrive")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Close all its connections, as a closed tab does."""
        tasks = [*self._tasks, *([self._reading] if self._reading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def only(self, article: str) -> None:
        """Limit questions to an article."""
        await self.call("_limit_by", event={"only": article})

    async def afresh(self) -> None:
        """Begin a new conversation."""
        await self.call("_start_afresh")

    async def ask(self, question: str) -> AsyncIterator[str]:
        """Each message of the answer as its JSON, up to the last. Raises Failed."""
        async for message in self._messages("_ask", question):
            yield json.dumps(message, ensure_ascii=False)

    async def call(self, name: str, event: Message | None = None) -> None:
        async for _ in self._messages(name, event=event):
            pass

    async def _messages(
        self, name: str, first: str | None = None, event: Message | None = None
    ) -> AsyncIterator[Message]:
        function = self._functions[name]
        data = [None] * len(function["inputs"])
        if first is not None:
            data[0] = first
            data[4] = ""  # what is looked for in the list of conversations
        body = {"data": data, "fn_index": function["id"], "session_hash": self._session, "event_data": event}
        self._unanswered += 1
        id_ = ""
        try:
            joined = await self._client.post(f"{API}/queue/join", json=body)
            if joined.status_code != 200:
                raise Failed(f"{name}: {joined.status_code} {joined.text[:200]}")
            id_ = joined.json()["event_id"]
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
            while True:
                message = await self._inboxes[id_].get()
                yield message
                if message["msg"] == "process_completed":
                    if not message["success"]:
                        raise Failed(f"{name}: {message['output']}")
                    return
        finally:
            self._unanswered -= 1
            self._inboxes.pop(id_, None)

    async def _read(self) -> None:
        """Hand out what comes, for as long as something is awaited."""
        try:
            while self._unanswered:
                await self._read_once()
        except (httpx.HTTPError, Failed) as error:
            for inbox in self._inboxes.values():
                inbox.put_nowait({"msg": "process_completed", "success": False, "output": repr(error)})

    async def _read_once(self) -> None:
        where = self._client.stream("GET", f"{API}/queue/data", params={"session_hash": self._session})
        async with where as stream:
            if stream.status_code != 200:
                raise Failed(f"queue/data: {stream.status_code}")
            async for line in stream.aiter_lines():
                if not line.startswith("data: "):
                    continue
                message = json.loads(line.removeprefix("data: "))
                if message["msg"] == "close_stream":
                    return
                if message["msg"] == "unexpected_error":
                    raise Failed(message["message"])
                if message.get("event_id"):
                    self._inboxes[message["event_id"]].put_nowait(message)

    async def _beat(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            async with self._client.stream("GET", f"{API}/heartbeat/{self._session}") as stream:
                async for _ in stream.aiter_lines():
                    pass

    async def _tick(self) -> None:
        with contextlib.suppress(httpx.HTTPError, Failed):  # whoever asks is told of the same
            while True:
                await asyncio.sleep(CLOCK_S)
                await self.call("_look")


def aside(work: Coroutine[Any, Any, Result]) -> Result:
    """What comes of `work`, done in another thread: in this one the event loop of a browser's tests may run."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def post(client: httpx.AsyncClient, question: str, articles: list[str]) -> str:
    """Call `ask` of the API without looking at what comes of it; the call's id. Raises Failed."""
    posted = await client.post(f"{API}/call/ask", json={"data": [question, articles, [], "", ""]})
    if posted.status_code != 200:
        raise Failed(f"call/ask: {posted.status_code} {posted.text[:200]}")
    return str(posted.json()["event_id"])


async def ask(client: httpx.AsyncClient, question: str, articles: list[str]) -> Message:
    """The answer by the API: a call, and its events up to the last. Raises Failed."""
    kind = ""
    async with client.stream("GET", f"{API}/call/ask/{await post(client, question, articles)}") as stream:
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            kind = value if name == "event" else kind
            if name == "data" and kind == "error":
                raise Failed(f"ask: {value}")
            if name == "data" and kind == "complete":
                (answer,) = json.loads(value)
                return dict(answer)
    raise Failed("ask: the events ended without an answer")
