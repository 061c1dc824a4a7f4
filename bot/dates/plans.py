"""Weekdays that a verb of the past sets for the future: "adjourned until Friday", "a protest was called for Sunday".

It corrects what `tense` says of a place in a sentence, and leaves open what can be a plan or a report. Pure.
"""

import re

from bot.dates.tense import Tense, nearest_verb, tense_at

# Lists as text: as list literals they would fill the page.
_PLANNING = """adjourned advised agreed announced arranged bailed billed booked called canceled cancelled deferred
    delayed demanded extended fixed forecast gave given invited issued listed moved offered ordered organised organized
    pencilled planned postponed predicted prolonged promised proposed pushed put rearranged recalled remanded
    rescheduled reserved scheduled set summoned suspended threatened told urged warned""".split()  # noqa: SIM905
_TIME = r"""(?:at\s+least|early|late|noon|midday|midnight|\d[\d.:]*(?:\s?[ap]\.?m\.?)?
    |the\s+(?:end|evening|morning)\s+of)"""

_PLAN = re.compile(rf"\b(?:{'|'.join(_PLANNING)})\b|\b(?:have|has)\s+(?:only\s+|just\s+)?until\b", re.IGNORECASE)
_AIM = re.compile(
    rf"\b(?P<word>until|till|for|by|deadline\s+of)\s+(?:{_TIME}\s+)*(?:on\s+)?$", re.IGNORECASE | re.VERBOSE
)
_NOT_UNTIL = re.compile(r"(?:\b(?:not|never)|n['’]t)(?:\s+[\w-]+){0,5}\s+(?:until|till)\b[^,;]*$", re.IGNORECASE)
_HAD = re.compile(rf"\bhad(?:\s+\w+){{0,2}}\s+(?:{'|'.join(_PLANNING)})\b[^,;]*$", re.IGNORECASE)
_IS = re.compile(r"(?:is|are)\b", re.IGNORECASE)
_WHEN = re.compile(r",?\s+when\b")


def planned(sentence: str, start: int, end: int, tense: Tense) -> Tense:
    """The time of the weekday `sentence[start:end]`, where `tense` is that of its place."""
    aim = _AIM.search(sentence, 0, start)
    if aim is None or tense == "future":
        return tense
    verb = nearest_verb(sentence, start) or 0
    word, is_plan = aim["word"].lower(), bool(_PLAN.search(sentence, verb, start))
    if word == "by":
        return "open" if is_plan else tense  # "demanded a reply by Friday"
    if tense == "open":
        return "future" if _IS.match(sentence, verb) and (is_plan or word == "until") else tense
    if word in ("until", "till") and (not aim.start() or _NOT_UNTIL.search(sentence, 0, start)):
        return tense
    if not is_plan or _HAD.search(sentence, 0, aim.start()):
        return "open"
    when = _WHEN.match(sentence, end)
    return "open" if when and tense_at(sentence[when.end() :], 0, 0) == "past" else "future"
