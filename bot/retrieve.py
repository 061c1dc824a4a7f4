"""A question's passages: vectors and BM25 side by side, their scores summed.

A chunk's score is the cosine of the question's vector and that of the chunk's vectors which is nearest to it, plus
`BM25_WEIGHT` times its BM25 score as a share of the question's highest. Such a sum of normalised scores orders better
than a fusion of ranks: Bruch, Gai & Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (TOIS 2023); our
numbers are in docs/experiments.md. It knows nothing of prompts or models.
"""

import functools
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.config import RetrieveSettings
from bot.embed import Embedder
from bot.evidence import SPREAD, Candidate, Evidence, select
from bot.lexical import Hit, Known, Lexical, load, save
from bot.schema import ArticleInfo, Chunk, Filters, Passage, Span
from bot.store import Store

BM25_WEIGHT = 0.3
FEW = 400  # chunks that are all compared with the question, where no others are allowed
EVERYTHING = 100_000  # chunks or vectors of the few articles that hold what a retriever is given
POOL = 14  # best chunks whose sentences compete to be shown
ASKED = 8  # questions whose vectors are remembered: one question is searched for several times

Key = tuple[str, int]


class _Ranks(NamedTuple):
    chunk: Chunk
    dense: int | None
    similarity: float | None
    bm25: int | None


class Retriever:
    """Searches `store`; keeps its BM25 index in `folder`. Several threads may search at once."""

    def __init__(self, store: Store, embedder: Embedder, folder: Path, settings: RetrieveSettings) -> None:
        self._store, self._folder, self._settings = store, folder, settings
        self._vector = functools.lru_cache(ASKED)(embedder.embed_query)
        self._lock = threading.Lock()
        self._lexical: Lexical | None = None
        self._state: str | None = None  # of the store, and how its chunks were made, when the index was last seen to
        self._made: str | None = None
        self._unsaved = False

    def search(self, question: str, count: int, filters: Filters) -> list[Passage]:
        """The `count` best passages, best first; fewer if fewer match the filters."""
        candidates = max(self._settings.candidates, count)
        with self._lock:
            lexical, state = self._current_index()
            infos = self._store.infos(state)
            allowed = _allowed(infos, filters)
            few = allowed is not None and sum(infos[one].chunks for one in allowed) <= FEW
            among = [chunk for one in sorted(allowed) for chunk in lexical.chunks(one)] if allowed and few else []
            ranked = self._ranked(lexical, state, question, candidates, filters, allowed, among)
        return self._passages(ranked[:count], infos)

    def _ranked(
        self,
        lexical: Lexical,
        state: str,
        question: str,
        count: int,
        filters: Filters,
        allowed: set[str] | None,
        among: Sequence[Chunk],
    ) -> list[tuple[float, _Ranks]]:
        """Chunks with their scores, best first, of the `count` best of both searches; the caller has the lock.

        Vectors are compared with those of `among`, where there are such. BM25 searches the articles `allowed`.
        """
        near = [
            (chunk, one.similarity)
            for one in self._store.nearest(self._vector(question), count, filters, among, state)
            if (chunk := lexical.chunk(one.article, one.chunk)) is not None  # None: written just now
        ]
        return _fuse(near, lexical.search(question, count, allowed), count)

    def evidence(self, question: str, passages: Sequence[Passage], characters: int, *, fill: bool = False) -> Evidence:
        """What of `passages` (best first, as `search` gave them) the model is shown: see evidence.select.

        With `fill`, as much as has room, however little it bears on the question. Empty where all of them were removed
        meanwhile.
        """
        candidates, texts = self._candidates(question, passages[:POOL])
        return select(question, candidates, texts, characters, math.inf if fill else SPREAD)

    def _candidates(self, question: str, passages: Sequence[Passage]) -> tuple[list[Candidate], dict[str, str]]:
        """The sentences of the passages, and the texts of their articles."""
        by_place = {(one.article, one.start): one for one in passages}
        with self._lock:
            lexical, _ = self._current_index()
            ids = dict.fromkeys(one.article for one in passages)
            chunks = [one for article in ids for one in lexical.chunks(article) if (one.article, one.start) in by_place]
            sentences = self._store.sentences(chunks)
            texts = {one.id: one.text for one in self._store.articles(sorted(ids))}
        vector = self._vector(question)
        candidates = [
            Candidate(
                Span(article=one.chunk.article, start=one.start, end=one.end),
                float(one.vector @ vector),
                by_place[one.chunk.article, one.chunk.start],
            )
            for one in sentences
            if one.chunk.article in texts and (one.chunk.article, one.chunk.start) in by_place  # else changed just now
        ]
        return candidates, texts

    def texts(self, ids: Iterable[str]) -> dict[str, str]:
        """The texts of those articles that there still are, by id."""
        with self._lock:
            return {article.id: article.text for article in self._store.articles(sorted(ids))}

    def warm(self) -> None:
        """Bring the BM25 index up to date now, so that the first question does not wait for it."""
        with self._lock:
            self._current_index()

    def _current_index(self) -> tuple[Lexical, str]:
        """The index, brought up to date, and the state of the store that it was looked at in."""
        state = self._store.state()
        if self._lexical is None or state != self._state or self._store.is_writing(state):
            infos, made = self._store.infos(state), self._store.made()
            if self._lexical is None or made != self._made:
                self._lexical, self._made = load(self._folder, made) or Lexical(), made
            current = {article: Known(info.content_hash, info.chunks) for article, info in infos.items()}
            self._unsaved |= self._lexical.update(current, functools.partial(self._read, current))
            if self._unsaved and not self._store.is_writing(state):
                save(self._lexical, self._folder, made)
                self._unsaved = False
            self._state = state if self._lexical.complete else None
        return self._lexical, state

    def _read(self, current: Mapping[str, Known], ids: Sequence[str]) -> Iterator[tuple[Chunk, str]]:
        """What BM25 searches: a chunk's words and its article's title; not of articles that are no longer `current`."""
        articles = {article.id: article for article in self._store.articles(ids)}
        chunks = self._store.chunks(ids)
        after = self._store.infos()
        for chunk in chunks:
            article, known = articles.get(chunk.article), current[chunk.article]
            same = chunk.article in after and after[chunk.article].content_hash == known.content
            if same and article is not None and article.content_hash == known.content:
                yield chunk, f"{article.title}\n{article.text[chunk.start : chunk.end]}"

    def _passages(self, ranked: Sequence[tuple[float, _Ranks]], infos: Mapping[str, ArticleInfo]) -> list[Passage]:
        ids = list(dict.fromkeys(ranks.chunk.article for _, ranks in ranked))
        texts = {article.id: article.text for article in self._store.articles(ids)}
        passages = []
        for score, ranks in ranked:
            chunk = ranks.chunk
            if chunk.article not in texts or chunk.article not in infos:
                continue  # removed by another process between the search and now
            info = infos[chunk.article]
            passages.append(
                Passage(
                    article=chunk.article,
                    start=chunk.start,
                    end=chunk.end,
                    title=info.title,
                    text=texts[chunk.article][chunk.start : chunk.end],
                    date=info.date,
                    url=info.url,
                    source=info.source,
                    score=score,
                    similarity=ranks.similarity,
                    dense_rank=ranks.dense,
                    bm25_rank=ranks.bm25,
                )
            )
        return passages


