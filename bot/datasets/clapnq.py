"""CLAPNQ (Rosenthal et al. 2024, "CLAP NQ: Cohesive Long-form Answers from Passages in Natural Questions").

The form, as found in primeqa/clapnq (README.md and annotated_data/dev/): a JSON object a line, `{id, input, passages:
[{title, text, sentences}], output: [{answer, selected_sentences, meta}]}`. There is one passage a question, and an
output for each person who wrote an answer of their own. What is not answerable has "" or null for an answer, and no
selected sentences; it stands in files of its own (clapnq_dev_unanswerable.jsonl), so give both files. In the README's
example, though in no line seen, selected sentences end in "&".

Each passage is an article: those of unanswerable questions, too, which come near. All answers count as gold, and the
sentences that any of their writers selected are the evidence. The whole documents (original_documents/) and the corpus
for search (retrieval/passages.tsv) are not read.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bot.datasets import place
from bot.datasets.made import Made, cut
from bot.datasets.place import Place
from bot.datasets.raw import Loose, read_json_lines
from bot.schema import Article


class _Passage(Loose):
    title: str = ""
    text: str
    sentences: tuple[str, ...] = ()


class _Output(Loose):
    answer: str | None
    selected_sentences: tuple[str, ...] = ()


class _Line(Loose):
    id: str
    input: str
    passages: tuple[_Passage, ...]
    output: tuple[_Output, ...]


def read(files: Sequence[Path]) -> Made:
    """Raises DatasetError for a line that is not in the form."""
    made = Made()
    for file in files:
        for _, line in read_json_lines(file, _Line, "clapnq"):
            _take(made, line)
    return made


def _take(made: Made, line: _Line) -> None:
    read = [(made.passage("wp", passage.text, passage.title), passage) for passage in line.passages]
    held = [(article, passage) for article, passage in read if article]
    answers = [one.answer for one in line.output if one.answer and one.answer.strip()]
    if answers and not held:
        made.left_out["questions left out with their article"] += 1
        return
    selected = list(
        filter(None, dict.fromkeys(_bare(one) for output in line.output for one in output.selected_sentences))
    )
    evidence = [cut(article, found) for article, passage in held for found in _places(article, passage, selected)]
    if (lost := len(selected) - len(evidence)) > 0:
        made.left_out["selected sentences left out: they do not stand in their passage"] += lost
    made.ask(
        line.id,
        line.input,
        answerable=bool(answers),
        answers=answers,
        gold=[article for article, _ in held],
        evidence=evidence,
    )


def _bare(sentence: str) -> str:
    return sentence.strip().removesuffix("&").strip()


def _places(article: Article, passage: _Passage, selected: Iterable[str]) -> Iterator[Place]:
    """The passage's own sentences tell which place is meant where a sentence is a part of an earlier one, too."""
    known: dict[str, Place] = {}
    at = 0
    for sentence in map(_bare, passage.sentences):
        if found := place.exactly(article.text[at:], sentence):
            known.setdefault(sentence, Place(at + found.start, at + found.end))
            at += found.end
    for sentence in selected:
        where = known.get(sentence) or place.exactly(article.text, sentence) or place.loosely(article.text, sentence)
        if where:
            yield where
