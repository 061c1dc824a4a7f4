"""`bot bench`: measurements that decide what a model is used for."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.articles import progress_bar
from bot.cli.compose import open_chat, open_llm
from bot.cli.evaluate import meta_of, prepare
from bot.cli.stages import answer_of
from bot.cli.state import console, state
from bot.cli.state import table as new_table
from bot.errors import ModelError
from bot.schema import Progress

if TYPE_CHECKING:
    from bot.chat import Chat
    from bot.evaluate.cases import Question
    from bot.evaluate.run import Row

app = typer.Typer(help="Measure what a model can do.", no_args_is_help=True)
DECISIVE = ("accuracy", "citation_hit", "citation_precision")
MEASURES = ("accuracy", "citation_hit", "citation_precision", "refusal_recall", "false_refusal")
TIMES = ("first_token_s_p50", "total_s_p50")
LOSS = 0.02  # of a decisive measure that a model may lose
BLOCK = 10  # questions asked in one way before they are asked in the other: a machine's speed drifts


@app.callback()
def bench() -> None:
    """Measure what a model can do."""  # a group of one command stays a group


@app.command()
def cache(
    context: typer.Context,
    questions: Annotated[Path, typer.Argument(help="Questions, one JSON object a line.", metavar="QUESTIONS.jsonl")],
    corpus: Annotated[Path, typer.Option(help="Articles, a file or folder that `bot ingest` reads.")],
    out: Annotated[Path, typer.Option(help="Folder for the store and the answers.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first so many questions.")] = None,
    model: Annotated[str | None, typer.Option(help="Language model: a catalogue name or a GGUF file.")] = None,
) -> None:
    """Ask all questions with whole prompts, with what was read of articles before, and quickly, side by side."""
    from bot.evaluate.report import report
    from bot.llm.whole import Whole

    settings = state(context).settings(llm__model=model, cache__join="always", answer__quick=False)
    hurried = settings.model_copy(update={"answer": settings.answer.model_copy(update={"quick": True})})
    cases, embedder, store = prepare(settings, questions, corpus, out, limit)
    llm = open_llm(settings)
    if not llm.keeps:
        raise ModelError(f"{llm.name} cannot join what it read before. Choose another --model.")
    meta = meta_of(settings, questions, corpus, store, embedder, llm)
    ways = {
        "whole": open_chat(settings, embedder, store, Whole(llm)),
        "joined": open_chat(settings, embedder, store, llm),
        "quick": open_chat(hurried, embedder, store, llm),
    }
    rows = _ask_all(cases, ways, out, meta)
    reports = {way: report(rows[way], cases, {}, embedder.embed_documents)["metrics"] for way in ways}
    _show(reports)


def _ask_all(
    cases: "Sequence[Question]", ways: "Mapping[str, Chat]", out: Path, meta: Mapping[str, Any]
) -> "dict[str, list[Row]]":
    """Every question in each way, a few in one and then in the next; rows that are there stay."""
    from bot.evaluate.run import run

    rows: dict[str, list[Row]] = {}
    with progress_bar("Asking") as report:
        for end in [*range(BLOCK, len(cases), BLOCK), len(cases)]:
            for way, chat in ways.items():
                rows[way] = run(
                    cases[:end], partial(answer_of, chat, cold=False), out / way, {**meta, "way": way}, "open"
                )
            report(Progress(end, len(cases)))
    return rows


def _show(reports: Mapping[str, Mapping[str, Any]]) -> None:
    """All reports side by side, and whether the model may be said to join in the catalogue."""
    whole, *others = reports
    grid = new_table("measure", whole, *(head for way in others for head in (way, "difference")), "n")
    for name in (*MEASURES, *TIMES):
        found = [report[name] for report in reports.values()]
        if any(one is None for one in found):
            continue
        cells = [cell for one in found[1:] for cell in (f"{one:.3f}", _difference(name, found[0], one))]
        grid.add_row(name, f"{found[0]:.3f}", *cells, str(reports[whole]["n"][name]))
    console().print(grid)
    before, after = reports[whole], reports["joined"]
    losses = [name for name in DECISIVE if before[name] is not None and (after[name] or 0.0) < before[name] - LOSS]
    verdict = f"It loses {' and '.join(losses)}: leave it at whole prompts." if losses else "It may join: joins = true."
    console().print(
        f"{verdict} A difference of {LOSS} is much smaller than chance on fewer than some hundred questions."
    )


def _difference(name: str, whole: float, other: float) -> str:
    return f"{other / whole:.2f} of it" if name in TIMES else f"{other - whole:+.3f}"
