"""What the page is made with: the bot as it sees it, and small helpers for Gradio."""

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import gradio as gr

from bot.errors import where
from bot.schema import Article, ArticleInfo, Event, Filters, Passage, Progress, Setup, Turn

log = logging.getLogger("bot.ui")

LONGEST_QUESTION = 4000  # characters
VISITORS = 20  # questions in work at once; the bot itself queues them for the model
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
FREE: dict[str, Any] = {**QUIET, "concurrency_limit": None}

Updates = dict[Any, Any]  # component → its new value or gr.update(…)


class Bot(Protocol):
    """What the page needs of the bot; see `bot.schema` for the events, of which AnswerEvent is the last."""

    @property
    def model_name(self) -> str: ...

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters = Filters(),  # noqa: B008 - frozen
        stop: threading.Event | None = None,
    ) -> Iterator[Event]: ...

    def search(self, question: str, count: int, filters: Filters) -> list[Passage]:
        """The `count` best passages, best first."""

    def articles(self) -> list[ArticleInfo]: ...

    def article(self, article_id: str) -> Article:
        """Raises StoreError for an unknown id."""

    def add_files(self, paths: Sequence[Path]) -> list[str]:
        """Ingests the files; one line per file on what became of it."""

    def add_url(self, url: str) -> list[str]:
        """Fetches a web page and ingests it; a line on what became of it. Raises ArticleError."""

    def remove(self, article_id: str) -> None:
        """Forgets an article; StoreError for an unknown id."""

    def setup(self) -> Setup | None:
        """What must be fetched before it can answer; None where nothing must."""

    def begin(self) -> None:
        """Fetch that now, in a thread of its own."""

    def reading(self) -> Progress:
        """How many articles are read ahead, 0 of 0 where that is not done."""


def html(value: str = "", js: str | None = None, elem_id: str | None = None) -> gr.HTML:
    return gr.HTML(value, js_on_load=js, elem_id=elem_id, apply_default_css=False)


def session_of(request: gr.Request) -> tuple[str, str]:
    """Whose tab sent this: the user, "" where nobody logs in, and the tab's session."""
    return request.username or "", request.session_hash or ""


def clean(text: str) -> str:
    """Half a surrogate pair, as of an emoji that was cut in two, can be neither drawn nor written down."""
    return text.encode("utf-8", "replace").decode()


def fault_of(question: str) -> str:
    """What is wrong with a question, "" for nothing; the page's field keeps to its length, other callers need not."""
    if not question.strip():
        return "Type a question first."
    if len(question) > LONGEST_QUESTION:
        return f"The question has {len(question):,} characters. Shorten it to {LONGEST_QUESTION:,}."
    return ""


def failed(doing: str, error: Exception) -> str:
    log.error("The bot failed while %s: %s", doing, where(error))
    return f"The bot failed ({type(error).__name__}); its terminal says more."
