"""ingest: what becomes of files that are new, unchanged, changed, moved, broken, or of one name."""

import json
import os
from pathlib import Path

import pytest
from fakes import FakeEmbedder
from samples import CHEESE, FERRY, STORM, signature_of
from servers import Page, site

from bot.articles.web import Fetcher
from bot.errors import ArticleError, StoreError
from bot.ingest import Ingester, Result, Summary
from bot.schema import Filters, Progress
from bot.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "articles"
    made.mkdir()
    return made


@pytest.fixture
def ingester(store: Store, fake_embedder: FakeEmbedder) -> Ingester:
    return Ingester(store, fake_embedder, 100)


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def write_lines(folder: Path, *records: dict[str, str]) -> Path:
    return write(folder, "set.jsonl", "".join(json.dumps(record) + "\n" for record in records))


def outcomes(summary: Summary) -> list[tuple[str, str]]:
    return [(result.outcome, result.article) for result in summary.results]


def test_articles_are_added_then_unchanged_then_replaced(
    store: Store, ingester: Ingester, fake_embedder: FakeEmbedder, folder: Path
) -> None:
    write(folder, "ferry.txt", FERRY)
    write(folder, "storm.md", f"---\ntitle: Storm\ndate: 2025-06-01\n---\n{STORM}")
    assert outcomes(ingester.ingest([folder])) == [("added", "ferry"), ("added", "storm")]
    embedded, state = fake_embedder.embedded, {name: info.content_hash for name, info in store.infos().items()}
    assert outcomes(ingester.ingest([folder])) == [("unchanged", "ferry"), ("unchanged", "storm")]
    assert fake_embedder.embedded == embedded, "what is unchanged costs nothing"
    write(folder, "ferry.txt", CHEESE)
    assert outcomes(ingester.ingest([folder])) == [("replaced", "ferry"), ("unchanged", "storm")]
    assert store.article("ferry").text == CHEESE
    assert store.infos()["storm"].content_hash == state["storm"]
    assert {name: info.chunks for name, info in store.infos().items()} == {"ferry": 1, "storm": 1}
    assert store._chunks.count() == (1 + 2) + (1 + 3), "vectors of the chunks, and of their sentences"


def test_chunks_are_the_articles_words_and_fit(store: Store, fake_embedder: FakeEmbedder, folder: Path) -> None:
    write(folder, "long.txt", "\n\n".join([FERRY, STORM, CHEESE] * 6))
    Ingester(store, fake_embedder, 40).ingest([folder])
    text = store.article("long").text
    chunks = store.chunks()
    assert len(chunks) > 3
    assert all(fake_embedder.count_tokens(text[chunk.start : chunk.end]) <= 40 for chunk in chunks)
    covered = "".join(text[chunk.start : chunk.end] for chunk in chunks)
    assert "".join(covered.split()) == "".join(text.split())


def test_what_cannot_be_read_is_skipped_with_the_reason(ingester: Ingester, folder: Path) -> None:
    write(folder, "empty.txt", "  \n")
    write(folder, "ferry.txt", FERRY)
    write(folder, "picture.png", "no picture")
    write(folder, "bad.jsonl", '{"id": "a", "text": "Fine."}\n{broken\n')
    summary = ingester.ingest([folder])
    assert summary.count("added") == 2
    assert {Path(result.article).name for result in summary.skipped()} == {"empty.txt", "picture.png", "bad.jsonl"}
    assert all(result.reason for result in summary.skipped())
    assert "line 2" in next(one.reason for one in summary.skipped() if one.article.endswith("bad.jsonl"))


def test_a_path_that_does_not_exist_is_an_error(store: Store, ingester: Ingester, folder: Path) -> None:
    write(folder, "ferry.txt", FERRY)
    with pytest.raises(ArticleError, match="nosuch"):
        ingester.ingest([folder, folder / "nosuch"])
    assert dict(store.infos()) == {}
    assert not store.is_writing(store.state())


def test_two_files_of_one_name_are_two_articles(store: Store, ingester: Ingester, folder: Path) -> None:
    write(folder, "a/news.txt", FERRY)
    write(folder, "b/news.txt", STORM)
    first = ingester.ingest([folder])
    ids = [result.article for result in first.results]
    assert first.count("added") == len(set(ids)) == 2
    assert ids[0] == "news"
    assert ids[1].startswith("news-")
    again = ingester.ingest([folder])
    assert outcomes(again) == [("unchanged", ids[0]), ("unchanged", ids[1])]
    assert {store.article(name).text for name in ids} == {FERRY, STORM}
    one_by_one = [ingester.ingest([folder / part]).results[0] for part in ("b", "a")]
    assert one_by_one == [Result("unchanged", ids[1]), Result("unchanged", ids[0])]


