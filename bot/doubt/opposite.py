"""Words of a sentence that say the opposite of what a text says: negations and opposites. Pure; English.

It compares words, not meanings: what it finds is a reason to doubt, no proof.
"""

import re
from collections.abc import Set

from bot.words import plain_letters, stems

# Opposites on the two sides of a bar; which of a side's words stands in the text is all the same.
_OPPOSITES = """
    increase rise grow gain climb jump surge soar up upward higher raise expand | decrease decline fall drop lose slump
        sink plunge down downward lower reduce shrink cut
    more | less fewer
    most | least fewest
    above | below
    high high-level highest big biggest large largest great greatest huge | low lowest small smallest little tiny
    before earlier | after later
    begin start open launch | end finish close stop halt
    win won winner victory | lose lost loser defeat
    buy bought purchase | sell sold sale
    allow permit approve legalise legalize authorise authorize | ban forbid prohibit block outlaw
    accept | reject refuse decline
    support back endorse favour favor | oppose condemn criticise criticize
    confirm admit | deny denied
    praise | blame criticise criticize
    inside within indoors | outside outdoors
    ahead forward | behind back backward backwards
    public publicly openly | secret secretly private privately
    succeed success successful successfully | fail failure failed unsuccessful
    arrive enter join | leave left depart quit
    survive alive | dead die died kill
    born birth | died death
    hire appoint | fire fired dismiss sack sacked resign
    build built construct | destroy demolish
    create found establish | abolish dissolve
    add | remove
    import | export
    attack | defend
    agree | disagree
    remember | forget forgot
    love like | hate dislike
    true | false
    north northern | south southern
    east eastern | west western
    young younger youngest | old older oldest
    hot warm warmer | cold cool colder
    early earliest | late latest
    first | last
    long longer longest | short shorter shortest
    strong stronger strongest | weak weaker weakest
    rich wealthy | poor
    safe | dangerous unsafe
    easy | difficult hard
    cheap cheaper | expensive costly
    fast faster quickly | slow slower slowly
    good better best | bad worse worst
    full | empty
    guilty convict | innocent acquit
    always | never
    man men male boy husband father son brother | woman women female girl wife mother daughter sister
    profit profitable | loss unprofitable
    ally friend | enemy
    majority | minority
    maximum | minimum
    permanent permanently | temporary temporarily
    voluntary voluntarily | compulsory mandatory
    deliberate deliberately intentional | accidental accidentally
    despite although | because
"""
_PREFIXES = ("un", "non", "dis", "in", "im", "ir", "il")
_ROOT = 5  # letters that a word has without its prefix: "display" is no opposite of "play"

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)?")
_NEGATION = re.compile(r"\b(?:not|no|never|none|nobody|nothing|without|neither|nor|cannot)\b|n't\b")
# What a text may say instead of "not"; whoever retells it with a negation may be right.
_AS_GOOD = re.compile(
    r"\b(?:less|fewer|few|little|hardly|barely|scarcely|rarely|seldom|unable|lack\w*|fail\w*|refus\w+|reject\w*|den(?:y|ie)\w*"
    r"|prevent\w*|avoid\w*|insufficient\w*|instead|rather than|yet to)\b"
)
_SAID_NO = re.compile(r"^\W*no\b[,.]?")


def _sides() -> dict[str, list[tuple[frozenset[str], frozenset[str]]]]:
    """Of each word its own side, whose words say much the same, and the other one."""
    sides: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
    for line in re.sub(r"\n {5,}", " ", _OPPOSITES).strip().split("\n"):
        one, other = (frozenset(stems(side.split())) for side in line.split("|"))
        for own, turned in ((one, other), (other, one)):
            for word in own:
                sides.setdefault(word, []).append((own, turned))
    return sides


_SIDES = _sides()


def opposed(sentence: str, text: str) -> tuple[str, ...]:
    """The words of `sentence` that say the opposite of `text`, in order.

    A negation is one if `text` denies nothing. Other words are looked at if neither of them does: who denies the
    opposite says the same again.
    """
    plain, known = _SAID_NO.sub("", plain_letters(sentence)), plain_letters(text)
    denied, denying = (bool(_NEGATION.search(one) or _AS_GOOD.search(one)) for one in (plain, known))
    if denied or denying:
        return () if denying else tuple(dict.fromkeys(match[0] for match in _NEGATION.finditer(plain)))
    words = _WORD.findall(plain)
    said, there = dict(zip(stems(words), words, strict=True)), set(stems(_WORD.findall(known)))
    return tuple(word for stem, word in said.items() if _turns(stem, said.keys(), there))


def _turns(stem: str, said: Set[str], there: Set[str]) -> bool:
    """Whether the text has an opposite of `stem` that the sentence has not, and nothing of the same meaning."""
    if stem in there:
        return False
    if any(other & there - said and not own & there for own, other in _SIDES.get(stem, ())):
        return True
    return any(
        (stem.startswith(prefix) and len(stem) >= len(prefix) + _ROOT and stem[len(prefix) :] in there - said)
        or (len(stem) >= _ROOT and prefix + stem in there - said)
        for prefix in _PREFIXES
    )
