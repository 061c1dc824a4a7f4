"""Articles that disagree: a sentence of another article which says the same thing as a cited one, with another figure.

By rule, after attribution. Only figures that the answer gives are compared, with figures of the same sort (figures.py);
two sentences say the same thing where their embeddings and their weighted words are alike enough, and neither tells of
other names only, nor of another such thing ("a second man"). What is said of it is a sentence of the program's own with
the exact words of the other article, so it is true even where both figures are right at their time. Pure: embeddings
come from a callable.
"""

import calendar
import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from itertools import groupby
from typing import NamedTuple

from bot.cite import Embed, EvidenceSentence
from bot.dates import days_of, label
from bot.figures import OF_DAY, Figure, figures, numbers
from bot.schema import Citation, Passage, Sentence
from bot.words import content_words, plain_letters

# Set on seeds/ and on the public dev sets, where it is to keep still; docs/experiments.md has the figures.
ALIKE = 0.75  # cosine of the two sentences + share of weighted words that they have in common
COSINE = 0.55  # of the two sentences at least
COSINE_OF_DAYS = 0.65  # more, as most sentences of a story have some date
ON_TOPIC = 0.4  # the other sentence, with its title, holds so much of the question as the cited one does
AS_MUCH_ON_TOPIC = 0.7  # the same, where it is to stand beside the question instead of the other
COMPARED = 8  # sentences whose embeddings are compared, those with most words in common
SAME_STORY = dt.timedelta(days=120)  # between the dates of two articles; later ones tell of the next results or season
STORY_WORDS = 0.1  # share of words in common of two passages that tell the same story
SAME_COUNT = 0.2  # share of the words of the shorter of two sentences that the other has, both counting one thing
SAME_MEASURE = 0.4  # the same, where both measure something, or tell of a day
NEAR = 0.05  # of cosine with the question: passages nearly as good as each other

# Stems of units that anything is measured in: that two sentences have them in common says nothing.
_MEASURES = frozenset(
    """billion cent centimetr crown day degre dollar euro feet foot hour inch kilogram kilometr litr
    meter metr mile million minut month percent pound second ton tonn week yard year""".split()  # noqa: SIM905
)
_TOLD = frozenset(OF_DAY + stem for stem in content_words("said says told announced reported confirmed published"))
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_ROOT = 4  # letters that make two names one: "Iran", "Iranian"
# A capital after a small letter is not that of a sentence's beginning.
_WORD = re.compile(r"(?P<inside>(?<=[a-z,;] ))?(?P<word>[^\W\d_]{2,})")
_CALENDAR = frozenset(word.lower() for word in (*calendar.month_name, *calendar.day_name))
# Who says it: two articles may have the same from different people.
_SAID = re.compile(r"\b(?:according to|said|says|told)\b[^,.;]*|[^,.;]*\b(?:said|says|told)\b", re.IGNORECASE)
_ANOTHER = re.compile(
    r"\b(?:an?\s+(?:second|third|further|different|separate|additional)|another)\s+(\w+)(?:\s+(\w+))?", re.I
)
_COUNTS = frozenset(content_words("count estimate survey report study tally check look time day"))  # of the same thing


class Disagreement(NamedTuple):
    """`other` says another `figure` than `cited` does."""

    cited: EvidenceSentence
    other: EvidenceSentence
    figure: Figure
    alike: float


def find(
    question: str, answer: str, cited: EvidenceSentence, evidence: Sequence[EvidenceSentence], embed: Embed
) -> list[Disagreement]:
    """Sentences of other articles of `evidence` that disagree with `cited` on a figure of `answer`.

    `answer` is the answer's sentence that cites it. The newest article comes first, then the sentence most alike.
    """
    given = _given(question, answer, cited)
    weigh = _Weigher(question, evidence)
    known = frozenset().union(*(_names(text) for text in (question, *(one.text for one in evidence))))
    pairs = [
        (one, figure)
        for one in evidence
        for figure in _differing(given, cited, one)
        if weigh.is_on_topic(cited, one) and not _is_another(cited, one, known)
    ]
    pairs.sort(key=lambda pair: -weigh.common(cited, pair[0]))
    if not pairs:
        return []
    first, *others = embed([cited.text, *(one.text for one, _ in pairs[:COMPARED])])
    found = []
    for (one, figure), vector in zip(pairs[:COMPARED], others, strict=True):
        cosine = float(first @ vector)
        alike = cosine + weigh.common(cited, one)
        if alike >= ALIKE and cosine >= (COSINE_OF_DAYS if figure.is_day else COSINE):
            found.append(Disagreement(cited, one, figure, alike))
    return sorted(found, key=lambda one: (-(one.other.passage.date or dt.date.min).toordinal(), -one.alike))


