"""`bot dataset`: what it prints and its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from bot.errors import BotError, ConfigError, DatasetError

RIGHT: dict[str, Any] = {"id": "a", "question": "Who?", "answerable": False}


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["dataset", *map(str, words)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.jsonl"


def write(file: Path, *values: object) -> None:
    file.write_text("".join(f"{json.dumps(value)}\n" for value in values), encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "code", "said"),
    [
        ([RIGHT], 0, ["{file}: 1 question, 0 errors, 0 warnings."]),
        (
            [RIGHT, RIGHT | {"id": "b"}],
            0,
            [
                "{file}:2: warning: it asks the same as line 1. Delete one of them.",
                "{file}: 2 questions, 0 errors, 1 warning.",
            ],
        ),
        (
            [RIGHT, RIGHT | {"question": "\x1b[2J[bold]?"}],
            1,
            [
                "{file}:2: error: its id 'a' is that of line 1. Give each question its own.",
                "{file}: 2 questions, 1 error, 0 warnings.",
            ],
        ),
        ([{"id": "a", "text": "One."}], 0, ["{file}: 1 article, 0 errors, 0 warnings."]),
    ],
)
def test_a_check(file: Path, values: list[object], code: int, said: list[str]) -> None:
    write(file, *values)
    ended = run("check", file)
    assert ended.exit_code == code
    assert ended.output.splitlines() == [line.replace("{file}", str(file)) for line in said]


def test_words_of_the_file_do_nothing_to_a_terminal(file: Path) -> None:
    write(file, RIGHT | {"id": "\x1b[2J[red]"}, RIGHT | {"id": "\x1b[2J[red]", "question": "When?"})
    ended = run("check", file)
    assert "\x1b" not in ended.output
    assert "[red]" in ended.output


def test_a_check_as_json(file: Path) -> None:
    write(file, RIGHT, RIGHT)
    ended = run("check", file, "--json")
    assert ended.exit_code == 1
    found = json.loads(ended.stdout)
    assert {name: found[name] for name in ("file", "kind", "checked", "errors", "warnings")} == {
        "file": str(file), "kind": "questions", "checked": 2, "errors": 1, "warnings": 1,
    }  # fmt: skip
    assert [(one["line"], one["level"]) for one in found["findings"]] == [(2, "error"), (2, "warning")]


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["check", "{file}", "--kind", "rows"], ConfigError, "--kind rows is unknown. Choose questions or corpus"),
        (["check", "{file}.none"], DatasetError, "no file or folder"),
        (["check", "{file}", "--corpus", "{file}.none"], DatasetError, "no file or folder .*none"),
        (["convert", "squad", "{file}", "--out", "{file}.out"], DatasetError, "not in the form squad: data: field"),
    ],
)
def test_what_cannot_be_done(file: Path, words: list[str], error: type[BotError], said: str) -> None:
    write(file, RIGHT)
    ended = run(*(word.replace("{file}", str(file)) for word in words))
    with pytest.raises(error, match=said):
        raise ended.exception or AssertionError(ended.output)


def test_a_set_is_converted_and_the_next_command_told(file: Path, tmp_path: Path) -> None:
    write(file, {"id": 1, "query": "Who?", "answer": "Ada", "positive": ["Ada did."], "negative": [" ", "No."]})
    ended = run("convert", "rgb", file, "--out", tmp_path / "out")
    assert ended.exit_code == 0, ended.output
    assert "Articles: 2. Questions: 1, answerable: 1, with evidence: 0." in ended.stderr
    assert "1 × articles left out: it has no text" in ended.stderr
    told = ended.stdout.split()
    assert told[:2] == ["bot", "eval"]
    assert all(Path(path).is_file() for path in (told[2], told[4]))
