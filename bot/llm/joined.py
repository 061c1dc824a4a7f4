"""Segments of articles that a model has read before, joined into a prompt instead of being read again.

A segment is read once, after the fixed start of the prompt: its keys and values are saved in blocks. For a question the
blocks with the sentences that it shows are loaded, the other sentences' cells dropped, the rest moved together and
joined after the start; then only what stands after the passages is read. Positions are rotated into keys (RoPE), so
that llama.cpp can move cells without reading them again.

That passages can be read apart and joined is the idea of TurboRAG (Lu et al., EMNLP 2025) and Block-Attention (Ma et
al., 2024), which train models for it. Here no model is trained: passages are read in segments, so that a sentence was
read after what stands before it in its article, and sentences are picked out of them.
"""

import hashlib
import threading
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from bot.llama import END, Decoder
from bot.llm.kept import Kept
from bot.schema import Segment

PROMPT, LOADED, START, READ = range(4)  # sequences: the prompt; a loaded block; the prompts' start; a segment
SEQUENCES = 4
SEQUENCES_TO_JOIN = 2  # where segments are only joined, not read
BLOCK = 96  # tokens that are saved together, at least
ROOM = 1536  # cells for the fixed start and a segment after it; longer ones are not kept
ROOM_TO_JOIN = 768  # cells for the fixed start and a block that is loaded, beside those of a prompt

Tokenize = Callable[[str], list[int]]
Range = tuple[int, int]  # of tokens of a segment
Blocks = dict[int, bytes]  # saved cells by the block's index


class Read(NamedTuple):
    """A segment as the tokens that are read of it, and where each sentence's begin and end among them."""

    segment: Segment
    tokens: list[int]
    sentences: list[Range]

    @property
    def shown(self) -> list[Range]:
        """The ranges of tokens that the prompt shows, in order, neighbours put together."""
        segment = self.segment
        ranges = [(0, self.sentences[0][0])] if segment.opens else []
        ranges += [self.sentences[index] for index in segment.shown]
        ranges += [(self.sentences[-1][1], len(self.tokens))] if segment.closes else []
        return _merged(ranges)

    @property
    def blocks(self) -> list[Range]:
        """All tokens in ranges that are saved together, cut where sentences end."""
        cuts = [0]
        for _, end in self.sentences[:-1]:
            if end - cuts[-1] >= BLOCK:
                cuts.append(end)
        return list(pairwise([*cuts, len(self.tokens)]))

    def needed(self) -> list[int]:
        """Indices of the blocks that hold what is shown."""
        shown = self.shown
        return [
            index
            for index, (start, end) in enumerate(self.blocks)
            if any(first < end and start < last for first, last in shown)
        ]


class Joined(NamedTuple):
    """A joined cell: the segment's name, and which of its tokens it is."""

    name: str
    at: int
    token: int


class Joins(NamedTuple):
    """Segments with their names and what is needed to join them; they were read after a start of `after` tokens."""

    after: int
    segments: list[tuple[str, Read, Blocks]]

    def cells(self) -> list[Hashable]:
        """What stands for each joined cell where the cells of prompts are compared."""
        cells: list[Hashable] = []
        for name, read, _ in self.segments:
            cells += [Joined(name, at, read.tokens[at]) for start, end in read.shown for at in range(start, end)]
        return cells


def read_of(segment: Segment, tokenize: Tokenize) -> Read:
    """Each sentence is made into tokens by itself, so that it has the same ones whatever stands beside it."""
    tokens, sentences = tokenize(segment.head), []
    for text in segment.texts:
        found = tokenize(text)
        sentences.append((len(tokens), len(tokens) + len(found)))
        tokens += found
    return Read(segment, tokens + tokenize(segment.tail), sentences)


