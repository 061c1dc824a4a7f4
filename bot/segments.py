"""An article's text in segments: stretches of sentences that a model reads in one piece and remembers.

What a model has read of a segment is kept (bot.llm.kept) and serves every question that shows any of its sentences.
A sentence is then remembered with what stands before it in its segment, as a reader would: kept one by one, passages
lost answers that whole segments did not (docs/experiments.md, Kept segments). Pure; it knows no model.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bot.schema import Passage

SIZE = 3000  # bytes of UTF-8 of a segment at most: about 700 tokens, in most languages

Offsets = tuple[int, int]
Split = Callable[[str], Sequence[Offsets]]


class Stretch(NamedTuple):
    """Sentences that follow each other, as offsets into their article, and their words on one line each."""

    spans: tuple[Offsets, ...]
    texts: tuple[str, ...]

    def shown(self, passages: Sequence[Passage]) -> tuple[int, ...]:
        """Indices of those that any of the passages, all of this article, covers a part of."""
        return tuple(
            index
            for index, (start, end) in enumerate(self.spans)
            if any(one.start < end and start < one.end for one in passages)
        )


def cut(text: str, split: Split, size: int = SIZE) -> list[Stretch]:
    """All of an article's sentences, in stretches of at most `size` bytes (one long sentence may be longer)."""
    return [
        Stretch(tuple(span for span, _ in run), tuple(words for _, words in run)) for run in _runs(text, split, size)
    ]


def _runs(text: str, split: Split, size: int) -> Iterator[list[tuple[Offsets, str]]]:
    run: list[tuple[Offsets, str]] = []
    used = 0
    for start, end in split(text):
        words = " " + " ".join(text[start:end].split())
        needed = len(words.encode("utf-8", "replace"))
        if run and used + needed > size:
            yield run
            run, used = [], 0
        run.append(((start, end), words))
        used += needed
    if run:
        yield run
