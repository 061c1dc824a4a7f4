"""`bot chat`: the web page."""

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.state import console, state

if TYPE_CHECKING:
    from bot.chat import Chat
    from bot.late import Late


def chat(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to serve on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on.")] = None,
    model: Annotated[str | None, typer.Option(help="Language model: a catalogue name or a GGUF file.")] = None,
) -> None:
    """Open the web page, on this machine only unless the settings say otherwise."""
    from bot.cli.compose import missing_models, open_bot, open_late
    from bot.config import flatten, shared_folder
    from bot.ui import serve
    from bot.ui.server import need_mcp, prepare

    settings = state(context).settings(chat__host=host, chat__port=port, llm__model=model)
    prepare(settings.chat, settings.data_dir)[0].close()  # what is wrong is told before the models are loaded
    if settings.chat.mcp:
        need_mcp()
    screen = console()
    if missing := missing_models(settings):
        bot: Chat | Late = open_late(settings, missing, _made_ready)
        screen.print("The models are not here yet. The page offers to fetch them.")
    else:
        screen.print("Loading the models …")
        bot = open_bot(settings)
        _made_ready(bot)
    try:
        samples = shared_folder("seeds") / "articles"
        told = flatten(settings)
        serve(bot, settings.chat, settings.data_dir, samples, told, lambda at: screen.print(f"The page is on {at}"))
    finally:
        bot.close()


def _made_ready(bot: "Chat") -> None:
    bot.warm()
    bot.read_ahead()
