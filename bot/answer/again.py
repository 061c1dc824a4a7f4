"""Which sentences of the evidence stand again beside the question, where a small model heeds them most."""

from collections.abc import Sequence
from typing import NamedTuple

from bot.dates import asks_for_day, dated, days_of, has_date
from bot.schema import Passage

AMONG = 8  # sentences nearest to a question for a day, among which one is looked for that names it


class Again(NamedTuple):
    """Sentences, best first: those that are `read` once more, and those that are `joined` once more."""

    read: list[Passage]
    joined: list[Passage]


def again(question: str, nearest: Sequence[Passage], read: int, joined: int = 0) -> Again:
    """The first `read` of the sentences `nearest` to the question and, apart from these, the first `joined`.

    A question for a day is answered with the article's own date where the article says "on Monday". So it gets what
    such words mean beside them, which has to be read, and one sentence more that has such words, where none of these
    names a day.
    """
    said, kept = list(nearest[:read]), list(nearest[read:joined])
    if not asks_for_day(question):
        return Again(said, kept)
    relative = [one for one in kept if days_of(one.text, one.date)]
    if not any(_names_day(one) for one in (*said, *kept)):
        relative = [one for one in nearest[:AMONG] if days_of(one.text, one.date)][:1]
    explained = [one.model_copy(update={"text": dated(one.text, one.date)}) for one in (*said, *relative)]
    return Again(explained, [one for one in kept if one not in relative])


def _names_day(one: Passage) -> bool:
    return has_date(one.text) or bool(days_of(one.text, one.date))
