"""The page's wiring: which component calls what, and what it shows then; it holds no logic on what an answer is.

HTML comes from `views.py`, the state of a question from `exchange.py`, all else from the bot. One Page serves all
visitors: what belongs to one of them is in `gr.State` or keyed by the session.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import gradio as gr

from bot.errors import BotError, Stopped
from bot.schema import Answer, Article, ArticleInfo, Event, Progress, StageEvent, TextEvent, Turn
from bot.ui import uploads, views
from bot.ui.exchange import Exchange, grow, history

FRAME_S = 0.05  # words that come faster than this are drawn together
LOOK_S = 3.0  # between two looks at how far articles are read ahead
VISITORS = 20  # questions in work at once; the bot itself queues them for the model
LONGEST_QUESTION = 4000  # characters

log = logging.getLogger(__name__)

# A button in our HTML says what it opens in data-… attributes, which become the event's data.
CLICKS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-marker], button[data-article]');
  if (button) trigger('click', {...button.dataset});
});
"""

# Keep the newest question and its growing answer in view, unless the reader has scrolled away since it was asked.
FOLLOW = """
const box = element.closest('#cb-conversation');
let wanted = 0, count = 0;
watch('value', () => {
  const exchanges = element.querySelectorAll('.cb-exchange'), last = exchanges[exchanges.length - 1];
  const moved = exchanges.length === count && Math.abs(box.scrollTop - wanted) > 60;
  count = exchanges.length;
  if (!last || moved) return;
  box.scrollTop += last.getBoundingClientRect().top - box.getBoundingClientRect().top;
  wanted = box.scrollTop;
});
"""

# Bring the chosen words into view; where the panel is below the chat (a phone), bring the panel as well.
REVEAL = """
watch('value', () => {
  const panel = element.closest('#cb-panel'), mark = element.querySelector('mark.cb-here');
  const text = element.querySelector('.cb-text');
  if (text) text.scrollTop = mark ? mark.offsetTop - text.clientHeight / 3 : 0;
  if (element.querySelector('[data-moment]:not([data-moment=""])')) panel.scrollIntoView({block: 'nearest'});
});
"""

Updates = dict[Any, Any]  # component → its new value or gr.update(…)


class Bot(Protocol):
    """What the page needs of the bot; see `bot.schema` for the events, of which AnswerEvent is the last."""

    @property
    def model_name(self) -> str: ...

    def ask(
        self, question: str, history: Sequence[Turn] = (), *, stop: threading.Event | None = None
    ) -> Iterator[Event]: ...

    def articles(self) -> list[ArticleInfo]: ...

    def article(self, article_id: str) -> Article:
        """Raises StoreError for an unknown id."""

    def add_files(self, paths: Sequence[Path]) -> list[str]:
        """Ingests the files; one line per file on what became of it."""

    def reading(self) -> Progress:
        """How many articles are read ahead, 0 of 0 where that is not done."""


