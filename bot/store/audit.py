"""Whether every article in a store has all that was made of it, and nothing is there that no article owns."""

from collections import Counter
from typing import NamedTuple

from bot.schema import Article, Chunk
from bot.store import records
from bot.store.chroma import Store
from bot.store.failures import told
from bot.store.pages import PAGE


class Audit(NamedTuple):
    """`wrong`: what is wrong with an article's chunks, by its id; `nobodys`: vectors that no article owns."""

    articles: int
    wrong: dict[str, str]
    nobodys: int


@told
def audit(store: Store) -> Audit:
    """Compare chunks and vectors with the articles. Raises StoreError where the store or a record cannot be read."""
    infos = store.infos()
    vectors: Counter[str] = Counter()
    chunks: dict[str, list[Chunk]] = {article: [] for article in infos}
    nobodys = 0
    for record in store.records_of_vectors():
        if not records.is_current(record, infos):
            nobodys += 1
            continue
        chunk = records.read_chunk(record)
        vectors[chunk.article] += 1
        if record["view"] == 0:
            chunks[chunk.article].append(chunk)
    wanted = store.vector_counts()
    wrong = {}
    ids = sorted(infos)
    for start in range(0, len(ids), PAGE):
        for article in store.articles(ids[start : start + PAGE]):
            own = records.in_order(chunks[article.id])
            if len(own) != infos[article.id].chunks or vectors[article.id] != wanted[article.id]:
                wrong[article.id] = f"{vectors[article.id]} of {wanted[article.id]} vectors are there"
            elif not _covered(article, own):
                wrong[article.id] = "its chunks do not cover its text"
    return Audit(len(infos), wrong, nobodys)


def _covered(article: Article, chunks: list[Chunk]) -> bool:
    """Whether the chunks, in order, hold all of the text but white space, each part of it once."""
    at = 0
    for number, chunk in enumerate(chunks):
        if chunk.index != number or chunk.start < at or article.text[at : chunk.start].strip():
            return False
        at = chunk.end
    return at <= len(article.text) and not article.text[at:].strip()
