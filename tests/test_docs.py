"""The documents in docs/ and the README say what the code does: settings, fields, dependencies, rooms, commands."""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np
import pytest
import typer
from pydantic import BaseModel

from bot import config
from bot.articles import read_file
from bot.cli import app
from bot.evaluate.aggregates import AREAS
from bot.evaluate.cases import Question
from bot.evaluate.report import MEASURES, report, run_meta
from bot.evaluate.run import Row
from bot.schema import Answer, Article

REPO = Path(__file__).resolve().parent.parent
DOCS = REPO / "docs"
BOT = REPO / "bot"
README = REPO / "README.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]

Cells = list[str]


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands under the heading `## title`."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"there is no section {title}"
    return found[1]


def rows(text: str) -> Iterator[Cells]:
    """The cells of each table row of `text`, without heads and rules."""
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("| ") and not line.startswith("| ---") and not following.startswith("| ---"):
            yield [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def keyed(text: str) -> dict[str, Cells]:
    """Table rows by their first cell, without its backticks."""
    return {cells[0].strip("` "): cells[1:] for cells in rows(text)}


# -- settings --


@pytest.fixture
def defaults(tmp_path: Path) -> dict[str, Any]:
    return config.flatten(config.load(environ={"BOT_DATA_DIR": str(tmp_path)}).settings)


def section_of_settings() -> str:
    return text_of("settings.md").split("\n## ")[0]


def test_settings_are_all_documented() -> None:
    assert list(keyed(section_of_settings())) == list(config.describe())


@pytest.mark.parametrize("name", config.describe())
def test_setting(name: str, defaults: dict[str, Any], tmp_path: Path) -> None:
    variable, default, meaning = keyed(section_of_settings())[name]
    variable = variable.strip("`")
    if name not in ("data_dir", "models_dir"):  # theirs differ from machine to machine
        assert default == ("none" if defaults[name] is None else f"`{defaults[name]}`")
    assert meaning == (config.describe()[name] or meaning)
    value = "1" if defaults[name] is None else str(defaults[name])
    loaded = config.load(environ={"BOT_DATA_DIR": str(tmp_path), variable: value})
    assert loaded.origins[name] == f"variable {variable}"


def test_settings_file_of_the_example(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", text_of("settings.md"), re.DOTALL)
    file = tmp_path / "config.toml"
    file.write_text(block, encoding="utf-8")
    assert config.load(config_file=file, environ={}).settings.retrieve.characters == 3000


# -- answers and reports --


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Paths of all fields, such as `citations[].start`."""
    for name, field in model.model_fields.items():
        yield prefix + name
        between = "[]." if get_origin(field.annotation) is tuple else "."
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from fields(kind, f"{prefix}{name}{between}")


@pytest.mark.parametrize(
    ("title", "model"), [("Answer", Answer), ("questions.jsonl", Question), ("answers.jsonl", Row)]
)
def test_answer_fields(title: str, model: type[BaseModel]) -> None:
    assert set(keyed(section(text_of("answer.md"), title))) == set(fields(model))


@pytest.mark.parametrize("model", [Answer, Row])
def test_example_is_true_of_the_samples(model: type[BaseModel]) -> None:
    found = re.search(rf"<!-- example: {model.__name__} -->\n```json\n(.*?)```", text_of("answer.md"), re.DOTALL)
    assert found
    value = json.loads(found[1])
    assert set(value) == set(model.model_fields)
    model.model_validate_json(found[1])
    assert value["citations"]
    for citation in value["citations"]:
        (article,) = read_file(REPO / "seeds" / "articles" / f"{citation['article']}.txt")
        assert isinstance(article, Article)
        assert article.text[citation["start"] : citation["end"]] == citation["quote"]
        assert citation.get("title", article.title) == article.title


def test_report_fields() -> None:
    page = section(text_of("answer.md"), "report.json")
    metrics = report([], [], {}, lambda texts: np.zeros((len(texts), 1), dtype=np.float32))["metrics"]
    meta = run_meta({}, {}, REPO / "seeds" / "questions.jsonl", None, 0)
    assert {f"`{name}`" for name in [*metrics, *meta] if name != "n"} - set(re.findall(r"`[^`]+`", page)) == set()


def test_measures_have_a_formula() -> None:
    named = {name for cell in keyed(text_of("measures.md")) for name in re.findall(r"[a-z@0-9_]+", cell)}
    assert named - {"measure"} == {*MEASURES, *AREAS}


# -- dependencies --


def plain(requirement: str) -> str:
    """A library's name as the index compares names: `PyStemmer>=2` → `pystemmer`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


DEPENDENCIES = [
    ("To run", project()["dependencies"], "requirements.lock"),
    ("To test", project()["optional-dependencies"]["dev"], "requirements-dev.lock"),
]


@pytest.mark.parametrize(("title", "requirements", "lock"), DEPENDENCIES, ids=["run", "test"])
def test_dependencies(title: str, requirements: list[str], lock: str) -> None:
    documented = {plain(name): cells for name, cells in keyed(section(text_of("dependencies.md"), title)).items()}
    assert set(documented) == set(map(plain, requirements))
    locked = re.findall(r"^(\S+?)==([^\s\\;]+)", (REPO / lock).read_text(encoding="utf-8"), re.MULTILINE)
    for name, cells in documented.items():
        versions = {version for other, version in locked if plain(other) == name}
        assert set(cells[0].split(" or ")) == versions, name


# -- rooms --


def room(path: Path) -> str:
    return path.relative_to(BOT).parts[0].removesuffix(".py")


def room_files() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(BOT.rglob("*.py")):
        if room(path) not in ("__init__", "__main__", "_share"):
            found.setdefault(room(path), []).append(path)
    return found


def imported(paths: Iterable[Path]) -> Iterator[tuple[str, ...]]:
    """Dotted names that the files import anywhere, in parts."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (tuple(alias.name.split(".")) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: imports are absolute"
                yield from ((*(node.module or "").split("."), alias.name) for alias in node.names)


def listed(cell: str) -> set[str]:
    return set() if cell == "–" else set(cell.split(", "))


def test_rooms_are_all_documented() -> None:
    assert set(keyed(section(text_of("architecture.md"), "The rooms"))) == set(room_files())


@pytest.mark.parametrize("name", room_files())
def test_room_imports_what_the_table_says(name: str) -> None:
    _, rooms, outside = keyed(section(text_of("architecture.md"), "The rooms"))[name]
    names = list(imported(room_files()[name]))
    inner = {parts[1] for parts in names if parts[0] == "bot"} - {name, "__version__"}
    if rooms != "all":
        assert inner == listed(rooms)
    assert {parts[0] for parts in names} - {"bot"} - sys.stdlib_module_names == listed(outside)


# -- commands --

_CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(
    r"(?:^|[:,;(] |=\S+ |/)bot(?: --[a-z-]+ \S+)* ([a-z]+)\b(?: ([a-z]+(?:-[a-z]+)*)\b)?(?![./])", re.MULTILINE
)


def commands(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command as its words: ("ask",), ("articles", "list"), …"""
    for name, command in group.commands.items():
        inner = (*before, name)
        if hasattr(command, "commands"):
            yield from commands(command, inner)
        else:
            yield inner


def named(page: Path) -> set[tuple[str, ...]]:
    """The commands that the code in a page names; a word that may be an argument is left out."""
    groups = {words[0] for words in COMMANDS if len(words) == 2}
    code = "\n".join(part.strip("`") for part in _CODE.findall(page.read_text(encoding="utf-8")))
    return {(first, second) if first in groups and second else (first,) for first, second in _COMMAND.findall(code)}


COMMANDS = set(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_commands_named_exist(page: Path) -> None:
    groups = {words[:1] for words in COMMANDS if len(words) == 2}
    assert named(page) - COMMANDS - groups == set()


def test_readme_names_every_command() -> None:
    assert COMMANDS - named(README) == set()


def test_pages_name_commands() -> None:
    assert len(set().union(*map(named, PAGES))) > 5  # or the search for them finds nothing


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_pages_and_folders_that_are_named_exist(page: Path) -> None:
    names = re.findall(r"\b(?:docs|bot|tests|bench|models|prompts|seeds)/[\w./-]*\w", page.read_text(encoding="utf-8"))
    assert [name for name in names if not (REPO / name).exists() and name != "bot/_share"] == []


def test_no_text_holds_the_marks_of_a_broken_merge() -> None:
    texts = [*REPO.glob("*.md"), *(REPO / "docs").glob("*.md"), *REPO.glob("*.toml"), REPO / "Makefile"]
    assert len(texts) > 10
    marked = re.compile(r"^(<{7} |={7}$|>{7} )", re.MULTILINE)
    assert [path.name for path in texts if marked.search(path.read_text("utf-8"))] == []
