"""A run's rows, one line of `DIR/answers.jsonl` each: made of answers, and read back. Knows nothing of how one asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.errors import DatasetError
from bot.evaluate.cases import Question, explain
from bot.schema import Answer, Refusal, Span, Timings, Tokens

ANSWERS = "answers.jsonl"
OTHER_OUT = "Choose another --out, or pass --fresh to start over."

Stage = Literal["full", "retrieve", "answer"]
"""What was run: all; search alone, which no model follows; or the model alone, shown the gold evidence."""

Key = tuple[str, int]
"""A question's id, and which repetition it is, from 0."""


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
    passages answer the question, and `signals` what it is made of, for bench/calibrate.py. `repeat` counts from 0 how
    often it was asked before.
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
    stage: Stage = "full"
    repeat: int = Field(0, ge=0)

    @property
    def key(self) -> Key:
        return self.id, self.repeat


def make_row(question: Question, answer: Answer, stage: Stage = "full", repeat: int = 0) -> Row:
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
        stage=stage,
        repeat=repeat,
    )


def read_rows(out_dir: Path, remedy: str = OTHER_OUT) -> tuple[dict[str, Row], int | None]:
    """Rows of the first repetition by id, and the length in bytes of the whole lines if a half-written one follows.

    No rows if there is no file. Raises DatasetError, which ends with `remedy`, for a damaged line, OSError where the
    file cannot be read.
    """
    rows, whole = read_repeats(out_dir, remedy)
    return {row.id: row for row in rows.values() if not row.repeat}, whole


def read_repeats(out_dir: Path, remedy: str = OTHER_OUT) -> tuple[dict[Key, Row], int | None]:
    """The same of all repetitions, by id and repetition."""
    path = out_dir / ANSWERS
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    rows = {row.key: row for row in _rows(content[:whole], path, remedy)}
    return rows, whole if whole < len(content) else None


def _rows(content: bytes, path: Path, remedy: str) -> Iterator[Row]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            yield Row.model_validate_json(line)
        except ValidationError as error:
            raise DatasetError(f"{path}, line {number}: {explain(error)}. {remedy}") from None


def append_row(out_dir: Path, row: Row) -> None:
    """Add a row as a line of its own. Raises OSError where that fails."""
    with (out_dir / ANSWERS).open("ab") as file:  # closed at once: a kill leaves whole lines, or part of a last one
        file.write(row.model_dump_json().encode() + b"\n")
