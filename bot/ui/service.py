"""The page as a service: `ask`, `search` and `articles`, through Gradio's API and its MCP server.

Their docstrings and types are what callers read: Gradio makes the API's and the tools' descriptions of them, a line for
each parameter. Callers keep nothing here and nothing of a call is kept. It knows no component of the page, and not how
an answer is made.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import get_blocks_context
from gradio.events import api
from gradio.utils import get_function_description, get_upload_folder

from bot.errors import BotError, Stopped
from bot.schema import Answer, AnswerEvent, Filters
from bot.ui import limits
from bot.ui.parts import LONGEST_QUESTION, VISITORS, Bot, clean, failed

MOST_PASSAGES = 50
LONGEST_DAY = 20  # characters, as in the page's fields
LOOK_S = 0.25  # between two looks at whether the caller is still there
FETCH_S = 20.0  # after which a call is ended whose events nobody fetches
PASSAGE = {"article", "title", "date", "source", "url", "start", "end", "text", "score"}
ARTICLE = {"id", "title", "date", "source", "url", "chunks"}
ALL: list[str] = []  # the default of lists, which Gradio reads; never changed

Json = dict[str, Any]


class Blocks(gr.Blocks):
    """The page's. Gradio itself would write a call with too few values, question and all, to the terminal."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *given: Any, **options: Any) -> Any:
        """What comes from a caller is no path but that of an upload, and no address: Gradio would go and fetch it."""
        refuse_foreign_files(inputs)
        return await super().preprocess_data(block_fn, inputs, *given, **options)

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        if (missing := len(block_fn.inputs) - len(inputs)) > 0:
            wanted = ", ".join(component.label or "a value" for component in block_fn.inputs[-missing:])
            raise _wrong(f"These values are missing: {wanted}. Send all, or send names to /gradio_api/call/v2.")


def offer(bot: Bot, stops: MutableMapping[tuple[str, str], threading.Event]) -> None:
    """Offer the three within the gr.Blocks at hand; `stops` holds what ends each answer that is in work."""
    blocks: Any = get_blocks_context().root_block  # type: ignore[union-attr]
    service = _Service(bot, stops, blocks)
    # Without Gradio's queue its MCP server calls a function itself; with it, by a request of its own to the host that
    # the caller's X-Forwarded-Host names, and then nobody notices when the caller leaves.
    api(service.ask, queue=False, concurrency_limit=VISITORS)
    api(service.search, queue=False, concurrency_limit=None)
    api(service.articles, queue=False, concurrency_limit=None)
    for offered in list(blocks.fns.values())[-3:]:
        _describe(offered)


def _describe(offered: Any) -> None:
    """Say in Gradio's list of endpoints what each parameter means, which it tells its MCP clients only."""
    _, said, _ = get_function_description(offered.fn)
    named = [name for name in said if name != "request"]
    for name, component in zip(named, offered.inputs, strict=True):
        component.label = name
        component._api_info = {**component.api_info(), "additional_description": said[name]}
    if offered.types_generator:  # it was taken for what is returned
        offered.outputs[0]._api_info = {"type": "object", "additionalProperties": {}}