def plain_tokens(read: Read, tokenize: Tokenize) -> list[int]:
    """What stands in the prompt where nothing of the segment is kept; see Segment.text."""
    segment, tokens = read.segment, read.tokens
    plain = tokens[: read.sentences[0][0]] if segment.opens else []
    for before, index in zip((None, *segment.shown), segment.shown, strict=False):
        plain = plain + (tokenize(" …") if before is not None and index != before + 1 else [])
        plain += tokens[slice(*read.sentences[index])]
    return plain + tokens[read.sentences[-1][1] :] if segment.closes else plain


class Joiner:
    """Joins kept segments into the first sequence of `decoder` or of `reader`, and keeps those that `reader` reads.

    Not for two threads, but for the sums and what is kept.
    """

    def __init__(self, decoder: Decoder, reader: Decoder, kept: Kept, made_with: str) -> None:
        """`made_with` names all else that cells depend on: model, type of the cells, version of llama.cpp, layout."""
        self._decoder, self._reader, self._kept, self._made_with = decoder, reader, kept, made_with
        self._start: list[int] = []

    def join_into(self, decoder: Decoder) -> None:
        """From now on, into this one, which holds nothing yet."""
        self._decoder, self._start = decoder, []

    def has_begun(self, start: Sequence[int]) -> bool:
        """Whether this is the start that segments are read after now."""
        return self._start == list(start)

    def begin(self, start: Sequence[int]) -> bool:
        """Load the fixed start of prompts, or read and keep it, where it is not the last one's; False where stopped."""
        if self.has_begun(start):
            return True
        self._start = []
        name = self._sum(start, ())
        self._kept.made_for(name)
        saved = self._kept.get(name)
        if saved is None or not self._load_start(saved):
            self._reader.forget(START, 0)
            for at in range(0, len(start), step := self._reader.slice_tokens):
                if not self._reader.read(start[at : at + step], at, START):
                    self._reader.forget(START, 0)
                    return False
            saved = self._reader.save(START)
            self._kept.put(name, saved)
        self._decoder.forget(START, 0)
        if not self._decoder.load(saved, START):
            return False
        self._start = list(start)
        return True

    def _load_start(self, saved: bytes) -> bool:
        self._reader.forget(START, 0)
        return self._reader.load(saved, START)

    def fits(self, read: Read) -> bool:
        return len(self._start) + len(read.tokens) <= ROOM

    def is_full(self) -> bool:
        return self._kept.full()

    def has(self, read: Read) -> bool:
        """Whether all of the segment is kept; if so, that counts as a use of it."""
        name = self.name(read)
        return all(self._kept.use(f"{name}.{index}") for index in range(len(read.blocks)))

    def name(self, read: Read) -> str:
        return self._sum(self._start, read.tokens)

    def find(self, reads: Sequence[Read], as_words: Container[str] = ()) -> tuple[Joins, list[Read]]:
        """Those that can be joined, and those that must be read, or are to be read for their names are in `as_words`.

        Segments of one article that follow each other are joined together or not at all: the first of them names it.
        What is found is so at one moment: another thread may begin with another start meanwhile.
        """
        start = self._start
        joins, missing = Joins(len(start), []), []
        for group in _by_article(reads):
            named = [(self._sum(start, read.tokens), read) for read in group]
            found = [
                (name, read, blocks)
                for name, read in named
                if name not in as_words and (blocks := self._get(name, read)) is not None
            ]
            if start and len(found) == len(group):
                joins.segments.extend(found)
            else:
                missing += group
        if missing and joins.segments and joins.segments[-1][1].segment.last:  # what is read stands before it
            missing.append(joins.segments.pop()[1])
        return joins, missing

    def _get(self, name: str, read: Read) -> Blocks | None:
        """The blocks that the prompt needs; None where one is missing."""
        found: Blocks = {}
        for index in read.needed():
            value = self._kept.get(f"{name}.{index}")
            if value is None:
                return None
            found[index] = value
        return found

    def keep(self, read: Read, stop: threading.Event) -> bool | None:
        """Read a segment after the start, and save its blocks; whether all are kept, None where it was stopped."""
        decoder, after = self._reader, len(self._start)
        decoder.forget(READ, 0)
        decoder.give(START, READ)
        try:
            for at in range(0, len(read.tokens), step := decoder.slice_tokens):
                if stop.is_set() or not decoder.read(read.tokens[at : at + step], after + at, READ):
                    return None
            name, whole = self.name(read), True
            for index, (start, end) in enumerate(read.blocks):
                decoder.give(READ, LOADED, after + start, after + end)
                whole &= self._kept.put(f"{name}.{index}", decoder.save(LOADED))
                decoder.forget(LOADED, 0)
            return whole
        finally:
            decoder.forget(READ, 0)

    def join(self, joins: Joins, by: Decoder) -> int | None:
        """Make the start and what is shown of the segments the prompt's cells of one of the two contexts.

        Returns how many they are, None on failure.
        """
        by.forget(PROMPT, 0)
        by.give(START, PROMPT)
        return join_to(by, len(self._start), joins)

    def examples(self, tokens: Sequence[int]) -> str:
        """The name of what a prompt of another kind begins with, which is kept, too."""
        return hashlib.sha256(f"{self._made_with} examples {' '.join(map(str, tokens))}".encode()).hexdigest()

    def _sum(self, start: Sequence[int], tokens: Sequence[int]) -> str:
        made = "\n".join((self._made_with, " ".join(map(str, start)), " ".join(map(str, tokens))))
        return hashlib.sha256(made.encode()).hexdigest()


