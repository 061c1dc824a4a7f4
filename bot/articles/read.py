"""Paths → files → articles; pages that were fetched, too. What cannot be read is told, and the rest goes on.

It opens no connection, does not know which articles are stored already, and does not mind two with the same id.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from bot.articles import address, fields
from bot.articles.address import Fetched
from bot.articles.decode import as_utf8
from bot.articles.jsonl import read_line
from bot.articles.page import read_html
from bot.articles.pdf import read_pdf
from bot.articles.plain import read_markdown, read_text
from bot.errors import ArticleError
from bot.schema import Article, Frozen

MAX_BYTES = 50_000_000  # of one article; a .jsonl file may be longer, its lines may not

_TOO_LONG = f"it is longer than {MAX_BYTES // 1_000_000} MB. Split it into several articles."
_READERS: dict[str, Callable[[bytes, Path], Article]] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
}
_KINDS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "application/pdf": ".pdf",
    "application/x-pdf": ".pdf",
}
_LINES = ".jsonl"
SUFFIXES = (*_READERS, _LINES)
_UNSUPPORTED = f"it is not a kind of file that can be read. Give one of {', '.join(SUFFIXES)}."


class Skipped(Frozen):
    """A file, folder or line that gave no article; `reason` says why and ends with what to do."""

    origin: str
    reason: str


def find_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Files to read, each once: those named, and those within folders, sorted by name at each level.

    Hidden files and folders within a folder are passed over; links are followed, each folder visited once. Files of
    other kinds, and folders that cannot be opened, are given too, so that `read_file` reports them. Raises ArticleError
    at the call for a path that does not exist.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise ArticleError(f"There is no file or folder {path}. Check its spelling.")
    return _find(paths, set())


def read_file(path: Path) -> Iterator[Article | Skipped]:
    """The article of a file, those of a .jsonl file one by one, or Skipped with the reason; never raises."""
    origin = fields.origin(path)
    for number, read in read_numbered(path):
        if isinstance(read, Article):
            yield read
        else:
            yield Skipped(origin=origin, reason=f"line {number}: {read}" if number else str(read))


def read_numbered(path: Path) -> Iterator[tuple[int, Article | ArticleError]]:
    """The same with the line of a .jsonl file, 0 for what is of the file as a whole, and the reason as an error."""
    reader = _READERS.get(path.suffix.lower())
    reason = _unreadable(path)
    if reason is not None:
        yield 0, ArticleError(reason)
        return
    try:
        with path.open("rb") as file:
            if reader is None:
                yield from _read_lines(file, path)
                return
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ArticleError(_TOO_LONG)
        yield 0, reader(data, path)
    except ArticleError as error:
        yield 0, error
    except OSError as error:
        yield 0, ArticleError(_os_reason(error))


def read_url(url: str, fetch: Callable[[str], Fetched]) -> Article | Skipped:
    """The article at a web address, as `fetch` gives it, or Skipped with the reason.

    Its `url` is the address that it was found at after redirects, which its id is made of; its `source` is the host
    unless the page tells one.
    """
    try:
        return _read_page(fetch(url))
    except ArticleError as error:
        return Skipped(origin=url, reason=str(error))


def _read_page(page: Fetched) -> Article:
    path = Path(unquote(urlsplit(page.url).path))
    suffix = _suffix(page.media_type, path.suffix.lower())
    data = page.data if suffix == ".pdf" else as_utf8(page.data, page.charset)
    article = _READERS[suffix](data, path)
    place = address.parse(page.url)
    told = {"id": place.article_id, "url": page.url, "source": article.source or place.host, "origin": page.url}
    article = article.model_copy(update=told)
    return article.model_copy(update={"content_hash": fields.content_hash(article)})


def _suffix(media_type: str, suffix: str) -> str:
    """The kind of file that a page is: as the server says, unless that says nothing; raises ArticleError for others."""
    kind = _KINDS.get(media_type)
    told_nothing = media_type in ("", "application/octet-stream", "binary/octet-stream")
    if suffix in _READERS and (told_nothing or (kind == ".txt" and suffix in (".md", ".markdown"))):
        return suffix
    if kind is None:
        what = media_type[:60] if media_type.isprintable() and media_type else "of no kind that the server names"
        raise ArticleError(f"it is {what}, which cannot be read. Give the address of a web page, a text or a PDF.")
    return kind


def _find(paths: Sequence[Path], seen: set[str]) -> Iterator[Path]:
    for path in paths:
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        if not os.path.isdir(path):  # Path.is_dir raises where a parent is closed
            yield path
            continue
        try:
            inside = sorted(child for child in path.iterdir() if not child.name.startswith("."))
        except OSError:
            yield path
            continue
        yield from _find(inside, seen)


def _unreadable(path: Path) -> str | None:
    """Why there is no use in opening a path; pipes and devices would wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return _os_reason(error)
    if stat.S_ISDIR(mode):
        return "it is a folder that cannot be opened. Check that you may read it."
    if path.suffix.lower() not in SUFFIXES:
        return _UNSUPPORTED
    return None if stat.S_ISREG(mode) else "it is no regular file. Copy what it gives into one."


def _os_reason(error: OSError) -> str:
    return f"it cannot be opened ({error.strerror}). Check that it exists and that you may read it."


def _read_lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, Article | ArticleError]]:
    number = 0
    while line := file.readline(MAX_BYTES + 1):
        number += 1
        try:
            if len(line) > MAX_BYTES:
                _skip_rest(file, line)
                raise ArticleError(_TOO_LONG)
            if number == 1:
                line = _without_mark(line)
            if line.strip():
                yield number, read_line(line, number, path)
        except _WrongEncoding as error:
            yield 0, error
            return
        except ArticleError as error:
            yield number, error


class _WrongEncoding(ArticleError):
    """No line of the file can be read."""


def _without_mark(line: bytes) -> bytes:
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _WrongEncoding("it is UTF-16. Save it again as UTF-8.")
    return line.removeprefix(b"\xef\xbb\xbf")


def _skip_rest(file: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(MAX_BYTES)
