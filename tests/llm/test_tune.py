"""tune: the fastest way is chosen, kept in a file, and measured again where the file says nothing of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import ModelError
from bot.llm import tune
from bot.llm.tune import AS_IT_COMES, Speed, Tuned, choose, speeds, tuned

ALL, HALF = 8, 4


@pytest.mark.parametrize(
    ("repacked", "plain", "half", "chosen"),
    [
        ((100, 30), (150, 24), (90, 25), Tuned(threads=0, writes_repacked=True, reads_repacked=False)),
        ((100, 30), (60, 20), (90, 25), AS_IT_COMES),
        ((100, 20), (150, 30), (90, 15), Tuned(threads=0, writes_repacked=False, reads_repacked=False)),
        ((150, 20), (100, 30), (90, 15), Tuned(threads=0, writes_repacked=False, reads_repacked=True)),
        ((100, 30), (103, 31), (90, 25), AS_IT_COMES),
        ((100, 30), (60, 20), (110, 30), Tuned(threads=4)),
        ((100, 30), (60, 20), (200, 20), AS_IT_COMES),
    ],
    ids=["each its own", "repacked", "plain", "the other way round", "alike", "half the threads", "half writes worse"],
)
def test_the_fastest_is_chosen(
    repacked: tuple[int, int], plain: tuple[int, int], half: tuple[int, int], chosen: Tuned
) -> None:
    def measure(threads: int) -> dict[bool, Speed]:
        assert threads in (ALL, HALF)
        return {
            True: Speed(*(half if threads == HALF else repacked)),
            False: Speed(*(half if threads == HALF else plain)),
        }

    assert choose(measure, ALL) == chosen


def test_two_processors_are_both_used() -> None:
    asked: list[int] = []

    def measure(threads: int) -> dict[bool, Speed]:
        asked.append(threads)
        return dict.fromkeys((True, False), Speed(100, 30))

    assert choose(measure, 2) == AS_IT_COMES
    assert set(asked) == {2}


def test_the_small_model_is_measured(small_llm_path: Path) -> None:
    found = speeds(small_llm_path, 1)
    assert found.keys() == {True, False}
    assert all(one.reads > one.writes > 1 for one in found.values())


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was measured; the plain layout reads faster."""
    asked: list[Path] = []

    def fake(path: Path, threads: int) -> dict[bool, Speed]:
        asked.append(path)
        return {True: Speed(100, 30), False: Speed(150, 24)}

    monkeypatch.setattr(tune, "speeds", fake)
    monkeypatch.setattr(tune, "default_threads", lambda: 2)
    return asked


EXPECTED = Tuned(threads=0, writes_repacked=True, reads_repacked=False)


def test_it_is_measured_once_and_told(tmp_path: Path, measured: list[Path]) -> None:
    told: list[str] = []
    file = tmp_path / "data" / "speed.json"
    assert tuned(tmp_path / "a.gguf", "00", file, told.append) == EXPECTED
    assert tuned(tmp_path / "a.gguf", "00", file, told.append) == EXPECTED
    assert (len(measured), len(told)) == (1, 1)
    tuned(tmp_path / "b.gguf", "11", file, told.append)
    assert (len(measured), len(told)) == (2, 2), "another model is another matter"
    tuned(tmp_path / "a.gguf", "00", file)
    assert len(measured) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-9],
        lambda text: "[1]",
        lambda text: text.replace("0", '"x"'),
        lambda text: text.replace("threads", "thraeds"),
    ],
)
def test_a_damaged_file_is_made_again(tmp_path: Path, measured: list[Path], damage: Callable[[str], str]) -> None:
    file = tmp_path / "speed.json"
    tuned(tmp_path / "a.gguf", "ab", file)
    file.write_text(damage(file.read_text()))
    assert tuned(tmp_path / "a.gguf", "ab", file) == EXPECTED
    assert len(measured) == 2
    assert json.loads(file.read_text())


def test_a_folder_that_cannot_be_written_costs_only_the_time(
    tmp_path: Path, measured: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").write_text("a file")
    assert tuned(tmp_path / "a.gguf", "00", tmp_path / "data" / "speed.json") == EXPECTED
    assert "measured anew" in caplog.text


def test_too_little_memory_leaves_all_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> dict[bool, Speed]:
        raise ModelError("no memory")

    monkeypatch.setattr(tune, "speeds", fail)
    assert tuned(tmp_path / "a.gguf", "00", tmp_path / "speed.json") == AS_IT_COMES
    assert not (tmp_path / "speed.json").exists(), "next time it may be enough"
