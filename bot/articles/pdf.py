"""PDF files → articles; the only importer of pypdf.

A PDF holds lines, not paragraphs: lines are joined again by their length. Its own date says when the file was made, not
when the article appeared, so it is not used.
"""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pypdf
from pypdf.errors import DependencyError

from bot.articles import fields
from bot.articles.decode import plain_text
from bot.errors import ArticleError
from bot.schema import Article

_DAMAGED = "the PDF is damaged ({}). Open it in a PDF reader and save or print it to a new file."
_LOCKED = "the PDF is protected by a password. Save a copy without one."
_NO_TEXT = "the PDF holds no text, perhaps scanned pages. Run text recognition (OCR) on it first."

_BULLET = re.compile(r"(?:[•▪◦‣*–-]|\(?\d{1,2}[.)])\s")
_SOFT_HYPHEN = "\u00ad"
_FULL_LINE = 0.75  # of the page's usual width; shorter lines end a paragraph or are headings
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


def read_pdf(data: bytes, path: Path) -> Article:
    """The text of all pages, blank lines between them. Raises ArticleError for locked, empty or damaged files."""
    try:
        pages, title = _pages(data)
    except ArticleError:
        raise
    except DependencyError:
        raise ArticleError(_LOCKED) from None
    except Exception as error:  # damaged files make pypdf raise nearly anything, KeyError and RecursionError included
        raise ArticleError(_DAMAGED.format(type(error).__name__)) from None
    text = join_pages(pages)
    if not text:
        raise ArticleError(_NO_TEXT)
    return fields.build(path, text, title=_credible(title, text))


def _pages(data: bytes) -> tuple[list[str], str | None]:
    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise ArticleError(_LOCKED)
    pages = [plain_text(page.extract_text()) for page in reader.pages]
    return pages, reader.metadata.title if reader.metadata else None


def _credible(title: str | None, text: str) -> str | None:
    """The PDF's own title if the text begins with it somewhere: many are names of templates or files."""
    wanted = (fields.one_line(title) or "").casefold()
    return title if wanted and wanted in " ".join(text[:2000].split()).casefold() else None


def join_pages(pages: Sequence[str]) -> str:
    """Pages of hard-wrapped lines → paragraphs set apart by blank lines, words broken at line ends made whole."""
    vocabulary = {word.casefold() for page in pages for word in _WORD.findall(page)}
    return "\n\n".join(joined for page in pages if (joined := _join_page(page, vocabulary)))


def _join_page(page: str, vocabulary: set[str]) -> str:
    lines = [" ".join(line.split()) for line in page.split("\n")]
    lengths = sorted(len(line) for line in lines if line)
    width = lengths[int(len(lengths) * 0.8)] if lengths else 0
    joined, last = "", ""
    for line in lines:
        if joined and line:
            ends = not last or _BULLET.match(line) or (len(last) < _FULL_LINE * width and not line[0].islower())
            joined = f"{joined}\n\n{line}" if ends else _join_lines(joined, line, vocabulary)
        elif line:
            joined = line
        last = line
    return joined


def _join_lines(before: str, after: str, vocabulary: set[str]) -> str:
    if before.endswith(_SOFT_HYPHEN):
        return before[:-1] + after
    if not (before[-1:] == "-" and before[-2:-1].isalpha() and after[0].islower()):
        return f"{before} {after}"
    first, second = re.split(r"\s", before[-80:])[-1], _WORD.match(after)
    compound = (first + (second[0] if second else "")).casefold()
    # `well-` + `known` keeps its hyphen if the file writes well-known elsewhere, and never wellknown.
    hyphenated = compound in vocabulary and compound.replace("-", "") not in vocabulary
    return (before if hyphenated else before[:-1]) + after
