"""`bot eval` with the small model on some samples: the same each time, stage by stage, and whole after kills."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import SMALL_LLM

from bot.articles import read_file
from bot.articles.sentences import split
from bot.config import PROJECT
from bot.schema import Article, Span

ARTICLES = ("kelsmouth-ferry-fares.txt", "lindaby-mayor-chatbot.txt")
ASKED = ("ferry-adult-fare", "chatbot-mayor", "none-france", "talk-fare-when")
KILLS = 3


class Place:
    """A folder with some of the samples, and the command in it."""

    def __init__(self, folder: Path, models_dir: Path) -> None:
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.seconds = 0.0  # that a whole run takes
        (folder / "articles").mkdir()
        for name in ARTICLES:
            source = PROJECT / "seeds" / "articles" / name
            (folder / "articles" / name).write_bytes(source.read_bytes())
            (article,) = read_file(source)
            assert isinstance(article, Article)
            self.texts[article.id] = article.text
        seeds = [PROJECT / "seeds" / f"{name}.jsonl" for name in ("questions", "conversations")]
        lines = [json.loads(line) for file in seeds for line in file.read_text("utf-8").splitlines()]
        self.questions = {line["id"]: line for line in lines if line["id"] in ASKED}
        self.questions["talk-fare-when"]["history"][0].pop("answer")  # so that it is asked for
        self.write("questions.jsonl", list(self.questions.values()))
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "BOT_MODELS_DIR": str(models_dir)}

    def write(self, name: str, questions: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(one) + "\n" for one in questions)
        (self.folder / name).write_text(text, encoding="utf-8")

    def command(self, out: str, data: str, *words: object, model: str = SMALL_LLM) -> list[str]:
        of_program = [
            "--data-dir",
            data,
            "--set",
            "llm.spare_memory=true",
            "--set",
            "cache.join=always",
            "--set",
            "llm.answer_tokens=48",
        ]
        of_eval = ["eval", "questions.jsonl", "--corpus", "articles", "--out", out, "--model", model]
        return [sys.executable, "-m", "bot", *of_program, *of_eval, *map(str, words)]

    def bot(self, out: str, data: str, *words: object, **given: str) -> "subprocess.CompletedProcess[str]":
        command = self.command(out, data, *words, **given)
        environment = self.environment | {"PYTHONPATH": str(PROJECT), "COLUMNS": "200"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done

    def rows(self, out: str) -> list[dict[str, Any]]:
        """Without what depends on the machine's load, and on what was read just before."""
        lines = (self.folder / out / "answers.jsonl").read_text("utf-8").split("\n")[:-1]
        rows = [json.loads(line) for line in lines]
        for row in rows:
            del row["timings"], row["tokens"]["reused"]
        return rows


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, models_dir: Path, small_llm_path: Path, embedder_path: Path
) -> Place:
    return Place(tmp_path_factory.mktemp("eval"), models_dir)


@pytest.fixture(scope="module")
def whole(place: Place) -> list[dict[str, Any]]:
    """The rows of a run that nothing disturbed."""
    began = time.monotonic()
    done = place.bot("whole", "data-whole")
    place.seconds = time.monotonic() - began
    assert re.search(r"^0 of 4 questions\n(.*\n)*4 of 4 questions\n", done.stderr, re.MULTILINE)
    assert not any(text in done.stderr for one in place.questions.values() for text in (one["question"], *one["gold"]))
    return place.rows("whole")


def test_a_run_is_the_same_wherever_it_is_broken_off_and_whatever_is_kept(
    place: Place, whole: list[dict[str, Any]]
) -> None:
    assert {row["id"] for row in whole} == set(ASKED)
    assert any(not row["refused"] for row in whole)
    place.bot("parts", "data-parts", "--limit", 2)
    assert place.rows("parts") == whole[:2]
    resumed = place.bot("parts", "data-parts")
    assert "2 of 4 questions\n" in resumed.stderr
    assert place.rows("parts") == whole


def test_kills_lose_nothing(place: Place, whole: list[dict[str, Any]]) -> None:
    chance, kept = random.Random(3), [0]
    environment = place.environment | {"PYTHONPATH": str(PROJECT)}
    for _ in range(KILLS):
        command = place.command("killed", "data-whole")  # what the model read is kept there
        process = subprocess.Popen(command, cwd=place.folder, env=environment, stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.1, 0.7) * place.seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        answers = place.folder / "killed" / "answers.jsonl"
        kept.append(answers.read_bytes().count(b"\n") if answers.exists() else 0)
    assert kept == sorted(kept)
    place.bot("killed", "data-whole")
    assert place.rows("killed") == whole
    names = {path.name for path in (place.folder / "killed").iterdir()}
    reports = {"report.json", "report.html", "report.md", "junit.xml"}
    assert names == {".lock", "answers.jsonl", "run.json", "store"} | reports