def test_a_file_that_moved_keeps_its_id(store: Store, ingester: Ingester, folder: Path) -> None:
    file = write(folder, "old/news.txt", FERRY)
    ingester.ingest([folder])
    (folder / "new").mkdir()
    file.rename(folder / "new" / "news.txt")
    assert outcomes(ingester.ingest([folder])) == [("unchanged", "news")]
    write(folder, "new/news.txt", STORM)
    assert outcomes(ingester.ingest([folder])) == [("replaced", "news")]
    assert list(store.infos()) == ["news"]


def test_another_file_does_not_replace_one_that_moved(store: Store, ingester: Ingester, folder: Path) -> None:
    file = write(folder, "old/news.txt", FERRY)
    ingester.ingest([folder])
    (folder / "new").mkdir()
    file.rename(folder / "new" / "news.txt")
    ingester.ingest([folder])
    assert store.article("news").origin == str(folder / "new" / "news.txt")
    assert store.infos()["news"].chunks == 1
    assert store._chunks.count() == 1 + 3, "one chunk of three sentences"
    write(folder, "third/news.txt", STORM)
    ingester.ingest([folder / "third"])
    assert {store.article(name).text for name in store.infos()} == {FERRY, STORM}


def test_copies_of_one_file_are_the_same_at_every_run(ingester: Ingester, folder: Path) -> None:
    write(folder, "a/news.txt", FERRY)
    write(folder, "b/news.txt", FERRY)
    first = ingester.ingest([folder])
    second = ingester.ingest([folder])
    assert second.count("skipped") == first.count("skipped")


def test_paths_say_the_same_from_another_folder(
    ingester: Ingester, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "news.txt", FERRY)
    ingester.ingest([folder])
    monkeypatch.chdir(folder)
    assert outcomes(ingester.ingest([Path("news.txt")])) == [("unchanged", "news")]
    os.chdir(folder.parent)
    assert outcomes(ingester.ingest([Path("articles/news.txt")])) == [("unchanged", "news")]


def test_ids_in_a_jsonl_are_kept_and_used_once(store: Store, ingester: Ingester, folder: Path) -> None:
    file = write_lines(
        folder,
        {"id": "x:1", "title": "Ferry", "text": FERRY, "date": "2025-05-18"},
        {"id": "x:1", "title": "Storm", "text": STORM},
        {"id": "x:2", "title": "Cheese", "text": CHEESE},
    )
    summary = ingester.ingest([file])
    assert outcomes(summary) == [("added", "x:1"), ("skipped", "x:1"), ("added", "x:2")]
    assert "used before" in summary.skipped()[0].reason
    assert store.article("x:1").text == FERRY
    assert outcomes(ingester.ingest([file])) == [("unchanged", "x:1"), ("skipped", "x:1"), ("unchanged", "x:2")]


def test_a_jsonl_elsewhere_replaces_by_id(store: Store, ingester: Ingester, folder: Path) -> None:
    ingester.ingest([write_lines(folder / "a", {"id": "x", "title": "T", "text": FERRY})])
    ingester.ingest([write_lines(folder / "b", {"id": "x", "title": "T", "text": STORM})])
    assert {name: store.article(name).text for name in store.infos()} == {"x": STORM}


def test_rebuilding_with_other_settings(store: Store, fake_embedder: FakeEmbedder, folder: Path) -> None:
    write(folder, "long.txt", "\n\n".join([FERRY, STORM, CHEESE] * 4))
    Ingester(store, fake_embedder, 100).ingest([folder])
    before = len(store.chunks())
    other = FakeEmbedder("other", dimension=16)
    new = Store(store.folder, signature_of(other, 30), rebuilding=True)
    ingester = Ingester(new, other, 30)
    steps: list[Progress] = []
    assert ingester.rebuild(steps.append) == 1
    assert [(step.done, step.total) for step in steps] == [(0, 1), (1, 1)]
    assert len(new.chunks()) > before
    assert new.nearest(other.embed_query("ferry"), 5, Filters())
    assert outcomes(ingester.ingest([folder])) == [("unchanged", "long")]
    new.close()


def test_progress_counts_files(ingester: Ingester, folder: Path) -> None:
    write(folder, "a.txt", FERRY)
    write(folder, "b.txt", STORM)
    steps: list[Progress] = []
    ingester.ingest([folder], steps.append)
    assert [(step.done, step.total, Path(step.current).name) for step in steps] == [
        (0, 2, "a.txt"),
        (1, 2, "b.txt"),
        (2, 2, ""),
    ]


