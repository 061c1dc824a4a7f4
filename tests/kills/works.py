"""Kinds of work that is killed: each prepares a folder, does its work there (again: the rest of it), and looks.

They run in processes that `forks` starts. The commands are the real ones, but for the models.
"""

import datetime as dt
import hashlib
import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from evaluate.library import make_answer, question
from fakes import FakeEmbedder
from samples import signature_of

from bot.cli import compose
from bot.cli.app import app
from bot.config import RetrieveSettings
from bot.conversations import Conversations
from bot.errors import StoreError, StoreMismatch
from bot.evaluate.run import read_rows, run
from bot.feedback import Feedback
from bot.feedback import Kept as Ratings
from bot.llm.kept import Kept
from bot.models import fetch, hub
from bot.models.catalogue import Entry, HubSource
from bot.retrieve import Retriever
from bot.schema import Answer, Filters, Span
from bot.store import Store
from bot.users import Users

EMBEDDER = FakeEmbedder()
DEFAULT, SHORT = 150, 40  # tokens of a chunk
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MODEL = b"GGUF" + random.Random(1).randbytes(2_000_000)


class Look(NamedTuple):
    """What is there. `items` are told by a sum each, and each is old or new, whatever was killed when; `tidy` is right
    once the work was done to its end."""

    items: dict[str, str]
    faults: list[str]
    tidy: Any = None


class Work(NamedTuple):
    prepare: Callable[[Path], None]
    do: Callable[[Path], None]
    look: Callable[[Path], Look]
    together: bool = False  # whether all items change at one stroke


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:16]


# -- articles --


def bot(folder: Path, *words: str) -> None:
    """A command of the program, with an embedder that needs no file."""
    with pytest.MonkeyPatch.context() as patch:  # other tests of this process want the real one
        patch.setattr(compose, "open_embedder", lambda settings: FakeEmbedder())
        app(["--data-dir", str(folder / "data"), *words], standalone_mode=False)


def words(seed: int, count: int) -> str:
    """Sentences of words that hardly another text has."""
    chance = random.Random(seed)
    made = ["".join(chance.choices("bcdfghklmnprstvw" + "aeiou" * 3, k=7)) for _ in range(count * 6)]
    return " ".join(" ".join(made[at : at + 6]).capitalize() + "." for at in range(0, len(made), 6))


def write(folder: Path, names: Iterable[str], version: int, sentences: int = 12) -> None:
    (folder / "articles").mkdir(exist_ok=True)
    for name in names:
        text = words(int(digest([name, version]), 16), sentences)
        (folder / "articles" / f"{name}.txt").write_text(f"{name.upper()} {version}\n\n{text}\n", encoding="utf-8")


def ingest(folder: Path) -> None:
    bot(folder, "ingest", str(folder / "articles"))


def remove(folder: Path) -> None:
    for name in ("b", "c"):
        try:
            bot(folder, "articles", "remove", name)
        except StoreError as error:
            if "There is no article" not in str(error):
                raise


def rebuild(folder: Path) -> None:
    bot(folder, "--set", f"chunk.max_tokens={SHORT}", "ingest", "--rebuild")


def rebuild_the_same(folder: Path) -> None:
    bot(folder, "ingest", "--rebuild")


def prepared(before: str, after: str = "", sentences: int = 12) -> Callable[[Path], None]:
    """Articles of these names (a letter each) are stored; then those of `after` are written, as another version."""

    def prepare(folder: Path) -> None:
        write(folder, before, 1, sentences)
        ingest(folder)
        write(folder, after, 2, sentences)

    return prepare


def open_store(folder: Path) -> Store:
    try:
        return Store(folder / "data" / "store", signature_of(EMBEDDER, DEFAULT))
    except StoreMismatch:
        return Store(folder / "data" / "store", signature_of(EMBEDDER, SHORT))


def open_retriever(store: Store) -> Retriever:
    return Retriever(store, EMBEDDER, store.folder / "bm25", RetrieveSettings())  # type: ignore[call-arg]


