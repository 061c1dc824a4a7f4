"""bench/results.py: a page of whole runs, which says what is missing; asks under the defaults and goes on."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from samples import FERRY, SMALL_LLM

from bot.config import PROJECT, Settings, flatten
from bot.evaluate import Question, load_questions, run, run_meta
from bot.schema import Answer, Filters, Trace, Turn

from .library import make_answer


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two sets of one article, of two questions and of one, and a third folder that lacks its corpus."""
    data = tmp_path / "data"
    asked = [
        {"id": "ticket", "question": "What does a single ticket cost?", "answers": ["4 crowns"], "gold": ["ferry"],
         "answerable": True},
        {"id": "moon", "question": "Who painted the moon?", "answerable": False},
    ]  # fmt: skip
    for name, count in (("one", 2), ("two", 1), ("three", 1)):
        (data / name).mkdir(parents=True)
        (data / name / "questions.jsonl").write_text("\n".join(map(json.dumps, asked[:count])), encoding="utf-8")
        article = {"id": "ferry", "title": "Ferry", "text": FERRY}
        (data / name / "corpus.jsonl").write_text(json.dumps(article), encoding="utf-8")
    (data / "three" / "corpus.jsonl").unlink()
    return data


def made(data: Path, name: str, questions: Sequence[Question], refused: bool = False, **changed: object) -> None:
    """A run of these questions, answered rightly or `refused`, in the folder where it belongs."""
    file = data / name / "questions.jsonl"
    settings = flatten(Settings()) | changed
    meta = run_meta(settings, {"small": "0" * 64}, file, None, seed=0) | {"revision": "abc123"}

    def ask(asked: str, history: Sequence[Turn], filters: Filters) -> Answer:
        told = Trace(searched=asked, filters=Filters(), min_support=0.4, min_answerable=0.15, answerable=0.32)
        if refused:
            return make_answer(asked, "", 0, refused=True, reason="not_answered", trace=told)
        return make_answer(asked, "It costs 4 crowns.", 1, trace=told)

    run(questions, ask, data.parent / "runs" / name, meta, "open")


def results(data: Path, *words: str, **environ: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, str(PROJECT / "bench" / "results.py"), "--data", "data", "--runs", "runs", *words],
        cwd=data.parent,
        env={"PATH": os.environ["PATH"], "HOME": str(data.parent), "PYTHONPATH": str(PROJECT), **environ},
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.returncode, done.stdout, done.stderr


def test_whole_runs_make_tables_and_the_others_are_told(sets: Path) -> None:
    questions = load_questions(sets / "one" / "questions.jsonl")
    made(sets, "one", questions, **{"retrieve.characters": 1200, "chat.port": 1})
    code, out, err = results(sets, "--no-ask", "one", "two", "three", "four")
    assert code == 0, err
    assert "2 questions, 1 of them answerable, over 1 articles." in out
    assert "| revision | abc123 |" in out
    assert "| settings | retrieve.characters = 1200 |" in out  # the port changes no answer
    assert re.search(r"\| `accuracy` \| 1.000 \| 1.000 to 1.000 \| 1 \| (1.000 \| –|– \| 1.000) \|", out)
    assert re.search(r"\| `total_s_p50` \| 2.50 s \| [\d.]+ to [\d.]+ s \| 2 \|", out)
    curve = out.split("Refusals, had")[1].splitlines()
    assert "| `answer.min_answerable` | 0.00 | 0.35 |" in curve
    assert "| `refusal_recall` | 0.000 | 1.000 |" in curve
    assert "`bot eval data/one/questions.jsonl --corpus data/one/corpus.jsonl --out runs/one`" in out
    assert "option_accuracy" not in out  # no case
    left = out.split("## Not measured")[1]
    assert "`two`: runs/two holds no run" in left
    assert "`three`: corpus.jsonl missing in data/three." in left
    assert "`four`: questions.jsonl and corpus.jsonl missing in data/four." in left


def test_a_set_is_measured_anew_and_the_others_tables_stay(sets: Path) -> None:
    made(sets, "one", load_questions(sets / "one" / "questions.jsonl"))
    made(sets, "two", load_questions(sets / "two" / "questions.jsonl"))
    words = ("--no-ask", "--write", "page.md")
    assert results(sets, *words, "two", "four")[0] == 0
    file = sets.parent / "page.md"
    file.write_text(file.read_text(encoding="utf-8").replace("abc123", "an older one"), encoding="utf-8")
    assert results(sets, *words, "one")[0] == 0
    head, one, two = file.read_text(encoding="utf-8").split("\n## ")
    assert head.startswith("# Results\n")
    assert one.startswith("one\n")
    assert "| revision | abc123 |" in one
    assert two.startswith("two\n")
    assert "| revision | an older one |" in two
    before = file.read_text(encoding="utf-8")
    assert results(sets, *words, "one", "two")[0] == 0
    assert file.read_text(encoding="utf-8") == before.replace("an older one", "abc123"), "nothing grows"


def test_what_was_asked_again_without_the_limit_makes_the_curve_whole(sets: Path) -> None:
    questions = load_questions(sets / "one" / "questions.jsonl")
    made(sets, "one", questions, refused=True)
    (sets / "one.refused").symlink_to(sets / "one")
    out = results(sets, "--no-ask", "one")[1]
    assert "Refusals, had" not in out, "all are refused at any limit"
    made(sets, "one.refused", questions)
    out = results(sets, "--no-ask", "one")[1]
    assert "what the run refused for it was asked again" in out
    assert "| `refusal_recall` | 0.000 | 1.000 |" in out
    assert re.search(r"\| `refusal_recall` \| 1.000 \| 1.000 to 1.000 \|", out), "the measure is the run's"


def test_a_run_that_lacks_answers_or_is_of_other_questions_makes_no_table(sets: Path) -> None:
    questions = load_questions(sets / "one" / "questions.jsonl")
    made(sets, "one", questions[:1])
    code, out, err = results(sets, "--no-ask", "one")
    assert (code, out) == (1, "")
    assert "1 of 2 questions have no answer yet" in err
    with (sets / "one" / "questions.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    assert "was asked from another question file" in results(sets, "--no-ask", "one")[2]


def test_what_has_no_answer_is_asked_under_the_defaults_and_then_written(
    sets: Path, models_dir: Path, small_llm_path: Path, embedder_path: Path
) -> None:
    (sets.parent / "runs" / "data").mkdir(parents=True)
    words = ("one@article", "--write", "page.md", "--set", f"llm.model={SMALL_LLM}", "--set", "llm.spare_memory=true")
    asked = (*words, "--set", "llm.answer_tokens=16", "--set", "llm.threads=1", "--set", "answer.min_answerable=1")
    for _ in range(2):
        code, _, err = results(sets, *asked, BOT_MODELS_DIR=str(models_dir), BOT_RETRIEVE_CHARACTERS="300")
        assert code == 0, err
        page = (sets.parent / "page.md").read_text(encoding="utf-8")
        assert f"| settings | llm.model = {SMALL_LLM}, llm.answer_tokens = 16, llm.threads = 1, llm.spare_memory = True"
        assert "retrieve.characters" not in page, "a variable is no default"
        assert "in all, " in page
        assert f"`bot --set llm.model={SMALL_LLM} " in page
        assert " --corpus data/one/corpus.jsonl --scope article --out runs/one@article`" in page
        assert "what the run refused for it was asked again" in page
        assert re.search(r"\n\d+ citations, 0 of them not the article's words", page)
    for folder in ("one@article", "one@article.refused"):
        assert len((sets.parent / "runs" / folder / "answers.jsonl").read_text().splitlines()) == 2
