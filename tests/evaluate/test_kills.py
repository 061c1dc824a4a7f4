"""run and `bot eval`, killed at any moment: what is there in the end is what a run that nobody killed has."""

import json
import multiprocessing
import random
import signal
from collections import Counter
from pathlib import Path

from bot.evaluate.run import read_meta

from .killed import QUESTIONS, REPEAT, run_slowly

KILLS = 20
WHOLE = QUESTIONS * REPEAT


def test_twenty_kills_lose_nothing_and_ask_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(7)
    out, asked = tmp_path / "out", tmp_path / "asked"
    context = multiprocessing.get_context("forkserver")  # its children begin at once, without this process's threads
    context.set_forkserver_preload([run_slowly.__module__])
    kept, longest = [0], 0.05
    for _ in range(KILLS):
        process = context.Process(target=run_slowly, args=(out, asked))
        process.start()
        process.join(chance.uniform(0, longest))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it ended before it was killed"
        kept.append(rows_in(out))
        longest *= 0.5 if kept[-1] > kept[-2] else 1.5  # so that a slow machine, too, is caught before and amid rows
    assert kept == sorted(kept), "a row was lost"
    assert len(set(kept)) >= 3
    assert kept[-1] < WHOLE

    run_slowly(out, asked, 0)
    run_slowly(tmp_path / "whole", tmp_path / "asked-once", 0)
    assert (out / "answers.jsonl").read_bytes() == (tmp_path / "whole" / "answers.jsonl").read_bytes()
    lines = [json.loads(line) for line in (out / "answers.jsonl").read_text("utf-8").split("\n")[:-1]]
    assert Counter((line["id"], line["repeat"]) for line in lines).most_common(1)[0][1] == 1
    assert len(lines) == WHOLE
    # What was under way at a kill is asked again, and nothing else.
    assert WHOLE <= len(asked.read_text().splitlines()) <= WHOLE + KILLS
    assert sorted(path.name for path in out.iterdir()) == [".lock", "answers.jsonl", "run.json"]
    made = read_meta(out)
    answered = [again["answered"] for again in made.pop("resumed")]
    assert made == read_meta(tmp_path / "whole")
    assert answered == sorted(set(answered)), "what was killed before it had an answer left its mark"
    assert set(answered) <= set(kept)


def rows_in(out: Path) -> int:
    path = out / "answers.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_what_a_kill_leaves_in_the_way_is_cleared(tmp_path: Path) -> None:
    tmp_path.joinpath("run.json.part").write_text('{"ti')
    tmp_path.joinpath("run.json").write_text('{"scope": "article"}')  # no row was made with it
    tmp_path.joinpath("answers.jsonl").write_bytes(b'{"id": "n0", "ques')
    tmp_path.joinpath(".lock").touch()
    run_slowly(tmp_path, tmp_path / "asked", 0)
    assert rows_in(tmp_path) == WHOLE
    assert read_meta(tmp_path)["scope"] == "open"
    assert not (tmp_path / "run.json.part").exists()
