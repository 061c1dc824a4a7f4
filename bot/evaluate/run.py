"""Asks the questions and writes one row each, so that a run broken off at any point goes on where it stopped.

`DIR/answers.jsonl` holds the rows, `DIR/run.json` what they were made with. It knows no model, store or measure: it is
given `ask`, the same call that the page and `bot ask` make.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.errors import BotError, DatasetError, Stopped
from bot.evaluate.cases import Question, explain
from bot.schema import Answer, Filters, Refusal, Span, Timings, Tokens, Turn

ANSWERS = "answers.jsonl"
META = "run.json"
REPORT = "report.json"

Scope = Literal["open", "article"]
Ask = Callable[[str, Sequence[Turn], Filters], Answer]
"""Question, earlier turns (oldest first) and filters → the whole answer."""

Progress = Callable[[int, int], None]
"""Called with questions answered and questions in all: once at the start, then after each."""

DECISIVE = ("scope", "questions", "corpus", "models", "prompts", "settings", "cold")
TELLING = ("revision", "packages", "python")
SHOWN = 4  # differences that an error names
OTHER_OUT = "Choose another --out, or pass --fresh to start over."
IDLE_SETTINGS = (
    "data_dir",
    "models_dir",
    "prompts_dir",
    "log_level",
    "chat.host",
    "chat.port",
    "chat.login",
    "chat.open_to_network",
    "chat.keep_conversations",
    "chat.add_by_url",
    "chat.mcp",
    "cache.memory_mb",
    "cache.disk_mb",
)  # change no answer


class RowCitation(Span):
    """`quote` is the article's text from `start` to `end`; `sentence` is the index of the answer's sentence."""

    model_config = ConfigDict(extra="ignore")

    marker: int
    quote: str
    sentence: int


class Retrieved(Span):
    model_config = ConfigDict(extra="ignore")

    score: float


class Row(BaseModel):
    """One line of answers.jsonl.

    `sentences` is how many the answer has, `said` their texts (none in rows of earlier versions); `unsupported` holds
    those that were left out of it; `evidence` is what the model was shown; `answerable` the probability that the
    passages answer the question, and `signals` what it is made of, for bench/calibrate.py.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    question: str
    answer: str
    refused: bool
    reason: Refusal | None = None
    sentences: int
    said: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    citations: tuple[RowCitation, ...]
    evidence: tuple[Span, ...]
    retrieved: tuple[Retrieved, ...]
    timings: Timings
    tokens: Tokens
    answerable: float | None = None
    signals: dict[str, float] = Field(default_factory=dict)


def make_row(question: Question, answer: Answer) -> Row:
    """The row of an answer: everything about places and costs, nothing that the store can tell (titles, dates)."""
    place = ("article", "start", "end")
    return Row(
        id=question.id,
        question=question.question,
        answer=answer.text,
        refused=answer.refused,
        reason=answer.reason,
        sentences=len(answer.sentences),
        said=tuple(sentence.text for sentence in answer.sentences),
        unsupported=answer.dropped_sentences,
        citations=tuple(
            RowCitation(**{name: getattr(citation, name) for name in (*place, "marker", "quote", "sentence")})
            for citation in answer.citations
        ),
        evidence=tuple(Span(**{name: getattr(span, name) for name in place}) for span in answer.evidence),
        retrieved=tuple(
            Retrieved(**{name: getattr(passage, name) for name in (*place, "score")}) for passage in answer.retrieved
        ),
        timings=answer.timings,
        tokens=answer.tokens,
        answerable=answer.trace.answerable if answer.trace else None,
        signals=answer.trace.signals if answer.trace else {},
    )


def run(
    questions: Sequence[Question],
    ask: Ask,
    out_dir: Path,
    meta: Mapping[str, Any],
    scope: Scope,
    progress: Progress | None = None,
    fresh: bool = False,
) -> list[Row]:
    """Ask what has no row in `out_dir` yet, write each row once it is known; the rows of all `questions`, in order.

    Under the scope "article" a question is asked of its gold articles only; without gold, of all. Earlier turns that
    have no answer are asked first, in order; only the question itself makes a row. `meta` (JSON values,
    see report.run_meta) says what the rows are made with: rows made with others are refused, unless `fresh` removes
    them first. Another revision or package version only warns.

    Raises DatasetError where out_dir cannot be used or holds another run, Stopped when an answer was stopped, and what
    `ask` raises, with the question's id. What was written stays, and the next call goes on from there.
    """
    tell = progress or (lambda done, total: None)
    with _alone(out_dir):
        with _writing(out_dir):
            rows = _take_up(out_dir, {**meta, "scope": scope}, questions, fresh)
        waiting = [question for question in questions if question.id not in rows]
        tell(len(questions) - len(waiting), len(questions))
        for left, question in enumerate(waiting, start=1 - len(waiting)):
            rows[question.id] = make_row(question, _ask_one(ask, question, scope))
            with _writing(out_dir):
                _append(out_dir / ANSWERS, rows[question.id])
            tell(len(questions) + left, len(questions))
    return [rows[question.id] for question in questions]


