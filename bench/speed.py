"""What the program adds to the libraries beneath it, as ratios within one run: the machine's own speed cancels out.

    python bench/speed.py [--model NAME_OR_PATH] [--rounds 5]

1.0 means that nothing is added. Each ratio is the median over rounds in which both sides run in turn.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.articles import find_files, read_file
from bot.cli.compose import open_embedder, open_ingester, open_store
from bot.config import PROJECT, Settings, load
from bot.embed import LlamaEmbedder
from bot.llama import Decoder, Model
from bot.llm import LlamaCpp, Piece
from bot.models.files import resolve
from bot.retrieve import Retriever
from bot.schema import Article, Filters, Message

SEEDS = PROJECT / "seeds" / "articles"
ANSWER_TOKENS = 32
QUESTION = "Which mayor switched off a chatbot?"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    settings = load({"llm.model": chosen.model}).settings
    rows = [*llm_ratios(settings, chosen.rounds), *store_ratios(settings, chosen.rounds)]
    table = Table("measure", "ours", "beneath", "ratio", box=None)
    for name, ours, beneath in rows:
        table.add_row(name, f"{ours * 1000:,.1f} ms", f"{beneath * 1000:,.1f} ms", f"{ours / beneath:.2f}")
    Console().print(table)


def llm_ratios(settings: Settings, rounds: int) -> list[tuple[str, float, float]]:
    """Seconds to the first token and for the answer, against bare decoding of the same tokens."""
    path = resolve(settings.llm.model, settings.models_dir, "llm").path
    texts = [read.text for file in find_files([SEEDS]) for read in read_file(file) if isinstance(read, Article)]
    llm = LlamaCpp(path, name="bench", context_tokens=4096)
    raw = Raw(path)
    first, answer = [], []
    for number in range(rounds):
        messages = [Message(role="user", content=f"Retell this: {texts[number % len(texts)]}")]
        first.append((*first_token(llm, messages), raw.read(llm._tokens.whole(messages))))
        answer.append((first[-1][1], raw.write()))
    llm.close()
    return [
        ("first token, prompt read anew", *medians([(ours, bare) for ours, _, bare in first])),
        ("one token of the answer", *medians(answer)),
    ]


def first_token(llm: LlamaCpp, messages: list[Message]) -> tuple[float, float]:
    """Seconds until the first piece, and for each token after it."""
    began, arrivals = time.perf_counter(), []
    for output in llm.stream(messages, max_tokens=ANSWER_TOKENS, stop=threading.Event()):
        if isinstance(output, Piece):
            arrivals.append(time.perf_counter())
    return arrivals[0] - began, (arrivals[-1] - arrivals[0]) / max(1, len(arrivals) - 1)


class Raw:
    """llama.cpp without this program's stream: slices of 512 tokens, no progress, no stop, no text."""

    def __init__(self, path: Path) -> None:
        self._decoder = Decoder(Model(path), tokens=4096, threads=0)
        self._length = 0

    def read(self, tokens: list[int]) -> float:
        self._decoder.keep(0)
        began = time.perf_counter()
        for start in range(0, len(tokens), 512):
            self._decoder.read(tokens[start : start + 512], start)
        self._decoder.logits().argmax()
        self._length = len(tokens)
        return time.perf_counter() - began

    def write(self) -> float:
        began = time.perf_counter()
        for position in range(self._length, self._length + ANSWER_TOKENS):
            self._decoder.read([int(self._decoder.logits().argmax())], position)
        return (time.perf_counter() - began) / ANSWER_TOKENS


def store_ratios(settings: Settings, rounds: int) -> list[tuple[str, float, float]]:
    """Seconds to ingest the samples against embedding alone, and to search against a bare vector query."""
    embedder = open_embedder(settings)
    ingests, searches = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(settings, embedder, Path(folder))
            ours = seconds(lambda store=store: open_ingester(settings, embedder, store).ingest([SEEDS]))
            chunks = store.chunks()
            texts = [store.article(chunk.article).text[chunk.start : chunk.end] for chunk in chunks]
            ingests.append((ours, seconds(lambda texts=texts: embedder.embed_documents(texts))))
            retriever = Retriever(store, embedder, Path(folder) / "bm25", settings.retrieve)
            retriever.warm()
            searches.append(search(retriever, embedder, store))
            store.close()
    return [("ingest the samples", *medians(ingests)), ("search", *medians(searches))]


def search(retriever: Retriever, embedder: LlamaEmbedder, store: object) -> tuple[float, float]:
    vector = embedder.embed_query(QUESTION)
    chunks = store._chunks  # type: ignore[attr-defined]
    ours = seconds(lambda: retriever.search(QUESTION, 20, Filters()))
    bare = seconds(lambda: (embedder.embed_query(QUESTION), chunks.query(query_embeddings=[vector], n_results=20)))
    return ours, bare


def seconds(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def medians(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """The pair whose ratio is the median."""
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[statistics.median_low(range(len(pairs)))]


if __name__ == "__main__":
    main()
