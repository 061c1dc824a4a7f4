"""compare and gates: a comparison by hand, intervals against plain Python and a known truth, runs that misfit."""

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.errors import BotError, ConfigError, DatasetError
from bot.evaluate.cases import Question
from bot.evaluate.compare import (
    BLOCK,
    COMPARED,
    FLIPPING,
    RESAMPLES,
    SEED,
    Comparison,
    Measured,
    compare,
    draws,
    interval,
    load_asked,
    load_run,
)
from bot.evaluate.gates import judge, parse
from bot.evaluate.report import report, run_meta
from bot.evaluate.run import Row, make_row
from bot.schema import Timings

from .library import citation, make_answer, question

ASKED = [*(question(f"q{number}") for number in range(1, 5)), question("none", answerable=False)]
SETTINGS = {"llm.model": "small", "llm.seed": 0, "data_dir": "/one"}


def said(one: Question, text: str, *cited: Any, seconds: float = 2.0, **given: Any) -> Row:
    timings = Timings(retrieve_s=0.5, first_token_s=None if given.get("refused") else 1.0, total_s=seconds)
    return make_row(one, make_answer(one.question, text, 1, *cited, timings=timings, **given))


def refused(one: Question, seconds: float = 2.0) -> Row:
    return said(one, "The articles do not say.", refused=True, reason="not_answered", evidence=(), seconds=seconds)


def rows_a() -> list[Row]:
    q1, q2, q3, q4, none = ASKED
    return [
        said(q1, "Mara.", citation(0, 30)),
        said(q2, "Ivo."),
        said(q3, "Ivo.", citation(31, 41), seconds=4.0),
        refused(q4),
        said(none, "Mara.", seconds=8.0),
    ]


def rows_b() -> list[Row]:
    q1, q2, q3, q4, none = ASKED
    return [
        said(q1, "Mara.", citation(0, 15), seconds=1.0),
        said(q2, "Mara keeps.", citation(0, 30), seconds=1.0),
        refused(q3, seconds=1.0),
        said(q4, "Mara.", citation(0, 30), seconds=4.0),
        refused(none),
    ]


# Question by question, A and B; (a, b, n, better, worse).
BY_HAND = {
    "accuracy": (1 / 4, 3 / 4, 4, 2, 0),  # 1 0 0 0, then 1 1 0 1
    "f1": (1 / 4, (1 + 2 / 3 + 1) / 4, 4, 2, 0),
    "citation_hit": (1 / 4, 3 / 4, 4, 2, 0),
    "citation_precision": (1, 1, 1, 0, 0),  # q1 alone cites in both
    "citation_recall": (1 / 4, (0.5 + 1 + 1) / 4, 4, 2, 1),  # 1 0 0 0, then .5 1 0 1
    "evidence_in_context": (3 / 4, 3 / 4, 4, 1, 1),  # 1 1 1 0, then 1 1 0 1
    "answers_with_citation": (1 / 2, 1, 2, 1, 0),  # q1 and q2 are answered by both: 1 0, then 1 1
    "unsupported_rate": (1 / 2, 0, 2, 1, 0),  # of the same, 0 1, then 0 0: less is better
    "refusal_recall": (0, 1, 1, 1, 0),
    "false_refusal": (1 / 4, 1 / 4, 4, 1, 1),  # 0 0 0 1, then 0 0 1 0: less is better
    "hit@1": (0, 0, 4, 0, 0),
    "mrr@10": (1 / 2, 1 / 2, 4, 0, 0),
}


@pytest.fixture
def asked_file(tmp_path: Path) -> Path:
    return write_questions(tmp_path / "questions.jsonl", ASKED)


def write_questions(path: Path, questions: Sequence[Question]) -> Path:
    path.write_text("".join(f"{one.model_dump_json()}\n" for one in questions), encoding="utf-8")
    return path


