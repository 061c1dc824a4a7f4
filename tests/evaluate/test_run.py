"""run: rows as other programs read them, and runs that were broken off, killed or made with other settings."""

import datetime as dt
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ConfigError, DatasetError, LLMError, Stopped
from bot.evaluate.cases import Question
from bot.evaluate.run import Row, Scope, read_meta, run
from bot.schema import Answer, Filters, Turn

from .library import citation, make_answer, passage, question

META: dict[str, Any] = {
    "time": "2025-01-01T00:00:00+00:00",
    "revision": "abc",
    "packages": {"numpy": "2.0"},
    "seed": 0,
    "settings": {"llm.model": "small", "llm.seed": 0, "log_level": "warning", "data_dir": "/one", "chat.port": 1},
    "models": {"small": "00aa"},
    "prompts": {"answer.md": "11bb"},
    "questions": {"file": "questions.jsonl", "sha256": "22cc"},
    "corpus": None,
}


@pytest.fixture
def questions() -> list[Question]:
    return [question(name, answerable=name != "q3") for name in ("q1", "q2", "q3", "q4")]


class Desk:
    """Answers every question, refuses those on q3, and remembers what it was asked; breaks on `broken`."""

    def __init__(self, broken: str = "none", error: BaseException | None = None) -> None:
        self.asked: list[tuple[str, Filters]] = []
        self.histories: list[list[tuple[str, str, bool]]] = []
        self.broken, self.error = broken, error

    def __call__(self, asked: str, history: Sequence[Turn], filters: Filters) -> Answer:
        self.asked.append((asked, filters))
        self.histories.append([(turn.question, turn.answer, turn.refused) for turn in history])
        if self.error and self.broken in asked:
            raise self.error
        if "q3" in asked:
            return make_answer(asked, "The articles do not say.", refused=True, reason="not_answered")
        cited = (citation(0, 10), citation(31, 42, marker=2, sentence=1))
        return make_answer(asked, f"Mara – “{asked}”.\u2028\nYes.", 2, *cited)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text(encoding="utf-8").split("\n") if line]


def test_a_question_is_asked_as_on_its_day(tmp_path: Path) -> None:
    desk, day = Desk(), dt.date(2025, 5, 14)
    dated = question("q1").model_copy(update={"today": day})
    run([dated, question("q2")], desk, tmp_path, META, "open")
    assert [filters for _, filters in desk.asked] == [Filters(today=day), Filters()]


def test_rows_have_the_promised_form(tmp_path: Path, questions: list[Question]) -> None:
    steps: list[tuple[int, int]] = []
    out = tmp_path / "new" / "out"
    rows = run(questions, Desk(), out, META, "open", progress=lambda done, total: steps.append((done, total)))
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert [row.id for row in rows] == ["q1", "q2", "q3", "q4"]
    first, _, refused, _ = lines(out)
    assert first == {
        "id": "q1",
        "question": "Who is q1?",
        "answer": "Mara – “Who is q1?”.\u2028\nYes.",
        "refused": False,
        "reason": None,
        "sentences": 2,
        "said": ["Mara – “Who is q1?”.\u2028\nYes."] * 2,
        "unsupported": [],
        "citations": [
            {"marker": 1, "article": "coast", "start": 0, "end": 10, "quote": "Mara keeps", "sentence": 0},
            {"marker": 2, "article": "coast", "start": 31, "end": 42, "quote": "Ivo paints ", "sentence": 1},
        ],
        "evidence": [{"article": "coast", "start": 0, "end": 30}],
        "retrieved": [
            {"article": "inland", "start": 0, "end": 20, "score": 0.5},
            {"article": "coast", "start": 0, "end": 62, "score": 0.5},
        ],
        "timings": {"retrieve_s": 0.25, "checked_s": None, "first_token_s": 1.5, "total_s": 2.5},
        "tokens": {"prompt": 100, "reused": 40, "answer": 12},
        "answerable": None,
        "signals": {},
        "stage": "full",
        "repeat": 0,
    }
    assert (refused["refused"], refused["reason"], refused["citations"]) == (True, "not_answered", [])
    assert [Row.model_validate(line) for line in lines(out)] == rows
    assert read_meta(out) == META | {"scope": "open", "stage": "full", "repeat": 1}
    for name in ("said", "stage", "repeat"):
        del first[name]
    earlier = Row.model_validate(first)  # a row of an earlier version
    assert (earlier.said, earlier.stage, earlier.repeat) == ((), "full", 0)


