"""lexical: scores as BM25 worked out here by hand, filters, and the saved index."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from bot.lexical import Lexical
from bot.schema import Chunk

TEXTS = [
    "The ferry ferry sails to Lindaby.",
    "A storm stopped the ferry at sea for two long days in winter.",
    "Cheese from Orra won a prize.",
    "Winter came early; Orra froze.",
]
WORDS = [  # stemmed, without stop words, as the index should see them
    ["ferri", "ferri", "sail", "lindabi"],
    ["storm", "stop", "ferri", "sea", "two", "long", "day", "winter"],
    ["chees", "from", "orra", "won", "prize"],
    ["winter", "came", "earli", "orra", "froze"],
]


def chunk(index: int) -> Chunk:
    return Chunk(article="a", start=index * 100, end=index * 100 + 99, index=index)


CHUNKS = [chunk(index) for index in range(len(TEXTS))]


def bm25(word: str, document: list[str], k1: float = 1.5, b: float = 0.75) -> float:
    """Lucene's form of BM25, which is bm25s's default."""
    holding = sum(word in other for other in WORDS)
    mean = sum(map(len, WORDS)) / len(WORDS)
    idf = math.log(1 + (len(WORDS) - holding + 0.5) / (holding + 0.5))
    often = document.count(word)
    return idf * often / (often + k1 * (1 - b + b * len(document) / mean))


@pytest.fixture
def index() -> Lexical:
    return Lexical.build(CHUNKS, TEXTS)


def places(index: Lexical, question: str, count: int = 10, allowed: list[bool] | None = None) -> list[int]:
    mask = None if allowed is None else np.array(allowed)
    return [hit.chunk.index for hit in index.search(question, count, mask)]


@pytest.mark.parametrize("words", [["ferri"], ["winter"], ["orra", "froze"], ["ferri", "winter", "chees"]])
def test_scores_are_those_worked_out_by_hand(index: Lexical, words: list[str]) -> None:
    question = {"ferri": "ferry", "chees": "cheese"}
    hits = index.search(" ".join(question.get(word, word) for word in words), 10)
    expected = {
        place: score
        for place, document in enumerate(WORDS)
        if (score := sum(bm25(word, document) for word in words)) > 0
    }
    assert {hit.chunk.index: hit.score for hit in hits} == pytest.approx(expected, rel=1e-4)
    assert [hit.chunk.index for hit in hits] == sorted(expected, key=lambda place: (-expected[place], place))


@pytest.mark.parametrize(
    ("question", "count", "allowed", "expected"),
    [
        ("ferries", 10, None, [0, 1]),
        ("ferry", 1, None, [0]),
        ("ferry", 10, [False, True, True, True], [1]),
        ("ferry", 10, [False, False, True, True], []),
        ("ferry", 10, [False] * 4, []),
        ("unheard zebra", 10, None, []),
        ("zebra ferry", 10, None, [0, 1]),
        ("the of and", 10, None, []),
        ("", 10, None, []),
        ("?!", 10, None, []),
    ],
)
def test_what_is_found(
    index: Lexical, question: str, count: int, allowed: list[bool] | None, expected: list[int]
) -> None:
    assert places(index, question, count, allowed) == expected


@pytest.mark.parametrize("texts", [[], [""], ["the of and", "?!"]])
def test_an_index_without_words_finds_nothing(tmp_path: Path, texts: list[str]) -> None:
    chunks = [chunk(index) for index in range(len(texts))]
    index = Lexical.build(chunks, texts)
    assert places(index, "ferry") == []
    index.save(tmp_path / "bm25", "1")
    loaded = Lexical.load(tmp_path / "bm25", "1", chunks)
    assert loaded is None or places(loaded, "ferry") == []


def test_a_saved_index_finds_the_same(tmp_path: Path, index: Lexical) -> None:
    index.save(tmp_path / "bm25", "1")
    loaded = Lexical.load(tmp_path / "bm25", "1", CHUNKS)
    assert loaded is not None
    for question in ("ferry", "winter in Orra", "unheard"):
        assert loaded.search(question, 10) == index.search(question, 10)


def test_an_index_is_saved_over_another(tmp_path: Path, index: Lexical) -> None:
    Lexical.build(CHUNKS[:1], TEXTS[:1]).save(tmp_path / "bm25", "1")
    index.save(tmp_path / "bm25", "2")
    assert Lexical.load(tmp_path / "bm25", "1", CHUNKS[:1]) is None
    assert Lexical.load(tmp_path / "bm25", "2", CHUNKS) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["bm25"]


def test_an_index_of_another_state_is_not_used(tmp_path: Path, index: Lexical) -> None:
    index.save(tmp_path / "bm25", "1")
    assert Lexical.load(tmp_path / "bm25", "2", CHUNKS) is None
    assert Lexical.load(tmp_path / "bm25", "1", CHUNKS[:-1]) is None
    assert Lexical.load(tmp_path / "nosuch", "1", CHUNKS) is None


def test_an_index_that_cannot_be_saved_costs_nothing_else(
    tmp_path: Path, index: Lexical, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    index.save(tmp_path / "file" / "bm25", "1")
    assert "could not be saved" in caplog.text
    assert places(index, "ferry") == [0, 1]


@pytest.mark.parametrize("damage", [b"", b"garbage" * 10, None, "half"])
def test_a_damaged_index_is_not_used(tmp_path: Path, index: Lexical, damage: bytes | str | None) -> None:
    whole = tmp_path / "whole"
    index.save(whole, "1")
    for name in [path.name for path in whole.iterdir()]:
        folder = tmp_path / f"without-{name}"
        shutil.copytree(whole, folder)
        content = (folder / name).read_bytes()
        if damage is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content[: len(content) // 2] if isinstance(damage, str) else damage)
        loaded = Lexical.load(folder, "1", CHUNKS)
        assert loaded is None or places(loaded, "ferry") == [0, 1], name


def test_a_note_that_is_no_note(tmp_path: Path, index: Lexical) -> None:
    index.save(tmp_path / "bm25", "1")
    (tmp_path / "bm25" / "note.json").write_text(json.dumps([1]))
    assert Lexical.load(tmp_path / "bm25", "1", CHUNKS) is None
