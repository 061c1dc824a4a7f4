"""Relative days in English news: "yesterday", "on Monday", "last week", "two days ago", as days of the calendar.

They are resolved against the day on which the text was written. It is cautious: names ("Black Friday", "USA Today",
"Last Week Tonight"), habits ("on Mondays"), weekdays with a date of their own and whatever can mean two things are left
out. A bare weekday lies within the week before or after, as its sentence speaks of the past or the future. Weeks begin
on Monday; on a Sunday nobody can tell which week "last week" is, so it is left out. Explicit dates are not looked for.
"""

import calendar
import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bot.dates.plans import planned
from bot.dates.spans import DAY, Range, label, same_day, shift_months, week_of, year_of
from bot.dates.tense import Tense, tense_at
from bot.schema import Days
from bot.words import ascii_case

SURE = 4  # "last Friday" is the nearest one if that is at least so many days away; if not, it may be the one before
LONG_AGO = 10  # a number from which on "years ago" is seldom exact

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_DAY = "|".join(_WEEKDAYS)
_MONTH = "|".join(rf"{name}|{name[:3]}" for name in calendar.month_name[1:]) + "|sept"
_NUMBER = rf"(?<![\d,.])(?P<number>\d{{1,3}}|an?|{'|'.join(_NUMBERS)})"
_UNIT = r"(?P<unit>day|week|month|year)s?"

# A full stop ends a sentence unless it stands after one letter (a.m., J. Smith) or a title.
_STOP = r"(?:[!?]|(?<!\b\w)(?<!\b[DMS][rst])(?<!\b(?:Mrs|Gov|Sen|Gen|Rep))\.)(?=[\"”’')\]]*\s+[\"“‘'(]*[A-Z\d])"
_SENTENCE = re.compile(rf"(?:(?!{_STOP}|\n).)+.?[\"”’')\]]*")
_HALF_DAY = r"(?:morning|lunchtime|afternoon|evening|night)"
_REST_OF_DAY = re.compile(rf"(?:['’]s)?(?:\s+{_HALF_DAY}(?:['’]s)?)?\b", re.IGNORECASE)
_DATE = re.compile(
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?(?:{_MONTH})|(?:{_MONTH})\.?\s+(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)?"
    r"|\d{4}-\d\d-\d\d|\d{1,2}([/.])\d{1,2}\1\d{4})\b",
    re.IGNORECASE,
)
_MAY = re.compile(r"\bmay\b")  # the verb: "it may 10 times"
_OPENING = re.compile(r"[\s\"“‘'(\[—–:-]*$")
_BEFORE = re.compile(r"([\w’'.-]+)\s+$")
_LEADS_TO_WEEKDAY = frozenset(
    """after and around before but by early for from late least of on or since till until""".split()  # noqa: SIM905
)
_OWNERS = re.compile(r"(?:\b(?:the|his|her|their|its|our|my|your|every|each|any)|['’]s)\s+$", re.IGNORECASE)
_LOOSELY = re.compile(
    r"\b(?:about|around|nearly|almost|over|than|least|some|every|roughly|under|to|or)\s+$", re.IGNORECASE
)
_NO_BARE_WEEKDAY = re.compile(
    rf"s\b|\s*(?:to|through|-|–|—)\s*(?:{_DAY})\b|-\w|\s*[,(]?\s*(?:\d|(?:{_MONTH})\.?\s+\d)"
    rf"|\s+{_HALF_DAY}s\b|\s+(?:{_HALF_DAY}\s+)?(?:last|next)\s+(?:week|month|year)\b"
    rf"|\s+(?:week|of|before\s+last|in\s+(?:{_MONTH}|\d{{4}})|the\s+\d+\w*|school|roast|best|prayers|mass)\b"
    r"|(?-i:\s+(?:Times|Telegraph|Mirror|Mail|Express|Post|Herald|Night|Club|World|Sport|Business|Review|Brunch))\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\b(?:ago(?:\s+on)?|(?:day|week|month|year)s?\s+from)\s+$", re.IGNORECASE)
_WEEKS = re.compile(rf"\b(?:an?|\d+|{'|'.join(_NUMBERS)})\s+(?:week|month|year)s?\s+$", re.IGNORECASE)
_ERA = re.compile(
    r"\b(?:(?<!ahead\s)(?<!because\s)(?<!instead\s)(?<!as\s)(?<!end\s)of|better|brighter|fairer|greener|safer)\s+$",
    re.IGNORECASE,
)


class Found(NamedTuple):
    """The words `text[start:end]` mean the days `first` to `last`, both included."""

    start: int
    end: int
    first: dt.date
    last: dt.date


