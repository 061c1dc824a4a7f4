"""`bot users`: who may log in to the page."""

import sys
from typing import Annotated

import typer
from rich.text import Text

from bot.cli.state import console, state

app = typer.Typer(help="Add, list and remove those who may log in to the page.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user's name; capitals make no difference.")]


@app.command()
def add(context: typer.Context, name: Name) -> None:
    """Let someone log in; the password is asked for, or read from the first line of stdin."""
    from bot.users import Users

    settings = state(context).settings()
    users = Users(settings.data_dir)
    users.refuse_new(name)  # before anyone types a password
    users.add(name, _password())
    console().print(Text(f"Added {name.strip()}."))
    if not settings.chat.login:
        console().print("The page asks for a log-in once chat.login is on: `bot --set chat.login=true chat`.")


@app.command("list")
def list_users(context: typer.Context) -> None:
    """The names, one a line."""
    from bot.users import Users

    for name in Users(state(context).settings().data_dir).names():
        console().print(Text(name))


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """End a user's log-in, in a page that runs too; their conversations stay."""
    from bot.conversations import folder_of
    from bot.users import Users, folder_name

    settings = state(context).settings()
    gone = Users(settings.data_dir).remove(name)
    console().print(Text(f"Removed {gone}."))
    folder = folder_of(settings.data_dir, folder_name(gone))
    if folder.exists():
        console().print(Text(f"Their conversations stay in {folder}, and another user of this name would get them."))


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed
