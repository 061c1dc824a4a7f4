"""`bot report` over a run's folder: with its own store, without a model, and where the question file has moved."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.config import PROJECT, Settings
from bot.embed import LlamaEmbedder
from bot.evaluate.run import ANSWERS, META, make_row
from bot.ingest import Ingester
from bot.store import Signature, Store

from .library import TEXT, citation, make_answer, question


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """One question, answered; the question file lies beside the run."""
    one = question("q")
    line = one.model_dump_json(exclude_none=True)
    (tmp_path / "questions.jsonl").write_text(line + "\n", encoding="utf-8")
    asked = {"file": str(tmp_path / "questions.jsonl"), "sha256": hashlib.sha256(line.encode() + b"\n").hexdigest()}
    out = tmp_path / "run"
    out.mkdir()
    (out / META).write_text(json.dumps({"questions": asked}), encoding="utf-8")
    row = make_row(one, make_answer(one.question, "Mara.", 1, citation(0, 30)))
    (out / ANSWERS).write_text(row.model_dump_json() + "\n", encoding="utf-8")
    return out


def report(tmp_path: Path, *words: object, models: Path | None = None) -> "subprocess.CompletedProcess[str]":
    known = {"BOT_DATA_DIR": str(tmp_path / "data"), "BOT_MODELS_DIR": str(models or tmp_path), "COLUMNS": "400"}
    command = [sys.executable, "-m", "bot", "report", *map(str, words)]
    return subprocess.run(command, env=os.environ | known, cwd=PROJECT, capture_output=True, text=True)


def test_the_articles_are_those_of_the_runs_own_store(
    run: Path, tmp_path: Path, embedder: LlamaEmbedder, models_dir: Path
) -> None:
    (tmp_path / "coast.txt").write_text(f"{TEXT}\n\nThe harbour lies to the north.", encoding="utf-8")
    made = Signature(
        embedder="another", embedder_sha256="1" * 64, dimension=embedder.dimension, chunk_tokens=embedder.max_tokens
    )
    store = Store(run / "store", made)
    Ingester(store, embedder, Settings().chunk.max_tokens).ingest([tmp_path / "coast.txt"])
    assert store.articles(["coast"])
    store.close()
    done = report(tmp_path, run, models=models_dir)
    assert (done.returncode, done.stderr) == (0, "")
    html = (run / "report.html").read_text(encoding="utf-8")
    assert "The harbour lies to the north." in html
    assert "option_accuracy" in html
    assert sorted(path.name for path in run.glob("*report*")) == ["report.html", "report.md"]
    assert (run / "junit.xml").is_file()


def test_without_models_it_says_what_is_missing(run: Path, tmp_path: Path) -> None:
    done = report(tmp_path, run, "--junit", tmp_path / "out.xml", "--md", tmp_path / "out.md")
    assert done.returncode == 0
    assert "Without option_accuracy and the articles' texts:" in done.stderr
    assert done.stdout == f"Wrote {tmp_path / 'out.md'}\nWrote {tmp_path / 'out.xml'}\n"
    assert not (run / "report.html").exists()


def test_a_question_file_that_moved_is_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").rename(tmp_path / "moved.jsonl")
    done = report(tmp_path, run)
    assert done.returncode == 2
    assert "Pass it with --questions FILE" in done.stderr
    assert report(tmp_path, run, "--questions", tmp_path / "moved.jsonl").returncode == 0
    assert (run / "report.html").is_file()


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    done = report(tmp_path, tmp_path)
    assert done.returncode == 2
    assert "holds no run" in done.stderr
