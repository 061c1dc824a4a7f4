"""A corpus, a file or folder that `bot ingest` reads: all that is wrong with it, and texts to compare evidence with.

It reads with the very readers of `bot ingest`, so both agree on what an article is.
"""

import difflib
import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.articles import SUFFIXES, find_files, read_numbered
from bot.datasets.found import Checked, Finding, Level, decomposed, short
from bot.errors import ArticleError, DatasetError
from bot.schema import Article

COMPARED = 100_000  # ids that near spellings are looked for among, in all: 10 s if they are long

Numbered = tuple[Path, int, Article | ArticleError]


class Texts(NamedTuple):
    """The ids of a corpus, the texts of those asked for, and how many files or lines of it do not load."""

    ids: Sequence[str]
    texts: dict[str, str]
    unread: int


def check_corpus(path: Path) -> Checked:
    """Raises DatasetError where there is no such path."""
    first: dict[str, str] = {}
    same: dict[bytes, str] = {}
    findings: list[Finding] = []
    for file, line, read in _read(path):
        place = f"line {line}" if file == path else f"{file}, line {line}"
        for level, what in _judge(file, read, first, same):
            findings.append(Finding(file=str(file), line=line, level=level, what=what))
        if isinstance(read, Article):
            first.setdefault(read.id, place)
            same.setdefault(_sum(read.text), read.id)
    if not first:
        what = "it holds no articles. Write one JSON object a line, or name the folder of the files."
        findings.append(Finding(file=str(path), line=0, level="error", what=what))
    return Checked(file=str(path), kind="corpus", checked=len(first), findings=tuple(findings))


def load_texts(path: Path, wanted: Collection[str]) -> Texts:
    """The texts of the articles `wanted` by id; where an id comes twice, the first counts, as `bot ingest` has it."""
    ids: dict[str, None] = {}
    texts: dict[str, str] = {}
    unread = 0
    for _, _, read in _read(path):
        if not isinstance(read, Article):
            unread += 1
        elif read.id not in ids:
            ids[read.id] = None
            if read.id in wanted:
                texts[read.id] = read.text
    return Texts(list(ids), texts, unread)


class Spelling:
    """Near spellings among `names`; in bounded time, so after many questions it knows none."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._known: dict[str, str | None] = {}

    def near(self, name: str) -> str | None:
        if name not in self._known and (len(self._known) + 1) * len(self._names) <= COMPARED:
            self._known[name] = next(iter(difflib.get_close_matches(name, self._names, n=1)), None)
        return self._known.get(name)


def _read(path: Path) -> Iterator[Numbered]:
    try:
        files = find_files([path])
    except ArticleError as error:
        raise DatasetError(str(error)) from None
    for file in files:
        for line, read in read_numbered(file):
            yield file, line, read


def _judge(
    file: Path, read: Article | ArticleError, first: dict[str, str], same: dict[bytes, str]
) -> Iterator[tuple[Level, str]]:
    if not isinstance(read, Article):
        yield ("error" if file.suffix.lower() in SUFFIXES else "warning"), str(read)
        return
    if read.id in first and file.suffix.lower() == ".jsonl":  # files of one name get different ids from `bot ingest`
        yield "error", f"its id {read.id!r} is that of {first[read.id]}. Give each article its own id."
        return
    twin = same.get(_sum(read.text))
    if twin is not None and twin != read.id:
        yield "warning", f"its text is that of {twin!r}, so search may find either. Keep one of them."
    if decomposed(read.text):
        yield (
            "warning",
            (
                f"its text {short(read.text)} has letters in parts (not Unicode NFC), so that words may not be found. "
                "Save it in NFC, and count the offsets of its evidence anew."
            ),
        )


def _sum(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
