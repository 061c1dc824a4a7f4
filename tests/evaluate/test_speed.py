"""bench/speed.py: a run that is worse than its limits fails, one that lacks a measure, too, and the page is written."""

import ast
import importlib
import re
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bot.config import PROJECT
from bot.llm import LlamaCpp
from bot.schema import Message

BENCH = PROJECT / "bench"
LIMITS = """
[ratio]
"first token" = 0.5
"first token, quick" = 0.1
"a token of the prompt" = 1.1
[seconds]
"first token, quick" = 0.4
[machine]
"a token of the prompt" = 0.008
"""
GOOD = {
    "first token, articles read before": (1.0, 4.0),
    "first token, quick": (0.39, 4.0),
    "a token of the prompt": (0.0079, 0.0079),
}


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, with limits of our own and no measures yet."""
    monkeypatch.syspath_prepend(BENCH)
    module = importlib.import_module("speed")
    (tmp_path / "limits.toml").write_text(LIMITS, encoding="utf-8")
    monkeypatch.setattr(module, "LIMITS", tmp_path / "limits.toml")
    return module


def run(
    speed: ModuleType, monkeypatch: pytest.MonkeyPatch, found: dict[str, tuple[float, float]], *words: object
) -> tuple[str, list[str]]:
    """What it says as it fails, "" where it does not, and the parts that were measured."""
    measured: list[str] = []

    def part(name: str, begin: str) -> Any:
        def measure() -> Sequence[Any]:
            measured.append(name)
            return [
                speed.Measure(of, *pair, "bare llama.cpp", "ms" if of.startswith("a token") else "s")
                for of, pair in found.items()
                if of.startswith(begin)
            ]

        return measure

    parts = {"answers": part("answers", "first"), "memory": part("memory", "a token")}
    monkeypatch.setattr(speed, "parts", lambda chosen, temporary: parts)
    monkeypatch.setattr(sys, "argv", ["bench/speed.py", *map(str, words)])
    try:
        speed.main()
    except SystemExit as end:
        return str(end.code), measured
    return "", measured


def test_a_run_within_its_limits_passes(
    speed: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(speed, monkeypatch, GOOD) == ("", ["answers", "memory"])
    rows = {line[:36].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert "0.40 s: met" in rows["first token, quick"]
    assert " !" not in "".join(rows.values())


@pytest.mark.parametrize(
    ("worse", "named"),
    [
        ({"first token, articles read before": (2.1, 4.0)}, "first token, articles read before"),
        ({"first token, quick": (0.3, 2.9)}, "first token, quick"),  # its own limit, not the one for the other
        ({"a token of the prompt": (0.009, 0.0079)}, "a token of the prompt"),
        ({"first token, quick": (0.41, 4.2)}, "first token, quick"),  # in seconds alone
    ],
)
def test_a_run_that_is_worse_fails_and_says_where(
    speed: ModuleType, monkeypatch: pytest.MonkeyPatch, worse: dict[str, tuple[float, float]], named: str
) -> None:
    said, _ = run(speed, monkeypatch, GOOD | worse)
    assert said == (f"Worse than bench/limits.toml allows: {named}. Other work on the machine? Measure again.")


@pytest.mark.parametrize(("layers", "fails"), [(-1, False), (0, True)])
def test_limits_are_only_told_where_the_model_is_on_a_gpu(
    speed: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], layers: int, fails: bool
) -> None:
    monkeypatch.setattr(speed, "supports_gpu", lambda: True)
    worse = GOOD | {"first token, quick": (0.04, 0.08)}
    said, _ = run(speed, monkeypatch, worse, "--set", f"llm.gpu_layers={layers}")
    assert ("Worse than" in said) is fails
    assert ("Worse than" in capsys.readouterr().err) is not fails, "it is told, one way or the other"


def test_a_slow_machine_does_not_fail_for_being_slow(
    speed: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = {"first token, quick": (0.8, 8.2), "a token of the prompt": (0.0161, 0.0161)}
    assert run(speed, monkeypatch, GOOD | slow, "--write", tmp_path / "page.md")[0] == ""
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| 0.10 | 0.10 | 0.40 s: not met |" in page
    assert "takes bare llama.cpp 8.0 ms at most (took 16.1 ms here), so here they are told and fail no run." in page


def test_a_limit_without_a_measure_fails(speed: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = {name: pair for name, pair in GOOD.items() if name != "first token, quick"}
    said, _ = run(speed, monkeypatch, fewer)
    assert said == "Not measured, though bench/limits.toml has a limit: first token, quick."
    assert run(speed, monkeypatch, fewer, "--part", "answers") == ("", ["answers"]), "a part is not all"
    worse = {"first token, articles read before": (2.1, 4.0)}
    assert run(speed, monkeypatch, worse, "--part", "answers")[0].startswith("Worse than")


def test_the_page_and_its_plot_are_written_even_where_it_fails(
    speed: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    said, _ = run(speed, monkeypatch, GOOD | {"a token of the prompt": (0.0096, 0.0078)}, "--write", page)
    assert said
    text = page.read_text(encoding="utf-8")
    assert f"Written by `python bench/speed.py --write {page}`" in text
    assert "| first token, articles read before | 1.00 s | 4.00 s | bare llama.cpp | 0.25 | 0.50 |  |" in text
    assert "| first token, quick | 0.39 s | 4.00 s | bare llama.cpp | 0.10 | 0.10 | 0.40 s: met |" in text
    assert "| a token of the prompt | 9.6 ms | 7.8 ms | bare llama.cpp | 1.23 | 1.10 |  |" in text
    assert "(took 7.8 ms here), so they are here." in text
    assert re.search(r"The machine: .*; load average before: \d+\.\d\.\n", text)
    assert "![Ratios and their limits](page.svg)" in text
    plot = (tmp_path / "page.svg").read_text(encoding="utf-8")
    assert plot.count("<rect") == 1 + len(GOOD)
    assert plot.count("#c0392b") == 1, "what is worse is red"


def test_what_bench_limits_is_measured_somewhere(speed: ModuleType) -> None:
    limits = speed.Limits.read(BENCH / "limits.toml")
    sources = "".join(path.read_text(encoding="utf-8") for path in (BENCH / "measures").glob("*.py"))
    assert [name for table in limits for name in table if f'"{name}' not in sources] == []
    assert {"first token, quick", "first token of a follow-up"} <= set(limits.seconds)


class Spy:
    """Bare llama.cpp that notes what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, list[int]]] = []

    def read(self, tokens: Sequence[int]) -> float:
        self.given.append(("read", list(tokens)))
        return 5.0

    def write(self, tokens: Sequence[int]) -> float:
        self.given.append(("write", list(tokens)))
        return 0.25


