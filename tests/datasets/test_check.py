"""check: each fault is told with its line, as an error or a warning, and nothing is told of what is right."""

import json
import re
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.datasets import Checked, check
from bot.datasets.found import Kind
from bot.errors import DatasetError
from bot.evaluate.cases import check_evidence, load_questions

TEXT = "The ferry stops at Lindaby. A single ticket costs 4 crowns. It’s café day; the café is shut, the café is full."
RIGHT: dict[str, Any] = {
    "id": "q1",
    "question": "How much is a ticket?",
    "answers": ["4 crowns"],
    "gold": ["ferry"],
    "evidence": [{"article": "ferry", "start": 28, "end": 59, "text": "A single ticket costs 4 crowns."}],
    "answerable": True,
}
NO_ANSWER: dict[str, Any] = {"id": "q2", "question": "Who steers it?", "answerable": False}

Told = tuple[int, str, str]


def lines(*values: object) -> bytes:
    return "".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values).encode()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(lines({"id": "ferry", "text": TEXT}, {"id": "storm", "text": "A storm closed the airport."}))
    return path


def checked(folder: Path, data: bytes, corpus: Path | None = None, kind: Kind | None = None) -> Checked:
    path = folder / "file.jsonl"
    path.write_bytes(data)
    return check(path, corpus, kind)


def told(found: Checked) -> list[Told]:
    return [(one.line, one.level, one.what) for one in found.findings]


def agrees(found: Checked, wanted: list[Told]) -> None:
    """The wanted texts are patterns."""
    assert [one[:2] for one in told(found)] == [one[:2] for one in wanted], told(found)
    for (_, _, what), (_, _, pattern) in zip(told(found), wanted, strict=True):
        assert re.search(pattern, what), what


def test_nothing_is_told_of_what_is_right(tmp_path: Path, corpus: Path) -> None:
    turns = ["Is there a ferry?", {"question": "Where?", "answer": "At Lindaby."}]
    after = NO_ANSWER | {"id": "q3", "history": turns, "today": "2025-01-01", "kind": "who"}
    for end in (b"\n", b"\r\n"):
        data = (b"\xef\xbb\xbf" + lines(RIGHT, NO_ANSWER) + b"\n" + lines(after)).replace(b"\n", end)
        found = checked(tmp_path, data, corpus)
        assert (found.kind, found.checked, found.errors, found.warnings, told(found)) == ("questions", 3, 0, 0, [])