class Given(Retriever):
    """Finds the spans that it was given, whatever the question: to see what a model makes of the right passages.

    They are cut, scored and shown as what is found by a search; as long as none are given, it searches. For one thread.
    """

    spans: Sequence[Span] = ()

    def search(self, question: str, count: int, filters: Filters) -> list[Passage]:
        """The chunks that hold the spans, best first; however many they are and wherever they lie."""
        if not self.spans:
            return super().search(question, count, filters)
        ids = {span.article for span in self.spans}
        with self._lock:
            lexical, state = self._current_index()
            infos = self._store.infos(state)
            held = [chunk for one in sorted(ids) for chunk in lexical.chunks(one) if self._is_given(chunk)]
            ranked = self._ranked(lexical, state, question, EVERYTHING, Filters(), ids, held) if held else []
        return self._passages([one for one in ranked if self._is_given(one[1].chunk)], infos)

    def _is_given(self, chunk: Chunk) -> bool:
        return any(chunk.overlap(span) for span in self.spans)

    def evidence(self, question: str, passages: Sequence[Passage], characters: int, *, fill: bool = False) -> Evidence:
        """All sentences of the spans, however long they are; see evidence.select."""
        if not self.spans:
            return super().evidence(question, passages, characters, fill=fill)
        candidates, texts = self._candidates(question, passages)
        return select(question, candidates, texts, math.inf, math.inf, self.spans)


def _fuse(near: Sequence[tuple[Chunk, float]], hits: Sequence[Hit], asked: int) -> list[tuple[float, _Ranks]]:
    """Both searches' chunks with their scores, best first.

    Each search was `asked` for so many; a chunk that it did not return counts as the last that it did, and without a
    word of the question as 0.
    """
    found: dict[Key, _Ranks] = {}
    for rank, (chunk, similarity) in enumerate(near, start=1):
        found[chunk.article, chunk.index] = _Ranks(chunk, rank, similarity, None)
    highest = hits[0].score if hits else 1.0
    shares: dict[Key, float] = {}
    for rank, (chunk, score) in enumerate(hits, start=1):
        key = chunk.article, chunk.index
        found[key] = found.get(key, _Ranks(chunk, None, None, None))._replace(bm25=rank)
        shares[key] = score / highest
    least_like = near[-1][1] if near else 0.0
    least_share = hits[-1].score / highest if len(hits) == asked else 0.0
    scored = []
    for key, ranks in found.items():
        similarity = least_like if ranks.similarity is None else ranks.similarity
        scored.append((similarity + BM25_WEIGHT * shares.get(key, least_share), ranks))
    return sorted(scored, key=lambda item: (-item[0], item[1].chunk.article, item[1].chunk.index))


def _allowed(infos: Mapping[str, ArticleInfo], filters: Filters) -> set[str] | None:
    """The articles that the filters let through; None for all."""
    if filters == Filters():
        return None
    return {article for article, info in infos.items() if filters.match(info)}
