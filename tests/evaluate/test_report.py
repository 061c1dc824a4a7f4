"""report: measures over the right questions, against a report worked by hand; what a run records about itself."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bot import __version__
from bot.errors import DatasetError
from bot.evaluate.cases import Question
from bot.evaluate.curve import calibration_error, risk_area, roc_area
from bot.evaluate.intervals import interval, interval_of
from bot.evaluate.metrics import Supports
from bot.evaluate.report import (
    MEASURES,
    check_fields,
    group_table,
    report,
    revision,
    run_meta,
    score,
    table,
    write_report,
)  # fmt: skip
from bot.evaluate.run import Row, RowCitation, make_row
from bot.schema import Answer, Timings, Tokens

from .library import citation, make_answer, passage, question


def by_name(texts: list[str]) -> NDArray[np.float32]:
    """Unit vectors (n, 2): along the first axis if Mara is named, else along the second."""
    return np.array([(1, 0) if "Mara" in text else (0, 1) for text in texts], dtype=np.float32)


def refusal(asked: str) -> Answer:
    return make_answer(asked, "The articles do not say who Mara is.", refused=True, reason="not_answered", evidence=())


def timed(total_s: float, first_token_s: float | None = None, reused: int = 0) -> dict[str, Any]:
    checked_s = None if first_token_s is None else 0.75
    timings = Timings(retrieve_s=0.5, checked_s=checked_s, first_token_s=first_token_s, total_s=total_s)
    return {"timings": timings, "tokens": Tokens(prompt=100, reused=reused, answer=10)}


def cases() -> tuple[list[Question], list[Row]]:
    """Five questions and what was answered; the places are in library.py, evidence is coast 0–30."""
    found_first = (passage("coast", 0, 62), passage("inland", 0, 20))
    told = [
        # right, both sentences cited: 0–30 hits all, 31–41 lies beside the evidence: precision 30/40
        (question("right"), "Mara keeps it.", 2, [citation(0, 30), citation(31, 41, 2, 1)], timed(1, 0.5)),
        # wrong, the second sentence without a citation: 15–45 holds half of the evidence, half of it is evidence
        (question("wrong"), "Ivo.", 2, [citation(15, 45)], timed(2, 1.5, 40) | {"retrieved": found_first}),
        # no gold article, evidence or distractors: a case for accuracy and f1 alone; it cites nothing
        (question("bare", gold=[], evidence=[], distractors=[]), "Mara or Ivo", 1, [], timed(3, 2.5)),
    ]
    pairs = [(one, make_answer(one.question, text, n, *cited, **more)) for one, text, n, cited, more in told]
    for name, answerable in (("shy", True), ("absent", False)):
        pairs.append((question(name, answerable), refusal(name).model_copy(update=timed(4))))
    pairs.append((question("bold", False), make_answer("bold", "Mara.", 1, citation(0, 5), **timed(5, 4.5))))
    rows = [make_row(one, answer) for one, answer in pairs]
    likely = {"right": 0.9, "wrong": 0.6, "bare": 0.3, "shy": 0.5, "absent": 0.5, "bold": 0.2}
    return [one for one, _ in pairs], [row.model_copy(update={"answerable": likely[row.id]}) for row in rows]


EXPECTED = {
    "hit@1": (1 / 3, 3),  # right, wrong, shy: only wrong has its gold article first
    "hit@4": (1, 3),
    "hit@10": (1, 3),
    "recall@1": (1 / 3, 3),
    "recall@4": (1, 3),
    "recall@10": (1, 3),
    "mrr@10": ((0.5 + 1 + 0.5) / 3, 3),
    "ndcg@10": ((2 / np.log2(3) + 1) / 3, 3),  # right and shy have it second
    "evidence_in_context": (2 / 3, 3),  # shy was shown nothing
    "accuracy": (2 / 4, 4),  # right and bare; the refusal names Mara, but is a refusal
    "f1": ((0.5 + 0 + 0.5 + 0) / 4, 4),  # "Mara keeps it" and "Mara or Ivo": P 1/3, R 1
    "rouge_l": (None, 0),  # Mara is one word
    "option_accuracy": (1 / 3, 3),
    "citation_hit": (2 / 3, 3),
    "citation_precision": ((30 / 40 + 15 / 30) / 2, 2),
    "citation_recall": ((1 + 15 / 30 + 0) / 3, 3),
    "alce_precision_own_judge": (None, 0),  # without a judge
    "alce_recall_own_judge": (None, 0),
    "answers_with_citation": (2 / 4, 4),  # right and bold of right, wrong, bare, bold
    "unsupported_rate": ((0 + 1 / 2 + 1 + 0) / 4, 4),  # those without a citation
    "refusal_recall": (1 / 2, 2),
    "false_refusal": (1 / 4, 4),
    "answerable_auroc": (6.5 / 8, 6),  # of 4 × 2 pairs 6 in the right order, shy and absent alike
    # surest first right is right, wrong wrong, bare right, bold wrong as the question is not answerable
    "answerable_aurc": ((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4, 4),
    # bins of one each (right, wrong, bare, bold), and shy and absent: half of them answerable, at .5
    "answerable_ece": ((0.1 + 0.4 + 0.7 + 0.2 + 2 * 0) / 6, 6),
    "retrieve_s_p50": (0.5, 6),
    "retrieve_s_p95": (0.5, 6),
    "checked_s_p50": (0.75, 4),
    "checked_s_p95": (0.75, 4),
    "first_token_s_p50": (2, 4),  # of 0.5, 1.5, 2.5, 4.5
    "first_token_s_p95": (4.2, 4),  # place .95 × 3 = 2.85 between 2.5 and 4.5
    "total_s_p50": (3.5, 6),  # of 1, 2, 3, 4, 4, 5
    "total_s_p95": (4.75, 6),  # place .95 × 5 = 4.75 between 4 and 5
    "prompt_tokens_p50": (100, 6),
    "reused_tokens_p50": (0, 6),
    "answer_tokens_p50": (10, 6),
}


def test_report_by_hand(tmp_path: Path) -> None:
    questions, rows = cases()
    made = report(rows, questions, {"seed": 0}, by_name)
    assert made["run"] == {"seed": 0}
    counts = made["metrics"].pop("n")
    assert made["metrics"] == {name: pytest.approx(value) for name, (value, _) in EXPECTED.items()}
    assert counts == {"questions": 6} | {name: n for name, (_, n) in EXPECTED.items()}


def test_the_refusal_curve_by_hand() -> None:
    questions, rows = cases()
    curve = report(rows, questions, {}, by_name)["refusal_curve"]
    assert [point["min_answerable"] for point in curve] == [step / 20 for step in range(21)]
    points = {point["min_answerable"]: (point["refusal_recall"], point["false_refusal"]) for point in curve}
    assert points[0] == points[0.2] == (1 / 2, 1 / 4)  # shy and absent were refused as they were asked
    assert points[0.25] == (1, 1 / 4)  # and now bold
    assert points[0.5] == (1, 2 / 4)  # bare
    assert points[1] == (1, 1)
    unknown = [row.model_copy(update={"answerable": None}) for row in rows]
    made = report(unknown, questions, {}, by_name)
    assert {(point["refusal_recall"], point["false_refusal"]) for point in made["refusal_curve"]} == {(1 / 2, 1 / 4)}
    assert made["metrics"]["answerable_auroc"] is None


def test_the_risk_coverage_curve_by_hand() -> None:
    questions, rows = cases()
    curve = report(rows, questions, {}, by_name)["risk_coverage"]
    assert [point["min_answerable"] for point in curve] == [step / 20 for step in range(21)]
    assert {point["n"] for point in curve} == {6}
    points = {point["min_answerable"]: (point["coverage"], point["answered"], point["risk"]) for point in curve}
    assert points[0] == points[0.2] == (4 / 6, 4, 2 / 4)  # all but the refused; wrong and bold are wrong
    assert points[0.25] == points[0.3] == (3 / 6, 3, 1 / 3)
    assert points[0.35] == points[0.6] == (2 / 6, 2, 1 / 2)
    assert points[0.9] == (1 / 6, 1, 0)
    assert points[1] == (0, 0, None)
    no_gold = [one.model_copy(update={"answers": ()}) for one in questions]
    assert {point["n"] for point in report(rows, no_gold, {}, by_name)["risk_coverage"]} == {2}
    unknown = [row.model_copy(update={"answerable": None}) for row in rows]
    made = report(unknown, questions, {}, by_name)
    assert {(point["coverage"], point["risk"], point["n"]) for point in made["risk_coverage"]} == {(None, None, 0)}
    assert (made["metrics"]["answerable_aurc"], made["metrics"]["answerable_ece"]) == (None, None)


@pytest.mark.parametrize(
    ("answers", "expected"),  # (probability, whether the answer is right)
    [
        ([(0.9, True), (0.5, False)], (0 + 1 / 2) / 2),
        ([(0.9, False), (0.5, True)], (1 + 1 / 2) / 2),
        ([(0.5, False), (0.5, True), (0.5, True)], 1 / 3),  # alike: none comes before another
        ([(0.9, True), (0.4, False), (0.4, True), (0.1, False)], (0 + 1 / 3 + 1 / 3 + 2 / 4) / 4),
        ([(0.3, True), (0.2, True)], 0),
    ],
)
def test_area_under_the_risk_coverage_curve(answers: list[tuple[float, bool]], expected: float) -> None:
    asked = [question(f"q{index}") for index in range(len(answers))]
    rows = [
        make_row(one, make_answer(one.question, "Mara." if right else "Ivo.")).model_copy(update={"answerable": sure})
        for one, (sure, right) in zip(asked, answers, strict=True)
    ]
    assert report(rows, asked, {}, by_name)["metrics"]["answerable_aurc"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("known", "expected"),  # (probability, whether the question is answerable)
    [
        ([(0.7, True), (0.65, False)], abs(1 - 1.35) / 2),  # one bin: .6 to .7, its end included
        ([(0.7, True), (0.71, False)], (0.3 + 0.71) / 2),  # two
        ([(0.0, False), (1.0, True)], 0),
        ([(0.0, True), (0.1, False)], abs(1 - 0.1) / 2),  # 0 is in the first
    ],
)
def test_calibration_error(known: list[tuple[float, bool]], expected: float) -> None:
    asked = [question(f"q{index}", answerable) for index, (_, answerable) in enumerate(known)]
    rows = [
        make_row(one, make_answer(one.question, "Mara.")).model_copy(update={"answerable": sure})
        for one, (sure, _) in zip(asked, known, strict=True)
    ]
    assert report(rows, asked, {}, by_name)["metrics"]["answerable_ece"] == pytest.approx(expected)


def test_everything_that_is_told_has_an_interval_and_its_cases() -> None:
    questions, rows = cases()
    made = report(rows, questions, {}, by_name)
    assert made["bootstrap"] == {"level": 0.95, "resamples": 2000, "seed": 0}
    assert list(made["intervals"]) == [name for name in made["metrics"] if name != "n"]
    assert made["intervals"].keys() == made["metrics"]["n"].keys() - {"questions"}
    for name, value in made["metrics"].items():
        assert name == "n" or (value is None) == (made["intervals"][name] is None), name
    assert made["intervals"]["accuracy"] == interval([1, 0, 1, 0])
    assert made["intervals"]["rouge_l"] is None
    for name, ends in made["intervals"].items():
        assert ends is None or ends[0] <= made["metrics"][name] <= ends[1], name


Area = Callable[[NDArray[np.float64], NDArray[np.float64]], float]
SPREAD = np.random.default_rng(3)
SURE = SPREAD.random(60).round(1)  # with ties
TRUE = (SPREAD.random(60) < SURE).astype(float)


@pytest.mark.parametrize(("of", "by_hand"), [
    (roc_area, lambda sure, true: np.mean(
        [(a > b) + (a == b) / 2 for a in sure[true == 1] for b in sure[true == 0]]
    )),
    (risk_area, lambda sure, wrong: np.mean([wrong[sure >= one].mean() for one in sure])),
    (calibration_error, lambda sure, true: sum(
        abs((true[part] - sure[part]).sum()) / len(sure)
        for low in np.arange(10) / 10
        for part in [(sure > low + 1e-9) & (sure <= low + 0.1 + 1e-9) | ((low == 0) & (sure == 0))]
    )),
])  # fmt: skip
def test_areas_and_their_intervals_are_what_loops_give(of: Area, by_hand: Area) -> None:
    assert of(SURE, TRUE) == pytest.approx(by_hand(SURE, TRUE))
    rows = [np.array([[sure, true]]) for sure, true in zip(SURE, TRUE, strict=True)]
    ends = interval_of(rows, lambda samples: np.array([of(one[:, 0], one[:, 1]) for one in samples]))
    drawn = np.random.default_rng(0).integers(0, 60, size=(2000, 60))[:400]
    assert ends == pytest.approx(np.percentile([by_hand(SURE[one], TRUE[one]) for one in drawn], (2.5, 97.5)), abs=0.03)


def test_questions_that_were_asked_again_are_drawn_with_all_their_rows() -> None:
    """So that to ask again makes no interval narrower."""
    values = np.random.default_rng(5).random(40)
    median = lambda samples: np.percentile(samples[:, :, 0], 50, axis=1)  # noqa: E731
    once = interval_of([np.array([[value]]) for value in values], median)
    again = interval_of([np.array([[value]] * 5) for value in values], median)
    assert once is not None
    assert again is not None
    assert again[1] - again[0] > 0.8 * (once[1] - once[0])
    apart = interval_of([np.array([[value]]) for value in np.repeat(values, 5)], median)
    assert apart is not None
    assert apart[1] - apart[0] < 0.6 * (once[1] - once[0])


def test_samples_without_a_number_are_left_out() -> None:
    assert interval_of([], lambda samples: samples[:, 0, 0]) is None
    assert interval_of([np.ones((1, 2))], lambda samples: np.full(len(samples), np.nan)) is None


def test_groups_by_hand() -> None:
    questions, rows = cases()
    kinds: list[object] = ["who", "who", ["a", "b"], None, 7, 7]
    extra = [
        Question.model_validate({**one.model_dump(), **({} if kind is None else {"kind": kind})})
        for one, kind in zip(questions, kinds, strict=True)
    ]
    made = report(rows, extra, {}, by_name, by=["kind", "answerable"])["groups"]
    assert {value: group["n"]["questions"] for value, group in made["kind"].items()} == {
        "7": 2, '["a", "b"]': 1, "null": 1, "who": 2,
    }  # fmt: skip
    assert (made["kind"]["who"]["accuracy"], made["kind"]["who"]["n"]["accuracy"]) == (1 / 2, 2)
    assert made["kind"]["who"]["intervals"]["accuracy"] == interval([1, 0])
    assert (made["kind"]["7"]["accuracy"], made["kind"]["7"]["n"]["accuracy"]) == (None, 0)
    assert made["answerable"]["true"]["false_refusal"] == 1 / 4
    assert made["answerable"]["false"]["refusal_recall"] == 1 / 2
    lines = {cells[0]: cells[1:] for cells in group_table(made["answerable"])}
    assert lines["refusal_recall"] == ("0.500 (2)", "– (0)")
    assert lines["answers_with_citation"] == ("1.000 (1)", "0.333 (3)")
    assert "rouge_l" not in lines
    assert report(rows, questions, {}, by_name)["groups"] == {}


def test_groups_need_a_field_that_a_question_has() -> None:
    questions, rows = cases()
    check_fields(questions, ["answerable"])
    with pytest.raises(DatasetError, match="'kind'. Group by one of answerable"):
        report(rows, questions, {}, by_name, by=["kind"])


def test_a_judge_sees_each_sentence_with_its_citations() -> None:
    seen: list[tuple[str, str, list[str]]] = []

    def judge(asked: Question) -> Supports[RowCitation]:
        def supports(text: str, quotes: Sequence[RowCitation]) -> bool:
            seen.append((asked.id, text, [quote.quote for quote in quotes]))
            return quotes[0].start == 0

        return supports

    answer = make_answer("q1", "Mara. Ivo.", 2, citation(0, 4), citation(31, 34, 2, 1))
    row = make_row(question("q1"), answer).model_copy(update={"said": ("Mara.", "Ivo.")})
    made = report([row], [question("q1")], {}, by_name, judge=judge)["metrics"]
    assert (made["alce_recall_own_judge"], made["alce_precision_own_judge"]) == (1 / 2, 1 / 2)
    assert seen[:2] == [("q1", "Mara.", ["Mara"]), ("q1", "Ivo.", ["Ivo"])]
    for update in ({"said": ()}, {"refused": True}):  # a row of an earlier version; a refusal
        assert "alce_recall_own_judge" not in score(question("q1"), row.model_copy(update=update), by_name, judge)


JUDGED = {"alce_precision_own_judge", "alce_recall_own_judge"}
LONG_GOLD = "Mara keeps the old lighthouse on the coast, and has for many years."  # 13 words


@pytest.mark.parametrize(
    ("golds", "refused", "expected"),
    [
        ([LONG_GOLD], False, 2 * 5 / (5 + 13)),
        ([LONG_GOLD], True, 0),
        ([LONG_GOLD, "?"], False, 2 * 5 / (5 + 13)),
        ([LONG_GOLD, "Mara"], False, None),  # a short answer will do
        (["Mara keeps the old lighthouse on the coast, and has since"], False, None),  # 11 words
    ],
)
def test_rouge_l_is_for_long_answers(golds: list[str], refused: bool, expected: float | None) -> None:
    one = question("q1", answers=golds)
    answer = make_answer("q1", "Mara keeps the old lighthouse.", refused=refused)
    assert score(one, make_row(one, answer), by_name).get("rouge_l") == expected


@pytest.mark.parametrize(
    ("kept", "left_out", "expected"),
    [(1, ("Ivo sings.",), 1 / 2), (0, ("Ivo sings.",), 1), (0, (), None)],
)
def test_unsupported_rate_counts_what_was_left_out(
    kept: int, left_out: tuple[str, ...], expected: float | None
) -> None:
    cited = [citation(0, 4)][:kept]
    answer = make_answer("q1", "Mara.", kept, *cited, dropped_sentences=left_out, refused=not kept)
    row = make_row(question("q1"), answer)
    assert score(question("q1"), row, by_name).get("unsupported_rate") == expected


def test_measures_without_cases_are_null(tmp_path: Path) -> None:
    made = report([], [], {}, by_name)
    assert {value for name, value in made["metrics"].items() if name != "n"} == {None}
    assert set(made["metrics"]["n"].values()) == {0}
    write_report(tmp_path / "report.json", made)
    assert json.loads((tmp_path / "report.json").read_text())["metrics"]["accuracy"] is None


def test_only_questions_with_a_row_count() -> None:
    questions, rows = cases()
    assert report(rows[:2], questions, {}, by_name) == report(rows, questions[:2], {}, by_name)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (  # whatever gold it names
            {"answerable": False},
            set(MEASURES) - {"answers_with_citation", "unsupported_rate", "refusal_recall", *JUDGED},
        ),
        ({"answers": []}, {"accuracy", "f1", "rouge_l", "option_accuracy", "refusal_recall"}),
        ({"answers": ["The", "?"]}, {"accuracy", "f1", "rouge_l", "option_accuracy", "refusal_recall"}),
        ({"answers": ["The", LONG_GOLD]}, {"refusal_recall"}),
        ({"distractors": []}, {"option_accuracy", "refusal_recall"}),
        (
            {"gold": []},
            {name for name in MEASURES if name.startswith(("hit@", "recall@", "mrr@"))} | {"refusal_recall"},
        ),
        (
            {"evidence": []},
            {
                "ndcg@10",
                "evidence_in_context",
                "citation_hit",
                "citation_precision",
                "citation_recall",
                "refusal_recall",
            },
        ),
    ],
)
def test_what_a_question_is_a_case_for(given: dict[str, Any], missing: set[str]) -> None:
    one = question("q1", answers=[LONG_GOLD]).model_copy(update=given)
    row = make_row(one, make_answer("q1", "Mara.", 1, citation(0, 5)))
    assert set(MEASURES) - set(score(one, row, by_name, lambda _: lambda text, quotes: True)) == missing


def test_table_rows_are_ready_to_print() -> None:
    questions, rows = cases()
    made = report(rows, questions, {}, by_name)
    lines, ece = {name: cells for name, *cells in table(made)}, made["intervals"]["answerable_ece"]
    assert list(lines) == list(EXPECTED)
    assert lines["accuracy"] == ["0.500", "0.000 to 1.000", "4"]
    assert lines["total_s_p95"] == ["4.75 s", "3.75 to 5.00 s", "6"]
    assert lines["answerable_ece"] == ["0.233", f"{ece[0]:.3f} to {ece[1]:.3f}", "6"]
    assert lines["prompt_tokens_p50"][::2] == ["100", "6"]
    assert ("hit@1", "–", "", "0") in table(report([], [], {}, by_name))


def test_a_report_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_report(path, {"run": {"model": "Käthe"}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_report(path, {"run": {"model": float("nan")}})
    assert json.loads(path.read_text(encoding="utf-8")) == {"run": {"model": "Käthe"}}
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]
    with pytest.raises(DatasetError, match="cannot be written: No such file"):
        write_report(tmp_path / "none" / "report.json", {})


def test_run_meta_records_what_the_outcome_depends_on(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("questions.jsonl", "corpus.jsonl", "answer.md")}
    for name, path in files.items():
        path.write_text(name)
    sums = {name: hashlib.sha256(name.encode()).hexdigest() for name in files}
    meta = run_meta(
        {"llm.seed": 3}, {"small": "00aa"}, files["questions.jsonl"], files["corpus.jsonl"], 3, [files["answer.md"]]
    )
    assert (meta["settings"], meta["models"], meta["seed"]) == ({"llm.seed": 3}, {"small": "00aa"}, 3)
    assert meta["questions"] == {"file": str(files["questions.jsonl"]), "sha256": sums["questions.jsonl"]}
    assert meta["corpus"]["sha256"] == sums["corpus.jsonl"]
    assert meta["prompts"] == {"answer.md": sums["answer.md"]}
    assert meta["packages"]["numpy"] == np.__version__
    assert meta["time"].endswith("+00:00")
    assert meta == json.loads(json.dumps(meta))
    with pytest.raises(DatasetError, match="cannot be read"):
        run_meta({}, {}, tmp_path / "none.jsonl", None, 0)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def dirtied(folder: Path, changes: Sequence[tuple[str, str]]) -> str:
    for name, text in changes:
        (folder / name).write_text(text)
    return revision(folder)


def test_revision_marks_changes_to_what_makes_answers(tmp_path: Path) -> None:
    assert revision(tmp_path) == __version__
    git(tmp_path, "init", "-q")
    assert revision(tmp_path) == __version__  # no commit yet
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "cite.py").write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "First")
    clean = revision(tmp_path)
    assert len(clean) == 40
    assert dirtied(tmp_path, [("notes.txt", "mine")]) == clean
    second, third = (dirtied(tmp_path, [("bot/cite.py", text)]) for text in ("two", "three"))
    assert second.startswith(f"{clean}+dirty.")
    assert second != third != clean
    assert dirtied(tmp_path, [("bot/cite.py", "one"), ("bot/new.py", "")]).startswith(f"{clean}+dirty.")
