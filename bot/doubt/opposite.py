"""Words of a sentence that say the opposite of what a text says: negations and opposites. Pure; English.

It compares words, not meanings: what it finds is a reason to doubt, no proof. So the list has no pairs of which one
text often has both truly: who was born also died, what one sells another buys, what opens closes.
"""

import re
from collections.abc import Set

from bot.words import plain_letters, stems

# Two sides of a line; which of a side's words stands in the text is all the same.
_OPPOSITES = tuple(
    (one.split(), other.split())
    for one, other in (
        (
            "increase rise rose risen grow grew grown gain climb jump surge soar upward higher raise expand",
            "decrease decline fall fell fallen drop lose lost slump sink sank sunk plunge plummet tumble downward "
            "lower reduce shrink shrank cut",
        ),
        ("more", "less fewer"),
        ("above", "below"),
        ("high high-level highest big biggest large largest huge", "low lowest small smallest tiny"),
        ("before earlier", "after later"),
        ("allow permit approve legalise legalize authorise authorize", "ban forbid prohibit block outlaw"),
        ("accept", "reject refuse decline"),
        ("keep kept retain", "delete remove drop"),
        ("support back endorse favour favor", "oppose condemn criticise criticize"),
        ("confirm admit", "deny denied"),
        ("praise", "blame criticise criticize"),
        ("inside within indoors", "outside outdoors"),
        ("ahead forward", "behind backward backwards"),
        ("publicly openly", "secret secretly privately"),
        ("succeed success successful successfully victory", "fail failure failed unsuccessful defeat"),
        ("survive alive", "dead die killed"),
        ("destroy demolish", "build built construct"),
        ("import", "export"),
        ("agree", "disagree"),
        ("remember", "forget forgot"),
        ("love", "hate"),
        ("true", "false"),
        ("north northern", "south southern"),
        ("east eastern", "west western"),
        ("younger youngest", "older oldest"),
        ("hot warm warmer", "cold cool colder"),
        ("long longer longest", "short shorter shortest"),
        ("strong stronger strongest", "weak weaker weakest"),
        ("rich wealthy", "poor"),
        ("safe", "dangerous unsafe"),
        ("easy", "difficult hard"),
        ("cheap cheaper", "expensive costly"),
        ("fast faster quickly", "slow slower slowly"),
        ("better best", "worse worst"),
        ("full", "empty"),
        ("guilty convict", "innocent acquit"),
        ("always", "never"),
        ("profitable", "unprofitable"),
        ("majority", "minority"),
        ("major", "minor"),
        ("maximum", "minimum"),
        ("permanent permanently", "temporary temporarily"),
        ("voluntary voluntarily", "compulsory mandatory"),
        ("deliberate deliberately intentional", "accidental accidentally"),
        ("include", "exclude omit"),
        ("hide hid hidden conceal", "reveal show disclose"),
        ("wet rainy", "dry"),
        ("heavy heavier", "light lighter"),
        ("wide wider broad", "narrow narrower"),
        ("deep deeper", "shallow"),
        ("thick", "thin"),
        ("loud", "quiet silent"),
        ("identical same", "different"),
        ("visible", "invisible"),
        ("legal", "illegal"),
        ("possible", "impossible"),
        ("complete", "incomplete"),
        ("direct directly", "indirect indirectly"),
        ("dependent", "independent"),
        ("urban", "rural"),
        ("domestic", "foreign"),
        ("optimistic", "pessimistic"),
        ("positive", "negative"),
    )
)
# A text that gives a reason often has both: "because of illness, despite pleas to stay". One that has the second words
# only leaves no room for the first.
_ONE_WAY = ((["despite"], ["following", "because"]),)
_PREFIXES = ("un", "non")
_ROOT = 5  # letters that a word has without its prefix: "under" is no opposite of "der"
_SCOPE = 3  # words after a negation that it may deny
_NOT = "not(?! only| until| necessarily)"
_NO = r"no(?! later| earlier| more than| less than| fewer than| doubt|\.? ?\d)"
_NEGATION = re.compile(
    rf"\b(?:{_NOT}|{_NO}|never(?![- ]before)|none|nobody|nothing(?! but)|without|neither|nor|cannot)\b|n't\b"
)
# What a text may say instead of "not"; whoever retells it with a negation may be right.
_AS_GOOD = re.compile(
    r"\b(?:less|fewer|hardly|barely|scarcely|rarely|seldom|unable|lack\w*|fail\w*|refus\w+|reject\w*|den(?:y|ie)\w*|ban\w*"
    r"|forb\w+|prohibit\w*|illegal\w*|prevent\w*|avoid\w*|insufficient\w*|instead of|rather than|yet to|except|only"
    r"|absent|un(?!der|ion|it|til|ique|ivers|cle)[a-z]{4,})\b"
)
_DENIES = f"{_NEGATION.pattern}|{_AS_GOOD.pattern}"
_TOKEN = re.compile(rf"(?P<word>(?P<denies>{_DENIES})|[a-z]+(?:-[a-z]+)?)|[.;:?!…]")
_SAID_NO = re.compile(r"^\W*no[,.:;]")


def _sides() -> dict[str, list[tuple[frozenset[str], frozenset[str]]]]:
    """Of each word its own side, whose words say much the same, and the other one."""
    sides: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
    for pair in _OPPOSITES:
        one, other = (frozenset(stems(side)) for side in pair)
        for own, turned in ((one, other), (other, one)):
            for word in own:
                sides.setdefault(word, []).append((own, turned))
    for pair in _ONE_WAY:
        one, other = (frozenset(stems(side)) for side in pair)
        for word in one:
            sides.setdefault(word, []).append((one, other))
    return sides


_SIDES = _sides()


def opposed(sentence: str, text: str) -> tuple[str, ...]:
    """The words of `sentence` that say the opposite of `text`, in order.

    A negation is one if `text` has neither a negation nor a word that is as good as one. Another word is one if `text`
    has its opposite, and not itself or what means the same; words that are denied, here or there, are left out.
    """
    plain, known = _SAID_NO.sub("", plain_letters(sentence)), plain_letters(text)
    negated = [] if re.search(_DENIES, known) else [match[0] for match in _NEGATION.finditer(plain)]
    said, there = _affirmed(plain), set(_affirmed(known))
    everything = set(stems(match["word"] for match in _TOKEN.finditer(plain) if match["word"]))
    turned = [word for stem, word in said.items() if stem not in there and _turns(stem, there - everything, there)]
    return tuple(dict.fromkeys([*negated, *turned]))


def _affirmed(text: str) -> dict[str, str]:
    """The words of `text` that it does not deny, by their stems; it has no capitals or accents."""
    words = []
    left = 0  # of the words that the last negation may deny
    for match in _TOKEN.finditer(text):
        if not match["word"]:
            left = 0
            continue
        if not left:
            words.append(match["word"])
        left = _SCOPE if match["denies"] else max(0, left - 1)
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
