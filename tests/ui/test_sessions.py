"""What is held of sessions, in a real server."""

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_bot import FakeBot
from load.tab import Tab, aside, post

from bot.ui.parts import VISITORS
from bot.ui.server import listen, make_server
from bot.ui.sessions import MOST_CALLS, MOST_TABS, Sessions

CITED = "data-marker"


@pytest.fixture
def server(tmp_path: Path) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(make_server, FakeBot(), tmp_path).result()


@pytest.fixture
def address(server: Any) -> Iterator[str]:
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def held(server: Any) -> Sessions:
    sessions: Sessions = server._gradio.state_holder
    return sessions


def call(address: str, session: str | None = None) -> None:
    body = {"data": ["Who?", 1, [], [], "", ""], "session_hash": session}
    event = httpx.post(f"{address}/gradio_api/call/search", json=body).json()["event_id"]
    assert "event: complete" in httpx.get(f"{address}/gradio_api/call/search/{event}").text


def test_a_tab_is_held_and_a_call_is_not(server: Any, address: str) -> None:
    for session in [None, "k3j9x0q2vb", None]:
        call(address, session)
    assert list(held(server).session_data) == ["k3j9x0q2vb"]


def test_a_tab_holds_no_more_after_many_answers(server: Any, address: str) -> None:
    """Gradio by itself notes each component that an answer updates once more, under a new number."""

    async def ask_and_begin_anew() -> None:
        async with httpx.AsyncClient(base_url=address, timeout=20) as client, Tab(client, beats=False) as tab:
            for _ in range(3):
                assert [CITED in message async for message in tab.ask("When did it open?")][-1]
                await tab.afresh()

    aside(ask_and_begin_anew())
    (tab,) = held(server).session_data.values()
    assert set(tab.blocks_config.blocks) == set(server._gradio.get_blocks().default_config.blocks)
    assert tab.config_values == {}


def test_a_visitor_comes_in_while_as_many_ask_as_may(server: Any, address: str) -> None:
    """Gradio by itself runs forty functions at once, of a waiting question, of a call or of a page that is opened."""
    client = functools.partial(httpx.AsyncClient, base_url=address, timeout=20, limits=httpx.Limits())

    async def ask_and_come_in() -> float:
        async with contextlib.AsyncExitStack() as open_now:
            first = await open_now.enter_async_context(client())
            tabs = [await open_now.enter_async_context(Tab(first, beats=False)) for _ in range(VISITORS)]
            asking = [asyncio.create_task(anext(tab.ask("A long question"))) for tab in tabs]
            asking += [asyncio.create_task(post(first, "A long question", [])) for _ in range(VISITORS)]
            await asyncio.gather(*asking)
            await asyncio.sleep(0.5)
            began = time.monotonic()
            await open_now.enter_async_context(Tab(first, beats=False))
            return time.monotonic() - began

    assert aside(ask_and_come_in()) < 10
    server._page.stop_all()


def test_calls_push_out_no_tab_and_the_tab_used_longest_ago_goes(server: Any) -> None:
    sessions = held(server)
    first, second = sessions["first"], sessions["second"]
    calls = [sessions[f"{number:032x}"] for number in range(3 * MOST_CALLS)]
    assert sessions["first"] is first
    assert sessions[f"{len(calls) - 1:032x}"] is calls[-1]
    assert sessions[f"{0:032x}"] is not calls[0]
    for number in range(MOST_TABS - 1):
        assert sessions[f"tab {number}"]
    assert sessions["first"] is first
    assert len(sessions.session_data) == MOST_TABS
    assert sessions["second"] is not second