def test_all_retrieved_passages_are_written(tmp_path: Path) -> None:
    found = [passage("coast", place, place + 5) for place in range(12)]
    (row,) = run([question("q1")], lambda asked, *_: make_answer(asked, "Mara.", retrieved=found), tmp_path, {}, "open")
    assert [span.start for span in row.retrieved] == list(range(12))


def test_scope_article_asks_of_the_gold_articles(tmp_path: Path) -> None:
    asked = [question("q1", gold=["coast", "bay"]), question("q3", answerable=False)]
    expected_of: dict[Scope, Any] = {"open": ((), ()), "article": (("coast", "bay"), ())}
    for scope, expected in expected_of.items():
        desk = Desk()
        run(asked, desk, tmp_path / scope, META, scope)
        assert tuple(filters.articles for _, filters in desk.asked) == expected


def test_earlier_turns_are_asked_unless_their_answers_are_given(tmp_path: Path) -> None:
    history = [{"question": "Who keeps it?", "answer": "Mara."}, "Who is q3?", {"question": "Who paints?"}]
    desk = Desk()
    rows = run([question("q1", history=history)], desk, tmp_path, META, "article")
    refusal = ("Who is q3?", "The articles do not say.", True)
    assert desk.histories == [
        [("Who keeps it?", "Mara.", False)],
        [("Who keeps it?", "Mara.", False), refusal],
        [("Who keeps it?", "Mara.", False), refusal, ("Who paints?", "Mara – “Who paints?”.\u2028\nYes.", False)],
    ]
    assert [asked for asked, _ in desk.asked] == ["Who is q3?", "Who paints?", "Who is q1?"]
    assert {filters.articles for _, filters in desk.asked} == {("coast",)}
    assert [row.question for row in rows] == ["Who is q1?"]


def test_an_earlier_turn_that_breaks_or_is_stopped_breaks_off_its_question(tmp_path: Path) -> None:
    asked = [question("q1"), question("q2", history=["Who paints?"])]
    with pytest.raises(LLMError, match="'q2' broke the run off: No model"):
        run(asked, Desk("paints", LLMError("No model.")), tmp_path, META, "open")
    with pytest.raises(Stopped, match="'q2'"):
        run(asked, lambda asked, *_: make_answer(asked, "Ma", stopped="paints" in asked), tmp_path, META, "open")
    assert [line["id"] for line in lines(tmp_path)] == ["q1"]


