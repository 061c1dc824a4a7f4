"""Days that words name: in articles, seen from their date, and in questions, seen from today. Pure."""

from bot.dates.relative import Found, days_of, find
from bot.dates.spans import label, note

__all__ = ["Found", "days_of", "find", "label", "note"]
