"""What readers say of an answer: good or not, and why; it is kept, and says nothing of how answers are made."""

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr
from pydantic import JsonValue

from bot import __version__
from bot.errors import FeedbackError
from bot.feedback import REASON, Feedback, Kept
from bot.ui import views
from bot.ui.exchange import Exchange, history
from bot.ui.parts import FREE, Bot, Updates, clean
from bot.users import key

log = logging.getLogger(__name__)
NONE = -1  # no answer is being rated


class Rated(NamedTuple):
    """What of the rest of the page rating reads and changes."""

    exchanges: gr.State
    talk: gr.State
    conversation: gr.HTML
    status: gr.HTML


class Rating:
    """Its components are made by `lay_out`; `settings` go along with what is said."""

    def __init__(self, bot: Bot, kept: Kept, settings: Mapping[str, JsonValue]) -> None:
        self._bot, self._kept, self._settings = bot, kept, dict(settings)

    def lay_out(self) -> None:
        self._number = gr.State(NONE)
        with gr.Row(visible=False, elem_id="cb-why") as self._row:
            self._reason = gr.Textbox(
                label="Why?", placeholder="What was good or wrong about it? (optional)", show_label=False, lines=1,
                max_lines=4, max_length=REASON, container=False, scale=1,
            )  # fmt: skip
            self._send = gr.Button("Send", scale=0, min_width=90)

    def wire(self, rated: Rated) -> None:
        self._rated = rated
        seen = [rated.exchanges, rated.talk]
        drawn = [rated.exchanges, rated.conversation, rated.status, self._number, self._row, self._reason]
        rated.conversation.click(self._rate, seen, drawn, **FREE)
        said = [self._send.click, self._reason.submit]
        gr.on(said, self._explain, [*seen, self._number, self._reason], drawn, **FREE)

    def restored(self, exchanges: tuple[Exchange, ...], talk: str, request: gr.Request) -> tuple[Exchange, ...]:
        """With what this reader said of them before."""
        try:
            given = {
                (one.talk, one.answered): one for one in self._kept.all() if one.user == key(request.username or "")
            }
        except FeedbackError as error:
            log.warning("%s", error)
            return exchanges
        said = [(one, given.get((talk, one.at)) if one.at else None) for one in exchanges]
        return tuple(replace(one, good=known.good, reason=known.reason) if known else one for one, known in said)

    def hidden(self) -> Updates:
        """For a conversation that is another now."""
        return {self._row: gr.update(visible=False), self._number: NONE, self._reason: ""}

    def components(self) -> list[Any]:
        """What `hidden` changes."""
        return [self._row, self._number, self._reason]

    def _rate(self, event: gr.EventData, exchanges: tuple[Exchange, ...], talk: str, request: gr.Request) -> Any:
        rate, number = getattr(event, "rate", None), _number(event)
        if rate not in ("good", "bad") or not 0 <= number < len(exchanges):
            return gr.skip()
        if exchanges[number].good == (rate == "good"):  # it is kept already; what was written stays
            return {self._number: number, self._row: gr.update(visible=True), self._reason: exchanges[number].reason}
        return self._note(exchanges, number, talk, rate == "good", "", request)

    def _explain(
        self, exchanges: tuple[Exchange, ...], talk: str, number: int, reason: str, request: gr.Request
    ) -> Any:
        if not 0 <= number < len(exchanges) or (good := exchanges[number].good) is None:
            return gr.skip()
        return self._note(exchanges, number, talk, good, reason, request)

    def _note(
        self,
        exchanges: tuple[Exchange, ...],
        number: int,
        talk: str,
        good: bool,
        reason: str,
        request: gr.Request,
    ) -> Updates:
        exchange, reason = exchanges[number], clean(reason)[:REASON]
        if exchange.answer is None or exchange.at is None or exchanges[-1].running:
            return {self._rated.status: views.status("Wait for the answer first.")}
        try:
            self._kept.add(
                Feedback(
                    at=dt.datetime.now(dt.UTC),
                    good=good,
                    reason=reason,
                    question=exchange.question,
                    turns=tuple(history(exchanges[:number])),
                    answer=exchange.answer,
                    model=self._bot.model_name,
                    settings=self._settings,
                    version=__version__,
                    user=key(request.username or ""),
                    talk=talk,
                    answered=exchange.at,
                )
            )
        except FeedbackError as error:
            return {self._rated.status: views.status(str(error))}
        changed = (*exchanges[:number], replace(exchange, good=good, reason=reason.strip()), *exchanges[number + 1 :])
        told = "Kept on this machine, with the question and the answer."
        return {
            self._rated.exchanges: changed,
            self._rated.conversation: views.conversation(changed, 0, talk),
            self._rated.status: views.status(told),
            self._number: NONE if reason.strip() else number,
            self._row: gr.update(visible=not reason.strip()),
            self._reason: "",
        }


def _number(event: gr.EventData) -> int:
    try:
        return int(event.exchange)
    except (AttributeError, TypeError, ValueError):
        return NONE
