"""lexical: scores as BM25 worked out here by hand and by another program, filters, changes, and the saved index."""

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt
import pytest

from bot.lexical import Hit, Known, Lexical, load, save
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


SOURCE = {"a": ("1", TEXTS[:3]), "b": ("1", TEXTS[3:])}  # article: (content hash, texts of its chunks)

Source = Mapping[str, tuple[str, Sequence[str]]]


def read_of(source: Source, asked: list[str] | None = None) -> Callable[[Sequence[str]], Iterator[tuple[Chunk, str]]]:
    """What gives the chunks of articles; whose, is noted in `asked`."""

    def read(ids: Sequence[str]) -> Iterator[tuple[Chunk, str]]:
        for article in ids:
            if asked is not None:
                asked.append(article)
            for index, text in enumerate(source[article][1]):
                yield Chunk(article=article, start=index * 100, end=index * 100 + 99, index=index), text

    return read


def update(index: Lexical, source: Source, asked: list[str] | None = None) -> bool:
    current = {article: Known(version, len(texts)) for article, (version, texts) in source.items()}
    return index.update(current, read_of(source, asked))


def index_of(source: Source) -> Lexical:
    index = Lexical()
    update(index, source)
    return index


def number_of(hit: Hit) -> int:
    """A chunk's place in TEXTS."""
    return hit.chunk.index + (3 if hit.chunk.article == "b" else 0)


def bm25(word: str, document: list[str], k1: float = 1.5, b: float = 0.75) -> float:
    """Lucene's form of BM25, which is bm25s's default."""
    holding = sum(word in other for other in WORDS)
    mean = sum(map(len, WORDS)) / len(WORDS)
    idf = math.log(1 + (len(WORDS) - holding + 0.5) / (holding + 0.5))
    often = document.count(word)
    return idf * often / (often + k1 * (1 - b + b * len(document) / mean))


@pytest.fixture
def index() -> Lexical:
    return index_of(SOURCE)


def places(index: Lexical, question: str, count: int = 10, allowed: set[str] | None = None) -> list[int]:
    return [number_of(hit) for hit in index.search(question, count, allowed)]


@pytest.mark.parametrize("words", [["ferri"], ["winter"], ["orra", "froze"], ["ferri", "winter", "chees"]])
def test_scores_are_those_worked_out_by_hand(index: Lexical, words: list[str]) -> None:
    question = {"ferri": "ferry", "chees": "cheese"}
    hits = index.search(" ".join(question.get(word, word) for word in words), 10)
    expected = {
        place: score
        for place, document in enumerate(WORDS)
        if (score := sum(bm25(word, document) for word in words)) > 0
    }
    assert {number_of(hit): hit.score for hit in hits} == pytest.approx(expected, rel=1e-4)
    assert [number_of(hit) for hit in hits] == sorted(expected, key=lambda place: (-expected[place], place))


@pytest.mark.parametrize(
    ("question", "count", "allowed", "expected"),
    [
        ("ferries", 10, None, [0, 1]),
        ("ferry", 1, None, [0]),
        ("winter", 10, None, [3, 1]),
        ("winter", 10, {"a"}, [1]),
        ("winter", 1, {"a"}, [1]),
        ("ferry", 10, {"b"}, []),
        ("ferry", 10, set(), []),
        ("unheard zebra", 10, None, []),
        ("zebra ferry", 10, None, [0, 1]),
        ("the of and", 10, None, []),
        ("", 10, None, []),
        ("?!", 10, None, []),
    ],
)
def test_what_is_found(
    index: Lexical, question: str, count: int, allowed: set[str] | None, expected: list[int]
) -> None:
    assert places(index, question, count, allowed) == expected


@pytest.mark.parametrize("texts", [[], [""], ["the of and", "?!"]])
def test_an_index_without_words_finds_nothing(tmp_path: Path, texts: list[str]) -> None:
    index = index_of({"a": ("1", texts)})
    assert places(index, "ferry") == []
    save(index, tmp_path / "bm25", "made")
    loaded = load(tmp_path / "bm25", "made")
    assert loaded is not None
    assert not update(loaded, {"a": ("1", texts)}, asked := [])
    assert (places(loaded, "ferry"), asked) == ([], [])


def test_nothing_is_current_before_the_first_update(tmp_path: Path, index: Lexical) -> None:
    save(index, tmp_path / "bm25", "made")
    loaded = load(tmp_path / "bm25", "made")
    assert loaded is not None
    assert places(loaded, "ferry") == [] == places(Lexical(), "ferry")


