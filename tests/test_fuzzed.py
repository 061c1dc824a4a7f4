"""The inputs that broke a parser once, and those that a fuzzer begins with (bench/fuzz.py)."""

from pathlib import Path

import pytest
from parsers import PARSERS

KEPT = Path(__file__).resolve().parent / "fuzzed"
FOUND = sorted(path for path in KEPT.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", PARSERS)
def test_the_seeds_are_read(name: str) -> None:
    for seed in PARSERS[name].seeds:
        PARSERS[name].run(seed)


@pytest.mark.parametrize("path", FOUND, ids=[str(path.relative_to(KEPT)) for path in FOUND])
def test_what_broke_a_parser_once_is_read_or_refused(path: Path) -> None:
    PARSERS[path.parent.name].run(path.read_bytes())
