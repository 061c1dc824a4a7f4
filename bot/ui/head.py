"""The head of every page: model, log-in, what is read ahead; and fetching the models, where they are missing."""

from typing import Any

import gradio as gr

from bot.ui import views
from bot.ui.parts import FREE, Bot, html
from bot.ui.scripts import CLICKS, TABS

LOOK_S = 3.0  # between two looks at how far the bot is with what it does by itself


class Head:
    """`clock` ticks; `ready` is each visitor's: whether the bot could answer when the page was drawn last."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    def lay_out(self) -> None:
        self.shown = html(views.header(self._bot.model_name, self._bot.reading(), "", self._bot.setup()), CLICKS + TABS)
        self.clock = gr.Timer(LOOK_S)
        self.ready = gr.State(self._bot.setup() is None)

    def wire(self) -> None:
        self.shown.click(self._fetch, None, [self.shown], **FREE)

    def look(self, request: gr.Request) -> str:
        return views.header(self._bot.model_name, self._bot.reading(), request.username or "", self._bot.setup())

    def has_come(self, ready: bool) -> bool:
        """Whether it can answer now, and could not before."""
        return not ready and self._bot.setup() is None

    def _fetch(self, event: gr.EventData, request: gr.Request) -> Any:
        if getattr(event, "act", None) != "fetch":
            return gr.skip()
        self._bot.begin()
        return self.look(request)
