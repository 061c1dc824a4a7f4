"""retrieve: fusion by hand, filters on both searches, and an index that is never stale."""

import datetime as dt
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from fakes import FakeEmbedder
from samples import CHEESE, FERRY, STORM, article, chunks, prepared, put

from bot.config import RetrieveSettings
from bot.lexical import Known, Lexical
from bot.llama import Vectors
from bot.retrieve import FEW, Given, Retriever
from bot.schema import Article, ArticleInfo, Chunk, Filters, Passage, Span
from bot.store import Near, Prepared, Store, View
from bot.store.records import StoredSentence

LIBRARY = [
    article("ferry", FERRY, date="2025-05-18", source="gazette"),
    article("storm", STORM, date="2025-06-01", source="times"),
    article("cheese", CHEESE),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bm25"


@pytest.fixture
def retriever(store: Store, fake_embedder: FakeEmbedder, folder: Path) -> Retriever:
    return Retriever(store, fake_embedder, folder, RetrieveSettings())


def search(retriever: Retriever, question: str, count: int = 10, filters: Filters | None = None) -> list[Passage]:
    return retriever.search(question, count, filters or Filters())


def test_an_empty_store_has_no_passage(retriever: Retriever) -> None:
    assert search(retriever, "ferry") == []
    retriever.warm()


def test_passages_are_the_articles_words(store: Store, retriever: Retriever, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, *LIBRARY)
    found = search(retriever, "What does a single ticket cost?")
    assert found[0].text == "A single ticket costs 4 crowns."
    assert found[0].title == "Ferry"
    assert (found[0].date, found[0].source) == (dt.date(2025, 5, 18), "gazette")
    for passage in found:
        assert store.article(passage.article).text[passage.start : passage.end] == passage.text
    assert len(found) == 8, "by vectors, all are found"


def test_ranks_are_those_of_each_search(store: Store, retriever: Retriever, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, *LIBRARY)
    found = search(retriever, "How many crowns is a ticket for the storm?")
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    dense = sorted((rank, -(passage.similarity or 0)) for passage in found if (rank := passage.dense_rank) is not None)
    assert [rank for rank, _ in dense] == list(range(1, 9))
    assert dense == sorted(dense, key=lambda one: one[1])
    bm25 = sorted(rank for passage in found if (rank := passage.bm25_rank) is not None)
    assert bm25 == list(range(1, len(bm25) + 1)) != []


def test_a_score_is_similarity_and_a_share_of_the_best_bm25_score(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder
) -> None:
    """ "crowns" stands in ferry:1 and cheese:0; the shorter sentence has the higher BM25 score."""
    put(store, fake_embedder, *LIBRARY)
    hits = {hit.chunk.article: hit.score for hit in index_of(store, LIBRARY).search("crowns", 10)}
    assert hits["ferry"] > hits["cheese"] > 0
    first, second, *others = search(retriever, "crowns")
    assert (first.text, first.dense_rank, first.bm25_rank) == ("A single ticket costs 4 crowns.", 1, 1)
    assert (second.article, second.dense_rank, second.bm25_rank) == ("cheese", 2, 2)
    assert first.similarity is not None
    assert second.similarity is not None
    assert first.score == pytest.approx(first.similarity + 0.3)
    assert second.score == pytest.approx(second.similarity + 0.3 * hits["cheese"] / hits["ferry"])
    for other in others:
        assert other.score == pytest.approx(other.similarity), "no word of the question: nothing from BM25"


def index_of(store: Store, library: Sequence[Article]) -> Lexical:
    articles = {one.id: one for one in library}
    index = Lexical()
    index.update(
        {one.id: Known(one.content_hash, store.infos()[one.id].chunks) for one in library},
        lambda ids: [
            (part, f"{articles[part.article].title}\n{articles[part.article].text[part.start : part.end]}")
            for part in store.chunks(ids)
        ],
    )
    return index


def test_what_one_search_does_not_return_counts_as_its_last(
    store: Store, fake_embedder: FakeEmbedder, folder: Path
) -> None:
    far = [article(f"far{number:02}", f"Crowns {'and sceptres ' * number}glitter.") for number in range(1, 15)]
    near = [article(f"near{number:02}", f"Ticket number {number} of the harbour ferry.") for number in range(12)]
    put(store, fake_embedder, *far, *near)
    retriever = Retriever(store, fake_embedder, folder, RetrieveSettings(candidates=10))
    found = search(retriever, "crowns harbour ferry ticket", 10)
    dense = [one.similarity for one in found if one.similarity is not None]
    for one in found:
        assert one.score <= (min(dense) if one.similarity is None else one.similarity) + 0.3 + 1e-6
        if one.similarity is None:
            assert one.score > min(dense)


def test_a_chunk_is_as_near_as_its_nearest_vector(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder
) -> None:
    one = article("both", f"{FERRY} {STORM}")
    (whole,) = chunks(one, sentences=99)
    views = [View(0, 0, len(one.text)), View(0, len(FERRY) + 1, len(one.text))]
    with store.writing():
        store.put(Prepared(one, [whole], views, fake_embedder.embed_documents([one.text, STORM])))
    (found,) = search(retriever, STORM)
    assert found.text == one.text
    assert found.similarity == pytest.approx(1.0, abs=1e-5)
    assert found.dense_rank == 1


def test_evidence_is_made_of_the_sentences_found(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder
) -> None:
    put(store, fake_embedder, *LIBRARY)
    question = "What does a single ticket cost?"
    found = search(retriever, question)
    shown = retriever.evidence(question, found, 90).passages
    assert shown[0].article == "ferry"
    assert "A single ticket costs 4 crowns." in shown[0].text
    assert (shown[0].title, shown[0].date, shown[0].source) == ("Ferry", dt.date(2025, 5, 18), "gazette")
    for one in shown:
        assert store.article(one.article).text[one.start : one.end] == one.text
    assert sum(one.end - one.start for one in shown) <= 90
    everything = retriever.evidence(question, found, 10_000, fill=True).passages
    assert {(one.article, one.text) for one in everything} == {(one.id, one.text) for one in LIBRARY}
    assert retriever.evidence(question, [], 90) == ([], [], None, {})


def test_evidence_of_articles_removed_meanwhile(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder
) -> None:
    put(store, fake_embedder, *LIBRARY)
    found = search(retriever, "ferry storm cheese")
    with store.writing():
        store.remove("ferry")
    assert {one.article for one in retriever.evidence("ferry", found, 10_000).passages} == {"storm", "cheese"}


def test_titles_are_searched(store: Store, retriever: Retriever, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, *LIBRARY, article("x", "It rained.", title="Weather in Marrowick"))
    found = search(retriever, "Marrowick")
    assert [passage.article for passage in found if passage.bm25_rank] == ["x"]


@pytest.mark.parametrize("question", ["xylophone quizzes", "", "?!", "the of and"])
def test_a_question_without_known_words_is_left_to_the_vectors(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, question: str
) -> None:
    put(store, fake_embedder, *LIBRARY)
    found = search(retriever, question, 3)
    assert len(found) == 3
    assert {passage.bm25_rank for passage in found} == {None}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), {"ferry", "storm", "cheese"}),
        (Filters(articles=("cheese",)), {"cheese"}),
        (Filters(sources=("times",)), {"storm"}),
        (Filters(since=dt.date(2025, 5, 19)), {"storm"}),
        (Filters(until=dt.date(2025, 5, 31)), {"ferry"}),
        (Filters(articles=("nosuch",)), set()),
    ],
)
def test_filters_hold_for_both_searches(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, filters: Filters, expected: set[str]
) -> None:
    put(store, fake_embedder, *LIBRARY)
    found = search(retriever, "crowns passengers ferry storm cheese", filters=filters)
    assert {passage.article for passage in found} == expected
    assert {passage.article for passage in found if passage.bm25_rank} == expected


