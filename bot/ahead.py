"""Articles are read ahead while nobody asks, so that the model need not read them when somebody does.

One thread reads: first what was asked about last, then all articles, the newest first, as long as nothing that is kept
has to go for it. It stops at once when somebody asks. It knows no model: it is given what to call.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bot.errors import BotError, Stopped
from bot.schema import ArticleInfo, Progress

log = logging.getLogger(__name__)
IDLE_SECONDS = 1.0  # after an answer: a reader who asks again at once does not wait for what was begun
LOOK_SECONDS = 5.0  # between two looks for new articles, where all are read

Job = Callable[[threading.Event], object]


class Ahead:
    """`read` reads an article by its id; `articles` are all, the newest first; `has_room` ends it for now."""

    def __init__(
        self,
        read: Callable[[str, threading.Event], object],
        articles: Callable[[], Sequence[ArticleInfo]],
        has_room: Callable[[], bool],
    ) -> None:
        self._read, self._articles, self._has_room = read, articles, has_room
        self._state = threading.Condition()
        self._askers, self._free_since = 0, 0.0
        self._stop = threading.Event()
        self._closed = False
        self._wanted: deque[Job] = deque(maxlen=8)
        self._done: set[tuple[str, str]] = set()  # id and content hash
        self._progress = Progress(0, 0)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; returns once the model is free."""
        with self._state:
            self._closed = True
            self._stop.set()
            self._state.notify_all()
        if self._thread:
            self._thread.join()

    @property
    def progress(self) -> Progress:
        return self._progress

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While somebody is inside, nothing is read ahead; what was begun is broken off."""
        with self._state:
            self._askers += 1
            self._stop.set()
        try:
            yield
        finally:
            with self._state:
                self._askers -= 1
                self._free_since = time.monotonic()
                self._state.notify_all()

    def want(self, job: Job) -> None:
        """Do this before all else, as soon as nobody asks."""
        with self._state:
            self._wanted.append(job)
            self._state.notify_all()

    def _run(self) -> None:
        while self._may_begin():
            job, article = self._next()
            if job is None:
                with self._state:
                    self._state.wait_for(lambda: self._closed or bool(self._wanted), LOOK_SECONDS)
                continue
            try:
                job(self._stop)
            except Stopped:
                continue
            except BotError as error:
                log.warning("Reading ahead was left out once: %s", error)
            except Exception:
                log.exception("Reading ahead failed once")
            if article and not self._stop.is_set():
                self._done.add(article)

    def _may_begin(self) -> bool:
        """Wait until nobody asks; False once it is closed."""
        with self._state:
            while not self._closed:
                idle = time.monotonic() - self._free_since
                if not self._askers and idle >= IDLE_SECONDS:
                    self._stop = threading.Event()
                    return True
                self._state.wait(None if self._askers else IDLE_SECONDS - idle)
            return False

    def _next(self) -> tuple[Job | None, tuple[str, str] | None]:
        """What to do, and the article that is read by it."""
        with self._state:
            if self._wanted:
                return self._wanted.popleft(), None
        articles = {(info.id, info.content_hash): info for info in self._articles()}
        self._done &= articles.keys()
        self._progress = Progress(len(self._done), len(articles))
        waiting = next((key for key in articles if key not in self._done), None)
        if waiting is None or not self._has_room():
            return None, None
        return lambda stop: self._read(waiting[0], stop), waiting