def read_meta(out_dir: Path, remedy: str = OTHER_OUT) -> dict[str, Any]:
    """What the rows in `out_dir` were made with: run's meta, `scope`, and `resumed` if it was broken off and taken up.

    Empty if there is no run. Raises DatasetError, which ends with `remedy`, for a damaged file.
    """
    path = out_dir / META
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}. {remedy}") from None


def read_rows(out_dir: Path, remedy: str = OTHER_OUT) -> tuple[dict[str, Row], int | None]:
    """Rows by id, and the length in bytes of the whole lines if a half-written one follows them.

    No rows if there is no file. Raises DatasetError, which ends with `remedy`, for a damaged line, OSError where the
    file cannot be read.
    """
    path = out_dir / ANSWERS
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    rows: dict[str, Row] = {}
    for number, line in enumerate(content[:whole].splitlines(), start=1):
        try:
            row = Row.model_validate_json(line)
        except ValidationError as error:
            raise DatasetError(f"{path}, line {number}: {explain(error)}. {remedy}") from None
        rows[row.id] = row
    return rows, whole if whole < len(content) else None


def differences(before: Mapping[str, Any], now: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str, Any, Any]]:
    """What two runs' metas have not in common under `names`: (name, value before, value now), None for none.

    Settings are named as config.flatten does, without those that change no answer; a file is known by its sum.
    """
    found: list[tuple[str, Any, Any]] = []
    for name in names:
        old, new = dict(_flat(name, before.get(name))), dict(_flat(name, now.get(name)))
        found += [(key, old.get(key), new.get(key)) for key in old | new if old.get(key) != new.get(key)]
    return found


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` so that `path` holds the old file or the whole new one, never a part."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)


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


def _append(path: Path, row: Row) -> None:
    with path.open("ab") as file:  # closed at once: a kill leaves whole lines, or at worst a part that _read_rows drops
        file.write(row.model_dump_json().encode() + b"\n")


def _ask_one(ask: Ask, question: Question, scope: Scope) -> Answer:
    filters = Filters(articles=question.gold if scope == "article" else (), today=question.today)
    turns: list[Turn] = []
    try:
        for earlier in question.history:
            if earlier.answer is not None:
                turns.append(Turn(question=earlier.question, answer=earlier.answer))
                continue
            answer = _whole(ask(earlier.question, tuple(turns), filters), question)
            turns.append(Turn(question=earlier.question, answer=answer.text, refused=answer.refused))
        return _whole(ask(question.question, tuple(turns), filters), question)
    except BotError as error:
        raise type(error)(
            f"Question {question.id!r} broke the run off: {error} The answers so far are kept: "
            "the same command goes on from here."
        ) from error


def _whole(answer: Answer, question: Question) -> Answer:
    if answer.stopped:
        raise Stopped(f"stopped at question {question.id!r}")
    return answer


def _take_up(out_dir: Path, meta: Mapping[str, Any], questions: Sequence[Question], fresh: bool) -> dict[str, Row]:
    """The rows that are there, by id, after making sure that `meta` agrees; run.json is brought up to date."""
    if fresh:
        for name in (ANSWERS, META, REPORT):
            (out_dir / name).unlink(missing_ok=True)
    rows, whole = read_rows(out_dir)
    now: dict[str, Any] = json.loads(json.dumps(meta))
    if not rows:
        write_json(out_dir / META, now)
    else:
        before = read_meta(out_dir)
        _check_same(before, now, out_dir)
        if any(question.id not in rows for question in questions):
            again = {name: now.get(name) for name in ("time", *TELLING)} | {"answered": len(rows)}
            write_json(out_dir / META, before | {"resumed": [*before.get("resumed", []), again]})
    if whole is not None:
        os.truncate(out_dir / ANSWERS, whole)
    return rows


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any], out_dir: Path) -> None:
    decisive = _told(differences(before, now, DECISIVE)) if before else [f"there is no {META}"]
    if decisive:
        more = f"; and {len(decisive) - SHOWN} more" if len(decisive) > SHOWN else ""
        raise DatasetError(
            f"{out_dir} holds a run made with other settings ({'; '.join(decisive[:SHOWN])}{more}). "
            "Choose another --out, or pass --fresh to start it over."
        )
    telling = _told(differences(before, now, TELLING))
    if telling:
        logging.getLogger(__name__).warning(
            "%s was begun with another version (%s); its answers are kept. Pass --fresh to start it over.",
            out_dir,
            "; ".join(telling),
        )


def _told(different: Sequence[tuple[str, Any, Any]]) -> list[str]:
    return [f"{name}: {_short(old)} there, {_short(new)} now" for name, old, new in different]


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name, value
    elif "sha256" in value:
        yield name, value["sha256"]  # a file is its content, wherever it lies
    elif name == "settings":
        yield from ((key, inner) for key, inner in value.items() if not key.startswith(IDLE_SETTINGS))
    else:
        yield from ((f"{name} {key}", inner) for key, inner in value.items())


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}…"
