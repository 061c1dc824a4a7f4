"""The article beside the conversation, with the quoted words marked, as HTML; pure."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from bot.schema import Article, Citation
from bot.ui.bits import by_marker, facts, marker, words


def no_article() -> str:
    return (
        '<section class="cb-article cb-blank"><p>Choose a marker such as <span class="cb-marker">[1]</span> in an '
        "answer, or an article from the list: it opens here, with the quoted words marked.</p></section>"
    )


def article(
    article: Article, exchange: int = -1, citations: Sequence[Citation] = (), chosen: int = 0, moment: str = ""
) -> str:
    """An article to read, with the quotes of `citations` marked and that of marker `chosen` told apart.

    `exchange` is the number of the exchange that they belong to; citations of other articles are offered as links.
    `moment` changes nothing in sight: it tells the browser that the same choice was made again.
    """
    here = [citation for citation in citations if citation.article == article.id]
    current = [citation for citation in here if article.text[citation.start : citation.end] == citation.quote]
    changed = '<p class="cb-problem">This article has changed since the answer was given.</p>'
    return (
        f'<section class="cb-article" aria-label="Article" data-moment="{escape(moment)}">'
        f'<h2 dir="auto">{words(article.title) or "Untitled"}</h2>'
        f'<p class="cb-meta">{facts(article.date, article.source, article.author, url=article.url)}</p>'
        f"{_acts(article.id)}{_marker_row(exchange, citations, chosen)}{'' if current == here else changed}"
        f'<div class="cb-text" dir="auto" tabindex="0">{marked(article.text, current, chosen)}</div>'
        f"{_credit(article)}</section>"
    )


def marked(text: str, citations: Sequence[Citation], chosen: int) -> str:
    """`text` escaped, each cited span in a `<mark>`; where spans overlap the chosen one, then the first, wins."""

    def owner(position: int) -> Citation | None:
        covering = [citation for citation in citations if citation.start <= position < citation.end]
        return min(covering, key=lambda citation: (citation.marker != chosen, citation.marker), default=None)

    cuts = sorted({0, len(text), *(edge for citation in citations for edge in (citation.start, citation.end))})
    pieces = [(owner(start), text[start:end]) for start, end in zip(cuts, cuts[1:], strict=False)]
    html = ""
    for citation, run in groupby(pieces, key=lambda piece: piece[0]):
        shown = words("".join(piece for _, piece in run))
        if citation is None:
            html += shown
        else:
            here = ' class="cb-here"' if citation.marker == chosen else ""
            html += f'<mark{here} data-number="{citation.marker}">{shown}</mark>'
    return html


def _acts(article: str) -> str:
    """What can be done with it; removing asks once more."""
    only = f'<button type="button" data-only="{escape(article)}">Ask only this article</button>'
    remove = (
        '<details class="cb-forget"><summary>Remove</summary>'
        f'<button type="button" data-remove="{escape(article)}">Remove it from the bot\'s articles</button></details>'
    )
    back = '<button type="button" class="cb-back" data-back>Back to the answer</button>'
    return f'<div class="cb-acts cb-meta">{back}{only}{remove}</div>'


def _marker_row(exchange: int, citations: Sequence[Citation], chosen: int) -> str:
    if not citations:
        return ""
    current = {chosen: ' aria-current="true"'}
    markers = "".join(marker(exchange, one, current.get(one.marker, "")) for one in by_marker(citations))
    return f'<nav class="cb-marker-row" aria-label="Quotes of this answer">Quotes of this answer: {markers}</nav>'


def _credit(article: Article) -> str:
    return f'<p class="cb-meta" dir="auto">{words(article.credit)}</p>' if article.credit else ""
