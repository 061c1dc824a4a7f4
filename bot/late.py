"""A bot that cannot answer yet, as its models are still to be fetched: it stands in for it until they are here.

It fetches nothing before it is told to, and is given what to call: it knows no catalogue and no page.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bot.chat import Chat
from bot.errors import BotError, ModelError, Stopped
from bot.schema import Article, ArticleInfo, Event, Filters, Passage, Progress, Setup, Turn

log = logging.getLogger(__name__)

Report = Callable[[str, int, int], None]  # what goes on, bytes done, bytes in all (0: unknown)


class Late:
    """`missing` says what `fetch` brings; then `open_bot` makes the bot that it is from then on.

    What `fetch` reports raises Stopped when it is closed.
    """

    def __init__(
        self, model_name: str, missing: str, fetch: Callable[[Report], None], open_bot: Callable[[], Chat]
    ) -> None:
        self._name, self._fetch, self._open = model_name, fetch, open_bot
        self._lock = threading.Lock()
        self._setup = Setup(missing=missing)
        self._bot: Chat | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def setup(self) -> Setup | None:
        """How far it is; None once it can answer."""
        with self._lock:
            return None if self._bot else self._setup

    def begin(self) -> None:
        """Fetch now, unless it does already; after a failure, once more: what was fetched is used again."""
        with self._lock:
            if self._bot or self._setup.running or self._closed.is_set():
                return
            self._setup = Setup(missing=self._setup.missing, running=True)
            self._thread = threading.Thread(target=self._run, name="setup", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End it; what was fetched stays, and is used again."""
        self._closed.set()
        if self._thread:
            self._thread.join()
        if self._bot:
            self._bot.close()

    def _run(self) -> None:
        try:
            self._fetch(self._report)
            self._tell(stage="load")
            bot = self._open()
        except Stopped:
            self._tell(running=False)
        except BotError as error:
            self._tell(running=False, problem=str(error))
        except Exception as error:
            log.exception("The models could not be made ready")
            self._tell(running=False, problem=f"It failed ({type(error).__name__}); the terminal says more.")
        else:
            with self._lock:
                self._bot = bot

    def _report(self, stage: str, done: int, total: int) -> None:
        if self._closed.is_set():
            raise Stopped
        self._tell(stage=stage, done=done, total=total)

    def _tell(self, **changes: object) -> None:
        with self._lock:
            self._setup = self._setup.model_copy(update=changes)

    # -- what a bot does --

    @property
    def model_name(self) -> str:
        return self._name

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters = Filters(),  # noqa: B008 - frozen
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        return self._ready().ask(question, history, filters, stop)

    def search(self, question: str, count: int, filters: Filters) -> list[Passage]:
        return self._ready().search(question, count, filters)

    def articles(self) -> list[ArticleInfo]:
        return self._bot.articles() if self._bot else []

    def article(self, article_id: str) -> Article:
        return self._ready().article(article_id)

    def add_files(self, paths: Sequence[Path]) -> list[str]:
        return self._ready().add_files(paths)

    def add_url(self, url: str) -> list[str]:
        return self._ready().add_url(url)

    def remove(self, article_id: str) -> None:
        self._ready().remove(article_id)

    def reading(self) -> Progress:
        return self._bot.reading() if self._bot else Progress(0, 0)

    def _ready(self) -> Chat:
        if self._bot is None:
            raise ModelError("The models are not here yet. Fetch them first: the button is at the top of the page.")
        return self._bot
