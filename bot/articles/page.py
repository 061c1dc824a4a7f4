"""Saved web pages → articles; the only importer of trafilatura, which finds the story in the page. No network."""

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
# The publishing day as the page states it, not one that may be anywhere in its text.
_DATES = {"original_date": True, "extensive_search": False}


def read_html(data: bytes, path: Path) -> Article:
    """The article of a saved page: story, title, author, date, site. Raises ArticleError."""
    charset = _CHARSET.search(data[:4096])
    html = decode(data, charset[1].decode("ascii") if charset else None)
    try:
        page = trafilatura.extract_with_metadata(html, include_comments=False, date_extraction_params=_DATES)
    except Exception as error:  # any page may come in, and its parsers promise no kind of error
        raise ArticleError(f"the page could not be parsed ({type(error).__name__}). Save its text as .txt.") from None
    text = page.text if page else None
    if page is None or not text:
        raise ArticleError(_NOTHING)
    story = clean(_paragraphs(text), date_line=False)
    return fields.build(
        path,
        story.text,
        title=page.title,
        date=fields.parse_date(page.date) if page.date else None,
        url=page.url,
        source=page.sitename,
        author=page.author,
        credit=story.credit,
        dropped=story.dropped,
    )


def _paragraphs(text: str) -> str:
    """trafilatura gives a paragraph a line; set them apart by blank lines, but keep lists and tables together."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    joined = lines[:1]
    for before, line in zip(lines, lines[1:], strict=False):
        together = _LIST_OR_TABLE.match(before) and _LIST_OR_TABLE.match(line)
        joined += ["\n" if together else "\n\n", line]
    return "".join(joined)