def test_scores_are_those_of_another_program() -> None:
    """Over a few hundred chunks of random words, beside bm25s (Lù, 2024), whose default is the same form."""
    draw = np.random.default_rng(7)
    words = [f"w{number:03}x" for number in range(300)]
    texts = [" ".join(draw.choice(words, int(draw.integers(3, 60)), p=skewed(len(words)))) for _ in range(400)]
    source = {f"{at:03}": ("1", texts[at : at + 10]) for at in range(0, len(texts), 10)}
    other = bm25s.BM25()
    other.index([text.split() for text in texts], show_progress=False)
    index = index_of(source)
    for _ in range(25):
        asked = draw.choice(words, 5).tolist()
        expected = other.get_scores(asked)
        hits = index.search(" ".join(asked), len(texts))
        got = {int(hit.chunk.article) + hit.chunk.index: hit.score for hit in hits}
        assert got == pytest.approx({at: score for at, score in enumerate(expected) if score > 0}, rel=1e-4)


def skewed(count: int) -> npt.NDArray[np.float64]:
    """Zipf's law: few words are common."""
    shares = 1 / np.arange(1, count + 1)
    return shares / shares.sum()


def test_a_new_article_is_all_that_is_read(index: Lexical) -> None:
    more = {**SOURCE, "c": ("1", ["A ferry to Orra."])}
    assert update(index, more, asked := [])
    assert asked == ["c"]
    assert index.search("ferry Orra winter", 10) == index_of(more).search("ferry Orra winter", 10)
    assert not update(index, more, asked)
    assert asked == ["c"]


@pytest.mark.parametrize(
    "after",
    [
        {"a": SOURCE["a"]},
        {"b": SOURCE["b"]},
        {},
        {"a": ("2", ["Now it is about ferries in winter."]), "b": SOURCE["b"]},
        {"a": SOURCE["a"], "b": ("2", [])},
    ],
)
def test_after_a_change_scores_are_those_of_an_index_made_anew(index: Lexical, after: Source) -> None:
    update(index, after)
    for question in ("ferry", "winter in Orra", "cheese ferries"):
        assert index.search(question, 10) == index_of(after).search(question, 10)
    update(index, SOURCE, asked := [])
    assert index.search("ferry winter", 10) == index_of(SOURCE).search("ferry winter", 10)
    assert len(asked) <= 2


def test_many_changes_one_by_one_leave_few_segments() -> None:
    """At random: articles come, change and go; scores stay those of an index made anew."""
    draw = np.random.default_rng(3)
    words = [f"w{number:02}x" for number in range(40)]
    source: dict[str, tuple[str, list[str]]] = {}
    index = Lexical()
    for step in range(150):
        article = f"{int(draw.integers(60)):02}"
        if article in source and draw.random() < 0.3:
            del source[article]
        else:
            texts = [" ".join(draw.choice(words, 12)) for _ in range(int(draw.integers(1, 5)))]
            source[article] = (str(step), texts)
        update(index, source)
        chunks = sum(len(texts) for _, texts in source.values())
        assert len(index.segments) <= 1 + math.log2(2 * chunks + 2)
        assert sum(len(one.places) for one in index.segments) <= 3 * chunks + 4, "what is out of date goes"
        if step % 10 == 0:
            asked = " ".join(draw.choice(words, 3))
            anew = index_of(source).search(asked, 20)
            found = index.search(asked, 20)
            assert [hit.score for hit in found] == pytest.approx([hit.score for hit in anew])
            assert {hit.chunk for hit in found[:5]} <= {hit.chunk for hit in anew}


def test_a_chunk_is_found_by_its_index(index: Lexical) -> None:
    changed = {"a": ("2", ["Ferries.", "Cheese."]), "b": SOURCE["b"], "empty": ("1", [])}
    for source in (SOURCE, changed):
        update(index, source)
        for article, (_, texts) in source.items():
            for number in range(-1, 5):
                found = index.chunk(article, number)
                assert (found is not None) == (0 <= number < len(texts))
                assert found is None or (found.article, found.index, found.start) == (article, number, number * 100)
    assert index.chunk("nosuch", 0) is None