def test_bare_llama_reads_and_writes_the_same_tokens(
    speed: ModuleType, small_llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy, text = Spy(), "The harbour ferry carries more people every year, and the council wants a bridge. "
    asked = [Message(role="user", content=text * 30 + "Retell this in many words.")]
    rates = speed.answers.written(small_llm, spy, asked)
    (read, prompt), (write, answer) = spy.given
    assert (read, write) == ("read", "write")
    assert len(prompt) > 400
    assert small_llm._cells.tokens == [*prompt, *answer]
    assert len(answer) == speed.answers.ANSWER_TOKENS - 1
    assert rates.prompt[1] == 5.0 / len(prompt)
    assert rates.answer[1] == 0.25
    assert rates.answer[0] > 0
    assert rates.prompt[0] > 0
    monkeypatch.setattr(speed.answers, "SHORTEST", 33)
    assert speed.answers.written(small_llm, spy, asked) is None
    assert len(spy.given) == 2


def test_bare_llama_is_a_process_with_nothing_of_ours(
    speed: ModuleType, small_llm_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = importlib.import_module("measures.bare")
    monkeypatch.setenv(made.OURS, "1000")
    names = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(made.RAW.read_text(encoding="utf-8")))
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names - sys.stdlib_module_names == {"llama_cpp"}
    with closing(made.Bare(small_llm_path)) as bare:
        assert bare.read([1, 2, 3]) > 0
        assert bare.write([4, 5]) > 0
        assert bare.read(list(range(520))) > 0, "in two batches, from the beginning"
        environ = Path(f"/proc/{bare._process.pid}/environ")
        if environ.exists():
            assert made.OURS.encode() not in environ.read_bytes()
    missing = small_llm_path.with_name("nothing.gguf")
    with closing(made.Bare(missing)) as bare, pytest.raises(RuntimeError, match="ended with status 1"):
        bare.read([1])
