"""The list of articles, and what became of those that were added, as HTML; pure."""

import datetime as dt
from collections.abc import Sequence
from html import escape

from bot.schema import ArticleInfo
from bot.ui.bits import counted, facts, words

ORDERS = ("Newest first", "Oldest first", "By title")
UNFOLDED = 5  # lines; a longer report is folded, but for what was skipped
REPORTED = 50  # lines; a file of thousands of articles has one for each
LISTED = 200  # a longer list is slow to draw and not read; the search box narrows it


def report(lines: Sequence[str]) -> str:
    """What became of each article that was to be added; of many, first what was skipped."""
    skipped = [line for line in lines if line.startswith("skipped")]
    rest = [line for line in lines if not line.startswith("skipped")]
    if len(lines) <= UNFOLDED:
        return f'<div class="cb-report" role="status">{_items(lines)}</div>'
    folded = f"<details><summary>{counted(len(rest), 'article')} added or as before</summary>{_items(rest)}</details>"
    return f'<div class="cb-report" role="status">{_items(skipped)}{folded if rest else ""}</div>'


def adding(lines: Sequence[str], name: str, done: int, total: int) -> str:
    """The same while `name` is added, after `done` of `total`."""
    bar = f'<progress max="{total}" value="{done}" aria-label="Adding articles"></progress>'
    count = f" {done + 1:,} of {total:,}:" if total > 1 else ""
    return (
        f'<div class="cb-status cb-adding" role="status"><span>Adding{count} <bdi>{words(name)}</bdi></span>'
        f"{bar if total > 1 else ''}</div>{report(lines) if lines else ''}"
    )


def removed() -> str:
    return '<section class="cb-article cb-blank"><p role="status">The article is removed.</p></section>'


def ordered(found: Sequence[ArticleInfo], order: str) -> list[ArticleInfo]:
    """Those `found`, which come newest first with undated ones last, in one of ORDERS."""
    if order == "By title":
        return sorted(found, key=lambda info: (info.title.casefold(), info.id))
    if order == "Oldest first":
        return sorted(found, key=lambda info: (info.date is None, info.date or dt.date.min))
    return list(found)


def article_list(
    found: Sequence[ArticleInfo], articles: Sequence[ArticleInfo], *, samples: bool = False, missing: bool = False
) -> str:
    """Those `found` of all `articles`, in the order given, each a button to open it; see `no_articles`.

    Where models are `missing` nobody knows of any.
    """
    if missing:
        return f'<div class="cb-list">{no_models()}</div>'
    if not articles:
        return f'<div class="cb-list">{no_articles(samples=samples)}</div>'
    items = "".join(
        f'<li><button type="button" data-article="{escape(info.id)}"><bdi>{words(info.title) or "Untitled"}</bdi>'
        f'<span class="cb-meta">{facts(info.date, info.source)}</span></button></li>'
        for info in found[:LISTED]
    )
    count = _count(found, articles)
    return f'<div class="cb-list"><p class="cb-meta">{count}</p><ul>{items}</ul></div>'


def no_models() -> str:
    return "<h2>The models are not here yet</h2><p>Fetch them first: the button is at the top of the page.</p>"


def no_articles(*, samples: bool = False) -> str:
    """What to do, with a button for the sample articles where there are some."""
    offer = '<button type="button" class="cb-button" data-act="samples">Add the sample articles</button>'
    return (
        "<h2>There are no articles yet</h2><p>Add files under <b>Articles</b> (text, Markdown, HTML, PDF or JSONL), "
        "or run <code>bot ingest PATH</code> in a terminal and reload this page.</p>"
        f"{f'<p>Or try it first: {offer}</p>' if samples else ''}"
    )


def _items(lines: Sequence[str]) -> str:
    items = "".join(f"<li><bdi>{words(line)}</bdi></li>" for line in lines[:REPORTED])
    more = f"<li>and {len(lines) - REPORTED:,} more</li>" if len(lines) > REPORTED else ""
    return f"<ul>{items}{more}</ul>" if lines else ""


def _count(found: Sequence[ArticleInfo], articles: Sequence[ArticleInfo]) -> str:
    chunks = sum(info.chunks for info in found)
    of = f"{len(found):,} of " if len(found) < len(articles) else ""
    count = f"{of}{counted(len(articles), 'article')}" + (f", {counted(chunks, 'chunk')}" if chunks else "")
    return count + (f"; the first {LISTED} are shown, type to narrow" if len(found) > LISTED else "")
