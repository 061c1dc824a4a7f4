"""cli: every command with the small model and a real store; an error of the user's is one line that says what to do."""

import contextlib
import datetime as dt
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import typer.main
from fakes import FakeEmbedder
from rich.console import Console
from samples import CHEESE, FERRY, SMALL_LLM, STORM
from servers import Page, free_port, site

from bot import __version__
from bot.articles.web import Fetcher
from bot.cli import app, compose, main
from bot.cli.ask import show_citations, stream
from bot.cli.evaluate import show_report
from bot.evaluate.cases import Question, load_questions
from bot.evaluate.report import report
from bot.evaluate.run import make_row
from bot.feedback import Feedback, Kept
from bot.schema import Answer, AnswerEvent, Citation, Days, Sentence

ROOT = Path(__file__).resolve().parent.parent


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(
    clean_environment: None, models_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """`main` with these words on the command line, in this process."""
    monkeypatch.setenv("BOT_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("COLUMNS", "200")
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    logger.handlers[:] = []

    def run(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["bot", *map(str, words)])
        capsys.readouterr()
        code: object = None
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        return Ended(int(str(code or 0)), *capsys.readouterr())

    yield run
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of articles."""
    folder = tmp_path_factory.mktemp("articles")
    (folder / "ferry.txt").write_text(f"date 2025-05-18\n{FERRY}", encoding="utf-8")
    (folder / "storm.md").write_text(f"---\ntitle: The [bold] storm\ndate: 2025-06-01\n---\n{STORM}", encoding="utf-8")
    record = {"id": "cheese", "title": "Cheese", "text": CHEESE, "source": "gazette"}
    (folder / "more.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, library: Path, models_dir: Path, embedder_path: Path) -> Path:
    """A data folder in which they are."""
    folder = tmp_path_factory.mktemp("data")
    done = bot_process(models_dir, "--data-dir", folder, "ingest", library)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "3 added, 0 replaced, 0 unchanged, 0 skipped"
    return folder


def bot_process(models_dir: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "BOT_MODELS_DIR": str(models_dir), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "bot", *map(str, words)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def commands() -> Iterator[list[str]]:
    """The words of every command and group."""

    def walk(command: click.Command, words: list[str]) -> Iterator[list[str]]:
        yield words
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, [*words, name])

    return walk(typer.main.get_command(app), [])


# -- help --


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_has_help(run: Run, words: list[str]) -> None:
    code, out, err = run(*words, "--help")
    assert (code, err) == (0, "")
    assert "Usage" in out
    command: click.Command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]
    assert command.help
    for option in command.params:
        if option.name != "help":
            assert getattr(option, "help", None) or option.param_type_name == "argument", option.name


def test_the_commands_are_those_of_the_readme() -> None:
    assert {" ".join(words) for words in commands()} >= {
        "ask", "chat", "ingest", "eval", "compare", "report", "articles list", "articles show", "articles remove",
        "models list", "models pull", "models verify", "config show", "version",
    }  # fmt: skip


def test_the_version(run: Run) -> None:
    assert run("version") == (0, f"{__version__}\n", "")


# -- errors --


def test_a_page_with_mcp_lacks_its_package(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    ended = run("--data-dir", data, "--set", "chat.mcp=true", "chat", "--port", free_port(), "--model", "nosuch")
    assert ended.code == 1
    assert "chat.mcp needs the package mcp" in ended.err  # before the models are looked for
    assert 'pip install "mcp' in ended.err


@pytest.mark.parametrize(
    "words", [["nosuch"], ["ask"], ["ask", "x", "--since", "someday"], ["articles", "show"], ["ask", "x", "--nosuch"]]
)
def test_a_mistyped_command_is_a_usage_error(run: Run, words: list[str]) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert "Usage" in err
    assert "Traceback" not in err


# -- config --


def test_a_row_of_a_table_stays_one_line_in_a_pipe_however_long(run: Run, tmp_path: Path) -> None:
    config = tmp_path / ("folder" * 20) / ("long" * 40) / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[llm]\nseed = 5", encoding="utf-8")
    code, out, _ = run("--data-dir", config.parent, "config", "show")
    assert code == 0
    assert any(line.split()[:2] == ["llm.seed", "5"] and str(config) in line for line in out.splitlines())


def test_config_show_says_where_values_come_from(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text("[llm]\nseed = 5\n[chat]\nport = 8001", encoding="utf-8")
    monkeypatch.setenv("BOT_CHAT_PORT", "8002")
    monkeypatch.setenv("BOT_LLM_API_KEY", "hunter2")
    code, out, err = run("--data-dir", tmp_path, "--set", "llm.threads=3", "config", "show")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.strip()}
    assert rows["llm.seed"].startswith(f"5 file {tmp_path}")
    assert rows["chat.port"].startswith("8002 variable BOT_CHAT_PORT")
    assert rows["llm.threads"].startswith("3 flag")
    assert rows["retrieve.characters"].startswith("2200 default")
    assert "hunter2" not in out


# -- articles --


def test_ingesting_again_changes_nothing(run: Run, data: Path, library: Path) -> None:
    code, out, _ = run("--data-dir", data, "ingest", library)
    assert (code, out.splitlines()[0]) == (0, "0 added, 0 replaced, 3 unchanged, 0 skipped")


def test_what_is_skipped_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    code, out, _ = run("--data-dir", tmp_path / "data", "ingest", tmp_path / "empty.txt")
    assert code == 0
    assert "1 skipped" in out
    assert re.search(r"skipped .*empty\.txt: .+", out)


def test_addresses_are_fetched_beside_files(
    run: Run, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "open_fetcher", lambda: Fetcher(allowed=lambda ip: ip.is_loopback))
    with site({"/storm.md": Page(STORM.encode(), "text/markdown")}) as running:
        address = f"HTTP://127.0.0.1:{running.port}/storm.md"
        words = ("--data-dir", tmp_path, "ingest", address, library / "ferry.txt", address.replace("storm", "none"))
        code, out, err = run(*words)
    assert (code, err.strip()) == (0, "")
    assert out.splitlines()[0] == "2 added, 0 replaced, 0 unchanged, 1 skipped"
    assert re.search(r"skipped HTTP://127\.0\.0\.1:\d+/none\.md: the server answered 404 Not Found\. Open", out)
    out = run("--data-dir", tmp_path, "articles", "list").out
    assert re.search(r"^ 127\.0\.0\.1-\d+_storm\.md-[0-9a-f]{8} .* 127\.0\.0\.1 ", out, re.M)


def test_addresses_of_this_machine_are_not_fetched(run: Run, tmp_path: Path) -> None:
    with site({}) as running:
        code, out, _ = run("--data-dir", tmp_path, "ingest", f"http://localhost:{running.port}/")
    assert (code, running.asked) == (0, [])
    assert re.search(r"1 skipped\n  skipped http://localhost:\d+/: localhost is no public server.*\.$", out.strip())


def test_articles_are_listed_and_shown(run: Run, data: Path) -> None:
    code, out, _ = run("--data-dir", data, "articles", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["storm", "ferry", "cheese"]
    assert "The [bold] storm" in out
    code, out, _ = run("--data-dir", data, "articles", "show", "cheese")
    assert code == 0
    assert CHEESE in out
    assert "source: gazette" in out


def test_an_article_is_removed(run: Run, library: Path, tmp_path: Path) -> None:
    run("--data-dir", tmp_path, "ingest", library)
    assert run("--data-dir", tmp_path, "articles", "remove", "storm").code == 0
    assert "storm" not in run("--data-dir", tmp_path, "articles", "list").out
    assert run("--data-dir", tmp_path, "articles", "remove", "storm").code == 1
    assert (library / "storm.md").exists()


def test_no_articles_yet(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("--data-dir", tmp_path, "articles", "list")
    assert code == 0
    assert "bot ingest" in out


def test_a_rebuild_takes_other_settings(run: Run, library: Path, tmp_path: Path) -> None:
    run("--data-dir", tmp_path, "ingest", library)
    other = ["--data-dir", tmp_path, "--set", "chunk.max_tokens=40"]
    assert run(*other, "articles", "list").code == 1
    code, out, err = run(*other, "ingest", "--rebuild")
    assert (code, out) == (0, "3 articles prepared anew.\n"), err
    assert run(*other, "articles", "list").code == 0
    assert run("--data-dir", tmp_path, "articles", "list").code == 1


# -- models --


def test_models_are_listed(run: Run) -> None:
    code, out, _ = run("models", "list")
    assert code == 0
    assert SMALL_LLM in out


# -- ask --


def test_ask_prints_an_answer_as_json(data: Path, models_dir: Path, small_llm_path: Path) -> None:
    done = bot_process(models_dir, "--data-dir", data, "--set", "llm.threads=1", "ask", "--json", "--model", SMALL_LLM,
                       "--article", "ferry", "What does a single ticket cost?")  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = Answer.model_validate_json(done.stdout)
    assert answer.question == "What does a single ticket cost?"
    assert answer.model == SMALL_LLM
    assert {one.article for one in answer.retrieved} == {"ferry"}
    assert answer.tokens.prompt > 50
    for citation in answer.citations:
        assert citation.quote in FERRY
    assert answer.trace is None
    assert [line for line in done.stderr.splitlines() if not line.startswith("Measuring once")] == []


def test_ask_lists_its_citations(run: Run, data: Path, small_llm_path: Path) -> None:
    """The small model says what it likes; at no demand for support, each sentence is cited."""
    code, out, err = run("--data-dir", data, "--set", "cite.min_support=0", "--set", "llm.threads=1",
                         "ask", "--model", SMALL_LLM, "What does a single ticket to Lindaby cost?")  # fmt: skip
    assert (code, err) == (0, "")
    assert re.search(r"\[1\] “.+”\n    .+characters \d+-\d+\)", out) or "Nearest articles:" in out


def test_ask_shows_how_the_answer_was_made(run: Run, data: Path, small_llm_path: Path) -> None:
    words = ["--data-dir", data, "--set", "llm.threads=1", "ask", "--model", SMALL_LLM, "--trace",
             "--until", "2025-06-01", "Where did passengers sleep?"]  # fmt: skip
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    titles = ["Search", "Passages: 2 found, 1 shown to the model", "Prompt", "Sentences", "Times"]
    assert [line for line in out.splitlines() if line in titles] == titles
    assert "searched for: Where did passengers sleep?\nin: articles up to 2025-06-01\n" in out
    assert re.search(r"^ 1 +1 +1 +0\.\d{4} +0\.\d{3} +\d+ +The \[bold\] storm *$", out, re.M)
    assert re.search(r"^system: \d+ tokens\nAnswer the question", out, re.M)
    assert re.search(r'^Passage from "The \[bold\] storm" of 2025-06-01: A storm closed', out, re.M)
    assert f"model: {SMALL_LLM}" in out
    code, out, err = run(*words, "--json")
    assert (code, err) == (0, "")
    trace = Answer.model_validate_json(out).trace
    assert trace is not None
    assert trace.searched == "Where did passengers sleep?"
    assert [message.role for message in trace.messages] == ["system", "user"]


def test_a_citation_says_what_its_relative_days_mean(capsys: pytest.CaptureFixture[str]) -> None:
    day = dt.date(2025, 2, 10)
    cited = Citation(
        marker=1, article="tram", start=0, end=9, quote="On Monday", sentence=0, title="Tram",
        date=dt.date(2025, 2, 12), days=(Days(text="Monday", first=day, last=day),),
    )  # fmt: skip
    show_citations(Console(), Answer(question="q", text="Yes.", citations=(cited,)))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "[1] “On Monday”",
        "    Tram, 2025-02-12 (tram, characters 0-9)",
        "    Monday = 10 February 2025",
    ]


def test_a_sentence_without_a_citation_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    sentences = (Sentence(text="The quay opened.", markers=(1, 2)), Sentence(text="It was grand."))
    answer = Answer(question="q", text="The quay opened. It was grand.", sentences=sentences)
    stream(Console(width=200), iter([AnswerEvent(answer=answer)]))
    assert capsys.readouterr().out.strip() == "The quay opened. [1] [2] It was grand. [not in the articles]"


def test_ask_without_articles_says_so(run: Run, tmp_path: Path, small_llm_path: Path) -> None:
    code, out, _ = run("--data-dir", tmp_path, "ask", "--model", SMALL_LLM, "Why?")
    assert code == 0
    assert out.splitlines() == [
        "No article matches this question.",
        "There are no articles yet. Add some: bot ingest FILE_OR_FOLDER…",
    ]


def test_all_that_is_written_lies_in_the_data_folder(run: Run, library: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    before = set(ROOT.iterdir())
    run("--data-dir", tmp_path / "data", "ingest", library)
    assert {path.name for path in tmp_path.iterdir()} == {"data", "elsewhere"}
    assert set(ROOT.iterdir()) == before


# -- feedback --

RATED = [("Who won?", True, ""), ("[bold]How\nmuch?\x1b[2J", False, "It is\n[red]5."), ("Why?", True, "Right.")]


@pytest.fixture
def rated(tmp_path: Path) -> Path:
    """A data folder with feedback."""
    kept = Kept(tmp_path / "data" / "feedback.jsonl")
    for number, (question, good, reason) in enumerate(RATED):
        at = dt.datetime(2026, 3, number + 1, 12, tzinfo=dt.UTC)
        answer = Answer(question=question, text="The city.")
        kept.add(Feedback(at=at, good=good, reason=reason, question=question, answer=answer, model="m",
                          settings={}, version=__version__, answered=at))  # fmt: skip
    return kept.path.parent


def test_feedback_is_listed(run: Run, rated: Path, tmp_path: Path) -> None:
    code, out, err = run("--data-dir", rated, "feedback", "list")
    assert (code, err) == (0, "")
    assert [re.split(r" {2,}", line.strip()) for line in out.splitlines()] == [
        ["day", "rating", "question", "reason"],
        ["2026-03-03", "good", "Why?", "Right."],
        ["2026-03-02", "bad", r"[bold]How much?\x1b[2J", "It is [red]5."],
        ["2026-03-01", "good", "Who won?"],
    ]
    code, out, _ = run("--data-dir", tmp_path / "none", "feedback", "list")
    assert (code, out) == (0, "There is no feedback yet. Rate answers on the page: bot chat.\n")
    assert not (tmp_path / "none").exists()


DRAFT = "1 of them are drafts: finish them (docs/feedback.md); `bot dataset check` names those that are not."


@pytest.mark.parametrize(
    ("flags", "numbers", "told"),
    [(["--finished"], [0, 2], "2 exported, 1 left out."), ([], [0, 1, 2], f"3 exported, 0 left out. {DRAFT}")],
)
def test_feedback_is_exported(
    run: Run, rated: Path, tmp_path: Path, flags: list[str], numbers: list[int], told: str
) -> None:
    code, out, err = run("--data-dir", rated, "feedback", "export", *flags)
    assert (code, err) == (0, f"{told}\n")
    file = tmp_path / "questions.jsonl"
    assert run("--data-dir", rated, "feedback", "export", *flags, "--out", file) == (0, f"{told}\n", "")
    assert file.read_text(encoding="utf-8") == out
    assert [one.question for one in load_questions(file)] == [RATED[number][0] for number in numbers]


def test_an_export_overwrites_only_by_force(run: Run, rated: Path, tmp_path: Path) -> None:
    file, kept = tmp_path / "mine.txt", rated / "feedback.jsonl"
    file.write_text("mine", encoding="utf-8")
    before = kept.read_bytes()
    for words, said in [
        (["--out", file], "mine.txt is there already.*--force"),
        (["--out", kept, "--force"], "holds the feedback itself.*Choose another"),
        (["--out", tmp_path, "--force"], "cannot be written: Is a directory.*Choose another"),
        (["--out", tmp_path / "none" / "x.jsonl"], "cannot be written: No such file.*Choose another"),
    ]:
        code, out, err = run("--data-dir", rated, "feedback", "export", *words)
        assert (code, out) == (1, "")
        assert re.search(said, err), err
    assert (file.read_text(encoding="utf-8"), kept.read_bytes()) == ("mine", before)
    assert run("--data-dir", rated, "feedback", "export", "--out", file, "--force").code == 0
    assert len(load_questions(file)) == 3


def test_only_bad_ratings_are_drafts_that_a_check_names(run: Run, rated: Path, tmp_path: Path) -> None:
    kept, out = rated / "feedback.jsonl", tmp_path / "x.jsonl"
    kept.write_bytes(kept.read_bytes().splitlines(keepends=True)[1])
    code, _, err = run("--data-dir", rated, "dataset", "from-feedback", "--finished", "--out", out)
    assert code == 1
    assert "0 exported, 1 left out" in err
    assert "--finished" in err
    assert not out.exists()
    told = f"1 exported, 0 left out. {DRAFT}\n"
    assert run("--data-dir", rated, "dataset", "from-feedback", "--out", out) == (0, told, "")
    code, said, _ = run("dataset", "check", out)
    assert code == 0
    assert f"{out}:1: warning: not finished" in said


# -- reading ahead --

ALWAYS = ("--set", "cache.join=always")


def test_warm_reads_all_articles_once_and_ask_knows_them(
    run: Run, data: Path, small_llm_path: Path, tmp_path: Path
) -> None:
    shutil.copytree(data, tmp_path / "data")
    start = ("--data-dir", tmp_path / "data", *ALWAYS)

    def ask() -> Answer:
        code, out, err = run(*start, "--set", "cite.min_support=0", "ask", "--json", "--model", SMALL_LLM, "A ticket?")
        assert code == 0, err
        return Answer.model_validate_json(out)

    before = ask()
    code, out, err = run(*start, "warm", "--model", SMALL_LLM)
    assert (code, err.strip()) == (0, "")
    assert out == "3 of 3 articles are ready; 3 stretches of them were read now.\n"
    assert run(*start, "warm", "--model", SMALL_LLM).out.endswith("; 0 stretches of them were read now.\n")
    after = ask()
    assert after.tokens.reused > before.tokens.reused + 50
    assert before.tokens.prompt - 20 < after.tokens.prompt <= before.tokens.prompt


def test_ask_in_a_terminal_reads_what_it_showed_for_later(
    run: Run, data: Path, small_llm_path: Path, models_dir: Path, tmp_path: Path
) -> None:
    shutil.copytree(data, tmp_path / "data")
    words = ("--data-dir", tmp_path / "data", *ALWAYS, "--set", "cite.min_support=0", "ask", "--model", SMALL_LLM)
    main_end, its_end = os.openpty()
    command = [sys.executable, "-m", "bot", *map(str, words), "A ticket?"]
    environment = os.environ | {"BOT_MODELS_DIR": str(models_dir)}
    with subprocess.Popen(command, env=environment, stdin=its_end, stdout=its_end, stderr=its_end) as process:
        os.close(its_end)
        shown = b""
        with contextlib.suppress(OSError):  # its end is closed
            while piece := os.read(main_end, 4096):
                shown += piece
    os.close(main_end)
    assert process.returncode == 0, shown
    assert b"for later questions" in shown
    code, out, err = run(*words[:-2], "--json", "--model", SMALL_LLM, "A ticket?")
    assert code == 0, err
    tokens = Answer.model_validate_json(out).tokens
    assert tokens.reused > tokens.prompt / 2


def test_warm_says_where_nothing_is_kept(run: Run, data: Path, small_llm_path: Path) -> None:
    code, _, err = run("--data-dir", data, "--set", "cache.join=never", "warm", "--model", SMALL_LLM)
    assert code == 1
    assert re.search(r"keeps nothing.*bot bench cache", err)


def test_warm_says_where_the_disk_keeps_nothing(
    run: Run, data: Path, small_llm_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "read").write_text("no folder")
    code, out, _ = run("--data-dir", tmp_path / "data", *ALWAYS, "warm", "--model", SMALL_LLM)
    assert code == 0
    assert "are not kept in" in caplog.text
    assert re.match(r"0 of 3 articles are ready; 3 stretches.*\n3 were read but not kept", out)
    assert "no room" not in out


def test_warm_says_where_there_is_no_room(run: Run, data: Path, small_llm_path: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    limits = ("--set", "cache.disk_mb=0", "--set", "cache.memory_mb=1")
    code, out, _ = run("--data-dir", tmp_path / "data", *ALWAYS, *limits, "warm", "--model", SMALL_LLM)
    assert code == 0
    assert re.match(r"[12] of 3 articles are ready.*\nThere is no room for more\. Raise cache\.disk_mb", out)


def test_bench_cache_asks_in_all_ways_and_says_what_it_found(
    run: Run, library: Path, small_llm_path: Path, tmp_path: Path
) -> None:
    questions = tmp_path / "questions.jsonl"
    asked = [
        {"id": "1", "question": "What does a single ticket cost?", "answers": ["4 crowns"], "answerable": True},
        {"id": "2", "question": "Who slept in the hall?", "answers": ["Two hundred passengers"], "answerable": True},
    ]
    questions.write_text("".join(json.dumps(one) + "\n" for one in asked), encoding="utf-8")
    words = ("bench", "cache", questions, "--corpus", library, "--out", tmp_path / "out", "--model", SMALL_LLM)
    code, out, err = run("--set", "cite.min_support=0", "--data-dir", tmp_path / "data", *words)
    assert code == 0, err
    assert re.search(r"first_token_s_p50 +\d\.\d{3}( +\d\.\d{3} +\d\.\d\d of it){2} +2", out)
    assert re.search(r"It (may join|loses)", out)
    rows = {
        way: [json.loads(line) for line in (tmp_path / "out" / way / "answers.jsonl").read_text().splitlines()]
        for way in ("whole", "joined", "quick")
    }
    assert all([row["id"] for row in rows[way]] == ["1", "2"] for way in rows)
    known = {way: sum(row["tokens"]["reused"] for row in rows[way]) for way in rows}
    assert known["joined"] > known["whole"] + 50
    read = {way: [row["tokens"]["prompt"] - row["tokens"]["reused"] for row in rows[way]] for way in rows}
    assert all(one < other for one, other in zip(read["quick"], read["joined"], strict=True))


# -- comparing runs --


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs of two questions: the second gets one more right, and was made with another model."""
    asked = [
        {"id": "q[1]", "question": "Who keeps it?", "answers": ["Mara"], "answerable": True},
        {"id": "q2", "question": "Who paints?", "answers": ["Ivo"], "answerable": True},
    ]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(one) + "\n" for one in asked), encoding="utf-8")
    sha256 = hashlib.sha256(questions.read_bytes()).hexdigest()
    for name, seconds, answers in (("a", 1.0, ["Nobody [\x1b[31m].", "Ivo."]), ("b", 3.0, ["Mara\nkeeps it.", "Ivo."])):
        (tmp_path / name).mkdir()
        made = {"questions": {"file": str(questions), "sha256": sha256}, "settings": {"llm.model": f"[bold]{name}"}}
        (tmp_path / name / "run.json").write_text(json.dumps(made), encoding="utf-8")
        empty = {"refused": False, "sentences": 1, "citations": [], "evidence": [], "retrieved": [], "tokens": {}}
        rows = [
            {"id": one["id"], "question": one["question"], "answer": text, "timings": {"total_s": seconds}, **empty}
            for one, text in zip(asked, answers, strict=True)
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name / "answers.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path / "a", tmp_path / "b"


def test_runs_are_compared(run: Run, runs: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = runs
    code, out, err = run("compare", a, b, "--json", tmp_path / "all.json")
    assert (code, err) == (0, "")
    assert out.startswith(f"A: {a}\nB: {b}\n")
    assert re.search(r"llm\.model +\[bold\]a +\[bold\]b", out)
    assert "Questions in both: 2\n" in out
    assert re.search(r"accuracy +0\.500 +1\.000 +\+0\.500 +\+0\.000 to \+1\.000 +2 +1 +0", out)
    assert re.search(r"refusal_recall +– +– +– +– +0 +0 +0", out)
    assert re.search(r"total_s +1\.00 +3\.00 +3\.00 +2", out)
    assert "10000 resamples, seed 0" in out
    assert re.search(
        r"0 in A to 1 in B: 1\n.*\n +q\[1\] +Who keeps it\? +Nobody \[\\x1b\[31m\]\. +Mara keeps it\.", out
    )
    assert "accuracy from 1 in A to 0 in B: 0\n" in out
    assert "Gate" not in out
    made = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert (made["questions"]["same"], made["bootstrap"]["seed"], made["gates"]) == (True, 0, [])
    (one,) = made["comparisons"]
    assert one["measures"]["accuracy"]["difference"] == 0.5
    assert [flip["a"] for flip in one["flips"]["accuracy"]["up"]] == ["Nobody [\x1b[31m]."]
    assert one["different"] == [{"name": "llm.model", "a": "[bold]a", "b": "[bold]b"}]


def test_gates_decide_on_the_exit_code(run: Run, runs: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = runs
    good, bad = ("--fail-if", "accuracy < -0.02"), ("--fail-if", "B.accuracy < 0.8")
    code, out, _ = run("compare", a, b, *good, *bad)
    assert code == 0
    assert f"Gate accuracy < -0.02 does not fire for {b}: 0.5000\n" in out
    code, out, err = run("compare", b, a, *good, *bad, "--json", tmp_path / "all.json")
    assert (code, err) == (3, "")
    assert f"Gate accuracy < -0.02 fires for {a}: -0.5000\n" in out
    assert f"Gate B.accuracy < 0.8 fires for {a}: 0.5000\n" in out
    gates = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))["gates"]
    assert gates[0] == {"gate": "accuracy < -0.02", "b": str(a), "value": -0.5, "fired": True}
    code, _, err = run("compare", a, b, "--fail-if", "refusal_recall < 0")
    assert code == 2
    assert "refusal_recall has no case in both" in err


def test_each_run_is_compared_with_the_first(run: Run, runs: tuple[Path, Path]) -> None:
    a, b = runs
    code, out, _ = run("compare", b, a, b, "--fail-if", "accuracy < 0", "--show", 0, "--measure", "refused")
    assert code == 3
    assert re.findall(r"^A: (.*)\nB: (.*)$", out, re.M) == [(str(b), str(a)), (str(b), str(b))]
    assert f"accuracy < 0 fires for {a}" in out
    assert f"accuracy < 0 does not fire for {b}" in out
    assert "Both were made alike." in out
    assert "Nobody" not in out


def test_a_moved_question_file_and_a_bad_place_for_the_json(run: Run, runs: tuple[Path, Path], tmp_path: Path) -> None:
    moved = (tmp_path / "questions.jsonl").rename(tmp_path / "moved.jsonl")
    code, _, err = run("compare", *runs)
    assert code == 2
    assert re.search(r"questions\.jsonl of .* is not there\. Pass it with --questions", err)
    words = ("compare", *runs, "--questions", moved)
    assert "Scored by" not in run(*words).out
    for place in (runs[0] / "run.json", moved, tmp_path / "none" / "all.json"):
        before = place.read_bytes() if place.exists() else None
        code, _, err = run(*words, "--json", place)
        assert (code, "Choose another --json." in err) == (2, True)
        assert (place.read_bytes() if place.exists() else None) == before
    with moved.open("a", encoding="utf-8") as file:
        file.write("\n")
    assert f"Scored by {moved}, which is not what {runs[0]} was asked from" in run(*words).out


# -- evaluation --


def test_a_report_is_printed_with_its_groups(capsys: pytest.CaptureFixture[str]) -> None:
    asked = [Question.model_validate({"id": "q1", "question": "Who?", "answerable": True, "kind": "[b]who[/b]"})]
    rows = [make_row(asked[0], Answer(question="Who?", text="The articles do not say.", refused=True))]
    show_report(report(rows, asked, {}, FakeEmbedder().embed_documents, by=["kind"]))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["measure", "value", "95%", "interval", "n"]
    assert ["false_refusal", "1.000", "1.000", "to", "1.000", "1"] in lines
    assert lines[-2:] == [["kind", "[b]who[/b]"], ["false_refusal", "1.000", "(1)"]]
