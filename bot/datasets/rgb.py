"""RGB (Chen et al. 2024, "Benchmarking Large Language Models in Retrieval-Augmented Generation").

The form, as found in chen700564/RGB (data/en_fact.json, and evalue.py, which reads all of them): a JSON object a line,
in files named .json: `{id, query, answer, positive, negative}`. `answer` is a text or a list; what the list holds must
all be said, and a list within it holds ways to say the same (evalue.py, checkanswer). `positive` and `negative` are
lists of passages, snippets of web search; in en_int.json, which was not seen itself, `positive` is a list of such lists
(processdata). en_fact.json has `fakeanswer` and `positive_wrong`, too: passages with planted mistakes.

Each passage is an article, and the positive ones are gold; no words in them are marked, so there is no evidence. RGB
shows a model the passages of one question, here all are searched. Passages with planted mistakes are left out. A
question whose answer has several parts gets them joined, the first way of each, and their number as `parts`: `accuracy`
is then too strict, and `f1` tells more. A question without positive passages is not answerable.
"""

from collections.abc import Sequence
from pathlib import Path

from bot.datasets.made import Made
from bot.datasets.raw import Loose, read_json_lines
from bot.schema import Article


class _Line(Loose):
    id: str
    query: str
    answer: str | tuple[str | tuple[str, ...], ...]
    positive: tuple[str | tuple[str, ...], ...]
    negative: tuple[str, ...] = ()
    positive_wrong: tuple[str, ...] = ()


def read(files: Sequence[Path]) -> Made:
    """Raises DatasetError for a line that is not in the form."""
    made = Made()
    for file in files:
        for _, line in read_json_lines(file, _Line, "rgb"):
            _take(made, line, f"{file.stem}-{line.id}")
    return made


def _take(made: Made, line: _Line, ident: str) -> None:
    gold = [article for text in _flat(line.positive) if (article := _add(made, text))]
    for text in line.negative:
        _add(made, text)
    if line.positive_wrong:
        made.left_out["passages left out: mistakes were planted in them"] += len(line.positive_wrong)
    parts = [[part] if isinstance(part, str) else list(part) for part in _listed(line.answer)]
    parts = [ways for ways in parts if ways]
    answers = parts[0] if len(parts) == 1 else [", ".join(ways[0] for ways in parts)]
    made.ask(ident, line.query, answerable=bool(gold), answers=answers, gold=gold, parts=len(parts))


def _add(made: Made, text: str) -> Article | None:
    return made.passage("rgb", text)


def _listed(answer: str | Sequence[str | Sequence[str]]) -> Sequence[str | Sequence[str]]:
    return [answer] if isinstance(answer, str) else answer


def _flat(passages: Sequence[str | Sequence[str]]) -> list[str]:
    return [text for one in passages for text in ([one] if isinstance(one, str) else one)]
