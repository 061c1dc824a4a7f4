"""Asks the questions and writes one row each, so that a run broken off at any point goes on where it stopped.

`DIR/answers.jsonl` holds the rows, `DIR/run.json` what they were made with. It knows no model, store or measure: it is
given `ask`, the same call that the page and `bot ask` make.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import truncate
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from bot.errors import BotError, DatasetError, Stopped
from bot.evaluate.cases import Question
from bot.evaluate.made import DECISIVE, META, TELLING, differences, note, read_meta, write_json
from bot.evaluate.rows import (
    ANSWERS,
    Key,
    Retrieved,
    Row,
    RowCitation,
    Stage,
    append_row,
    make_row,
    read_repeats,
    read_rows,
)
from bot.schema import Answer, Filters, Turn

__all__ = [
    "ANSWERS", "DECISIVE", "META", "REPORT", "TELLING", "Ask", "Begin", "Progress", "Retrieved", "Row", "RowCitation",
    "Scope", "Stage", "differences", "make_row", "read_meta", "read_repeats", "read_rows", "run", "write_json",
]  # fmt: skip

REPORT = "report.json"
LOOKED_AT = ("report.html", "report.md", "junit.xml")  # made of the rows, too: written.py

Scope = Literal["open", "article"]
Ask = Callable[[str, Sequence[Turn], Filters], Answer]
"""Question, earlier turns (oldest first) and filters → the whole answer."""

Begin = Callable[[Question, int], Ask]
"""Called before each question, with its repetition (from 0); gives what the question itself is asked with."""

Progress = Callable[[int, int], None]
"""Called with questions answered and questions in all: once at the start, then after each."""


def run(
    questions: Sequence[Question],
    ask: Ask,
    out_dir: Path,
    meta: Mapping[str, Any],
    scope: Scope,
    progress: Progress | None = None,
    fresh: bool = False,
    *,
    stage: Stage = "full",
    repeat: int = 1,
    begin: Begin | None = None,
) -> list[Row]:
    """Ask what has no row in `out_dir` yet, write each row once it is known; the rows of all `questions`, in order.

    With `repeat`, that many times: all of them, then all of them again. Under the scope "article" a question is asked
    of its gold articles only; without gold, of all. Earlier turns that have no answer are asked first, in order, by
    `ask`; only the question itself makes a row. `stage` says of what `ask` is the door. `meta` (JSON values, see
    report.run_meta) says what the rows are made with: rows made with others are refused, unless `fresh` removes them
    first. Another revision or package version only warns, and `repeat` may be another.

    Raises DatasetError where out_dir cannot be used or holds another run, Stopped when an answer was stopped, and what
    `ask` raises, with the question's id. What was written stays, and the next call goes on from there.
    """
    tell = progress or (lambda done, total: None)
    cases = {(question.id, again): question for again in range(repeat) for question in questions}
    with _alone(out_dir):
        with _writing(out_dir):
            rows = _take_up(out_dir, {**meta, "scope": scope, "stage": stage, "repeat": repeat}, list(cases), fresh)
        waiting = {key: question for key, question in cases.items() if key not in rows}
        tell(len(cases) - len(waiting), len(cases))
        for left, (key, question) in enumerate(waiting.items(), start=1 - len(waiting)):
            own = begin(question, key[1]) if begin else ask
            rows[key] = make_row(question, _ask_one(ask, own, question, scope), stage, key[1])
            with _writing(out_dir):
                append_row(out_dir, rows[key])
            tell(len(cases) + left, len(cases))
    return [rows[key] for key in cases]


@contextmanager
def _alone(out_dir: Path) -> Iterator[None]:
    try:
        with _writing(out_dir):
            out_dir.mkdir(parents=True, exist_ok=True)
            lock = FileLock(out_dir / ".lock", timeout=0).acquire()
    except Timeout:
        raise DatasetError(f"Another run is writing to {out_dir}. Wait for it, or choose another --out.") from None
    with lock:
        yield


@contextmanager
def _writing(out_dir: Path) -> Iterator[None]:
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise DatasetError(
            f"{out_dir} cannot be written: {error.strerror or error}. Free space or choose another --out; "
            "the answers so far are kept."
        ) from None


def _ask_one(ask: Ask, own: Ask, question: Question, scope: Scope) -> Answer:
    """By `ask` the earlier turns, by `own` the question itself."""
    filters = Filters(articles=question.gold if scope == "article" else (), today=question.today)
    turns: list[Turn] = []
    try:
        for earlier in question.history:
            if earlier.answer is not None:
                turns.append(Turn(question=earlier.question, answer=earlier.answer))
                continue
            answer = _whole(ask(earlier.question, tuple(turns), filters), question)
            turns.append(Turn(question=earlier.question, answer=answer.text, refused=answer.refused))
        return _whole(own(question.question, tuple(turns), filters), question)
    except BotError as error:
        raise type(error)(
            f"Question {question.id!r} broke the run off: {error} The answers so far are kept: "
            "the same command goes on from here."
        ) from error


def _whole(answer: Answer, question: Question) -> Answer:
    if answer.stopped:
        raise Stopped(f"stopped at question {question.id!r}")
    return answer


def _take_up(out_dir: Path, meta: Mapping[str, Any], wanted: Sequence[Key], fresh: bool) -> dict[Key, Row]:
    """The rows that are there, after making sure that `meta` agrees; run.json is brought up to date."""
    if fresh:
        for name in (ANSWERS, META, REPORT, *LOOKED_AT):
            (out_dir / name).unlink(missing_ok=True)
    rows, whole = read_repeats(out_dir)
    note(out_dir, meta, len(rows), any(key not in rows for key in wanted))
    if whole is not None:
        truncate(out_dir / ANSWERS, whole)
    return rows
