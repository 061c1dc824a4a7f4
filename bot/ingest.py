"""The only writer: files and web pages → articles → chunks → vectors → store.

An article is added, found unchanged (same content hash: nothing is done), replaced, or skipped with a reason. It
knows nothing of questions.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from bot.articles import Apart, Fetched, Skipped, chunk, embedding_text, find_files, heading, read_file, read_url
from bot.articles.sentences import split
from bot.embed import Embedder
from bot.schema import Article, ArticleInfo, Chunk, Progress
from bot.store import Prepared, Store, View

MAX_VECTORS = 50_000  # of one article: the Bible has 40,000 sentences and chunks, and takes a quarter of an hour

_TOO_MANY = f"it has more than {MAX_VECTORS:,} sentences and chunks. Split it into several articles."

Outcome = Literal["added", "unchanged", "replaced", "skipped", "removed"]


class Result(NamedTuple):
    """What became of one article or file; `article` is its id, or its path or address where it could not be read."""

    outcome: Outcome
    article: str
    reason: str = ""


@dataclass
class Summary:
    """All results of a run, in order."""

    results: list[Result] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome == outcome for result in self.results)

    def skipped(self) -> list[Result]:
        return [result for result in self.results if result.outcome == "skipped"]


Report = Callable[[Progress], None]
Fetch = Callable[[str], Fetched]


class Cut(NamedTuple):
    """An article's chunks, and what is embedded of each: `texts`, of the places in `views`."""

    chunks: list[Chunk]
    texts: list[str]
    views: list[View]


class Ingester:
    """Reads articles into `store`, chunked to `chunk_tokens` tokens of `embedder`; `apart` says how files are read."""

    def __init__(self, store: Store, embedder: Embedder, chunk_tokens: int, apart: Callable[[], Apart] = Apart) -> None:
        self._store, self._embedder, self._apart = store, embedder, apart
        self._chunk_tokens = min(chunk_tokens, embedder.max_tokens)

    def ingest(self, paths: Sequence[Path], report: Report | None = None, *, only: bool = False) -> Summary:
        """Read files and folders; with `only`, articles that are in none of them are removed.

        Raises ArticleError if a path does not exist, StoreError if the store is busy.
        """
        files = list(find_files(paths))
        summary = Summary()
        with self._store.writing(), self._apart() as apart:
            self._store.sweep()
            infos = dict(self._store.infos())
            seen: set[str] = set()
            for number, file in enumerate(files):
                if report:
                    report(Progress(number, len(files), file.origin if isinstance(file, Skipped) else str(file)))
                for read in [file] if isinstance(file, Skipped) else read_file(file, apart.read):
                    summary.results.append(self._take(read, infos, seen))
            for stale in sorted(set(infos) - seen) if only else ():
                self._store.remove(stale)
                summary.results.append(Result("removed", stale))
            if report:
                report(Progress(len(files), len(files), ""))
        return summary

    def add_url(self, url: str, fetch: Fetch) -> Result:
        """Store the article at a web address, as `fetch` gives it; "skipped" where it cannot be had or read.

        Raises StoreError if the store is busy.
        """
        with self._apart() as apart:
            read = read_url(url, fetch, apart.read)  # before the store is held: servers may be slow
        with self._store.writing():
            self._store.sweep()
            return self._take(read, dict(self._store.infos()), set())

    def rebuild(self, report: Report | None = None) -> int:
        """Chunk and embed all stored articles anew, with the present settings; how many there were."""
        with self._store.writing():
            ids = sorted(self._store.infos())
            self._store.rebuild(self._prepared(ids, report))
        return len(ids)

    def _prepared(self, ids: Sequence[str], report: Report | None) -> Iterator[Prepared]:
        for number, article_id in enumerate(ids):
            if report:
                report(Progress(number, len(ids), article_id))
            yield self.prepare(self._store.article(article_id))
        if report:
            report(Progress(len(ids), len(ids), ""))

    def _take(self, read: Article | Skipped, infos: dict[str, ArticleInfo], seen: set[str]) -> Result:
        if isinstance(read, Skipped):
            return Result("skipped", read.origin, read.reason)
        article = _own_id(read, infos)
        if article.id in seen:
            return Result("skipped", article.id, f"its id was used before in this run ({article.origin})")
        seen.add(article.id)
        known = infos.get(article.id)
        if known is not None and known.content_hash == article.content_hash:
            if known.origin != article.origin:
                self._store.moved(article)
            return Result("unchanged", article.id)
        cut = self._cut(article)
        if len(cut.views) > MAX_VECTORS:
            return Result("skipped", article.origin, _TOO_MANY)
        self._store.put(self._embedded(article, cut))
        infos[article.id] = ArticleInfo(
            id=article.id, title=article.title, origin=article.origin, content_hash=article.content_hash
        )
        return Result("added" if known is None else "replaced", article.id)

    def prepare(self, article: Article) -> Prepared:
        """Cut, and embedded, ready to be put in the store."""
        return self._embedded(article, self._cut(article))

    def _cut(self, article: Article) -> Cut:
        """Each chunk is to be embedded as a whole, under the article's heading, and each of its sentences alone.

        A question is often like one sentence and unlike the rest of its chunk.
        """
        chunks = chunk(article, self._embedder.count_tokens, self._chunk_tokens)
        head = heading(article, self._embedder.count_tokens, self._chunk_tokens)
        texts = [embedding_text(article, one, head) for one in chunks]
        views = [View(index, one.start, one.end) for index, one in enumerate(chunks)]
        for index, one in enumerate(chunks):
            sentences = split(article.text[one.start : one.end])
            if len(sentences) > 1:
                texts += [article.text[one.start + start : one.start + end] for start, end in sentences]
                views += [View(index, one.start + start, one.start + end) for start, end in sentences]
        return Cut(chunks, texts, views)

    def _embedded(self, article: Article, cut: Cut) -> Prepared:
        return Prepared(article, cut.chunks, cut.views, self._embedder.embed_documents(cut.texts))


def _own_id(article: Article, infos: Mapping[str, ArticleInfo]) -> Article:
    """Two different files of one name are two articles: the later gets a suffix made of its path.

    An article that came from this very file keeps the id that it got then. Ids given in a .jsonl are the user's own.
    """
    if article.origin.endswith(".jsonl"):
        return article
    suffixed = f"{article.id}-{hashlib.sha256(article.origin.encode()).hexdigest()[:6]}"
    known = infos.get(article.id)
    if suffixed not in infos and (
        known is None or known.origin == article.origin or known.content_hash == article.content_hash
    ):
        return article
    return article.model_copy(update={"id": suffixed})
