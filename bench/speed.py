"""How fast the program is, as ratios to what lies beneath it: both sides take turns in one run, so that a slow or busy
machine changes both.

    python bench/speed.py [--questions 12] [--rounds 3] [--chunks 5000] [--corpus seeds/articles] [--part NAME …]
                          [--write docs/performance.md] [--set NAME=VALUE …]

A ratio above the limit kept in bench/limits.toml makes the run fail. Parts: answers, ingest, search, start, memory.
"""

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from document import document
from measures import answers, library, program
from measures.measure import Measure
from rich.console import Console
from rich.table import Table

from bot.config import PROJECT, load

LIMITS = Path(__file__).with_name("limits.toml")


def main() -> None:
    chosen = options()
    settings = load(dict(one.split("=", 1) for one in chosen.set)).settings
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        parts: dict[str, Callable[[], Sequence[Measure]]] = {
            # First what is measured in processes of its own: they share a model's pages with this one once it has them.
            "start": lambda: [program.starting(settings, Path(temporary) / "data", chosen.rounds, chosen.set)],
            "memory": lambda: program.memory(settings, Path(temporary) / "data", chosen.set),
            "answers": lambda: answers.measure(settings, chosen.questions, Path(temporary) / "answers"),
            "ingest": lambda: [library.ingesting(settings, Path(temporary), chosen.rounds, chosen.corpus)],
            "search": lambda: library.searching(settings, folder / "library", chosen.chunks),
        }
        found: list[Measure] = []
        for name, part in parts.items():
            if not chosen.part or name in chosen.part:
                Console(stderr=True).print(f"Measuring {name} …")
                found += part()
    all_limits = tomllib.loads(LIMITS.read_text("utf-8"))
    limits = limits_of(found, all_limits)
    show(found, limits)
    if chosen.write:
        document(chosen.write, found, limits, sys.argv[1:])
    lacking = [begin for begin in all_limits if not any(one.name.startswith(begin) for one in found)]
    if lacking and not chosen.part:
        sys.exit(f"Not measured, though bench/limits.toml has a limit: {'; '.join(lacking)}.")
    worse = [one.name for one in found if one.ratio > limits.get(one.name, one.ratio)]
    if worse:
        sys.exit(f"Worse than bench/limits.toml allows: {'; '.join(worse)}. Other work on the machine? Measure again.")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chunks", type=int, default=5000)
    parser.add_argument("--corpus", type=Path, default=PROJECT / "seeds" / "articles")
    parser.add_argument("--folder", type=Path, help="keeps the made-up library, which is slow to make")
    parser.add_argument("--part", action="append", choices=["answers", "ingest", "search", "start", "memory"])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    return parser.parse_args()


def limits_of(found: Sequence[Measure], limits: dict[str, float]) -> dict[str, float]:
    """By the measures' names: the limit whose name each begins with."""
    return {one.name: limit for one in found for begin, limit in limits.items() if one.name.startswith(begin)}


def show(found: Sequence[Measure], limits: dict[str, float]) -> None:
    table = Table("measure", "ours", "beneath", "ratio", "at most", "beneath is", box=None)
    for one in found:
        limit = limits.get(one.name)
        over = limit is not None and one.ratio > limit
        table.add_row(
            one.name,
            one.shown(one.ours),
            one.shown(one.beneath),
            f"{one.ratio:.2f}{' !' if over else ''}",
            "" if limit is None else f"{limit:.2f}",
            one.against,
        )
    Console(width=None if sys.stdout.isatty() else 180).print(table)


if __name__ == "__main__":
    main()
