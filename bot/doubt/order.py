"""Whether "before" in one text and "after" in another tell the same order: the clauses are swapped. Pure; English."""

import re
from collections.abc import Iterator, Set

from bot.words import content_words

_ENDS = re.compile(r"[.;:?!]")
_WORD = re.compile(r"\b(before|after)\b")


def same_order(one: str, other: str) -> bool:
    """Whether two texts in lower case share more words where both tell of what was first, and last, than crosswise."""
    return any(
        len(early & early_there) + len(late & late_there) > len(early & late_there) + len(late & early_there)
        for early, late in _ordered(one)
        for early_there, late_there in _ordered(other)
    )


def _ordered(text: str) -> Iterator[tuple[Set[str], Set[str]]]:
    """The content words of what came first and of what came last."""
    for sentence in _ENDS.split(text):
        first, *rest = _WORD.split(sentence, maxsplit=1)
        if not rest:
            continue
        word, second = rest
        if not first.strip():  # "After the vote, he left"
            second, _, first = second.partition(",")
        clauses = frozenset(content_words(first)), frozenset(content_words(second))
        yield clauses if word == "before" else clauses[::-1]
