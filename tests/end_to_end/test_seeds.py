"""The whole bot with the default model on the sample articles, as a newcomer runs it: through the command line.

An answer takes ten seconds on a slow machine, so some of the seeds' questions and conversations are asked, and all of
them under `make soak`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from soak import SOAKING, rounds

from bot.articles import read_file
from bot.config import PROJECT
from bot.evaluate.cases import load_questions
from bot.evaluate.metrics import accuracy

pytestmark = pytest.mark.rounds

SEEDS = PROJECT / "seeds"

# Well under what the default model reached when this was written (docs/experiments.md): a fall below means that
# something broke, not that an answer was worded otherwise.
AT_LEAST = {
    "hit@4": 0.95 if SOAKING else 0.9,
    "evidence_in_context": 0.9,
    "accuracy": 0.6,
    "citation_hit": 0.6,
    "refusal_recall": 0.3,
}
AT_MOST = {"false_refusal": 0.2}

DAYS = {
    "fire-date": "9 March",
    "fire-oven-date": "12 March",
    "tram-vote-date": "10 February",
    "chatbot-off-date": "20 January",
    "tern-launch-date": "24 June",
}
# Days, articles that disagree, a period, a Yes or No, names, numbers; strange topics and near misses.
SOME = (
    *DAYS,
    *("flood-homes-latest", "fire-injured-first", "museum-opening-latest", "fire-cause-this-week", "hedda-captain"),
    *("rome-where", "chatbot-mayor", "cup-keeper", "tern-height"),
    *("none-france", "none-honey", "near-merle-price", "near-tern-rocket"),
)

GIVEN_TOO = ("talk-fare-children", "talk-cup-age", "talk-change-shrimp", "talk-none-rocket")
# The bot answers the earlier turns of the first itself, and goes on from there; those of the others are given.
TALKED = ("talk-fare-when", *(("talk-flood-dead", "talk-tram-when") if SOAKING else ()))
TALKED_ON = ("talk-tolvik-born", *(GIVEN_TOO if SOAKING else ()))
# Of the flood's two articles, the older has another figure and lies outside the period.
OF_TODAY = {
    "id": "talk-flood-today",
    "today": "2025-11-20",
    "history": [
        {"question": "What did the county publish today on the flood in Hallin?", "answer": "The final count."}
    ],
    "question": "How many people died?",
    "answers": ["three", "3"],
    "gold": ["velm-flood-final-count"],
    "answerable": True,
}
RIGHT = rounds(2, 6)  # of the three, or eight, that can be answered


def bot(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BOT_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "bot", *arguments]
    return subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=3600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the data folder of all runs: what the model read of the articles serves the next one, too."""
    return tmp_path_factory.mktemp("seeds")


def evaluate(folder: Path, questions: Path, name: str) -> Path:
    """The folder of a finished evaluation."""
    arguments = ("eval", str(questions), "--corpus", str(SEEDS / "articles"), "--out", str(folder / name))
    done = bot(folder / "data", *arguments)
    assert done.returncode == 0, done.stderr
    return folder / name


@pytest.fixture(scope="module")
def questions(folder: Path) -> Path:
    """The questions' file."""
    lines = (SEEDS / "questions.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    chosen = [line for line in lines if SOAKING or json.loads(line)["id"] in SOME]
    (file := folder / "questions.jsonl").write_text("".join(chosen), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def evaluated(folder: Path, questions: Path) -> Path:
    return evaluate(folder, questions, "out")


@pytest.fixture(scope="module")
def talked(folder: Path) -> Path:
    """Some of the seeds' conversations, and one about a period."""
    lines = (SEEDS / "conversations.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = [json.loads(line) for line in lines if json.loads(line)["id"] in (*TALKED, *TALKED_ON)]
    for one in chosen:
        if one["id"] in TALKED:
            one["history"] = [earlier["question"] for earlier in one["history"]]
    file = folder / "conversations.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in (*chosen, OF_TODAY)), encoding="utf-8")
    return evaluate(folder, file, "talked")


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "answers.jsonl").read_text(encoding="utf-8").splitlines()]


def test_measures_are_reached(evaluated: Path) -> None:
    metrics = json.loads((evaluated / "report.json").read_text(encoding="utf-8"))["metrics"]
    low = {name: metrics[name] for name, least in AT_LEAST.items() if metrics[name] < least}
    high = {name: metrics[name] for name, most in AT_MOST.items() if metrics[name] > most}
    assert not low
    assert not high
    assert metrics["answers_with_citation"] == 1.0


def test_every_quote_stands_in_its_article(evaluated: Path) -> None:
    texts = {article.id: article.text for path in sorted((SEEDS / "articles").iterdir()) for article in read_file(path)}
    citations = [citation for row in rows(evaluated) for citation in row["citations"]]
    assert citations
    for citation in citations:
        assert texts[citation["article"]][citation["start"] : citation["end"]] == citation["quote"]


def test_what_is_cited_was_shown_to_the_model(evaluated: Path) -> None:
    assert all(map(cites_what_was_shown, rows(evaluated)))


def cites_what_was_shown(row: dict[str, Any]) -> bool:
    """Whether all that the row's answer cites stands in what the model was shown."""
    return all(
        any(
            shown["article"] == citation["article"]
            and shown["start"] <= citation["start"]
            and citation["end"] <= shown["end"]
            for shown in row["evidence"]
        )
        for citation in row["citations"]
    )


def test_refusals_cite_nothing_and_say_so_plainly(evaluated: Path) -> None:
    for row in rows(evaluated):
        if row["refused"]:
            assert row["citations"] == []
            assert row["answer"].startswith(("The articles do not", "No article"))
        else:
            assert row["citations"]


def test_questions_for_a_day_get_it_where_the_article_says_on_monday(evaluated: Path) -> None:
    answers = {row["id"]: row["answer"] for row in rows(evaluated)}
    months = {id_: " ".join(reversed(day.split())) for id_, day in DAYS.items()}
    right = [id_ for id_ in DAYS if DAYS[id_] in answers[id_] or months[id_] in answers[id_]]
    assert len(right) >= len(DAYS) - 1, {id_: answers[id_] for id_ in DAYS}


def test_asking_again_goes_on_where_the_run_ended(evaluated: Path, questions: Path) -> None:
    before = (evaluated / "answers.jsonl").read_bytes()
    arguments = ("eval", str(questions), "--corpus", str(SEEDS / "articles"), "--out", str(evaluated))
    done = bot(evaluated.parent / "data", *arguments)
    assert done.returncode == 0, done.stderr
    assert (evaluated / "answers.jsonl").read_bytes() == before


def test_follow_ups_are_answered(talked: Path) -> None:
    asked = {one.id: one for one in load_questions(talked.parent / "conversations.jsonl")}
    said = {row["id"]: row["answer"] for row in rows(talked)}
    assert said.keys() == asked.keys()
    right = [id_ for id_, one in asked.items() if one.answerable and accuracy(said[id_], one.answers)]
    assert len(right) >= RIGHT, {id_: said[id_] for id_ in asked if id_ not in right}


def test_a_follow_up_is_answered_from_the_period_of_the_question_before(talked: Path) -> None:
    (row,) = (row for row in rows(talked) if row["id"] == OF_TODAY["id"])
    assert {one["article"] for one in row["retrieved"]} == {"velm-flood-final-count"}
    assert not row["refused"]


def test_follow_ups_cite_what_the_model_was_shown(talked: Path) -> None:
    for row in rows(talked):
        assert bool(row["citations"]) != row["refused"]
        assert cites_what_was_shown(row)