class _Place(NamedTuple):
    """A rule's words in their sentence, and the day on which they were written."""

    sentence: str
    match: re.Match[str]
    written: dt.date

    @property
    def before(self) -> str:
        return self.sentence[: self.match.start()]

    @property
    def after(self) -> str:
        return self.sentence[self.match.end() :]

    def tense(self) -> Tense:
        return tense_at(self.sentence, *self.match.span())

    def number(self) -> int:
        words = self.match["number"].lower()
        return int(words) if words.isdigit() else _NUMBERS.index(words) + 1 if words in _NUMBERS else 1

    def is_name(self) -> bool:
        """Whether the words are written as a title is: "Last Week", or "Today" within a sentence."""
        words = re.findall(r"[^\W\d]+", self.match[0])
        if "day" in self.match.re.groupindex or self.sentence.isupper() or not all(map(str.istitle, words)):
            return False  # weekdays always begin with a capital
        return len(words) > 1 or not _OPENING.fullmatch(self.before) or self.after[:1] in ("”", '"')


def find(text: str, written: dt.date) -> list[Found]:
    """The relative days of `text`, in order, as seen from the day on which it was `written`.

    `start` and `end` are character offsets into `text`, half open. Days before the year 1 or after 9999 are left out.
    """
    return sorted(
        Found(sentence.start() + start, sentence.start() + end, *days)
        for sentence in _SENTENCE.finditer(ascii_case(text))
        for start, end, days in _in_sentence(sentence[0], written)
    )


def days_of(text: str, written: dt.date | None) -> tuple[Days, ...]:
    """What `find` finds, each meaning once; nothing for a text without a date."""
    if written is None:
        return ()
    days = [Days(text=text[one.start : one.end], first=one.first, last=one.last) for one in find(text, written)]
    return tuple({(one.text.lower(), one.first): one for one in reversed(days)}.values())[::-1]


def dated(text: str, written: dt.date | None) -> str:
    """The text with what its relative days mean beside them: "on Monday evening (19 May 2025)"."""
    for one in reversed(find(text, written) if written else []):
        rest = _REST_OF_DAY.match(text, one.end)
        end = rest.end() if rest else one.end
        text = f"{text[:end]} ({label(one.first, one.last)}){text[end:]}"
    return text


def has_date(text: str) -> bool:
    """Whether a day of the calendar stands in it, such as "19 May" or "May 19th"."""
    return bool(_DATE.search(_MAY.sub("", text)))


def _in_sentence(sentence: str, written: dt.date) -> Iterator[tuple[int, int, Range]]:
    taken: list[tuple[int, int]] = []
    for pattern, resolve in _RULES:
        for match in pattern.finditer(sentence):
            start, end = match.span()
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            taken.append((start, end))  # also where it is left out: "Last Week Tonight" holds no "tonight" either
            place = _Place(sentence, match, written)
            is_left_out = place.is_name() or _COUNTED.search(place.before)  # "a year ago today"
            days = None if is_left_out else _on_calendar(resolve, place)
            if days:
                yield start, end, days


def _on_calendar(resolve: Callable[[_Place], Range | None], place: _Place) -> Range | None:
    try:
        return resolve(place)
    except (OverflowError, ValueError):  # dt.date knows only the years 1 to 9999, and an article may be of either
        return None


def _single(place: _Place) -> Range | None:
    words = " ".join(place.match[0].lower().split())
    if words.startswith("today") and re.match(r"['’]s\b|\s+(?:programme|show)\b", place.after):
        return None
    if _WEEKS.search(place.before) or (_ERA.search(place.before) and place.after[:2] not in ("'s", "’s")):
        return None  # "a week tomorrow", "a better tomorrow", "the leaders of tomorrow"
    shifts = {
        "yesterday": -1,
        "last night": -1,
        "tomorrow": 1,
        "the day before yesterday": -2,
        "the day after tomorrow": 2,
    }
    if words == "today" and place.tense() == "open":
        return None  # nowadays
    day = place.written + shifts.get(words, 0) * DAY
    return day, day


def _whole(place: _Place) -> Range | None:
    """This, last or next week, month or year."""
    step = {"last": -1, "this": 0, "next": 1}[place.match["side"].lower()]
    unit = place.match["unit"].lower()
    if _OWNERS.search(place.before) or re.match(r"\s+(?:of|Tonight)\b", place.after):
        return None
    if unit == "week":
        is_clear = place.written.weekday() < 6 or step == 1
        return week_of(place.written + 7 * step * DAY) if is_clear else None
    if unit == "month":
        return shift_months(place.written, step)
    return year_of(place.written.year + step)


def _weekend(place: _Place) -> Range | None:
    side, weekday = (place.match["side"] or "the").lower(), place.written.weekday()
    saturday = week_of(place.written)[0] + 5 * DAY
    on_weekend = weekday >= 5
    if side == "last":
        saturday -= 7 * DAY
    elif side == "next":
        if not on_weekend:
            return None  # the coming one, or the one after that
        saturday += 7 * DAY
    elif not on_weekend:
        tense = "future" if side == "this" and weekday >= 2 else place.tense()
        if tense == "open":
            return None
        saturday -= 7 * DAY if tense == "past" else 0 * DAY
    return saturday, saturday + DAY


def _ago(place: _Place) -> Range | None:
    number, unit = place.number(), place.match["unit"].lower()
    if _LOOSELY.search(place.before) or (unit != "day" and number >= LONG_AGO):
        return None
    return _away(place.written, -number, unit)


