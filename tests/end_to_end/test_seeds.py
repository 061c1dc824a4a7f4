"""The whole bot with the default model on the sample articles, as a newcomer runs it: through the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.articles import read_file
from bot.config import PROJECT

SEEDS = PROJECT / "seeds"

# Well under what the default model reached when this was written (docs/experiments.md): a fall below means that
# something broke, not that an answer was worded otherwise.
AT_LEAST = {"hit@4": 0.95, "evidence_in_context": 0.9, "accuracy": 0.6, "citation_hit": 0.6, "refusal_recall": 0.3}
AT_MOST = {"false_refusal": 0.2}


def bot(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BOT_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "bot", *arguments]
    return subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=3600)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished evaluation of all the seeds' questions."""
    folder = tmp_path_factory.mktemp("seeds")
    out = folder / "out"
    arguments = ("eval", str(SEEDS / "questions.jsonl"), "--corpus", str(SEEDS / "articles"), "--out", str(out))
    done = bot(folder / "data", *arguments)
    assert done.returncode == 0, done.stderr
    return out


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
    for row in rows(evaluated):
        for citation in row["citations"]:
            assert any(
                shown["article"] == citation["article"]
                and shown["start"] <= citation["start"]
                and citation["end"] <= shown["end"]
                for shown in row["evidence"]
            )


def test_refusals_cite_nothing_and_say_so_plainly(evaluated: Path) -> None:
    for row in rows(evaluated):
        if row["refused"]:
            assert row["citations"] == []
            assert row["answer"].startswith(("The articles do not", "No article"))
        else:
            assert row["citations"]


def test_questions_for_a_day_get_it_where_the_article_says_on_monday(evaluated: Path) -> None:
    days = {
        "fire-date": "9 March",
        "fire-oven-date": "12 March",
        "tram-vote-date": "10 February",
        "chatbot-off-date": "20 January",
        "tern-launch-date": "24 June",
    }
    answers = {row["id"]: row["answer"] for row in rows(evaluated)}
    months = {id_: " ".join(reversed(day.split())) for id_, day in days.items()}
    right = [id_ for id_ in days if days[id_] in answers[id_] or months[id_] in answers[id_]]
    assert len(right) >= len(days) - 1, {id_: answers[id_] for id_ in days}


def test_asking_again_goes_on_where_the_run_ended(evaluated: Path) -> None:
    before = (evaluated / "answers.jsonl").read_bytes()
    arguments = ("eval", str(SEEDS / "questions.jsonl"), "--corpus", str(SEEDS / "articles"), "--out", str(evaluated))
    done = bot(evaluated.parent / "data", *arguments)
    assert done.returncode == 0, done.stderr
    assert (evaluated / "answers.jsonl").read_bytes() == before