class Page:
    """`blocks` is the page; `stop_all` ends every answer in work, for a clean end of the program."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._stops: dict[str, threading.Event] = {}
        self._adding = threading.Lock()
        with gr.Blocks(title="Citebot", analytics_enabled=False, fill_width=True) as self.blocks:
            self._lay_out()
            self._wire()

    def stop_all(self) -> None:
        for stop in list(self._stops.values()):
            stop.set()

    def _lay_out(self) -> None:
        self._exchanges = gr.State(())
        self._header = _html(self._look())
        self._clock = gr.Timer(LOOK_S)
        with gr.Row(elem_id="cb-main"):
            with gr.Column(scale=3, min_width=320), gr.Tabs():
                with gr.Tab("Ask"):
                    self._lay_out_chat()
                with gr.Tab("Articles"):
                    self._lay_out_library()
            with gr.Column(scale=2, min_width=320, elem_id="cb-panel"):
                self._panel = _html(views.no_article(), CLICKS + REVEAL)

    def _lay_out_chat(self) -> None:
        self._conversation = _html(js=CLICKS + FOLLOW, elem_id="cb-conversation")
        self._status = _html(views.status())
        with gr.Row(elem_id="cb-ask"):
            self._question = gr.Textbox(
                label="Question", placeholder="Ask your articles", show_label=False, lines=1, max_lines=6,
                max_length=LONGEST_QUESTION, autofocus=True, container=False, scale=1,
            )  # fmt: skip
            self._send = gr.Button("Ask", variant="primary", scale=0, min_width=90)
            self._stop = gr.Button("Stop", variant="stop", scale=0, min_width=90, visible=False)
            self._fresh = gr.Button("New chat", scale=0, min_width=100)

    def _lay_out_library(self) -> None:
        self._files = gr.File(label="Add articles: .txt .md .html .pdf .jsonl", file_count="multiple", height=120)
        self._report = _html()
        self._search = gr.Textbox(
            label="Find", placeholder="Find by title, source or date", show_label=False, container=False
        )
        self._list = _html(js=CLICKS)

    def _wire(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        free: dict[str, Any] = {**quiet, "concurrency_limit": None}
        self.blocks.load(self._arrive, [self._exchanges], [self._conversation, self._list], **free)
        self.blocks.unload(self._leave)
        gr.on(
            [self._question.submit, self._send.click],
            self._ask,
            [self._question, self._exchanges],
            [self._exchanges, self._conversation, self._status, self._panel, *self._controls()],
            **quiet,
            concurrency_limit=VISITORS,
        )
        self._clock.tick(self._look, None, [self._header], **free)
        self._stop.click(self._stop_one, None, [self._status], **quiet, queue=False)
        blank = [self._exchanges, self._conversation, self._status, self._panel]
        self._fresh.click(self._start_afresh, None, blank, **free)
        for component in (self._conversation, self._list, self._panel):
            component.click(self._open, [self._exchanges], [self._panel], **free)
        self._search.change(self._find, [self._search], [self._list], **free)
        added = [self._files, self._report, self._list, self._conversation]
        self._files.upload(
            self._add, [self._files, self._search, self._exchanges], added, **quiet,
            concurrency_limit=VISITORS,  # each begins at once, to take its files out of the others' way
        )  # fmt: skip

    def _controls(self) -> tuple[gr.Textbox, gr.Button, gr.Button, gr.Button]:
        return self._question, self._send, self._stop, self._fresh

    def _arrive(self, exchanges: tuple[Exchange, ...]) -> tuple[str, str]:
        articles = self._bot.articles()
        return views.conversation(exchanges, len(articles)), views.article_list(articles)

    def _look(self) -> str:
        return views.header(self._bot.model_name, self._bot.reading())

    def _leave(self, request: gr.Request) -> None:
        if stop := self._stops.get(request.session_hash or ""):
            stop.set()

    def _stop_one(self, request: gr.Request) -> str:
        self._leave(request)
        return views.status("Stopping")

    def _start_afresh(self) -> tuple[tuple[Exchange, ...], str, str, str]:
        return (), views.conversation((), len(self._bot.articles())), views.status(), views.no_article()

    def _ask(self, question: str, exchanges: tuple[Exchange, ...], request: gr.Request) -> Iterator[Updates]:
        if not question.strip():
            yield {self._status: views.status("Type a question first.")}
            return
        session = request.session_hash or ""
        stop = self._stops[session] = threading.Event()
        try:
            yield from self._answer(question.strip(), exchanges, stop)
        finally:
            stop.set()  # Gradio closes this generator when the visitor has left: the model must not go on for nobody
            self._stops.pop(session, None)

    def _answer(self, question: str, earlier: tuple[Exchange, ...], stop: threading.Event) -> Iterator[Updates]:
        exchange = Exchange(question)
        yield self._drawn(earlier, exchange) | self._running(True) | {self._question: "", self._status: views.status()}
        asked = drawn = time.monotonic()
        try:
            for event in self._bot.ask(question, history(earlier), stop=stop):
                exchange = grow(exchange, event)
                now = time.monotonic()
                if isinstance(event, StageEvent):
                    # The buttons again: a busy browser may miss one of two updates in quick succession.
                    yield {self._status: views.stage(event, now - asked)} | self._running(True)
                elif not isinstance(event, TextEvent) or now - drawn > FRAME_S:
                    drawn = now
                    yield self._drawn(earlier, exchange)
        except Stopped:
            exchange = replace(exchange, problem="Stopped.")
        except BotError as error:
            exchange = replace(exchange, problem=str(error))
        except Exception as error:
            exchange = replace(exchange, problem=_failed("answering", error))
        if exchange.running:
            exchange = replace(exchange, problem="There is no answer; ask again.")
        yield self._drawn(earlier, exchange) | self._running(False) | self._ended(len(earlier), exchange.answer)

    def _drawn(self, earlier: tuple[Exchange, ...], exchange: Exchange) -> Updates:
        exchanges = (*earlier, exchange)
        return {self._exchanges: exchanges, self._conversation: views.conversation(exchanges, 0)}

    def _running(self, running: bool) -> Updates:
        return {
            self._send: gr.update(visible=not running),
            self._stop: gr.update(visible=running),
            self._fresh: gr.update(interactive=not running),
        }

    def _ended(self, number: int, answer: Answer | None) -> Updates:
        updates: Updates = {self._status: views.finished(answer) if answer else views.status()}
        if answer and answer.citations:
            first = min(citation.marker for citation in answer.citations)
            updates[self._panel] = self._cited(number, answer, first)
        return updates

    def _open(self, event: gr.EventData, exchanges: tuple[Exchange, ...]) -> Any:
        """The article that a clicked button names, or the quote of the marker that it names."""
        moment = str(time.monotonic_ns())
        try:
            if article_id := getattr(event, "article", None):
                return views.article(self._bot.article(article_id), moment=moment)
            number, marker = int(event.exchange), int(event.marker)
            return self._cited(number, exchanges[number], marker, moment)
        except BotError as error:
            return views.problem(str(error))
        except (AttributeError, LookupError, TypeError, ValueError):
            return gr.skip()  # a button of a conversation that is gone, or not ours

    def _cited(self, number: int, cited: Exchange | Answer, marker: int, moment: str = "") -> str:
        chosen = next(citation for citation in cited.citations if citation.marker == marker)
        return views.article(self._bot.article(chosen.article), number, cited.citations, marker, moment)

    def _find(self, query: str) -> str:
        return views.article_list(self._bot.articles(), query)

    def _add(self, files: list[str] | None, query: str, exchanges: tuple[Exchange, ...]) -> Iterator[Updates]:
        paths = [Path(file) for file in files or ()]
        yield {self._report: views.report([f"Reading {path.name}" for path in paths])}
        try:
            report = views.report(self._added(paths))
        except BotError as error:
            report = views.problem(str(error))
        except Exception as error:
            report = views.problem(_failed("adding files", error))
        yield {self._files: None, self._report: report}
        articles = self._bot.articles()
        yield {
            self._list: views.article_list(articles, query),
            self._conversation: views.conversation(exchanges, len(articles)),
        }

    def _added(self, paths: Sequence[Path]) -> list[str]:
        """Ingests uploads, one visitor's at a time, and removes them; one line per file on what became of it."""
        claim = uploads.Claim(paths, Path(self._files.GRADIO_CACHE))
        gone = [f"skipped: {name}: it did not arrive whole. Add it again." for name in claim.gone]
        with self._adding:
            try:
                return [*self._bot.add_files(claim.files), *gone]
            finally:
                claim.forget()


def build(bot: Bot) -> gr.Blocks:
    """The page as Gradio Blocks, without theme, style and server: `bot.ui.serve` adds those."""
    page: gr.Blocks = Page(bot).blocks
    return page


def _html(value: str = "", js: str | None = None, elem_id: str | None = None) -> gr.HTML:
    return gr.HTML(value, js_on_load=js, elem_id=elem_id, apply_default_css=False)


def _failed(doing: str, error: Exception) -> str:
    log.exception("The bot failed while %s", doing)
    return f"The bot failed ({type(error).__name__}); its terminal says more."
