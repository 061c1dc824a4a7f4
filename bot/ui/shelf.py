"""The list of articles, and what became of those that were added, as HTML; pure."""

from collections.abc import Iterable, Sequence
from html import escape

from bot.schema import ArticleInfo
from bot.ui.bits import counted, facts

LISTED = 200  # a longer list is slow to draw and not read; the search box narrows it


def report(lines: Iterable[str]) -> str:
    """What became of each uploaded file."""
    items = "".join(f"<li><bdi>{escape(line)}</bdi></li>" for line in lines)
    return f'<ul class="cb-report" role="status">{items}</ul>'


def article_list(found: Sequence[ArticleInfo], articles: Sequence[ArticleInfo]) -> str:
    """Those `found` of all `articles`, in the order given (newest first), each a button to open it."""
    if not articles:
        return f'<div class="cb-list">{no_articles()}</div>'
    items = "".join(
        f'<li><button type="button" data-article="{escape(info.id)}"><bdi>{escape(info.title) or "Untitled"}</bdi>'
        f'<span class="cb-meta">{facts(info.date, info.source)}</span></button></li>'
        for info in found[:LISTED]
    )
    count = _count(found, articles)
    return f'<div class="cb-list"><p class="cb-meta">{count}</p><ul>{items}</ul></div>'


def no_articles() -> str:
    return (
        "<h2>There are no articles yet</h2><p>Add files under <b>Articles</b> (text, Markdown, HTML, PDF or JSONL), "
        "or run <code>bot ingest PATH</code> in a terminal and reload this page.</p>"
    )


def _count(found: Sequence[ArticleInfo], articles: Sequence[ArticleInfo]) -> str:
    chunks = sum(info.chunks for info in found)
    of = f"{len(found):,} of " if len(found) < len(articles) else ""
    count = f"{of}{counted(len(articles), 'article')}" + (f", {counted(chunks, 'chunk')}" if chunks else "")
    return count + (f"; the newest {LISTED} are shown, type to narrow" if len(found) > LISTED else "")
