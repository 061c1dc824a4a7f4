"""The Articles tab: the list with its search, adding and removing articles, limiting questions to what is listed."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
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

LONGEST_PASTED = 1_000_000  # characters
LONGEST_TITLE = 200
LONGEST_ADDRESS = 2000

Step = tuple[str, Callable[[], list[str]]]  # what is added, and how: a line for each article


class Asking(NamedTuple):
    """What of the rest of the page the tab reads and changes."""

    exchanges: gr.State
    talk: gr.State
    conversation: gr.HTML
    filters: gr.State
    chips: gr.HTML
    tabs: gr.Tabs
    status: gr.HTML
    panel: gr.HTML


class Library:
    """Its components are made by `lay_out`, within the page's Blocks; `list` is the one whose clicks open articles.

    `samples` is the folder of the sample articles; addresses may be added where `by_url` says so.
    """

    def __init__(self, bot: Bot, samples: Path | None = None, *, by_url: bool = False) -> None:
        self._bot, self._samples, self._by_url = bot, samples, by_url

    def lay_out(self) -> None:
        self._files = gr.File(label="Add articles: .txt .md .html .pdf .jsonl", file_count="multiple", height=120)
        with gr.Accordion("Paste a text", open=False):
            self._title = gr.Textbox(label="Title", max_length=LONGEST_TITLE)
            self._text = gr.Textbox(label="Text", lines=5, max_lines=12, max_length=LONGEST_PASTED)
            self._paste = gr.Button("Add this text")
        with gr.Row(elem_id="cb-address", visible=self._by_url):
            self._address = gr.Textbox(
                label="Web address", placeholder="https://…", show_label=False, container=False,
                max_length=LONGEST_ADDRESS,
            )  # fmt: skip
            self._fetch = gr.Button("Add this page", scale=0, min_width=130)
        self._report = html()
        with gr.Row(elem_id="cb-find"):
            self._search = gr.Textbox(
                "", label="Find", placeholder="Find by title, source or date", show_label=False, container=False,
                scale=1,
            )  # fmt: skip
            self._order = gr.Dropdown(
                list(shelf.ORDERS), label="Order", show_label=False, container=False, scale=0, min_width=150
            )
        with gr.Row(elem_id="cb-limits"):
            self._sources = gr.Dropdown(
                [], label="Source", multiselect=True, min_width=120, allow_custom_value=True
            )  # one that is gone must not make every event fail
            self._since = gr.Textbox("", label="From", placeholder="2025-01-31", max_length=20, min_width=100)
            self._until = gr.Textbox("", label="To", placeholder="2025-12-31", max_length=20, min_width=100)
            self._limit = gr.Button("Ask only these", scale=0, min_width=130)
        self.list = html(js=CLICKS)

    def wire(self, asking: Asking) -> None:
        self._asking = asking
        fields: list[Any] = [self._search, self._sources, self._since, self._until]
        found = [*fields, self._order]
        gr.on([field.change for field in found], self._find, found, [self.list], **FREE)
        limited = [asking.filters, asking.chips, asking.tabs]
        self._limit.click(self._limit_to, fields, [*limited, self.list], **FREE)
        # Each begins at once, to take its files out of the others' way.
        adding: dict[str, Any] = {**QUIET, "concurrency_limit": VISITORS}
        pasted = [self._title, self._text]
        fetched = [self._fetch.click, self._address.submit]
        offered = [asking.conversation.click, self.list.click]
        events = [
            self._files.upload(self._add_files, [self._files], [self._files, self._report], **adding),
            self._paste.click(self._add_text, pasted, [*pasted, self._report], **adding),
            gr.on(fetched, self._add_page, [self._address], [self._address, self._report], **adding),
            gr.on(offered, self._add_samples, None, [asking.status, self._report], **adding),
            asking.panel.click(
                self._remove, [asking.filters], [asking.panel, asking.filters, asking.chips, self._report], **FREE
            ),
        ]
        # The rest of the page may have changed since an event began: what it is now is read when that has ended.
        context, drawn = [asking.exchanges, asking.talk, *found], [asking.conversation, *self.shown()]
        for event in events:
            event.then(self._redraw, context, drawn, **FREE)

    def shown(self) -> list[Any]:
        """What `drawn` changes."""
        return [self.list, self._sources]

    def drawn(
        self, query: str = "", sources: Sequence[str] = (), since: str = "", until: str = "", order: str = ""
    ) -> Updates:
        """The list and the sources to choose from, as the articles are now."""
        return {
            self.list: self._find(query, sources, since, until, order),
            self._sources: gr.update(choices=limits.sources(self._bot.articles())),
        }

    def _find(self, query: str, sources: Sequence[str], since: str, until: str, order: str) -> str:
        articles = self._bot.articles()
        try:
            found = limits.found(articles, query, limits.typed(sources, since, until))
        except ValueError as error:
            return problem(str(error))
        if self._bot.setup():
            return shelf.article_list((), (), missing=True)
        return shelf.article_list(shelf.ordered(found, order), articles, samples=self._samples is not None)

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

    def _redraw(self, exchanges: tuple[Exchange, ...], talk: str, *found: Any) -> Updates:
        """The list; and without a question, how many articles there are. With one the conversation stays as it is."""
        if exchanges:
            return self.drawn(*found)
        return self.drawn(*found) | {self._asking.conversation: self.welcome(talk)}

    def welcome(self, talk: str) -> str:
        """A conversation without a question."""
        if self._bot.setup():
            return views.conversation((), views.MISSING, talk)
        return views.conversation((), len(self._bot.articles()), talk, samples=self._samples is not None)

    def _add_files(self, files: list[str] | None) -> Iterator[Updates]:
        claim = uploads.Claim([Path(file) for file in files or ()], self._folder())
        gone = [f"skipped: {name}: it did not arrive whole. Add it again." for name in claim.gone]
        yield from self._take([self._file(path) for path in claim.files], claim.forget, gone)
        yield {self._files: None}

    def _add_text(self, title: str, text: str) -> Iterator[Updates]:
        if len(text) > LONGEST_PASTED or len(title) > LONGEST_TITLE:
            yield {self._report: problem(f"The text is longer than {LONGEST_PASTED:,} characters. Add it as a file.")}
            return
        if not text.strip():
            yield {self._report: problem("There is no text yet. Paste one first.")}
            return
        try:
            claim = uploads.Claim([uploads.written(self._folder(), title, text)], self._folder())
        except OSError as error:
            told = f"The text cannot be stored: {error.strerror}. Make room in {self._folder()}, and add it again."
            yield {self._report: problem(told)}
            return
        if (yield from self._take([self._file(path) for path in claim.files], claim.forget)):
            yield {self._title: "", self._text: ""}

    def _add_page(self, address: str) -> Iterator[Updates]:
        if not self._by_url or not address.strip():
            yield {self._report: problem("There is no address yet. Type one first.")}
            return
        full = address.strip() if "://" in address else f"https://{address.strip()}"
        if (yield from self._take([(full, lambda: self._bot.add_url(full))])):
            yield {self._address: ""}

    def _add_samples(self, event: gr.EventData) -> Iterator[Updates]:
        if getattr(event, "act", None) != "samples" or self._samples is None:
            yield gr.skip()
            return
        files = sorted(path for path in self._samples.iterdir() if path.is_file())
        yield {self._asking.status: views.status("Adding the sample articles")}
        added = yield from self._take([self._file(path) for path in files])
        told = "The sample articles are there." if added else "Some were not added; the Articles tab says why."
        yield {self._asking.status: views.status(told)}

    def _file(self, path: Path) -> Step:
        return path.name, lambda: [line.replace(str(path), path.name) for line in self._bot.add_files([path])]

    def _take(
        self, steps: Sequence[Step], done: Callable[[], None] = lambda: None, told: Sequence[str] = ()
    ) -> Generator[Updates, None, bool]:
        """Add one after the other, and tell how far it is, after what is `told`; whether nothing was skipped.

        All are added, and `done` is called, even if the visitor leaves meanwhile.
        """
        reports: queue.Queue[tuple[list[str], str, int]] = queue.Queue()

        def work() -> None:
            lines = list(told)
            try:
                for number, (name, add) in enumerate(steps):
                    reports.put((list(lines), name, number))
                    lines += _tried(name, add)
            finally:
                done()
                reports.put((lines, "", len(steps)))

        threading.Thread(target=work, name="adding", daemon=True).start()
        while True:
            lines, name, number = reports.get()
            if number == len(steps):
                yield {self._report: shelf.report(lines)}
                return not any(line.startswith("skipped") for line in lines)
            yield {self._report: shelf.adding(lines, name, number, len(steps))}

    def _remove(self, event: gr.EventData, filters: Filters) -> Any:
        if not (removed := getattr(event, "remove", None)):
            return gr.skip()
        try:
            self._bot.remove(removed)
        except BotError as error:
            return {self._asking.panel: problem(str(error))}
        filters = limits.without(filters, f"article:{removed}")
        return {
            self._asking.panel: shelf.removed(),
            self._asking.filters: filters,
            self._asking.chips: limits.chips(filters, {info.id: info.title for info in self._bot.articles()}),
            self._report: "",
        }

    def _folder(self) -> Path:
        return Path(self._files.GRADIO_CACHE)


def _tried(name: str, add: Callable[[], list[str]]) -> list[str]:
    """What became of it; a failure is told as one."""
    try:
        return add()
    except BotError as error:
        return [f"skipped: {name}: {error}"]
    except Exception as error:
        return [f"skipped: {name}: {failed('adding it', error)}"]
