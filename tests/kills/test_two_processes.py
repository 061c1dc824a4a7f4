"""Two processes on one store: the one that has it open reads what the other wrote, and neither harms the other's."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from soak import rounds

from bot.errors import StoreMismatch
from bot.ingest import Ingester
from bot.schema import Filters
from bot.store import Store

from .forks import Forks, forking
from .works import DEFAULT, EMBEDDER, WORKS, Look, open_retriever, open_store, see, words, write


@pytest.fixture
def opened(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[Store, Path]]:
    """The store of a kind of work, open in this process as a page has it, before the work is done."""
    WORKS[request.param].prepare(folder)
    store = open_store(folder)
    yield store, folder
    store.close()


def looked(forks: Forks, folder: Path) -> Look:
    """What a process sees that opens the store now."""
    done = forks.run("look", "ingest", folder)
    assert done.status == 0, done.error
    return Look(*done.value)


@pytest.mark.parametrize(("opened", "kind"), [(kind, kind) for kind in ("ingest", "remove")], indirect=["opened"])
def test_the_page_sees_what_another_process_did(opened: tuple[Store, Path], kind: str, forks: Forks) -> None:
    store, folder = opened
    retriever = open_retriever(store)
    assert not see(store, retriever).faults
    assert (done := forks.run("do", kind, folder)).status == 0, done.error
    assert see(store, retriever) == looked(forks, folder)
    assert not looked(forks, folder).faults


@pytest.mark.parametrize("opened", ["ingest"], indirect=True)
def test_while_a_thread_writes_no_other_opens_the_folder_anew(opened: tuple[Store, Path]) -> None:
    """The writer would go on with an index that is open twice, and write half of each."""
    store, folder = opened
    before = store._client
    with store.writing():
        (folder / "data" / "store" / "chroma.written").write_bytes(b"another process opened it")
        with ThreadPoolExecutor(4) as pool:
            assert [pool.submit(store.renew).result() for _ in range(4)] == [False] * 4
        assert store._client is before
    assert store.renew()
    assert store._client is not before


@pytest.mark.parametrize("opened", ["rebuild"], indirect=True)
def test_the_page_is_told_of_a_rebuild_with_other_settings(opened: tuple[Store, Path], forks: Forks) -> None:
    store, folder = opened
    assert (done := forks.run("do", "rebuild", folder)).status == 0, done.error
    with pytest.raises(StoreMismatch, match=r"chunk_tokens 40, now 150.*bot ingest --rebuild"):
        see(store, open_retriever(store))
    assert not looked(forks, folder).faults


@pytest.mark.rounds
@pytest.mark.parametrize(
    ("opened", "kind"),
    [(kind, kind) for kind in ("replace", "rebuild the same", "a thousand vectors")],
    indirect=["opened"],
)
def test_reading_while_another_process_writes(opened: tuple[Store, Path], kind: str, forks: Forks) -> None:
    store, folder = opened
    retriever = open_retriever(store)
    old = {name: store.article(name).text for name in store.infos()}
    read, ended = list[tuple[str, str]](), threading.Event()

    def ask() -> None:
        for text in [*old.values(), *new_texts(folder)] * rounds(1, 20):
            for passage in retriever.search(text[40:200], 5, Filters()):
                read.append((passage.article, passage.text))
            retriever.evidence(text[40:200], retriever.search(text[40:200], 5, Filters()), 2000)
            if ended.is_set():
                return

    forks.start("do", kind, folder)
    failed = list[BaseException]()
    reader = threading.Thread(target=guarded(ask, failed))
    reader.start()
    done = forks.end()
    ended.set()
    reader.join()
    assert done.status == 0, done.error
    assert not failed, failed
    new = {name: store.article(name).text for name in store.infos()}
    assert read
    for name, text in read:
        assert text in old.get(name, "") or text in new.get(name, ""), f"{name} was read half changed"
    assert see(store, retriever) == looked(forks, folder)


def new_texts(folder: Path) -> list[str]:
    return [file.read_text(encoding="utf-8") for file in sorted((folder / "articles").glob("*.txt"))]


def guarded(job: Callable[[], None], failed: list[BaseException]) -> Callable[[], None]:
    def run() -> None:
        try:
            job()
        except BaseException as error:
            failed.append(error)

    return run


@pytest.mark.rounds
def test_two_that_write_by_turns_keep_all_of_each_others(forks: Forks, folder: Path) -> None:
    """Through more than a thousand vectors, where Chroma writes its index: each would write only its own."""
    WORKS["ingest"].prepare(folder)
    page = open_store(folder)
    uploads = folder / "uploads"
    for turn in range(rounds(6, 20)):
        write(folder, [f"n{turn}"], turn, sentences=100)
        assert (done := forks.run("do", "ingest", folder)).status == 0, done.error
        uploads.mkdir(exist_ok=True)
        (uploads / f"u{turn}.txt").write_text(f"Upload {turn}\n\n{words(turn, 100)}\n", encoding="utf-8")
        Ingester(page, EMBEDDER, DEFAULT).ingest([uploads / f"u{turn}.txt"])
    mine = see(page, open_retriever(page))
    page.close()
    assert mine == looked(forks, folder)
    assert not mine.faults
    assert len(mine.items) == 5 + 2 * rounds(6, 20)
    assert mine.tidy[0] > 1000


def test_two_ingests_at_once(forks: Forks, folder: Path) -> None:
    """One waits for the other, or is refused; whichever it is, nothing of either is half there."""
    WORKS["ingest"].prepare(folder)
    with forking(None) as others:
        forks.start("do", "ingest", folder)
        others.start("do", "ingest", folder)
        ended = [forks.end(), others.end()]
    assert [done.status for done in ended].count(0) >= 1, ended
    for done in ended:
        assert done.status == 0 or "Another process is changing the articles" in done.error, done.error
    found = looked(forks, folder)
    assert not found.faults
    assert len(found.items) == 5
    assert forks.run("do", "ingest", folder).status == 0
    assert looked(forks, folder) == found
