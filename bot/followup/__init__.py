"""What a question is searched with: its own words, or also those of the earlier turns that it leans on.

"When was that?" names nothing that could be found. It is pure, and knows no search and no prompt.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from bot.followup.grammar import leans
from bot.schema import Turn
from bot.words import content_words

__all__ = ["Followup", "resolve"]

CARRIED = 24  # words that go along at most; the embedder reads 256 word pieces in all, and old words drown new ones
_WORD = re.compile(r"\w+(?:['’.,-]\w+)*")


class Followup(NamedTuple):
    """`search` is what to search for; `thread` the earlier turns that the question leans on, oldest first."""

    search: str
    thread: tuple[Turn, ...] = ()


def resolve(question: str, history: Sequence[Turn]) -> Followup:
    """The question as it is where it stands by itself, else with words of the turns that it leans on.

    Those are content words of the question that the thread began with, of the last question and of its answer, each
    once; so however long a thread is, its topic stays and what is searched for stays short. The question itself
    follows twice, to weigh more than they do (docs/experiments.md has the numbers).
    """
    thread = _thread(question, history)
    if not thread:
        return Followup(question)
    return Followup(" ".join([*_carried(question, thread), question, question]), thread)


def _thread(question: str, history: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns back to the last one that stood by itself; none where the question does."""
    first = len(history)
    while first > 0 and leans(question, _said(history[first - 1])):
        first -= 1
        question = history[first].question
    return tuple(history[first:])


def _said(turn: Turn) -> str:
    """What the bot says in place of an answer names nothing, so of a refused turn only the question counts."""
    return turn.question if turn.refused else f"{turn.question} {turn.answer}"


def _carried(question: str, thread: Sequence[Turn]) -> list[str]:
    seen = set(content_words(question))
    words = []
    for word in _WORD.findall(f"{thread[0].question} {_said(thread[-1])}"):
        stems = content_words(word)
        if not seen.issuperset(stems):
            words.append(word)
            seen.update(stems)
    return words[:CARRIED]
