"""Small pieces of HTML that several parts of the page are made of; pure.

All that comes from articles, files or people is untrusted: it goes through `words`, in attributes through
`html.escape`, and titles stand in `<bdi>`, so that right-to-left letters cannot reorder what is around them. Buttons
carry `data-…` attributes only; `app.py` says what a click on them does.
"""

import datetime as dt
import re
from collections.abc import Sequence
from html import escape
from urllib.parse import urlsplit

from bot.schema import Citation

# What turns the order in which following characters are shown, and letters that are not shown at all (tags), but for
# the flags that are made of these.
_UNSEEN = re.compile("(\U0001f3f4[\U000e0020-\U000e007f]{1,8})|[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


def words(text: str) -> str:
    """`text` escaped; characters that would turn or hide words stand alone, so that they do nothing, with their code.

    What is copied from the page is the text as it was.
    """
    return _UNSEEN.sub(_alone, escape(text))


def _alone(found: re.Match[str]) -> str:
    return found[1] or f'<bdi class="cb-unseen" data-code="{ord(found[0]):04X}">{found[0]}</bdi>'


def problem(line: str) -> str:
    return f'<p class="cb-problem" role="alert">{words(line)}</p>'


def link(url: str) -> str:
    """An `<a>` for http and https addresses, else the address as text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return words(url)
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer nofollow">{words(parts.netloc)}</a>'


def date(value: dt.date) -> str:
    return f'<time datetime="{value.isoformat()}">{value.day} {value:%b} {value.year}</time>'


def facts(*facts: str | dt.date | None, url: str | None = None) -> str:
    shown = [date(fact) if isinstance(fact, dt.date) else f"<bdi>{words(fact)}</bdi>" for fact in facts if fact]
    return " · ".join([*shown, link(url)] if url else shown)


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def marker(number: int, citation: Citation, more: str = "") -> str:
    about = f"Source {citation.marker}: {citation.title}"
    return (
        f'<button type="button" class="cb-marker" data-exchange="{number}" data-marker="{citation.marker}"{more} '
        f'aria-label="{escape(about)}">[{citation.marker}]</button>'
    )


def by_marker(citations: Sequence[Citation]) -> list[Citation]:
    """One of each marker, in their order: sentences that cite the same words share a marker."""
    return [one for _, one in sorted({citation.marker: citation for citation in reversed(citations)}.items())]
