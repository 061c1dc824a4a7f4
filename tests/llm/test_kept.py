"""kept: what is used longest ago goes first, damage counts as missing, and a bad disk does no harm."""

import logging
import multiprocessing
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import diskcache
import pytest

from bot.llm.kept import Kept, fault

MIB = 1 << 20


def on_disk(folder: Path, disk: int = 64 * MIB) -> Kept:
    return Kept(folder / "read", memory_bytes=0, disk_bytes=disk)


def files(folder: Path) -> list[Path]:
    return sorted((folder / "read").rglob("*.val"))


@pytest.mark.parametrize("folder", [True, False])
def test_what_was_put_is_there(tmp_path: Path, folder: bool) -> None:
    kept = Kept(tmp_path / "read" if folder else None, memory_bytes=MIB, disk_bytes=MIB)
    assert kept.get("a") is None
    assert not kept.use("a")
    kept.put("a", b"one")
    kept.put("a", b"two")
    assert kept.get("a") == b"two"
    assert kept.use("a")
    kept.close()


def test_the_memory_forgets_what_was_not_used_for_longest() -> None:
    kept = Kept(None, memory_bytes=300, disk_bytes=0)
    for name in "abc":
        kept.put(name, name.encode() * 100)
    assert kept.get("a")
    kept.put("d", b"d" * 100)
    assert [name for name in "abcd" if kept.use(name)] == ["a", "c", "d"]
    kept.put("e", b"e" * 301)
    assert not any(kept.use(name) for name in "abcde"), "more than there is room for"


