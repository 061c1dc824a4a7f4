"""shared: half a table is put back from its copy, another's writing is noticed, and nothing in a table is called.

With real processes and a real Chroma: tests/kills/.
"""

import os
import pickle
import threading
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.store.hnsw import NAMES
from bot.store.shared import COPY, Shared

WHOLE = pickle.dumps({"id_to_label": {f"a:{number}": number for number in range(100)}})
OTHER = pickle.dumps({"id_to_label": {}})


class Calls:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("called",)


def opened(folder: Path) -> Shared:
    shared = Shared(folder)
    with shared.opening():
        pass
    return shared


def table_of(folder: Path) -> Path:
    table = folder / "chroma" / "0b1c" / NAMES
    table.parent.mkdir(parents=True, exist_ok=True)
    return table


@pytest.mark.parametrize(
    ("table", "copy", "known", "expected"),
    [
        (WHOLE, None, True, WHOLE),
        (WHOLE, OTHER, True, WHOLE),
        (WHOLE[:-1], OTHER, True, OTHER),
        (WHOLE[: len(WHOLE) // 2], OTHER, True, OTHER),
        (b"", OTHER, True, OTHER),
        (b"", OTHER, False, OTHER),
        (WHOLE[:-1], None, True, None),
        (WHOLE[:-1], None, False, WHOLE[:-1]),
        (pickle.dumps(Calls()), OTHER, True, OTHER),
        (pickle.dumps([1]), OTHER, True, OTHER),
    ],
)
def test_a_table_is_mended(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: bytes,
    copy: bytes | None,
    known: bool,
    expected: bytes | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    if known:
        opened(tmp_path)
    file = table_of(tmp_path)
    file.write_bytes(table)
    if copy is not None:
        file.with_name(COPY).write_bytes(copy)
    opened(tmp_path)
    assert (file.read_bytes() if file.exists() else None) == expected
    assert not (tmp_path / "called").exists()
    if expected in (WHOLE, OTHER):
        assert file.with_name(COPY).read_bytes() == expected


def test_the_copy_is_of_the_table_before_a_write(tmp_path: Path) -> None:
    shared, file = opened(tmp_path), table_of(tmp_path)
    file.write_bytes(OTHER)
    with shared.changing():
        file.write_bytes(WHOLE[:50])
    opened(tmp_path)
    assert file.read_bytes() == OTHER
    with shared.changing():
        file.write_bytes(WHOLE)
    assert file.with_name(COPY).read_bytes() == OTHER
    opened(tmp_path)
    assert file.read_bytes() == file.with_name(COPY).read_bytes() == WHOLE


def test_anothers_writing_is_noticed(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    assert not first.is_stale()
    assert not second.is_stale()
    with first.changing():
        assert second.is_stale(), "from its beginning"
    assert not first.is_stale()
    assert second.is_stale()
    with second.opening():
        pass
    assert not second.is_stale()


def test_what_chroma_caught_up_with_when_it_was_opened_is_a_change(tmp_path: Path) -> None:
    first, second = opened(tmp_path), Shared(tmp_path)
    with second.opening():
        table_of(tmp_path).write_bytes(WHOLE)
    assert first.is_stale()
    assert not second.is_stale()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    shared = opened(tmp_path)
    (tmp_path / "chroma.written").unlink()
    (tmp_path / "chroma.written").mkdir()
    with pytest.raises(StoreError, match=r"cannot be written.*Check its permissions"), shared.changing():
        pytest.fail("nothing is written")


def test_a_busy_folder_is_an_error_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.shared.LOCK_SECONDS", 0.1)
    first, second = opened(tmp_path), Shared(tmp_path)
    with first.changing(), pytest.raises(StoreError, match=r"Another process is busy.*Try again"), second.opening():
        pytest.fail("two at once")


def test_what_a_thread_writes_is_not_taken_for_another_process(tmp_path: Path) -> None:
    table_of(tmp_path).write_bytes(WHOLE)
    shared, done = opened(tmp_path), threading.Event()

    def write() -> None:
        for _ in range(300):
            with shared.changing():
                pass
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    looks = [shared.is_stale() for _ in iter(done.is_set, True)]
    writer.join()
    assert len(looks) > 10
    assert not any(looks)
