"""`bot eval`: a scripted evaluation, through the same door as the page."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bot.cli.articles import progress_bar, show_summary
from bot.cli.compose import open_chat, open_embedder, open_ingester, open_llm, open_store
from bot.cli.state import console, console_for_errors, state
from bot.cli.state import table as new_table
from bot.config import Settings, flatten
from bot.errors import DatasetError
from bot.schema import Answer, AnswerEvent, Filters, Turn

if TYPE_CHECKING:
    from bot.chat import Chat
    from bot.embed import LlamaEmbedder
    from bot.evaluate.cases import Choice, Question
    from bot.llm import LLM
    from bot.store import Store


def evaluate(
    context: typer.Context,
    questions: Annotated[Path, typer.Argument(help="Questions, one JSON object a line.", metavar="QUESTIONS.jsonl")],
    corpus: Annotated[Path, typer.Option(help="Articles, a file or folder that `bot ingest` reads.")],
    out: Annotated[Path, typer.Option(help="Folder for the store, the answers and the report.")],
    scope: Annotated[str, typer.Option(help="open: all articles; article: only those that hold the answer.")] = "open",
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first so many questions.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Ask only so many, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="For --sample: the same seed draws the same questions.")] = 0,
    only: Annotated[list[str] | None, typer.Option(help="Ask only the question with this id; repeatable.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask anew what is answered already.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Don't let the model read articles before it is asked.")] = False,
    by: Annotated[list[str] | None, typer.Option(help="Also group by this field of the questions; repeatable.")] = None,
    model: Annotated[str | None, typer.Option(help="Language model: a catalogue name or a GGUF file.")] = None,
) -> None:
    """Ask all questions and measure search, answers, citations and refusals."""
    from bot.evaluate.cases import Choice
    from bot.evaluate.judge import own_judge
    from bot.evaluate.report import report, write_report
    from bot.evaluate.run import Scope, read_meta, run

    if scope not in ("open", "article"):
        raise DatasetError(f"--scope {scope} is unknown. Choose open or article.")
    settings = state(context).settings(llm__model=model)
    choice = Choice(sample, seed, tuple(only or ()))
    cases, embedder, store = prepare(settings, questions, corpus, out, limit, by or (), choice)
    llm = open_llm(settings)
    chat = open_chat(settings, embedder, store, llm)
    meta = meta_of(settings, questions, corpus, store, embedder, llm) | {"cold": cold}
    columns = (TextColumn("Asking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console_for_errors()) as bar_of_questions:
        task = bar_of_questions.add_task("", total=len(cases))
        rows = run(
            cases,
            lambda question, history, filters: answer_of(chat, question, history, filters, cold),
            out,
            meta,
            cast(Scope, scope),
            lambda done, total: bar_of_questions.update(task, completed=done, total=total),
            fresh=fresh,
        )
    judge = own_judge(embedder.embed_documents, store.infos(), settings.cite.min_support)
    result = report(rows, cases, read_meta(out), embedder.embed_documents, by or (), judge)
    write_report(out / "report.json", result)
    show_report(result)


def show_report(result: Mapping[str, Any]) -> None:
    """Print its table, and one for each field by which it is grouped."""
    from bot.evaluate.report import group_table, table

    grid = new_table("measure", "value", f"{result['bootstrap']['level']:.0%} interval", "n")
    for row in table(result):
        grid.add_row(*row)
    console().print(grid)
    for field, groups in result["groups"].items():
        grid = new_table(escape(field), *map(escape, groups))
        for cells in group_table(groups):
            grid.add_row(*cells)
        console().print(grid)


def prepare(
    settings: Settings,
    questions: Path,
    corpus: Path,
    out: Path,
    limit: int | None,
    by: Sequence[str] = (),
    choice: "Choice | None" = None,
) -> "tuple[list[Question], LlamaEmbedder, Store]":
    """The questions, and a store in `out` that holds the corpus and nothing else; `by` are fields to group by."""
    from bot.evaluate.cases import ALL, check_evidence, choose, load_questions
    from bot.evaluate.report import check_fields

    cases = choose(load_questions(questions, limit), choice or ALL)
    check_fields(cases, by)
    embedder = open_embedder(settings)
    store = open_store(settings, embedder, out / "store")
    with progress_bar("Ingesting") as bar:
        summary = open_ingester(settings, embedder, store).ingest([corpus], bar, only=True)
    show_summary(summary)
    named = {span.article for case in cases for span in case.evidence}
    check_evidence(cases, {article.id: article.text for article in store.articles(sorted(named))})
    return cases, embedder, store


def meta_of(
    settings: Settings, questions: Path, corpus: Path, store: "Store", embedder: "LlamaEmbedder", llm: "LLM"
) -> dict[str, Any]:
    """What a run's answers depend on."""
    from bot import prompt
    from bot.evaluate.report import run_meta

    meta = run_meta(
        flatten(settings),
        {embedder.name: embedder.sha256, llm.name: _model_sum(settings)},
        questions,
        None,
        settings.llm.seed,
        prompts=[prompt.find(task, settings.prompts_dir) for task in ("answer", "check", "claim")],
    )
    return meta | {"corpus": {"path": str(corpus), "sha256": corpus_sum(store)}}


def answer_of(chat: "Chat", question: str, history: Sequence[Turn], filters: Filters, cold: bool) -> Answer:
    if chat.keeps and not cold:
        chat.read_for(question, history, filters)
    *_, last = chat.ask(question, history, filters)
    return cast(AnswerEvent, last).answer


def corpus_sum(store: "Store") -> str:
    """A sum over all articles, so that a folder is known as well as a file is."""
    lines = sorted(f"{info.id} {info.content_hash}" for info in store.infos().values())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _model_sum(settings: Settings) -> str:
    """The model file's sum; a server's model has none that we could know."""
    from bot.models.files import resolve

    if settings.llm.server:
        return "unknown"
    return resolve(settings.llm.model, settings.models_dir, "llm").sha256
