"""cases: the form of a questions file, and the one-line errors for files that are not in it."""

import json
import re
import tempfile
from pathlib import Path

import pytest
from anything import JSON, damaged
from hypothesis import given
from hypothesis import strategies as st
from remedies import told

from bot.errors import DatasetError
from bot.evaluate.cases import Choice, Question, check_evidence, choose, load_questions, unfinished

FULL = {
    "id": "q1",
    "question": "Who keeps the lighthouse?",
    "answers": ["Mara"],
    "distractors": ["Ivo"],
    "gold": ["coast"],
    "evidence": [{"article": "coast", "start": 4, "end": 8, "text": "Mara"}],
    "answerable": True,
    "topic": "sea",
}
SHORT = {"id": "q2", "question": "Who paints it?", "answerable": False}


def write(folder: Path, *lines: str) -> Path:
    path = folder / "questions.jsonl"
    path.write_bytes("\n".join(lines).encode())
    return path


def test_reads_the_form_and_keeps_other_fields(tmp_path: Path) -> None:
    full, short = load_questions(write(tmp_path, json.dumps(FULL), "", json.dumps(SHORT) + "\r"))
    assert (full.answers, full.gold, full.evidence[0].text) == (("Mara",), ("coast",), "Mara")
    assert full.model_extra == {"topic": "sea"}
    assert (short.answers, short.distractors, short.gold, short.evidence, short.answerable) == ((), (), (), (), False)


def test_earlier_turns_have_an_answer_or_none(tmp_path: Path) -> None:
    turns = ["Who keeps it?", {"question": "When?", "answer": "1950."}, {"question": "And who paints?", "by": "x"}]
    full, short = load_questions(write(tmp_path, json.dumps(FULL | {"history": turns}), json.dumps(SHORT)))
    assert [(turn.question, turn.answer) for turn in full.history] == [
        ("Who keeps it?", None),
        ("When?", "1950."),
        ("And who paints?", None),
    ]
    assert short.history == ()
    assert full.model_extra == {"topic": "sea"}


def test_a_byte_order_mark_and_odd_line_separators_in_a_text_do_no_harm(tmp_path: Path) -> None:
    odd = SHORT | {"question": "Who\u2028paints\u0085it?"}
    path = write(tmp_path, "\ufeff" + json.dumps(odd, ensure_ascii=False), json.dumps(FULL))
    assert [question.question for question in load_questions(path)] == [odd["question"], FULL["question"]]


@pytest.mark.parametrize(("limit", "ids"), [(None, ["a", "b", "c"]), (2, ["a", "b"]), (9, ["a", "b", "c"])])
def test_limit_takes_the_first(tmp_path: Path, limit: int | None, ids: list[str]) -> None:
    path = write(tmp_path, *(json.dumps(SHORT | {"id": name}) for name in "abc"))
    assert [question.id for question in load_questions(path, limit)] == ids


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "Invalid JSON"),
        ("[]", "Input should be"),
        ('{"id": "x", "answerable": true}', "question: Field required"),
        ('{"id": "", "question": "Who?", "answerable": true}', "id: "),
        ('{"id": "x", "question": "Who?"}', "answerable: Field required"),
        (json.dumps(FULL | {"id": "x", "answers": "Mara"}), "answers: "),
        (json.dumps(FULL | {"id": "x", "evidence": [{"article": "coast", "start": 8, "end": 4, "text": ""}]}), "after"),
        (json.dumps(SHORT), "the id 'q2' is that of line 1"),
        (json.dumps(SHORT | {"id": "x", "history": "Who keeps it?"}), "history: "),
        (json.dumps(SHORT | {"id": "x", "history": ["Who?", {"answer": "Ivo"}]}), "history.1.question: Field"),
        (json.dumps(SHORT | {"id": "x", "history": [""]}), "history.0.question: "),
        (json.dumps(SHORT | {"id": "x", "history": [7]}), "history.0: "),
        ('{"id": "x", "question": "\\ud800", "answerable": true}', "Invalid JSON"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    path = write(tmp_path, json.dumps(SHORT), "", line)
    with pytest.raises(DatasetError, match=re.escape(problem)) as caught:
        load_questions(path, limit=1)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert "\n" not in str(caught.value)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(json.dumps(SHORT).encode() + b'\n{"id": "\xe9"}')
    for path, problem in [
        (tmp_path / "none.jsonl", "cannot be read: No such file"),
        (tmp_path, "is a folder. Name the file"),
        (write(tmp_path, "", ""), "holds no questions"),
        (latin, "line 2: not UTF-8"),
    ]:
        with pytest.raises(DatasetError, match=problem) as caught:
            load_questions(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"coast": "The Mara Light"}, None),
        ({"coast": "Mara keeps it"}, "'q1': its evidence says 'Mara' but 'coast' has ' kee' from 4 to 8"),
        ({"coast": "The"}, "'coast' has '' from 4 to 8"),
        ({"harbour": "The Mara Light"}, "'coast', which the corpus lacks"),
    ],
)
def test_check_evidence(texts: dict[str, str], problem: str | None) -> None:
    questions = [Question.model_validate(SHORT), Question.model_validate(FULL)]
    if problem is None:
        check_evidence(questions, texts)
    else:
        with pytest.raises(DatasetError, match=re.escape(problem)):
            check_evidence(questions, texts)