@pytest.mark.parametrize("few", [0, 4, 400])
def test_few_or_many_allowed_chunks_are_searched_alike(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, fake_embedder, *LIBRARY)
    filters = Filters(articles=("cheese", "storm"))
    expected = search(retriever, "How many crowns for a wheel?", filters=filters)
    compared: list[int] = []
    nearest = Store.nearest

    def noted(
        self: Store, vector: Vectors, count: int, filters: Filters, among: Sequence[Chunk], state: str
    ) -> list[Near]:
        compared.append(len(among))
        return nearest(self, vector, count, filters, among, state)

    monkeypatch.setattr(Store, "nearest", noted)
    monkeypatch.setattr("bot.retrieve.FEW", few)
    found = search(retriever, "How many crowns for a wheel?", filters=filters)
    assert compared == [5 if few == 400 else 0]
    assert [(one.article, one.start, one.bm25_rank) for one in found] == [
        (one.article, one.start, one.bm25_rank) for one in expected
    ]
    assert [one.score for one in found] == pytest.approx([one.score for one in expected], abs=1e-5)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_no_more_than_asked_for(store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, count: int) -> None:
    put(store, fake_embedder, *LIBRARY)
    assert len(search(retriever, "crowns", count)) == min(count, 8)


def test_the_index_follows_the_articles(store: Store, retriever: Retriever, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, LIBRARY[0])
    assert search(retriever, "Orra cheese")[0].bm25_rank is None
    put(store, fake_embedder, LIBRARY[2])
    assert search(retriever, "Orra cheese")[0].article == "cheese"
    put(store, fake_embedder, article("cheese", STORM))
    assert {passage.bm25_rank for passage in search(retriever, "dairy of Orra")} == {None}
    with store.writing():
        store.remove("ferry")
    assert {passage.article for passage in search(retriever, "ferry storm")} == {"cheese"}


