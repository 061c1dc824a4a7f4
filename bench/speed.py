"""How fast the program is, as ratios to what lies beneath it: both sides take turns in one run, so that a slow or busy
machine changes both.

    python bench/speed.py [--questions 12] [--rounds 3] [--chunks 5000] [--corpus seeds/articles] [--part NAME …]
                          [--write docs/performance.md] [--set NAME=VALUE …]

A ratio above the limit kept in bench/limits.toml makes the run fail, and so does a limit in seconds that is not met, on
a machine as fast as that file says. Where the model runs on a GPU, limits are only told: they are for processors, which
read prompts many times slower. Parts: answers, ingest, search, start, memory.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from document import document, in_seconds, told
from measures import answers, library, program
from measures.limits import Limits
from measures.measure import Measure
from rich.console import Console
from rich.table import Table

from bot.config import PROJECT, Settings, load
from bot.llama import supports_gpu

LIMITS = Path(__file__).with_name("limits.toml")
BUSY = 0.5  # load average before, at which ratios to llama.cpp as it comes flatter (docs/experiments.md)


def main() -> None:
    chosen, limits = options(), Limits.read(LIMITS)
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    found: list[Measure] = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, part in parts(chosen, Path(temporary)).items():
            if not chosen.part or name in chosen.part:
                Console(stderr=True).print(f"Measuring {name} …")
                found += part()
    show(found, limits)
    if busy > BUSY:
        Console(stderr=True).print(
            f"Other work had a load of {busy:.1f}: it slows bare llama.cpp more than the program."
        )
    if chosen.write:
        document(chosen.write, found, limits, sys.argv[1:], busy)
    if fault := limits.fault(found, whole=not chosen.part):
        if not on_gpu(chosen):
            sys.exit(fault)
        Console(stderr=True).print(f"{fault} The limits are for processors, and the model is on a GPU here.")


def settings_of(chosen: argparse.Namespace) -> Settings:
    return load(dict(one.split("=", 1) for one in chosen.set)).settings


def on_gpu(chosen: argparse.Namespace) -> bool:
    return bool(settings_of(chosen).llm.gpu_layers) and supports_gpu()


def parts(chosen: argparse.Namespace, temporary: Path) -> Mapping[str, Callable[[], Sequence[Measure]]]:
    """First what is measured in processes of its own: they share a model's pages with this one once it has them."""
    settings = settings_of(chosen)
    return {
        "start": lambda: [program.starting(settings, temporary / "data", chosen.rounds, chosen.set)],
        "memory": lambda: program.memory(settings, temporary / "data", chosen.set),
        "answers": lambda: answers.measure(settings, chosen.questions, temporary / "answers"),
        "ingest": lambda: [library.ingesting(settings, temporary, chosen.rounds, chosen.corpus)],
        "search": lambda: library.searching(settings, (chosen.folder or temporary) / "library", chosen.chunks),
    }


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
    chosen = parser.parse_args()
    chosen.set = ["cache.join=always", *chosen.set]  # that is measured; by default a fast GPU joins nothing
    return chosen


def show(found: Sequence[Measure], limits: Limits) -> None:
    table = Table("measure", "ours", "beneath", "ratio", "at most", "ours, at most", "beneath is", box=None)
    for one in found:
        table.add_row(
            one.name,
            one.shown(one.ours),
            one.shown(one.beneath),
            f"{one.ratio:.2f}{' !' if limits.over(one) else ''}",
            told(limits.ratio_of(one)),
            in_seconds(one, limits),
            one.against,
        )
    Console(width=None if sys.stdout.isatty() else 180).print(table)


if __name__ == "__main__":
    main()