def test_search_alone_finds_and_shows_what_a_whole_run_does(place: Place, whole: list[dict[str, Any]]) -> None:
    place.write("questions.jsonl", [one for name, one in place.questions.items() if name != "talk-fare-when"])
    try:
        done = place.bot("search", "data-search", "--stage", "retrieve", model="/nowhere/none.gguf")
    finally:
        place.write("questions.jsonl", list(place.questions.values()))
    found = {row["id"]: row for row in place.rows("search")}
    for row in whole:
        if row["id"] in found:
            assert found[row["id"]]["evidence"] == row["evidence"]
            assert found[row["id"]]["retrieved"] == row["retrieved"]
    assert {(row["stage"], row["answer"], row["tokens"]["prompt"]) for row in found.values()} == {("retrieve", "", 0)}
    shown = [line.split()[0] for line in done.stdout.splitlines()[2:]]
    assert shown == [
        "hit@1", "hit@4", "hit@10", "recall@1", "recall@4", "recall@10", "mrr@10", "ndcg@10", "evidence_in_context",
        "retrieve_s_p50", "retrieve_s_p95",
    ]  # fmt: skip
    made = json.loads((place.folder / "search" / "run.json").read_text("utf-8"))
    assert (made["stage"], list(made["models"]), made["prompts"]) == ("retrieve", ["all-minilm-l6-v2"], {})


def test_the_model_alone_is_shown_the_gold_evidence(place: Place) -> None:
    done = place.bot("gold", "data-whole", "--stage", "answer")
    assert "1 of 4 questions have no evidence to show the model, and are skipped." in done.stderr
    rows = place.rows("gold")
    assert [row["id"] for row in rows] == [name for name in place.questions if name != "none-france"]
    for row in rows:
        evidence = [Span(article=one["article"], start=one["start"], end=one["end"])
                    for one in place.questions[row["id"]]["evidence"]]  # fmt: skip
        expected = {
            (one.article, start, end)
            for one in evidence
            for start, end in split(place.texts[one.article])
            if one.overlap(Span(article=one.article, start=start, end=end))
        }
        shown = {
            (run["article"], start, end)
            for run in row["evidence"]
            for start, end in split(place.texts[run["article"]])
            if run["start"] <= start and end <= run["end"]
        }
        assert shown == expected, row["id"]
        assert all(any(one["start"] < span.end and span.start < one["end"] for span in evidence)
                   for one in row["retrieved"])  # fmt: skip
    metrics = json.loads((place.folder / "gold" / "report.json").read_text("utf-8"))["metrics"]
    assert metrics["hit@1"] is metrics["evidence_in_context"] is metrics["retrieve_s_p50"] is None
    assert metrics["n"]["accuracy"] == len(rows)
    assert "hit@1" not in done.stdout


def test_repetitions_differ_where_words_are_drawn(place: Place) -> None:
    hot = ("--only", "chatbot-mayor", "--repeat", 3)
    command = place.command("drawn", "data-whole", *hot)
    at = command.index("eval")
    command[at:at] = ["--set", "llm.temperature=1.5", "--set", "answer.min_answerable=0"]
    environment = place.environment | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=place.folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "llm.temperature is 0" not in done.stderr
    assert "sd of repetitions" in done.stdout
    rows = place.rows("drawn")
    assert [row["repeat"] for row in rows] == [0, 1, 2]
    written = {json.dumps([row["said"], row["unsupported"], row["tokens"]]) for row in rows}
    assert len(written) > 1


def test_a_public_set_is_run_from_its_own_files(place: Place) -> None:
    text = "The Orlow ferry carries 40 people. Its captain is Ida Vance."
    asked = {"id": "q1", "question": "Who is the captain?", "is_impossible": False}
    answers = [{"text": "Ida Vance", "answer_start": text.index("Ida")}]
    paragraph = {"context": text, "qas": [asked | {"answers": answers}]}
    made = {"version": "v2.0", "data": [{"title": "Ferry", "paragraphs": [paragraph]}]}
    (place.folder / "dev.json").write_text(json.dumps(made), encoding="utf-8")
    command = place.command("of-squad", "data-squad", "--stage", "retrieve")
    at = command.index("questions.jsonl")
    command[at : at + 3] = ["dev.json", "--form", "squad"]
    environment = place.environment | {"PYTHONPATH": str(PROJECT)}
    for _ in range(2):
        subprocess.run(command, cwd=place.folder, env=environment, capture_output=True, check=True, timeout=600)
    (row,) = place.rows("of-squad")
    assert row["retrieved"][0]["article"] == "Ferry"
    metrics = json.loads((place.folder / "of-squad" / "report.json").read_text("utf-8"))["metrics"]
    assert metrics["evidence_in_context"] == 1.0
    wrong = [*command[:at], "questions.jsonl", *command[at + 3 :]]
    done = subprocess.run(wrong, cwd=place.folder, env=environment, capture_output=True, text=True, timeout=600)
    assert (done.returncode, "--corpus" in done.stderr) == (2, True)
