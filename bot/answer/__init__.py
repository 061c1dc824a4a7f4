"""One question, answered, as a stream of events."""

from bot.answer.answerer import Answerer
from bot.answer.finder import RETRIEVED, Finder
from bot.answer.job import REFUSALS

__all__ = ["REFUSALS", "RETRIEVED", "Answerer", "Finder"]
