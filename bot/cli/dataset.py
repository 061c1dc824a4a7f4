"""`bot dataset`: questions and corpus files for `bot eval`, checked, made of feedback, or of public sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.text import Text

from bot.cli import feedback
from bot.cli.state import console, console_for_errors
from bot.errors import ConfigError
from bot.trace import visible

if TYPE_CHECKING:
    from bot.datasets import Checked, Counts, Kind

app = typer.Typer(help="Questions and corpus files for `bot eval`: check them, make them.", no_args_is_help=True)
app.command("from-feedback")(feedback.export)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Questions or a corpus, one JSON object a line.", metavar="FILE")],
    corpus: Annotated[
        Path | None,
        typer.Option(help="Articles, a file or folder, that the questions' evidence is compared with.", metavar="PATH"),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="questions or corpus, where the fields do not tell.", metavar="KIND")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """Say all that is wrong with a questions or corpus file, by line. Exit code 1 if there are errors."""
    from bot.datasets import check as look

    if kind not in (None, "questions", "corpus"):
        raise ConfigError(f"--kind {kind} is unknown. Choose questions or corpus.")
    checked = look(file, corpus, cast("Kind | None", kind))
    if as_json:
        typer.echo(checked.model_dump_json(indent=2))
    else:
        _show(checked)
    if checked.errors:
        raise typer.Exit(1)


@app.command()
def convert(
    form: Annotated[str, typer.Argument(help="squad, clapnq, onestopqa, multihop-rag or rgb.", metavar="FORM")],
    files: Annotated[list[Path], typer.Argument(help="What you downloaded of the set.", metavar="FILE …")],
    out: Annotated[Path, typer.Option(help="Folder for questions.jsonl and corpus.jsonl.", metavar="DIR")],
) -> None:
    """Rewrite a public set (docs/datasets.md) as questions.jsonl and corpus.jsonl for `bot eval`."""
    from bot.datasets import convert as rewrite

    done = rewrite(form, files, out)
    show_counts(done.counts)
    console().print(Text(f"bot eval {done.questions} --corpus {done.corpus} --out {out / 'results'}"))


def show_counts(counts: "Counts") -> None:
    """Say on stderr what became of a set."""
    screen = console_for_errors()
    screen.print(
        f"Articles: {counts.articles}. Questions: {counts.questions}, answerable: {counts.answerable}, "
        f"with evidence: {counts.with_evidence}.",
        soft_wrap=True,
    )
    for what, number in counts.left_out.items():
        screen.print(Text(f"{number} × {visible(what)}"), soft_wrap=True)


def _show(checked: "Checked") -> None:
    screen = console()
    for one in checked.findings:
        place = f"{one.file}:{one.line}" if one.line else one.file
        style = "bold red" if one.level == "error" else "yellow"
        screen.print(Text.assemble(visible(place), ": ", (one.level, style), ": ", visible(one.what)))
    thing = "question" if checked.kind == "questions" else "article"
    counted = ((checked.checked, thing), (checked.errors, "error"), (checked.warnings, "warning"))
    counts = ", ".join(f"{number} {name}{'s' * (number != 1)}" for number, name in counted)
    screen.print(Text(f"{visible(checked.file)}: {counts}."))