BROKEN: dict[str, tuple[bytes, list[Told]]] = {
    "no JSON": ('{"id": "é", "question" "x"}\n'.encode(), [(1, "error", r"not JSON .*column 24\)")]),
    "cut off": (b'\n{"id": "a"\n', [(2, "error", r"not JSON .*column 10\)")]),
    "no object": (b'"a"\n', [(1, "error", "should be an object")]),
    "a list": (b'[\n{"id": "a"},\n', [(0, "error", "one JSON list.*one JSON object a line")]),
    "spread": (b'{\n"id": "a"\n}\n', [(0, "error", "several lines")]),
    "UTF-16": ("\ufeff{}".encode("utf-16-le"), [(0, "error", "UTF-16")]),
    "not UTF-8": (lines(RIGHT) + b'{"id": "\xff"}\n', [(2, "error", r"not UTF-8 .*byte 9 of the line")]),
    "half a character": (b'{"id": "a", "question": "\\ud83d?", "answerable": true}\n', [(1, "error", "half a char")]),
    "nothing": (b"\n \n", [(0, "error", "holds no questions")]),
    "fields": (
        lines({"id": 5, "answerable": "perhaps", "evidence": [{"article": "a", "start": 3, "end": 2, "text": "x"}]}),
        [
            (1, "error", "^id: .*valid string"),
            (1, "error", "^question: field required"),
            (1, "error", r"^evidence\.0: .*ends at 2"),
            (1, "error", "^answerable: .*boolean"),
        ],
    ),
    "several lines": (
        b"{\n" + lines(NO_ANSWER) + b"x\n" + lines(NO_ANSWER | {"id": ""}),
        [(1, "error", "JSON"), (3, "error", "JSON"), (4, "error", "^id: ")],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_load(tmp_path: Path, name: str) -> None:
    data, wanted = BROKEN[name]
    found = checked(tmp_path, data, kind="questions")
    if name == "several lines":  # begins like an object over several lines
        agrees(found, [(0, "error", "several lines")])
        found = checked(tmp_path, b"x\n" + data.removeprefix(b"{\n"), kind="questions")
    agrees(found, wanted)
    with pytest.raises(DatasetError):
        load_questions(tmp_path / "file.jsonl")


DECOMPOSED = unicodedata.normalize("NFD", "café")
EVIDENCE = RIGHT["evidence"][0]


def with_evidence(**fields: Any) -> dict[str, Any]:
    return RIGHT | {"answers": [], "evidence": [EVIDENCE | fields]}


SLIPS: dict[str, tuple[list[dict[str, Any]], list[Told]]] = {
    "id twice": ([RIGHT, NO_ANSWER, RIGHT | {"question": "And?"}], [(3, "error", "'q1' is that of line 1")]),
    "asked twice": ([NO_ANSWER, NO_ANSWER | {"id": "b", "question": "who  steers it?"}], [(2, "warning", "line 1")]),
    "asked after other turns": ([NO_ANSWER, NO_ANSWER | {"id": "b", "history": ["Hm?"]}], []),
    "blank": ([NO_ANSWER | {"question": "\t "}], [(1, "error", "question is blank")]),
    "blank answer": ([RIGHT | {"answers": ["4 crowns", " "]}], [(1, "warning", "blank")]),
    "misspelt": ([NO_ANSWER | {"evidences": []}], [(1, "warning", "'evidences' is not read. Write 'evidence'")]),
    "answer": (
        [{"id": "a", "question": "How?", "answerable": True, "answer": "So."}],
        [(1, "warning", "Write 'answers'"), (1, "warning", "neither answers nor evidence")],
    ),
    "answers of none": ([NO_ANSWER | {"answers": ["Ada"]}], [(1, "error", "not answerable and has answers")]),
    "evidence of none": ([RIGHT | {"answers": [], "answerable": False}], [(1, "error", "and has evidence")]),
    "distractor": ([RIGHT | {"distractors": ["5", "the 4 Crowns."]}], [(1, "error", "'the 4 Crowns.' is an answer")]),
    "elsewhere": ([RIGHT | {"answers": ["9 crowns", "9"]}], [(1, "warning", "'9 crowns' does not stand")]),
    "one stands": ([RIGHT | {"answers": ["9 crowns", "4 crowns"]}], []),
    "long answer": ([RIGHT | {"answers": ["It is nine crowns, as far as is known."]}], []),
    "an option": ([RIGHT | {"answers": ["Four coins"], "distractors": ["Five coins"]}], []),
    "before an apostrophe": ([with_evidence(start=60, end=73, text=TEXT[60:73]) | {"answers": ["It"]}], []),
    "yes": ([RIGHT | {"answers": ["Yes"]}], []),
    "not finished": ([NO_ANSWER | {"draft": True}], [(1, "warning", "^not finished")]),
    "finished": ([NO_ANSWER | {"draft": False}], []),
    "in parts": ([RIGHT | {"question": DECOMPOSED}], [(1, "warning", "question has letters in parts")]),
    "gold lacks it": ([RIGHT | {"gold": ["storm"]}], [(1, "warning", "gold lacks 'ferry'")]),
    "no such article": ([RIGHT | {"gold": ["ferry", "fery"]}], [(1, "error", "lacks .*'fery'. Did you mean 'ferry'")]),
    "no such evidence": (
        [RIGHT | {"gold": [], "evidence": [EVIDENCE | {"article": "zzz"}]}],
        [(1, "warning", "gold lacks"), (1, "error", "the corpus lacks the article 'zzz'. Add")],
    ),
    "moved": (
        [with_evidence(start=20, end=51)],
        [(1, "error", "^evidence 1: .* at 20–51; its text is found at 28–59")],
    ),
    "the nearest": ([with_evidence(start=86, end=90, text="café")], [(1, "error", "found at 79–83")]),
    "beyond the end": ([with_evidence(start=900, end=931)], [(1, "error", "found at 28–59")]),
    "white space and case": ([with_evidence(text="a single\nticket")], [(1, "error", "'A single ticket', .* 28–43")]),
    "quotation marks": ([with_evidence(text="It's")], [(1, "error", "'It’s', written otherwise, is found at 60–64")]),
    "Unicode form": ([with_evidence(text=DECOMPOSED)], [(1, "error", "'café', written otherwise")]),
    "in part": (
        [with_evidence(text="A single ticket costs 5 crowns.")],
        [(1, "error", "first 22 characters are found at 28–50, then the article says '4 crowns. ")],
    ),
    "nowhere": ([with_evidence(text="Nobody knows.")], [(1, "error", "and nowhere 'Nobody knows.'")]),
}


@pytest.mark.parametrize("name", SLIPS)
def test_slips(tmp_path: Path, corpus: Path, name: str) -> None:
    values, wanted = SLIPS[name]
    agrees(checked(tmp_path, lines(*values), corpus), wanted)


def test_evidence_is_mended_as_it_is_told(tmp_path: Path, corpus: Path) -> None:
    found = checked(tmp_path, lines(with_evidence(start=0, end=3)), corpus)
    place = re.search(r"found at (\d+)–(\d+)", found.findings[0].what)
    assert place
    mended = with_evidence(start=int(place[1]), end=int(place[2]))
    assert told(checked(tmp_path, lines(mended), corpus)) == []
    check_evidence(load_questions(tmp_path / "file.jsonl"), {"ferry": TEXT})


def test_a_corpus_that_does_not_load_is_told_with_the_questions(tmp_path: Path, corpus: Path) -> None:
    corpus.write_bytes(corpus.read_bytes() + b"{\n")
    agrees(checked(tmp_path, lines(RIGHT), corpus), [(0, "warning", "1 files or lines of the corpus do not load")])


ARTICLE = {"id": "a", "text": "One."}
ARTICLES: dict[str, tuple[bytes, list[Told]]] = {
    "right": (b"\xef\xbb\xbf" + lines(ARTICLE, {"id": "b", "text": "Two.", "date": "2025-01-01"}), []),
    "JSON": (lines(ARTICLE) + b'{"id": 1,}\n', [(2, "error", "not JSON .*column 10")]),
    "empty": (lines(ARTICLE, {"id": "b", "text": " "}), [(2, "error", "^it has no text")]),
    "date": (lines(ARTICLE, {"id": "b", "text": "x", "date": "May"}), [(2, "error", "date 'May' is not a day")]),
    "id twice": (lines(ARTICLE, {"id": "a", "text": "Two."}), [(2, "error", "'a' is that of line 1")]),
    "text twice": (lines(ARTICLE, {"id": "b", "text": "One."}), [(2, "warning", "text is that of 'a'")]),
    "in parts": (lines({"id": "a", "text": DECOMPOSED}), [(1, "warning", "letters in parts")]),
    "not UTF-8": (lines(ARTICLE) + b'{"text": "\xff"}\n', [(2, "error", "not UTF-8")]),
    "half a character": (lines(ARTICLE) + b'{"text": "\\ud83d"}\n', [(2, "error", "half a character")]),
}


@pytest.mark.parametrize("name", ARTICLES)
def test_a_corpus(tmp_path: Path, name: str) -> None:
    data, wanted = ARTICLES[name]
    found = checked(tmp_path, data)
    assert found.kind == "corpus"
    agrees(found, wanted)


def test_a_folder_of_articles(tmp_path: Path, corpus: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "good.txt").write_text("A story.", encoding="utf-8")
    (folder / "other.md").write_text("---\ndate: soon\n---\nText.", encoding="utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    found = check(folder)
    assert (found.kind, found.checked) == ("corpus", 1)
    assert [(Path(one.file).name, one.line, one.level) for one in found.findings] == [
        ("other.md", 0, "error"),
        ("picture.png", 0, "warning"),
    ]


@pytest.mark.parametrize(("kind", "things"), [(None, None), ("questions", "questions"), ("corpus", "corpus")])
def test_a_kind_that_fields_do_not_tell(tmp_path: Path, kind: Kind | None, things: str | None) -> None:
    if things is None:
        with pytest.raises(DatasetError, match="Pass --kind"):
            checked(tmp_path, b'{"id": "a"}\n')
    else:
        assert checked(tmp_path, b'{"id": "a"}\n', kind=kind).kind == things


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), st.integers(0, 120), st.integers(0, 9))
def test_it_agrees_with_loading(tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int, cut: int) -> None:
    """Whatever was done to a file: what loading refuses has an error, and without an error it loads."""
    path = tmp_path_factory.mktemp("junk") / "q.jsonl"
    data = lines(RIGHT, NO_ANSWER)
    path.write_bytes(data[:at] + junk + data[at + cut :])
    found = check(path, kind="questions")
    try:
        questions = load_questions(path)
    except DatasetError:
        assert found.errors
    else:
        assert len(questions) == found.checked or found.errors


def test_many_faults_take_little_time(tmp_path: Path) -> None:
    """Near places and spellings are looked for in a long text and among many ids, but not for ever."""
    corpus = tmp_path / "many.jsonl"
    text = "The quick brown fox jumps. " * 40_000
    corpus.write_bytes(lines({"id": "long", "text": text}, *({"id": f"n{i}", "text": f"{i}."} for i in range(3_000))))
    wrong = [EVIDENCE | {"article": "long", "text": "The quick brown fox sleeps here."}, EVIDENCE | {"article": "x"}]
    asked = [RIGHT | {"id": f"q{i}", "question": f"{i}?", "gold": [f"no{i}"], "evidence": wrong} for i in range(1_000)]
    before = time.monotonic()
    found = checked(tmp_path, lines(*asked), corpus)
    assert found.errors == 3_000
    assert time.monotonic() - before < 60