def test_chunks_may_be_read_in_any_order() -> None:
    articles = {"a": Known("1", 2), "b": Known("1", 2), "c": Known("1", 2)}
    given = [
        (Chunk(article=name, start=at, end=at + 9, index=at), f"ferry {name}{at}") for name in "cab" for at in (1, 0)
    ]
    index = Lexical()
    index.update(articles, lambda _: given)
    for chunk, text in given:
        assert index.chunk(chunk.article, chunk.index) == chunk
        assert index.search(text, 1)[0].chunk == chunk


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_what_was_changed_while_it_was_read_is_asked_for_again(index: Lexical, lost: int) -> None:
    """Fewer chunks come than the article has, or none."""
    more = {**SOURCE, "c": ("1", ["A ferry.", "Orra.", "Cheese."]), "d": ("1", ["Winter."])}
    less = {**more, "c": ("1", more["c"][1][lost:])}
    current = {article: Known(version, len(texts)) for article, (version, texts) in more.items()}
    index.update(current, read_of(less))
    assert not index.complete
    assert index.chunks("c") == []
    assert index.chunk("d", 0) is not None, "others are there"
    update(index, more, asked := [])
    assert index.complete
    assert asked == ["c"]
    assert index.search("ferry Orra", 9) == index_of(more).search("ferry Orra", 9)


def test_hits_of_one_score_come_by_article_and_place() -> None:
    source = {name: ("1", ["ferry", "ferry"]) for name in "cab"}
    found = index_of(source).search("ferry", 4)
    assert [(hit.chunk.article, hit.chunk.index) for hit in found] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


# -- saved --


def saved(folder: Path) -> Lexical:
    """The index that `folder` keeps, brought up to date without reading an article."""
    index = load(folder, "made")
    assert index is not None
    update(index, SOURCE, asked := [])
    assert asked == []
    return index


def test_a_saved_index_finds_the_same(tmp_path: Path, index: Lexical) -> None:
    save(index, tmp_path / "bm25", "made")
    for question in ("ferry", "winter in Orra", "unheard"):
        assert saved(tmp_path / "bm25").search(question, 10) == index.search(question, 10)


def test_what_is_saved_already_is_not_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "bm25"
    long = {"a": SOURCE["a"], "long": ("1", ["A ferry. " * 9] * 20)}
    index = index_of(long)
    save(index, folder, "made")
    (before,) = folder.glob("*.npz")
    written = before.stat().st_mtime_ns
    update(index, {**long, "b": SOURCE["b"]})
    save(index, folder, "made")
    assert before.stat().st_mtime_ns == written
    assert len(list(folder.glob("*.npz"))) == 2
    loaded = load(folder, "made")
    assert loaded is not None
    assert not update(loaded, {**long, "b": SOURCE["b"]}, asked := [])
    assert loaded.search("winter", 10) == index.search("winter", 10) != asked == []


def test_files_left_behind_go_and_fresh_ones_stay(tmp_path: Path, index: Lexical) -> None:
    (tmp_path / "old.npz").write_bytes(b"x")
    os.utime(tmp_path / "old.npz", (1, 1))
    (tmp_path / "fresh.npz").write_bytes(b"another process may name it soon")
    save(index, tmp_path, "made")
    assert not (tmp_path / "old.npz").exists()
    assert (tmp_path / "fresh.npz").exists()
    assert places(saved(tmp_path), "ferry") == [0, 1]


def test_an_index_of_other_chunks_is_not_used(tmp_path: Path, index: Lexical) -> None:
    save(index, tmp_path / "bm25", "made")
    assert load(tmp_path / "bm25", "made otherwise") is None
    assert load(tmp_path / "nosuch", "made") is None


def test_an_index_that_cannot_be_saved_costs_nothing_else(
    tmp_path: Path, index: Lexical, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    save(index, tmp_path / "file" / "bm25", "made")
    assert "could not be saved" in caplog.text
    assert places(index, "ferry") == [0, 1]


@pytest.mark.parametrize("damage", [b"", b"garbage" * 10, None, "half", "flip"])
def test_a_damaged_index_is_not_used(tmp_path: Path, index: Lexical, damage: bytes | str | None) -> None:
    whole = tmp_path / "whole"
    save(index, whole, "made")
    names = [path.name for path in whole.iterdir()]
    assert len(names) == 2
    for name in names:
        folder = tmp_path / f"without-{name}"
        shutil.copytree(whole, folder)
        (folder / name).unlink()
        if damage is not None:
            (folder / name).write_bytes(damaged((whole / name).read_bytes(), damage))
        assert load(folder, "made") is None, name


def damaged(content: bytes, how: bytes | str) -> bytes:
    if isinstance(how, bytes):
        return how
    half = len(content) // 2
    return content[:half] if how == "half" else content[:half] + bytes([content[half] ^ 255]) + content[half + 1 :]


@pytest.mark.parametrize("note", [[1], {}, {"form": 2, "made": "made", "segments": 3}, None])
def test_a_note_that_is_no_note(tmp_path: Path, index: Lexical, note: object) -> None:
    save(index, tmp_path / "bm25", "made")
    (tmp_path / "bm25" / "note.json").write_text(json.dumps(note))
    assert load(tmp_path / "bm25", "made") is None
