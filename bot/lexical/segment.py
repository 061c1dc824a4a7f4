"""A part of the index that never changes once it is made: postings of some articles' chunks, as arrays."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bot.lexical.terms import Terms
from bot.schema import Chunk

Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Read = Callable[[Sequence[str]], Iterable[tuple[Chunk, str]]]
MOST = np.iinfo(np.uint16).max


class Version(NamedTuple):
    """An article as it stood when it was read: `content` is its content hash."""

    article: str
    content: str


class Postings(NamedTuple):
    """Which chunks hold a term, and how often, both of shape (chunks that hold it,)."""

    chunks: Ints
    often: npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Segment:
    """Chunks of `versions`, in order: `places`, shape (chunks, 4), are the version's number, index, start and end.

    `lengths`, shape (chunks,), counts a chunk's terms. Term i of `terms` has the postings `begins[i]` to
    `begins[i + 1]` of `holders` and `often`.
    """

    versions: Sequence[Version]
    places: Ints
    lengths: Ints
    terms: Mapping[str, int]
    begins: npt.NDArray[np.int64]
    holders: Ints
    often: npt.NDArray[np.uint16]
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def postings(self, term: str) -> Postings:
        number = self.terms.get(term)
        if number is None:
            return Postings(self.holders[:0], self.often[:0])
        within = slice(int(self.begins[number]), int(self.begins[number + 1]))
        return Postings(self.holders[within], self.often[within])

    def find(self, version: int, index: int) -> Chunk | None:
        """The chunk of that index of the version of that number."""
        rows = self.rows(version)
        place = rows.start + int(np.searchsorted(self.places[rows.start : rows.stop, 1], index))
        return self.chunk(place) if place in rows and self.places[place, 1] == index else None

    def rows(self, version: int) -> range:
        """The numbers of a version's chunks."""
        return range(self._firsts[version], self._firsts[version + 1])

    @cached_property
    def _firsts(self) -> list[int]:
        """The number of each version's first chunk, and last that of all chunks."""
        firsts: list[int] = np.searchsorted(self.places[:, 0], np.arange(len(self.versions) + 1)).tolist()
        return firsts

    def chunk(self, number: int) -> Chunk:
        version, index, start, end = self.places[number].tolist()
        return Chunk(article=self.versions[version].article, index=index, start=start, end=end)


def make(versions: Sequence[Version], read: Iterable[tuple[Chunk, str]]) -> Segment:
    """The segment of `versions`, whose chunks with their texts are `read`; the chunks of others are left out."""
    numbers = {version.article: number for number, version in enumerate(versions)}
    terms: dict[str, int] = {}
    words = Terms()
    rows: list[tuple[tuple[int, int, int, int], npt.NDArray[np.int64]]] = []
    for chunk, text in read:
        if chunk.article in numbers:
            ids = np.array([terms.setdefault(term, len(terms)) for term in words.of(text)], dtype=np.int64)
            rows.append(((numbers[chunk.article], chunk.index, chunk.start, chunk.end), ids))
    rows.sort(key=lambda row: row[0])
    places, every = [place for place, _ in rows], [ids for _, ids in rows]
    lengths = np.array([len(ids) for ids in every], dtype=np.int32)
    count = max(1, len(rows))
    holding = np.concatenate(every) if every else np.empty(0, dtype=np.int64)
    cells, often = np.unique(holding * count + np.repeat(np.arange(len(rows)), lengths), return_counts=True)
    return _laid_out(
        versions,
        np.array(places, dtype=np.int32).reshape(-1, 4),
        lengths,
        terms,
        *np.divmod(cells, count),
        np.minimum(often, MOST),
    )


def merged(parts: Sequence[tuple[Segment, Mask]]) -> Segment:
    """One segment of those versions of others that the masks, of shape (versions,), keep."""
    versions: list[Version] = []
    terms: dict[str, int] = {}
    places, lengths, holding, holders, often = [], [], [], [], []
    chunks = 0
    for segment, kept in parts:
        renumbered = np.cumsum(kept) - 1 + len(versions)
        stays = kept[segment.places[:, 0]]
        moved = np.cumsum(stays) - 1 + chunks
        place = segment.places[stays].copy()
        place[:, 0] = renumbered[place[:, 0]]
        places.append(place)
        lengths.append(segment.lengths[stays])
        held = stays[segment.holders]
        ids = np.array([terms.setdefault(term, len(terms)) for term in segment.terms], dtype=np.int64)
        holding.append(np.repeat(ids, np.diff(segment.begins))[held])
        holders.append(moved[segment.holders[held]])
        often.append(segment.often[held])
        versions += [version for version, keep in zip(segment.versions, kept, strict=True) if keep]
        chunks += int(stays.sum())
    every, where = np.concatenate(holding), np.concatenate(holders)
    order = np.lexsort((where, every))
    return _laid_out(
        versions,
        np.concatenate(places),
        np.concatenate(lengths),
        terms,
        every[order],
        where[order],
        np.concatenate(often)[order],
    )


def _laid_out(
    versions: Sequence[Version],
    places: Ints,
    lengths: Ints,
    terms: Mapping[str, int],
    holding: npt.NDArray[np.int64],
    holders: npt.NDArray[np.int64],
    often: npt.NDArray[np.integer],
) -> Segment:
    """Postings ordered by term become a segment: chunk `holders[i]` has term `holding[i]`, `often[i]` times."""
    begins = np.searchsorted(holding, np.arange(len(terms) + 1))
    return Segment(tuple(versions), places, lengths, terms, begins, holders.astype(np.int32), often.astype(np.uint16))
