"""The commands put together, and how errors leave the program: one line on stderr and an exit code."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bot import __version__
from bot.cli import (
    articles,
    ask,
    backup,
    bench,
    chat,
    compare,
    dataset,
    doctor,
    drafts,
    evaluate,
    feedback,
    models,
    report,
    settings,
    sweep,
    users,
    warm,
)
from bot.cli.state import State, console_for_errors
from bot.errors import BotError, Stopped
from bot.trace import visible

app = typer.Typer(
    name="bot",
    help="Citebot: answers from your articles, on your machine, with every sentence cited.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("ask")(ask.ask)
app.command("chat")(chat.chat)
app.command("ingest")(articles.ingest)
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("sweep")(sweep.sweep)
app.command("warm")(warm.warm)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(bench.app, name="bench")
app.add_typer(articles.app, name="articles")
app.add_typer(dataset.app, name="dataset")
dataset.app.command("make")(drafts.make)
dataset.app.command("review")(drafts.review)
app.add_typer(feedback.app, name="feedback")
app.add_typer(models.app, name="models")
app.add_typer(users.app, name="users")
app.add_typer(settings.app, name="config")


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="Settings file (TOML).", metavar="FILE")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for all that the bot writes.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting, as llm.answer_tokens=100; may be repeated.", metavar="NAME=VALUE"),
    ] = None,
) -> None:
    """Options here go before the command and hold for all of them."""
    context.obj = State.read(config, data_dir, set_ or [])


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line; errors of ours become one line, and Ctrl-C exits with 130."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger().handlers[0].addFilter(_wanted)
    try:
        app()
    except BotError as error:
        console_for_errors().print(Text.assemble(("Error:", "bold red"), " ", one_line(error)), soft_wrap=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, Stopped):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away, as `head` does; nothing is wrong
        sys.exit(0)


def _wanted(record: logging.LogRecord) -> bool:
    """Some libraries set their own loggers to DEBUG; the level of the root, which is the setting, holds for all.

    Below INFO only ours are heard: others write down pieces of articles there.
    """
    ours = record.name.partition(".")[0] == "bot"
    return record.levelno >= logging.getLogger().level and (ours or record.levelno >= logging.INFO)


def one_line(error: BotError) -> str:
    """What went wrong on one line, with the codes of characters by which a name could act on a terminal."""
    return visible(" ".join(str(error).split()))
