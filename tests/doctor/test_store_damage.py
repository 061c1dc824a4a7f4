"""A store of over a thousand vectors, each of its files damaged: it is refused or right, and mended from its texts.

Vectors stay in Chroma's database until there are a thousand; then they are in the files of an index only.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from damage import Damage, emptied, gone, halved, random_head, random_middle, random_places, sql
from fakes import FakeEmbedder
from filelock import FileLock
from samples import article, signature_of

from bot.articles import content_hash
from bot.config import Settings, StoreSettings
from bot.doctor import Finding, Tools
from bot.doctor.library import check_library, rebuild
from bot.errors import StoreError
from bot.ingest import Ingester
from bot.schema import Article, Filters
from bot.store import Store, disk, hnsw

EMBEDDER = FakeEmbedder(dimension=256)
SIGNATURE = signature_of(EMBEDDER)
ARTICLES, SENTENCES = 11, 100
SOAK = bool(os.environ.get("BOT_SOAK"))
LONG = pytest.mark.skipif(not SOAK, reason="only with BOT_SOAK=1")


def made(number: int) -> Article:
    text = " ".join(f"Sentence {one} of {number} says word{number * 1000 + one} at noon." for one in range(SENTENCES))
    one = article(f"a{number:02}", text, date="2025-05-18", source="gazette")
    return one.model_copy(update={"content_hash": content_hash(one), "origin": f"/articles/a{number:02}.txt"})


def open_store(folder: Path) -> Store:
    return Store(folder, SIGNATURE)


def tools_for(data: Path) -> Tools:
    return Tools(
        open_embedder=lambda: EMBEDDER,
        open_store=lambda _, folder: open_store(folder or data / "store"),
        open_ingester=lambda embedder, store: Ingester(store, embedder, SIGNATURE.chunk_tokens),
    )


def filled(folder: Path) -> None:
    store = open_store(folder)
    ingester = Ingester(store, EMBEDDER, SIGNATURE.chunk_tokens)
    with store.writing():
        for number in range(ARTICLES):
            store.put(ingester.prepare(made(number)))
    store.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose store is whole."""
    data = tmp_path_factory.mktemp("whole")
    filled(data / "store")
    assert (index_of(data) / hnsw.NAMES).exists()  # or the index was never written, and nothing of it can be damaged
    return data


@pytest.fixture(scope="module")
def right(whole: Path) -> dict[str, Any]:
    """What the whole store gives."""
    return seen(whole / "store")


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "data")
    return tmp_path / "data"


def index_of(data: Path) -> Path:
    """The folder of the only index that was written."""
    (names,) = (data / "store" / "chroma").glob(f"*/{hnsw.NAMES}")
    return names.parent


def seen(folder: Path) -> dict[str, Any]:
    """What a store gives: articles, chunks, their sentences, and what is nearest to some questions."""
    store = open_store(folder)
    try:
        chunks = store.chunks()
        asked = [EMBEDDER.embed_query(f"Sentence 3 of {one} says word{one * 1000 + 3} at noon.") for one in (2, 7, 10)]
        return {
            "articles": store.articles(sorted(store.infos())),
            "chunks": chunks,
            "sentences": [(one.chunk, one.start, one.end, one.vector.tobytes()) for one in store.sentences(chunks)],
            "nearest": [[one.article for one in store.nearest(vector, SENTENCES, Filters())[:1]] for vector in asked],
        }
    finally:
        store.close()


def tried(folder: Path) -> tuple[dict[str, Any], str]:
    """What a store gives, or its error."""
    try:
        return seen(folder), ""
    except StoreError as error:
        return {}, str(error)


def findings(data: Path) -> list[Finding]:
    return list(check_library(Settings(data_dir=data), tools_for(data)))


def mend(found: list[Finding]) -> list[str]:
    return [mend.do() for mend in {one.mend.will: one.mend for one in found if one.mend}.values()]


class Case(NamedTuple):
    """`file` is in the index's folder, or the database; `saved` is how many articles survive: all, some or none."""

    file: str
    damage: Damage
    saved: str = "all"
    level: str = "error"

    def path(self, data: Path) -> Path:
        return data / "store" / "chroma" / self.file if self.file == disk.DATABASE else index_of(data) / self.file

    def __str__(self) -> str:
        return f"{self.file}-{self.damage.__name__}"


