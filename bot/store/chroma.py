"""The store, embedded on disk or on a Chroma server; the only importer of chromadb.

Two collections. `citebot-articles` holds one record an article: its text as the document, all else as JSON; its own
metadata names the collection of chunks in use and how they were made. A chunk has a record for each vector that
stands for it (its views: the whole, and each of its sentences), with its place in the article; the words are stored
once, with the article.

An article's record is its point of commit. Its chunks carry the hash of the version that they were cut from, are
written before the record and deleted after it, and count only while the record names their hash. So whatever is
killed when, a reader sees the old version or the new one, never a mixture; `sweep` clears what was left lying.
"""

import contextlib
import logging
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import chromadb
import filelock
import numpy as np

from bot.errors import StoreError, StoreMismatch
from bot.llama import Vectors
from bot.schema import Article, ArticleInfo, Chunk, Filters
from bot.store import records
from bot.store.connect import cannot_open, collection, connect
from bot.store.failures import FAILURES, telling, told
from bot.store.records import Near, Prepared, Signature, StoredSentence

log = logging.getLogger("bot.store")
ARTICLES = "citebot-articles"
PAGE = 1000  # records asked of Chroma at once
VIEWS = 16  # of a chunk are asked for at once; most have fewer
LOCK_SECONDS = 2.0
WRITING = "writing "
NO_VECTOR = np.zeros((1, 1), dtype=np.float32)  # Chroma wants a vector of every record


