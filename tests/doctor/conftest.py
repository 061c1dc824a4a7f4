"""The command line in this process, and a data folder that has some of everything."""

import datetime as dt
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from samples import CHEESE, FERRY, STORM

from bot.cli import main
from bot.conversations import Conversations, folder_of
from bot.feedback import Feedback, Kept
from bot.llm.kept import Kept as KeptPassages
from bot.schema import Answer
from bot.users import Users
from bot.users.known import folder_name

MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="session")
def run_main(models_dir: Path) -> Run:
    """`main` with these words on the command line, the small model, and no variable of whoever runs the tests."""
    small = ("llm.model=smollm2-135m-instruct", "llm.spare_memory=true", "llm.threads=1", f"models_dir={models_dir}")
    flags = [word for setting in small for word in ("--set", setting)]

    def run(*words: object) -> Ended:
        logger = logging.getLogger()
        handlers, level = list(logger.handlers), logger.level
        logger.handlers[:] = []
        code: object = None
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("BOT_")]:
                patch.delenv(name)
            patch.setenv("COLUMNS", "200")
            patch.setattr(sys, "argv", ["bot", *flags, *map(str, words)])
            try:
                main()
            except SystemExit as ended:
                code = ended.code
            finally:
                logger.handlers[:] = handlers
                logger.setLevel(level)
        return Ended(int(str(code or 0)), "", "")

    return run


@pytest.fixture
def bot(run_main: Run, capsys: pytest.CaptureFixture[str]) -> Run:
    """The same, with what it printed."""

    def run(*words: object) -> Ended:
        capsys.readouterr()
        code = run_main(*words).code
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, run_main: Run, embedder_path: Path) -> Path:
    """A data folder with articles, conversations of two, a rating, a user, and what is made again by itself."""
    library, data = tmp_path_factory.mktemp("library"), tmp_path_factory.mktemp("filled")
    (library / "ferry.txt").write_text(f"date 2025-05-18\n{FERRY}", encoding="utf-8")
    (library / "storm.md").write_text(f"---\ntitle: The storm\ndate: 2025-06-01\n---\n{STORM}", encoding="utf-8")
    cheese = {"id": "cheese", "title": "Käse", "text": CHEESE, "source": "gazette", "url": "https://example.org/käse"}
    (library / "more.jsonl").write_text(f"{json.dumps(cheese)}\n", encoding="utf-8")
    assert run_main("--data-dir", data, "ingest", library).code == 0
    assert run_main("--data-dir", data, "ask", "What does a ferry ticket cost?").code == 0  # makes the BM25 index
    answer = Answer(question="What does it cost?", text="It costs 4 crowns.", model="fake")
    for user in ("", folder_name("Ada")):
        talks = Conversations(folder_of(data, user))
        talk = talks.add("", "What does it cost?", answer, at=MOMENT)
        talks.add(talk, "And when?", answer, at=MOMENT + dt.timedelta(minutes=1))
    rating = Feedback(
        at=MOMENT, good=False, question="Q", answer=answer, model="fake", settings={}, version="0", answered=MOMENT
    )
    Kept(data / "feedback.jsonl").add(rating)
    Kept(data / "feedback.jsonl").add(rating.model_copy(update={"question": "Another"}))
    Users(data, rounds=4).add("Ada", "a long password")
    kept = KeptPassages(data / "read", memory_bytes=0, disk_bytes=1 << 24)
    kept.put("key", b"x" * 100_000)
    kept.close()
    (data / "speed.json").write_text("{}", encoding="utf-8")
    (data / "config.toml").write_text("[answer]\nquick = true\n", encoding="utf-8")
    return data


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "data")
    return tmp_path / "data"
