"""Records of Chroma's collections: read in pages, and laid out to be written in parts. It opens and writes nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from bot.llama import Vectors
from bot.schema import ArticleInfo, Chunk
from bot.store import records
from bot.store.connect import Collection
from bot.store.records import Prepared, Record

PAGE = 1000  # records asked of Chroma at once
VIEWS = 16  # of a chunk are asked for at once; most have fewer


def all_records(collection: Collection, where: dict[str, Any] | None = None) -> Iterator[Record]:
    offset = 0
    while True:
        page = collection.get(include=["metadatas"], where=where, limit=PAGE, offset=offset)["metadatas"] or []
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def views(
    collection: Collection, chunks: Sequence[Chunk], infos: Mapping[str, ArticleInfo]
) -> Iterator[tuple[str, Record, Vectors]]:
    """Id, record and vector of each that stands for one of these chunks.

    Asked for by their ids, of which some are tried that there may not be: among half a million vectors a search by what
    is in their records takes a hundred times as long.
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
        found = collection.get(ids=list(ids), include=["metadatas", "embeddings"])
        embeddings = cast(Any, found["embeddings"])
        for record_id, record, vector in zip(found["ids"], found["metadatas"] or [], embeddings, strict=True):
            yield record_id, record, np.asarray(vector, dtype=np.float32)
            one, view = ids[record_id]
            if (view + 1) % VIEWS == 0:
                wanted.append((one, view + 1))


def parts(prepared: Prepared, step: int) -> Iterator[tuple[list[str], Vectors, list[Record]]]:
    """Ids, vectors and records of all that stands for an article, at most `step` at once."""
    numbers: Counter[int] = Counter()
    made: list[Record] = []
    for view in prepared.views:
        made.append(records.vector_record(prepared.article, prepared.chunks[view.chunk], view, numbers[view.chunk]))
        numbers[view.chunk] += 1
    for start in range(0, len(made), step):
        part = made[start : start + step]
        yield [records.vector_id(record) for record in part], prepared.vectors[start : start + step], part
