"""How articles, chunks and filters are written down as Chroma records; pure, without Chroma."""

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from bot.llama import Vectors
from bot.schema import Article, ArticleInfo, Chunk, Filters

VERSION = 2  # 2: the sentences of a chunk have vectors of their own
CHUNKS = "citebot-chunks-"  # names of collections begin so
NO_DATE = 0
HASH = 16  # characters of the content hash in a vector's id

Record = Mapping[str, Any]


class View(NamedTuple):
    """What a vector was made of: characters `start` to `end` of the article, in its chunk number `chunk`.

    A chunk's first view is the whole of it, the others are its sentences; one of a single sentence has no others.
    """

    chunk: int
    start: int
    end: int


class Prepared(NamedTuple):
    """An article ready to be stored: vector i, of shape (dimension,), is that of `views[i]`."""

    article: Article
    chunks: Sequence[Chunk]
    views: Sequence[View]
    vectors: Vectors


class StoredSentence(NamedTuple):
    """A sentence of `chunk`, characters `start` to `end` of its article, with its vector, shape (dimension,)."""

    chunk: Chunk
    start: int
    end: int
    vector: Vectors


class Near(NamedTuple):
    """An article's `chunk` by its index, and its similarity (cosine): that of its vector most like the query."""

    article: str
    chunk: int
    similarity: float


class Signature(BaseModel):
    """What the vectors of a store depend on."""

    model_config = ConfigDict(frozen=True)

    embedder: str
    embedder_sha256: str
    dimension: int
    chunk_tokens: int
    version: int = VERSION

    def difference(self, other: "Signature") -> str:
        """What differs, in words: "embedder 'a', now 'b'"."""
        old, new = self.model_dump(), other.model_dump()
        return "; ".join(f"{name} {old[name]!r}, now {new[name]!r}" for name in old if old[name] != new[name])

    def collection(self) -> str:
        """Name of a collection for chunks made this way."""
        return f"{CHUNKS}{uuid.uuid5(uuid.NAMESPACE_OID, self.model_dump_json()).hex[:12]}"


def vector_id(record: Record) -> str:
    return view_id(str(record["article"]), str(record["hash"]), int(record["index"]), int(record["view"]))


def view_id(article: str, content_hash: str, chunk: int, view: int) -> str:
    return f"{article}:{content_hash[:HASH]}:{chunk}:{view}"


def current_chunk(vector: str, infos: Mapping[str, ArticleInfo]) -> tuple[str, int] | None:
    """Article and index of the chunk that the vector of this id stands for; None if no current article owns it."""
    article, content, index, _ = vector.rsplit(":", 3)
    info = infos.get(article)
    return (article, int(index)) if info is not None and info.content_hash[:HASH] == content else None


def article_record(article: Article) -> dict[str, str]:
    return {"article": article.model_dump_json(exclude={"text"})}


def read_article(record: Record, text: str) -> Article:
    return Article(**json.loads(str(record["article"])), text=text)


def read_info(record: Record, chunks: int, characters: int) -> ArticleInfo:
    kept = {
        name: value for name, value in json.loads(str(record["article"])).items() if name in ArticleInfo.model_fields
    }
    return ArticleInfo(**kept, chunks=chunks, characters=characters)


def vector_record(article: Article, chunk: Chunk, view: View, nth: int) -> dict[str, str | int]:
    """One of the vectors that stand for `chunk`; `nth` counts them from 0."""
    return {
        "article": article.id,
        "hash": article.content_hash,
        "index": chunk.index,
        "view": nth,
        "view_start": view.start,
        "view_end": view.end,
        "start": chunk.start,
        "end": chunk.end,
        "date": number(article.date),
        "source": article.source or "",
    }


def read_chunk(record: Record) -> Chunk:
    return Chunk.model_validate({name: record[name] for name in ("article", "start", "end", "index")})


def in_order(chunks: Iterable[Chunk]) -> list[Chunk]:
    """By article id and place."""
    return sorted(chunks, key=lambda chunk: (chunk.article, chunk.index))


def newest_first(infos: Iterable[ArticleInfo]) -> list[ArticleInfo]:
    """The order of lists: by date, the newest first, those without one last; then by title."""
    by_title = sorted(infos, key=lambda info: (info.title.casefold(), info.id))
    return sorted(by_title, key=lambda info: number(info.date), reverse=True)


def number(date: dt.date | None) -> int:
    """A date as a number that sorts alike, 20250518; articles without one get 0."""
    return NO_DATE if date is None else date.year * 10000 + date.month * 100 + date.day


def where(filters: Filters) -> dict[str, Any] | None:
    """Chroma's form of the filters; articles without a date are outside every range of dates."""
    parts: list[dict[str, Any]] = []
    if filters.articles:
        parts.append({"article": {"$in": storable(filters.articles)}})
    if filters.sources:
        parts.append({"source": {"$in": storable(filters.sources)}})
    if filters.since or filters.until:
        parts.append({"date": {"$gte": number(filters.since) or NO_DATE + 1}})
    if filters.until:
        parts.append({"date": {"$lte": number(filters.until)}})
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else {"$and": parts}


def storable(names: Sequence[str]) -> list[str]:
    """Names as Chroma takes them: half a character, as command lines and JSON may hold, stands in no record."""
    return [name.encode("utf-8", "replace").decode() for name in names]


def count_key(counted: str, collection: str) -> str:
    """An article's record has its counts for each collection, so that a rebuild can go on beside use."""
    return f"{counted} in {collection}"


def counts(collection: str, prepared: Prepared) -> dict[str, int]:
    return {
        count_key("chunks", collection): len(prepared.chunks),
        count_key("vectors", collection): len(prepared.views),
        "characters": len(prepared.article.text),
    }


def is_current(record: Record, infos: Mapping[str, ArticleInfo]) -> bool:
    info = infos.get(str(record["article"]))
    return info is not None and info.content_hash == record["hash"]
