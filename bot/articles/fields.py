"""The fields of an article: checked, derived where the file does not give them, and put together.

Articles are untrusted: links that are not http(s) are left out, and texts that cannot be stored are refused. It knows
nothing of file formats.
"""

import datetime as dt
import hashlib
import json
import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import urlsplit

from bot.articles import sentences
from bot.errors import ArticleError
from bot.schema import Article, Dropped

MAX_ID = 200
MAX_TEXT = 5_000_000  # characters; the Bible has 4 million
MAX_TITLE = 300
MAX_TITLE_LINE = 120
MAX_TITLE_CUT = 90

_DATE = re.compile(r"\s*(\d{4}-\d{2}-\d{2})(?:[T ].*)?\s*", re.DOTALL)
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")


def build(
    path: Path,
    text: str,
    *,
    ident: str | None = None,
    title: str | None = None,
    date: dt.date | None = None,
    url: str | None = None,
    source: str | None = None,
    author: str | None = None,
    credit: str | None = None,
    dropped: tuple[Dropped, ...] = (),
) -> Article:
    """The article of the file `path`; id and title are derived where None.

    Raises ArticleError for a text or field that cannot be stored.
    """
    if not text or text.isspace():
        raise ArticleError("it has no text. Check that the file is the one you meant.")
    check_length(text)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ArticleError("its text holds half a character (a lone surrogate). Write it again as UTF-8.") from None
    article = Article(
        id=article_id(ident) if ident is not None else slug(path.stem),
        title=_shorten(one_line(title) or title_of(text), MAX_TITLE),
        text=text,
        date=date,
        url=web_address(url),
        source=_named(source),
        author=_named(author),
        credit=one_line(credit),
        origin=origin(path),
        dropped=dropped,
    )
    return article.model_copy(update={"content_hash": content_hash(article)})


def check_length(text: str) -> None:
    """Raises ArticleError for a text that is too long for one article."""
    if len(text) > MAX_TEXT:
        raise ArticleError(f"its text is longer than {MAX_TEXT:,} characters. Split it into several articles.")


def content_hash(article: Article) -> str:
    """SHA-256 (hex) over all that a reader sees: text, title, date, url, source, author, credit."""
    seen = [article.text, article.title, str(article.date), article.url, article.source, article.author, article.credit]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def article_id(given: str) -> str:
    """An id as the store keeps it: the one given, slashes replaced by '_'.

    Raises ArticleError if it is empty, longer than 200 characters or holds control characters.
    """
    ident = given.strip().replace("/", "_").replace("\\", "_")
    if not ident or len(ident) > MAX_ID:
        raise ArticleError(f"its id has {len(ident)} characters. Give it one of 1 to {MAX_ID}.")
    if not ident.isprintable():
        raise ArticleError(f"its id {ident!r} holds unprintable characters. Give it another one.")
    return ident


def slug(stem: str) -> str:
    """An id made of a file's name: letters of all scripts, digits, '-', '_' and '.' stay, the rest becomes '-'."""
    name = unicodedata.normalize("NFC", stem)
    kept = "".join(char if char in "-_." or unicodedata.category(char)[0] in "LMN" else "-" for char in name)
    return re.sub(r"-{2,}", "-", kept).strip("-.")[:MAX_ID] or "article"


def origin(path: Path) -> str:
    """The absolute path, storable even where the file's name is not valid UTF-8."""
    return os.fsencode(path.absolute()).decode("utf-8", errors="replace")


def parse_date(given: str) -> dt.date:
    """The day of `YYYY-MM-DD`, a time after it is ignored. Raises ArticleError for anything else."""
    match = _DATE.fullmatch(given)
    try:
        if match:
            return dt.date.fromisoformat(match[1])
    except ValueError:
        pass
    raise ArticleError(f"its date {given[:40]!r} is not a day. Write it as YYYY-MM-DD.")


def web_address(given: str | None) -> str | None:
    """The address if it is a plain http(s) one, else None: the page makes a link of it."""
    address = (given or "").strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    plain = address.isprintable() and " " not in address and len(address) <= 2000
    return address if plain and parts.scheme in ("http", "https") and parts.netloc else None


def one_line(given: str | None) -> str | None:
    """All white space as single blanks, unstorable characters gone; None if nothing is left."""
    text = " ".join((given or "").split())
    return "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cs")) or None


def _named(given: str | None) -> str | None:
    name = one_line(given)
    return _shorten(name, MAX_TITLE) if name else None


def title_of(text: str) -> str:
    """A headline that the text begins with, else its first sentence, cut to 90 characters."""
    start = text.lstrip()[:4000]
    first, *rest = _BLANK_LINE.split(start, maxsplit=1)
    lines = first.splitlines()
    # A short line over a long one is a headline, too; over short ones it may be a hard-wrapped paragraph.
    alone = (len(lines) == 1 and rest) or (len(lines) > 1 and len(lines[1]) > MAX_TITLE_LINE)
    line = lines[0].strip() if lines else ""
    if alone and len(line) <= MAX_TITLE_LINE and not _SENTENCE_END.search(line):
        return line
    spans = sentences.split(start)
    sentence = start[slice(*spans[0])] if spans else start
    return _shorten(" ".join(sentence.split()), MAX_TITLE_CUT)


def _shorten(line: str, limit: int) -> str:
    if len(line) <= limit:
        return line
    cut = line[:limit]
    words = cut.rpartition(" ")[0]
    return (words or cut[:-1]).rstrip(" ,;:–—-") + "…"
