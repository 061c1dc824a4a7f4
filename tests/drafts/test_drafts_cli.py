"""`bot dataset make` and `bot dataset review` as programs, with the small model: plumbing, kill and go on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.evaluate.cases import check_evidence, load_questions
from drafts.library import BRIDGE, FERRY

SMALL_LLM = "smollm2-135m-instruct"
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def bot(models_dir: Path, folder: Path, *words: object) -> "Iterator[subprocess.Popen[str]]":
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "BOT_MODELS_DIR": str(models_dir), "COLUMNS": "200"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "bot", "--data-dir", str(folder / "data"), *map(str, words)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    for one in (BRIDGE, FERRY):
        (folder / f"{one.id}.txt").write_text(f"{one.title}\n\n{one.text}\n", encoding="utf-8")
    return folder


def whole_lines(*files: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in files if file.exists())


def test_it_drafts_is_killed_goes_on_and_the_evidence_is_exact(
    models_dir: Path, small_llm_path: Path, tmp_path: Path, articles: Path
) -> None:
    out, left = tmp_path / "q.jsonl", tmp_path / "q.left-out.jsonl"
    command = ("dataset", "make", "--from", articles, "--out", out, "--count", 9, "--model", SMALL_LLM)
    with bot(models_dir, tmp_path, "--set", "llm.spare_memory=true", *command) as process:
        end = time.monotonic() + 120
        while not whole_lines(out, left) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    before = whole_lines(out, left)
    assert before, process.stderr and process.stderr.read()
    with bot(models_dir, tmp_path, "--set", "llm.spare_memory=true", *command) as process:
        said, wrong = process.communicate(timeout=300)
        assert process.returncode == 0, wrong
    made = load_questions(out) if out.exists() else []
    assert f"{out} holds {len(made)} of 9." in said
    assert "Give more articles" in said, "there are fewer sentences than that"
    tried = [json.loads(line) for file in (out, left) if file.exists() for line in file.read_bytes().splitlines()]
    assert len({value["id"] for value in tried}) == len(tried) > before, "no sentence is drafted twice"
    texts = {one.id: f"{one.title}\n\n{one.text}" for one in (BRIDGE, FERRY)}
    spans = [span for value in tried for span in value["evidence"]]
    assert all(texts[span["article"]][span["start"] : span["end"]] == span["text"] for span in spans)
    check_evidence(made, texts)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("make --from {tmp}/nosuch --out {tmp}/q.jsonl", "no file or folder .*nosuch"),
        ("make --from {tmp} --out {tmp}/q.jsonl", "holds no articles. Name files"),
        ("make --from {tmp}/articles --out {tmp}/bad.jsonl", "bad.jsonl, line 1: .*Mend that line"),
        ("review {tmp}/nosuch.jsonl", "no file .*nosuch.jsonl. Draft one: bot dataset make"),
        ("review {tmp}/bad.jsonl", "bad.jsonl, line 1: .*Mend that line"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(
    models_dir: Path, tmp_path: Path, articles: Path, words: str, expected: str
) -> None:
    (tmp_path / "bad.jsonl").write_text("{}\n", encoding="utf-8")
    if "{tmp} " in words:
        for file in (*articles.iterdir(), tmp_path / "bad.jsonl"):
            file.unlink()
    with bot(models_dir, tmp_path, "dataset", *words.format(tmp=tmp_path).split()) as process:
        said, wrong = process.communicate(timeout=120)
    assert process.returncode in (1, 2)
    assert re.search(expected, wrong)
    assert (said, wrong.count("Error:")) == ("", 1)
    assert not (tmp_path / "q.jsonl").exists()


def test_the_review_is_served_and_ends(models_dir: Path, tmp_path: Path) -> None:
    draft = {"id": "d", "question": "Why?", "answerable": True, "draft": True}
    (tmp_path / "q.jsonl").write_text(json.dumps(draft) + "\n", encoding="utf-8")
    with bot(models_dir, tmp_path, "dataset", "review", tmp_path / "q.jsonl", "--port", 0) as process:
        assert process.stdout
        said = process.stdout.readline()
        found = re.fullmatch(r"The page is on (http://127\.0\.0\.1:\d+)\n", said)
        assert found, process.stderr and process.stderr.read()
        with urllib.request.urlopen(found[1], timeout=60) as answer:
            assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
            assert b"Citebot: drafts" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert json.loads((tmp_path / "q.jsonl").read_text(encoding="utf-8")) == draft
    (tmp_path / "q.jsonl").write_text('{"id": "d", "question": "Why?", "answerable": true}\n', encoding="utf-8")
    with bot(models_dir, tmp_path, "dataset", "review", tmp_path / "q.jsonl", "--port", 0) as process:
        assert "holds no drafts" in process.communicate(timeout=60)[0]
