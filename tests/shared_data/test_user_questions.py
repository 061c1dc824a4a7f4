"""The questions that our user asked first, of his own article, through the command line with the default model."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.config import PROJECT

FOLDER = PROJECT.parent / "shared" / "data" / "user_article"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no data folder beside the checkout")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    bot(folder, "ingest", str(FOLDER))
    return folder


def bot(data_dir: Path, *arguments: str) -> str:
    environment = os.environ | {"BOT_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "bot", *arguments]
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


def article_text() -> str:
    return next(FOLDER.glob("*.txt")).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Where did Vance and Rubio meet Zelenskyy?", ["rome"]),
        ("When will Trump speak to Putin by phone?", ["monday", "10:00"]),
        ("What hit a bus in northeastern Ukraine?", ["drone"]),
    ],
)
def test_answers_are_right_and_quotes_exact(data_dir: Path, question: str, words: list[str]) -> None:
    answer: dict[str, Any] = json.loads(bot(data_dir, "ask", question, "--json"))
    assert not answer["refused"]
    assert all(word in answer["text"].lower() for word in words), answer["text"]
    assert answer["citations"]
    for citation in answer["citations"]:
        assert citation["quote"] in article_text()
    quoted = " ".join(citation["quote"] for citation in answer["citations"]).lower()
    assert all(word in quoted for word in words), quoted


def test_what_the_article_does_not_hold_is_refused(data_dir: Path) -> None:
    answer = json.loads(bot(data_dir, "ask", "Who is the president of France?", "--json"))
    assert answer["refused"]
    assert answer["citations"] == []
