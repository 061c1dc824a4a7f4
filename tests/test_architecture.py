"""The house: which room may import which, who alone imports a heavy library, and how long files and functions are."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

BOT = Path(__file__).resolve().parent.parent / "bot"
LONGEST_FILE, LONGEST_FUNCTION = 350, 60

# A room is a module or a package of bot/. What a room may import of the others; all may import errors and schema.
# fmt: off
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "schema": set(),
    "config": {"errors"},
    "models": {"errors", "config"},
    "llama": {"errors"},
    "llm": {"errors", "schema", "llama"},
    "embed": {"llama"},
    "words": set(),
    "jsonlines": set(),
    "followup": {"schema", "words"},
    "dates": {"schema", "words"},
    "store": {"errors", "schema", "llama"},
    "articles": {"errors", "schema"},
    "ingest": {"schema", "articles", "embed", "store"},
    "lexical": {"schema"},
    "evidence": {"schema", "words"},
    "retrieve": {"schema", "config", "embed", "store", "lexical", "evidence"},
    "segments": {"schema"},
    "prompt": {"errors", "schema", "config", "segments"},
    "cite": {"schema", "words", "llama", "dates", "doubt"},
    "answerable": {"errors", "schema"},
    "figures": {"words", "dates", "doubt"},
    "doubt": {"words"},
    "disagree": {"schema", "words", "dates", "figures", "cite"},
    "answer": {
        "errors", "schema", "config", "embed", "evidence", "retrieve", "prompt", "llm", "cite", "dates", "disagree",
        "answerable", "segments",
    },
    "ahead": {"errors", "schema"},
    "line": {"errors"},
    "chat": {"errors", "schema", "ahead", "answer", "followup", "ingest", "line", "llm", "store"},
    "late": {"errors", "schema", "chat"},
    "conversations": {"errors", "schema", "jsonlines"},
    "users": {"errors"},
    "evaluate": {"errors", "schema", "config", "cite"},
    "datasets": {"errors", "schema", "articles", "evaluate"},
    "feedback": {"errors", "schema", "jsonlines", "evaluate"},
    "drafts": {"errors", "schema", "doubt", "evaluate", "followup", "jsonlines", "llm", "prompt", "words"},
    "doctor": {
        "errors", "schema", "config", "models", "llm", "embed", "store", "articles", "ingest", "lexical", "prompt",
        "conversations", "feedback", "users", "running",
    },
    "backup": {"errors", "schema", "embed", "store", "articles", "ingest", "running"},
    "running": set(),
    "trace": {"schema"},
    "ui": {"errors", "schema", "config", "conversations", "dates", "drafts", "feedback", "trace", "users"},
    "cli": {"*"},
    "__main__": {"cli"},
    "__init__": {"chat", "cli", "config"},
}
# fmt: on
DOORS = {"__main__", "__init__"}  # for callers from outside; no room imports more of them than the version
# Of llama, other rooms but llm and embed take the type of vectors only; they decode nothing.
DECODING_ROOMS = {"llm", "embed"}

OWNERS = {
    "llama_cpp": {"llama.py"},
    "chromadb": {"store/chroma.py", "store/connect.py", "store/failures.py"},
    "openai": {"llm/server.py"},
    "diskcache": {"llm/kept.py"},
    "bcrypt": {"users/known.py"},
    "matplotlib": {"evaluate/plots.py"},
    "sentencex": {"articles/sentences.py"},
    "trafilatura": {"articles/page.py"},
    "httpcore": {"articles/web.py"},
    "pypdf": {"articles/pdf.py"},
    "gguf": {"models/convert.py"},
    "huggingface_hub": {"models/hub.py"},
    "typer": {"cli"},
    "rich": {"cli"},
    "gradio": {"ui"},
    "fastapi": {"ui"},
    "uvicorn": {"ui"},
}
FILES = sorted(BOT.rglob("*.py"))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def room(file: Path) -> str:
    first = file.relative_to(BOT).parts[0]
    return first.removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Modules that a file imports anywhere in it, with the names taken from each."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            yield node.module or "", tuple(alias.name for alias in node.names)


def rooms_imported(file: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for module, names in imports(file):
        parts = module.split(".")
        if parts[0] != "bot":
            continue
        if len(parts) > 1:
            yield parts[1], names
        else:
            yield from ((name, ()) for name in names if not name.startswith("__"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(BOT)))
def test_rooms_import_only_what_the_table_says(file: Path) -> None:
    own = room(file)
    assert own in ROOMS, "a new room needs a line in the table"
    if "*" in ROOMS[own]:
        return
    assert {name for name, _ in rooms_imported(file)} - {own} <= ROOMS[own]


def test_the_table_has_no_edge_that_nobody_uses() -> None:
    used: dict[str, set[str]] = {}
    for file in FILES:
        used.setdefault(room(file), set()).update(name for name, _ in rooms_imported(file))
    assert {name: edges - used.get(name, set()) for name, edges in ROOMS.items() if edges - used[name] - {"*"}} == {}


def test_the_table_has_no_cycle() -> None:
    done: set[str] = set()
    while left := {name for name, edges in ROOMS.items() if name not in done and "*" not in edges} - DOORS:
        ready = {name for name in left if ROOMS[name] <= done}
        assert ready, f"a cycle among {sorted(left)}"
        done |= ready


def test_only_llm_and_embed_decode() -> None:
    taken = {
        (room(file), name)
        for file in FILES
        if room(file) not in DECODING_ROOMS
        for module, names in rooms_imported(file)
        if module == "llama"
        for name in names
    }
    assert {name for _, name in taken} <= {"Vectors"}


@pytest.mark.parametrize("library", OWNERS)
def test_a_heavy_library_has_one_owner(library: str) -> None:
    importers = {
        file.relative_to(BOT) for file in FILES for module, _ in imports(file) if module.split(".")[0] == library
    }
    places = {path.parts[0] if path.parts[0] in OWNERS[library] else path.as_posix() for path in importers}
    assert places == OWNERS[library]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(BOT)))
def test_files_and_functions_are_short(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{file}:{node.lineno}: {node.name} has {length} lines"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(BOT)))
def test_a_file_says_what_it_does(file: Path) -> None:
    assert ast.get_docstring(tree(file)), "no docstring"