def test_articles_are_found_while_others_are_written(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, folder: Path
) -> None:
    with store.writing():
        for one in LIBRARY:
            put_within(store, fake_embedder, one)
            assert search(retriever, one.text)[0].article == one.id
    assert not folder.exists(), "what is about to change is not kept"


def test_articles_removed_or_replaced_while_the_index_reads_them_are_found_later(
    store: Store, fake_embedder: FakeEmbedder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, fake_embedder, *LIBRARY)
    retriever = Retriever(store, fake_embedder, folder, RetrieveSettings())
    other = article("storm", f"It rained. {STORM}")
    articles = Store.articles

    def changing(self: Store, ids: Sequence[str]) -> list[Article]:
        found = articles(self, ids)
        monkeypatch.setattr(Store, "articles", articles)
        with store.writing():
            store.remove("ferry")
            put_within(store, fake_embedder, other)
        return found

    monkeypatch.setattr(Store, "articles", changing)
    search(retriever, "crowns")
    put(store, fake_embedder, LIBRARY[0])
    for one in (retriever, Retriever(store, fake_embedder, folder, RetrieveSettings())):
        assert {found.text for found in search(one, "single ticket crowns") if found.bm25_rank} >= {
            "A single ticket costs 4 crowns."
        }
        assert search(one, "rained")[0].text == "It rained."


