"""The Conversations tab: what is kept of each user's conversations, found, and added to; `talks.py` draws the list."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import gradio as gr

from bot.conversations import Conversations
from bot.errors import ConversationError
from bot.ui import talks
from bot.ui.exchange import Exchange
from bot.ui.parts import html
from bot.ui.scripts import CLICKS


class Remembered:
    """`kept` gives a user's conversations by the user's name, "" where nobody logs in; without it nothing is kept."""

    def __init__(self, kept: Callable[[str], Conversations] | None) -> None:
        self._kept = kept

    @property
    def keeps(self) -> bool:
        return self._kept is not None

    def lay_out(self) -> None:
        self.search = gr.Textbox(
            "", label="Search", placeholder="Find words of questions and answers", show_label=False, container=False
        )
        self.list = html(js=CLICKS)

    def of(self, request: gr.Request) -> Conversations | None:
        return self._kept(request.username or "") if self._kept else None

    def found(self, query: str, talk: str, request: gr.Request) -> str:
        """The list of those that hold the words of `query`; the one with id `talk` is marked."""
        kept = self.of(request)
        return talks.talk_list(kept.all(query), query, talk) if kept else ""

    def add(
        self, exchange: Exchange, talk: str, replaced: dt.datetime | None, request: gr.Request
    ) -> tuple[Exchange, str]:
        """A finished exchange as it is kept, and the id of its conversation; where that fails, it says so.

        What was kept at the moment `replaced` is replaced.
        """
        exchange = replace(exchange, at=(at := dt.datetime.now(dt.UTC)))
        if (kept := self.of(request)) and exchange.answer and exchange.answer.text.strip():
            try:
                talk = kept.add(talk, exchange.question, exchange.answer, at=at, instead=replaced)
                exchange = replace(exchange, kept=at)
            except ConversationError as error:
                exchange = replace(exchange, problem=str(error))
        if not exchange.kept:
            exchange = replace(exchange, kept=replaced)  # what it was to replace is still there
        return exchange, talk
