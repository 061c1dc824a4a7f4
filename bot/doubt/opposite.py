"""Words of a sentence that say the opposite of what a text says: negations and opposites. Pure; English.

It compares words, not meanings: what it finds is a reason to doubt, no proof. So the list has no pairs of which one
text often has both truly: who was born also died, what one sells another buys, what opens closes, what was built is
pulled down.
"""

import re
from collections.abc import Iterator, Set

from bot.doubt.order import same_order
from bot.doubt.senses import SENSES, without_measures
from bot.words import plain_letters, stems

# Two sides of a line; which of a side's words stands in the text is all the same.
_OPPOSITES = tuple(
    (one.split(), other.split())
    for one, other in (
        (
            "increase rise rose risen grow grew grown gain climb jump surge soar rebound upward higher raise expand",
            "decrease decline fall fell fallen drop lose lost slump sink sank sunk plunge plummet tumble slide slid "
            "slip dip downward lower reduce shrink shrank cut",
        ),
        ("more", "less fewer"),
        ("above", "below"),
        # By degree: the highest tower has a low door.
        ("high high-level", "low low-level"),
        ("highest", "lowest"),
        ("big large huge", "small tiny"),
        ("bigger larger", "smaller"),
        ("biggest largest", "smallest"),
        ("before earlier", "after later"),
        ("allow permit approve legalise legalize authorise authorize", "ban forbid prohibit block outlaw"),
        ("accept", "reject refuse decline"),
        ("keep kept retain", "delete remove drop"),
        ("support endorse favour favor", "oppose condemn criticise criticize"),
        ("confirm admit", "deny denied"),
        ("praise", "blame criticise criticize"),
        ("inside within indoors", "outside outdoors"),
        ("ahead forward", "behind backward backwards"),
        ("publicly openly", "secret secretly privately"),
        ("succeed success successful successfully victory", "fail failure failed unsuccessful defeat"),
        ("survive alive", "dead die killed"),
        ("import", "export"),
        ("agree", "disagree"),
        ("remember", "forget forgot"),
        ("love", "hate"),
        ("true", "false"),
        ("uphold upheld", "overturn quash"),
        ("north northern", "south southern"),
        ("east eastern", "west western"),
        ("younger", "older"),
        ("youngest", "oldest"),
        ("hot warm", "cold cool"),
        ("warmer", "colder cooler"),
        ("long", "short"),
        ("longer", "shorter"),
        ("longest", "shortest"),
        ("strong", "weak"),
        ("stronger", "weaker"),
        ("strongest", "weakest"),
        ("rich wealthy", "poor"),
        ("safe", "dangerous unsafe"),
        ("easy", "difficult hard"),
        ("cheap", "expensive costly"),
        ("fast quickly", "slow slowly"),
        ("faster", "slower"),
        ("better", "worse"),
        ("best", "worst"),
        ("full", "empty"),
        ("guilty convict", "innocent acquit"),
        ("always", "never"),
        ("profitable", "unprofitable"),
        ("majority", "minority"),
        ("major", "minor"),
        ("maximum", "minimum"),
        ("permanent permanently", "temporary temporarily"),
        ("voluntary voluntarily optional", "compulsory mandatory"),
        ("deliberate deliberately intentional", "accidental accidentally"),
        ("include", "exclude omit"),
        ("hide hid hidden conceal", "reveal disclose"),
        ("wet rainy", "dry"),
        ("heavy", "light"),
        ("heavier", "lighter"),
        ("wide broad", "narrow"),
        ("wider", "narrower"),
        ("deep", "shallow"),
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
        ("improve", "worsen deteriorate"),
        ("strengthen", "weaken"),
        ("widen broaden", "narrow"),
        ("lengthen", "shorten"),
        ("tighten", "loosen relax"),
        ("encourage", "discourage"),
        ("peaceful peacefully", "violent violently"),
        ("genuine authentic", "fake counterfeit"),
        ("partly partially", "fully entirely wholly"),
        ("surplus", "deficit"),
        ("profit", "loss"),
        ("summer", "winter"),
        ("left-wing", "right-wing"),
    )
)
# A text that gives a reason often has both: "because of illness, despite pleas to stay". One that has the second words
# only leaves no room for the first. A plan is approved or rejected in several words, most of which mean
# other things, too.
_ONE_WAY = (
    (["despite"], ["following", "because"]),
    (["pass", "approve", "adopt"], ["reject", "veto"]),
    (["block", "defeat", "dismiss", "reject", "refuse", "veto"], ["approve", "adopt"]),
)
# What a text says instead of denying the first: nobody was hurt if all escaped. No opposites, as a text may have both.
_INSTEAD = tuple(
    (one.split(), other.split())
    for one, other in (
        ("injure injury hurt harm wound casualty victim", "safe safely escape"),
        (
            "die death kill dead fatality casualty victim",
            "safe safely escape survive survivor alive rescue",
        ),
        ("survivor", "die kill dead perish"),
        ("open reopen", "close shut"),
        ("close shut", "open reopen"),
        ("outside outdoors", "indoors inside"),
        ("rain", "dry"),
        ("cancel call", "ahead"),
        ("leave left", "stay remain"),
        ("change", "same keep kept remain stay"),
        ("pay cost charge", "free"),
        ("support favour favor", "against"),
        ("win won", "lose lost beat beaten"),
        ("start begin began", "postpone delay cancel"),
    )
)
_PREFIXES = ("un", "non")
_OTHER_UN = frozenset(stems(["uncover", "unearth"]))  # no opposites of what is without "un"
_ROOT = 5  # letters that a word has without its prefix: "under" is no opposite of "der"
_SCOPE = 3  # words after a negation that it may deny
_REACH = 8  # words after a negation of which one may be what it denies, at most
_NOT = "not(?! only| until| necessarily)"
_NO = r"no(?! later| earlier| more than| less than| fewer than| doubt|\.? ?\d)"
_NEGATION = re.compile(
    rf"\b(?:{_NOT}|{_NO}|never(?![- ]before)|none|nobody|nothing(?! but)|without|neither|nor|cannot)\b|n't\b"
)
# Words with "un" that deny what follows it; "unite", "unveil", "unanimous" and "unexpected" deny nothing that happens.
_UN = "|".join(
    """able accompanied acceptable affected aided altered answered approved armed authori[sz]ed available avoidable
    aware beaten broken certain changed charged checked clear common completed confirmed conscious
    constitutional controlled convinced covered damaged decided defeated desirable detected developed disclosed
    documented done educated employed enforced equal even explained fair familiar fazed finished fit fixed
    founded funded guarded happy harmed healthy heard helpful hurt identified important impressed inhabited
    injured insured intentional interested invited just kind known lawful licensed likely limited lucky manned
    marked married moved named necessary noticed occupied official opened opposed paid popular prepared pressed
    produced profitable protected proven published punished qualified read real realistic recogni[sz]ed recorded
    regulated related reliable reported resolved responsive safe satisfied scathed scheduled secured seen
    settled signed sold solved stable staffed successful suitable supported sure tested told touched treated
    true trained used verified vaccinated wanted welcome well willing wise workable worried written""".split()  # noqa: SIM905
)
# What a text may say instead of "not"; whoever retells it with a negation may be right.
_AS_GOOD = re.compile(
    r"\b(?:less|fewer|hardly|barely|scarcely|rarely|seldom|unable|lack\w*|fail\w*|refus\w+|reject\w*|den(?:y|ie)\w*|bans?|bann\w+"
    r"|forb\w+|prohibit\w*|illegal\w*|prevent\w*|avoid\w*|insufficient\w*|instead of|rather than|yet to|except|only"
    r"|absent|(?:turn|vot)\w* down|thr[eo]w\w* out|(?:call|put)\w* off"
    rf"|outlaw\w*|stay\w* away|un(?:{_UN})(?:ly|ness)?)\b"
)
_DENIES = f"{_NEGATION.pattern}|{_AS_GOOD.pattern}"
_SENSE = "|".join(rf"(?P<{word}>\b(?:{pattern}))" for word, pattern in SENSES.items())
_TOKEN = re.compile(rf"(?P<word>{_SENSE}|(?P<denies>{_DENIES})|[a-z]+(?:-[a-z]+)?)|[.;:?!…]")
_SAID_NO = re.compile(r"^\W*no(?:\s*[,.:;!?…–—]|\s+-)")


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
_ALSO_DENIED = [tuple(frozenset(stems(side)) for side in pair) for pair in _INSTEAD]


