"""Hostile files through the real reader into a real store: articles or told refusals, and bounded time and memory."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fakes import FakeEmbedder
from samples import FERRY, article, put, signature_of

from bot.articles import Apart, Skipped, find_files, read_file
from bot.articles.apart import PATIENCE
from bot.config import PROJECT
from bot.errors import ArticleError
from bot.ingest import Ingester
from bot.schema import Article
from bot.store import Store

from .files import FILES, SECRET, STORY, WORDS, Hostile, bomb, make_all

MEMORY = 1_000_000_000  # bytes that reading may take beside what the store reserves
SECONDS = 6.0  # of work on each file, here and in the process that reads it
MINUTES = 30  # for all; a machine with much else to do takes them


class Outcome(NamedTuple):
    """What a process printed that ingested all files, and the folders around them before and after."""

    told: dict[str, Any]
    before: dict[str, str]
    after: dict[str, str]
    store: Store

    def of(self, name: str) -> list[dict[str, str]]:
        shown = os.fsencode(name).decode("utf-8", "replace")
        return [one for one in self.told["results"] if Path(one["origin"]).name == shown]

    def article(self, name: str) -> Article:
        (result,) = self.of(name)
        return self.store.article(result["article"])


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder, data = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("data") / "store"
    make_all(folder / "articles")
    embedder = FakeEmbedder()
    store = Store(data, signature_of(embedder))
    put(store, embedder, article("ferry", FERRY))
    store.close()
    before = files_of(folder)
    command = [str(Path(__file__).with_name("ingest_all.py")), str(folder / "articles"), str(data)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])}
    done = subprocess.run(
        [sys.executable, *command, str(MEMORY), str(SECONDS)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60 * MINUTES,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    store = Store(data, signature_of(embedder))
    yield Outcome(json.loads(done.stdout), before, files_of(folder), store)
    store.close()


def files_of(folder: Path) -> dict[str, str]:
    """Every path below the folder with a sum of what it holds, or what it is."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            real = path.is_file() and not path.is_symlink()
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if real else str(path.lstat().st_mode)
    return found


@pytest.mark.parametrize("hostile", FILES, ids=lambda one: repr(one.name)[1:40])
def test_a_hostile_file_is_an_article_or_refused_with_its_reason(outcome: Outcome, hostile: Hostile) -> None:
    results = outcome.of(hostile.name)
    refused = [one["reason"] for one in results if one["outcome"] == "skipped"]
    assert results or hostile.name == "folder.txt", "nothing is passed over in silence"
    assert all(reason.endswith(".") for reason in refused)
    if hostile.reason == "":
        assert [one["outcome"] for one in results] == ["added"]
    elif hostile.reason:
        assert hostile.reason in refused[-1]
    took = outcome.told["took"]
    assert all(took[path] < SECONDS for path in took if Path(path).name == hostile.name)


def test_memory_is_bounded(outcome: Outcome) -> None:
    assert outcome.told["peak"] < MEMORY


def test_nothing_else_changes(outcome: Outcome) -> None:
    assert outcome.after == outcome.before, "no file is made, changed or run"
    assert outcome.store.article("ferry").text == FERRY
    infos = outcome.store.infos()
    assert set(infos) == {"ferry"} | {one["article"] for one in outcome.told["results"] if one["outcome"] == "added"}


def test_no_private_file_is_read(outcome: Outcome) -> None:
    for name in outcome.store.infos():
        text = outcome.store.article(name).text
        assert SECRET not in text
        assert "root:" not in text


def test_fields_are_short_and_links_are_web_addresses(outcome: Outcome) -> None:
    for info in outcome.store.infos().values():
        found = outcome.store.article(info.id)
        assert all(len(field or "") <= 301 for field in (found.title, found.source, found.author))
        assert all(char.isprintable() or char in "\u202e\u202c\u2066\u2069\u200b\u200d\ufeff" for char in found.title)
        assert (found.url or "https://").startswith(("http://", "https://"))
        assert "/" not in info.id
    assert outcome.article("javascript.jsonl").url is None
    assert outcome.article("links.md").url is None
    assert outcome.article("title.jsonl").title == "T" * 299 + "…"


