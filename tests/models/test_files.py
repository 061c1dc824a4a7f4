import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import ModelError
from bot.models import files
from bot.models.catalogue import Catalogue, Entry, HubSource
from bot.models.files import Progress

from .tiny import MODEL, sha256

MakeEntry = Callable[..., Entry]
HUB = (HubSource(via="huggingface", repo="some/repo"),)


@pytest.fixture
def known(make_entry: MakeEntry) -> Catalogue:
    embedder = make_entry(name="other", kind="embedder", file="other.gguf", bytes=None, sha256=None, sources=HUB)
    return Catalogue(path=Path("catalogue.toml"), entries=(make_entry(), embedder))


def test_a_catalogue_name_is_its_file(tmp_path: Path, known: Catalogue) -> None:
    (tmp_path / "tiny.gguf").write_bytes(MODEL)
    found = files.resolve("tiny", tmp_path, "llm", known)
    assert found == (tmp_path / "tiny.gguf", "tiny", sha256(MODEL), known.entries[0])


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("tiny", "llm", r"is not here .* run `bot models pull tiny`"),
        ("tiny", "embedder", "not an embedder. Choose one of: other"),
        ("other", "llm", "not an LLM. Choose one of: tiny"),
        ("tinny", "llm", r"Unknown model 'tinny'\. Did you mean tiny\?"),
        ("tinny.gguf", "llm", "no model file tinny.gguf"),
        ("some/where", "llm", "no model file some/where"),
    ],
)
def test_what_cannot_be_resolved_says_what_to_do(
    tmp_path: Path, known: Catalogue, name: str, kind: str, says: str
) -> None:
    with pytest.raises(ModelError, match=says):
        files.resolve(name, tmp_path, kind, known)  # type: ignore[arg-type]


def test_any_gguf_works_by_path(tmp_path: Path, known: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    models.mkdir()
    elsewhere.mkdir()
    (models / "mine.gguf").write_bytes(MODEL)
    (elsewhere / "yours.gguf").write_bytes(MODEL + b"!")
    monkeypatch.chdir(elsewhere)
    for given, path in (
        ("mine.gguf", models / "mine.gguf"),
        ("yours.gguf", elsewhere / "yours.gguf"),
        (str(elsewhere / "yours.gguf"), elsewhere / "yours.gguf"),
    ):
        assert files.resolve(given, models, "embedder", known) == (path, path.stem, sha256(path.read_bytes()), None)
    assert [path.name for path in elsewhere.iterdir()] == ["yours.gguf"]


def test_a_file_that_is_not_gguf_is_refused(tmp_path: Path, known: Catalogue) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<html>", encoding="utf-8")
    with pytest.raises(ModelError, match="not a GGUF file"):
        files.resolve(str(path), tmp_path, "llm", known)


def test_the_sum_is_taken_once_and_again_after_a_change(tmp_path: Path) -> None:
    path, steps = tmp_path / "tiny.gguf", list[Progress]()
    path.write_bytes(MODEL)
    assert files.known_sum(path, tmp_path, steps.append) == sha256(MODEL)
    assert steps == [Progress("tiny.gguf", "check", len(MODEL), len(MODEL), "tiny.gguf")]
    assert files.known_sum(path, tmp_path, steps.append) == sha256(MODEL)
    assert len(steps) == 1
    changed = bytes(reversed(MODEL))
    path.write_bytes(changed)
    os.utime(path, ns=(1, 1))
    assert files.known_sum(path, tmp_path, steps.append) == sha256(changed)
    assert len(steps) == 2


@pytest.mark.parametrize("stamp", ["", "[]", "{}", '{"bytes": 1}', "\x00"])
def test_a_broken_stamp_costs_a_sum_and_no_more(tmp_path: Path, stamp: str) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(MODEL)
    (tmp_path / ".sums").mkdir()
    (tmp_path / ".sums" / "tiny.gguf.json").write_text(stamp, encoding="utf-8")
    assert files.known_sum(path, tmp_path) == sha256(MODEL)


def test_a_folder_that_cannot_be_written_still_serves(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(MODEL)
    (tmp_path / ".sums").write_text("in the way", encoding="utf-8")
    assert files.known_sum(path, tmp_path) == sha256(MODEL)


def test_a_damaged_catalogue_file_is_refused(tmp_path: Path, known: Catalogue) -> None:
    (tmp_path / "tiny.gguf").write_bytes(MODEL[:-1] + b"?")
    with pytest.raises(ModelError, match=r"damaged: its SHA-256 is .* run `bot models pull tiny`"):
        files.resolve("tiny", tmp_path, "llm", known)


def test_a_stated_sum_outlives_a_change_of_the_file(tmp_path: Path, known: Catalogue) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(MODEL)
    files.remember(path, tmp_path, sha256(MODEL), stated=True)
    assert files.resolve("other", tmp_path, "embedder", known).sha256 == sha256(MODEL)
    path.write_bytes(MODEL[:-1])
    for _ in range(2):  # the second time the wrong sum is remembered, and still wrong
        with pytest.raises(ModelError, match="damaged"):
            files.resolve("other", tmp_path, "embedder", known)


def test_verify_reads_everything_whatever_is_remembered(tmp_path: Path, known: Catalogue) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(MODEL)
    assert [status.state for status in files.verify(tmp_path, known)] == ["ok", "missing"]
    stat = path.stat()
    path.write_bytes(MODEL[:-1] + b"?")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert files.resolve("tiny", tmp_path, "llm", known).sha256 == sha256(MODEL)  # size and time are the same
    steps = list[Progress]()
    wrong, missing = files.verify(tmp_path, known, steps.append)
    assert (wrong.state, missing.state) == ("wrong", "missing")
    assert "run `bot models pull tiny`" in wrong.detail
    assert steps[-1] == Progress("tiny", "check", len(MODEL), len(MODEL), "tiny.gguf")
