"""Days that words name: in articles, seen from their date, and in questions, seen from today. Pure."""

from bot.dates.period import asked, keeps
from bot.dates.relative import Found, days_of, find
from bot.dates.spans import label, note, searched

__all__ = ["Found", "asked", "days_of", "find", "keeps", "label", "note", "searched"]