HUNDRED = [Question(id=f"q{number}", question="Why?", answerable=True) for number in range(100)]


def test_a_sample_is_drawn_with_its_seed_and_grows_with_its_size() -> None:
    ten, twenty = (choose(HUNDRED, Choice(sample=count, seed=4)) for count in (10, 20))
    places = [HUNDRED.index(question) for question in twenty]
    assert (len(ten), len(twenty), places == sorted(places)) == (10, 20, True)
    assert {one.id for one in ten} < {one.id for one in twenty}
    assert choose(HUNDRED, Choice(sample=10, seed=4)) == ten != choose(HUNDRED, Choice(sample=10, seed=5))
    assert choose(HUNDRED, Choice(sample=1000)) == choose(HUNDRED, Choice()) == HUNDRED
    drawn = [choose(HUNDRED, Choice(sample=10, seed=seed)) for seed in range(400)]
    often = [sum(question in one for one in drawn) for question in HUNDRED]
    assert min(often) > 15, "each question has its chance: 40 of 400 on average"
    assert max(often) < 75


def test_questions_are_chosen_by_their_ids() -> None:
    assert [one.id for one in choose(HUNDRED, Choice(only=("q7", "q3")))] == ["q3", "q7"]
    with pytest.raises(DatasetError, match=r"No question has the id 'q107'. Did you mean 'q\d+'\?"):
        choose(HUNDRED, Choice(only=("q3", "q107")))
    with pytest.raises(DatasetError, match="Give one of them"):
        choose(HUNDRED, Choice(sample=3, only=("q3",)))


# -- whatever stands in a file --

LINES = "".join(
    json.dumps(one) + "\n" for one in (FULL, SHORT, SHORT | {"id": "q3", "history": ["Why?"], "today": "2025-05-18"})
)


@given(damaged(LINES.encode()))
def test_any_questions_file_is_read_or_an_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "questions.jsonl"
        path.write_bytes(data)
        with told(DatasetError, about=path):
            found = load_questions(path)
            assert found
            assert len({one.id for one in found}) == len(found)


@given(st.dictionaries(st.sampled_from([*FULL, "history", "today", "x"]), JSON))
def test_any_object_is_a_question_or_an_error(fields: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), json.dumps(SHORT | {"id": "x"} | fields))
        with told(DatasetError):
            (found,) = load_questions(path)
            assert choose([found], Choice(only=(found.id,))) == [found]
            check_evidence([found], {one.article: one.text for one in found.evidence})


def test_drafts_that_nobody_finished_are_known_by_their_mark() -> None:
    lines = [{"draft": True}, {}, {"draft": False}, {"draft": True, "answers": ["Mara"]}]
    asked = [
        Question.model_validate({"id": f"q{number}", "question": "Who?", "answerable": True, **line})
        for number, line in enumerate(lines)
    ]
    assert [one.id for one in unfinished(asked)] == ["q0", "q3"]