def told(
    question: str,
    sentences: Sequence[Sentence],
    citations: Sequence[Citation],
    evidence: Sequence[EvidenceSentence],
    embed: Embed,
) -> tuple[Sentence, Citation] | None:
    """The sentence to add to an answer whose sources are contradicted by another article, with its citation.

    None where nothing disagrees, or the answer cites the other article's words itself. Of several, the first
    sentence's newest.
    """
    known = {(one.article, one.start) for one in citations}
    for citation in citations:
        for cited in (one for one in evidence if citation.start <= one.span.start and citation.overlap(one.span)):
            for found in find(question, sentences[citation.sentence].text, cited, evidence, embed):
                if (found.other.span.article, found.other.span.start) not in known:
                    return _tell(found, len(sentences), max(one.marker for one in citations) + 1)
    return None


def newer_first(passages: Sequence[Passage]) -> list[Passage]:
    """`passages` so that of two articles on one story, nearly as good as each other, the newer leads.

    They come by article, the best article first, and stay so.
    """
    ordered: list[list[Passage]] = []
    for _, group in groupby(passages, key=lambda one: one.article):
        article, place = list(group), len(ordered)
        while place and _supersedes(_nearest(article), _nearest(ordered[place - 1])):
            place -= 1
        ordered.insert(place, article)
    return [passage for article in ordered for passage in article]


def newest_figures_first(
    question: str, nearest: Sequence[Passage], passages: Sequence[Passage], searched: str = ""
) -> list[Passage]:
    """`nearest` (sentences, best first), so that where two articles on one story disagree, the newer's figure leads.

    `passages` are what the sentences are of: by them it is decided which article gives way to which, as above. A
    figure that the question names itself is none that it asks for. `searched` are its words and those that it leans on.
    """
    best = {article: _nearest(list(group)) for article, group in groupby(passages, key=lambda one: one.article)}
    newer = {(one, other) for one in best for other in best if _supersedes(best[one], best[other])}
    found = [EvidenceSentence(one, one.text, one, frozenset(content_words(one.text))) for one in nearest]
    weigh, known = _Weigher(searched or question, found), set(numbers(question))
    ordered: list[EvidenceSentence] = []
    for one in found:
        places = (
            place
            for place, other in enumerate(ordered)
            if (one.span.article, other.span.article) in newer
            and weigh.is_on_topic(other, one, AS_MUCH_ON_TOPIC)
            and _corrects(one, other, known)
        )
        ordered.insert(next(places, len(ordered)), one)
    return [one.passage for one in ordered]


def _corrects(one: EvidenceSentence, other: EvidenceSentence, known: Set[float]) -> bool:
    """Whether `one` seems to say the same thing as `other` with another figure, by their words alone."""
    words, others = _telling(one.words), _telling(other.words)
    common = len(words & others) / (min(len(words), len(others)) or 1)
    given = [figure for figure in figures(other.text, other.passage.date) if figure.value not in known]
    differing = (
        figure.unit & new.unit
        for figure in given
        for new in figures(one.text, one.passage.date)
        if figure.is_like(new) and not figure.agrees(new)
    )
    return any(common >= (SAME_COUNT if _is_count(units) else SAME_MEASURE) for units in differing if units - _TOLD)


def _is_count(units: frozenset[str]) -> bool:
    """Whether the units say what is counted, and not only how it is measured or what happens on a day."""
    return any(unit not in _MEASURES and len(unit) > 1 and not unit.startswith(OF_DAY) for unit in units)


def _given(question: str, answer: str, cited: EvidenceSentence) -> list[Figure]:
    """The figures of `cited` that `answer` adds to the question."""
    date = cited.passage.date
    added = set(numbers(answer)) - set(numbers(question))
    days, asked = ({one.value for one in figures(text, date) if one.is_day} for text in (answer, question))
    return [one for one in figures(cited.text, date) if one.value in (days - asked if one.is_day else added)]


def _differing(given: Sequence[Figure], cited: EvidenceSentence, other: EvidenceSentence) -> Iterator[Figure]:
    if other.span.article == cited.span.article or not _may_be_same_story(cited.passage.date, other.passage.date):
        return
    years, other_years = set(_YEAR.findall(cited.text)), set(_YEAR.findall(other.text))
    if years and other_years and not years & other_years:
        return
    theirs = figures(other.text, other.passage.date)
    for figure in given:
        same_sort = [one for one in theirs if one.is_like(figure)]
        if same_sort and not any(one.agrees(figure) for one in same_sort):
            yield figure


