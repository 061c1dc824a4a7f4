"""What a visitor limits questions to: chosen articles, sources, days; as `Filters`, and as HTML. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from bot.schema import ArticleInfo, Filters
from bot.ui.bits import words

MOST = 50  # articles that a search of the list may limit questions to
_UNTITLED = "Untitled"


def chips(filters: Filters, titles: Mapping[str, str]) -> str:
    """What questions are limited to, each with a button that drops it; nothing where they are not. Titles by id."""
    dropped = [
        *((f"article:{one}", titles.get(one) or _UNTITLED) for one in filters.articles),
        *((f"source:{one}", f"Source: {one or 'none'}") for one in filters.sources),
        *((("days", _days(filters)),) if filters.since or filters.until else ()),
    ]
    if not dropped:
        return ""
    items = "".join(
        f'<li><button type="button" data-drop="{escape(what)}" aria-label="{escape(f"No longer only: {said}")}">'
        f'<bdi>{words(said)}</bdi> <span aria-hidden="true">×</span></button></li>'
        for what, said in dropped
    )
    return f'<div class="cb-chips"><span class="cb-meta">Asking only:</span><ul>{items}</ul></div>'


def said(filters: Filters, titles: Mapping[str, str]) -> str:
    """The same in words, as a note beside an answer; "" for no limits. Titles by id, of those that are known."""
    parts = []
    if filters.articles:
        named = ", ".join(f"“{titles.get(one) or one}”" for one in filters.articles)
        parts.append(f"the article{'' if len(filters.articles) == 1 else 's'} {named}")
    if filters.sources:
        parts.append(f"articles of {', '.join(one or 'no source' for one in filters.sources)}")
    if filters.since or filters.until:
        parts.append(f"articles {_days(filters)}")
    return f"Asked only of {', and '.join(parts)}." if parts else ""


def only(filters: Filters, article: str) -> Filters:
    """The chosen articles and this one; whatever source or day it is of, the reader wants it."""
    return Filters(articles=tuple(dict.fromkeys([*filters.articles, article])))


def without(filters: Filters, what: str) -> Filters:
    """Without what a chip's button names; as they are where it names nothing of them."""
    kind, _, name = what.partition(":")
    if kind == "article":
        return filters.model_copy(update={"articles": tuple(one for one in filters.articles if one != name)})
    if kind == "source":
        return filters.model_copy(update={"sources": tuple(one for one in filters.sources if one != name)})
    return filters.model_copy(update={"since": None, "until": None}) if kind == "days" else filters


def typed(sources: Sequence[str], since: str, until: str) -> Filters:
    """What stands in the list's fields. Raises ValueError, in words for the visitor, for days that are none."""
    first, last = _day(since), _day(until)
    if first and last and first > last:
        raise ValueError(f"{first} is after {last}. Swap them.")
    return Filters(sources=tuple(sources), since=first, until=last)


def found(articles: Iterable[ArticleInfo], query: str, filters: Filters) -> list[ArticleInfo]:
    """Those that hold each word of `query` in title, source, id or date, and pass the filters; in their order."""
    wanted = query.casefold().split()
    return [info for info in articles if filters.match(info) and all(word in _searched(info) for word in wanted)]


def _searched(info: ArticleInfo) -> str:
    day = f"{info.date} {info.date:%d %B %Y %b}" if info.date else ""
    return f"{info.title} {info.source or ''} {info.id} {day}".casefold()


def sources(articles: Iterable[ArticleInfo]) -> list[str]:
    return sorted({info.source for info in articles if info.source}, key=str.casefold)


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise ValueError(f"“{text.strip()}” is no day. Write it as 2025-01-31.") from None


def _days(filters: Filters) -> str:
    first, last = filters.since, filters.until
    if first and last:
        return f"of {first}" if first == last else f"from {first} to {last}"
    return f"from {first} on" if first else f"up to {last}"
