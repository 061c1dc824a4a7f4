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
    """Ask all questions with whole prompts and with what was read of articles before, side by side."""
    from bot.evaluate.report import report
    from bot.llm.whole import Whole

    settings = state(context).settings(llm__model=model, cache__join="always")
    cases, embedder, store = prepare(settings, questions, corpus, out, limit)
    llm = open_llm(settings)
    if not llm.keeps:
        raise ModelError(f"{llm.name} cannot join what it read before. Choose another --model.")
    meta = meta_of(settings, questions, corpus, store, embedder, llm)
    ways = {
        "whole": open_chat(settings, embedder, store, Whole(llm)),
        "joined": open_chat(settings, embedder, store, llm),
    }
    rows = _ask_all(cases, ways, out, meta)
    reports = {way: report(rows[way], cases, {}, embedder.embed_documents)["metrics"] for way in ways}
    _show(reports["whole"], reports["joined"])


def _ask_all(
    cases: "Sequence[Question]", ways: "Mapping[str, Chat]", out: Path, meta: Mapping[str, Any]
) -> "dict[str, list[Row]]":
    """Every question in both ways, a few in one and then in the other; rows that are there stay."""
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


def _show(whole: Mapping[str, Any], joined: Mapping[str, Any]) -> None:
    """Both reports side by side, and whether the model may be said to join in the catalogue."""
    grid = new_table("measure", "whole", "joined", "difference", "n")
    for name in (*MEASURES, *TIMES):
        one, other = whole[name], joined[name]
        if one is None or other is None:
            continue
        difference = f"{other / one:.2f} of it" if name in TIMES else f"{other - one:+.3f}"
        grid.add_row(name, f"{one:.3f}", f"{other:.3f}", difference, str(whole["n"][name]))
    console().print(grid)
    losses = [name for name in DECISIVE if whole[name] is not None and (joined[name] or 0.0) < whole[name] - LOSS]
    verdict = f"It loses {' and '.join(losses)}: leave it at whole prompts." if losses else "It may join: joins = true."
    console().print(
        f"{verdict} A difference of {LOSS} is much smaller than chance on fewer than some hundred questions."
    )
