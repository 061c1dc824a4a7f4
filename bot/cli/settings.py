"""`bot config`: the settings in force and where each comes from."""

import typer
from rich.text import Text

from bot.cli.state import console, state
from bot.cli.state import table as new_table
from bot.config import describe, flatten

app = typer.Typer(help="Show the settings.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Show the settings."""


@app.command()
def show(context: typer.Context) -> None:
    """Every setting, its value, and where that comes from."""
    loaded = state(context).load()
    meanings = describe()
    table = new_table("setting", "value", "from", "meaning")
    for name, value in flatten(loaded.settings).items():
        cells = (name, "" if value is None else str(value), loaded.origins[name], meanings[name])
        table.add_row(*(Text(cell) for cell in cells))
    console().print(table)
