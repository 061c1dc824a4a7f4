"""OneStopQA (Berzak, Malmaud & Levy 2020, "STARC: Structured Annotations for Reading Comprehension").

The forms, as found in berzak/onestop-qa; both are read:

- annotations/annotated_articles/*.txt (also in annotations/onestop_qa.zip; unpack it). A line `# Title` and the title,
  then for each paragraph a line `# Paragraph`, one line each that begins with `Adv: `, `Int: ` and `Ele: ` (the three
  levels), and three questions of five lines: `Q: ` (or `Q1: `, `Q2: `: it shares the words marked for that question),
  then `a: ` to `d: `. The first answer is right, the others are not. Words that answer question n are in `<An>…</An>`,
  words that mislead in `<Dn>…</Dn>`; such tags nest, and one question may have several spans.
- parsed_data.json, `{data: [{title, paragraphs: [{Adv, Int, Ele: {context, a_spans, d_spans}, qas: [{question,
  references, answers}]}]}]}`. `a_spans` has, for each question, the first and last word of each of its spans, counted
  from 0 in the paragraph's words (hugging_face_upload_prep.py, which made it).

The three levels tell the same story, so only one is taken, lest search find the wrong one: the advanced, which is the
whole article. An article is its title and its paragraphs.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from bot.datasets.made import Made, cut, named
from bot.datasets.place import Place
from bot.datasets.raw import Loose, read_json, read_text
from bot.errors import DatasetError

BETWEEN = "\n\n"
LEVELS = ("Adv", "Int", "Ele")
OPTIONS = "abcd"

_TAG = re.compile(r"<(/?)([AD])(\d)>")
_QUESTION = re.compile(r"Q\d?: (.+)")


class _Level(Loose):
    context: str
    a_spans: tuple[tuple[int, ...], ...]


class _Asked(Loose):
    question: str
    answers: tuple[str, ...]


class _Block(Loose):
    Adv: _Level
    Int: _Level
    Ele: _Level
    qas: tuple[_Asked, ...]


class _Entry(Loose):
    title: str
    paragraphs: tuple[_Block, ...]


class _Set(Loose):
    data: tuple[_Entry, ...]


class _Paragraph(NamedTuple):
    """`spans` are those of each question's right answer, in characters of `text`."""

    text: str
    spans: dict[int, list[Place]]
    asked: list[_Asked]


def read(files: Sequence[Path], level: str = LEVELS[0]) -> Made:
    """Files of either form, or folders of .txt files. Raises DatasetError for what is not in the form."""
    made = Made()
    for file in _each(files):
        if file.suffix.lower() == ".txt":
            title, paragraphs = _annotated(file, level)
            _take(made, file.stem, title, paragraphs)
        else:
            for entry in read_json(file, _Set, "onestopqa").data:
                _take(made, named(entry.title), entry.title, [_parsed(block, level) for block in entry.paragraphs])
    return made


def _each(files: Sequence[Path]) -> Iterator[Path]:
    for file in files:
        inside = sorted(file.glob("*.txt")) if file.is_dir() else [file]
        if not inside:
            raise DatasetError(f"{file} holds no .txt files. Name the folder annotated_articles, or parsed_data.json.")
        yield from inside


def _take(made: Made, ident: str, title: str, paragraphs: Sequence[_Paragraph]) -> None:
    article = made.article(ident, BETWEEN.join([title, *(one.text for one in paragraphs)]), title=title)
    if article is None:
        made.left_out["questions left out with their article"] += sum(len(one.asked) for one in paragraphs)
        return
    at = len(title) + len(BETWEEN)
    for number, paragraph in enumerate(paragraphs):
        for index, asked in enumerate(paragraph.asked, start=1):
            places = paragraph.spans.get(index, [])
            if not places:
                made.left_out["questions without evidence: no words are marked for them"] += 1
            made.ask(
                f"{article.id}.{number}.{index}",
                asked.question,
                answerable=True,
                answers=asked.answers[:1],
                distractors=asked.answers[1:],
                gold=[article],
                evidence=[cut(article, Place(at + place.start, at + place.end)) for place in places],
            )
        at += len(paragraph.text) + len(BETWEEN)


def _parsed(block: _Block, level: str) -> _Paragraph:
    given: _Level = getattr(block, level)
    text = given.context.strip()
    words = [Place(*match.span()) for match in re.finditer(r"\S+", text)]
    spans: dict[int, list[Place]] = {}
    for index, marked in enumerate(given.a_spans, start=1):
        pairs = zip(marked[::2], marked[1::2], strict=False)
        known = [(first, last) for first, last in pairs if 0 <= first <= last < len(words)]
        spans[index] = [Place(words[first].start, words[last].end) for first, last in known]
    return _Paragraph(text, spans, list(block.qas))


class _Lines:
    """The lines of a file that are not blank, one after another."""

    def __init__(self, path: Path) -> None:
        lines = enumerate(read_text(path).splitlines(), start=1)
        self._path = path
        self._left = [(number, line.strip()) for number, line in lines if line.strip()][::-1]
        self.number = 0

    def more(self) -> bool:
        return bool(self._left)

    def starts(self, beginning: str) -> bool:
        return self.more() and self._left[-1][1].startswith(beginning)

    def take(self, beginning: str) -> str:
        """The next line without its `beginning`; refuses another one."""
        if not self.starts(beginning):
            if self.more():
                self.number = self._left[-1][0]
            self.refuse(f"here should be a line that begins with {beginning.strip()!r}")
        self.number, line = self._left.pop()
        return line.removeprefix(beginning).strip()

    def refuse(self, problem: str) -> NoReturn:
        raise DatasetError(f"{self._path}, line {self.number}: {problem}. Fetch the file again, or mend it.")


def _annotated(path: Path, level: str) -> tuple[str, list[_Paragraph]]:
    lines = _Lines(path)
    lines.take("# Title")
    title = lines.take("")
    paragraphs = []
    while lines.more():
        lines.take("# Paragraph")
        levels = {}
        for name in LEVELS:
            levels[name] = _untagged(lines.take(f"{name}:"), lines)
        asked = []
        while lines.starts("Q"):
            asked.append(_question(lines))
        text, spans = levels[level]
        paragraphs.append(_Paragraph(text, spans, asked))
    return title, paragraphs


def _question(lines: _Lines) -> _Asked:
    match = _QUESTION.fullmatch(lines.take(""))
    if match is None:
        lines.refuse("a question begins with 'Q: ', 'Q1: ' or 'Q2: '")
    return _Asked(question=match[1], answers=tuple(lines.take(f"{option}:") for option in OPTIONS))


def _untagged(marked: str, lines: _Lines) -> tuple[str, dict[int, list[Place]]]:
    """The text without tags, and the spans of each A tag by its question, without white space at their ends."""
    text, at = "", 0
    opened: dict[str, int] = {}
    spans: dict[int, list[Place]] = {}
    for match in _TAG.finditer(marked):
        text += marked[at : match.start()]
        at = match.end()
        closes, letter, number = match.groups()
        name = letter + number
        if bool(closes) != (name in opened):
            lines.refuse(f"the tag {match[0]} has no other end")
        if not closes:
            opened[name] = len(text)
            continue
        start = opened.pop(name)
        held = text[start:]
        if letter == "A" and held.strip():
            start += len(held) - len(held.lstrip())
            spans.setdefault(int(number), []).append(Place(start, start + len(held.strip())))
    if opened:
        lines.refuse(f"the tag <{min(opened)}> has no other end")
    return text + marked[at:], spans
