"""The store, embedded on disk or on a Chroma server; the only importer of chromadb.

`citebot-articles` holds a record an article: its text as the document, all else as JSON; its own metadata names the
collection of chunks in use. docs/architecture.md says how this commits.
"""

import contextlib
import gc
import logging
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import chromadb
import filelock
import numpy as np

from bot.errors import StoreBusy, StoreError
from bot.llama import Vectors
from bot.schema import Article, ArticleInfo, Chunk, Filters
from bot.store import disk, notes, records
from bot.store.connect import cannot_open, connect, open_collection, spare_time
from bot.store.failures import FAILURES, reading, telling, told
from bot.store.pages import PAGE, all_records, parts, views
from bot.store.records import Near, Prepared, Signature, StoredSentence
from bot.store.shared import Shared

log = logging.getLogger("bot.store")
LOCK, LOCK_SECONDS = "write.lock", 2.0
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
        self.folder, self.signature, self._server = folder, signature, server
        self._lock = filelock.FileLock(folder / LOCK, timeout=LOCK_SECONDS)
        self._turn = threading.Lock()  # threads of one process wait for each other; other processes are refused
        self._infos: dict[str, ArticleInfo] = {}
        self._state: str | None = None
        self._rebuilding = rebuilding  # until then, vectors that were made in another way are no mistake
        self._shared = None if server else Shared(folder)
        self._opening = threading.Lock()
        self._client: Any = None
        self._open()

    def _open(self) -> None:
        before = self._client
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._shared.opening() if self._shared else contextlib.nullcontext():
                self._read_folder()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - Chroma raises its own, its database's and its transport's errors
            raise StoreError(cannot_open(self.folder, self._server, error)) from error
        if before:
            before.close()
            del before
            gc.collect()  # an index takes much memory, and Chroma's objects refer to each other

    def _read_folder(self) -> None:
        """Chroma reads files when they are first asked for: here, while nobody writes them."""
        if self._shared and not self._client:  # later, other processes of ours have written it
            disk.refuse_damaged(self.folder, chunks=not self._rebuilding)
        client = connect(self.folder, self._server)
        try:
            articles = notes.open_articles(client)
            chunks = notes.open_chunks(client, self.folder, self.signature, self._rebuilding)
            if self._shared:
                articles.count()
                if not self._rebuilding:  # which makes them anew, damaged or not
                    spare_time(chunks)
        except Exception:
            client.close()
            raise
        self._client, self._articles, self._chunks = client, articles, chunks

    def renew(self) -> bool:
        """Open the folder anew if another process has written since; whether that was done. Raises StoreError.

        While a thread of this process writes, no other process does, and what it writes to must stay as it is.
        """
        return self._renew(reading=True)

    def _renew(self, *, reading: bool) -> bool:
        with self._opening:  # another thread may be at it
            if not (self._shared and self._shared.is_stale()) or (reading and self._turn.locked()):
                return False
            self._open()
            return True

    # -- reading --

    @reading
    def infos(self, state: str | None = None) -> Mapping[str, ArticleInfo]:
        """All articles by id, without their texts; read anew only when articles have changed: the `state`, if asked."""
        state = state or self.state()
        if state != self._state or self.is_writing(state):
            infos = self._read_infos()
            if (infos != self._infos or not self.is_writing(state)) and self.renew():
                infos = self._read_infos()
            self._infos, self._state = infos, state
            return infos
        return self._infos

    @reading
    def state(self) -> str:
        """A word that changes whenever articles change, in whatever process."""
        state = str(notes.read(self._client).get("state", ""))
        if self.is_writing(state) and self._nobody_writes():
            state = str(notes.read(self._client).get("state", ""))
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
            raise _unknown(article_id)
        return found[0]

    @reading
    def articles(self, ids: Sequence[str]) -> list[Article]:
        """Those articles that exist, in the order of `ids`."""
        found: dict[str, Article] = {}
        for start in range(0, len(ids), PAGE):
            page = self._articles.get(records.storable(ids[start : start + PAGE]), include=["metadatas", "documents"])
            for text, record in zip(page["documents"] or [], page["metadatas"] or [], strict=True):
                article = records.read_article(record, text)
                found[article.id] = article
        return [found[article_id] for article_id in ids if article_id in found]

    @reading
    def chunks(self, of: Sequence[str] | None = None) -> list[Chunk]:
        """The chunks `of` these articles, None for all, in their current versions; by article id and place."""
        infos = self.infos()
        wanted: Any = {"view": 0} if of is None else {"$and": [{"view": 0}, {"article": {"$in": list(of)}}]}
        first = all_records(self._chunks, wanted) if of is None or of else ()
        return records.in_order(records.read_chunk(record) for record in first if records.is_current(record, infos))

    def records_of_vectors(self) -> Iterator[records.Record]:
        """What is noted of each vector, whoever owns it."""
        return all_records(self._chunks)

    def vector_counts(self) -> dict[str, int]:
        """How many vectors each article should have, by its id."""
        key = records.count_key("vectors", self._chunks.name)
        return {records.read_info(one, 0, 0).id: int(one.get(key, 0)) for one in all_records(self._articles)}

    @reading
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
            far = [
                (vector_id, 1.0 - float(stored @ vector)) for vector_id, _, stored in views(self._chunks, among, infos)
            ]
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

    @reading
    def sentences(self, chunks: Sequence[Chunk]) -> list[StoredSentence]:
        """The sentences of these chunks, with their vectors; by article id and place."""
        split: set[tuple[str, int]] = set()  # chunks that have sentences beside their whole
        read: list[tuple[int, StoredSentence]] = []
        for _, record, vector in views(self._chunks, chunks, self.infos()):
            chunk = records.read_chunk(record)
            number, start, end = (int(cast(int, record[name])) for name in ("view", "view_start", "view_end"))
            read.append((number, StoredSentence(chunk, start, end, vector)))
            if number:
                split.add((chunk.article, chunk.index))
        kept = [one for number, one in read if number or (one.chunk.article, one.chunk.index) not in split]
        return sorted(kept, key=lambda one: (one.chunk.article, one.start))

    # -- writing --

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for writing; StoreError soon if another process holds it."""
        with self._turn:
            self._acquire()
            try:
                self._renew(reading=False)
                with telling():
                    notes.write(self._client, state=WRITING + uuid.uuid4().hex)
                yield
            finally:
                self._settle()
                self._lock.release()

    def _settle(self) -> None:
        """Note that nobody writes any more; what was committed before a failure stands. The caller has the lock."""
        try:
            notes.write(self._client, state=uuid.uuid4().hex)
        except FAILURES as error:
            log.warning("The state of the store could not be noted: %s", error)  # the failure before it is told

    def _acquire(self) -> None:
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise StoreBusy(
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
        with self._changing():
            self._articles.upsert(ids=[article.id], embeddings=NO_VECTOR, documents=[article.text], metadatas=[record])
        stale: Any = {"$and": [{"article": article.id}, {"hash": {"$ne": article.content_hash}}]}
        with self._changing():
            self._chunks.delete(where=stale)

    @told
    def moved(self, article: Article) -> None:
        """Note where an article whose words are unchanged comes from now."""
        with self._changing():
            self._articles.update(ids=[article.id], metadatas=[records.article_record(article)])

    @told
    def remove(self, article_id: str) -> None:
        """Forget an article and its chunks; StoreError if there is none, but for chunks that a kill left."""
        (stored,) = records.storable([article_id])
        if known := self.articles([stored]):
            with self._changing():
                self._articles.delete(ids=[stored])
        with self._changing():
            self._chunks.delete(where={"article": stored})
        if not known:
            raise _unknown(article_id)

    @told
    def sweep(self) -> int:
        """Delete vectors that no current article owns, left by a process that was killed; how many there were."""
        self._drop_unused()
        infos = self.infos()
        if self._chunks.count() == sum(self.vector_counts().values()):
            return 0
        stray = (record for record in all_records(self._chunks) if not records.is_current(record, infos))
        orphans = [records.vector_id(record) for record in stray]
        for start in range(0, len(orphans), PAGE):
            with self._changing():
                self._chunks.delete(ids=orphans[start : start + PAGE])
        return len(orphans)

    @told
    def rebuild(self, prepared: Iterable[Prepared]) -> None:
        """Replace all chunks by those of `prepared`, made with this store's signature, at one stroke at the end."""
        old = self._chunks.name
        name = self.signature.collection()
        if name == old:
            name += "-again"
        self._drop_unused()
        new = open_collection(self._client, name)
        for one in prepared:
            self._add_vectors(new, one)
            with self._changing():
                self._articles.update(ids=[one.article.id], metadatas=[records.counts(name, one)])
        notes.write(self._client, chunks=name, signature=self.signature.model_dump_json())
        self._chunks, self._rebuilding = new, False
        self._drop_unused()

    def close(self) -> None:
        self._client.close()

    # -- within --

    def _drop_unused(self) -> None:
        """Of a rebuild that has ended, or was killed."""
        for name in notes.unused_chunks(self._client):
            with self._changing():
                self._client.delete_collection(name)

    def _changing(self) -> contextlib.AbstractContextManager[None]:
        """For each single write to Chroma."""
        return self._shared.changing() if self._shared else contextlib.nullcontext()

    def _add_vectors(self, collection: chromadb.Collection, prepared: Prepared) -> None:
        for ids, vectors, made in parts(prepared, min(PAGE, self._client.get_max_batch_size())):
            with self._changing():
                collection.upsert(ids=ids, embeddings=vectors, metadatas=cast(Any, made))

    def _read_infos(self) -> dict[str, ArticleInfo]:
        self._chunks = notes.open_chunks(self._client, self.folder, self.signature, self._rebuilding)
        key = records.count_key("chunks", self._chunks.name)
        infos = (
            records.read_info(record, int(record.get(key, 0)), int(record["characters"]))
            for record in all_records(self._articles)
        )
        return {info.id: info for info in infos}


def _unknown(article_id: str) -> StoreError:
    return StoreError(f"There is no article {article_id!r}. `bot articles list` shows all ids.")