def test_the_disk_outlives_the_process_and_stays_under_its_limit(tmp_path: Path) -> None:
    kept = on_disk(tmp_path, 8 * MIB)
    for number in range(250):
        kept.put(f"{number}", bytes([number]) * (MIB // 25))
        assert kept.get("0"), "used each time, so never the one to go"
        assert kept.full() is (number > 190) or 185 < number < 195
    kept.close()
    assert 7 * MIB < sum(file.stat().st_size for file in files(tmp_path)) < 8.2 * MIB
    again = on_disk(tmp_path, 8 * MIB)
    assert again.get("0") == bytes(MIB // 25)
    assert again.get("249") == bytes([249]) * (MIB // 25)
    assert again.get("1") is None
    again.close()


def test_what_goes_for_new_values_makes_no_room_for_what_nobody_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several go at once: filled up again each time, the same would be read over and over."""
    monkeypatch.setattr("bot.llm.kept.USED_SECONDS", 0.0)
    kept = on_disk(tmp_path, 8 * MIB)
    for number in range(250):
        kept.put(f"{number}", bytes([number]) * (MIB // 15))
        assert kept.full() is (number > 115) or 110 < number < 120
    kept.close()


def test_what_is_used_from_memory_stays_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.llm.kept.USED_SECONDS", 0.0)
    kept = Kept(tmp_path / "read", memory_bytes=2 * MIB, disk_bytes=4 * MIB)
    for number in range(60):
        kept.put(f"{number}", bytes([number]) * (MIB // 5))
        assert kept.get("0") == bytes(MIB // 5)
    kept.close()
    again = on_disk(tmp_path, 4 * MIB)
    assert again.get("0") == bytes(MIB // 5)
    assert again.get("1") is None
    again.close()


def test_it_is_full_of_what_is_used_not_of_what_an_earlier_process_left(tmp_path: Path) -> None:
    one, limit = bytes(MIB // 25), 16 * MIB
    before = on_disk(tmp_path, limit)
    for number in range(450):
        before.put(f"old {number}", one)
    assert before.full()
    before.close()
    kept = on_disk(tmp_path, limit)
    assert not kept.full()
    there = [number for number in range(450) if kept.use(f"old {number}")]
    assert kept.full(), "of what was used again"
    kept.close()
    again = on_disk(tmp_path, limit)
    assert again.use(f"old {there[0]}")
    for number in range(350):
        assert not again.full()
        again.put(f"new {number}", one)
    assert all(again.get(f"new {number}") for number in range(350)), "what nobody used went for it"
    again.close()


def test_a_disk_that_could_not_be_opened_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.llm.kept.REST_SECONDS", 0.2)
    (tmp_path / "read").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        kept = on_disk(tmp_path)
    kept.put("a", b"a")
    assert not kept.use("a")
    (tmp_path / "read").unlink()
    time.sleep(0.3)
    kept.put("a", b"a")
    assert kept.use("a")
    assert "for now" in caplog.text
    kept.close()
    kept.put("b", b"b")
    assert not kept.use("b"), "closed for good"


def test_what_was_made_with_something_else_stays_but_is_the_first_to_go(tmp_path: Path) -> None:
    """A prompt with the day's date in it is another each day; another model's values are a second process's."""
    one, limit = bytes(MIB // 25), 16 * MIB
    kept = on_disk(tmp_path, limit)
    kept.made_for("yesterday")
    for number in range(400):
        kept.put(f"old {number}", one)
    assert kept.full()
    kept.made_for("today")
    assert not kept.full(), "nobody needs yesterday's now"
    assert kept.use("old 399")
    for number in range(350):
        assert not kept.full()
        kept.put(f"new {number}", one)
    assert all(kept.get(f"new {number}") for number in range(350)), "what yesterday left went for it"
    kept.made_for("today")
    for number in range(350, 390):
        kept.put(f"new {number}", one)
    assert kept.full(), "of today's"
    kept.close()


def test_a_memory_full_of_what_was_made_with_something_else_has_room() -> None:
    kept = Kept(None, memory_bytes=300, disk_bytes=0)
    kept.made_for("yesterday")
    kept.put("old", bytes(300))
    assert kept.full()
    kept.made_for("yesterday")
    assert kept.full()
    kept.made_for("today")
    assert not kept.full()
    kept.put("new", bytes(200))
    assert kept.get("new") == bytes(200)


def test_what_another_process_pushed_out_does_not_count_as_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.llm.kept.USED_SECONDS", 0.3)
    one, limit = bytes(MIB // 25), 16 * MIB
    kept, other = on_disk(tmp_path, limit), on_disk(tmp_path, limit)
    for number in range(400):
        kept.put(f"{number}", one)
    assert kept.full()
    for number in range(400):
        other.put(f"other {number}", one)
    time.sleep(0.4)
    assert not kept.full()
    assert not kept.use("0"), "so it is made again"
    kept.put("0", one)
    assert kept.use("0")
    kept.close()
    other.close()


def test_it_says_whether_a_value_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(tmp_path / "read", memory_bytes=MIB, disk_bytes=64 * MIB)
    assert kept.put("a", b"a")
    other = sqlite3.connect(tmp_path / "read" / "cache.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.WARNING):
        assert not kept.put("b", b"b"), "the disk failed"
    assert not kept.put("c", b"c"), "and rests"
    assert kept.get("c") == b"c", "in memory, for this process"
    other.close()
    kept.close()
    small = Kept(None, memory_bytes=10, disk_bytes=0)
    assert small.put("a", bytes(10))
    assert not small.put("b", bytes(11))


@pytest.mark.parametrize("damage", [lambda raw: raw[:-1], lambda raw: b"", lambda raw: raw[:40] + b"x" + raw[41:]])
def test_a_damaged_value_is_missing_and_can_be_put_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    kept = on_disk(tmp_path)
    kept.put("a", b"a" * MIB)
    (file,) = files(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    assert kept.get("a") is None
    kept.put("a", b"a" * MIB)
    assert kept.get("a") == b"a" * MIB
    kept.close()


def test_a_value_whose_file_is_gone_is_missing(tmp_path: Path) -> None:
    kept = on_disk(tmp_path)
    kept.put("a", b"a" * MIB)
    files(tmp_path)[0].unlink()
    assert kept.get("a") is None
    assert not kept.use("a"), "so it is made again"
    kept.close()


def test_a_disk_that_another_process_holds_costs_a_moment_and_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.llm.kept.REST_SECONDS", 1)
    kept = on_disk(tmp_path)
    kept.put("a", b"a" * MIB)
    other = sqlite3.connect(tmp_path / "read" / "cache.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        assert [kept.get("a") for _ in range(20)] == [None] * 20
    assert time.monotonic() - began < 4, "20 times a wait would be 6"
    assert "for now: Timeout" in caplog.text
    other.execute("ROLLBACK")
    other.close()
    time.sleep(1.1)
    assert kept.get("a") == b"a" * MIB
    kept.close()


def test_a_damaged_folder_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = on_disk(tmp_path)
    kept.put("a", b"a")
    kept.close()
    (tmp_path / "read" / "cache.db").write_bytes(b"no data base" * 1000)
    with caplog.at_level(logging.WARNING):
        kept = on_disk(tmp_path)
    assert "is damaged" in caplog.text
    kept.put("a", b"b")
    assert kept.get("a") == b"b"
    kept.close()


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    with diskcache.Cache(str(tmp_path / "read")) as cache:
        cache.set("a", {"any": "object"})
    kept = on_disk(tmp_path)
    assert kept.get("a") is None
    kept.close()


class Evil:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.file,)


def test_no_key_is_unpickled(tmp_path: Path) -> None:
    with diskcache.Cache(str(tmp_path / "read")) as cache:
        cache.set(Evil(tmp_path / "touched"), b"a value")
    kept = on_disk(tmp_path)
    kept.put("a", b"a")
    assert not kept.full()
    assert kept.get("a") == b"a"
    kept.close()
    assert not (tmp_path / "touched").exists()
    assert fault(tmp_path / "read", full=True) == ""
    assert not (tmp_path / "touched").exists()


def test_a_folder_that_cannot_be_used_costs_only_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "read").write_text("a file")
    with caplog.at_level(logging.WARNING):
        kept = Kept(tmp_path / "read", memory_bytes=MIB, disk_bytes=MIB)
    assert "not kept" in caplog.text
    kept.put("a", b"a")
    assert kept.get("a") == b"a"
    kept.close()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk is full")])
def test_a_full_disk_costs_only_the_disk(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept(tmp_path / "read", memory_bytes=MIB, disk_bytes=MIB)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(diskcache.Cache, "set", fail)
    with caplog.at_level(logging.WARNING):
        kept.put("a", b"a")
        kept.put("b", b"b")
    assert caplog.text.count("not kept") == 1, "said once"
    assert kept.get("a") == b"a"
    kept.close()


def _write(folder: Path, name: str) -> None:
    kept = on_disk(folder)
    for number in range(20):
        kept.put(f"{name}{number}", f"{name}{number}".encode() * 20_000)
    kept.close()


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    kept = on_disk(tmp_path)
    for name in "ab":
        for number in range(20):
            assert kept.get(f"{name}{number}") == f"{name}{number}".encode() * 20_000
    kept.close()
