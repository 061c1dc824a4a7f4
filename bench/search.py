"""Search and evidence alone, without a language model: how often the right article and words are found.

    python bench/search.py QUESTIONS.jsonl --corpus CORPUS --store FOLDER [--set NAME=VALUE …]

The articles are divided into halves by their ids' sums; what is tuned on one half is reported on both. FOLDER keeps the
store, so that a second run with the same chunks is quick.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from measures.halves import in_first_half
from rich.console import Console
from rich.table import Table

from bot.answer import RETRIEVED
from bot.cli.compose import open_embedder, open_ingester, open_store
from bot.config import Settings, load
from bot.evaluate.cases import Question, load_questions
from bot.evaluate.metrics import characters, evidence_in_context, hit_at, reciprocal_rank
from bot.retrieve import Retriever
from bot.schema import Filters

Row = dict[str, float]


class Case(NamedTuple):
    question: Question
    row: Row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    chosen = parser.parse_args()
    settings = load(dict(one.split("=", 1) for one in chosen.set)).settings
    cases = measured(settings, chosen.questions, chosen.corpus, chosen.store)
    table = Table("measure", "one half", "other half", "all", box=None)
    halves = [[case for case in cases if in_first_half(case.question) is first] for first in (True, False)]
    table.add_row("questions", *(str(len(part)) for part in (*halves, cases)))
    for name in cases[0].row:
        table.add_row(name, *(mean(part, name) for part in (*halves, cases)))
    Console().print(table)


def measured(settings: Settings, questions: Path, corpus: Path, folder: Path) -> list[Case]:
    """The answerable questions, asked in all articles."""
    embedder = open_embedder(settings)
    store = open_store(settings, embedder, folder)
    open_ingester(settings, embedder, store).ingest([corpus], only=True)
    retriever = Retriever(store, embedder, folder / "bm25", settings.retrieve)
    retriever.warm()
    asked = [one for one in load_questions(questions) if one.answerable]
    return [Case(one, look(retriever, one, settings.retrieve.characters)) for one in asked]


def look(retriever: Retriever, question: Question, room: int) -> Row:
    began = time.perf_counter()
    found = retriever.search(question.question, RETRIEVED, Filters())
    shown = retriever.evidence(question.question, found, room).passages
    seconds = time.perf_counter() - began
    return {
        "hit@1": hit_at(1, found, question.gold),
        "hit@4": hit_at(4, found, question.gold),
        "hit@10": hit_at(10, found, question.gold),
        "mrr@10": reciprocal_rank(found, question.gold),
        "evidence_in_context": evidence_in_context(question.evidence, shown),
        "characters shown": float(characters(shown)),
        "seconds": seconds,
    }


def mean(cases: Sequence[Case], name: str) -> str:
    return f"{statistics.fmean(case.row[name] for case in cases):,.3f}" if cases else "–"


if __name__ == "__main__":
    main()
