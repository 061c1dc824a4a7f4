"""One question, answered, as a stream of events."""

from bot.answer.answerer import RETRIEVED, Answerer
from bot.answer.job import REFUSALS

__all__ = ["REFUSALS", "RETRIEVED", "Answerer"]
