"""Runs each parser of tests/parsers.py under Atheris, which makes inputs that reach code no input reached before.

    python bench/fuzz.py [--minutes 2] [--keep build/fuzz] [PARSER …]

Each runs for so long in a process of its own; what it reached is kept in KEEP/PARSER and is where the next run goes on.
An input that raises anything but the parser's own error, or takes 30 s or 3 GB, is named, and the exit code is 1: it
belongs in tests/fuzzed/PARSER/, where `make test` runs it for ever (tests/test_fuzzed.py).
"""

import argparse
import os
import re
import sys
import time
from pathlib import Path

import atheris

TESTS = Path(__file__).resolve().parent.parent / "tests"
SECONDS_EACH, MEGABYTES, LONGEST = 30, 3000, 4096  # of one input; its bytes at most
LIBRARIES = ("bot", "trafilatura", "htmldate", "courlan", "justext", "pypdf", "yaml", "tomllib", "jinja2", "json")

sys.path.insert(0, str(TESTS))
with atheris.instrument_imports(include=list(LIBRARIES)):
    from parsers import PARSERS, Parser


def main() -> int:
    arguments = _arguments()
    found = [
        path
        for name in arguments.parsers or PARSERS
        for path in fuzz(name, PARSERS[name], arguments.keep, arguments.minutes)
    ]
    for path in found:
        print(f"FOUND {path}")
    return 1 if found else 0


def fuzz(name: str, parser: Parser, keep: Path, minutes: float) -> list[Path]:
    """The inputs on which the parser failed, newly found ones only."""
    reached, failed = keep / name, keep / f"{name}-failed"
    words, log = keep / f"{name}.words", keep / f"{name}.log"
    for folder in (reached, failed):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(parser.seeds):
        (reached / f"seed-{number}").write_bytes(seed)
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in parser.words), encoding="ascii")
    before, began = set(failed.iterdir()), time.monotonic()
    options = [f"-max_total_time={int(minutes * 60)}", f"-timeout={SECONDS_EACH}", f"-rss_limit_mb={MEGABYTES}"]
    options += [f"-dict={words}"] if parser.words else []
    options += [f"-artifact_prefix={failed}/", f"-max_len={LONGEST}", "-print_final_stats=1"]
    status = _in_a_child(parser, [sys.argv[0], str(reached), *options], log)
    new = sorted(set(failed.iterdir()) - before)
    runs = re.search(r"number_of_executed_units: (\d+)", log.read_text(encoding="utf-8", errors="replace"))
    told = f"{runs[1] if runs else 'unknown'} inputs in {time.monotonic() - began:.0f} s"
    print(f"{name}: {told}, {len(list(reached.iterdir()))} kept, {len(new)} failed; it ended with {status}", flush=True)
    return new


def _in_a_child(parser: Parser, options: list[str], log: Path) -> int:
    """The exit code of a process, made by fork so that all libraries are there, which says what it does in `log`."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    atheris.Setup(options, parser.run)
    atheris.Fuzz()
    os._exit(0)


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="for each parser")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="folder of what was reached and found")
    parser.add_argument("parsers", nargs="*", metavar="PARSER", help=f"of {', '.join(PARSERS)}; all if none is named")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
