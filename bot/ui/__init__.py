"""The web page; the only room that imports gradio (so import it late: that takes seconds)."""

from bot.ui.parts import Bot
from bot.ui.server import serve

__all__ = ["Bot", "serve"]
