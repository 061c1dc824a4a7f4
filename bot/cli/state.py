"""What every command starts from: the settings, and consoles to write on."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.config import Loaded, Settings, load
from bot.errors import ConfigError
from bot.trace import visible

PIPE_WIDTH = 10_000


@dataclass(frozen=True)
class State:
    """Flags of the program as a whole; `settings` adds those of one command."""

    config: Path | None
    flags: dict[str, Any]

    @classmethod
    def read(cls, config: Path | None, data_dir: Path | None, assignments: Sequence[str]) -> "State":
        flags: dict[str, Any] = {} if data_dir is None else {"data_dir": str(data_dir)}
        for assignment in assignments:
            name, equals, value = assignment.partition("=")
            if not equals:
                raise ConfigError(f"--set {assignment}: write it as NAME=VALUE. `bot config show` lists the names.")
            flags[name.strip()] = value
        return cls(config, flags)

    def load(self, **flags: Any) -> Loaded:
        """Settings with the flags of a command on top: llm__model="x" stands for llm.model."""
        own = {name.replace("__", "."): value for name, value in flags.items() if value is not None}
        loaded = load(self.flags | own, self.config)
        logging.getLogger().setLevel(loaded.settings.log_level.upper())
        return loaded

    def settings(self, **flags: Any) -> Settings:
        return self.load(**flags).settings


def state(context: typer.Context) -> State:
    """The State that the root command made."""
    found = context.find_object(State)
    return found if found is not None else State(None, {})


def console() -> Console:
    """For results; in a pipe, lines are as wide as they need to be."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def table(*columns: str) -> Table:
    """A table whose first column, a name that users type elsewhere, is never cut."""
    grid = Table(box=None)
    for index, column in enumerate(columns):
        grid.add_column(column, no_wrap=index == 0, overflow="fold")
    return grid


def words(text: str, style: str = "") -> Text:
    """What articles, files and models say, for a terminal: no markup, and what it would obey comes out as codes."""
    return Text(visible(text), style=style)


def console_for_errors() -> Console:
    return Console(stderr=True, highlight=False)
