"""jsonlines: a line is there whole or not at all, however long the file and wherever writing broke off."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from anything import JSON, damaged
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from bot import jsonlines


def texts(path: Path) -> list[str]:
    return [line.decode() for line in jsonlines.lines(path)]


@pytest.mark.parametrize(
    ("before", "read"),
    [
        (b"", []),
        (b'{"a": 1}\n', ['{"a": 1}']),
        (b'{"a": 1}\n{"b": ', ['{"a": 1}']),
        (b'{"b": ', []),
        (b"7", []),
        (b"\xff", []),
        (b'{"a": 1}', ['{"a": 1}']),
        (b'{"a": 1}\r\n{"b": {}}', ['{"a": 1}\r', '{"b": {}}']),
        (b"damaged\n\n", ["damaged", ""]),
        pytest.param(b'{"a": 1}\n{"b": "' + b"x" * 3 * jsonlines.BLOCK, ['{"a": 1}'], id="a long broken line"),
    ],
)
def test_reading_and_adding_agree_on_what_is_there(tmp_path: Path, before: bytes, read: list[str]) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(before)
    assert texts(path) == read
    jsonlines.append(path, {"said": "你好"}, tmp_path / "lock")
    assert texts(path) == [*read, '{"said": "你好"}']
    assert path.read_bytes().endswith(b"\n")


def test_lines_longer_than_a_block(tmp_path: Path) -> None:
    path, words = tmp_path / "new" / "file.jsonl", "y" * (2 * jsonlines.BLOCK + 7)
    for number in range(3):
        jsonlines.append(path, {"number": number, "words": words}, tmp_path / "lock")
    assert [json.loads(line) for line in jsonlines.lines(path)] == [{"number": n, "words": words} for n in range(3)]


@pytest.mark.parametrize("before", [b'{"a": 1}\n', b'{"a": 1}'])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file.jsonl"
    path.write_bytes(before)
    monkeypatch.setattr("bot.jsonlines.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        jsonlines.append(path, {"b": 2}, tmp_path / "lock")
    assert path.read_bytes() == before


def test_who_cannot_have_the_lock_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonlines, "LOCK_SECONDS", 0.05)
    with FileLock(tmp_path / "lock"), pytest.raises(TimeoutError, match="another process") as raised:
        jsonlines.append(tmp_path / "file.jsonl", {}, tmp_path / "lock")
    assert raised.value.strerror == "another process holds it"
    assert not (tmp_path / "file.jsonl").exists()


WHOLE = b'{"a": 1}\n{"b": "x"}\r\n\n{"c": {}}'


@given(damaged(WHOLE) | st.just(b"[" * 100_000), st.dictionaries(st.text(), JSON, max_size=2))
def test_whatever_was_there_stays_when_a_line_is_added(before: bytes, value: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.jsonl"
        path.write_bytes(before)
        read = list(jsonlines.lines(path))
        jsonlines.append(path, value, Path(folder) / "lock")
        *kept, last = jsonlines.lines(path)
        assert kept == read
        json.loads(last)