def write_run(folder: Path, rows: Sequence[Row], questions: Path, **changed: Any) -> Path:
    folder.mkdir()
    (folder / "answers.jsonl").write_text("".join(f"{row.model_dump_json()}\n" for row in rows), encoding="utf-8")
    meta = run_meta(SETTINGS, {"small": "00aa"}, questions, None, 0) | {"scope": "open", **changed}
    (folder / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder


def compared(tmp_path: Path, asked: Path, a: Sequence[Row], b: Sequence[Row], **changed: Any) -> Comparison:
    one = load_run(write_run(tmp_path / "a", a, asked))
    other = load_run(write_run(tmp_path / "b", b, asked, **changed))
    return compare(one, other, load_asked(one).questions)


# -- measures, times, flips --


def test_a_comparison_by_hand(tmp_path: Path, asked_file: Path) -> None:
    made = compared(tmp_path, asked_file, rows_a(), rows_b()[::-1])  # whatever the order of asking
    assert (made.shared, made.only_a, made.only_b, made.different) == (5, 0, 0, ())
    assert list(made.measures) == list(COMPARED)
    for name, (a, b, n, better, worse) in BY_HAND.items():
        found = made.measures[name]
        assert (found.a, found.b, found.difference) == pytest.approx((a, b, b - a)), name
        assert (found.n, found.better, found.worse) == (n, better, worse), name
    ends = made.measures["refusal_recall"]
    assert (ends.low, ends.high) == (None, None)  # of one question
    total = made.timings["total_s"]  # of 2 2 4 2 8 and 1 1 1 4 2
    assert (total.a, total.b, total.ratio, total.n) == (2, 1, 0.5, 5)
    first = made.timings["first_token_s"]  # q1 and q2: the other three have none in one of the runs
    assert (first.a, first.b, first.ratio, first.n) == (1, 1, 1, 2)
    assert made.timings["checked_s"].n == 0


def test_where_all_are_cases_the_values_are_those_of_the_report(tmp_path: Path, asked_file: Path) -> None:
    made = compared(tmp_path, asked_file, rows_a(), rows_b())
    for rows, side in ((rows_a(), "a"), (rows_b(), "b")):
        whole = report(rows, ASKED, {}, lambda texts: np.ones((len(texts), 1), dtype=np.float32))["metrics"]
        same = [name for name in COMPARED if whole["n"][name] == made.measures[name].n]
        assert len(same) >= 10
        assert {name: getattr(made.measures[name], side) for name in same} == {
            name: pytest.approx(whole[name]) for name in same
        }


def test_flips_name_the_questions_with_both_answers(tmp_path: Path, asked_file: Path) -> None:
    flips = compared(tmp_path, asked_file, rows_a(), rows_b()).flips
    assert list(flips) == list(FLIPPING)
    ids = {name: ([one.id for one in of.up], [one.id for one in of.down]) for name, of in flips.items()}
    assert ids["accuracy"] == (["q2", "q4"], [])
    assert ids["refused"] == (["q3", "none"], ["q4"])
    assert ids["false_refusal"] == (["q3"], ["q4"])
    assert ids["answers_with_citation"] == (["q2"], [])  # q3 and q4 are a case in one run only
    assert ids["hit@10"] == ([], [])
    assert flips["accuracy"].up[0].model_dump() == {
        "id": "q2", "question": "Who is q2?", "a": "Ivo.", "b": "Mara keeps.",
    }  # fmt: skip


def test_a_run_is_like_itself(tmp_path: Path, asked_file: Path) -> None:
    made = compared(tmp_path, asked_file, rows_a(), rows_a())
    assert made.different == ()
    assert all(of.difference in (0, None) and of.better == of.worse == 0 for of in made.measures.values())
    assert made.measures["accuracy"].low == made.measures["accuracy"].high == 0
    assert not any(of.up or of.down for of in made.flips.values())


def test_only_questions_of_both_runs_count(tmp_path: Path, asked_file: Path) -> None:
    made = compared(tmp_path, asked_file, rows_a()[:3], rows_b()[1:])
    assert (made.shared, made.only_a, made.only_b) == (2, 1, 2)
    assert (made.measures["accuracy"].n, made.measures["accuracy"].b) == (2, 0.5)
    assert made.measures["refusal_recall"] == Measured()
    refusals = made.measures["false_refusal"]  # q3 is refused in B
    assert (refusals.difference, refusals.better, refusals.worse) == (0.5, 0, 1)


def test_what_was_made_otherwise_comes_with_both_values(tmp_path: Path, asked_file: Path) -> None:
    changed = {
        "settings": SETTINGS | {"llm.model": "big", "data_dir": "/other", "cite.new": 1},
        "models": {"big": "11bb"},
        "revision": "abc",
        "resumed": [{"revision": "abc"}, {"revision": "def"}],
        "way": "joined",
        "time": "later",
    }
    different = compared(tmp_path, asked_file, rows_a(), rows_b(), **changed).different
    here = run_meta({}, {}, asked_file, None, 0)["revision"]
    assert [(one.name, one.a, one.b) for one in different] == [
        ("models small", "00aa", None),
        ("models big", None, "11bb"),
        ("llm.model", "small", "big"),
        ("cite.new", None, 1),
        ("revision", here, "abc, then def"),
        ("way", None, "joined"),
    ]


# -- intervals --


def plain_interval(changes: Sequence[float], resamples: Sequence[Sequence[int]]) -> tuple[float, float]:
    """The percentile bootstrap in plain Python; percentiles lie between neighbours, as a line."""
    means = sorted(math.fsum(changes[index] for index in drawn) / len(drawn) for drawn in resamples)

    def percentile(share: float) -> float:
        place = share * (len(means) - 1)
        below = math.floor(place)
        above = min(below + 1, len(means) - 1)
        return means[below] + (place - below) * (means[above] - means[below])

    return percentile(0.025), percentile(0.975)


@pytest.mark.parametrize(
    "changes",
    [
        [1.0, -1.0, 0.0, 0.0, 1.0, 0.0, 1.0],
        [0.0] * 9 + [1.0],
        [random.Random(1).uniform(-1, 1) for _ in range(40)],
        [-0.25, 0.5],
    ],
)
def test_intervals_agree_with_plain_python(changes: list[float]) -> None:
    drawn = np.concatenate(list(draws(len(changes), SEED, RESAMPLES))).tolist()
    assert len(drawn) == RESAMPLES
    assert interval(np.array(changes)) == pytest.approx(plain_interval(changes, drawn), abs=1e-12)


def test_draws_are_of_all_questions_alike_also_in_blocks() -> None:
    n = BLOCK // 40
    blocks = list(draws(n, SEED, 100))
    assert [block.shape for block in blocks] == [(40, n), (40, n), (20, n)]
    counts = np.bincount(np.concatenate(blocks).ravel(), minlength=n)
    assert len(counts) == n
    assert abs(counts - 100).max() < 60  # six standard deviations of 100 draws
    assert not np.array_equal(blocks[0], blocks[1])


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Differences of -1, 0, 1 whose true mean is 0.1; 1,000 sets of 100 questions."""
    made = np.random.Generator(np.random.PCG64(7))
    sets = made.choice([-1.0, 0.0, 1.0], p=[0.1, 0.7, 0.2], size=(1000, 100))
    ends = [interval(changes, resamples=1000) for changes in sets]
    covered = np.mean([low <= 0.1 <= high for low, high in ends])
    assert 0.93 <= covered <= 0.97
    too_low, too_high = np.mean([high < 0.1 for _, high in ends]), np.mean([low > 0.1 for low, _ in ends])
    assert max(too_low, too_high) < 0.05  # misses on both sides


def test_the_interval_is_the_same_every_time() -> None:
    changes = np.array([0.0, 1.0, 1.0, -1.0, 0.5])
    assert interval(changes) == interval(changes)
    assert interval(changes) != interval(changes, seed=SEED + 1, resamples=101)


# -- gates --

FOUND = Measured(a=0.5, b=0.48, difference=-1 / 50, low=-0.08, high=0.04, n=50, better=1, worse=2)


def comparison(**measures: Measured) -> Comparison:
    every = {name: Measured() for name in COMPARED} | measures
    return Comparison(
        a="one", b="two", different=(), shared=50, only_a=0, only_b=0, measures=every, timings={}, flips={}
    )


@pytest.mark.parametrize(
    ("gate", "value", "fired"),
    [
        ("accuracy < -0.02", -0.02, False),  # exactly the limit
        ("accuracy <= -0.02", -0.02, True),
        ("accuracy < -.0199", -0.02, True),
        ("accuracy > -0.02", -0.02, False),
        ("accuracy>=-0.02", -0.02, True),
        ("accuracy > -1", -0.02, True),
        ("accuracy.low < -0.05", -0.08, True),
        ("accuracy.low < -0.1", -0.08, False),
        (" accuracy.high  <  +0.05 ", 0.04, True),
        ("accuracy.high < 0", 0.04, False),
        ("B.accuracy < 0.8", 0.48, True),
        ("B.accuracy < 0.4", 0.48, False),
        ("B.accuracy >= 0.48", 0.48, True),
    ],
)
def test_gates(gate: str, value: float, fired: bool) -> None:
    verdict = judge(parse(gate), comparison(accuracy=FOUND))
    assert (verdict.gate, verdict.b, verdict.value, verdict.fired) == (gate.strip(), "two", value, fired)


def test_every_measure_can_have_a_gate() -> None:
    for name in COMPARED:
        assert parse(f"B.{name} < 1").measure == name


@pytest.mark.parametrize(
    "gate",
    [
        "", "accuracy", "accuracy <", "< 0", "accuracy < x", "accuracy == 0", "accuracy < 0 or 1", "accuracy < nan",
        "A.accuracy < 0", "B.accuracy.low < 0", "accuracy.mean < 0", "accuracy < 1_0", "accuracy < 0\nf1 < 0",
        "accuracy < ٣", "accuracy =< 0", "accuracy < 1 - 2", "__import__('os') < 0",
    ],
)  # fmt: skip
def test_what_is_no_gate_is_refused(gate: str) -> None:
    with pytest.raises(ConfigError, match=r'is no gate\. Write .*"accuracy < -0.02"') as caught:
        parse(gate)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["acuracy", "option_accuracy", "refused", "total_s"])
def test_an_unknown_measure_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} is not a measure .*Take one of {', '.join(COMPARED)}\."):
        parse(f"{name} < 0")


@pytest.mark.parametrize(
    ("gate", "problem"),
    [("f1 < 0", "no case"), ("B.f1 > 2", "no case"), ("f1.low < 0", "no case"), ("mrr@10.low < 0", "only one case")],
)
def test_a_gate_without_cases_is_an_error_and_no_pass(gate: str, problem: str) -> None:
    made = comparison(**{"mrr@10": Measured(a=0, b=1, difference=1, n=1, better=1)})
    with pytest.raises(DatasetError, match=f"{problem}.* in both one and two. Leave the gate out"):
        judge(parse(gate), made)
    assert judge(parse("mrr@10 < 0"), made).fired is False


# -- runs that do not fit, and damaged files --


def test_another_question_file_will_do_where_words_agree(tmp_path: Path, asked_file: Path) -> None:
    more = write_questions(tmp_path / "more.jsonl", [*ASKED, question("q5")])
    a = load_run(write_run(tmp_path / "a", rows_a(), asked_file))
    b = load_run(write_run(tmp_path / "b", [*rows_b(), refused(question("q5"))], more))
    made = compare(a, b, load_asked(a).questions)
    assert (made.shared, made.only_b, [one.name for one in made.different]) == (5, 1, ["questions"])
    assert load_asked(a).same
    assert not load_asked(a, more).same


Misfit = tuple[list[Question], list[Row], str]
OTHER = [one.model_copy(update={"question": "Who else?"}) for one in ASKED]
MISFITS: dict[str, Misfit] = {
    "words": (ASKED, [said(OTHER[0], "Mara.")], "'q1' has other words in .*b than in .*a. Compare runs of the same"),
    "ids": (ASKED, [said(question("q9"), "Mara.")], "have no question in common. Compare runs of the same"),
    "file": (OTHER, rows_b(), "'q1' has other words in the question file than in .*Pass .*--questions"),
    "lacks": (ASKED[2:], rows_b(), "lacks 2 of the questions .* such as 'q1'. Pass .*--questions"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_runs_of_other_questions_are_refused(tmp_path: Path, asked_file: Path, name: str) -> None:
    questions, rows, problem = MISFITS[name]
    a = load_run(write_run(tmp_path / "a", rows_a(), asked_file))
    b = load_run(write_run(tmp_path / "b", rows, asked_file))
    with pytest.raises(DatasetError, match=problem):
        compare(a, b, questions)


def test_a_question_file_that_was_moved_can_be_named(tmp_path: Path, asked_file: Path) -> None:
    run = load_run(write_run(tmp_path / "a", rows_a(), asked_file))
    moved = asked_file.rename(tmp_path / "moved.jsonl")
    with pytest.raises(DatasetError, match=r"questions.jsonl of .*a is not there. Pass it with --questions"):
        load_asked(run)
    assert load_asked(run, moved).questions == ASKED
    assert load_asked(run, moved).same


def test_a_half_written_row_does_not_count(tmp_path: Path, asked_file: Path) -> None:
    folder = write_run(tmp_path / "a", rows_a(), asked_file)
    with (folder / "answers.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "q5", "ques')
    assert list(load_run(folder).rows) == ["q1", "q2", "q3", "q4", "none"]


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("answers.jsonl", None, "holds no run: answers.jsonl is missing"),
        ("answers.jsonl", b"", "answers.jsonl is missing or empty"),
        ("answers.jsonl", b'{"id": "q1"}\n', "answers.jsonl, line 1: question: Field required"),
        ("answers.jsonl", b"\xff\xfe\n", "answers.jsonl, line 1: Invalid JSON"),
        ("run.json", None, "holds no run: run.json is missing"),
        ("run.json", b"{", "run.json cannot be read"),
        ("run.json", b"\xff", "run.json cannot be read"),
        ("run.json", b"[1]", "run.json cannot be read"),
        ("run.json", b'{"scope": "open"}', "run.json is damaged: questions: Field required"),
        ("run.json", b'{"questions": {"file": 1, "sha256": ""}}', "damaged: questions.file: Input should be"),
    ],
)
def test_damaged_files_are_named(
    tmp_path: Path, asked_file: Path, file: str, content: bytes | None, problem: str
) -> None:
    folder = write_run(tmp_path / "a", rows_a(), asked_file)
    (folder / file).unlink() if content is None else (folder / file).write_bytes(content)
    with pytest.raises(DatasetError, match=problem) as caught:
        load_run(folder)
    assert str(caught.value).endswith("Name a folder that `bot eval --out` wrote, or run it anew.")
    assert "\n" not in str(caught.value)


def test_what_is_no_folder_of_a_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "out" / "answers.jsonl").mkdir(parents=True)
    for name in ("none", "file", "out"):
        with pytest.raises(BotError, match=f"{name}.* `bot eval --out`"):
            load_run(tmp_path / name)


def test_times_that_say_nothing_are_left_out(tmp_path: Path, asked_file: Path) -> None:
    run = load_run(write_run(tmp_path / "a", rows_a(), asked_file))

    def total(seconds: float) -> dict[str, Row]:
        return {row.id: row.model_copy(update={"timings": Timings(total_s=seconds)}) for row in rows_a()}

    odd = compare(run, run._replace(rows=total(2) | {"q1": total(math.nan)["q1"]}), ASKED).timings["total_s"]
    assert (odd.n, odd.b) == (4, 2)
    none = compare(run._replace(rows=total(0)), run, ASKED).timings["total_s"]
    assert (none.n, none.a, none.ratio) == (5, 0, None)
