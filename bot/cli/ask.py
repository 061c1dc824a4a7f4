"""`bot ask`: one question on the command line, its answer as it is written, then its citations."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from bot.cli.state import console, state, words
from bot.cli.trace import show_trace
from bot.dates import note, searched
from bot.errors import ConfigError
from bot.schema import Answer, AnswerEvent, Event, Filters, SentenceEvent, StageEvent, TextEvent

if TYPE_CHECKING:
    from bot.chat import Chat

DATE = "%Y-%m-%d"


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    article: Annotated[list[str] | None, typer.Option(help="Only this article (its id); may be repeated.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only articles of this source; may be repeated.")] = None,
    since: Annotated[dt.datetime | None, typer.Option(formats=[DATE], help="Only articles from this day on.")] = None,
    until: Annotated[dt.datetime | None, typer.Option(formats=[DATE], help="Only articles up to this day.")] = None,
    model: Annotated[str | None, typer.Option(help="Language model: a catalogue name or a GGUF file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole Answer as JSON (docs/answer.md).")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Show how the answer was made, stage by stage.")] = False,
) -> None:
    """Ask one question of your articles."""
    from bot.cli.compose import open_bot

    filters = make_filters(article, source, since, until)
    settings = state(context).settings(llm__model=model)
    chat = open_bot(settings)
    for wanted in filters.articles:
        chat.article(wanted)  # a mistyped id is an error, not an empty answer
    events = chat.ask(question, filters=filters)
    if json:
        answer = _last(events)
        typer.echo((answer if trace else answer.model_copy(update={"trace": None})).model_dump_json(indent=2))
        return
    screen = console()
    answer = stream(screen, events)
    if answer.reason == "nothing_found" and not chat.articles():
        screen.print("There are no articles yet. Add some: bot ingest FILE_OR_FOLDER…")
    show_citations(screen, answer)
    if trace:
        show_trace(screen, answer)
    if screen.is_terminal:  # a script would wait for it; `bot warm` is for those
        _read_for_later(screen, chat, question, filters)


def make_filters(
    articles: list[str] | None, sources: list[str] | None, since: dt.datetime | None, until: dt.datetime | None
) -> Filters:
    if since and until and since > until:
        raise ConfigError(f"--since {since:{DATE}} is after --until {until:{DATE}}. Swap them.")
    return Filters(
        articles=tuple(articles or ()),
        sources=tuple(sources or ()),
        since=since.date() if since else None,
        until=until.date() if until else None,
    )


def stream(screen: Console, events: Iterator[Event]) -> Answer:
    """Show words as they come; without a terminal, each sentence once it is settled. Returns the Answer."""
    settled, tentative, stage = Text(), "", ""
    with Live(console=screen, transient=True, auto_refresh=False) as live:
        for event in events:
            if isinstance(event, AnswerEvent):
                answer = event.answer
                break
            if isinstance(event, StageEvent):
                stage = f"{event.stage} {event.done}/{event.total} tokens" if event.total else event.stage
            elif isinstance(event, TextEvent):
                tentative, stage = tentative + event.text, ""
            elif isinstance(event, SentenceEvent):
                tentative = ""
                if event.sentence:
                    settled.append_text(_marked(event.sentence.text, event.sentence.markers))
            if screen.is_terminal:
                live.update(Text.assemble(settled, words(tentative), (stage, "dim")), refresh=True)
    screen.print(_final(answer))
    return answer


def show_citations(screen: Console, answer: Answer) -> None:
    for citation in {citation.marker: citation for citation in answer.citations}.values():
        place = f"{citation.article}, characters {citation.start}-{citation.end}"
        day = f", {citation.date}" if citation.date else ""
        screen.print()
        screen.print(Text.assemble((f"[{citation.marker}] ", "bold"), words(f"“{citation.quote}”")))
        screen.print(words(f"    {citation.title}{day} ({place})", "dim"))
        if citation.days:
            screen.print(words(f"    {note(citation.days)}", "dim"))
    if answer.period:
        screen.print()
        screen.print(Text(searched(answer.period), style="dim"))
    if answer.refused and answer.retrieved:
        nearest = dict.fromkeys((passage.title, passage.article) for passage in answer.retrieved)
        screen.print(Text("Nearest articles:", style="dim"))
        for title, article in list(nearest)[:3]:
            screen.print(words(f"    {title} ({article})", "dim"))


def _read_for_later(screen: Console, chat: "Chat", question: str, filters: Filters) -> None:
    """Let the model read what it was shown as whole passages, which it keeps: the next question about them is quick."""
    if chat.keeps:
        with contextlib.suppress(KeyboardInterrupt), screen.status("Reading this for later questions; Ctrl-C ends it"):
            chat.read_for(question, filters=filters)


def _final(answer: Answer) -> Text:
    if answer.refused or not answer.sentences:
        return words(answer.text, "yellow")
    return Text.assemble(*(_marked(sentence.text, sentence.markers) for sentence in answer.sentences))


def _marked(text: str, markers: tuple[int, ...]) -> Text:
    if not markers:
        return Text.assemble(words(text, "yellow"), (" [not in the articles]", "dim yellow"), " ")
    return Text.assemble(words(text), ("".join(f" [{marker}]" for marker in markers), "cyan"), " ")


def _last(events: Iterator[Event]) -> Answer:
    for event in events:
        if isinstance(event, AnswerEvent):
            return event.answer
    raise AssertionError("every stream of events ends with an AnswerEvent")
