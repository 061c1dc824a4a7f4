"""The days that a question asks about, as limits on the articles searched: "What happened this week?".

Only words that count from today limit anything, and only towards the past: an event on an explicit date may be reported
later or was announced before, and what will be was announced at any time. A limit is a preference: it is dropped where
the articles of those days are no nearer to the question than others are. It knows nothing of stores.
"""

import calendar
import datetime as dt
import re
from collections.abc import Sequence

from bot.dates.relative import Found, days_of, find
from bot.dates.spans import DAY, note, week_of
from bot.dates.tense import tense_at
from bot.schema import Days, Passage, Turn

BEFORE = 1  # days by which an article's date may lie before what it reports: it was dated elsewhere on the globe
AFTER = 3  # days within which news of a day, or of a week, is told: Monday's paper has Friday's; else as long again
NEAR = 0.15  # of cosine: how much less like the question the best passage of the period may be

_TODAYS_NEWS = re.compile(
    r"\b(?:today|tonight)['’]s\s+(?:news|headlines|articles|stories|top\s+stor\w+)", re.IGNORECASE
)
_FOR_DAY = re.compile(
    r"""\b(?:what|which)\s+(?:(?:exact|specific|calendar)\s+)?(?:date\b|day\b(?!\s+(?:of\s+the\s+week|trip|cent|care|job)))(?![-'’])
    |\b(?:what(?:['’]s|\s+(?:is|was|are|were|will\s+be))|give(?:\s+me)?|tell\s+me|name)\s+the
    \s+(?:(?:[\w-]+\s+){0,2}date\b|(?:exact\s+)?day\s+(?:and|of|on|that|when)\b)(?![-'’])""",
    re.IGNORECASE | re.VERBOSE,
)
_MONTHS = "|".join(calendar.month_name[1:])
_OTHER_TIME = re.compile(
    rf"""\b(?:ever|before|previous(?:ly)?|earlier|former(?:ly)?|since|later|next|afterwards?|now|currently|latest|recent(?:ly)?
    |(?:first|last)\s+time|usual(?:ly)?|normal(?:ly)?|always|weekend|(?:{"|".join(calendar.day_name)})s?
    |(?:1[5-9]|20)\d\d|(?:in|of|since|until|by|last|this)\s+(?:{_MONTHS})|(?-i:{_MONTHS}))\b""",
    re.IGNORECASE | re.VERBOSE,
)
_WILL = re.compile(r"\b(?:will|won['’]t|shall|going\s+to|due)\b", re.IGNORECASE)
_OF_NEWS = re.compile(r"\b(?:did|was|were|has|have|had|happen\w*|said|died|news)\b", re.IGNORECASE)
_UP_TO_TODAY = re.compile(r"(?:the|these)\s")  # "the past two weeks"
_SUNDAYS_WEEK = re.compile(r"\b(?<!the )(last|this)\s+week\b(?!\s+of\b)", re.IGNORECASE)


def asked(question: str, today: dt.date, earlier: Sequence[Turn] = ()) -> Days | None:
    """The question's words for a period that ends today or before, and the dates of articles that may tell of it.

    Where it names no time at all, those of the last of the `earlier` turns, which it leans on, that does. None where
    there is no such period. Several are taken together.
    """
    last = Turn(question=question, answer="")
    for turn in (last, *reversed(earlier)):
        day = turn.day or today
        if (period := _named(turn.question, day)) or _leads_out(turn.question, day):
            return period
    return None


def _named(question: str, today: dt.date) -> Days | None:
    days = find(question, today)
    if any(_is_to_come(question, one, today) for one in days):
        return None
    found = [(question[one.start : one.end], one.first, one.last) for one in days]
    if not _OF_NEWS.search(question):
        found = [one for one in found if one[0].lower() != "today"]  # nowadays
    found += _found_in_questions(question, today)
    if not found:
        return None
    first, last = min(first for _, first, _ in found), max(last for _, _, last in found)
    length = (last - first).days + 1
    until = _shifted(last, max(AFTER, length if length > 7 else 0))
    return Days(text=" … ".join(text for text, _, _ in found), first=_shifted(first, -BEFORE), last=min(until, today))


def meant(question: str, today: dt.date) -> str:
    """What its words that count from today mean: "this week = 12 to 18 May 2025"; "" where there are none."""
    days = days_of(question, today)
    others = (one for one in _found_in_questions(question, today) if not days)
    return note((*days, *(Days(text=text, first=first, last=last) for text, first, last in others)))


def asks_for_day(question: str) -> bool:
    """Whether it asks for a day of the calendar in so many words: "On what date …", not "When …"."""
    return bool(_FOR_DAY.search(question))


def _leads_out(question: str, today: dt.date) -> bool:
    """Whether the question names another time than the one before it, or asks about what is to come."""
    return bool(find(question, today) or _OTHER_TIME.search(question) or _WILL.search(question))


def _is_to_come(question: str, one: Found, today: dt.date) -> bool:
    """Whether the question asks about days, or hours of today, that are still to come."""
    if one.last < today or one.first > today:
        return one.first > today
    words = question[one.start : one.end].lower()
    tense = tense_at(question, one.start, one.end)
    if tense == "open":  # "Who plays tonight?", "Will the museum be opened this week?"
        return words in ("tonight", "this evening") or bool(_WILL.search(question, 0, one.start))
    return tense == "future" and not _UP_TO_TODAY.match(words)


def _found_in_questions(question: str, today: dt.date) -> list[tuple[str, dt.date, dt.date]]:
    """What `find` leaves out for a reader's sake, while for a search the widest meaning will do."""
    if match := _TODAYS_NEWS.search(question):
        return [(match[0], today, today)]
    match = _SUNDAYS_WEEK.search(question) if today.weekday() == 6 else None
    if match is None or tense_at(question, *match.span()) == "future":
        return []
    monday, sunday = week_of(today)
    return [(match[0], _shifted(monday, -7) if match[1].lower() == "last" else monday, sunday)]


def _shifted(day: dt.date, days: int) -> dt.date:
    """So many days on, but no further than the calendar goes."""
    try:
        return day + days * DAY
    except OverflowError:
        return dt.date.max if days > 0 else dt.date.min


def keeps(within: Sequence[Passage], anywhere: Sequence[Passage]) -> bool:
    """Whether the passages found within the period (best first) are to be used instead of those found anywhere."""
    near = [max((one.similarity or 0.0 for one in found), default=0.0) for found in (within, anywhere)]
    return bool(within) and near[0] >= near[1] - NEAR
