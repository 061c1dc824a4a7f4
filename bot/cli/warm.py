"""`bot warm`: the model reads all articles once, so that answers come sooner."""

import threading
from typing import Annotated

import typer

from bot.cli.articles import progress_bar
from bot.cli.state import console, state
from bot.errors import ModelError
from bot.schema import Progress


def warm(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="Language model: a catalogue name or a GGUF file.")] = None,
) -> None:
    """Let the model read all articles now, the newest first; what was read stays where Ctrl-C ends it."""
    from bot.cli.compose import open_bot

    settings = state(context).settings(llm__model=model)
    chat = open_bot(settings)
    if not chat.keeps:
        raise ModelError(
            f"{chat.model_name} keeps nothing of what it reads: it reads so fast here that this gains little, or "
            "nobody measured that its answers stay as good (`bot bench cache` does). cache.join = always turns it on."
        )
    articles = chat.articles()
    segments = ready = lost = 0
    chat.read_beginnings()
    with progress_bar("Reading") as report:
        for number, info in enumerate(articles):
            report(Progress(number, len(articles)))
            found = chat.read_article(info.id, threading.Event())
            segments, lost = segments + found.read, lost + bool(found.lost)
            ready += not (found.left or found.lost)
    console().print(f"{ready} of {len(articles)} articles are ready; {segments} stretches of them were read now.")
    if lost:
        console().print(f"{lost} were read but not kept on disk, see the warning. Mend that and run `bot warm` again.")
    elif ready < len(articles):
        console().print("There is no room for more. Raise cache.disk_mb to keep more.")
