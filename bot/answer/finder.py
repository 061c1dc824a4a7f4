"""A question's search: which days it is about, the passages found, and what of them a model is shown.

It knows no model, so that search can be measured alone.
"""

import datetime as dt
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bot.config import RetrieveSettings
from bot.dates import asked, keeps
from bot.disagree import newer_first, newest_figures_first
from bot.errors import PromptError
from bot.evidence import Evidence
from bot.retrieve import Retriever
from bot.schema import Answer, Days, Filters, Passage, Span, Timings, Turn

RETRIEVED = 20  # passages listed in an Answer at most; what the model is shown comes from the first of them


class Found(NamedTuple):
    """`period` is set where it limited the search; `evidence` has its passages in the order in which they are shown."""

    period: Days | None
    retrieved: tuple[Passage, ...]
    evidence: Evidence


class Finder:
    """Searches as an answer does; several threads may use it at once."""

    def __init__(self, retriever: Retriever, settings: RetrieveSettings) -> None:
        self._retriever, self._settings = retriever, settings

    def find(
        self, question: str, searched: str, filters: Filters, today: dt.date, thread: Sequence[Turn] = ()
    ) -> Found:
        """What is found for the words `searched`, which are more than the question where it leans on a `thread`."""
        period, retrieved = self.search(searched, asked(question, today, thread), filters)
        # Words of earlier turns find what was said before: how much better that fits says nothing of the rest.
        leans = searched != question
        evidence = self._retriever.evidence(searched, retrieved, self._settings.characters, fill=leans)
        passages = newer_first(evidence.passages)
        nearest = newest_figures_first(question, evidence.nearest, passages, searched)
        return Found(period, retrieved, evidence._replace(passages=passages, nearest=nearest))

    def search(
        self, question: str, period: Days | None, filters: Filters, count: int = RETRIEVED
    ) -> tuple[Days | None, tuple[Passage, ...]]:
        """The passages, and `period` if it limits them: not where the user set limits, or it holds nothing near."""
        filters = filters.model_copy(update={"today": None})
        anywhere = tuple(self._retriever.search(question, count, filters))
        if period is None or filters != Filters():
            return None, anywhere
        within = tuple(self._retriever.search(question, count, Filters(since=period.first, until=period.last)))
        return (period, within) if keeps(within, anywhere) else (None, anywhere)

    def without_words(self, question: str, searched: str, filters: Filters, thread: Sequence[Turn] = ()) -> Answer:
        """An Answer that holds only what was found, whose `text` is empty: all that can be known without a model.

        Its evidence is what a model with room enough is shown. Raises PromptError for an empty question.
        """
        began = time.perf_counter()
        found = self.find(readable(question), searched, filters, filters.today or dt.date.today(), thread)
        seconds = time.perf_counter() - began
        return Answer(
            question=question,
            text="",
            evidence=tuple(Span(article=one.article, start=one.start, end=one.end) for one in found.evidence.passages),
            retrieved=found.retrieved,
            period=found.period,
            timings=Timings(retrieve_s=seconds, total_s=seconds),
        )

    def texts(self, ids: Iterable[str]) -> dict[str, str]:
        """The texts of those articles that there still are, by id."""
        return self._retriever.texts(ids)

    def warm(self) -> None:
        """Make the search ready, so that the first question does not wait for it."""
        self._retriever.warm()


def readable(question: str) -> str:
    """The question without what cannot be embedded or printed. Raises PromptError for an empty one."""
    question = question.encode("utf-8", "replace").decode()  # half a surrogate pair
    if not question.strip():
        raise PromptError("The question is empty. Type one.")
    return question
