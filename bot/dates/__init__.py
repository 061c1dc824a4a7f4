"""Days that words name: in articles, seen from their date, and in questions, seen from today. Pure."""

from bot.dates.period import asked, asks_for_day, keeps, meant
from bot.dates.relative import Found, dated, days_of, find, has_date
from bot.dates.spans import label, note, searched

__all__ = [
    "Found",
    "asked",
    "asks_for_day",
    "dated",
    "days_of",
    "find",
    "has_date",
    "keeps",
    "label",
    "meant",
    "note",
    "searched",
]