class _Service:
    def __init__(self, bot: Bot, stops: MutableMapping[tuple[str, str], threading.Event], blocks: Any) -> None:
        self._bot, self._stops, self._blocks = bot, stops, blocks
        self._pool = ThreadPoolExecutor(VISITORS, "ask")

    async def ask(
        self,
        request: gr.Request,
        question: str,
        articles: list[str] = ALL,
        sources: list[str] = ALL,
        since: str = "",
        until: str = "",
    ) -> AsyncIterator[Json | None]:
        """Answer a question from the user's own articles, each sentence with the exact words that support it.

        Where the articles do not hold the answer, `refused` is true. This takes seconds to a minute.

        Args:
            question: What to find out, one question in plain words; it must stand by itself.
            articles: Ids of the only articles to answer from; empty for all.
            sources: The only sources (publishers, sites) to answer from; empty for all.
            since: The first day of the articles to answer from, such as 2025-01-31; empty for no limit.
            until: The last day of the articles to answer from, such as 2025-12-31; empty for no limit.

        Returns:
            An object: text, sentences, citations (quote, article, start, end) and how they came about
        """
        question = _question(question)
        filters = self._filters(articles, sources, since, until)
        stop, name = threading.Event(), ("", secrets.token_hex(8))  # as parts.session_of has it, of no tab
        self._stops[name] = stop
        work = asyncio.wrap_future(self._pool.submit(self._answer, question, filters, stop))
        work.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to see it
        fetched = time.monotonic()
        try:
            while not (await asyncio.wait({work}, timeout=LOOK_S))[0]:
                if _is_queued(request):
                    fetched = fetched if self._has_unread(request) else time.monotonic()
                    if time.monotonic() - fetched > FETCH_S:
                        raise _wrong(f"Nobody fetched the answer's events for {FETCH_S:.0f} seconds. Ask again.")
                    yield None  # here Gradio closes this generator when the caller has left
                elif await request.is_disconnected():
                    raise gr.Error("The caller left.", print_exception=False)
            yield work.result()
        finally:
            stop.set()
            self._stops.pop(name, None)

    def search(
        self,
        question: str,
        count: int = 10,
        articles: list[str] = ALL,
        sources: list[str] = ALL,
        since: str = "",
        until: str = "",
    ) -> list[Json]:
        """Find the passages of the user's own articles that fit a question best, without the language model.

        Args:
            question: What to look for: a question, or words.
            count: How many passages to return at most, 1 to 50.
            articles: Ids of the only articles to look in; empty for all.
            sources: The only sources (publishers, sites) to look in; empty for all.
            since: The first day of the articles to look in, such as 2025-01-31; empty for no limit.
            until: The last day of the articles to look in, such as 2025-12-31; empty for no limit.

        Returns:
            The passages, best first; start and end are offsets of characters in the article's text
        """
        question = _question(question)
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_PASSAGES:
            raise _wrong(f"count must be a whole number. Give one between 1 and {MOST_PASSAGES}.")
        filters = self._filters(articles, sources, since, until)
        try:
            found = self._bot.search(question, count, filters)
        except BotError as error:
            raise _wrong(str(error)) from None
        except Exception as error:
            raise _wrong(failed("searching", error)) from None
        return [passage.model_dump(mode="json", include=PASSAGE) for passage in found]

    def articles(self, query: str = "") -> list[Json]:
        """List the user's own articles, the newest first.

        Args:
            query: Words that the title, source, id or date must hold, all of them; empty for all articles.

        Returns:
            The articles; their ids are what ask and search take
        """
        query = _text("query", query, LONGEST_QUESTION)
        found = limits.found(self._bot.articles(), query, Filters())
        return [info.model_dump(mode="json", include=ARTICLE) for info in found]

    def _has_unread(self, request: gr.Request) -> bool:
        """Whether events wait in Gradio's queue for the caller to fetch them; of each look at the work there is one."""
        told = self._blocks._queue.pending_messages_per_session.get(request.session_hash)
        return told is not None and not told.empty()

    def _answer(self, question: str, filters: Filters, stop: threading.Event) -> Json:
        """The answer without its trace; gr.Error where there is none."""
        try:
            answer = None if stop.is_set() else self._last(question, filters, stop)
        except Stopped:  # while it waited
            answer = None
        except BotError as error:
            raise _wrong(str(error)) from None
        except Exception as error:
            raise _wrong(failed("answering", error)) from None
        if answer is None:
            raise _wrong("There is no answer. Ask again.")
        return answer.model_dump(mode="json", exclude={"trace"})

    def _last(self, question: str, filters: Filters, stop: threading.Event) -> Answer | None:
        for event in self._bot.ask(question, (), filters, stop=stop):
            if isinstance(event, AnswerEvent):
                return event.answer
        return None

    def _filters(self, articles: Any, sources: Any, since: Any, until: Any) -> Filters:
        chosen, publishers = _texts("articles", articles), _texts("sources", sources)
        first, last = _text("since", since, LONGEST_DAY), _text("until", until, LONGEST_DAY)
        try:
            days = limits.typed(publishers, first, last)
        except ValueError as error:
            raise _wrong(str(error)) from None
        if chosen and self._bot.setup() is None:
            known = {info.id for info in self._bot.articles()}
            if unknown := next((one for one in chosen if one not in known), None):
                raise _wrong(f"There is no article {unknown[:200]}. The function articles lists those there are.")
        return days.model_copy(update={"articles": tuple(chosen)})


def _is_queued(request: gr.Request) -> bool:
    """Whether Gradio's queue runs the call: its request is over then, and it goes on with a generator's next value."""
    path = request.url.path
    return "/gradio_api/queue/" in path or "/gradio_api/call/" in path


def refuse_foreign_files(value: Any) -> None:
    """Raises gr.Error where a caller names a file that was not uploaded, at whatever depth."""
    folder, left = Path(get_upload_folder()).resolve(), [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if "path" in one and not _is_in(one["path"], folder):
                raise _wrong("Only files that were uploaded can be named. Upload it first.")
            left += one.values()
        elif isinstance(one, list):
            left += one


def _is_in(path: Any, folder: Path) -> bool:
    try:
        return Path(path).is_absolute() and Path(path).resolve().is_relative_to(folder)
    except (TypeError, ValueError, OSError):
        return False


def _question(value: Any) -> str:
    question = _text("question", value, LONGEST_QUESTION).strip()
    if not question:
        raise _wrong("The question is empty. Type one.")
    return question


def _text(name: str, value: Any, longest: int) -> str:
    """Types come from callers, and Gradio does not check them."""
    if not isinstance(value, str):
        raise _wrong(f'{name} must be a text. Write it as "…".')
    if len(value) > longest:
        raise _wrong(f"{name} has {len(value):,} characters. Shorten it to {longest:,}.")
    return clean(value)


def _texts(name: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise _wrong(f'{name} must be a list of texts. Write it as ["…", "…"].')
    return list(dict.fromkeys(_text(f"each of {name}", one, LONGEST_QUESTION) for one in value))


def _wrong(message: str) -> gr.Error:
    return gr.Error(message, print_exception=False)
