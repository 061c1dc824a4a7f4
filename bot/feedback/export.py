"""Feedback as questions for `bot eval`; pure. docs/feedback.md says what a line holds.

What a reader called good becomes what is right: the answer with its citations, or the refusal. Where that does not tell
what is right in all articles, the line is a draft that a person must complete. Who rated is not told.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from bot.evaluate.cases import Earlier, Evidence, Question
from bot.feedback.kept import Feedback
from bot.schema import Filters


def as_questions(kept: Iterable[Feedback], *, drafts: bool = False) -> list[Question]:
    """A question each, without those that would be drafts unless `drafts`."""
    return [_question(one) for one in kept if drafts or not _is_draft(one)]


def as_lines(questions: Iterable[Question]) -> str:
    """A JSON object a line, as evaluate.load_questions reads them; fields to be filled in are there, empty."""
    return "".join(one.model_dump_json(exclude={"distractors"}, exclude_none=True) + "\n" for one in questions)


def _is_draft(one: Feedback) -> bool:
    """A refusal is right of those articles only in which was searched, and `bot eval` searches in all."""
    right = one.answer.text.strip() and not (one.answer.refused and _limits(one))
    return not (one.good and right)


def _question(one: Feedback) -> Question:
    draft = _is_draft(one)
    told = one.good and not one.answer.refused and not draft
    cited = _cited(one)
    return Question(
        id=_id(one),
        question=one.question,
        answers=(one.answer.text,) if told else (),
        gold=tuple(dict.fromkeys(span.article for span in cited)) if told else (),
        evidence=cited if told else (),
        answerable=not (one.good and one.answer.refused),
        history=tuple(
            Earlier(question=turn.question, answer=turn.answer or None) for turn in one.turns if turn.question
        ),
        today=_today(one),
        **_more(one),
        **(_for_a_person(one, cited) if draft else {}),
    )


def _more(one: Feedback) -> dict[str, Any]:
    """The fields of every line beyond those of a case."""
    rated = {"rating": "good" if one.good else "bad", "reason": one.reason, "model": one.model}
    limits = _limits(one)
    return rated | {"at": one.at.isoformat()} | ({"limits": limits} if limits else {})


def _for_a_person(one: Feedback, cited: Iterable[Evidence]) -> dict[str, Any]:
    """What helps to complete a draft: what was said, the words that were cited, the articles that were shown."""
    return {
        "draft": True,
        "said": one.answer.text,
        "refused": one.answer.refused,
        "cited": [span.model_dump() for span in cited],
        "shown": list(dict.fromkeys(span.article for span in one.answer.evidence)),
    }


def _cited(one: Feedback) -> tuple[Evidence, ...]:
    """Each span once: several sentences may cite it."""
    spans = {(span.article, span.start, span.end): span.quote for span in one.answer.citations}
    return tuple(Evidence(article=name, start=start, end=end, text=text) for (name, start, end), text in spans.items())


def _limits(one: Feedback) -> dict[str, Any]:
    """The limits that the reader had set; `bot eval` sets none."""
    filters = one.answer.trace.filters if one.answer.trace else Filters()
    return filters.model_dump(mode="json", exclude={"today"}, exclude_defaults=True)


def _today(one: Feedback) -> dt.date:
    """The day on which it was asked, by this machine's clock, so that "this week" stays that week."""
    given = one.answer.trace.filters.today if one.answer.trace else None
    return given or one.answered.astimezone().date()


def _id(one: Feedback) -> str:
    user, talk, answered, question = one.key
    said = json.dumps([user, talk, answered.isoformat(), question])
    return f"feedback-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
