"""Which sentences of the evidence stand again beside the question, where a small model heeds them most."""

from collections.abc import Sequence

from bot.dates import asks_for_day, dated, days_of, has_date
from bot.schema import Passage

AMONG = 8  # sentences nearest to a question for a day, among which one is looked for that names it


def again(question: str, nearest: Sequence[Passage], count: int) -> list[Passage]:
    """The first `count` of the sentences `nearest` to the question, best first.

    A question for a day is answered with the article's own date where the article says "on Monday". So it gets what
    such words mean beside them, and one sentence more that has such words, where none of these names a day.
    """
    chosen = list(nearest[:count])
    if not asks_for_day(question):
        return chosen
    if not any(_names_day(one) for one in chosen):
        chosen += [one for one in nearest[:AMONG] if days_of(one.text, one.date)][:1]
    return [one.model_copy(update={"text": dated(one.text, one.date)}) for one in chosen]


def _names_day(one: Passage) -> bool:
    return has_date(one.text) or bool(days_of(one.text, one.date))
