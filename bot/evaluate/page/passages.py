"""The stretch of an article around gold evidence and cited quotes, cut into pieces by what is marked there; pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bot.evaluate.cases import Question
from bot.evaluate.run import Row, RowCitation
from bot.schema import Span

AROUND = 160  # characters of the article shown on either side of what is marked
LONGEST = 1500  # characters of a piece; of a longer one the middle is left out


class Piece(NamedTuple):
    """A run of characters with the same marks; `cited` are the numbers of the citations there."""

    text: str
    gold: bool
    cited: tuple[int, ...]


class Excerpt(NamedTuple):
    """`before` and `after` say whether the article goes on there."""

    pieces: tuple[Piece, ...]
    before: bool
    after: bool


class Passage(NamedTuple):
    """What is shown of one article; `complete` is false where its text is not at hand and only the marked words are."""

    article: str
    excerpts: tuple[Excerpt, ...]
    complete: bool = True


def passages(question: Question, row: Row, texts: Mapping[str, str]) -> list[Passage]:
    """The articles with evidence first, then those only cited; `texts` are those at hand, by id.

    Marks that a text is too short for are left out: it is of another version of the article.
    """
    articles = dict.fromkeys(span.article for span in (*question.evidence, *row.citations))
    shown = []
    for article in articles:
        gold = [span for span in question.evidence if span.article == article]
        cited = [one for one in row.citations if one.article == article]
        text = texts.get(article)
        found = _excerpts(text, gold, cited) if text is not None else ()
        shown.append(Passage(article, tuple(found)) if found else _bare(question, row, article))
    return shown


def _bare(question: Question, row: Row, article: str) -> Passage:
    golds = [Piece(one.text, True, ()) for one in question.evidence if one.article == article]
    quotes = [Piece(one.quote, False, (one.marker,)) for one in row.citations if one.article == article]
    return Passage(article, tuple(Excerpt((piece,), True, True) for piece in [*golds, *quotes]), complete=False)


def _excerpts(text: str, gold: Sequence[Span], cited: Sequence[RowCitation]) -> list[Excerpt]:
    return [_excerpt(text, start, end, gold, cited) for start, end in _windows(text, [*gold, *cited])]


def _windows(text: str, marked: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Where to cut, at spaces; windows that meet are one."""
    spans = sorted((one.start, one.end) for one in marked if one.end <= len(text))
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start - 2 * AROUND <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    for start, end in joined:
        first, last = max(0, start - AROUND), min(len(text), end + AROUND)
        if first:
            first = _next_space(text, first, start)
        if last < len(text):
            last = max(end, text.rfind(" ", end, last))
        yield first, last


def _next_space(text: str, first: int, start: int) -> int:
    found = text.find(" ", first, start)
    return start if found < 0 else found + 1


def _excerpt(text: str, first: int, last: int, gold: Sequence[Span], cited: Sequence[RowCitation]) -> Excerpt:
    edges = {first, last, *(edge for one in (*gold, *cited) for edge in (one.start, one.end) if first < edge < last)}
    ordered = sorted(edges)
    pieces = tuple(
        Piece(
            _cut(text[start:end]),
            any(one.start < end and start < one.end for one in gold),
            tuple(sorted({one.marker for one in cited if one.start < end and start < one.end})),
        )
        for start, end in zip(ordered, ordered[1:], strict=False)
    )
    return Excerpt(pieces, first > 0, last < len(text))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 300]} […] {text[-300:]}"
