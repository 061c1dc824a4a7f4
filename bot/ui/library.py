"""The Articles tab: the list with its search, adding files, and limiting questions to what is listed."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from bot.errors import BotError
from bot.schema import Filters
from bot.ui import limits, shelf, uploads, views
from bot.ui.bits import problem
from bot.ui.exchange import Exchange
from bot.ui.parts import FREE, QUIET, VISITORS, Bot, Updates, failed, html
from bot.ui.scripts import CLICKS


class Asking(NamedTuple):
    """What of the rest of the page the tab reads and changes."""

    exchanges: gr.State
    talk: gr.State
    conversation: gr.HTML
    filters: gr.State
    chips: gr.HTML
    tabs: gr.Tabs


class Library:
    """Its components are made by `lay_out`, within the page's Blocks; `list` is the one whose clicks open articles."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._adding = threading.Lock()

    def lay_out(self) -> None:
        self._files = gr.File(label="Add articles: .txt .md .html .pdf .jsonl", file_count="multiple", height=120)
        self._report = html()
        self._search = gr.Textbox(
            "", label="Find", placeholder="Find by title, source or date", show_label=False, container=False
        )
        with gr.Row(elem_id="cb-limits"):
            self._sources = gr.Dropdown([], label="Source", multiselect=True, min_width=120)
            self._since = gr.Textbox("", label="From", placeholder="2025-01-31", max_length=20, min_width=100)
            self._until = gr.Textbox("", label="To", placeholder="2025-12-31", max_length=20, min_width=100)
            self._limit = gr.Button("Ask only these", scale=0, min_width=130)
        self.list = html(js=CLICKS)

    def wire(self, asking: Asking) -> None:
        self._asking = asking
        fields: list[Any] = [self._search, self._sources, self._since, self._until]
        gr.on([field.change for field in fields], self._find, fields, [self.list], **FREE)
        limited = [asking.filters, asking.chips, asking.tabs]
        self._limit.click(self._limit_to, fields, [*limited, self.list], **FREE)
        self._files.upload(
            self._add,
            [self._files, asking.exchanges, asking.talk, *fields],
            [self._files, self._report, asking.conversation, *self.shown()],
            **QUIET,
            concurrency_limit=VISITORS,  # each begins at once, to take its files out of the others' way
        )

    def shown(self) -> list[Any]:
        """What `drawn` changes."""
        return [self.list, self._sources]

    def drawn(self, query: str = "", sources: Sequence[str] = (), since: str = "", until: str = "") -> Updates:
        """The list and the sources to choose from, as the articles are now."""
        return {
            self.list: self._find(query, sources, since, until),
            self._sources: gr.update(choices=limits.sources(self._bot.articles())),
        }

    def _find(self, query: str, sources: Sequence[str], since: str, until: str) -> str:
        articles = self._bot.articles()
        try:
            return shelf.article_list(limits.found(articles, query, limits.typed(sources, since, until)), articles)
        except ValueError as error:
            return problem(str(error))

    def _limit_to(self, query: str, sources: Sequence[str], since: str, until: str) -> Updates:
        """Limit questions to what the list shows."""
        articles = self._bot.articles()
        try:
            filters = limits.typed(sources, since, until)
        except ValueError as error:
            return {self.list: problem(str(error))}
        if query.strip():
            shown = limits.found(articles, query, filters)
            if not 0 < len(shown) <= limits.MOST:
                told = f"{len(shown):,} articles have these words. Narrow the list to between 1 and {limits.MOST}."
                return {self.list: problem(told)}
            filters = Filters(articles=tuple(info.id for info in shown))
        return {
            self._asking.filters: filters,
            self._asking.chips: limits.chips(filters, {info.id: info.title for info in articles}),
            self._asking.tabs: gr.update(selected="ask"),
        }

    def _add(
        self, files: list[str] | None, exchanges: tuple[Exchange, ...], talk: str, *fields: Any
    ) -> Iterator[Updates]:
        paths = [Path(file) for file in files or ()]
        yield {self._report: shelf.report([f"Reading {path.name}" for path in paths])}
        try:
            report = shelf.report(self._added(paths))
        except BotError as error:
            report = problem(str(error))
        except Exception as error:
            report = problem(failed("adding files", error))
        yield {self._files: None, self._report: report}
        shown = views.conversation(exchanges, len(self._bot.articles()), talk)
        yield self.drawn(*fields) | {self._asking.conversation: shown}

    def _added(self, paths: Sequence[Path]) -> list[str]:
        """Ingests uploads, one visitor's at a time, and removes them; one line per file on what became of it."""
        claim = uploads.Claim(paths, Path(self._files.GRADIO_CACHE))
        gone = [f"skipped: {name}: it did not arrive whole. Add it again." for name in claim.gone]
        with self._adding:
            try:
                return [*self._bot.add_files(claim.files), *gone]
            finally:
                claim.forget()
