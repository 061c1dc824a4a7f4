"""store with a real Chroma, in a folder and on a server: versions, filters, kills, other makes, other processes."""

import datetime as dt
import gc
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
import pytest
from chromadb.config import Settings as ChromaSettings
from fakes import FakeEmbedder
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import CHEESE, FERRY, STORM, article, chunks, prepared, put, signature_of
from servers import free_port, running

from bot.errors import StoreError, StoreMismatch
from bot.schema import Article, ArticleInfo, Chunk, Dropped, Filters
from bot.store import Prepared, Signature, Store, View, records
from bot.store.connect import connect, open_collection, spare_time
from bot.store.pages import PAGE, VIEWS

EMBEDDER = FakeEmbedder()
SIGNATURE = signature_of(EMBEDDER)
QUIET = ChromaSettings(anonymized_telemetry=False)


@pytest.fixture(scope="module")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("chroma"), free_port()
    program = Path(sys.executable).parent / "chroma"
    command = [str(program), "run", "--path", str(folder / "data"), "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/api/v2/heartbeat", folder / "log"):
        yield url


@pytest.fixture(
    params=[
        "folder",
        # The connections of a store that could not be opened are left to the garbage collector.
        pytest.param("server", marks=pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")),
    ]
)
def server(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None for a store in a folder, or the address of a Chroma server, empty at first."""
    if request.param == "folder":
        yield None
        return
    url = str(request.getfixturevalue("chroma_server"))
    client = chromadb.HttpClient(host="127.0.0.1", port=int(url.rpartition(":")[2]), settings=QUIET)
    for collection in client.list_collections():
        client.delete_collection(collection.name)
    disconnect(client)
    yield url
    gc.collect()


@pytest.fixture
def store(tmp_path: Path, server: str | None) -> Iterator[Store]:
    made = Store(tmp_path / "store", SIGNATURE, server=server)
    yield made
    shut(made)


def shut(store: Store) -> None:
    disconnect(store._client)


def disconnect(client: Any) -> None:
    """Close a client of Chroma with its connections, which it would leave to the garbage collector."""
    sessions = [getattr(api._server, "_session", None) for api in (client, client._admin_client)]
    client.close()
    for session in filter(None, sessions):
        session.close()


def another(store: Store, server: str | None, signature: Signature = SIGNATURE, *, rebuilding: bool = False) -> Store:
    return Store(store.folder, signature, server=server, rebuilding=rebuilding)


def near(store: Store, question: str, filters: Filters | None = None, count: int = 10) -> list[Chunk]:
    chunks_of = {(chunk.article, chunk.index): chunk for chunk in store.chunks()}
    found = store.nearest(EMBEDDER.embed_query(question), count, filters or Filters())
    return [chunks_of[one.article, one.chunk] for one in found]


# -- one article --


def test_an_empty_store(store: Store) -> None:
    assert dict(store.infos()) == {}
    assert store.chunks() == []
    assert near(store, "ferry") == []
    assert store.articles(["a"]) == []
    assert store.sweep() == 0


def test_what_is_put_is_there(store: Store) -> None:
    one = article("ferry", FERRY, date="2025-05-18", source="gazette", url="http://example.org/ferry")
    put(store, EMBEDDER, one)
    assert store.article("ferry") == one
    assert store.chunks() == chunks(one)
    assert dict(store.infos()) == {
        "ferry": ArticleInfo(
            id="ferry",
            title="Ferry",
            date=dt.date(2025, 5, 18),
            url="http://example.org/ferry",
            source="gazette",
            chunks=3,
            characters=len(FERRY),
            content_hash=one.content_hash,
        )
    }
    best = near(store, "The harbour ferry stops at Lindaby from Monday.")[0]
    assert FERRY[best.start : best.end] == "The harbour ferry stops at Lindaby from Monday."


def test_similarities_are_cosines_best_first(store: Store) -> None:
    put(store, EMBEDDER, article("ferry", FERRY), article("storm", STORM))
    question = EMBEDDER.embed_query("storm at the airport")
    found = store.nearest(question, 10, Filters())
    texts = {"ferry": FERRY, "storm": STORM}
    chunks_of = {(chunk.article, chunk.index): chunk for chunk in store.chunks()}
    for article_id, index, similarity in found:
        chunk = chunks_of[article_id, index]
        vector = EMBEDDER.embed_query(texts[chunk.article][chunk.start : chunk.end])
        assert similarity == pytest.approx(float(vector @ question), abs=1e-4)
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)
    assert len(found) == 6


def test_a_replaced_article_leaves_no_old_chunk(store: Store) -> None:
    put(store, EMBEDDER, article("a", FERRY), article("b", STORM))
    put(store, EMBEDDER, article("a", CHEESE))
    assert store.article("a").text == CHEESE
    assert store.infos()["a"].chunks == 2
    assert store._chunks.count() == 2 + 3 == len(store.chunks())
    assert sorted(chunk.article for chunk in near(store, "harbour ferry Lindaby")) == ["a"] * 2 + ["b"] * 3
    assert all(chunk.end <= len(CHEESE) for chunk in store.chunks() if chunk.article == "a")


def test_a_removed_article_is_gone(store: Store) -> None:
    put(store, EMBEDDER, article("a", FERRY), article("b", STORM))
    with store.writing():
        store.remove("a")
    assert list(store.infos()) == ["b"]
    assert store._chunks.count() == 3
    assert {chunk.article for chunk in near(store, "ferry")} == {"b"}
    with pytest.raises(StoreError, match=r"no article 'a'.*bot articles list"):
        store.article("a")
    with store.writing(), pytest.raises(StoreError, match="no article 'a'"):
        store.remove("a")


def test_articles_come_in_the_order_asked_for(store: Store) -> None:
    put(store, EMBEDDER, *(article(name, f"About {name}.") for name in "abc"))
    assert [one.id for one in store.articles(["c", "nosuch", "a"])] == ["c", "a"]


def test_an_article_without_chunks(store: Store) -> None:
    one = article("empty", "")
    put(store, EMBEDDER, one)
    assert store.article("empty") == one
    assert store.infos()["empty"].chunks == 0


def test_more_records_than_a_page(store: Store) -> None:
    text = " ".join(f"Sentence {number}." for number in range(2300))
    put(store, EMBEDDER, article("long", text))
    assert [chunk.index for chunk in store.chunks()] == list(range(2300))
    assert len(near(store, "Sentence 7.", count=1000)) == 1000


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that examples of one property share."""
    made = Store(tmp_path_factory.mktemp("lasting"), SIGNATURE)
    yield made
    made.close()


@settings(max_examples=25)
@given(
    title=TEXTS,
    text=TEXTS | st.sampled_from(["\x00", "a\r\n\u2028\ufeff\u202e", "e\u0301\U0001f600", "\ue0000\ue001"]),
    date=st.none() | st.dates(),
    source=st.none() | TEXTS,
    dropped=st.lists(st.builds(Dropped, text=TEXTS, reason=TEXTS), max_size=2).map(tuple),
)
def test_any_article_comes_back_the_same(
    lasting: Store, title: str, text: str, date: dt.date | None, source: str | None, dropped: tuple[Dropped, ...]
) -> None:
    one = Article(id="x", title=title, text=text, date=date, source=source, dropped=dropped, content_hash="1")
    with lasting.writing():
        lasting.put(prepared(EMBEDDER, one, []))
    assert lasting.article("x") == one


def test_several_vectors_stand_for_one_chunk(store: Store) -> None:
    one, other = article("a", FERRY), article("b", STORM)
    whole = chunks(one, sentences=3)
    views = [View(0, 0, len(FERRY)), View(0, 0, 9), View(0, 10, 19)]
    with store.writing():
        store.put(Prepared(one, whole, views, EMBEDDER.embed_documents([FERRY, STORM, "cheese"])))
        store.put(prepared(EMBEDDER, other, chunks(other, sentences=3)))
    assert store.chunks() == [*whole, *chunks(other, sentences=3)]
    assert {info.id: info.chunks for info in store.infos().values()} == {"a": 1, "b": 1}
    found = store.nearest(EMBEDDER.embed_query("cheese"), 10, Filters())
    assert [near.article for near in found] == ["a", "b"], "each chunk once, by its nearest vector"
    assert found[0].similarity == pytest.approx(1.0, abs=1e-5)
    with store.writing():
        assert store.sweep() == 0
        store.remove("a")
        assert store._chunks.count() == 1


def test_sentences_come_with_their_vectors(store: Store) -> None:
    one, other = article("a", FERRY), article("b", STORM)
    first, second = chunks(one, sentences=2)  # of two sentences, and of one
    views = [View(0, first.start, first.end), View(1, second.start, second.end)]
    views += [View(0, part.start, part.end) for part in chunks(one)[:2]]
    texts = [FERRY[view.start : view.end] for view in views]
    with store.writing():
        store.put(Prepared(one, [first, second], views, EMBEDDER.embed_documents(texts)))
        store.put(prepared(EMBEDDER, other, chunks(other)))
    found = store.sentences([second, first, chunks(other)[1]])
    expected = [*((one, part) for part in chunks(one)), (other, chunks(other)[1])]
    assert [(near.chunk.article, near.start, near.end) for near in found] == [
        (whose.id, part.start, part.end) for whose, part in expected
    ], "the whole of a chunk of one sentence is that sentence"
    for near, (whose, part) in zip(found, expected, strict=True):
        assert near.vector == pytest.approx(EMBEDDER.embed_query(whose.text[part.start : part.end]), abs=1e-5)
    assert [near.chunk for near in found[:2]] == [first, first]
    assert len(store.sentences([first])) == len(store.sentences([first, first])) == 2
    assert store.sentences([]) == []
    assert store.sentences([first.model_copy(update={"article": "nosuch"})]) == []


@pytest.mark.parametrize("count", [VIEWS - 1, VIEWS, VIEWS + 1, 3 * VIEWS])
def test_a_chunk_may_have_many_sentences(store: Store, count: int) -> None:
    one = article("long", "Yes. " * count)
    (whole,) = chunks(one, sentences=count)
    views = [View(0, whole.start, whole.end), *(View(0, at * 5, at * 5 + 4) for at in range(count))]
    with store.writing():
        store.put(Prepared(one, [whole], views, EMBEDDER.embed_documents([one.text[v.start : v.end] for v in views])))
    assert [found.start for found in store.sentences([whole])] == [at * 5 for at in range(count)]


def test_vectors_of_many_chunks_are_read_in_parts(store: Store) -> None:
    one = article("long", " ".join(f"Sentence {number}." for number in range(PAGE // VIEWS + 20)))
    put(store, EMBEDDER, one)
    assert [found.chunk for found in store.sentences(chunks(one))] == chunks(one)


def test_a_few_are_compared_as_a_filtered_search_compares_them(store: Store) -> None:
    put(store, EMBEDDER, article("a", FERRY), article("b", STORM), article("c", CHEESE))
    among = [chunk for chunk in store.chunks() if chunk.article != "b"]
    question = EMBEDDER.embed_query("How much does a ticket cost?")
    for count in (1, 3, 99):
        found = store.nearest(question, count, Filters(), among)
        expected = store.nearest(question, count, Filters(articles=("a", "c")))
        assert [one[:2] for one in found] == [one[:2] for one in expected]
        assert [one.similarity for one in found] == pytest.approx([one.similarity for one in expected], abs=1e-5)
    put(store, EMBEDDER, article("a", CHEESE))
    assert {one.article for one in store.nearest(question, 99, Filters(), among)} == {"a", "c"}


# -- filters --

SOURCES, DAYS = [None, "gazette", "times"], [None, "2024-12-31", "2025-01-01", "2025-06-30"]
LIBRARY = [
    article(f"{source}-{day}", f"The ferry of {source} on {day}.", date=day, source=source)
    for source, day in itertools.product(SOURCES, DAYS)
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = Store(tmp_path_factory.mktemp("library"), SIGNATURE)
    put(made, EMBEDDER, *LIBRARY)
    yield made
    made.close()


def found(store: Store, filters: Filters) -> set[str]:
    return {chunk.article for chunk in near(store, "ferry", filters, count=50)}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), 12),
        (Filters(articles=("gazette-None", "times-2025-01-01", "nosuch")), 2),
        (Filters(sources=("gazette",)), 4),
        (Filters(sources=("gazette", "times")), 8),
        (Filters(sources=("Gazette",)), 0),
        (Filters(since=dt.date(2025, 1, 1)), 6),
        (Filters(until=dt.date(2025, 1, 1)), 6),
        (Filters(since=dt.date(2025, 1, 1), until=dt.date(2025, 1, 1)), 3),
        (Filters(since=dt.date(2025, 1, 2), until=dt.date(2025, 6, 29)), 0),
        (Filters(until=dt.date(9999, 12, 31)), 9),
        (Filters(since=dt.date(1, 1, 1)), 9),
        (Filters(sources=("times",), since=dt.date(2025, 1, 1), articles=("times-2025-01-01",)), 1),
    ],
)
def test_filters(library: Store, filters: Filters, expected: int) -> None:
    assert len(found(library, filters)) == expected


DAY = st.none() | st.sampled_from(
    [dt.date(2024, 12, 31), dt.date(2025, 1, 1), dt.date(2025, 3, 1), dt.date(2030, 1, 1)]
)


@given(
    articles=st.lists(st.sampled_from([one.id for one in LIBRARY] + ["nosuch"]), max_size=3).map(tuple),
    sources=st.lists(st.sampled_from(["gazette", "times", "", "nosuch"]), max_size=2).map(tuple),
    days=st.tuples(DAY, DAY).filter(lambda days: not (days[0] and days[1] and days[0] > days[1])),
)
def test_chroma_filters_as_we_do(
    library: Store, articles: tuple[str, ...], sources: tuple[str, ...], days: tuple[dt.date | None, dt.date | None]
) -> None:
    filters = Filters(articles=articles, sources=sources, since=days[0], until=days[1])
    ours = {name for name, info in library.infos().items() if filters.match(info)}
    assert found(library, filters) == ours


@pytest.mark.parametrize("half", ["\ud800", "storm\udcff"])
def test_names_that_no_record_can_have_find_nothing(library: Store, half: str) -> None:
    assert library.articles([half]) == []
    for filters in (Filters(articles=(half,)), Filters(sources=(half,)), Filters(articles=(half, LIBRARY[0].id))):
        ours = {name for name, info in library.infos().items() if filters.match(info)}
        assert found(library, filters) == ours


# -- kills --


def test_chunks_without_their_article_are_unseen_and_swept(store: Store) -> None:
    one, new = article("a", FERRY), article("a", CHEESE + " " + STORM)
    put(store, EMBEDDER, one)
    parts = chunks(new)
    # Killed here: the article's record was not written.
    store._add_vectors(store._chunks, prepared(EMBEDDER, new, parts))
    part = parts[0].model_copy(update={"article": "b"})
    store._add_vectors(store._chunks, prepared(EMBEDDER, article("b", new.text), [part]))
    assert store.chunks() == chunks(one)
    assert {FERRY[chunk.start : chunk.end] for chunk in near(store, "cheese of Orra")} <= {
        FERRY[chunk.start : chunk.end] for chunk in chunks(one)
    }
    with store.writing():
        assert store.sweep() == len(parts) + 1
        assert store.sweep() == 0
    assert store._chunks.count() == 3


def test_old_chunks_that_outlived_their_article_are_unseen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, EMBEDDER, article("a", FERRY))
    with monkeypatch.context() as patch, store.writing():
        patch.setattr(store._chunks, "delete", lambda **_: None)  # as if killed before the old ones were deleted
        put_one(store, article("a", CHEESE))
    assert store.article("a").text == CHEESE
    assert store.chunks() == chunks(article("a", CHEESE))
    assert len(near(store, "ferry")) == 2
    with store.writing():
        assert store.sweep() == 3


def put_one(store: Store, one: Article) -> None:
    store.put(prepared(EMBEDDER, one, chunks(one)))


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from fakes import FakeEmbedder
from samples import CHEESE, article, chunks, prepared, signature_of
from bot.store import Store
embedder = FakeEmbedder()
store = Store(Path(sys.argv[1]), signature_of(embedder))
one = article("a", CHEESE)
with store.writing():
    store._add_vectors(store._chunks, prepared(embedder, one, chunks(one)))
    os._exit(9)
"""


def test_a_killed_writer_leaves_the_old_version_and_no_lock(tmp_path: Path) -> None:
    store = Store(tmp_path, SIGNATURE)
    put(store, EMBEDDER, article("a", FERRY))
    store.close()
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)]
    assert subprocess.run(command, timeout=60).returncode == 9
    store = Store(tmp_path, SIGNATURE)
    assert not store.is_writing(store.state()), "nobody holds the lock, so nobody writes"
    assert store.article("a").text == FERRY
    assert store.chunks() == chunks(article("a", FERRY))
    with store.writing():
        assert store.sweep() == 2
    assert not store.is_writing(store.state())
    store.close()


# -- signatures --

OTHERS = {
    "embedder": signature_of(FakeEmbedder("other", dimension=32)),
    "chunking": signature_of(EMBEDDER, chunk_tokens=100),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_another_signature_is_refused_with_the_remedy(store: Store, server: str | None, kind: str) -> None:
    with pytest.raises(StoreMismatch, match=r"prepared in another way.*now.*`bot ingest --rebuild`") as caught:
        another(store, server, OTHERS[kind])
    assert {"embedder": "'fake', now 'other'", "chunking": "200, now 100"}[kind] in str(caught.value)


@pytest.mark.parametrize("kind", [*OTHERS, "same"])
def test_rebuilding_with_another_signature(store: Store, server: str | None, kind: str) -> None:
    signature = OTHERS.get(kind, SIGNATURE)
    embedder = FakeEmbedder("other", dimension=32) if kind == "embedder" else EMBEDDER
    put(store, EMBEDDER, article("a", FERRY), article("b", STORM))
    for _ in range(2):
        new = another(store, server, signature, rebuilding=True)
        with new.writing():
            articles = new.articles(sorted(new.infos()))
            new.rebuild(prepared(embedder, one, chunks(one, sentences=2)) for one in articles)
        assert [(chunk.article, chunk.index) for chunk in new.chunks()] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
        assert len(new.nearest(embedder.embed_query("x"), 9, Filters())) == 4
        shut(new)
    again = another(store, server, signature)
    assert {info.chunks for info in again.infos().values()} == {2}
    assert len(again._client.list_collections()) == 2, "the old chunks are gone"
    shut(again)


def test_a_reader_goes_on_after_a_rebuild_of_the_same_kind(store: Store, server: str | None) -> None:
    put(store, EMBEDDER, article("a", FERRY))
    assert len(near(store, "ferry")) == 3
    writer = another(store, server, rebuilding=True)
    with writer.writing():
        one = writer.article("a")
        writer.rebuild([prepared(EMBEDDER, one, chunks(one, sentences=3))])
    assert len(near(store, "ferry")) == 1
    assert len(store.chunks()) == 1
    shut(writer)


# -- other processes --


def test_a_reader_sees_what_another_wrote(store: Store, server: str | None) -> None:
    reader = another(store, server)
    before = reader.state()
    assert dict(reader.infos()) == {}
    put(store, EMBEDDER, article("a", FERRY))
    assert reader.state() != before
    assert list(reader.infos()) == ["a"]
    assert len(near(reader, "ferry")) == 3
    put(store, EMBEDDER, article("a", CHEESE))
    assert reader.article("a").text == CHEESE
    assert len(near(reader, "ferry")) == 2
    with store.writing():
        store.remove("a")
    assert dict(reader.infos()) == {}
    assert near(reader, "ferry") == []
    shut(reader)


def test_a_reader_sees_articles_while_they_are_written(store: Store, server: str | None) -> None:
    reader = another(store, server)
    with store.writing():
        for count, name in enumerate("abc", start=1):
            put_one(store, article(name, FERRY))
            assert len(reader.infos()) == count
            assert len(near(reader, "ferry", count=99)) == 3 * count
    assert not reader.is_writing(reader.state())
    shut(reader)


def test_a_second_writer_is_refused_soon(store: Store, server: str | None) -> None:
    second = another(store, server)
    with store.writing(), pytest.raises(StoreError, match=r"Another process.*Try again"), second.writing():
        pytest.fail("two writers at once")
    with second.writing():
        put_one(second, article("a", FERRY))
    shut(second)


def test_a_writer_in_another_process_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path, SIGNATURE)
    with store.writing():
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)]
        done = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert "StoreBusy: Another process is changing the articles" in done.stderr
    store.close()


def test_the_state_changes_with_the_articles_only(store: Store, server: str | None) -> None:
    put(store, EMBEDDER, article("a", FERRY))
    state = store.state()
    reader = another(store, server)
    near(reader, "ferry")
    assert reader.state() == store.state() == state
    shut(reader)


# -- what can be wrong with the place --


def test_a_corrupted_folder_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "chroma").mkdir()
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"this is no database" * 1000)
    program = (
        "import sys; sys.path.insert(0, sys.argv[2])\nfrom pathlib import Path\nfrom fakes import FakeEmbedder\n"
        "from samples import signature_of\nfrom bot.errors import StoreError\nfrom bot.store import Store\n"
        "try: Store(Path(sys.argv[1]), signature_of(FakeEmbedder()))\n"
        "except StoreError as error: print(error)"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 1
    assert "cannot be opened" in done.stdout
    assert "bot doctor" in done.stdout


def test_a_file_in_the_folders_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / "store", SIGNATURE)


def test_no_server_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Chroma server http://127.*cannot be used.*`chroma run`.*store\.server"):
        Store(tmp_path, SIGNATURE, server=f"http://127.0.0.1:{free_port()}")


# -- records --


def test_dates_as_numbers_sort_as_dates() -> None:
    days = [
        None,
        dt.date(1, 1, 1),
        dt.date(1999, 12, 31),
        dt.date(2000, 1, 1),
        dt.date(2000, 2, 1),
        dt.date(9999, 1, 1),
    ]
    numbers = [records.number(day) for day in days]
    assert numbers == sorted(set(numbers))
    assert numbers[2] == 19991231


def test_a_record_of_an_article_holds_all_but_its_text() -> None:
    one = article("a", FERRY, date="2025-05-18", source="gazette")
    kept = json.loads(records.article_record(one)["article"])
    assert kept | {"text": FERRY} == one.model_dump(mode="json")


def test_unit_vectors_of_the_fake() -> None:
    assert np.linalg.norm(EMBEDDER.embed_documents([FERRY, ""]), axis=1) == pytest.approx([1, 1])


def test_a_search_finds_what_comparing_all_vectors_would(tmp_path: Path) -> None:
    """Also in a collection that an earlier version made; one that misses some misses others in each process."""
    vectors = np.random.default_rng(5).normal(size=(3000, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    client = connect(tmp_path, None)
    earlier = client.create_collection("vectors", embedding_function=None, configuration={"hnsw": {"space": "cosine"}})
    for start in range(0, len(vectors), 500):
        ids = [str(number) for number in range(start, start + 500)]
        earlier.upsert(ids=ids, embeddings=vectors[start : start + 500])

    def missed(one: Any) -> int:
        found = one.query(query_embeddings=vectors[:30] + 0.1, n_results=100, include=[])["ids"]
        exact = np.argsort(-((vectors[:30] + 0.1) @ vectors.T), axis=1)[:, :100]
        return sum(len(set(map(str, best)) - set(ids)) for best, ids in zip(exact, found, strict=True))

    assert missed(earlier) > 0
    client.close()
    for _ in range(2):  # as soon as this version opens it, and from then on
        client = connect(tmp_path, None)
        assert missed(open_collection(client, "vectors")) == 0
        client.close()


def test_fewer_are_looked_at_where_there_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.connect.MANY", 3)
    for number, looked_at in enumerate((1000, 1000, 1000, 500, 500)):
        client = connect(tmp_path, None)
        found = open_collection(client, "vectors")
        spare_time(found)
        kept = client.get_collection("vectors", embedding_function=None).configuration_json
        assert kept["hnsw"]["ef_search"] == looked_at
        found.upsert(ids=[str(number)], embeddings=[[1.0, float(number)]])
        client.close()
