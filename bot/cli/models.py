"""`bot models`: the catalogue, fetching and checking."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.text import Text

from bot.cli.state import console, console_for_errors, state
from bot.cli.state import table as new_table
from bot.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from bot.models.files import Report

app = typer.Typer(help="List, fetch and check models.", no_args_is_help=True)


@app.command("list")
def list_models(context: typer.Context) -> None:
    """The catalogue, and which of it is here."""
    from bot.models.catalogue import load

    settings = state(context).settings()
    table = new_table("name", "kind", "size", "memory", "licence", "here", "")
    for entry in load().entries:
        chosen = entry.name in (settings.llm.model, settings.embed.model)
        here = "yes" if (settings.models_dir / entry.file).is_file() else "no"
        notes = ["in use"] * chosen + ["not tried here"] * (not entry.tried)
        size = f"{entry.bytes / 1e6:,.0f} MB" if entry.bytes else ""
        cells = (entry.name, entry.kind, size, f"{entry.memory_gb:g} GB", entry.licence, here, ", ".join(notes))
        table.add_row(*(Text(cell) for cell in cells))
    console().print(table)
    console().print(Text(f"\nFolder: {settings.models_dir}"))


@app.command()
def pull(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A name from the catalogue; without it, those in use.")] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="Take the file from here instead of the network.")
    ] = None,
) -> None:
    """Fetch models into the models folder; a broken download goes on where it stopped."""
    from bot.models.catalogue import load
    from bot.models.fetch import pull as fetch

    if from_ and not name:
        raise ConfigError("Say which model the file is: bot models pull NAME --from FILE.")
    settings = state(context).settings()
    catalogue = load()
    if name:
        entries = [catalogue.get(name)]
    else:
        wanted = [settings.embed.model] + ([] if settings.llm.server else [settings.llm.model])
        entries = [entry for entry in map(catalogue.find, wanted) if entry]  # models given by path are the user's own
    for entry in entries:
        with transfer_bar() as report:
            path = fetch(entry, settings.models_dir, report, local=from_)
        console().print(Text(f"{entry.name}: {path}"))


@app.command()
def verify(context: typer.Context) -> None:
    """Read every model that is here and compare its sum with the catalogue's."""
    from bot.models.catalogue import load
    from bot.models.files import verify as check

    settings = state(context).settings()
    with transfer_bar() as report:
        statuses = check(settings.models_dir, load(), report)
    for status in statuses:
        console().print(Text(f"{status.entry.name}: {status.state}" + (f": {status.detail}" if status.detail else "")))
    if any(status.state == "wrong" for status in statuses):
        raise ModelError("A model file is damaged. Fetch it again with `bot models pull NAME`.")


@contextmanager
def transfer_bar() -> Iterator["Report"]:
    """A bar of bytes on stderr, one row a stage; yields the callable that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console_for_errors()) as bar:
        rows = {}

        def report(step: "FileProgress") -> None:
            key = (step.model, step.stage)
            if key not in rows:
                rows[key] = bar.add_task(f"{step.model}: {step.stage}", total=None)
            bar.update(rows[key], completed=step.done, total=step.total or None)

        yield report


if TYPE_CHECKING:
    from bot.models.files import Progress as FileProgress