def look_at_store(folder: Path) -> Look:
    store = open_store(folder)
    return see(store, open_retriever(store))


def see(store: Store, retriever: Retriever) -> Look:
    """All that there is to read, by all ways to read it."""
    items, faults = {}, []
    for name, info in store.infos().items():
        article, chunks = store.article(name), store.chunks([name])
        sentences = store.sentences(chunks)
        if info.content_hash != article.content_hash or info.chunks != len(chunks):
            faults.append(f"{name}: its record does not fit")
        for one in sentences if len(sentences) > len(chunks) else ():
            if EMBEDDER.embed_query(article.text[one.start : one.end]) @ one.vector < 0.999:
                faults.append(f"{name}: another sentence's vector at {one.start}")
        middle = chunks[len(chunks) // 2]
        found = retriever.search(article.text[middle.start : middle.end], 3, Filters())
        if not found or found[0].article != name or found[0].text not in article.text:
            faults.append(f"{name}: not found by its own words")
        items[name] = digest([article.model_dump_json(), chunks, [(one.start, one.end) for one in sentences]])
    tidy = [store._chunks.count(), len(store._client.list_collections()), store.is_writing(store.state())]
    return Look(items, faults, tidy)


def search(folder: Path) -> None:
    store = open_store(folder)
    open_retriever(store).warm()


def prepare_search(folder: Path) -> None:
    prepared("abc")(folder)
    search(folder)
    write(folder, "bd", 2)
    ingest(folder)


# -- a model --


def prepare_fetch(folder: Path) -> None:
    (folder / "models").mkdir()
    (folder / "models" / "other.gguf").write_bytes(b"GGUF other")


def fetch_model(folder: Path) -> None:
    hub.PAUSE_SECONDS = 0.01
    fields = {"name": "tiny", "kind": "llm", "title": "Tiny", "file": "tiny.gguf", "licence": "MIT", "context": 128}
    sums = {"bytes": len(MODEL), "sha256": digest_of(MODEL), "prompt": "none", "memory_gb": 0.1}
    source = HubSource(via="huggingface", repo="some/repo")
    entry = Entry.model_validate(fields | sums | {"sources": (source,)})
    fetch.pull(entry, folder / "models", lambda step: None)


def look_at_models(folder: Path) -> Look:
    files = {file.name: digest_of(file.read_bytes()) for file in (folder / "models").glob("*.gguf")}
    rest = sorted(file.name for file in (folder / "models").iterdir() if not file.name.startswith("."))
    return Look(files, [], rest + sorted(file.name for file in (folder / "models" / ".fetch").glob("*/*")))


# -- what is kept of answers --

TALKS = ("0" * 16, "1" * 16)
SAID = [(TALKS[number % 2], f"Question {number}?", NOON + dt.timedelta(minutes=number)) for number in range(8)]


def answer(asked: str) -> Answer:
    return Answer(question=asked, text=words(len(asked), 200))


def talk(folder: Path) -> None:
    kept = Conversations(folder / "conversations")
    for name in TALKS:
        said = kept.read(name) if any(one.id == name for one in kept.all()) else []
        if said and said[0].question == SAID[0][1]:
            kept.add(name, "Instead?", answer("Instead?"), at=said[0].at, instead=said[0].at)
        for _, asked, at in [one for one in SAID if one[0] == name][len(said) :]:
            kept.add(name, asked, answer(asked), at=at)


def prepare_talk(folder: Path) -> None:
    Conversations(folder / "conversations").add(TALKS[0], SAID[0][1], answer(SAID[0][1]), at=SAID[0][2])


def look_at_talks(folder: Path) -> Look:
    kept = Conversations(folder / "conversations")
    listed = kept.all()
    said = {name: kept.read(name) for name in (one.id for one in listed if not one.damaged)}
    items, faults = {}, [f"{one.id} is damaged" for one in listed if one.damaged]
    for name, all_of_it in said.items():
        for number, one in enumerate(all_of_it):
            items[f"{name}/{number}"] = digest([one.question, one.answer.model_dump_json(), one.at])
    return Look(items, faults, [(name, len(all_of_it)) for name, all_of_it in sorted(said.items())])


def rate(folder: Path) -> None:
    kept = Ratings(folder / "feedback.jsonl")
    known = {one.question for one in kept.all()}
    for number, (name, asked, at) in enumerate(SAID):
        if asked not in known:
            given: dict[str, Any] = {"good": number % 3 > 0, "answer": answer(asked), "model": "small", "version": "1"}
            kept.add(Feedback(at=at, question=asked, answered=at, talk=name, settings={}, **given))


def prepare_rate(folder: Path) -> None:
    rate(folder)
    lines = (folder / "feedback.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "feedback.jsonl").write_bytes(b"".join(lines[:2]))


def look_at_ratings(folder: Path) -> Look:
    return Look({one.question: digest(one.model_dump_json()) for one in Ratings(folder / "feedback.jsonl").all()}, [])


# -- cells, an evaluation, users --

CELLS = {f"cell {number}": random.Random(number).randbytes(60_000) for number in range(6)}


def open_cells(folder: Path) -> Kept:
    return Kept(folder / "read", memory_bytes=0, disk_bytes=1 << 24)


def keep(folder: Path) -> None:
    kept = open_cells(folder)
    for key, value in CELLS.items():
        kept.put(key, value)
    kept.close()


def prepare_keep(folder: Path) -> None:
    kept = open_cells(folder)
    kept.put("cell 0", CELLS["cell 0"])
    kept.close()


def look_at_cells(folder: Path) -> Look:
    kept = open_cells(folder)
    found = {key: kept.get(key) for key in CELLS}
    kept.close()
    faults = [key for key, value in found.items() if value not in (None, CELLS[key])]
    return Look({key: digest(len(value)) for key, value in found.items() if value is not None}, faults)


def evaluate(folder: Path) -> None:
    asked = [question(f"n{number}") for number in range(8)]

    def ask(text: str, turns: object, filters: Filters) -> Answer:
        return make_answer(text, words(len(text), 30), evidence=(Span(article="coast", start=0, end=30),))

    run(asked, ask, folder / "run", {"models": {"small": "1"}}, "open")


def prepare_evaluate(folder: Path) -> None:
    (folder / "run").mkdir()


def look_at_rows(folder: Path) -> Look:
    rows, _ = read_rows(folder / "run")
    return Look({name: digest(row.model_dump_json()) for name, row in rows.items()}, [], list(rows))


PASSWORDS = {"ada": "correct horse", "bob": "battery staple", "cid": "hunter2 hunter2"}


def add_users(folder: Path) -> None:
    users = Users(folder, rounds=4)
    for name, password in PASSWORDS.items():
        if name not in users.names():
            users.add(name, password)


def prepare_users(folder: Path) -> None:
    Users(folder, rounds=4).add("ada", PASSWORDS["ada"])


def look_at_users(folder: Path) -> Look:
    users = Users(folder, rounds=4)
    names = users.names()
    return Look(dict.fromkeys(names, ""), [name for name in names if not users.check(name, PASSWORDS[name])])


WORKS = {
    "ingest": Work(prepared("ab", "cde"), ingest, look_at_store),
    "replace": Work(prepared("abcd", "abcd"), ingest, look_at_store),
    "remove": Work(prepared("abcd"), remove, look_at_store),
    "rebuild": Work(prepared("abcd"), rebuild, look_at_store, together=True),
    "rebuild the same": Work(prepared("abcd"), rebuild_the_same, look_at_store),
    "a thousand vectors": Work(prepared("abcdefgh", "hijk", sentences=100), ingest, look_at_store),
    "search": Work(prepare_search, search, look_at_store),
    "fetch": Work(prepare_fetch, fetch_model, look_at_models),
    "conversation": Work(prepare_talk, talk, look_at_talks),
    "feedback": Work(prepare_rate, rate, look_at_ratings),
    "cells": Work(prepare_keep, keep, look_at_cells),
    "eval": Work(prepare_evaluate, evaluate, look_at_rows),
    "users": Work(prepare_users, add_users, look_at_users),
}