def _ahead(place: _Place) -> Range | None:
    return None if _LOOSELY.search(place.before) else _away(place.written, place.number(), place.match["unit"].lower())


def _past(place: _Place) -> Range | None:
    """The days up to and with that of writing: "the past two weeks"."""
    number, unit = place.number() if place.match["number"] else 1, place.match["unit"].lower()
    if unit == "year" and number > 1:
        return None  # an era rather than days
    if unit in ("month", "year"):
        return same_day(place.written, -number * (12 if unit == "year" else 1)), place.written
    days = {"hour": -(-number // 24), "day": number, "week": 7 * number}[unit]
    return place.written - days * DAY, place.written


def _weekday(place: _Place) -> Range | None:
    wanted = _WEEKDAYS.index(place.match["day"].lower())
    side = (place.match["side"] or "").lower()
    if _NO_BARE_WEEKDAY.match(place.after) or (not side and not _may_be_bare(place)):
        return None
    back, ahead = (place.written.weekday() - wanted) % 7, (wanted - place.written.weekday()) % 7
    if side in ("last", "next"):
        return _last_or_next(place.written, wanted, side)
    if back == 0:
        return place.written, place.written
    if side == "this" and wanted > place.written.weekday():
        day = place.written + ahead * DAY
        return day, day
    tense = _tense_of_weekday(place)
    if tense == "open":
        return None
    day = place.written - back * DAY if tense == "past" else place.written + ahead * DAY
    return day, day


def _tense_of_weekday(place: _Place) -> Tense:
    if re.search(r"\bsince\s+(?:last\s+|early\s+|late\s+)?$", place.before, re.IGNORECASE):
        return "past"
    if re.match(r"\s+(?:on|onwards?)\b(?!\s+the\b)", place.after) and re.search(
        r"\bfrom\s+$", place.before, re.IGNORECASE
    ):
        return "future"
    return planned(place.sentence, *place.match.span(), place.tense())


def _last_or_next(written: dt.date, wanted: int, side: str) -> Range | None:
    """The nearest such weekday, unless that of the week before or after may be meant."""
    sign = -1 if side == "last" else 1
    distance = (sign * (wanted - written.weekday())) % 7 or 7
    day = written + sign * distance * DAY
    of_that_week = week_of(written + sign * 7 * DAY)[0] + wanted * DAY
    is_clear = day == of_that_week or (side == "last" and distance >= SURE)
    return (day, day) if is_clear else None


def _may_be_bare(place: _Place) -> bool:
    """Whether a weekday stands where a day would, and not in a name, a habit or a description."""
    if place.after[:2] in ("'s", "’s"):
        return bool(re.search(r"\b(?:in|after|since|following|during|ahead\s+of)\s+$", place.before, re.IGNORECASE))
    if re.search(r"\b(?:[Mm]ail|week)\s+on\s+$", place.before):
        return False
    word = _BEFORE.search(place.before)
    if word is None:
        return not place.before.strip() or place.before.rstrip()[-1] in ',;:“"(—–'
    if word[1].lower() in _LEADS_TO_WEEKDAY or word[1].lower() == "due":
        return True
    return word[1].islower() and tense_at(word[1], len(word[1]), len(word[1])) == "past"


def _away(written: dt.date, number: int, unit: str) -> Range:
    """So many units from the day of writing; the larger the unit, the wider the range that is meant."""
    if unit == "day":
        day = written + number * DAY
        return day, day
    if unit == "week":
        middle = written + 7 * number * DAY
        return middle - 3 * DAY, middle + 3 * DAY
    return shift_months(written, number) if unit == "month" else year_of(written.year + number)


_Rule = tuple[re.Pattern[str], Callable[[_Place], Range | None]]
# The first rule that takes words keeps them.
_RULES: tuple[_Rule, ...] = tuple(
    (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), resolve)
    for pattern, resolve in (
        (r"the\s+day\s+(?:before\s+yesterday|after\s+tomorrow)", _single),
        (r"(?P<side>last|this|next)\s+(?P<unit>week|month|year)", _whole),
        (r"(?:(?P<side>last|this|next)|(?:at|over|during)\s+the)\s+weekend", _weekend),
        (rf"{_NUMBER}\s+{_UNIT}\s+ago", _ago),
        (rf"{_NUMBER}\s+{_UNIT}(?:\s+from\s+now|['’]?\s+time)", _ahead),
        (rf"(?:the|these)\s+(?:past|last)\s+{_NUMBER}\s+(?P<unit>hour|day|week|month|year)s?", _past),
        (r"the\s+past\s+(?P<number>)(?P<unit>week|month|year)", _past),
        (rf"(?:(?P<side>last|next|this)\s+)?(?P<day>{_DAY})(?=s?\b)", _weekday),
        (r"yesterday|today|tomorrow|tonight|last\s+night|this\s+(?:morning|afternoon|evening)", _single),
    )
)
