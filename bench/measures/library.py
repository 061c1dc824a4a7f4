"""Ingesting against the embedder alone, and search in a large library against bare Chroma and bare bm25s."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import bm25s
import numpy as np

from bot.answer import RETRIEVED
from bot.cli.compose import open_embedder, open_store
from bot.config import PROJECT, Settings
from bot.embed import Embedder
from bot.ingest import Ingester
from bot.lexical.terms import Terms
from bot.llama import Vectors
from bot.retrieve import Retriever
from bot.schema import Article, Chunk, Filters
from bot.store import Prepared, Store, View
from measures.measure import Measure, middle, seconds

CORPUS = PROJECT / "seeds" / "articles"
CHUNKS, SENTENCES, WORDS = 10, 5, 15  # of an article, a chunk, a sentence
QUESTIONS = 100
QUESTION_WORDS = 8
TOPIC = 2.0  # how much the vectors of one article have in common, beside noise of 1


class Noted:
    """An embedder that notes what it embeds."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.name, self.sha256, self.dimension = embedder.name, embedder.sha256, embedder.dimension
        self.max_tokens = embedder.max_tokens
        self.count_tokens, self.embed_query = embedder.count_tokens, embedder.embed_query
        self.texts: list[str] = []

    def embed_documents(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> Vectors:
        self.texts += texts
        return self._embedder.embed_documents(texts, done)


def ingesting(settings: Settings, folder: Path, rounds: int, corpus: Path) -> Measure:
    """Files to a store that can be searched, against the embedder with the same texts all at once."""
    embedder = open_embedder(settings)
    pairs = []
    for number in range(rounds):
        noted = Noted(embedder)
        store = open_store(settings, embedder, folder / str(number))
        ingester = Ingester(store, noted, settings.chunk.max_tokens)
        ours = seconds(lambda ingester=ingester: ingester.ingest([corpus]))
        pairs.append((ours, seconds(lambda noted=noted: embedder.embed_documents(noted.texts))))
        store.close()
    return Measure(f"ingest, {len(noted.texts):,} texts embedded", *middle(pairs), "the embedder alone")


def searching(settings: Settings, folder: Path, chunks: int) -> list[Measure]:
    """95th percentile of a search, and the time until a new article is found by its words, in a made-up library."""
    embedder = open_embedder(settings)
    store = open_store(settings, embedder, folder)
    if not store.infos():
        with store.writing():
            for one in made_up(chunks // CHUNKS, embedder.dimension):
                store.put(one)
    retriever = Retriever(store, embedder, folder / "bm25", settings.retrieve)
    retriever.warm()
    places, texts = read_back(store)
    terms = Terms()
    words = [terms.of(text) for text in texts]
    bare = bm25s.BM25()
    indexing = seconds(lambda: bare.index(words, show_progress=False))
    draw = np.random.default_rng(5)
    ours, beneath = [], []
    for _ in range(QUESTIONS):
        found = re.findall(r"\w+", texts[int(draw.integers(len(texts)))])
        question = " ".join(draw.choice(found, QUESTION_WORDS))
        ours.append(seconds(lambda question=question: retriever.search(question, RETRIEVED, Filters())))
        beneath.append(seconds(lambda question=question: bare_search(store, embedder, bare, terms, question, settings)))
    with store.writing():
        store.put(next(made_up(1, embedder.dimension, seed=2)))
    updating = seconds(retriever.warm)
    store.close()
    return [
        Measure(
            f"search in {len(places):,} chunks, 95th percentile",
            float(np.percentile(ours, 95)),
            float(np.percentile(beneath, 95)),
            "bare Chroma, as it is set here, and bare bm25s, one after the other",
            "ms",
        ),
        Measure("a new article is found by its words", updating, indexing, "bm25s indexing all, words at hand", "ms"),
    ]


def bare_search(
    store: Store, embedder: Embedder, bare: bm25s.BM25, terms: Terms, question: str, settings: Settings
) -> None:
    count = settings.retrieve.candidates
    store._chunks.query(query_embeddings=[embedder.embed_query(question)], n_results=count)
    bare.retrieve([terms.of(question)], k=count, show_progress=False)


def read_back(store: Store) -> tuple[list[Chunk], list[str]]:
    places = store.chunks()
    articles = {article.id: article for article in store.articles(list(store.infos()))}
    return places, [
        f"{articles[one.article].title}\n{articles[one.article].text[one.start : one.end]}" for one in places
    ]


def made_up(count: int, dimension: int, seed: int = 1) -> Iterator[Prepared]:
    """Articles of random words, common and rare as in a language (Zipf's law), with vectors that share a topic."""
    draw = np.random.default_rng(seed)
    syllables = ["ba", "ke", "li", "mo", "nu", "pra", "ste", "tro", "dan", "fer", "gol", "hin", "jas", "kor", "lem"]
    words = np.array([f"{a}{b}{c}" for a in syllables for b in syllables for c in syllables])
    draw.shuffle(words)
    shares = 1 / np.arange(1, len(words) + 1)
    for number in range(count):
        said = draw.choice(words, CHUNKS * SENTENCES * WORDS, p=shares / shares.sum())
        yield laid_out(f"{seed}-{number:06}", said.reshape(CHUNKS, SENTENCES, WORDS).tolist(), draw, dimension)


def laid_out(name: str, said: list[list[list[str]]], draw: np.random.Generator, dimension: int) -> Prepared:
    text, chunks, views = "", [], []
    for index, sentences in enumerate(said):
        begin, spans = len(text), []
        for words in sentences:
            spans.append((len(text), len(text) + len(" ".join(words)) + 1))
            text += f"{' '.join(words).capitalize()}. "
        chunks.append(Chunk(article=name, start=begin, end=len(text) - 1, index=index))
        views += [View(index, begin, len(text) - 1), *(View(index, *span) for span in spans)]
    vectors = draw.standard_normal((len(views), dimension)) + TOPIC * draw.standard_normal(dimension)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    content = hashlib.sha256(text.encode()).hexdigest()
    article = Article(id=name, title=" ".join(said[0][0][:4]).capitalize(), text=text, content_hash=content)
    return Prepared(article, chunks, views, vectors.astype(np.float32))