def test_text_is_kept_as_it_was(outcome: Outcome) -> None:
    kept = {"turned.txt", "tags.txt", "homoglyphs.txt", "escapes.jsonl"}
    for one in (one for one in FILES if one.name in kept):
        path = next(Path(path) for path in outcome.before if Path(path).name == one.name)
        written = path.read_text("utf-8")
        text = json.loads(written)["text"] if one.name.endswith(".jsonl") else written.rstrip()
        assert outcome.article(one.name).text == text


def test_what_a_parser_is_too_slow_for_is_refused_and_the_next_file_read(tmp_path: Path) -> None:
    slow, quick = tmp_path / "a.pdf", tmp_path / "b.html"
    slow.write_bytes(bomb(WORDS, 10_000_000))
    quick.write_text(f"<article><p>{STORY}</p><p>{STORY}</p></article>", "utf-8")
    with Apart(seconds=1) as apart:
        first, second = (next(read_file(path, apart.read)) for path in (slow, quick))
        process = apart._process
    assert isinstance(first, Skipped)
    assert "takes longer than 1 seconds of work" in first.reason
    assert isinstance(second, Article)
    assert process
    assert process.returncode is not None, "no process is left behind"


def test_where_work_is_not_counted_the_clock_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system without limits of work: the process waits for words that never come."""
    monkeypatch.setattr("bot.articles.apart._SERVE", "import time; time.sleep(600)")
    with Apart(seconds=0.2) as apart, pytest.raises(ArticleError, match=f"longer than {0.2:g} seconds"):
        apart.read(".pdf", b"", tmp_path / "a.pdf")
    assert PATIENCE * 0.2 < 10


def test_a_process_that_ends_or_lacks_memory_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Apart(memory=1 << 20) as apart, pytest.raises(ArticleError, match=r"too much|damaged|parsed"):
        apart.read(".pdf", bomb(WORDS, 1_000_000), tmp_path / "a.pdf")
    monkeypatch.setattr("bot.articles.apart._SERVE", "import os; os._exit(11)")
    with Apart() as apart, pytest.raises(ArticleError, match="too much for the program"):
        apart.read(".html", b"<p>", tmp_path / "a.html")


def test_modules_that_lie_where_the_user_stands_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "pypdf", "trafilatura", "resource", "bot"):
        (tmp_path / f"{name}.py").write_text("open('owned', 'w')", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with Apart() as apart:
        read = apart.read(".html", f"<article><p>{STORY}</p><p>{STORY}</p></article>".encode(), tmp_path / "a.html")
    assert read.text.startswith(STORY)
    assert not (tmp_path / "owned").exists()


def test_links_are_followed_only_to_what_is_named(tmp_path: Path) -> None:
    for place in ("articles", "other"):
        (tmp_path / place).mkdir()
    (tmp_path / "other" / "a.txt").write_text(STORY, "utf-8")
    (tmp_path / "articles" / "link.txt").symlink_to("../other/a.txt")
    (tmp_path / "articles" / "all").symlink_to("../other")
    (tmp_path / "named").symlink_to("other")
    inside = list(find_files([tmp_path / "articles"]))
    assert [one.reason.split(".")[0] for one in inside if isinstance(one, Skipped)] == (
        ["it is a link that leads out of the folder"] * 2
    )
    assert list(find_files([tmp_path / "named"])) == [tmp_path / "named" / "a.txt"], "a link that is named is meant"
    both = list(find_files([tmp_path / "articles", tmp_path / "other"]))
    assert both == [tmp_path / "articles" / "all" / "a.txt"], "once, by the first way to it"


def test_an_article_of_too_many_sentences_changes_nothing(store: Store, tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    path = tmp_path / "a.txt"
    path.write_text(STORY, "utf-8")
    ingester = Ingester(store, embedder, 100)
    ingester.ingest([path])
    path.write_text("Go on. " * 50_001, "utf-8")
    (result,) = ingester.ingest([path]).results
    assert (result.outcome, result.article) == ("skipped", str(path))
    assert store.article("a").text == STORY
