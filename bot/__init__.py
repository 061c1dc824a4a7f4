"""Citebot: answers from your articles, on your machine, with every sentence cited."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.chat import Chat

__version__ = "0.1.0"


def open_bot(settings: Mapping[str, Any] | None = None, config_file: Path | None = None) -> "Chat":
    """The bot over the articles of its data folder, as the command line opens it; docs/python.md shows its use.

    `settings` by their names, as in {"llm.model": "qwen3-4b"}, go before the environment and the settings file. Ask it
    with `answer`; the model stays loaded until the program ends.

    Raises BotError, whose message says what to do, for wrong settings, missing models and a store made otherwise.
    """
    from bot.cli import compose  # noqa: PLC0415 - `import bot` stays light
    from bot.config import load  # noqa: PLC0415

    return compose.open_bot(load(settings, config_file).settings)
