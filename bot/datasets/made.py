"""A set being rewritten: its articles and questions, and how many of what were left out and why.

Each article goes through the reader of `bot ingest` as it is added, and evidence is cut from the text which that gives:
so its offsets are those of the text that the store will hold. It knows no form of any set.
"""

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bot.articles import parse_date, read_line, slug
from bot.datasets.place import Place
from bot.errors import ArticleError
from bot.evaluate.cases import Evidence, Question
from bot.schema import Article, Frozen

CORPUS, QUESTIONS = "corpus.jsonl", "questions.jsonl"


class Counts(Frozen):
    """How much a set has; `left_out` says what was left out, by reason."""

    articles: int
    questions: int
    answerable: int
    with_evidence: int
    left_out: dict[str, int]


class Made:
    """`articles` by id and `questions`, in the set's order."""

    def __init__(self) -> None:
        self.articles: dict[str, Article] = {}
        self.questions: dict[str, Question] = {}
        self.left_out: Counter[str] = Counter()

    def article(self, ident: str, text: str, **fields: str | None) -> Article | None:
        """Add one, or find it if it was added before; None, counted, where `bot ingest` would not take it.

        `fields` are title, date, url, source and author. An id that another text has gets a number.
        """
        free = next(name for name in _names(ident) if name not in self.articles or self.articles[name].text == text)
        line = json.dumps({"id": free, "text": text} | {name: value for name, value in fields.items() if value})
        try:
            article = read_line(line.encode(), 1, Path(CORPUS))
        except ArticleError as error:
            self.left_out[f"articles left out: {error}"] += 1
            return None
        return self.articles.setdefault(article.id, article)

    def passage(self, prefix: str, text: str, title: str | None = None) -> Article | None:
        """A text without an id of its own gets one of its words."""
        words = hashlib.sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:12]
        return self.article(f"{prefix}-{words}", text, title=title)

    def ask(
        self,
        ident: str,
        question: str,
        *,
        answerable: bool,
        answers: Iterable[str] = (),
        distractors: Iterable[str] = (),
        gold: Sequence[Article] = (),
        evidence: Iterable[Evidence] = (),
        **more: Any,
    ) -> None:
        """Add a question; what is not answerable has no answers, gold and evidence. `more` are fields to group by."""
        if not ident.strip() or not question.strip():
            self.left_out["questions left out: they have no id or no words"] += 1
            return
        if ident in self.questions:
            self.left_out["questions left out: their id was there before"] += 1
            return
        spans = sorted(set(evidence), key=lambda span: (span.article, span.start, span.end))
        self.questions[ident] = Question(
            id=ident,
            question=question.strip(),
            answers=_distinct(answers) if answerable else (),
            distractors=_distinct(distractors) if answerable else (),
            gold=tuple(dict.fromkeys(article.id for article in gold)) if answerable else (),
            evidence=tuple(spans) if answerable else (),
            answerable=answerable,
            **more,
        )

    def date(self, given: str | None) -> str | None:
        """The day of it; None, counted, where it is none."""
        if not given or not given.strip():
            return None
        try:
            return parse_date(given).isoformat()
        except ArticleError:
            self.left_out["dates left out: they are no days"] += 1
            return None

    def counts(self) -> Counts:
        return Counts(
            articles=len(self.articles),
            questions=len(self.questions),
            answerable=sum(one.answerable for one in self.questions.values()),
            with_evidence=sum(bool(one.evidence) for one in self.questions.values()),
            left_out=dict(self.left_out),
        )

    def corpus_lines(self) -> str:
        return "".join(_corpus_line(article) for article in self.articles.values())

    def question_lines(self) -> str:
        shown = (one.model_dump_json(exclude_none=True, exclude={"history"}) for one in self.questions.values())
        return "".join(f"{line}\n" for line in shown)


def cut(article: Article, place: Place) -> Evidence:
    """What the article has at `place`."""
    return Evidence(article=article.id, start=place.start, end=place.end, text=article.text[place.start : place.end])


def named(title: str) -> str:
    """An id made of a title."""
    return slug(title)[:180]


def _names(ident: str) -> Iterable[str]:
    yield ident
    number = 2
    while True:
        yield f"{ident}-{number}"
        number += 1


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _corpus_line(article: Article) -> str:
    day: dt.date | None = article.date
    line = {
        "id": article.id,
        "title": article.title,
        "date": day.isoformat() if day else None,
        "url": article.url,
        "source": article.source,
        "author": article.author,
        "text": article.text,
    }
    return f"{json.dumps(line, ensure_ascii=False)}\n"
