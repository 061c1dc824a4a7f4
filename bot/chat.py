"""What the page and other callers talk to: a conversation over articles, which can be listed and added to.

A follow-up such as "When was that?" is searched for with words of the turns that it leans on. It knows nothing of how
an answer is made or shown.
"""

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from bot.ahead import Ahead
from bot.answer import Answerer
from bot.errors import ArticleError
from bot.followup import resolve
from bot.ingest import Fetch, Ingester, Result
from bot.line import Line
from bot.llm import ReadAhead
from bot.schema import (
    Answer,
    AnswerEvent,
    Article,
    ArticleInfo,
    Event,
    Filters,
    Passage,
    Progress,
    Setup,
    StageEvent,
    Turn,
)
from bot.store import Store, newest_first


class Chat:
    """One bot for any number of conversations; the caller keeps each conversation's turns."""

    def __init__(
        self,
        answerer: Answerer,
        store: Store,
        ingester: Ingester,
        model_name: str,
        history_turns: int,
        fetch: Fetch | None = None,
    ) -> None:
        """With `fetch`, web pages can be added by their address."""
        self._answerer, self._store, self._ingester = answerer, store, ingester
        self._history_turns, self._fetch = history_turns, fetch
        self._line = Line()
        self.model_name = model_name
        self._ahead = Ahead(
            lambda article, stop, spare: not self.read_article(article, stop, spare).left,
            lambda: self.articles() if answerer.keeps else [],
            answerer.has_room,
        )

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters = Filters(),  # noqa: B008 - frozen
        stop: threading.Event | None = None,
        weigh: bool = False,
    ) -> Iterator[Event]:
        """Events of one answer, the AnswerEvent last. Raises Stopped where a stop comes before it is this one's turn.

        The model sees earlier turns only where the question leans on them: after a change of topic they would make the
        prompt longer and mislead. With `weigh`, what was not checked before it was answered is checked afterwards.
        """
        search, thread = resolve(question, history)
        asked = partial(self._answerer.ask, question, search=search, thread=thread, filters=filters)
        answered = [turn for turn in thread if not turn.refused]
        recent = answered[-self._history_turns :] if self._history_turns else []
        read = partial(self._answerer.read_for, question, search=search, thread=thread, filters=filters)
        stop = stop or threading.Event()
        with self._ahead.paused(), self._line.place() as place:
            for before in place.moves(stop):
                yield StageEvent(stage="waiting", before=before)
            for event in asked(history=recent, stop=stop, weigh=weigh):
                if isinstance(event, AnswerEvent):  # nobody needs to come back for what follows it
                    self._ahead.want(lambda stop: read(stop=stop))
                yield event

    def answer(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters = Filters(),  # noqa: B008 - frozen
    ) -> Answer:
        """The answer once it is whole. Raises BotError where the model or the store fails."""
        *_, last = self.ask(question, history, filters)
        return cast(AnswerEvent, last).answer

    def setup(self) -> Setup | None:
        """None: all that it needs is here."""
        return None

    def begin(self) -> None:
        """Nothing has to be fetched."""

    def search(self, question: str, count: int, filters: Filters) -> list[Passage]:
        """The `count` best passages for a question, best first, without the model."""
        return self._answerer.search(question, count, filters)

    def warm(self) -> None:
        """Make now what the first question would wait for."""
        self._answerer.warm()

    def forget(self) -> None:
        """Answer the next question as if none had been asked before; what the model read of articles stays."""
        self._answerer.forget()

    def read_ahead(self) -> None:
        """From now on, let the model read while nobody asks, until `close`: what its prompts begin with, then articles.

        Articles only where it keeps what it read.
        """
        self._ahead.want(self._answerer.read_beginnings)
        self._ahead.start()

    def reading(self) -> Progress:
        """How many articles are read ahead; 0 of 0 where that is not done, or has not begun."""
        return self._ahead.progress

    def close(self) -> None:
        """End what goes on behind the conversations."""
        self._ahead.close()

    def read_beginnings(self) -> None:
        """Let the model read now what its prompts begin with."""
        self._answerer.read_beginnings(threading.Event())

    def read_article(self, article_id: str, stop: threading.Event, spare: bool = True) -> ReadAhead:
        """Let the model read all of an article, and with `spare` forget nothing for it. StoreError if there is none."""
        return self._answerer.read_article(self._store.article(article_id), stop=stop, spare=spare)

    @property
    def keeps(self) -> bool:
        """Whether the model keeps what it read of articles."""
        return self._answerer.keeps

    def has_room(self) -> bool:
        """Whether the model can read more without forgetting what it read before."""
        return self._answerer.has_room()

    def read_for(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters = Filters(),  # noqa: B008 - frozen
        stop: threading.Event | None = None,
    ) -> ReadAhead:
        """Let the model read now what `ask` would show it."""
        search, thread = resolve(question, history)
        stop = stop or threading.Event()
        return self._answerer.read_for(question, search=search, thread=thread, filters=filters, stop=stop)

    def articles(self) -> list[ArticleInfo]:
        """All articles, the newest first, those without a date last, then by title."""
        return newest_first(self._store.infos().values())

    def article(self, article_id: str) -> Article:
        """One article with its text; StoreError if there is none."""
        return self._store.article(article_id)

    def add_files(self, paths: Sequence[Path]) -> list[str]:
        """Ingest files; a line for each article, saying what became of it."""
        try:
            with self._ahead.paused():
                return [describe(result) for result in self._ingester.ingest(paths).results]
        except ArticleError as error:
            return [str(error)]

    def add_url(self, url: str) -> list[str]:
        """Fetch a web page and ingest it; a line on what became of it. Raises ArticleError where it is not allowed."""
        if self._fetch is None:
            raise ArticleError(
                "Web pages are not fetched here, as chat.add_by_url is off. Save the page as a file and add that."
            )
        with self._ahead.paused():
            return [describe(self._ingester.add_url(url, self._fetch))]

    def remove(self, article_id: str) -> None:
        """Forget an article; StoreError if there is none, or the store is busy."""
        with self._ahead.paused(), self._store.writing():
            self._store.remove(article_id)


def describe(result: Result) -> str:
    """One line about an ingested article: "added: harbour-ferry-fares"."""
    line = f"{result.outcome}: {result.article}"
    return f"{line}: {result.reason}" if result.reason else line
