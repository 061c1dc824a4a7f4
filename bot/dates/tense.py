"""Whether an English sentence speaks of the past or the future at some place in it.

Rules over words, made for news: the nearest verb before the place decides, without one the nearest after it. A verb
whose time cannot be told ("is", "asked to close", "could open") leaves it open. It knows nothing of dates.
"""

import re
from typing import Literal, NamedTuple

Tense = Literal["past", "future", "open"]

NEAR = 60  # characters within which what belongs to a word is looked for: all of a long sentence would take for ever

# Lists as text: as list literals they would fill the page.
_IRREGULAR = """arose ate beat became began bent bit bled blew bore bought broke brought built burst came caught
    chose cost cut dealt did died drank drew drove fed fell felt fled flew flung forgot fought found froze gave
    got grew had has have heard held hid hit hung hurt kept knew laid lay led left lent lost made meant met
    overtook paid quit ran rang read rode rose said sang sank sat saw sent shook shot shut slept slid sold
    sought spent spoke sprang spread stole stood struck stuck swam swept swore taught thought threw told took
    tore understood was went were withdrew woke won wore wrote""".split()  # noqa: SIM905
_NO_VERBS = """aged armed bed breed deed embed exceed feed greed hundred indeed kindred limited naked need proceed red
    related sacred seed shed so-called speed succeed united unprecedented weed wicked""".split()  # noqa: SIM905
_PLACES = """bed church court death hospital jail journalists lawmakers parliament police power prison reporters
    school sea town victory work""".split()  # noqa: SIM905 - what follows "to" without being a verb
_PRESENT = """airs appears attends closes comes continues ends faces flies gets goes holds hosts joins launches leaves
    makes marks plays publishes runs says sits speaks stops takes travels unveils visits votes""".split()  # noqa: SIM905 - a plan or a habit, and some of them nouns

_BETWEEN = r"(?:\s+(?:not|also|then|soon|again|now|only|first|still|all|never|\w+ly))*"
_VERB = rf"{_BETWEEN}(?:\s+(?:be|get))?(?:\s+\w+)?"
_SET = r"(?:due|set|scheduled|expected|slated|supposed|poised|likely|planned|billed|timed)"
_UNSURE = rf"""(?:would|could|might|may|must|should|will){_BETWEEN}\s+have\s+\w+
    |(?:was|were|had|has|have)(?:\s+been)?{_BETWEEN}\s+(?:going\s+to|about\s+to|to|{_SET}(?:\s+to)?)\b{_VERB}
    |(?:planned|intended|hoped|wanted|meant|asked|refused|agreed|vowed|promised)\s+to\b{_VERB}
    |(?:originally|initially|previously)\s+{_SET}\b(?:\s+(?:to\b{_VERB}|for|on|by|in|at)\b)?|could{_VERB}|if"""
_FUTURE = rf"""(?:will|shall|must|can|may|might|should|cannot|won['’]t|['’]ll|would){_VERB}
    |(?:is|are){_BETWEEN}\s+(?:going\s+|about\s+)?to\b{_VERB}
    |(?:is|are)\s+on(?=\s+\S+day\b)
    |(?:(?:is|are)\s+)?{_SET}\s+(?:to\b{_VERB}|for|on|by|in|at)
    |(?:plan|intend|hope|expect|aim|promise|want|mean|have|ha|need|vow|threaten)s?\s+to\b{_VERB}
    |(?:begin|start|open|resume|arrive|return|expire|meet|reopen|convene|premiere)s
    |ahead\s+of|takes?\s+place|kicks\s+off|(?:beginning|starting|opening|closing)(?=\s+(?:on|from|next)\b)"""
_TIMELESS = rf"""(?:is|are|am|be)(?:{_BETWEEN}\s+(?:\w+ed|\w+ing)\b)?|(?:do|does)(?:\s+not|n['’]t)|{"|".join(_PRESENT)}
    |to\s+be{_BETWEEN}\s+\w+
    |to\s+(?!(?:the|an?|his|her|its|their|him|them|it|that|this|one|{"|".join(_PLACES)})\b)[^\W\d]+"""
_PAST = rf"""(?:has|have|had)\s+been\s+\w+|(?:{"|".join(_IRREGULAR)})(?:n['’]t)?|\w+ed"""

_CUE = re.compile(
    rf"(?:(?P<unsure>{_UNSURE})|(?P<future>{_FUTURE})|(?P<timeless>{_TIMELESS})|(?P<past>{_PAST}))\b",
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r"(?<![\w'’-])(?=\w)|(?<=\w)(?=['’]ll\b)")
_DESCRIBED = re.compile(r"\b(?:an?|the|its|his|her|their|our|my|this|that|of|\d+)\s+(?:\w+ly\s+)?$", re.IGNORECASE)

_ASIDE = re.compile(r",\s+(?:who|which|whose|whom|where)\b[^,]*,")


class _Cue(NamedTuple):
    start: int
    tense: Tense


def tense_at(sentence: str, start: int, end: int) -> Tense:
    """The time of which `sentence` speaks at its words `sentence[start:end]`; "open" where it cannot be told."""
    cues = _cues(_without_asides(sentence, start))
    before = [cue for cue in cues if cue.start < start]
    after = [cue for cue in cues if cue.start >= end]
    return (before[-1:] or after[:1] or [_Cue(start, "open")])[0].tense


def nearest_verb(sentence: str, start: int) -> int:
    """Where the verb begins that decides about the place `start`; 0 if none stands before it."""
    return max((cue.start for cue in _cues(_without_asides(sentence, start)) if cue.start < start), default=0)


def _without_asides(sentence: str, start: int) -> str:
    """`sentence` with blanks for asides before the place `start`: "The club, which lost in April, face Leeds"."""
    return _ASIDE.sub(lambda aside: " " * len(aside[0]), sentence[:start]) + sentence[start:]


def _cues(sentence: str) -> list[_Cue]:
    """The verbs of `sentence` in order, each with what belongs to it: "will soon be opened" is one."""
    cues, position = [], 0
    for word in _WORD.finditer(sentence):
        match = _CUE.match(sentence, word.start()) if word.start() >= position else None
        if match is None or _is_no_verb(sentence, match):
            continue
        cues.append(_Cue(match.start(), "past" if match["past"] else "future" if match["future"] else "open"))
        position = match.end()
    return cues


def _is_no_verb(sentence: str, match: re.Match[str]) -> bool:
    """Whether what looks like a verb is none: "hundred", "the planned march", "27 votes", "to Rome"."""
    words = match[0]
    if words.lower() in _NO_VERBS:
        return True
    if words.lower().startswith("to "):
        return words[3].isupper() and not words.isupper()
    alone = words.lower().endswith("ed") or words.lower() in _PRESENT
    return alone and " " not in words and bool(_DESCRIBED.search(sentence, max(0, match.start() - NEAR), match.start()))
