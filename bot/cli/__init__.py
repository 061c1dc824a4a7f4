"""The command line: the only place that builds objects; everything heavy is imported when a command needs it."""

from bot.cli.app import app, main

__all__ = ["app", "main"]