class Store:
    """Open `folder`, or the Chroma server at `server`; `folder` also holds the lock that writers take.

    Raises StoreError where Chroma cannot be opened, StoreMismatch where the vectors were made in another way (unless
    `rebuilding`).
    """

    def __init__(
        self, folder: Path, signature: Signature, *, server: str | None = None, rebuilding: bool = False
    ) -> None:
        self.folder, self.signature = folder, signature
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._client = connect(folder, server)
            self._articles: chromadb.Collection = collection(self._client, ARTICLES, "l2")
        except Exception as error:  # noqa: BLE001 - Chroma raises its own, its database's and its transport's errors
            raise StoreError(cannot_open(folder, server, error)) from error
        self._lock = filelock.FileLock(folder / "write.lock", timeout=LOCK_SECONDS)
        self._turn = threading.Lock()  # threads of one process wait for each other; other processes are refused
        self._infos: dict[str, ArticleInfo] = {}
        self._state: str | None = None
        self._rebuilding = rebuilding  # until then, vectors that were made in another way are no mistake
        try:
            with telling():
                self._chunks = self._open_chunks()
        except Exception:
            self._client.close()
            raise

    # -- reading --

    @told
    def infos(self, state: str | None = None) -> Mapping[str, ArticleInfo]:
        """All articles by id, without their texts; read anew only when articles have changed: the `state`, if asked."""
        state = state or self.state()
        if state != self._state or self.is_writing(state):
            self._chunks = self._open_chunks()
            infos = {info.id: info for info in self._read_infos()}
            self._infos, self._state = infos, state
            return infos
        return self._infos

    @told
    def state(self) -> str:
        """A word that changes whenever articles change, in whatever process."""
        state = str(self._metadata().get("state", ""))
        if self.is_writing(state) and self._nobody_writes():
            state = str(self._metadata().get("state", ""))
        return state

    def _nobody_writes(self) -> bool:
        """Whether the lock is free: then the last writer was killed, and its state is settled for it."""
        if self._turn.locked():
            return False
        try:
            with self._lock.acquire(timeout=0):
                self._settle()
                return True
        except (filelock.Timeout, OSError):
            return False

    @staticmethod
    def is_writing(state: str) -> bool:
        """Whether articles are still changing, or a writer was killed while they were."""
        return state.startswith(WRITING)

    def made(self) -> str:
        """A name for how chunks are made; another after every rebuild."""
        return str(self._chunks.name)

    def article(self, article_id: str) -> Article:
        """One article with its text; StoreError if there is none."""
        found = self.articles([article_id])
        if not found:
            raise StoreError(f"There is no article {article_id!r}. `bot articles list` shows all ids.")
        return found[0]

    @told
    def articles(self, ids: Sequence[str]) -> list[Article]:
        """Those articles that exist, in the order of `ids`."""
        found: dict[str, Article] = {}
        for start in range(0, len(ids), PAGE):
            page = self._articles.get(records.storable(ids[start : start + PAGE]), include=["metadatas", "documents"])
            for text, record in zip(page["documents"] or [], page["metadatas"] or [], strict=True):
                article = records.read_article(record, text)
                found[article.id] = article
        return [found[article_id] for article_id in ids if article_id in found]

    @told
    def chunks(self, of: Sequence[str] | None = None) -> list[Chunk]:
        """The chunks `of` these articles, None for all, in their current versions; by article id and place."""
        infos = self.infos()
        wanted: Any = {"view": 0} if of is None else {"$and": [{"view": 0}, {"article": {"$in": list(of)}}]}
        first = self._all(self._chunks, wanted) if of is None or of else ()
        return records.in_order(records.read_chunk(record) for record in first if records.is_current(record, infos))

    @told
    def nearest(
        self, vector: Vectors, count: int, filters: Filters, among: Sequence[Chunk] = (), state: str | None = None
    ) -> list[Near]:
        """The chunks of the `count` vectors most like `vector` (shape (dimension,)), best first, each once.

        Where those that pass the filters are given as `among`, all of their vectors are compared: sooner done for a few
        than a filtered search. Ids say all that is needed; reading records takes several times as long as the search.
        """
        if not (infos := self.infos(state)):
            return []
        if among:
            far = [(vector_id, 1.0 - float(stored @ vector)) for vector_id, _, stored in self._views(among, infos)]
            pairs = sorted(far, key=lambda one: one[1])[:count]
        else:
            answer = self._chunks.query(
                query_embeddings=vector[np.newaxis, :],
                n_results=count,
                where=cast(Any, records.where(filters)),
                include=["distances"],
            )
            pairs = list(zip(answer["ids"][0], (answer["distances"] or [[]])[0], strict=True))
        near: dict[tuple[str, int], Near] = {}
        for vector_id, away in pairs:  # the nearest first
            if place := records.current_chunk(vector_id, infos):
                near.setdefault(place, Near(*place, 1.0 - away))
        return sorted(near.values(), key=lambda one: (-one.similarity, one.article, one.chunk))

    @told
    def sentences(self, chunks: Sequence[Chunk]) -> list[StoredSentence]:
        """The sentences of these chunks, with their vectors; by article id and place."""
        split: set[tuple[str, int]] = set()  # chunks that have sentences beside their whole
        read: list[tuple[int, StoredSentence]] = []
        for _, record, vector in self._views(chunks, self.infos()):
            chunk = records.read_chunk(record)
            number, start, end = (int(cast(int, record[name])) for name in ("view", "view_start", "view_end"))
            read.append((number, StoredSentence(chunk, start, end, vector)))
            if number:
                split.add((chunk.article, chunk.index))
        kept = [one for number, one in read if number or (one.chunk.article, one.chunk.index) not in split]
        return sorted(kept, key=lambda one: (one.chunk.article, one.start))

    def _views(
        self, chunks: Sequence[Chunk], infos: Mapping[str, ArticleInfo]
    ) -> Iterator[tuple[str, records.Record, Vectors]]:
        """Id, record and vector of each that stands for one of these chunks.

        Asked for by their ids, of which some are tried that there may not be: among half a million vectors a search by
        what is in their records takes a hundred times as long.
        """
        wanted = [(one, 0) for one in dict.fromkeys(chunks) if one.article in infos]
        step = PAGE // VIEWS
        while wanted:
            some, wanted = wanted[:step], wanted[step:]
            ids = {
                records.view_id(one.article, infos[one.article].content_hash, one.index, view): (one, view)
                for one, first in some
                for view in range(first, first + VIEWS)
            }
            found = self._chunks.get(ids=list(ids), include=["metadatas", "embeddings"])
            embeddings = cast(Any, found["embeddings"])
            for record_id, record, vector in zip(found["ids"], found["metadatas"] or [], embeddings, strict=True):
                yield record_id, record, np.asarray(vector, dtype=np.float32)
                one, view = ids[record_id]
                if (view + 1) % VIEWS == 0:
                    wanted.append((one, view + 1))

    # -- writing --

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for writing; StoreError soon if another process holds it."""
        with self._turn:
            self._acquire()
            try:
                with telling():
                    self._note(state=WRITING + uuid.uuid4().hex)
                yield
            finally:
                self._settle()
                self._lock.release()

    def _settle(self) -> None:
        """Note that nobody writes any more; what was committed before a failure stands. The caller has the lock."""
        try:
            self._note(state=uuid.uuid4().hex)
        except FAILURES as error:
            log.warning("The state of the store could not be noted: %s", error)  # the failure before it is told

    def _acquire(self) -> None:
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise StoreError(
                f"Another process is changing the articles in {self.folder}. Try again when it has finished."
            ) from None
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be written: {error.strerror}. Check its permissions.") from None

    @told
    def put(self, prepared: Prepared) -> None:
        """Add or replace one article with its chunks and their vectors."""
        article = prepared.article
        self._add_vectors(self._chunks, prepared)
        record = records.article_record(article) | records.counts(self._chunks.name, prepared)
        self._articles.upsert(ids=[article.id], embeddings=NO_VECTOR, documents=[article.text], metadatas=[record])
        stale: Any = {"$and": [{"article": article.id}, {"hash": {"$ne": article.content_hash}}]}
        self._chunks.delete(where=stale)

    @told
    def moved(self, article: Article) -> None:
        """Note where an article whose words are unchanged comes from now."""
        self._articles.update(ids=[article.id], metadatas=[records.article_record(article)])

    @told
    def remove(self, article_id: str) -> None:
        """Forget an article and its chunks; StoreError if there is none."""
        self.article(article_id)
        self._articles.delete(ids=[article_id])
        self._chunks.delete(where={"article": article_id})

    @told
    def sweep(self) -> int:
        """Delete vectors that no current article owns, left by a process that was killed; how many there were."""
        infos = self.infos()
        key = records.count_key("vectors", self._chunks.name)
        if self._chunks.count() == sum(int(record.get(key, 0)) for record in self._all(self._articles)):
            return 0
        orphans = [
            records.vector_id(record) for record in self._all(self._chunks) if not records.is_current(record, infos)
        ]
        for start in range(0, len(orphans), PAGE):
            self._chunks.delete(ids=orphans[start : start + PAGE])
        return len(orphans)

    @told
    def rebuild(self, prepared: Iterable[Prepared]) -> None:
        """Replace all chunks by those of `prepared`, made with this store's signature, at one stroke at the end."""
        old = self._chunks.name
        name = self.signature.collection()
        if name == old:
            name += "-again"
        with contextlib.suppress(Exception):  # usually none is left from a rebuild that was killed
            self._client.delete_collection(name)
        new = self._collection(name)
        for one in prepared:
            self._add_vectors(new, one)
            self._articles.update(ids=[one.article.id], metadatas=[records.counts(name, one)])
        self._note(chunks=name, signature=self.signature.model_dump_json())
        self._chunks, self._rebuilding = new, False
        self._client.delete_collection(old)

    def close(self) -> None:
        self._client.close()

    # -- within --

    def _metadata(self) -> dict[str, Any]:
        """The store's own notes, as they stand now, whichever process wrote them."""
        return dict(self._client.get_collection(ARTICLES, embedding_function=None).metadata or {})

    def _note(self, **values: str) -> None:
        self._articles.modify(metadata=self._metadata() | values)

    def _open_chunks(self) -> chromadb.Collection:
        notes = self._metadata()
        if "chunks" not in notes:
            name = self.signature.collection()
            self._note(chunks=name, signature=self.signature.model_dump_json(), state=uuid.uuid4().hex)
            return self._collection(name)
        made = Signature.model_validate_json(str(notes["signature"]))
        if made != self.signature and not self._rebuilding:
            raise StoreMismatch(
                f"The articles in {self.folder} were prepared in another way than the settings say "
                f"({made.difference(self.signature)}). Run `bot ingest --rebuild`, or set the old value again."
            )
        return self._collection(str(notes["chunks"]))

    def _collection(self, name: str) -> chromadb.Collection:
        found: chromadb.Collection = collection(self._client, name, "cosine")
        return found

    def _add_vectors(self, collection: chromadb.Collection, prepared: Prepared) -> None:
        numbers: Counter[int] = Counter()
        made = []
        for view in prepared.views:
            made.append(records.vector_record(prepared.article, prepared.chunks[view.chunk], view, numbers[view.chunk]))
            numbers[view.chunk] += 1
        step = min(PAGE, self._client.get_max_batch_size())
        for start in range(0, len(made), step):
            part = made[start : start + step]
            collection.upsert(
                ids=[records.vector_id(record) for record in part],
                embeddings=prepared.vectors[start : start + step],
                metadatas=cast(Any, part),
            )

    def _read_infos(self) -> Iterator[ArticleInfo]:
        key = records.count_key("chunks", self._chunks.name)
        for record in self._all(self._articles):
            yield records.read_info(record, int(record.get(key, 0)), int(record["characters"]))

    def _all(self, collection: chromadb.Collection, where: dict[str, Any] | None = None) -> Iterator[records.Record]:
        offset = 0
        while True:
            page = collection.get(include=["metadatas"], where=where, limit=PAGE, offset=offset)["metadatas"] or []
            yield from page
            if len(page) < PAGE:
                return
            offset += PAGE
