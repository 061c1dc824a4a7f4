"""Saved web pages → articles; the only importer of trafilatura, which finds the story in the page. No network."""

import datetime as dt
import re
from pathlib import Path

import trafilatura

from bot.articles import fields
from bot.articles.clean import clean
from bot.articles.decode import decode
from bot.errors import ArticleError
from bot.schema import Article

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_LIST_OR_TABLE = re.compile(r"- |.*\|")
_NOTHING = "no article was found in the page. Save its text as .txt instead."
# The day of publishing, not of the last change.
_DATES = {"original_date": True, "extensive_search": False}


def read_html(data: bytes, path: Path) -> Article:
    """The article of a saved page: story, title, author, date, site. Raises ArticleError."""
    charset = _CHARSET.search(data[:4096])
    html = decode(data, charset[1].decode("ascii") if charset else None)
    try:
        page = trafilatura.bare_extraction(
            html, include_comments=False, with_metadata=True, date_extraction_params=_DATES
        )
    except Exception as error:  # any page may come in, and its parsers promise no kind of error
        raise ArticleError(f"the page could not be parsed ({type(error).__name__}). Save its text as .txt.") from None
    if page is None or isinstance(page, dict) or not page.text:
        raise ArticleError(_NOTHING)
    story = clean(_paragraphs(page.text), date_line=False)
    return fields.build(
        path,
        story.text,
        title=page.title,
        date=_published(page.date, html, page.text),
        url=page.url,
        source=page.sitename,
        author=page.author,
        credit=story.credit,
        dropped=story.dropped,
    )


def _published(day: str | None, html: str, story: str) -> dt.date | None:
    """The day that trafilatura found, unless only the story mentions it: then it may be any day."""
    if not day:
        return None
    in_page, in_story = (text.replace("/", "-").replace(".", "-").count(day) for text in (html, story))
    return None if in_page and in_page == in_story else fields.parse_date(day)


def _paragraphs(text: str) -> str:
    """trafilatura gives a paragraph a line; set them apart by blank lines, but keep lists and tables together."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    joined = lines[:1]
    for before, line in zip(lines, lines[1:], strict=False):
        together = _LIST_OR_TABLE.match(before) and _LIST_OR_TABLE.match(line)
        joined += ["\n" if together else "\n\n", line]
    return "".join(joined)