WAYS = (gone, emptied, halved, random_head, random_middle)
# What hnswlib died of (SIGSEGV), and what it lost without a word.
WORST = {
    (hnsw.HEADER, halved), (hnsw.DATA, random_middle), (hnsw.DATA, halved), (hnsw.NAMES, gone),
}  # fmt: skip
INDEX = [Case(name, way) for name in hnsw.FILES for way in WAYS if SOAK or (name, way) in WORST]
TEXT = "SELECT rowid FROM embedding_metadata WHERE key = 'chroma:document' LIMIT 1"
RECORD = "SELECT rowid FROM embedding_metadata WHERE key = 'article' AND string_value LIKE '{%' LIMIT 1"
DATABASE = [
    Case(disk.DATABASE, gone, "none"),
    Case(disk.DATABASE, emptied, "none"),
    Case(disk.DATABASE, random_head, "none"),
    Case(disk.DATABASE, halved, "some"),
    Case(disk.DATABASE, random_places, "some"),
]


@pytest.mark.parametrize("case", [*INDEX, *DATABASE], ids=str)
def test_damaged_files(data: Path, right: dict[str, Any], case: Case) -> None:
    case.damage(case.path(data))
    got, problem = tried(data / "store")
    assert "`bot doctor`" in problem or got == right  # or only a place that nothing needs is damaged
    assert "\n" not in problem
    found = findings(data)
    if case.file == hnsw.NAMES and case.damage is not gone:  # put back from its copy as soon as the store is opened
        assert got == right
        assert {one.level for one in found} == {"ok"}
        return
    assert [one.level for one in found if one.mend] != []
    told = mend(found)
    assert {one.level for one in findings(data)} == {"ok"}
    left = seen(data / "store")
    if case.saved == "all":
        assert left == right
    else:
        saved = len(left["articles"])
        assert saved == 0 if case.saved == "none" else 0 < saved <= ARTICLES
        assert all(one in right["articles"] for one in left["articles"])
        assert f"{saved} articles were saved" in told[0]
    assert [path.name for path in (data / "store").glob("chroma.damaged-*")] != []  # put aside, not deleted


@pytest.mark.parametrize(
    ("statement", "saved"),
    [
        (f"UPDATE embedding_metadata SET string_value = '{{' WHERE rowid IN ({RECORD})", ARTICLES - 1),
        (f"DELETE FROM embedding_metadata WHERE rowid IN ({RECORD})", ARTICLES - 1),
        (f"UPDATE embedding_metadata SET string_value = 'A lie.' WHERE rowid IN ({TEXT})", ARTICLES),  # another copy
        pytest.param(f"DELETE FROM embedding_metadata WHERE rowid IN ({TEXT})", ARTICLES, marks=LONG),
        pytest.param("DELETE FROM embedding_metadata WHERE key = 'characters'", ARTICLES, marks=LONG),
        ("UPDATE collection_metadata SET str_value = '{' WHERE key = 'signature'", ARTICLES),
        ("DELETE FROM embedding_metadata WHERE key = 'view_end'", ARTICLES),
    ],
)
def test_damaged_records(data: Path, right: dict[str, Any], statement: str, saved: int) -> None:
    """What is in the log of the last writes is there once more; so the log goes, as it does after more writes."""
    database = data / "store" / "chroma" / disk.DATABASE
    sql("DELETE FROM embeddings_queue WHERE topic LIKE '%' AND metadata LIKE '%chroma:document%'")(database)
    sql(statement)(database)
    got, problem = tried(data / "store")
    assert got or "`bot doctor`" in problem
    found = findings(data)
    assert "error" in {one.level for one in found}
    mend(found)
    assert {one.level for one in findings(data)} == {"ok"}
    left = seen(data / "store")
    assert len(left["articles"]) == saved
    assert all(one in right["articles"] for one in left["articles"])
    assert (data / "articles.damaged").exists() == (saved < ARTICLES)


def test_a_text_that_changed_in_all_its_copies_is_not_quoted(data: Path) -> None:
    database = data / "store" / "chroma" / disk.DATABASE
    old, new = "Sentence 3 of 7 says", "Sentence 3 of 7 said"
    sql("DELETE FROM embeddings_queue WHERE metadata LIKE '%chroma:document%'")(database)
    for table, column in (("embedding_metadata", "string_value"), ("embedding_fulltext_search_content", "c0")):
        sql(f"UPDATE {table} SET {column} = replace({column}, '{old}', '{new}') WHERE {column} LIKE '%{old}%'")(
            database
        )
    found = findings(data)
    assert any("a07 (from /articles/a07.txt) is damaged" in one.text for one in found)
    mend(found)
    assert "a07" not in {one.id for one in seen(data / "store")["articles"]}
    assert new in (data / "articles.damaged").read_text()


