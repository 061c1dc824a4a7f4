"""Weekdays that a verb of the past sets for the future: "adjourned until Friday", "a protest was called for Sunday".

"Have called a strike on Friday" can be a plan or a report, so it is left open. All this corrects what `tense` says of
a place in a sentence. Pure.
"""

import re

from bot.dates.tense import Tense, nearest_verb, tense_at

# Lists as text: as list literals they would fill the page.
_ANNOUNCING = """advised agreed announced arranged billed booked called canceled cancelled deferred delayed demanded
    forecast invited issued offered ordered organised organized planned postponed predicted promised proposed
    rearranged rescheduled scheduled summoned threatened urged warned""".split()  # noqa: SIM905
_SETTING = """adjourned bailed extended fixed gave given listed moved pencilled prolonged pushed put recalled remanded
    reserved set suspended told""".split()  # noqa: SIM905
_PLANNING = "|".join(_ANNOUNCING + _SETTING)
_TIME = r"""(?:at\s+least|early|late|noon|midday|midnight|\d[\d.:]*(?:\s?[ap]\.?m\.?)?
    |the\s+(?:end|evening|morning)\s+of)"""

_PLAN = re.compile(rf"\b(?:{_PLANNING})\b|\b(?:have|has)\s+(?:only\s+|just\s+)?until\b", re.IGNORECASE)
_AIM = re.compile(
    rf"\b(?P<word>until|till|for|by|deadline\s+of)\s+(?:{_TIME}\s+)*(?:on\s+)?$", re.IGNORECASE | re.VERBOSE
)
_NOT_UNTIL = re.compile(r"(?:\b(?:not|never)|n['’]t)(?:\s+[\w-]+){0,5}\s+(?:until|till)\b[^,;]*$", re.IGNORECASE)
_HAD = re.compile(rf"\bhad(?:\s+\w+){{0,2}}\s+(?:{_PLANNING})\b[^,;]*$", re.IGNORECASE)
_EXPECTED = re.compile(
    r"""(?P<unsure>\b(?:was|were|had(?:\s+been)?|originally|initially|previously|first)\s+(?:\w+ly\s+)?)?
    \b(?:due|expected|planned|scheduled|slated)\s+(?:early\s+|late\s+)?$""",
    re.IGNORECASE | re.VERBOSE,
)
_HAS_ANNOUNCED = re.compile(
    rf"""(?:(?:\b(?:has|have)|['’]ve)(?:\s+been)?|\b(?:is|are)\s+being)(?:\s+(?:also|now|\w+ly))?
    \s+(?:{"|".join(_ANNOUNCING)})\b""",
    re.IGNORECASE | re.VERBOSE,
)
_AFTER = re.compile(r"\b(?:after|following|since)\b", re.IGNORECASE)
_IS = re.compile(r"(?:is|are)\b", re.IGNORECASE)
_WHEN = re.compile(r",?\s+when\b")


def planned(sentence: str, start: int, end: int, tense: Tense) -> Tense:
    """The time of the weekday `sentence[start:end]`, where `tense` is that of its place."""
    if expected := _EXPECTED.search(sentence, 0, start):
        return "open" if expected["unsure"] else "future"  # "a vote expected Friday"
    verb = nearest_verb(sentence, start) or 0
    if aim := _AIM.search(sentence, 0, start):
        return _aimed_at(sentence, end, tense, verb, aim)
    announced = [match for match in _HAS_ANNOUNCED.finditer(sentence, 0, start) if match.start() <= verb < match.end()]
    return "open" if announced and not _AFTER.search(sentence, announced[0].end(), start) else tense


def _aimed_at(sentence: str, end: int, tense: Tense, verb: int, aim: re.Match[str]) -> Tense:
    """The time of a weekday after "until" or "for"; the `verb` that decides begins there."""
    if tense == "future":
        return tense
    word, is_plan = aim["word"].lower(), bool(_PLAN.search(sentence, verb, aim.end()))
    if word == "by":
        return "open" if is_plan else tense  # "demanded a reply by Friday"
    if tense == "open":
        return "future" if _IS.match(sentence, verb) and (is_plan or word == "until") else tense
    if word in ("until", "till") and (not aim.start() or _NOT_UNTIL.search(sentence, 0, aim.end())):
        return tense
    if not is_plan or _HAD.search(sentence, 0, aim.start()):
        return "open"
    when = _WHEN.match(sentence, end)
    return "open" if when and tense_at(sentence[when.end() :], 0, 0) == "past" else "future"
