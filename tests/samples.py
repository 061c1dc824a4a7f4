"""Small articles, made and cut without the rooms that read files, for tests of the rooms behind them."""

import datetime as dt
import hashlib
import os
import re
import tempfile
from collections.abc import Sequence

from fakes import FakeEmbedder

from bot.schema import Article, Chunk, Passage
from bot.store import Prepared, Signature, Store, View


def reads_everything() -> bool:
    """Whether this process may read what nobody may, as root may (but not without CAP_DAC_OVERRIDE)."""
    with tempfile.NamedTemporaryFile() as file:
        os.chmod(file.name, 0)
        return os.access(file.name, os.R_OK)


READS_EVERYTHING = reads_everything()
SMALL_LLM, EMBEDDER = "smollm2-135m-instruct", "all-minilm-l6-v2"  # names in the catalogue

FERRY = (
    "The harbour ferry stops at Lindaby from Monday. A single ticket costs 4 crowns. "
    "Mayor Ada Quill opened the new quay in June."
)
STORM = "A storm closed the airport on Friday. Two hundred passengers slept in the hall. No one was hurt."
CHEESE = "The dairy of Orra sold a wheel of blue cheese for 900 crowns. It weighs 12 kilograms."


def article(name: str, text: str, *, date: str | None = None, source: str | None = None, **more: str) -> Article:
    """An article; its hash covers its text, date and source."""
    words = f"{text} {date} {source}"
    return Article(
        id=name,
        title=more.pop("title", name.capitalize()),
        text=text,
        date=dt.date.fromisoformat(date) if date else None,
        source=source,
        content_hash=hashlib.sha256(words.encode("utf-8", "replace")).hexdigest(),
        **more,
    )


def split(text: str) -> list[tuple[int, int]]:
    """Character ranges of sentences: up to a full stop, question or exclamation mark before a space or the end."""
    return [match.span() for match in re.finditer(r"\S(?:.*?[.!?](?=\s|$)|.*$)", text, re.S)]


def chunks(one: Article, sentences: int = 1) -> list[Chunk]:
    """Chunks of so many sentences each."""
    spans = split(one.text)
    groups = [spans[at : at + sentences] for at in range(0, len(spans), sentences)]
    return [
        Chunk(article=one.id, start=group[0][0], end=group[-1][1], index=index) for index, group in enumerate(groups)
    ]


def put(store: Store, embedder: FakeEmbedder, *articles: Article, sentences: int = 1) -> None:
    with store.writing():
        for one in articles:
            store.put(prepared(embedder, one, chunks(one, sentences)))


def prepared(embedder: FakeEmbedder, one: Article, parts: Sequence[Chunk]) -> Prepared:
    """One vector a chunk."""
    vectors = embedder.embed_documents([one.text[part.start : part.end] for part in parts])
    return Prepared(one, parts, [View(part.index, part.start, part.end) for part in parts], vectors)


def signature_of(embedder: FakeEmbedder, chunk_tokens: int = 200) -> Signature:
    return Signature(
        embedder=embedder.name,
        embedder_sha256=embedder.sha256,
        dimension=embedder.dimension,
        chunk_tokens=chunk_tokens,
    )


def passage(one: Article, start: int = 0, end: int | None = None) -> Passage:
    stop = len(one.text) if end is None else end
    return Passage(
        article=one.id, start=start, end=stop, title=one.title, text=one.text[start:stop], date=one.date, score=1.0
    )


def passages(*articles: Article) -> Sequence[Passage]:
    return [passage(one) for one in articles]
