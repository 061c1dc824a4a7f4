"""repeat and stage: what is asked how often, what goes on and what is refused, and reports of it worked by hand."""

import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeEmbedder

from bot.errors import DatasetError, LLMError
from bot.evaluate.aggregates import TIMINGS
from bot.evaluate.cases import Question
from bot.evaluate.compare import compare, load_run
from bot.evaluate.intervals import interval
from bot.evaluate.report import MEASURES, report
from bot.evaluate.run import Ask, Row, Stage, make_row, read_meta, read_repeats, read_rows, run
from bot.schema import Filters, Timings, Tokens, Turn

from .library import citation, make_answer, question
from .test_run import META, Desk, lines

ASKED = [question("q1"), question("q2")]


class Draws:
    """Gives each repetition answers of its own, as a model that draws its words does."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def begin(self, question: Question, repetition: int) -> Ask:
        def ask(words: str, history: Sequence[Turn], filters: Filters) -> Any:
            self.asked.append((question.id, repetition))
            return make_answer(words, "Mara." if repetition % 2 else "Ivo.", 1, citation(0, 30))

        return ask


def nobody(*asked: object) -> Any:
    raise AssertionError(f"asked elsewhere: {asked}")


def test_all_questions_are_asked_then_all_again(tmp_path: Path) -> None:
    draws, steps = Draws(), []
    rows = run(ASKED, nobody, tmp_path, META, "open", lambda *step: steps.append(step), repeat=2, begin=draws.begin)
    assert draws.asked == [("q1", 0), ("q2", 0), ("q1", 1), ("q2", 1)]
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert [(row.key, row.answer) for row in rows] == [
        (("q1", 0), "Ivo."), (("q2", 0), "Ivo."), (("q1", 1), "Mara."), (("q2", 1), "Mara.")
    ]  # fmt: skip
    assert read_meta(tmp_path)["repeat"] == 2
    assert [line["repeat"] for line in lines(tmp_path)] == [0, 0, 1, 1]
    assert list(read_repeats(tmp_path)[0].values()) == rows
    assert read_rows(tmp_path)[0] == {"q1": rows[0], "q2": rows[1]}


def test_repetitions_can_be_broken_off_grow_and_shrink(tmp_path: Path) -> None:
    with pytest.raises(LLMError):
        run(ASKED, Desk("q2", LLMError("No.")), tmp_path, META, "open", repeat=2)
    for count, asked in ((2, [("q2", 0), ("q1", 1), ("q2", 1)]), (3, [("q1", 2), ("q2", 2)]), (1, [])):
        draws = Draws()
        rows = run(ASKED, nobody, tmp_path, META, "open", repeat=count, begin=draws.begin)
        assert draws.asked == asked
        assert [row.key for row in rows] == [(one.id, again) for again in range(count) for one in ASKED]
    assert read_meta(tmp_path)["repeat"] == 3
    assert [again["answered"] for again in read_meta(tmp_path)["resumed"]] == [1, 4]


def test_earlier_turns_are_asked_by_the_common_door(tmp_path: Path) -> None:
    desk, draws = Desk(), Draws()
    run([question("q1", history=["Who paints?"])], desk, tmp_path, META, "open", begin=draws.begin)
    assert [words for words, _ in desk.asked] == ["Who paints?"]
    assert draws.asked == [("q1", 0)]


@pytest.mark.parametrize("stages", [("full", "retrieve"), ("retrieve", "answer"), ("answer", "full")])
def test_another_stage_is_not_mixed_in(tmp_path: Path, stages: tuple[Stage, Stage]) -> None:
    first, second = stages
    run(ASKED[:1], Desk(), tmp_path, META, "open", stage=first)
    with pytest.raises(DatasetError, match=f"stage: {first} there, {second} now"):
        run(ASKED, Desk(), tmp_path, META, "open", stage=second)
    assert {row.stage for row in run(ASKED, Desk(), tmp_path, META, "open", stage=first)} == {first}


def test_a_run_of_an_earlier_version_goes_on_as_a_whole_one(tmp_path: Path) -> None:
    run(ASKED[:1], Desk(), tmp_path, META, "open")
    (tmp_path / "run.json").write_text(json.dumps(META | {"scope": "open"}))
    assert len(run(ASKED, Desk(), tmp_path, META, "open", repeat=2)) == 4
    with pytest.raises(DatasetError, match="stage"):
        run(ASKED, Desk(), tmp_path, META, "open", stage="answer")


def said(one: Question, repeat: int, text: str, *cited: Any, stage: Stage = "full") -> Row:
    timings = Timings(retrieve_s=0.5, checked_s=1.0, first_token_s=2.0, total_s=3.0)
    return make_row(one, make_answer(one.question, text, 1, *cited, timings=timings), stage, repeat)


def repeated() -> tuple[list[Question], list[Row]]:
    """accuracy: q1 1 0 1, q2 0 0 1, q3 1 1 1; citation_precision: q1 is a case twice (1, 1/2), q2 once (1/2)."""
    asked = [*ASKED, question("q3")]
    whole, half = citation(0, 30), citation(0, 60)
    rows = [
        said(asked[0], 0, "Mara.", whole), said(asked[1], 0, "Ivo."), said(asked[2], 0, "Mara."),
        said(asked[0], 1, "Ivo.", half), said(asked[1], 1, "Ivo.", half), said(asked[2], 1, "Mara."),
        said(asked[0], 2, "Mara."), said(asked[1], 2, "Mara."), said(asked[2], 2, "Mara."),
    ]  # fmt: skip
    return asked, rows


def test_repetitions_by_hand() -> None:
    asked, rows = repeated()
    made = report(list(reversed(rows)), asked, {}, FakeEmbedder().embed_documents)
    metrics = made["metrics"]
    of_questions = [2 / 3, 1 / 3, 1]
    assert metrics["accuracy"] == pytest.approx(statistics.fmean(of_questions))
    assert metrics["citation_precision"] == pytest.approx((0.75 + 0.5) / 2)
    assert (metrics["n"]["questions"], metrics["n"]["accuracy"], metrics["n"]["citation_precision"]) == (3, 3, 2)
    assert metrics["n"]["total_s_p50"] == 9
    assert made["repeats"]["accuracy"] == pytest.approx(statistics.stdev([2 / 3, 1 / 3, 1]))
    assert made["repeats"]["citation_precision"] == pytest.approx(statistics.stdev([1, 0.5]))  # none in the third
    assert made["repeats"]["refusal_recall"] is None
    assert set(made["repeats"]) == set(MEASURES)
    assert made["intervals"]["accuracy"] == interval(of_questions)


def test_without_repetitions_there_is_no_deviation() -> None:
    asked, rows = repeated()
    assert report(rows[:3], asked, {}, FakeEmbedder().embed_documents)["repeats"] == {}


def test_an_interval_is_no_narrower_for_asking_again() -> None:
    """Sixteen alike repetitions of few questions say no more of other questions than one does."""
    asked = [question(f"q{number}") for number in range(12)]
    once = [said(one, 0, "Mara." if number % 3 else "Ivo.") for number, one in enumerate(asked)]
    often = [row.model_copy(update={"repeat": again}) for again in range(16) for row in once]
    narrow, wide = (report(rows, asked, {}, FakeEmbedder().embed_documents) for rows in (once, often))
    assert wide["intervals"] == narrow["intervals"]
    low, high = wide["intervals"]["accuracy"]
    assert high - low > 2 * 1.9 * math.sqrt((1 / 3) * (2 / 3) / 12) * 0.9


def test_runs_are_compared_by_their_first_repetition(tmp_path: Path) -> None:
    asked, rows = repeated()
    for name, repeat in (("a", 1), ("b", 3)):
        kept = [row for row in rows if row.repeat < repeat]
        (tmp_path / name).mkdir()
        (tmp_path / name / "answers.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in kept))
        (tmp_path / name / "run.json").write_text(json.dumps(META | {"repeat": repeat}))
    one = compare(load_run(tmp_path / "a"), load_run(tmp_path / "b"), asked)
    assert [(different.name, different.a, different.b) for different in one.different] == [("repeat", 1, 3)]
    assert (one.shared, one.measures["accuracy"].b, one.measures["accuracy"].n) == (3, pytest.approx(2 / 3), 3)
    assert one.measures["accuracy"].difference == 0


SEARCH = {*(f"{name}@{k}" for name in ("hit", "recall") for k in (1, 4, 10)), "mrr@10", "ndcg@10"}
SEARCH |= {"evidence_in_context", "retrieve_s_p50", "retrieve_s_p95"}


@pytest.mark.parametrize("stage", ["full", "retrieve", "answer"])
def test_only_what_tells_something_at_a_stage_has_cases(stage: Stage) -> None:
    asked = [*ASKED, question("none", answerable=False)]
    rows = [said(one, 0, "Mara.", citation(0, 30), stage=stage) for one in asked]
    if stage == "retrieve":
        nothing = {"answer": "", "citations": (), "sentences": 0, "tokens": Tokens()}
        rows = [row.model_copy(update=nothing) for row in rows]
    made = report(rows, asked, {"stage": stage}, FakeEmbedder().embed_documents)
    counts = made["metrics"].pop("n")
    with_cases = {name for name, count in counts.items() if count} - {"questions"}
    if stage == "retrieve":
        assert with_cases == SEARCH
        assert {point["false_refusal"] for point in made["refusal_curve"]} == {None}
    else:
        assert (with_cases >= SEARCH) == (stage == "full")
        assert with_cases.isdisjoint(SEARCH) == (stage == "answer")
        assert {"accuracy", "citation_hit", "false_refusal", "total_s_p50", "prompt_tokens_p50"} <= with_cases
    assert {name for name, value in made["metrics"].items() if value is None} == set(made["metrics"]) - with_cases


def test_stages_are_compared_by_what_both_tell(tmp_path: Path) -> None:
    for stage in ("full", "retrieve", "answer"):
        rows = [said(one, 0, "Mara.", citation(0, 30), stage=stage) for one in ASKED]
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "answers.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows))
        (tmp_path / stage / "run.json").write_text(json.dumps(META | {"stage": stage}))
    full, retrieve, answer = (load_run(tmp_path / stage) for stage in ("full", "retrieve", "answer"))
    first, second = compare(full, retrieve, ASKED), compare(full, answer, ASKED)
    assert (first.measures["hit@4"].n, first.measures["accuracy"].n) == (2, 0)
    assert (second.measures["hit@4"].n, second.measures["accuracy"].n) == (0, 2)
    assert [name for name in TIMINGS if first.timings[name].n] == ["retrieve_s"]
    assert [name for name in TIMINGS if second.timings[name].n] == ["checked_s", "first_token_s", "total_s"]
    assert first.flips["refused"].up == first.flips["refused"].down == ()
    assert np.isfinite(second.measures["accuracy"].a or 0)
