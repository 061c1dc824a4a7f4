"""Articles are read ahead while nobody asks, so that the model need not read them when somebody does.

One thread reads: first what was asked about last, then all articles, the newest first, as long as nothing that is used
has to go for it, and what was added or changed since it began in any case. It stops at once when somebody asks. What
was read is looked at again now and then: another process may have pushed it out, a prompt with the date in it is
another the next day, and what failed may not fail again. It knows no model: it is given what to call.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bot.errors import BotError, Stopped, where
from bot.schema import ArticleInfo, Progress

log = logging.getLogger(__name__)
IDLE_SECONDS = 1.0  # after an answer: a reader who asks again at once does not wait for what was begun
LOOK_SECONDS = 5.0  # between two looks for new articles, where all are read
AGAIN_SECONDS = 3600.0  # until what was read is looked at again, which is short where all is there
WANTED = 8  # wishes that wait at most; the oldest goes
CLOSE_SECONDS = 5.0  # at most, for what no stop reaches

Job = Callable[[threading.Event], object]
Key = tuple[str, str]  # an article's id and content hash


class Ahead:
    """`read` reads an article by its id and says whether all of it is read; `articles` are all, the newest first.

    Where `has_room` says no, only what is new is read for now, and nothing is told of the rest. `read` is told whether
    it may only use spare room.
    """

    def __init__(
        self,
        read: Callable[[str, threading.Event, bool], bool],
        articles: Callable[[], Sequence[ArticleInfo]],
        has_room: Callable[[], bool],
    ) -> None:
        self._read, self._articles, self._has_room = read, articles, has_room
        self._state = threading.Condition()
        self._askers, self._free_since = 0, 0.0
        self._stop = threading.Event()
        self._closed = False
        self._wanted: deque[Job] = deque()
        self._done: set[Key] = set()
        self._first: set[Key] | None = None  # those that were there at the first look, or were read since
        self._waiting: deque[Key] = deque()
        self._total, self._looked, self._anew = 0, -math.inf, time.monotonic()
        self._try_one = False  # even without room: only what is read tells that the prompt is another by now
        self._progress = Progress(0, 0)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; returns once the model is free, or after some seconds."""
        with self._state:
            self._closed = True
            self._stop.set()
            self._state.notify_all()
        if self._thread:
            self._thread.join(CLOSE_SECONDS)

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
            while len(self._wanted) >= WANTED:  # what was broken off came back beyond it
                self._wanted.popleft()
            self._wanted.append(job)
            self._state.notify_all()

    def _run(self) -> None:
        while self._may_begin():
            try:
                if not self._do_one():
                    self._rest()
            except Stopped:
                continue
            except BotError as error:
                log.warning("Reading ahead was left out for now: %s", error)
                self._rest()
            except Exception as error:
                log.error("Reading ahead failed for now: %s", where(error))
                self._rest()

    def _rest(self) -> None:
        with self._state:
            self._state.wait_for(lambda: self._closed or bool(self._wanted), LOOK_SECONDS)

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

    def _do_one(self) -> bool:
        """Do what is wanted, else read an article; False where there is nothing to do."""
        with self._state:
            wanted = self._wanted.popleft() if self._wanted else None
        if wanted:
            try:
                wanted(self._stop)
            finally:
                if self._stop.is_set():  # broken off: later, then
                    with self._state:
                        self._wanted.appendleft(wanted)
            return True
        self._look()
        spare = self._has_room() or self._try_one
        self._try_one = False
        article = next((one for one in self._waiting if spare or self._is_new(one)), None)
        if article is None:
            self._progress = Progress(0, 0)
            return False
        self._progress = Progress(len(self._done), self._total)
        self._waiting.remove(article)
        try:
            whole = self._read(article[0], self._stop, not self._is_new(article))
        except Stopped:
            whole = False
        except Exception:
            self._done.add(article)  # the others are not to wait for one that cannot be read
            raise
        if self._stop.is_set():
            self._waiting.appendleft(article)
        elif whole:
            self._done.add(article)
            if self._first is not None:
                self._first.add(article)
        return True

    def _look(self) -> None:
        """See now and then which articles there are: with many of them that takes a while."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        if time.monotonic() - self._anew >= AGAIN_SECONDS:
            self._anew, self._try_one = time.monotonic(), True
            self._done.clear()
        articles = [(info.id, info.content_hash) for info in self._articles()]
        self._done &= set(articles)
        self._waiting = deque(article for article in articles if article not in self._done)
        self._first = set(articles) if self._first is None else self._first
        self._total, self._looked = len(articles), time.monotonic()

    def _is_new(self, article: Key) -> bool:
        """Whether it was added or changed since the first look, and not read yet."""
        return self._first is not None and article not in self._first