def test_another_version_of_as_many_chunks_does_not_pass_for_the_one_that_was_asked_for(
    store: Store, fake_embedder: FakeEmbedder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or, put back to its old text, it would be found at the other's places."""
    put(store, fake_embedder, article("cheese", CHEESE))
    other = article("cheese", CHEESE.replace("cheese", "whey"))
    retriever = Retriever(store, fake_embedder, folder, RetrieveSettings())
    infos, calls = Store.infos, 0

    def changing(self: Store, state: str | None = None) -> Mapping[str, ArticleInfo]:
        nonlocal calls
        found, calls = infos(self, state), calls + 1
        if calls == 1:
            put(store, fake_embedder, other)
        return found

    monkeypatch.setattr(Store, "infos", changing)
    search(retriever, "cheese")
    monkeypatch.setattr(Store, "infos", infos)
    put(store, fake_embedder, article("cheese", CHEESE))
    assert len(chunks(other)) == len(chunks(article("cheese", CHEESE)))
    for one in (retriever, Retriever(store, fake_embedder, folder, RetrieveSettings())):
        assert [found.text for found in search(one, "whey") if found.bm25_rank] == []
        assert any(found.bm25_rank for found in search(one, "cheese"))


def test_an_article_replaced_before_its_sentences_are_read(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, fake_embedder, *LIBRARY)
    found = search(retriever, "crowns ticket")
    sentences = Store.sentences

    def changing(self: Store, chunks: Sequence[Chunk]) -> list[StoredSentence]:
        monkeypatch.setattr(Store, "sentences", sentences)
        put(store, fake_embedder, article("ferry", f"A word before. {FERRY}"))
        return sentences(self, chunks)

    monkeypatch.setattr(Store, "sentences", changing)
    for shown in retriever.evidence("crowns ticket", found, 900).passages:
        assert store.article(shown.article).text[shown.start : shown.end] == shown.text


def put_within(store: Store, embedder: FakeEmbedder, one: Article) -> None:
    store.put(prepared(embedder, one, chunks(one)))


def test_the_index_is_loaded_while_it_is_fresh(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, fake_embedder, *LIBRARY)
    expected = search(retriever, "crowns")
    asked: list[str] = []
    chunks_of = Store.chunks
    monkeypatch.setattr(Store, "chunks", lambda self, of=None: asked.extend(of or "all") or chunks_of(self, of))
    again = Retriever(store, fake_embedder, folder, RetrieveSettings())
    assert search(again, "crowns") == search(again, "crowns") == expected
    assert asked == []
    put(store, fake_embedder, article("cheese", CHEESE + " It is blue."))
    search(again, "crowns")
    search(again, "crowns")
    assert asked == ["cheese"], "of a library, only what is new is read"
    search(Retriever(store, fake_embedder, folder, RetrieveSettings()), "crowns")
    assert asked == ["cheese"]


def test_the_index_is_made_anew_after_a_rebuild(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, folder: Path
) -> None:
    put(store, fake_embedder, *LIBRARY)
    search(retriever, "crowns")
    with store.writing():
        store.rebuild(prepared(fake_embedder, one, chunks(one, sentences=9)) for one in LIBRARY)
    for one in (retriever, Retriever(store, fake_embedder, folder, RetrieveSettings())):
        assert {found.text for found in search(one, "crowns ticket") if found.bm25_rank} == {FERRY, CHEESE}


def test_what_was_read_while_articles_were_written_is_kept_afterwards(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, folder: Path
) -> None:
    with store.writing():
        put_within(store, fake_embedder, LIBRARY[0])
        search(retriever, "crowns")
    search(retriever, "crowns")
    assert len(list(folder.glob("*.npz"))) == 1


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_a_damaged_index_is_made_anew(
    store: Store, retriever: Retriever, fake_embedder: FakeEmbedder, folder: Path, damage: bytes
) -> None:
    put(store, fake_embedder, *LIBRARY)
    expected = search(retriever, "crowns")
    for name in [path.name for path in folder.iterdir()]:
        (folder / name).write_bytes(damage)
        assert search(Retriever(store, fake_embedder, folder, RetrieveSettings()), "crowns") == expected
    shutil.rmtree(folder)
    assert search(Retriever(store, fake_embedder, folder, RetrieveSettings()), "crowns") == expected


# -- what is given instead of found --


@pytest.fixture
def given(store: Store, fake_embedder: FakeEmbedder, folder: Path) -> Given:
    return Given(store, fake_embedder, folder, RetrieveSettings())


def span(text: str, words: str, name: str) -> Span:
    return Span(article=name, start=text.index(words), end=text.index(words) + len(words))


def test_without_spans_it_searches(
    store: Store, given: Given, retriever: Retriever, fake_embedder: FakeEmbedder
) -> None:
    put(store, fake_embedder, *LIBRARY)
    question = "What does a single ticket cost?"
    assert search(given, question) == search(retriever, question)
    found = search(given, question)
    assert given.evidence(question, found, 60) == retriever.evidence(question, found, 60)


def test_what_is_given_is_found_whatever_is_asked(store: Store, given: Given, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, *LIBRARY)
    given.spans = (span(FERRY, "crowns", "ferry"), span(STORM, "hall. No one", "storm"), span(FERRY, "Monday", "ferry"))
    found = search(given, "How heavy is the cheese?", count=1, filters=Filters(articles=("cheese",)))
    assert {one.article for one in found} == {"ferry", "storm"}
    assert len(found) == 4
    assert all(one.similarity is not None for one in found)
    shown = given.evidence("How heavy is the cheese?", found, 5)
    by_article = {one.article: one.text for one in shown.passages}
    assert by_article == {
        "ferry": "The harbour ferry stops at Lindaby from Monday. A single ticket costs 4 crowns.",
        "storm": "Two hundred passengers slept in the hall. No one was hurt.",
    }


def test_an_article_of_many_chunks_loses_none_of_what_is_given(
    store: Store, given: Given, fake_embedder: FakeEmbedder
) -> None:
    """Far more than a search compares, and none is like the question."""
    text = " ".join(f"The {number}th row tells of wool." for number in range(FEW + 60))
    put(store, fake_embedder, article("long", text))
    given.spans = (span(text, "The 7th", "long"), span(text, "The 455th", "long"))
    question = "Who opened the quay in June?"
    texts = [one.text for one in given.evidence(question, search(given, question), 10).passages]
    assert texts == ["The 7th row tells of wool.", "The 455th row tells of wool."]


def test_an_article_that_is_gone_is_not_found(store: Store, given: Given, fake_embedder: FakeEmbedder) -> None:
    put(store, fake_embedder, *LIBRARY)
    given.spans = (Span(article="gone", start=0, end=5),)
    found = search(given, "ticket")
    assert found == given.evidence("ticket", found, 100).passages == []
