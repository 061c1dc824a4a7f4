"""A run in a process of its own, that a test kills; `asked` gets a line for each question that is asked."""

import time
from pathlib import Path

from bot.evaluate.run import run

from .library import question
from .test_run import META, Desk

QUESTIONS = 400
REPEAT = 2
SECONDS = 0.01  # that an answer takes


def run_slowly(out: Path, asked: Path, seconds: float = SECONDS) -> None:
    desk = Desk()

    def ask(words, history, filters):  # type: ignore[no-untyped-def]
        with asked.open("a") as log:
            log.write(f"{words}\n")
        time.sleep(seconds)
        return desk(words, history, filters)

    run([question(f"n{number}") for number in range(QUESTIONS)], ask, out, META, "open", repeat=REPEAT)
