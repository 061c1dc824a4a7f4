"""`bot eval`: a scripted evaluation, through the same door as the page."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.markup import escape
from rich.text import Text

from bot.cli.articles import progress_bar, show_summary
from bot.cli.compose import open_embedder, open_ingester, open_store
from bot.cli.progress import asking
from bot.cli.state import console, console_for_errors, state
from bot.cli.state import table as new_table
from bot.config import Settings, flatten
from bot.errors import DatasetError

if TYPE_CHECKING:
    from bot.embed import LlamaEmbedder
    from bot.evaluate.cases import Choice, Question
    from bot.evaluate.run import Row
    from bot.llm import LLM
    from bot.store import Store


def evaluate(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(help="Questions, one JSON object a line; or a set's files.", metavar="QUESTIONS.jsonl"),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the store, the answers and the report.")],
    corpus: Annotated[Path | None, typer.Option(help="Articles, a file or folder that `bot ingest` reads.")] = None,
    form: Annotated[
        str | None, typer.Option(help="Read a public set as it is downloaded: squad, clapnq, … (docs/datasets.md).")
    ] = None,
    scope: Annotated[str, typer.Option(help="open: all articles; article: only those that hold the answer.")] = "open",
    stage: Annotated[
        str, typer.Option(help="full; retrieve: search alone, without a model; answer: shown the gold evidence.")
    ] = "full",
    repeat: Annotated[int, typer.Option(min=1, help="Ask every question so often, with another seed each time.")] = 1,
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
    from bot.cli.stages import askable, check, notes, open_door
    from bot.evaluate.cases import Choice
    from bot.evaluate.run import Scope, Stage, read_meta, run

    check(scope, stage, repeat)
    questions, corpus = _asked_of(form, files, corpus, out)
    settings = state(context).settings(llm__model=model)
    choice = Choice(sample, seed, tuple(only or ()))
    cases, embedder, store = prepare(settings, questions, corpus, out, limit, by or (), choice)
    for line in notes(settings, cases, stage, repeat):
        console_for_errors().print(Text(line))
    asked, kind = askable(cases, stage), cast(Stage, stage)
    door = open_door(kind, settings, embedder, store, cold=cold)
    meta = meta_of(settings, questions, corpus, store, embedder, door.llm) | {"cold": cold}
    with asking() as tell:
        rows = run(
            asked,
            door.ask,
            out,
            meta,
            cast(Scope, scope),
            tell,
            fresh,
            stage=kind,
            repeat=repeat,
            begin=door.begin,
        )
    made = read_meta(out) | {"repeat": repeat}
    _report(settings, out, rows, asked, made, by or (), embedder, store)


def _report(
    settings: Settings,
    out: Path,
    rows: "Sequence[Row]",
    asked: "Sequence[Question]",
    made: Mapping[str, Any],
    by: Sequence[str],
    embedder: "LlamaEmbedder",
    store: "Store",
) -> None:
    """Measure the rows, print what that gives, and write the reports."""
    from bot.cli.report import texts_of
    from bot.evaluate.judge import own_judge
    from bot.evaluate.report import report, write_report
    from bot.evaluate.written import write_all

    judge = own_judge(embedder.embed_documents, store.infos(), settings.cite.min_support)
    result = report(rows, asked, made, embedder.embed_documents, by, judge)
    write_report(out / "report.json", result)
    show_report(result)
    if made["stage"] != "retrieve":  # a search alone has no answers to look at
        first = [row for row in rows if not row.repeat]
        written = write_all(out, result, first, asked, texts_of(store), embedder.embed_documents)
        console_for_errors().print(Text(f"To look at: {written[0]}"))


def _asked_of(form: str | None, files: Sequence[Path], corpus: Path | None, out: Path) -> tuple[Path, Path]:
    """The questions and the articles; those of a public set's files are written to `out` first."""
    if form:
        from bot.datasets import as_ours

        return as_ours(form, files, out / "set")
    if len(files) != 1:
        raise DatasetError("Several question files were given. Name one; --form reads the files of a public set.")
    if corpus is None:
        raise DatasetError("The articles are missing. Name their file or folder with --corpus.")
    return files[0], corpus


def show_report(result: Mapping[str, Any]) -> None:
    """Print its table, and one for each field by which it is grouped; without what says nothing of the run's stage."""
    from bot.evaluate.report import group_table, table
    from bot.evaluate.stages import tells

    again = result["repeats"]
    columns = ["measure", "value", f"{result['bootstrap']['level']:.0%} interval", "n"]
    grid = new_table(*columns, *(["sd of repetitions"] if again else []))
    for row in table(result):
        if tells(result["run"].get("stage", "full"), row[0]):
            deviation = again.get(row[0])
            grid.add_row(*row, "" if deviation is None else f"{deviation:.3f}")
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
    if not store.infos():
        raise DatasetError(f"{corpus} holds no article that can be read. Name a file or folder that has some.")
    named = {span.article for case in cases for span in case.evidence}
    check_evidence(cases, {article.id: article.text for article in store.articles(sorted(named))})
    return cases, embedder, store


def meta_of(
    settings: Settings, questions: Path, corpus: Path, store: "Store", embedder: "LlamaEmbedder", llm: "LLM | None"
) -> dict[str, Any]:
    """What a run's answers depend on; without `llm`, what its searches do."""
    from bot import prompt
    from bot.evaluate.report import run_meta

    tasks = ("answer", "check", "claim") if llm else ()
    meta = run_meta(
        flatten(settings),
        {embedder.name: embedder.sha256} | ({llm.name: _model_sum(settings)} if llm else {}),
        questions,
        None,
        settings.llm.seed,
        prompts=[prompt.find(task, settings.prompts_dir) for task in tasks],
    )
    return meta | {"corpus": {"path": str(corpus), "sha256": corpus_sum(store)}, "layout": _layout(llm)}


def _layout(llm: "LLM | None") -> dict[str, Any] | None:
    """How this machine runs the model: sums are rounded differently by each way, and joined prompts are others."""
    from bot.llm import LlamaCpp

    return {**llm.tuned.model_dump(), "joins": llm.keeps} if isinstance(llm, LlamaCpp) else None


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
