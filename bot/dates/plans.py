"""Weekdays that a verb of the past sets for the future: "adjourned until Friday", "a protest was called for Sunday".

"Have called a strike on Friday" can be a plan or a report, so it is left open. All this corrects what `tense` says of
a place in a sentence. Pure.
"""

import re

from bot.dates.tense import NEAR, Tense, nearest_verb, tense_at

# Lists as text: as list literals they would fill the page.
_ANNOUNCING = """advised agreed announced appealed arranged asked billed booked called canceled cancelled deferred
    delayed demanded forecast invited issued offered ordered organised organized planned postponed predicted promised
    proposed rearranged rescheduled scheduled summoned threatened urged warned""".split()  # noqa: SIM905
_EVENTS = """alert concert conference election final fixture forecast game hearing march match meeting protest rally
    referendum strike summit talks vote walkout warning""".split()  # noqa: SIM905
_SETTING = """adjourned bailed extended fixed gave given listed moved pencilled prolonged pushed put recalled remanded
    reserved set suspended told""".split()  # noqa: SIM905
_PLANNING = "|".join(_ANNOUNCING + _SETTING)
_TIME = r"""(?:at\s+least|early|late|noon|midday|midnight|\d[\d.:]*(?:\s?[ap]\.?m\.?)?
    |the\s+(?:end|evening|morning)\s+of)"""

_PLAN = re.compile(rf"\b(?:{_PLANNING})\b|\b(?:have|has)\s+(?:only\s+|just\s+)?until\b", re.IGNORECASE)
_AIM = re.compile(
    rf"\b(?P<word>until|till|for|by|deadline\s+of)\s+(?:{_TIME}\s+)*(?:on\s+)?$", re.IGNORECASE | re.VERBOSE
)
_NOT = re.compile(r"(?:\b(?:not|never)|n['’]t)(?:\s+[\w-]+){0,5}\s+$", re.IGNORECASE)
_HAD = re.compile(rf"\bhad(?:\s+\w+){{0,2}}\s+(?:{_PLANNING})\b", re.IGNORECASE)
_EXPECTED = re.compile(
    r"""(?P<unsure>\b(?:was|were|had(?:\s+been)?|originally|initially|previously|first)\s+(?:\w+ly\s+)?)?
    \b(?:due|expected|planned|scheduled|slated)\s+(?:early\s+|late\s+)?$""",
    re.IGNORECASE | re.VERBOSE,
)
_HAS_ANNOUNCED = re.compile(
    rf"""(?:(?:\b(?:has|have)|['’]ve)(?:\s+been)?|\b(?:is|are)\s+being)(?:\s+(?:also|now|\w+ly))?
    \s+(?:{"|".join(_ANNOUNCING)}|ruled\s+out)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_TO_COME = re.compile(
    r"\b(?:(?:planned|proposed|scheduled|forthcoming|upcoming)(?:\s+[\w-]+){1,3}|(?:is|are)\s+being\s+\w+)\s+on\s+$",
    re.IGNORECASE,
)
_CALLED_EVENT = re.compile(
    rf"(?:{'|'.join(_ANNOUNCING)})\s+(?!(?:after|at|during|following|in)\b).*\b(?:{'|'.join(_EVENTS)})s?\b",
    re.IGNORECASE,
)
_WAS_GOING = re.compile(
    r"(?:was|were)\s+(?:taking\s+place|(?:arriv|com|fly|go|hold|host|leav|meet|open|play|return|start|travell?)ing)\b",
    re.IGNORECASE,
)
_SAID = re.compile(r"\b(?:said|says|told|confirmed|announced|added)\b", re.IGNORECASE)
_SAID_THE = re.compile(
    r"(?:said|told|confirmed|announced|warned|insisted)\b.*\b(?:an?|the|their|its|his|her)\b", re.IGNORECASE
)
_WOULD = re.compile(r"\s+(?:will|would)\b", re.IGNORECASE)
_AFTER = re.compile(r"\b(?:after|following|during|since)\b", re.IGNORECASE)
_IS = re.compile(r"(?:is|are)\b", re.IGNORECASE)
_WHEN = re.compile(r",?\s+when\b")


def planned(sentence: str, start: int, end: int, tense: Tense) -> Tense:
    """The time of the weekday `sentence[start:end]`, where `tense` is that of its place."""
    if expected := _EXPECTED.search(sentence, max(0, start - NEAR), start):
        return "open" if expected["unsure"] else "future"  # "a vote expected Friday"
    verb = nearest_verb(sentence, start)
    if aim := _AIM.search(sentence, max(0, start - NEAR), start):
        return _aimed_at(sentence, end, tense, verb, aim)
    return "open" if tense == "past" and _can_be_plan(sentence, start, end, verb) else tense


def _aimed_at(sentence: str, end: int, tense: Tense, verb: int, aim: re.Match[str]) -> Tense:
    """The time of a weekday after "until" or "for"; the `verb` that decides begins there."""
    if tense == "future":
        return tense
    word, is_plan = aim["word"].lower(), bool(_PLAN.search(sentence, verb, aim.end()))
    if word == "by":
        return "open" if is_plan else tense  # "demanded a reply by Friday"
    if tense == "open":
        return "future" if _IS.match(sentence, verb) and (is_plan or word == "until") else tense
    if word in ("until", "till") and (
        not aim.start() or _NOT.search(sentence, max(0, aim.start() - NEAR), aim.start())
    ):
        return tense
    if not is_plan or _with_verb(_HAD, sentence, verb):
        return "open"
    when = _WHEN.match(sentence, end)
    return "open" if when and tense_at(sentence[when.end() :], 0, 0) == "past" else "future"


def _can_be_plan(sentence: str, start: int, end: int, verb: int) -> bool:
    """Whether a weekday after this `verb` of the past may still be to come."""
    announced = _with_verb(_HAS_ANNOUNCED, sentence, verb)
    if announced and not _AFTER.search(sentence, announced.end(), start):
        return True
    if _TO_COME.search(sentence, max(0, start - NEAR), start):
        return True  # "a planned march on Friday"
    if _CALLED_EVENT.match(sentence, verb, start):
        return True  # "called a strike on Friday"
    if _WAS_GOING.match(sentence, verb) and _SAID.search(sentence, 0, verb):
        return True  # "said he was flying to Paris on Friday"
    return bool(
        _WOULD.match(sentence, end) and _SAID_THE.match(sentence, verb, start)
    )  # "said the vote on Friday would"


def _with_verb(pattern: re.Pattern[str], sentence: str, verb: int) -> re.Match[str] | None:
    """Where `pattern` matches round the place where the verb begins."""
    found = pattern.finditer(sentence, max(0, verb - NEAR), verb + NEAR)
    return next((match for match in found if match.start() <= verb < match.end()), None)
