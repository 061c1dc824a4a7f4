"""The Python face: light to import, every name documented, and every example of the pages runs."""

import contextlib
import doctest
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SMALL_LLM
from samples import CHEESE, FERRY

import bot.evaluate
from bot.config import PROJECT
from bot.evaluate import load_questions, run

from .library import make_answer

PAGE = (PROJECT / "docs" / "python.md").read_text(encoding="utf-8")
HEAVY = ("chromadb", "llama_cpp", "matplotlib", "gradio", "typer", "rich", "jinja2", "openai")
NAMES = bot.evaluate.__all__


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("module", ["bot", "bot.evaluate"])
def test_importing_is_light(module: str) -> None:
    asked = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_documented(name: str) -> None:
    value = getattr(bot.evaluate, name)
    assert not inspect.ismodule(value), "a module took the name of a function"
    if callable(value):
        assert (inspect.getdoc(value) or "").strip()
        assert inspect.getdoc(value) != inspect.getdoc(type(value))
    if inspect.isfunction(value):
        hints = inspect.signature(value)
        assert hints.return_annotation is not inspect.Signature.empty
        assert all(one.annotation is not inspect.Parameter.empty for one in hints.parameters.values())
    assert f"`{name}`" in PAGE


def test_the_table_of_names_is_whole() -> None:
    cells = re.findall(r"^\| (`.*?) \|", PAGE.split("## All names")[1], re.MULTILINE)
    assert sorted(name for cell in cells for name in re.findall(r"`(\w+)`", cell)) == sorted(NAMES)


def test_names_are_sorted_and_there() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert sorted(NAMES) == sorted(name for name in vars(bot.evaluate) if name in NAMES)


@pytest.mark.parametrize("page", ["python.md", "ci.md"])
def test_worked_examples_are_true(page: str) -> None:
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    examples = "".join(blocks(text, "pycon"))
    test = doctest.DocTestParser().get_doctest(examples, {}, page, page, 0)
    assert test.examples
    told: list[str] = []
    assert doctest.DocTestRunner(verbose=False).run(test, out=told.append).failed == 0, "".join(told)


def test_the_table_of_how_many_questions_is_what_its_code_prints() -> None:
    text = (PROJECT / "docs" / "ci.md").read_text(encoding="utf-8")
    table = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    printed = [line.split() for line in "".join(blocks(text, "pycon")).splitlines() if re.match(r"\d", line)]
    assert table == printed
    assert len(table) == 6


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, models_dir: Path, small_llm_path: Path, embedder_path: Path
) -> Iterator[Path]:
    """A folder as a reader of the page has it: articles ingested, questions, and a run from before."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "articles").mkdir()
    (folder / "articles" / "ferry.txt").write_text(FERRY, encoding="utf-8")
    (folder / "articles" / "cheese.txt").write_text(CHEESE, encoding="utf-8")
    quote = "A single ticket costs 4 crowns."
    place = {"article": "ferry", "start": FERRY.index(quote), "end": FERRY.index(quote) + len(quote), "text": quote}
    lines = [
        {"id": "ticket", "question": "What does a single ticket cost?", "answers": ["4 crowns"], "gold": ["ferry"],
         "evidence": [place], "answerable": True},
        {"id": "moon", "question": "Who painted the moon?", "answerable": False},
    ]  # fmt: skip
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    before = {"questions": {"file": "questions.jsonl", "sha256": "0"}}
    questions = load_questions(folder / "questions.jsonl")
    run(questions, lambda asked, _h, _f: make_answer(asked, "4 crowns"), folder / "results" / "before", before, "open")
    small = {
        "BOT_MODELS_DIR": str(models_dir), "BOT_DATA_DIR": str(folder / "data"), "BOT_LLM_MODEL": SMALL_LLM,
        "BOT_LLM_THREADS": "1", "BOT_LLM_SPARE_MEMORY": "true", "BOT_LLM_ANSWER_TOKENS": "24",
        "PYTHONPATH": str(PROJECT),
    }  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if name.startswith("BOT_") or name == "PYTHONPATH"}
    for name in kept:
        del os.environ[name]
    os.environ.update(small)
    subprocess.run([sys.executable, "-m", "bot", "ingest", "articles"], cwd=folder, check=True, capture_output=True)
    with contextlib.chdir(folder):
        yield folder
    for name in small:
        del os.environ[name]
    os.environ.update(kept)


def test_the_examples_with_a_bot_run(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks(PAGE, "python"):
        if not block.startswith("# test_bot.py"):
            exec(compile(block, "docs/python.md", "exec"), names)
    out = capsys.readouterr().out
    assert "ferry " in out
    assert "citation_hit" in out
    assert (shop / "results" / "after" / "report.json").is_file()
    names["bot"].close()  # type: ignore[attr-defined]


def test_the_example_of_a_regression_test_is_one(shop: Path) -> None:
    (block,) = [one for one in blocks(PAGE, "python") if one.startswith("# test_bot.py")]
    (shop / "test_bot.py").write_text(block, encoding="utf-8")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", "test_bot.py"]
    done = subprocess.run(words, cwd=shop, capture_output=True, text=True, timeout=600)
    assert "PASSED test_bot.py::test_answer[moon]" in done.stdout, done.stdout[-3000:]
    assert "PASSED test_bot.py::test_answer[ticket]" in done.stdout, done.stdout[-3000:]