@pytest.mark.parametrize("error", [LLMError("The model broke. Try again."), KeyboardInterrupt(), OSError("no route")])
def test_a_run_broken_off_goes_on(tmp_path: Path, questions: list[Question], error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        run(questions, Desk("q3", error), tmp_path, META, "open")
    if isinstance(error, LLMError):
        assert str(caught.value).startswith("Question 'q3' broke the run off: The model broke. Try again. The answers")
    assert [line["id"] for line in lines(tmp_path)] == ["q1", "q2"]
    desk, steps = Desk(), []
    rows = run(questions, desk, tmp_path, META, "open", progress=lambda *step: steps.append(step))
    assert [asked for asked, _ in desk.asked] == ["Who is q3?", "Who is q4?"]
    assert steps == [(2, 4), (3, 4), (4, 4)]
    assert rows == run(questions, Desk(), tmp_path / "whole", META, "open")


def test_a_stopped_answer_is_not_kept(tmp_path: Path, questions: list[Question]) -> None:
    with pytest.raises(Stopped):
        run(questions, lambda asked, *_: make_answer(asked, "Ma", stopped="q2" in asked), tmp_path, META, "open")
    assert [line["id"] for line in lines(tmp_path)] == ["q1"]


def test_a_limit_can_grow_and_shrink(tmp_path: Path, questions: list[Question]) -> None:
    desk = Desk()
    for count in (2, 4, 1):
        rows = run(questions[:count], desk, tmp_path, META, "open")
        assert [row.id for row in rows] == ["q1", "q2", "q3", "q4"][:count]
    assert len(desk.asked) == len(lines(tmp_path)) == 4


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_cut_is_mended(data: st.DataObject) -> None:
    asked = [question(name) for name in ("q1", "q2", "q3")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        run(asked, Desk(), path.parent, META, "open")
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        os.truncate(path, cut)
        desk = Desk()
        run(asked, desk, path.parent, META, "open")
        assert path.read_bytes() == whole
        assert len(desk.asked) == 3 - whole[:cut].count(b"\n")


def changed(name: str, value: Any) -> dict[str, Any]:
    section, _, key = name.partition("/")
    return META | {section: META[section] | {key: value} if key else value}


@pytest.mark.parametrize(
    ("meta", "scope", "names"),
    [
        (changed("settings/llm.model", "big"), "open", ["llm.model: small there, big now"]),
        (changed("settings/llm.new", 1), "open", ["llm.new: nothing there, 1 now"]),
        (changed("settings/chat.history_turns", 3), "open", ["chat.history_turns: nothing there, 3 now"]),
        (changed("models", {"small": "99ff"}), "open", ["models small: 00aa there, 99ff now"]),
        (changed("models", {"small": "00aa", "big": "1"}), "open", ["models big"]),
        (changed("prompts/answer.md", "0" * 64), "open", ["prompts answer.md: 11bb there, 000000000000… now"]),
        (changed("questions/sha256", "33"), "open", ["questions: 22cc there, 33 now"]),
        (changed("corpus", {"file": "c", "sha256": "44"}), "open", ["corpus: nothing there, 44 now"]),
        (META, "article", ["scope: open there, article now"]),
    ],
)
def test_another_run_is_not_mixed_in(tmp_path: Path, meta: Any, scope: Any, names: Sequence[str]) -> None:
    asked = [question("q1"), question("q2")]
    run(asked[:1], Desk(), tmp_path, META, "open")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    desk = Desk()
    with pytest.raises(DatasetError) as caught:
        run(asked, desk, tmp_path, meta, scope)
    assert all(name in str(caught.value) for name in names)
    assert str(caught.value).endswith("Choose another --out, or pass --fresh to start it over.")
    assert not desk.asked
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    (tmp_path / "report.json").write_text("{}")
    run(asked, desk, tmp_path, meta, scope, fresh=True)
    assert len(desk.asked) == len(lines(tmp_path)) == 2
    assert read_meta(tmp_path) == meta | {"scope": scope, "stage": "full", "repeat": 1}
    assert not (tmp_path / "report.json").exists()


@pytest.mark.parametrize(
    ("meta", "warned"),
    [
        (changed("revision", "abc+dirty.1"), "revision: abc there, abc+dirty.1 now"),
        (changed("packages/numpy", "2.1"), "packages numpy: 2.0 there, 2.1 now"),
        (changed("time", "later"), None),
        (changed("settings/data_dir", "/other"), None),
        (changed("settings/log_level", "debug"), None),
        (changed("settings/chat.port", 2), None),
        (changed("settings/chat.names", ["bot.example"]), None),
        (changed("settings/chat.upload_mb", 2), None),
        (changed("settings/chat.requests_per_second", 2), None),
        (changed("questions/file", "elsewhere.jsonl"), None),
    ],
)
def test_what_changes_no_answer_is_let_through(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, meta: Any, warned: str | None
) -> None:
    asked = [question("q1"), question("q2")]
    run(asked[:1], Desk(), tmp_path, META, "open")
    with caplog.at_level(logging.WARNING):
        run(asked, Desk(), tmp_path, meta, "open")
        run(asked, Desk(), tmp_path, META, "open")
    assert [warned in message for message in caplog.messages] == [True] if warned else not caplog.messages
    (again,) = read_meta(tmp_path)["resumed"]  # the last call asked nothing, so it leaves no mark
    assert (again["time"], again["revision"], again["answered"]) == (meta["time"], meta["revision"], 1)


def test_a_run_that_wrote_no_row_binds_nobody(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        run([question("q1")], Desk("q1", ConfigError("No.")), tmp_path, META, "open")
    (tmp_path / "answers.jsonl").write_text('{"id": "q')
    assert len(run([question("q1")], Desk(), tmp_path, META, "article")) == 1
    assert len(lines(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("answers.jsonl", '{"id": "q1"}\n', "answers.jsonl, line 1: question: Field required"),
        ("answers.jsonl", "\n", "line 1: Invalid JSON"),
        ("run.json", "{", "run.json cannot be read"),
        ("run.json", "7", "run.json cannot be read"),
        ("run.json", None, "other settings (there is no run.json)"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, file: str, content: str | None, problem: str) -> None:
    run([question("q1")], Desk(), tmp_path, META, "open")
    (tmp_path / file).unlink() if content is None else (tmp_path / file).write_text(content)
    with pytest.raises(DatasetError) as caught:
        run([question("q1")], Desk(), tmp_path, META, "open")
    assert problem in str(caught.value)
    assert "--fresh" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_places_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "out" / "answers.jsonl").mkdir(parents=True)
    for out, problem in [(tmp_path / "file", "exists"), (tmp_path / "out", "directory")]:
        with pytest.raises(DatasetError, match=problem):
            run([question("q1")], Desk(), out, META, "open")


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(DatasetError, match="Another run is writing"):
        run([question("q1")], Desk(), tmp_path, META, "open")


def test_there_is_no_meta_before_a_run(tmp_path: Path) -> None:
    assert read_meta(tmp_path) == {}
