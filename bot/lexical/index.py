"""The index: segments, which of their versions are current, and the search over them."""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bot.lexical import segment
from bot.lexical.segment import Mask, Read, Segment, Version
from bot.lexical.terms import Terms
from bot.schema import Chunk

K1, B = 1.5, 0.75
AT_ONCE = 200  # articles asked for together


class Hit(NamedTuple):
    chunk: Chunk
    score: float


class Known(NamedTuple):
    """An article as it is now: its content hash, and how many chunks it has."""

    content: str
    chunks: int


class Lexical:
    """BM25 over the current versions of articles; one thread at a time."""

    def __init__(self, segments: Sequence[Segment] = ()) -> None:
        self.segments = list(segments)
        self._current = [np.zeros(len(one.versions), dtype=np.bool_) for one in self.segments]
        self._where: dict[str, tuple[Segment, int]] = {}  # an article's current version: its segment and number there
        self.complete = True  # whether the last update found all of what it asked for
        self._terms = Terms()
        self._weigh()

    def update(self, current: Mapping[str, Known], read: Read) -> bool:
        """Bring it up to date with the `current` articles by their ids; whether segments changed.

        Only articles that it does not know yet are asked of `read`, which gives their chunks with the texts to search.
        One that has not as many as it should was changed meanwhile: it is left out, and `complete` is False.
        """
        before = [one.name for one in self.segments]
        self._mark(current)
        wanted = [Version(article, known.content) for article, known in current.items() if article not in self._where]
        found = list(_read_in_parts(wanted, read))
        counts = Counter(chunk.article for chunk, _ in found)
        whole = [one for one in wanted if counts[one.article] == current[one.article].chunks]
        self.complete = len(whole) == len(wanted)
        if whole:
            self.segments.append(segment.make(whole, found))
            self._current.append(np.ones(len(whole), dtype=np.bool_))
        self._tidy()
        self._mark(current)
        self._weigh()
        return [one.name for one in self.segments] != before

    def search(self, question: str, count: int, allowed: Container[str] | None = None) -> list[Hit]:
        """The `count` best chunks that share a term with `question`, of the articles `allowed`, None for all.

        Which articles are allowed does not change a score.
        """
        asked = Counter(self._terms.of(question))
        scores = [np.zeros(len(mask), np.float32) for mask in self._stays]
        for term, times in asked.items():
            held = [one.postings(term) for one in self.segments]
            holding = sum(
                len(each.chunks) if whole else int(mask[each.chunks].sum())
                for each, mask, whole in zip(held, self._stays, self._whole, strict=True)
            )
            idf = np.log(1 + (self._total - holding + 0.5) / (holding + 0.5))
            for each, score, long in zip(held, scores, self._long, strict=True):
                often = each.often.astype(np.float32)
                score[each.chunks] += np.float32(times * idf) * (often / (often + long[each.chunks]))
        masks = self._stays
        if allowed is not None:
            masks = [mask & _allowed(one, allowed) for one, mask in zip(self.segments, masks, strict=True)]
        return self._best(scores, masks, count)

    def chunk(self, article: str, index: int) -> Chunk | None:
        """The chunk of that index of the article's current version, None where it is not known."""
        found = self._where.get(article)
        return found[0].find(found[1], index) if found else None

    def chunks(self, article: str) -> list[Chunk]:
        """All chunks of the article's current version, in order; none where it is not known."""
        found = self._where.get(article)
        return [found[0].chunk(number) for number in found[0].rows(found[1])] if found else []

    def _best(self, scores: Sequence[np.ndarray], open_: Sequence[Mask], count: int) -> list[Hit]:
        """The best of all segments; those of one score by article and place."""
        found: list[Hit] = []
        for one, score, mask in zip(self.segments, scores, open_, strict=True):
            hits = np.flatnonzero((score > 0) & mask)
            if len(hits) > count:
                least = np.partition(score[hits], -count)[-count]
                hits = hits[score[hits] >= least]
            found += [Hit(one.chunk(number), float(score[number])) for number in hits.tolist()]
        return sorted(found, key=lambda hit: (-hit.score, hit.chunk.article, hit.chunk.index))[:count]

    def _mark(self, current: Mapping[str, Known]) -> None:
        """Note which versions are current, each once."""
        self._where.clear()
        for one, mask in zip(self.segments, self._current, strict=True):
            for number, version in enumerate(one.versions):
                known = current.get(version.article)
                fresh = known is not None and known.content == version.content
                mask[number] = fresh and version.article not in self._where
                if mask[number]:
                    self._where[version.article] = one, number

    def _weigh(self) -> None:
        """Note which chunks are current, and how much their length tells against each."""
        self._stays = [mask[one.places[:, 0]] for one, mask in zip(self.segments, self._current, strict=True)]
        self._whole = [bool(mask.all()) for mask in self._stays]
        self._total = sum(int(mask.sum()) for mask in self._stays)
        words = sum(int(one.lengths[mask].sum()) for one, mask in zip(self.segments, self._stays, strict=True))
        mean = max(words, 1) / max(self._total, 1)
        self._long = [(K1 * (1 - B + B * one.lengths / mean)).astype(np.float32) for one in self.segments]

    def _tidy(self) -> None:
        """Join segments so that each has over twice the chunks of the next; drop what is mostly out of date.

        So there are few, and each posting is moved a few times in all (O'Neil et al., "The Log-Structured Merge-Tree",
        1996).
        """
        number = len(self.segments) - 1
        while number >= 0:
            if number and len(self.segments[number].places) * 2 > len(self.segments[number - 1].places):
                self._replace(number - 1, number + 1)
            elif 2 * int(self._current[number].sum()) < len(self._current[number]):
                self._replace(number, number + 1)
            number = min(number, len(self.segments)) - 1

    def _replace(self, start: int, end: int) -> None:
        """Join the segments `start` to `end`, of their current versions only; without any, none is left."""
        parts = list(zip(self.segments[start:end], self._current[start:end], strict=True))
        kept = any(mask.any() for _, mask in parts)
        joined = [segment.merged(parts)] if kept else []
        self.segments[start:end] = joined
        self._current[start:end] = [np.ones(len(one.versions), dtype=np.bool_) for one in joined]


def _allowed(one: Segment, articles: Container[str]) -> Mask:
    """Which chunks are of one of the `articles`."""
    may = np.fromiter((version.article in articles for version in one.versions), np.bool_, len(one.versions))
    chosen: Mask = may[one.places[:, 0]]
    return chosen


def _read_in_parts(missing: Sequence[Version], read: Read) -> Iterator[tuple[Chunk, str]]:
    for start in range(0, len(missing), AT_ONCE):
        yield from read([version.article for version in missing[start : start + AT_ONCE]])
