"""A real server with a fake bot, and a real browser that notes every request, message and dialog."""

import fnmatch
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from browsers import chromium
from fake_bot import FakeBot
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

from bot.config import ChatSettings, Settings, flatten
from bot.ui import Bot
from bot.ui.server import LOCAL_HOSTS, listen, make_server
from bot.users import Users

FOREIGN = "--host-resolver-rules=MAP evil.example 127.0.0.1"  # a foreign name that was made to point here


def found(folder: Path, pattern: str) -> list[Path]:
    """What has such a name there, while the server may be removing it: `Path.rglob` fails on a folder that goes."""
    return [
        Path(at, name) for at, folders, files in os.walk(folder) for name in fnmatch.filter([*folders, *files], pattern)
    ]


@contextmanager
def served(
    bot: Bot, data_dir: Path, samples: Path | None = None, users: Users | None = None, **settings: Any
) -> Iterator[str]:
    """The page's address while it is served from a thread, with these settings of `chat`."""
    chosen = ChatSettings(**settings)
    told = flatten(Settings(chat=chosen))
    with serving(lambda: make_server(bot, data_dir, chosen, LOCAL_HOSTS, samples, told, users)) as address:
        yield address


@contextmanager
def serving(make: Callable[[], uvicorn.Server]) -> Iterator[str]:
    """The address of the server that `make` makes, while it runs in a thread."""
    with listen("127.0.0.1", 0) as listener:
        with ThreadPoolExecutor(1) as pool:  # in this thread the browser's event loop runs
            server = pool.submit(make).result()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield (address := f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            for seen in OPEN:
                seen.leave(address)
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "the server did not stop"


@dataclass
class Visit:
    """A tab of the browser, and what went on in it."""

    page: Page
    hosts: set[str | None] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    left: bool = False  # its server has ended or it is loaded again: what it called for in vain is no fault

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.left or self.messages.append(str(error)))
        self.page.on("dialog", self._dismiss)

    def leave(self, address: str) -> None:
        """What goes on from now on does not count, if it is a page of this address."""
        if not self.page.is_closed() and self.page.url.startswith(address):
            self.page.evaluate("0")  # so that what went on before has been noted
            self.left = True

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not self.left:
            self.messages.append(message.text)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def check(self) -> None:
        assert self.hosts <= {"127.0.0.1", None}  # None: data: and blob: addresses
        assert self.messages == []
        assert self.dialogs == []


OPEN: list[Visit] = []


def reload(page: Page) -> None:
    """Load a visit's page again; what it still calls for is broken off then, and that is no fault."""
    seen = next(one for one in OPEN if one.page is page)
    page.evaluate("0")  # as above
    seen.left = True
    page.reload(wait_until="commit")
    seen.left = False
    page.wait_for_load_state()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium(FOREIGN) as browser:
        yield browser


@pytest.fixture(scope="module")
def bot() -> FakeBot:
    return FakeBot()


@pytest.fixture(scope="module")
def address(bot: FakeBot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(bot, tmp_path_factory.mktemp("data")) as address:
        yield address


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens an address in a fresh browser context; at the end, checks that nothing odd went on there."""
    visits = OPEN
    visits.clear()

    def open_page(address: str, **options: object) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        visits.append(Visit(context.new_page()))
        visits[-1].page.goto(address)
        return visits[-1]

    yield open_page
    for seen in visits:
        seen.page.context.close()
        seen.check()
