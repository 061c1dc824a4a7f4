"""An article's text in segments: stretches of sentences that a model reads in one piece and remembers.

What a model has read of a segment is kept (bot.llm.kept) and serves every question that shows any of its sentences.
A sentence is then remembered with what stands before it in its segment, as a reader would: kept one by one, passages
lost answers that whole segments did not (docs/experiments.md, Kept segments). Pure; it knows no model.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bot.dates import dated
from bot.schema import Passage

SIZE = 3000  # bytes of UTF-8 of a segment at most: about 700 tokens, in most languages

Offsets = tuple[int, int]
Split = Callable[[str], Sequence[Offsets]]


class Stretch(NamedTuple):
    """Sentences that follow each other, as offsets into their article, and the words that a model reads of each.

    These are on one line, with what relative days mean beside them.
    """

    spans: tuple[Offsets, ...]
    texts: tuple[str, ...]

    def shown(self, passages: Sequence[Passage]) -> tuple[int, ...]:
        """Indices of those that any of the passages, all of this article, covers a part of."""
        return tuple(
            index
            for index, (start, end) in enumerate(self.spans)
            if any(one.start < end and start < one.end for one in passages)
        )


def cut(text: str, split: Split, size: int = SIZE, written: dt.date | None = None) -> list[Stretch]:
    """All of an article's sentences, in stretches of at most `size` bytes (one long sentence may be longer).

    `written` is the article's date.
    """
    runs = _runs(text, split, size, written)
    return [Stretch(tuple(span for span, _ in run), tuple(words for _, words in run)) for run in runs]


def _runs(text: str, split: Split, size: int, written: dt.date | None) -> Iterator[list[tuple[Offsets, str]]]:
    run: list[tuple[Offsets, str]] = []
    used = 0
    for start, end in split(text):
        words = " " + " ".join(dated(text[start:end], written).split())
        needed = len(words.encode("utf-8", "replace"))
        if run and used + needed > size:
            yield run
            run, used = [], 0
        run.append(((start, end), words))
        used += needed
    if run:
        yield run
