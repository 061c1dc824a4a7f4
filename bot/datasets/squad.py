"""SQuAD 2.0 (Rajpurkar, Jia & Liang 2018, "Know What You Don't Know"), train-v2.0.json and dev-v2.0.json.

The form, as found in the dev file that chrischute/squad keeps (data/dev-v2.0.json): one JSON object,
`{version, data: [{title, paragraphs: [{context, qas: [{id, question, is_impossible, answers: [{text, answer_start}],
plausible_answers}]}]}]}`. Titles have `_` for spaces; `answer_start` counts characters of `context`; the dev file has
an answer from each of several people. `plausible_answers` of what is impossible are not right and left out. SQuAD 1.1
has no `is_impossible`, and is read too.

An article is a title with all its paragraphs. The evidence is the sentence that holds the answer which most people
gave: the set marks words, and the bot cites sentences.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bot.articles.sentences import split
from bot.datasets.made import Made, cut, named
from bot.datasets.place import Place, exactly
from bot.datasets.raw import Loose, read_json
from bot.schema import Article

BETWEEN = "\n\n"


class _Answer(Loose):
    text: str
    answer_start: int


class _Asked(Loose):
    id: str
    question: str
    is_impossible: bool = False
    answers: tuple[_Answer, ...] = ()


class _Paragraph(Loose):
    context: str
    qas: tuple[_Asked, ...]


class _Entry(Loose):
    title: str
    paragraphs: tuple[_Paragraph, ...]


class _Set(Loose):
    data: tuple[_Entry, ...]


def read(files: Sequence[Path]) -> Made:
    """Raises DatasetError for a file that is not in the form."""
    made = Made()
    for file in files:
        for entry in read_json(file, _Set, "squad").data:
            _take(made, entry)
    return made


def _take(made: Made, entry: _Entry) -> None:
    title = entry.title.replace("_", " ")
    parts = [title, *(paragraph.context for paragraph in entry.paragraphs)]
    article = made.article(named(entry.title), BETWEEN.join(parts), title=title)
    if article is None:
        made.left_out["questions left out with their article"] += sum(len(one.qas) for one in entry.paragraphs)
        return
    at = len(title) + len(BETWEEN)
    for paragraph in entry.paragraphs:
        sentences = split(paragraph.context)
        for asked in paragraph.qas:
            places = [_around(paragraph.context, sentences, one) for one in asked.answers]
            _ask(made, article, at, asked, Counter(place for place in places if place))
        at += len(paragraph.context) + len(BETWEEN)


def _ask(made: Made, article: Article, at: int, asked: _Asked, places: Counter[Place]) -> None:
    """`at` is where its paragraph begins in the article, `places` are how often a sentence of it holds an answer."""
    answerable = not asked.is_impossible and any(one.text.strip() for one in asked.answers)
    if answerable and not places:
        made.left_out["questions without evidence: no answer stands in their paragraph"] += 1
    most = max(places, key=lambda place: places[place], default=None)
    made.ask(
        asked.id,
        asked.question,
        answerable=answerable,
        answers=(one.text for one in asked.answers),
        gold=[article],
        evidence=[cut(article, Place(at + most.start, at + most.end))] if most else (),
    )


def _around(context: str, sentences: Sequence[tuple[int, int]], answer: _Answer) -> Place | None:
    """From the start of the sentence in which it begins to the end of that in which it ends."""
    place = exactly(context, answer.text, answer.answer_start) if answer.text.strip() else None
    if place is None:
        return None
    held = [(start, end) for start, end in sentences if start < place.end and end > place.start]
    return Place(held[0][0], held[-1][1]) if held else place