def test_missing_and_stray_chunks_are_mended_in_place(data: Path, right: dict[str, Any]) -> None:
    store = open_store(data / "store")
    ids = [f"a05:{made(5).content_hash[:16]}:{chunk}:0" for chunk in range(2)]
    store._chunks.delete(ids=ids)
    stray = Ingester(store, EMBEDDER, SIGNATURE.chunk_tokens).prepare(
        made(5).model_copy(update={"content_hash": "f" * 64})
    )
    store._add_vectors(store._chunks, stray)
    store.close()
    found = findings(data)
    assert ["a05: " in one.text for one in found if one.level == "error"] == [True]
    assert [one.level for one in found if "belong to no article" in one.text] == ["warning"]
    mend(found)
    assert {one.level for one in findings(data)} == {"ok"}
    assert seen(data / "store") == right
    assert list((data / "store").glob("chroma.damaged-*")) == []


def test_a_whole_store_is_left_alone(data: Path, right: dict[str, Any]) -> None:
    """What looks at files changes none. Chroma itself writes to some whenever it opens them."""
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file() and path.name != disk.LOOKED_AT}
    assert disk.faults(data / "store") == []
    assert len(list(disk.read(data / "store"))) == ARTICLES
    assert {path: path.read_bytes() for path in before} == before
    found = findings(data)
    assert [(one.level, one.mend) for one in found] == [("ok", None)]
    assert seen(data / "store") == right


def test_a_repair_that_was_broken_off_before_its_end(data: Path, right: dict[str, Any]) -> None:
    new = data / "store" / disk.REBUILT
    new.mkdir()
    (data / "store" / "chroma").rename(new / "chroma")
    (new / disk.WHOLE).touch()
    with pytest.raises(StoreError, match="a repair was broken off"):
        open_store(data / "store")
    mend(findings(data))
    assert seen(data / "store") == right


KILLED = """
import os, signal, sys
sys.path[:0] = [{tests!r}, {here!r}]
import test_store_damage as t
from pathlib import Path
count = 0
class Slow(t.FakeEmbedder):
    def embed_documents(self, texts, done=None):
        global count
        count += 1
        if count == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_documents(texts, done)
data = Path({data!r})
tools = t.tools_for(data)._replace(open_embedder=Slow)
t.rebuild(data / "store", tools)
"""


def test_a_repair_that_is_killed_leaves_the_old_store(data: Path, right: dict[str, Any]) -> None:
    here = Path(__file__).resolve().parent
    script = KILLED.format(tests=str(here.parent), here=str(here), data=str(data))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (data / "store" / disk.REBUILT).exists()
    assert seen(data / "store") == right
    rebuild(data / "store", tools_for(data))
    assert seen(data / "store") == right
    assert not (data / "store" / disk.REBUILT).exists()


def test_while_another_process_writes_nothing_is_rebuilt(data: Path) -> None:
    store = open_store(data / "store")
    with store.writing(), pytest.raises(StoreError, match="Another process"):
        rebuild(data / "store", tools_for(data))
    store.close()


def test_while_a_page_runs_nothing_is_rebuilt(data: Path) -> None:
    (data / "uploads").mkdir()
    with FileLock(data / "uploads" / "run-x.lock"), pytest.raises(StoreError, match="A page runs"):
        rebuild(data / "store", tools_for(data))
    rebuild(data / "store", tools_for(data))


class Gone:
    """A store on a server that has just gone."""

    def infos(self) -> None:
        raise StoreError("The article store failed. Check that it runs.")

    def close(self) -> None:
        pass


def test_a_servers_store_is_not_made_anew(tmp_path: Path) -> None:
    tools = tools_for(tmp_path)._replace(open_store=lambda *_: cast(Store, Gone()))
    (found,) = check_library(Settings(data_dir=tmp_path, store=StoreSettings(server="127.0.0.1:9")), tools)
    assert (found.level, found.mend) == ("error", None)
    assert not (tmp_path / "store").exists()


def test_names_that_would_call_something_are_refused(tmp_path: Path) -> None:
    (tmp_path / hnsw.NAMES).write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(ValueError, match="damaged"):
        hnsw.names(tmp_path)