def _is_another(cited: EvidenceSentence, other: EvidenceSentence, known: Set[str]) -> bool:
    """Whether they tell of two things: by names, none of which they share, or as one says that it tells of another."""
    names, others = (_names(_SAID.sub("", one.text), known) for one in (cited, other))
    return bool(names and others and not names & others) or _seconds(cited, other) != _seconds(other, cited)


def _names(text: str, known: Set[str] = frozenset()) -> frozenset[str]:
    """The roots of names: words with a capital within `text`, and those it begins with that are `known` for names."""
    capitals = (match for match in _WORD.finditer(text) if match["word"][0].isupper())
    words = ((plain_letters(match["word"]), match["inside"] is not None) for match in capitals)
    return frozenset(
        word[:_ROOT] for word, inside in words if word not in _CALENDAR and (inside or word[:_ROOT] in known)
    )


def _seconds(one: EvidenceSentence, other: EvidenceSentence) -> bool:
    """Whether `one` tells of "a second man" where `other` tells of a man."""
    said = {stem for words in _ANOTHER.findall(one.text) for stem in content_words(" ".join(words))}
    return bool((said - _COUNTS) & other.words)


def _may_be_same_story(one: dt.date | None, other: dt.date | None) -> bool:
    return one is None or other is None or abs(one - other) <= SAME_STORY


class _Weigher:
    """Weighs words by their rarity in the evidence."""

    def __init__(self, question: str, evidence: Sequence[EvidenceSentence]) -> None:
        self._total = len(evidence)
        self._counts = Counter(word for one in evidence for word in one.words)
        self._asked = set(content_words(question))

    def common(self, one: EvidenceSentence, other: EvidenceSentence) -> float:
        """Share of the weighted words of both that they have in common, numbers and measures apart."""
        words, others = _telling(one.words), _telling(other.words)
        return self._sum(words & others) / (self._sum(words | others) or 1.0)

    def is_on_topic(self, cited: EvidenceSentence, other: EvidenceSentence, share: float = ON_TOPIC) -> bool:
        held, wanted = (self._sum(self._asked & (one.words | _title(one))) for one in (other, cited))
        return held >= share * wanted

    def _sum(self, words: set[str] | frozenset[str]) -> float:
        return sum(math.log(1 + self._total / self._counts.get(word, 1)) for word in words)


def _title(one: EvidenceSentence) -> set[str]:
    return set(content_words(one.passage.title))


def _telling(words: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in words - _MEASURES if not word[0].isdigit())


def _tell(found: Disagreement, index: int, marker: int) -> tuple[Sentence, Citation]:
    other, passage = found.other, found.other.passage
    said = "date" if found.figure.is_day else "figure"
    text = f"{_which(found.cited.passage.date, passage.date)} gives another {said}: “{other.text}”"
    citation = Citation(
        marker=marker,
        article=other.span.article,
        start=other.span.start,
        end=other.span.end,
        quote=other.text,
        sentence=index,
        title=passage.title,
        date=passage.date,
        url=passage.url,
        score=1.0,
        days=days_of(other.text, passage.date),
    )
    return Sentence(text=text, markers=(marker,), support=1.0), citation


def _which(cited: dt.date | None, other: dt.date | None) -> str:
    if cited is None or other is None or cited == other:
        return "Another article"
    return f"{'A newer' if other > cited else 'An earlier'} article, of {label(other, other)},"


def _nearest(passages: Sequence[Passage]) -> Passage:
    return max(passages, key=lambda one: one.similarity or 0.0)


def _supersedes(passage: Passage, other: Passage) -> bool:
    """Whether `passage`, ranked lower, is newer than `other`, of the same story, and nearly as good."""
    if passage.article == other.article or not (passage.date and other.date) or passage.date <= other.date:
        return False
    near = (other.similarity or 0.0) - (passage.similarity or 0.0) <= NEAR
    return near and passage.date - other.date <= SAME_STORY and _common_words(passage, other) >= STORY_WORDS


def _common_words(passage: Passage, other: Passage) -> float:
    words, others = (set(content_words(f"{one.title} {one.text}")) for one in (passage, other))
    return len(words & others) / (len(words | others) or 1)
