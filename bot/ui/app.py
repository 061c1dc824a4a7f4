"""The page's wiring: which component calls what, and what it shows then; it holds no logic on what an answer is.

HTML comes from `views.py`, the state of a question from `exchange.py`, all else from the bot. One Page serves all
visitors: what belongs to one of them is in `gr.State` or keyed by the session.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import JsonValue

from bot.conversations import Conversations
from bot.errors import BotError, ConversationError, Stopped, StoreError
from bot.feedback import Kept
from bot.schema import Answer, Filters, StageEvent, TextEvent
from bot.ui import chosen, limits, parts, reading, service, talks, views
from bot.ui.bits import problem
from bot.ui.exchange import Exchange, grow, history
from bot.ui.head import Head
from bot.ui.library import Asking, Library
from bot.ui.parts import FREE, LONGEST_QUESTION, QUIET, VISITORS, Bot, Updates, clean, failed, html, session_of
from bot.ui.rating import Rated, Rating
from bot.ui.remembered import Remembered
from bot.ui.scripts import CARDS, CLICKS, FOLLOW, REVEAL, SECONDS, TO_QUESTION

FRAME_S = 0.05  # words that come faster than this are drawn together

log = logging.getLogger(__name__)


class Page:
    """`blocks` is the page; `stop_all` ends every answer in work, for a clean end of the program.

    `kept` gives a user's conversations by the user's name, "" where nobody logs in; without it, conversations last as
    long as the page is open. `samples` is the folder of the sample articles, and web pages may be added where `by_url`
    says so.
    """

    def __init__(
        self,
        bot: Bot,
        kept: Callable[[str], Conversations] | None,
        feedback: Kept,
        settings: Mapping[str, JsonValue],
        *,
        samples: Path | None = None,
        by_url: bool = False,
    ) -> None:
        self._bot = bot
        self._head, self._remembered = Head(bot), Remembered(kept)
        self._rating, self._settings = Rating(bot, feedback, settings), settings
        self._stops: dict[tuple[str, str], threading.Event] = {}  # by user and session
        self._library = Library(bot, samples, by_url=by_url)
        with service.Blocks(title="Citebot", analytics_enabled=False, fill_width=True) as self.blocks:
            self._lay_out()
            self._wire()
            service.offer(bot, self._stops)

    def stop_all(self) -> None:
        for stop in list(self._stops.values()):
            stop.set()

    def _lay_out(self) -> None:
        self._exchanges = gr.State(())
        self._talk = gr.State("")  # id of the conversation, once it is kept
        self._filters = gr.State(Filters())
        self._editing = gr.State(False)  # whether the next question replaces the last
        self._head.lay_out()
        with gr.Row(elem_id="cb-main"):
            with gr.Column(scale=3, min_width=320), gr.Tabs() as self._tabs:
                with gr.Tab("Ask", id="ask"):
                    self._lay_out_chat()
                with gr.Tab("Articles"):
                    self._library.lay_out()
                with gr.Tab("Chats", visible=self._remembered.keeps):
                    self._remembered.lay_out()
                with gr.Tab("Settings"):
                    html(chosen.table(self._settings))
            with gr.Column(scale=2, min_width=320, elem_id="cb-panel"):
                self._panel = html(reading.no_article(), CLICKS + REVEAL)

    def _lay_out_chat(self) -> None:
        self._conversation = html(js=CLICKS + CARDS + FOLLOW, elem_id="cb-conversation")
        self._status = html(views.status(), SECONDS)
        self._rating.lay_out()
        self._edited = html(js=CLICKS, elem_id="cb-edited")
        self._chips = html(js=CLICKS, elem_id="cb-limited")
        with gr.Row(elem_id="cb-ask"):
            self._question = gr.Textbox(
                label="Question", placeholder="Ask your articles", show_label=False, lines=1, max_lines=6,
                max_length=LONGEST_QUESTION, autofocus=True, container=False, scale=1,
            )  # fmt: skip
            self._send = gr.Button("Ask", variant="primary", scale=0, min_width=90)
            self._stop = gr.Button("Stop", variant="stop", scale=0, min_width=90, visible=False)
            self._fresh = gr.Button("New chat", scale=0, min_width=100)

    def _wire(self) -> None:
        shown = [self._exchanges, self._talk, self._conversation]
        search, listed = self._remembered.search, self._remembered.list
        rated, asking_now = self._rating.components(), {**QUIET, "concurrency_limit": VISITORS}
        arrived = [self._head.shown, *shown, listed, *self._library.shown()]
        self.blocks.load(self._arrive, [self._exchanges], arrived, **FREE)
        self.blocks.unload(self._leave)
        asked = [self._exchanges, self._talk, self._editing, search, self._filters]
        answered = [*shown, listed, self._editing, self._edited, self._status, self._panel, *self._controls(), *rated]
        sent = [self._question.submit, self._send.click]
        gr.on(sent, self._ask, [self._question, *asked], answered, **asking_now)
        self._conversation.click(self._act, asked, answered, **asking_now)
        looked = [self._head.shown, self._head.ready, self._conversation, *self._library.shown()]
        self._head.clock.tick(self._look, [self._head.ready, self._exchanges, self._talk], looked, **FREE)
        self._head.wire()
        self._stop.click(self._stop_one, None, [self._status], **QUIET, queue=False, js=TO_QUESTION)
        blank = [*shown, self._editing, self._edited, self._status, self._panel, *rated]
        limited = [self._filters, self._chips, self._tabs]
        self._fresh.click(self._start_afresh, None, [*blank, *limited], **FREE, js=TO_QUESTION)
        edited = [self._question, self._editing, self._edited]
        self._edited.click(lambda: ("", False, ""), None, edited, **FREE, js=TO_QUESTION)
        listed.click(self._choose_talk, [self._talk, search], [*blank, listed, self._tabs], **FREE)
        search.change(self._remembered.found, [search, self._talk], [listed], **FREE)
        for component in (self._conversation, self._library.list, self._panel):
            component.click(self._open, [self._exchanges], [self._panel], **FREE)
        for component in (self._panel, self._chips):
            component.click(self._limit_by, [self._filters], limited, **FREE)
        asking = Asking(
            self._exchanges, self._talk, self._conversation, self._filters, self._chips, self._tabs, self._status,
            self._panel,
        )  # fmt: skip
        self._library.wire(asking)
        self._rating.wire(Rated(self._exchanges, self._talk, self._conversation, self._status))

    def _controls(self) -> tuple[gr.Textbox, gr.Button, gr.Button, gr.Button]:
        return self._question, self._send, self._stop, self._fresh

    def _arrive(self, exchanges: tuple[Exchange, ...], request: gr.Request) -> Updates:
        """The page as its address says: a reload shows the conversation again."""
        talk = ""
        if (kept := self._remembered.of(request)) and (named := request.query_params.get("c", "")):
            try:
                exchanges, talk = self._rating.restored(talks.exchanges_of(kept.read(named)), named, request), named
            except ConversationError:
                log.info("No conversation %s", named)
        return {
            self._head.shown: self._head.look(request),
            self._exchanges: exchanges,
            self._talk: talk,
            self._conversation: self._as_html(exchanges, talk),
            self._remembered.list: self._remembered.found("", talk, request),
            **self._library.drawn(),
        }

    def _look(self, ready: bool, exchanges: tuple[Exchange, ...], talk: str, request: gr.Request) -> Updates:
        """Draw the head anew, and the rest once the bot can answer."""
        updates: Updates = {self._head.shown: self._head.look(request)}
        if self._head.has_come(ready):
            updates |= {self._head.ready: True, **self._library.drawn()}
            updates |= {} if exchanges else {self._conversation: self._as_html((), talk)}
        return updates

    def _leave(self, request: gr.Request) -> None:
        if stop := self._stops.get(session_of(request)):
            stop.set()

    def _stop_one(self, request: gr.Request) -> str:
        self._leave(request)
        return views.status("Stopping")

    def _start_afresh(self) -> Updates:
        return self._showing((), "") | {self._filters: Filters(), self._chips: ""}

    def _showing(self, exchanges: tuple[Exchange, ...], talk: str) -> Updates:
        """A conversation from its beginning or as it was kept, with nothing open beside it."""
        return {
            self._exchanges: exchanges,
            self._talk: talk,
            self._conversation: self._as_html(exchanges, talk),
            self._editing: False,
            self._edited: "",
            self._status: views.status(),
            self._panel: reading.no_article(),
            **self._rating.hidden(),
        }

    def _choose_talk(self, event: gr.EventData, talk: str, query: str, request: gr.Request) -> Updates:
        """Open the conversation that a clicked button names, or forget it."""
        if (kept := self._remembered.of(request)) is None or session_of(request) in self._stops:
            return {self._status: views.status("Stop the answer first.")}
        updates: Updates = {}
        try:
            if chosen := getattr(event, "talk", None):
                exchanges, talk = self._rating.restored(talks.exchanges_of(kept.read(chosen)), chosen, request), chosen
                updates = self._showing(exchanges, talk) | {self._tabs: gr.update(selected="ask")}
            elif forgotten := getattr(event, "forget", None):
                kept.remove(forgotten)
                if forgotten == talk:
                    updates, talk = self._showing((), ""), ""
        except ConversationError as error:
            updates = {self._status: views.status(str(error)), self._tabs: gr.update(selected="ask")}
        return updates | {self._remembered.list: self._remembered.found(query, talk, request)}

    def _act(
        self,
        event: gr.EventData,
        exchanges: tuple[Exchange, ...],
        talk: str,
        _editing: bool,
        query: str,
        filters: Filters,
        request: gr.Request,
    ) -> Iterator[Updates]:
        """Ask the last question again, or let it be edited, as a clicked button says."""
        act = getattr(event, "act", None)
        if act == "edit" and exchanges:
            yield {self._question: exchanges[-1].question, self._editing: True, self._edited: views.editing()}
        elif act == "again" and exchanges:
            yield from self._ask(exchanges[-1].question, exchanges, talk, True, query, filters, request)
        else:
            yield gr.skip()

    def _ask(
        self,
        question: str,
        exchanges: tuple[Exchange, ...],
        talk: str,
        instead: bool,
        query: str,
        filters: Filters,
        request: gr.Request,
    ) -> Iterator[Updates]:
        if fault := parts.fault_of(question):
            yield {self._status: views.status(fault)}
            return
        session = session_of(request)
        if session in self._stops:  # asked again and typed at once: one after the other
            yield {self._status: views.status("Stop the answer first.")}
            return
        stop = self._stops[session] = threading.Event()
        try:
            earlier = exchanges[:-1] if instead else exchanges
            replaced = exchanges[-1].kept if instead and exchanges else None
            exchange = yield from self._answer(clean(question).strip(), earlier, talk, filters, stop)
            exchange, talk = self._remembered.add(exchange, talk, replaced, request)
            # All at once: a busy browser may miss one of two updates in quick succession.
            ended = self._running(False) | self._ended(len(earlier), exchange.answer)
            told = {self._talk: talk, self._remembered.list: self._remembered.found(query, talk, request)}
            yield ended | self._drawn(earlier, exchange, talk) | told
        finally:
            stop.set()  # Gradio closes this generator when the visitor has left: the model must not go on for nobody
            self._stops.pop(session, None)

    def _answer(
        self, question: str, earlier: tuple[Exchange, ...], talk: str, filters: Filters, stop: threading.Event
    ) -> Generator[Updates, None, Exchange]:
        """Draws the answer as it grows; returns the finished exchange, which is not drawn yet."""
        exchange = Exchange(question)
        started = {
            self._question: "",
            self._editing: False,
            self._edited: "",
            self._status: views.status(),
            **self._rating.hidden(),
        }
        yield self._drawn(earlier, exchange, talk) | self._running(True) | started
        asked = drawn = time.monotonic()
        try:
            for event in self._bot.ask(question, history(earlier), filters, stop=stop):
                exchange = grow(exchange, event)
                now = time.monotonic()
                if isinstance(event, StageEvent):
                    # The buttons again, as one of two updates may be missed.
                    yield {self._status: views.stage(event, now - asked)} | self._running(True)
                elif not isinstance(event, TextEvent) or now - drawn > FRAME_S:
                    drawn = now
                    yield self._drawn(earlier, exchange, talk)
        except Stopped:
            exchange = replace(exchange, problem="Stopped.")
        except BotError as error:
            exchange = replace(exchange, problem=str(error))
        except Exception as error:
            exchange = replace(exchange, problem=failed("answering", error))
        if exchange.running:
            exchange = replace(exchange, problem="There is no answer; ask again.")
        return exchange

    def _drawn(self, earlier: tuple[Exchange, ...], exchange: Exchange, talk: str) -> Updates:
        exchanges = (*earlier, exchange)
        return {self._exchanges: exchanges, self._conversation: self._as_html(exchanges, talk)}

    def _as_html(self, exchanges: tuple[Exchange, ...], talk: str) -> str:
        return views.conversation(exchanges, 0, talk) if exchanges else self._library.welcome(talk)

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
        elif answer and answer.refused:
            updates[self._panel] = reading.no_article()
        return updates

    def _open(self, event: gr.EventData, exchanges: tuple[Exchange, ...]) -> Any:
        """The article that a clicked button names, or the quote of the marker that it names."""
        moment = str(time.monotonic_ns())
        try:
            if article_id := getattr(event, "article", None):
                return reading.article(self._bot.article(article_id), moment=moment)
            number, marker = int(event.exchange), int(event.marker)
            return self._cited(number, exchanges[number], marker, moment)
        except BotError as error:
            return problem(str(error))
        except (AttributeError, LookupError, TypeError, ValueError):
            return gr.skip()  # a button of a conversation that is gone, or not ours

    def _cited(self, number: int, cited: Exchange | Answer, marker: int, moment: str = "") -> str:
        chosen = next(citation for citation in cited.citations if citation.marker == marker)
        try:
            article = self._bot.article(chosen.article)
        except StoreError:  # by anyone, even while the answer was written
            return problem("This article has been removed. Its quote stays with the answer.")
        return reading.article(article, number, cited.citations, marker, moment)

    def _limit_by(self, event: gr.EventData, filters: Filters) -> Updates:
        """Limit questions to the article that a clicked button names, or no longer to what it names."""
        if article := getattr(event, "only", None):
            filters = limits.only(filters, article)
        elif dropped := getattr(event, "drop", None):
            filters = limits.without(filters, dropped)
        else:
            return dict.fromkeys((self._filters, self._chips, self._tabs), gr.skip())
        shown = {self._filters: filters, self._chips: self._chips_of(filters)}
        return shown | {self._tabs: gr.update(selected="ask")}

    def _chips_of(self, filters: Filters) -> str:
        return limits.chips(filters, {info.id: info.title for info in self._bot.articles()})
