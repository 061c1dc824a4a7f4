"""`bot doctor`: what is wrong with an installation, and mending what derives from something else."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from bot.cli.state import console, state
from bot.config import load
from bot.errors import BotError, ConfigError

if TYPE_CHECKING:
    from bot.doctor import Finding, Mend

STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


@dataclass(frozen=True)
class Line:
    """A finding as it is shown."""

    part: str
    level: str
    text: str
    remedy: str
    mendable: bool


def doctor(
    context: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what derives from something else; nothing is deleted.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Read model files and kept passages from end to end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check everything this installation has, and say what is wrong and what to do. Exit code 1 for an error."""
    found = list(_shown(_examined(context, full), quiet=as_json))
    done: list[str] = []
    if repair:
        done = list(_mended(found, quiet=as_json))
        found = list(_shown(_examined(context, full), quiet=as_json)) if done else found
    if as_json:
        lines = [asdict(_line(one)) for one in found]
        typer.echo(json.dumps({"findings": lines, "done": done}, indent=2, ensure_ascii=False))
    if any(one.level == "error" for one in found):
        raise typer.Exit(1)


def _examined(context: typer.Context, full: bool) -> "Iterator[Finding]":
    """The settings first: where their file is damaged, the rest is looked at without it."""
    from bot.cli.compose import tools

    try:
        from bot.doctor import Finding, examine
    except (ImportError, OSError, RuntimeError) as error:  # a library of llama.cpp or Chroma is missing or damaged
        raise BotError(
            f"A package that Citebot needs does not load: {error}. Run `make run`, which installs it again."
        ) from error
    try:
        settings = state(context).settings()
        yield Finding("settings", "ok", "The settings can be read.")
    except ConfigError as error:
        yield Finding("settings", "error", str(error))
        try:
            settings = load(state(context).flags, with_file=False).settings
        except ConfigError:
            return  # it is not the file
    yield from examine(settings, tools(settings), full=full)


def _shown(findings: "Iterator[Finding]", *, quiet: bool) -> "Iterator[Finding]":
    screen = console()
    for one in findings:
        if not quiet:
            text = " ".join(filter(None, (one.text, one.remedy)))
            screen.print(Text.assemble((f"{one.level:<8}", STYLES[one.level]), f"{one.part}: {' '.join(text.split())}"))
        yield one


def _mended(found: "list[Finding]", *, quiet: bool) -> Iterator[str]:
    """Do what is to be done, each thing once; what it did. What fails is told, and the rest goes on."""
    screen = console()
    mends: dict[str, Mend] = {one.mend.will: one.mend for one in found if one.mend}
    for will in mends:
        if not quiet:
            screen.print(Text(f"will {will}"))
    if not mends and not quiet:
        screen.print("There is nothing that `bot doctor --repair` could mend.")
    for will, mend in mends.items():
        try:
            told = f"done: {mend.do()}."
        except (BotError, OSError) as error:
            told = f"not done: {will}: {error}"
        if not quiet:
            screen.print(Text(told))
        yield told


def _line(one: "Finding") -> Line:
    return Line(one.part, one.level, one.text, one.remedy, one.mend is not None)
