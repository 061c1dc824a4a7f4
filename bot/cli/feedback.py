"""`bot feedback`: what readers said of answers, listed, and as a file of questions for `bot eval`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from bot.cli.state import console, console_for_errors, state
from bot.cli.state import table as new_table
from bot.errors import FeedbackError
from bot.trace import visible

if TYPE_CHECKING:
    from bot.feedback import Kept

app = typer.Typer(help="What readers said of answers: list it, export it.", no_args_is_help=True)


@app.command("list")
def list_feedback(context: typer.Context) -> None:
    """List what readers said of answers, the last first."""
    given = _kept(context).all()
    if not given:
        console().print("There is no feedback yet. Rate answers on the page: bot chat.")
        return
    table = new_table("day", "rating", "question", "reason")
    for one in reversed(given):
        day = one.at.astimezone().date()
        table.add_row(str(day), "good" if one.good else "bad", _line(one.question), _line(one.reason))
    console().print(table)


@app.command()
def export(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; without it, to stdout.", metavar="FILE")
    ] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Leave out drafts: that of which a person must say what is right.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
) -> None:
    """Write feedback as questions that `bot eval` reads (docs/feedback.md)."""
    from bot.feedback import as_lines, as_questions

    kept = _kept(context)
    given = kept.all()
    questions = as_questions(given, drafts=not finished)
    left_out = len(given) - len(questions)
    if not questions:
        raise FeedbackError(_nothing(left_out))
    text = as_lines(questions)
    drafts = sum("draft" in (one.model_extra or {}) for one in questions)
    counts = f"{len(questions)} exported, {left_out} left out.{_of_drafts(drafts)}"
    if out is None:
        typer.echo(text.encode(), nl=False)
        console_for_errors().print(Text(counts))
        return
    _write(out, text, kept.path, force)
    console().print(Text(counts))


def _nothing(left_out: int) -> str:
    if not left_out:
        return "There is no feedback to export. Rate answers on the page: bot chat."
    return f"0 exported, {left_out} left out: what is right is not known of them. Leave out --finished to get drafts."


def _of_drafts(drafts: int) -> str:
    if not drafts:
        return ""
    return (
        f" {drafts} of them are drafts: finish them (docs/feedback.md); `bot dataset check` names those that are not."
    )


def _write(out: Path, text: str, kept: Path, force: bool) -> None:
    if out.resolve() == kept.resolve():
        raise FeedbackError(f"{out} holds the feedback itself. Choose another --out.")
    try:
        with out.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise FeedbackError(f"{out} is there already. Choose another --out, or pass --force to overwrite it.") from None
    except OSError as error:
        raise FeedbackError(f"{out} cannot be written: {error.strerror}. Choose another --out.") from None


def _line(text: str) -> Text:
    """Readers' words on one line, without what a terminal would act on."""
    return Text(visible(" ".join(text.split())))


def _kept(context: typer.Context) -> "Kept":
    from bot.feedback import Kept

    return Kept(state(context).settings().data_dir / "feedback.jsonl")