def join_to(decoder: Decoder, position: int, joins: Joins) -> int | None:
    """Add what is shown of the segments to a prompt of `decoder` that has `position` cells; how many it has then.

    None where it has no room: then the prompt's cells are gone.
    """
    for _, read, blocks in joins.segments:
        for index, saved in sorted(blocks.items()):
            block = read.blocks[index]
            ranges = [(max(a, block[0]), min(b, block[1])) for a, b in read.shown if a < block[1] and block[0] < b]
            if not _place(decoder, saved, joins.after, block, ranges, position):
                decoder.forget(LOADED, 0)
                decoder.forget(PROMPT, 0)
                return None
            position += sum(end - start for start, end in ranges)
    return position


def _place(decoder: Decoder, saved: bytes, after: int, block: Range, ranges: Sequence[Range], position: int) -> bool:
    """Load a block of a segment that was read after `after` tokens; its `ranges` go to the prompt's `position`."""
    decoder.forget(LOADED, 0)
    if not decoder.load(saved, LOADED):
        return False
    for start, end in _between(block, ranges):
        decoder.forget(LOADED, after + start, after + end)
    # All are moved as far as the first has to go; then gaps are closed from the left, so that none passes another.
    aside = position - (after + ranges[0][0])
    if aside:
        decoder.move(LOADED, 0, END, aside)
    at = position
    for start, end in ranges:
        gap = after + start + aside - at
        if gap:
            decoder.move(LOADED, after + start + aside, END, -gap)
            aside -= gap
        at += end - start
    decoder.give(LOADED, PROMPT)
    decoder.forget(LOADED, 0)
    return True


def _by_article(reads: Sequence[Read]) -> Iterator[list[Read]]:
    """Runs of segments from one that opens its article to one that closes it."""
    run: list[Read] = []
    for read in reads:
        run.append(read)
        if read.segment.closes:
            yield run
            run = []
    if run:
        yield run


def _merged(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in ranges:
        if merged and merged[-1][1] == start:
            start = merged.pop()[0]
        if end > start:
            merged.append((start, end))
    return merged


def _between(whole: Range, ranges: Sequence[Range]) -> list[Range]:
    """What of `whole` is in none of the ranges."""
    ends = [whole[0], *(end for _, end in ranges)]
    starts = [*(start for start, _ in ranges), whole[1]]
    return [(start, end) for start, end in zip(ends, starts, strict=True) if start < end]