def opposed(sentence: str, text: str) -> tuple[str, ...]:
    """The words of `sentence` that say the opposite of `text`, in order.

    A negation is one if `text` has neither a negation nor a word that is as good as one. Another word is one if `text`
    has its opposite, and not itself or what means the same; words that are denied, here or there, are left out.
    """
    plain = without_measures(_SAID_NO.sub("", plain_letters(sentence)))
    known = without_measures(plain_letters(text))
    said, there = _affirmed(plain), set(_affirmed(known))
    negated = [] if re.search(_DENIES, known) else [*_denials(plain, there)]
    everything = set(stems(_sense(match) for match in _TOKEN.finditer(plain) if match["word"]))
    turned = [word for stem, word in said.items() if stem not in there and _turns(stem, there - everything, there)]
    if not {"before", "after"}.isdisjoint(turned) and same_order(plain, known):
        turned = [word for word in turned if word not in ("before", "after")]
    return tuple(dict.fromkeys([*negated, *turned]))


def _denials(plain: str, there: Set[str]) -> Iterator[str]:
    """The negations of a sentence, but for those that deny the opposite of what is `there`."""
    for match in _NEGATION.finditer(plain):
        denied = set[str]()
        for token in _TOKEN.finditer(plain, match.end()):
            if not token["word"] or len(denied) == _REACH:
                break
            denied.update(stems([_sense(token)]))
        if not any(_says_instead(stem, there) for stem in denied):
            yield match[0]


def _says_instead(stem: str, there: Set[str]) -> bool:
    sides = [*_SIDES.get(stem, ()), *((own, turned) for own, turned in _ALSO_DENIED if stem in own)]
    return any(turned & there and not own & there for own, turned in sides)


def _sense(token: re.Match[str]) -> str:
    """The word, or the one that it stands for here."""
    return next((word for word in SENSES if token[word]), token["word"])


def _affirmed(text: str) -> dict[str, str]:
    """The words of `text` that it does not deny, by their stems; it has no capitals or accents."""
    words = {}
    left = 0  # of the words that the last negation may deny
    for match in _TOKEN.finditer(text):
        if not match["word"]:
            left = 0
            continue
        if not left:
            words[_sense(match)] = match["word"]
        left = _SCOPE if match["denies"] or match["reject"] else max(0, left - 1)
    return dict(zip(stems(words), words.values(), strict=True))


def _turns(stem: str, lost: Set[str], there: Set[str]) -> bool:
    """Whether a word that the sentence `lost` says the opposite of `stem`, and nothing `there` says the same."""
    if any(other & lost and not own & there for own, other in _SIDES.get(stem, ())):
        return True
    return stem not in _OTHER_UN and any(
        (stem.startswith(prefix) and len(stem) >= len(prefix) + _ROOT and stem[len(prefix) :] in lost)
        or (len(stem) >= _ROOT and prefix + stem in lost - _OTHER_UN)
        for prefix in _PREFIXES
    )
