"""Two halves of a set that have different articles: what is tuned on one half is reported on both."""

import hashlib

from bot.evaluate import Question


def in_first_half(question: Question) -> bool:
    """By the sum of its first gold article's id; of its own id where it has none."""
    named = question.gold[0] if question.gold else question.id
    return hashlib.sha256(named.encode()).digest()[0] % 2 == 0