def test_a_busy_store_is_an_error(store: Store, fake_embedder: FakeEmbedder, signature: object, folder: Path) -> None:
    write(folder, "a.txt", FERRY)
    second = Store(store.folder, store.signature)
    with store.writing(), pytest.raises(StoreError, match="Another process"):
        Ingester(second, fake_embedder, 100).ingest([folder])
    second.close()


def test_what_an_interrupted_run_left_is_done_by_the_next(
    store: Store, ingester: Ingester, fake_embedder: FakeEmbedder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        write(folder, f"{name}.txt", f"{name} {FERRY}")
    embed, left = fake_embedder.embed_documents, iter([True, False])

    def interrupted(texts: list[str]) -> object:
        if next(left):
            return embed(texts)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fake_embedder, "embed_documents", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ingester.ingest([folder])
    assert list(store.infos()) == ["a"]
    assert outcomes(ingester.ingest([folder])) == [("unchanged", "a"), ("added", "b"), ("added", "c")]
    assert not store.is_writing(store.state())


def test_a_file_of_the_same_name_never_replaces_another(store: Store, ingester: Ingester, folder: Path) -> None:
    """Not after the first file was deleted either, as uploads are once they are read."""
    first, second = write(folder, "a/story.txt", FERRY), write(folder, "b/story.txt", STORM)
    ingester.ingest([first])
    first.unlink()
    ((_, suffixed),) = outcomes(ingester.ingest([second]))
    assert {store.article("story").text, store.article(suffixed).text} == {FERRY, STORM}
    assert outcomes(ingester.ingest([second])) == [("unchanged", suffixed)]
    write(folder, "b/story.txt", CHEESE)
    assert outcomes(ingester.ingest([second])) == [("replaced", suffixed)]
    assert store.article("story").text == FERRY


def test_only_what_is_given_stays(store: Store, ingester: Ingester, folder: Path) -> None:
    write_lines(folder, {"id": "ferry", "text": FERRY}, {"id": "storm", "text": STORM})
    ingester.ingest([folder])
    write_lines(folder, {"id": "storm", "text": STORM}, {"id": "cheese", "text": CHEESE})
    summary = ingester.ingest([folder], only=True)
    assert outcomes(summary) == [("unchanged", "storm"), ("added", "cheese"), ("removed", "ferry")]
    assert sorted(store.infos()) == ["cheese", "storm"]


def test_an_article_at_an_address_is_added_unchanged_replaced(store: Store, ingester: Ingester) -> None:
    fetch = Fetcher(allowed=lambda ip: ip.is_loopback).fetch
    pages = {"/news/ferry": Page(FERRY.encode(), "text/plain"), "/news_ferry": Page(STORM.encode(), "text/plain")}
    with site(pages) as running:
        address = f"http://127.0.0.1:{running.port}"
        added = ingester.add_url(f"{address}/news/ferry", fetch)
        assert added == Result("added", added.article)
        assert ingester.add_url(f"{address}/news/ferry#end", fetch) == Result("unchanged", added.article)
        pages["/news/ferry"] = Page(CHEESE.encode(), "text/plain")
        assert ingester.add_url(f"{address}/news/ferry", fetch) == Result("replaced", added.article)
        other = ingester.add_url(f"{address}/news_ferry", fetch)
    assert other.outcome == "added"
    article = store.article(added.article)
    assert (article.text, article.url, article.source) == (CHEESE, f"{address}/news/ferry", "127.0.0.1")
    assert {store.article(name).text for name in store.infos()} == {CHEESE, STORM}


def test_an_address_without_an_article_is_skipped(store: Store, ingester: Ingester) -> None:
    with site({"/": Page(FERRY.encode(), "text/plain")}) as running:
        address = f"http://127.0.0.1:{running.port}/"
        result = ingester.add_url(address, Fetcher().fetch)
    assert (result.outcome, result.article) == ("skipped", address)
    assert "no public server" in result.reason
    assert running.asked == []
    assert dict(store.infos()) == {}


def test_an_article_at_an_address_leaves_a_file_of_that_name_alone(
    store: Store, ingester: Ingester, folder: Path
) -> None:
    fetch = Fetcher(allowed=lambda ip: ip.is_loopback).fetch
    with site({"/": Page(STORM.encode(), "text/plain")}) as running:
        first = ingester.add_url(f"http://127.0.0.1:{running.port}/", fetch).article
        store.remove(first)
        ingester.ingest([write(folder, f"{first}.txt", FERRY)])
        second = ingester.add_url(f"http://127.0.0.1:{running.port}/", fetch).article
    assert (store.article(first).text, store.article(second).text) == (FERRY, STORM)
