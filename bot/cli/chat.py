"""`bot chat`: the web page."""

from typing import Annotated

import typer

from bot.cli.state import console, state


def chat(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to serve on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on.")] = None,
    model: Annotated[str | None, typer.Option(help="Language model: a catalogue name or a GGUF file.")] = None,
) -> None:
    """Open the web page, on this machine only unless the settings say otherwise."""
    from bot.cli.compose import open_bot
    from bot.ui import serve
    from bot.ui.server import listen, need_mcp

    settings = state(context).settings(chat__host=host, chat__port=port, llm__model=model)
    listen(settings.chat.host, settings.chat.port).close()  # told before the models are loaded, which takes seconds
    if settings.chat.mcp:
        need_mcp()
    screen = console()
    screen.print("Loading the models …")
    bot = open_bot(settings)
    bot.warm()
    bot.read_ahead()
    try:
        serve(bot, settings.chat, settings.data_dir, lambda address: screen.print(f"The page is on {address}"))
    finally:
        bot.close()
