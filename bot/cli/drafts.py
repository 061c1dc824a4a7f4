"""`bot dataset make` and `bot dataset review`: questions drafted from articles, and a person's decisions on them."""

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from bot.cli.state import console, console_for_errors, state
from bot.errors import DatasetError

if TYPE_CHECKING:
    from bot.drafts.make import Made, Maker, Plan
    from bot.schema import Article


def make(
    context: typer.Context,
    source: Annotated[
        Path, typer.Option("--from", help="Articles, a file or folder that `bot ingest` reads.", metavar="ARTICLES")
    ],
    out: Annotated[Path, typer.Option("--out", help="File for the drafts; one that is there goes on.", metavar="FILE")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many drafts the file shall hold.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed draws the same sentences.")] = 0,
    unanswerable: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of them that the articles should not answer.")
    ] = 0.0,
    model: Annotated[str | None, typer.Option(help="Language model: a catalogue name or a GGUF file.")] = None,
) -> None:
    """Draft questions with evidence from your articles; run again, it goes on (docs/drafts.md)."""
    from bot import prompt
    from bot.articles.sentences import split
    from bot.cli.compose import open_llm
    from bot.drafts.file import DraftFile, held
    from bot.drafts.make import Maker, Plan
    from bot.drafts.write import Writer

    settings = state(context).settings(llm__model=model)
    prompts = [prompt.read(prompt.find(task, settings.prompts_dir)) for task in ("draft", "draft-check", "check")]
    articles = _articles(source)
    plan = Plan(count, seed, unanswerable)
    with held(out):
        file = DraftFile(out)
        file.lines()  # what is wrong with it is told before the model is loaded
        llm = open_llm(settings)
        try:
            maker = Maker(articles, split, Writer(llm, *prompts), file, plan)
            _show(_made(maker), plan, out)
        except KeyboardInterrupt:
            console_for_errors().print(Text(f"Stopped. The same command goes on from {out}."))
            raise
        finally:
            llm.close()


def _made(maker: "Maker") -> "Made":
    columns = (TextColumn("Drafting"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console_for_errors()) as bar:
        task = bar.add_task("", total=None)
        return maker.make(lambda done, total: bar.update(task, completed=done, total=total), threading.Event())


def _show(made: "Made", plan: "Plan", out: Path) -> None:
    screen = console()
    screen.print(Text(f"{made.added} drafts added; {out} holds {made.drafts} of {plan.drafts}."))
    for why, times in made.left_out.most_common():
        screen.print(Text(f"  {times} left out: the draft {why}"))
    if made.drafts < plan.drafts:
        screen.print("Every sentence that is worth asking about was asked about. Give more articles for more drafts.")
    screen.print(Text(f"Review them: bot dataset review {out}"))


def _articles(source: Path) -> "list[Article]":
    """Those of a file or folder, with the ids that a store would give them; what cannot be read is told."""
    from bot.articles import Skipped, find_files, read_file

    found: dict[str, Article] = {}
    for read in (one for file in find_files([source]) for one in read_file(file)):
        if isinstance(read, Skipped):
            console_for_errors().print(Text(f"skipped {read.origin}: {read.reason}"))
        else:
            found.setdefault(read.id, read)
    if not found:
        raise DatasetError(f"{source} holds no articles. Name files or folders that `bot ingest` reads.")
    return list(found.values())


def review(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Drafts, as `bot dataset make` writes them.", metavar="FILE")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to serve on; 0: any free one.")] = 7861,
) -> None:
    """Open a page on this machine to accept, edit or drop drafts, one at a time (docs/drafts.md)."""
    from bot.drafts.file import DraftFile
    from bot.drafts.review import Review
    from bot.ui.review import Decisions, serve

    state(context).settings()
    if not file.is_file():
        raise DatasetError(f"There is no file {file}. Draft one: bot dataset make --from ARTICLES --out {file}.")
    made = Review(DraftFile(file))
    if made.first() is None:
        console().print(Text(f"{file} holds no drafts. Nothing is to be reviewed."))
        return
    decisions = Decisions(made.first, made.counts, made.edit, made.accept, made.drop, made.back)
    with tempfile.TemporaryDirectory(prefix="citebot-review-") as folder:
        serve(decisions, file.name, port, Path(folder), lambda at: console().print(f"The page is on {at}"))
