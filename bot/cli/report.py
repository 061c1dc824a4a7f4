"""`bot report`: the reports of a run of `bot eval`, made anew from its folder; the language model is not loaded."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.compose import open_embedder, open_store
from bot.cli.state import console, console_for_errors, state
from bot.config import Settings
from bot.errors import ModelError, StoreError

if TYPE_CHECKING:
    from bot.embed import LlamaEmbedder
    from bot.evaluate.cases import Question
    from bot.evaluate.written import Texts
    from bot.store import Store


def report(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="A folder that `bot eval --out` wrote.", metavar="RUN")],
    questions: Annotated[
        Path | None, typer.Option(help="The question file, if it was moved since.", metavar="FILE")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write only what is named: the page.", metavar="FILE")] = None,
    markdown: Annotated[Path | None, typer.Option("--md", help="… the Markdown.", metavar="FILE")] = None,
    junit: Annotated[Path | None, typer.Option(help="… the JUnit file.", metavar="FILE")] = None,
) -> None:
    """Write a run's reports anew: report.html, report.md and junit.xml in its folder."""
    from bot.evaluate.compare import load_asked, load_run
    from bot.evaluate.judge import own_judge
    from bot.evaluate.report import report as measure
    from bot.evaluate.run import read_meta
    from bot.evaluate.written import HTML, JUNIT, MARKDOWN, Files, check_asked, judge_all, write

    found = load_run(run)
    asked = load_asked(found, questions)
    rows = list(found.rows.values())
    check_asked(run, rows, asked.questions)
    settings = state(context).settings()
    embedder, store = _open(settings, run)
    embed = embedder.embed_documents if embedder else None
    judge = own_judge(embed, store.infos(), settings.cite.min_support) if embed and store else None
    result = measure(rows, asked.questions, read_meta(run), embed, _fields(run, asked.questions), judge)
    files = Files(html, markdown, junit)
    if not any(files):
        files = Files(run / HTML, run / MARKDOWN, run / JUNIT)
    for path in write(files, result, judge_all(rows, asked.questions, embed), texts_of(store)):
        console().print(f"Wrote {path}", markup=False)


def texts_of(store: "Store | None") -> "Texts":
    """The articles' texts, from the run's own store; none without it."""

    def texts(ids: Sequence[str]) -> Mapping[str, str]:
        return {article.id: article.text for article in store.articles(ids)} if store else {}

    return texts


def _open(settings: Settings, run: Path) -> "tuple[LlamaEmbedder | None, Store | None]":
    """What of both is there: a run may be looked at where no model is, or without its store."""
    screen = console_for_errors()
    try:
        embedder = open_embedder(settings)
    except ModelError as error:
        screen.print(f"Without option_accuracy and the articles' texts: {error}", markup=False)
        return None, None
    if not (run / "store").is_dir():
        screen.print(f"Without the articles' texts: {run} has no store.", markup=False)
        return embedder, None
    try:
        return embedder, open_store(settings, embedder, run / "store", rebuilding=True)
    except StoreError as error:
        screen.print(f"Without the articles' texts: {error}", markup=False)
        return embedder, None


def _fields(run: Path, questions: "Sequence[Question]") -> list[str]:
    """The fields by which the run was grouped, those that the questions still have."""
    from bot.evaluate.run import REPORT

    try:
        before: Any = json.loads((run / REPORT).read_bytes())
        fields = list(before["groups"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
    known = {"answerable"}.union(*(question.model_extra or {} for question in questions))
    return [field for field in fields if field in known]
