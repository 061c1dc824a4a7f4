"""Runs of days: weeks, months and years round a day, and how a run is written out."""

import calendar
import datetime as dt
from collections.abc import Iterable

from bot.schema import Days

Range = tuple[dt.date, dt.date]  # first and last day, both included

DAY = dt.timedelta(days=1)


def week_of(day: dt.date) -> Range:
    monday = day - day.weekday() * DAY
    return monday, monday + 6 * DAY


def month_of(year: int, month: int) -> Range:
    return dt.date(year, month, 1), dt.date(year, month, calendar.monthrange(year, month)[1])


def shift_months(day: dt.date, months: int) -> Range:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return month_of(year, month + 1)


def same_day(day: dt.date, months: int) -> dt.date:
    """The same day so many months on, or the last one of a shorter month."""
    first, last = shift_months(day, months)
    return first.replace(day=min(day.day, last.day))


def year_of(year: int) -> Range:
    return dt.date(year, 1, 1), dt.date(year, 12, 31)


def label(first: dt.date, last: dt.date) -> str:
    """The days in words: "19 May 2025", "12 to 18 May 2025", "May 2025", "2025"."""
    if first == last:
        return _say(first)
    if (first, last) == year_of(first.year):
        return str(first.year)
    if (first, last) == month_of(first.year, first.month):
        return f"{calendar.month_name[first.month]} {first.year}"
    kept = 0 if first.year != last.year else 1 if first.month != last.month else 2
    return f"{' '.join(_say(first).split()[: 3 - kept])} to {_say(last)}"


def _say(day: dt.date) -> str:
    return f"{day.day} {calendar.month_name[day.month]} {day.year}"


def note(days: Iterable[Days]) -> str:
    """What a reader is told beside a quote: "Monday = 19 May 2025; last week = 12 to 18 May 2025"."""
    return "; ".join(f"{one.text} = {label(one.first, one.last)}" for one in days)


def searched(period: Days) -> str:
    """What a reader is told of an answer from articles of one period only."""
    return f"Only articles of {label(period.first, period.last)} were searched, for “{period.text}”."
