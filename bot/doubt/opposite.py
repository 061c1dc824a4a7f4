"""Words of a sentence that say the opposite of what a text says: negations and opposites. Pure; English.

It compares words, not meanings: what it finds is a reason to doubt, no proof.
"""

import re
from collections.abc import Set

from bot.words import plain_letters, stems

# Opposites on the two sides of a bar; which of a side's words stands in the text is all the same.
_OPPOSITES = """
    increase rise rose risen grow grew grown gain climb jump surge soar up upward higher raise expand | decrease decline
        fall fell fallen drop lose lost slump sink sank sunk plunge plummet tumble down downward lower reduce shrink
        shrank cut
    more | less fewer
    most | least fewest
    above | below
    high high-level highest big biggest large largest great greatest huge | low lowest small smallest little tiny
    before earlier | after later
    begin began begun start open launch | end finish close stop halt
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
    keep kept retain | delete remove drop
    arrest capture caught | release free
    send sent | receive
    borrow | lend lent
    ask question | answer reply replied
    teach taught | learn learned
    push | pull
    hide hid hidden conceal | reveal show disclose
    include | exclude omit
    day | night
    wet rain rainy | dry
    heavy heavier | light lighter
    wide wider broad | narrow narrower
    deep deeper | shallow
    thick | thin
    loud | quiet silent
    major | minor
    identical same | different
    visible | invisible hidden
    legal | illegal
    urban city | rural countryside
    domestic | foreign
    victim | attacker
    buyer customer | seller
    employer | employee
    teacher | student pupil
    optimistic | pessimistic
    positive | negative
    survive alive | dead die died kill
    born birth | died death
    hire appoint | fire fired dismiss sack sacked resign
    build built construct | destroy demolish
    create found establish | abolish dissolve
    add | remove subtract
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

_SCOPE = 3  # words after a negation that it may deny

_NEGATION = re.compile(r"\b(?:not|no|never(?![- ]before)|none|nobody|nothing|without|neither|nor|cannot)\b|n't\b")
# What a text may say instead of "not"; whoever retells it with a negation may be right.
_AS_GOOD = re.compile(
    r"\b(?:less|fewer|few|little|hardly|barely|scarcely|rarely|seldom|unable|lack\w*|fail\w*|refus\w+|reject\w*"
    r"|den(?:y|ie)\w*|prevent\w*|avoid\w*|insufficient\w*|instead|rather than|yet to)\b"
)
_SAID_NO = re.compile(r"^\W*no\b[,.]?")
_DENIES = f"{_NEGATION.pattern}|{_AS_GOOD.pattern}"
_TOKEN = re.compile(rf"(?P<denies>{_DENIES})|(?P<word>[a-z]+(?:-[a-z]+)?)|[.;:?!…]")


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

    A negation is one if `text` denies nothing. Another word is one if `text` has its opposite, and not itself or what
    means the same; words that are denied, here or there, are left out.
    """
    plain, known = _SAID_NO.sub("", plain_letters(sentence)), plain_letters(text)
    negated = [] if re.search(_DENIES, known) else [match[0] for match in _NEGATION.finditer(plain)]
    said, there = _affirmed(plain), set(_affirmed(known))
    lost = there - set(stems(match["word"] for match in _TOKEN.finditer(plain) if match["word"]))
    turned = [word for stem, word in said.items() if stem not in there and _turns(stem, lost, there)]
    return tuple(dict.fromkeys([*negated, *turned]))


def _affirmed(text: str) -> dict[str, str]:
    """The words of `text` that it does not deny, by their stems; it has no capitals or accents."""
    words = []
    left = 0  # of the words that the last negation may deny
    for match in _TOKEN.finditer(text):
        if match["denies"]:
            left = _SCOPE
        elif not match["word"]:
            left = 0
        elif left:
            left -= 1
        else:
            words.append(match["word"])
    return dict(zip(stems(words), words, strict=True))


def _turns(stem: str, lost: Set[str], there: Set[str]) -> bool:
    """Whether a word that the sentence `lost` says the opposite of `stem`, and nothing `there` says the same."""
    if any(other & lost and not own & there for own, other in _SIDES.get(stem, ())):
        return True
    return any(
        (stem.startswith(prefix) and len(stem) >= len(prefix) + _ROOT and stem[len(prefix) :] in lost)
        or (len(stem) >= _ROOT and prefix + stem in lost)
        for prefix in _PREFIXES
    )
