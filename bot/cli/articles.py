"""`bot ingest` and `bot articles`: what goes in, what is there, what goes out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from bot.cli.state import console, console_for_errors, state, words
from bot.cli.state import table as new_table
from bot.config import shared_folder
from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.ingest import Ingester, Report, Summary
    from bot.store import Store

app = typer.Typer(help="List, read and remove articles.", no_args_is_help=True)


def ingest(
    context: typer.Context,
    given: Annotated[
        list[str] | None,
        typer.Argument(help="Files or folders: .txt .md .html .pdf .jsonl; or https:// addresses", metavar="PATH..."),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Chunk and embed all stored articles anew, with the present settings.")
    ] = False,
    samples: Annotated[
        bool, typer.Option("--samples", help="Add the sample articles, once: removed ones do not come back.")
    ] = False,
) -> None:
    """Read articles into the store; what is unchanged costs nothing."""
    from bot.cli.compose import open_embedder, open_ingester, open_store

    if not (given or rebuild or samples) or "" in (given or ()):
        raise ConfigError("Say what to ingest: bot ingest FILE_FOLDER_OR_ADDRESS…, or bot ingest --rebuild.")
    settings = state(context).settings()
    added_before = settings.data_dir / "samples-added"
    if samples and not added_before.exists():
        given = [*(given or []), str(shared_folder("seeds") / "articles")]
    elif samples and not given and not rebuild:
        return
    embedder = open_embedder(settings)
    ingester = open_ingester(settings, embedder, open_store(settings, embedder, rebuilding=rebuild))
    if rebuild:
        with progress_bar("Rebuilding") as report:
            count = ingester.rebuild(report)
        console().print(f"{count} articles prepared anew.")
    if given:
        show_summary(_ingest(ingester, given))
    if samples:
        added_before.touch()


def _ingest(ingester: "Ingester", given: Sequence[str]) -> "Summary":
    """Files and folders first, then what has a web address."""
    from bot.cli.compose import open_fetcher
    from bot.schema import Progress

    addresses = [name for name in given if name.lower().startswith(("http://", "https://"))]
    with progress_bar("Ingesting") as report:
        summary = ingester.ingest([Path(name) for name in given if name not in addresses], report)
    if not addresses:
        return summary
    fetch = open_fetcher().fetch
    with progress_bar("Fetching") as report:
        for number, address in enumerate(addresses):
            report(Progress(number, len(addresses), address))
            summary.results.append(ingester.add_url(address, fetch))
    return summary


@contextmanager
def progress_bar(title: str) -> Iterator["Report"]:
    """A bar on stderr; yields the callable that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console_for_errors(), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda step: bar.update(task, completed=step.done, total=step.total)


def show_summary(summary: "Summary") -> None:
    screen = console()
    counts = [f"{summary.count(outcome)} {outcome}" for outcome in ("added", "replaced", "unchanged", "skipped")]
    if removed := summary.count("removed"):
        counts.append(f"{removed} removed")
    screen.print(", ".join(counts))
    if not summary.results:
        screen.print(
            "Nothing to read was found there. Give .txt, .md, .html, .pdf or .jsonl files, or folders of them."
        )
    for result in summary.skipped():
        screen.print(words(f"  skipped {result.article}: {result.reason}".replace("\n", "\\n")))


@app.command("list")
def list_articles(context: typer.Context) -> None:
    """List all articles, newest first."""
    from bot.store import newest_first

    infos = newest_first(_store(context).infos().values())
    if not infos:
        console().print("There are no articles yet. Add some: bot ingest FILE_OR_FOLDER…")
        return
    table = new_table("id", "date", "title", "source", "chunks")
    for info in infos:
        cells = (info.id, str(info.date or ""), info.title, info.source or "", str(info.chunks))
        table.add_row(*(words(cell) for cell in cells))
    console().print(table)


@app.command()
def show(context: typer.Context, article_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Print an article as it is stored, and what of the file is no part of it."""
    article = _store(context).article(article_id)
    screen = console()
    screen.print(words(article.title, "bold"))
    for name in ("id", "date", "source", "author", "credit", "url", "origin"):
        if value := getattr(article, name):
            screen.print(words(f"{name}: {value}", "dim"))
    screen.print()
    screen.print(words(article.text))
    if article.dropped:
        screen.print(Text("\nLeft out of the text:", style="bold"))
        for piece in article.dropped:
            screen.print(words(f"  {piece.reason}: {piece.text}"))


@app.command()
def remove(context: typer.Context, article_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Remove an article and all that was made of it; the file it came from stays."""
    store = _store(context)
    with store.writing():
        store.remove(article_id)
    console().print(Text(f"Removed {article_id}."))


def _store(context: typer.Context) -> "Store":
    from bot.cli.compose import open_embedder, open_store

    settings = state(context).settings()
    return open_store(settings, open_embedder(settings))
