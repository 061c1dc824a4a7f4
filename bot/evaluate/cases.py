"""The questions of an evaluation, from a .jsonl file with one a line; knows nothing of how they are answered.

A line: `{id, question, answers, distractors, gold, evidence: [{article, start, end, text}], answerable, history,
today}`. `answers` are gold answers, `distractors` wrong options, `gold` ids of the articles that answer it, `evidence`
the words that do, `history` the earlier turns of a conversation whose last question is measured, `today` the day on
which it is asked (the clock's if it has none).
"""

import datetime as dt
import difflib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.errors import DatasetError
from bot.schema import Span

OR_CONVERT = ", or make another kind of file one with `bot dataset convert`"
SHOWN = 60  # characters of a text that an error message repeats


class Evidence(Span):
    """Words that answer the question: `text` is what the article has from `start` to `end`."""

    model_config = ConfigDict(extra="ignore")

    text: str


class Earlier(BaseModel):
    """An earlier turn; without `answer`, what the bot answers to `question` counts as it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    question: str = Field(min_length=1)
    answer: str | None = Field(None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _question_alone(cls, value: Any) -> Any:
        return {"question": value} if isinstance(value, str) else value


class Question(BaseModel):
    """One case. Fields beyond these are kept in `model_extra`, so that results can be grouped by them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str = Field(min_length=1)
    question: str = Field(min_length=1)
    answers: tuple[str, ...] = ()
    distractors: tuple[str, ...] = ()
    gold: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    answerable: bool
    history: tuple[Earlier, ...] = ()
    today: dt.date | None = None


def load_questions(path: Path, limit: int | None = None) -> list[Question]:
    """The questions of `path` in file order, the first `limit` (at least 1) of them if given; blank lines don't count.

    The whole file is checked even under a limit. Raises DatasetError, with file and line, for anything that is not in
    the form, an id that comes twice, or a file without questions.
    """
    questions: list[Question] = []
    first_line: dict[str, int] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        question = _parse(line, path, number)
        if question.id in first_line:
            same = f"the id {question.id!r} is that of line {first_line[question.id]}"
            _refuse(path, number, same, "Give each question its own id")
        first_line[question.id] = number
        questions.append(question)
    if not questions:
        raise DatasetError(f"{path} holds no questions. Write one JSON object a line.")
    return questions[:limit]


class Choice(NamedTuple):
    """Which questions of a file are asked: `sample` of them, drawn with `seed`, or those `only`, by their ids."""

    sample: int | None = None
    seed: int = 0
    only: tuple[str, ...] = ()


ALL = Choice()


def choose(questions: Sequence[Question], choice: Choice) -> list[Question]:
    """Those chosen, in file order. A smaller sample is a part of a larger one with the same seed.

    Raises DatasetError for an id that no question has, or where both `sample` and `only` are given.
    """
    if choice.only and choice.sample is not None:
        raise DatasetError("--sample and --only choose in two ways. Give one of them.")
    if choice.only:
        known = {question.id: question for question in questions}
        if missing := next((one for one in choice.only if one not in known), None):
            near = difflib.get_close_matches(missing, list(known), n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "Check its spelling."
            raise DatasetError(f"No question has the id {missing!r}. {hint}")
        return [question for question in questions if question.id in choice.only]
    if choice.sample is None:
        return list(questions)
    order = list(range(len(questions)))
    random.Random(choice.seed).shuffle(order)  # noqa: S311 - no secret
    return [questions[place] for place in sorted(order[: choice.sample])]


def unfinished(questions: Sequence[Question]) -> list[Question]:
    """Those that are drafts still: what is right was not filled in, or nobody took the mark away that says so."""
    return [question for question in questions if (question.model_extra or {}).get("draft")]


def check_evidence(questions: Sequence[Question], texts: Mapping[str, str]) -> None:
    """Raise DatasetError unless each evidence's text is exactly `texts[article][start:end]`.

    `texts` maps article ids to texts. Offsets count code points from 0, half open.
    """
    for question in questions:
        for evidence in question.evidence:
            if evidence.article not in texts:
                raise DatasetError(
                    f"Question {question.id!r}: its evidence is in the article {evidence.article!r}, which the corpus "
                    "lacks. Add the article or mend the id."
                )
            found = texts[evidence.article][evidence.start : evidence.end]
            if found != evidence.text:
                raise DatasetError(
                    f"Question {question.id!r}: its evidence says {_short(evidence.text)} but {evidence.article!r} has "
                    f"{_short(found)} from {evidence.start} to {evidence.end}. Mend start and end, in characters."
                )


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except IsADirectoryError:
        raise DatasetError(f"{path} is a folder. Name the file of questions in it.") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        _refuse(path, line, f"not UTF-8 ({error.reason})", "Save the file as UTF-8")


def _parse(line: str, path: Path, number: int) -> Question:
    try:
        return Question.model_validate_json(line)
    except ValidationError as error:
        other = {one["type"] for one in error.errors()} & {"json_invalid", "model_type"}
        _refuse(path, number, explain(error), f"Mend that line{OR_CONVERT if other else ''}")


def explain(error: ValidationError) -> str:
    """What pydantic found wrong, in one line."""
    return "; ".join(": ".join(filter(None, [_place(e["loc"]), e["msg"]])) for e in error.errors(include_url=False))


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)


def _refuse(path: Path, number: int, problem: str, remedy: str) -> NoReturn:
    raise DatasetError(f"{path}, line {number}: {problem}. {remedy}.") from None


def _short(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
