"""What the page shows, as HTML strings; pure, and ignorant of Gradio.

Questions, answers, articles and error lines are untrusted: every one goes through `html.escape`, and titles stand in
`<bdi>` so that right-to-left characters cannot reorder what is around them. Buttons carry `data-…` attributes only;
`app.py` says what a click on them does.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from urllib.parse import urlsplit

from bot.conversations import answer_as_markdown
from bot.dates import note, searched
from bot.schema import Answer, Article, ArticleInfo, Citation, Progress, Sentence, StageEvent
from bot.ui import how, limits
from bot.ui.exchange import Exchange

LISTED = 200  # a longer list is slow to draw and not read; the search box narrows it


def header(model_name: str, reading: Progress, user: str = "") -> str:
    """The page's name; while articles are read ahead, how many are; who is logged in, "" where nobody need be."""
    ahead = f"<p>Reading ahead: {reading.done:,} of {reading.total:,} articles</p>"
    out = f'<p class="cb-user"><bdi>{escape(user)}</bdi><a href="logout">Log out</a></p>'
    return (
        '<header class="cb-header"><h1>Citebot</h1>'
        f"<p>Answers from your own articles, on this machine, with {escape(model_name)}</p>"
        f"{ahead if reading.done < reading.total else ''}{out if user else ''}</header>"
    )


def conversation(exchanges: Sequence[Exchange], articles: int, talk: str = "") -> str:
    """All exchanges of the conversation with id `talk`, oldest first; with none, what to do, given so many `articles`.

    The last one, when it is finished, has how it was made: all of this is drawn anew at each word of an answer, so
    that more of it would slow the words down.
    """
    shown = "".join(_exchange(number, exchange) for number, exchange in enumerate(exchanges)) or _welcome(articles)
    if exchanges and not exchanges[-1].running:
        shown += _acts()
        if answer := exchanges[-1].answer:
            shown += how.folded(answer)
    busy = "true" if exchanges and exchanges[-1].running else "false"
    return (
        f'<div class="cb-chat" role="log" aria-label="Conversation" aria-busy="{busy}" data-talk="{escape(talk)}">'
        f"{shown}</div>"
    )


def stage(event: StageEvent, seconds: float) -> str:
    """The status line while the bot works; `seconds` since the question."""
    texts = {
        "waiting": "Waiting: someone else is being answered",
        "searching": "Searching your articles",
        "checking": "Checking whether they hold an answer",
        "reading": "Reading the passages found",
        "answering": "Answering",
    }
    progress = ""
    if event.stage == "reading" and event.total:
        progress = (
            f'<progress max="{event.total}" value="{event.done}" aria-label="Reading"></progress>'
            f'<span aria-hidden="true">{event.done:,} of {event.total:,} tokens</span>'
        )
    return status(texts[event.stage], f'{progress}<span aria-hidden="true">{seconds:.0f} s</span>')


def status(text: str = "", extra: str = "") -> str:
    """The status line; `extra` is HTML."""
    return f'<div class="cb-status" role="status"><span>{escape(text)}</span>{extra}</div>'


def finished(answer: Answer) -> str:
    """The status line after an answer: how long it took."""
    times = answer.timings
    parts = [f"{'Stopped after' if answer.stopped else 'Took'} {times.total_s:.1f} s"]
    if times.retrieve_s:
        parts.append(f"search {times.retrieve_s:.1f} s")
    if times.first_token_s is not None:
        parts.append(f"first words after {times.first_token_s:.1f} s")
    if answer.tokens.prompt:
        known = f", {answer.tokens.reused:,} known before" if answer.tokens.reused else ""
        read = answer.tokens.prompt - answer.tokens.reused
        parts.append(f"{read:,} tokens read{known}, {answer.tokens.answer:,} written")
    return status(" · ".join(parts))


def problem(line: str) -> str:
    return f'<p class="cb-problem" role="alert">{escape(line)}</p>'


def report(lines: Iterable[str]) -> str:
    """What became of each uploaded file."""
    items = "".join(f"<li><bdi>{escape(line)}</bdi></li>" for line in lines)
    return f'<ul class="cb-report" role="status">{items}</ul>'


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
        f'<h2 dir="auto">{escape(article.title) or "Untitled"}</h2>'
        f'<p class="cb-meta">{_facts(article.date, article.source, article.author, url=article.url)}</p>'
        f"{_only(article.id)}{_marker_row(exchange, citations, chosen)}{'' if current == here else changed}"
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
        words = escape("".join(piece for _, piece in run))
        if citation is None:
            html += words
        else:
            here = ' class="cb-here"' if citation.marker == chosen else ""
            html += f'<mark{here} data-number="{citation.marker}">{words}</mark>'
    return html


def article_list(found: Sequence[ArticleInfo], articles: Sequence[ArticleInfo]) -> str:
    """Those `found` of all `articles`, in the order given (newest first), each a button to open it."""
    if not articles:
        return f'<div class="cb-list">{_no_articles()}</div>'
    items = "".join(
        f'<li><button type="button" data-article="{escape(info.id)}"><bdi>{escape(info.title) or "Untitled"}</bdi>'
        f'<span class="cb-meta">{_facts(info.date, info.source)}</span></button></li>'
        for info in found[:LISTED]
    )
    count = _count(found, articles)
    return f'<div class="cb-list"><p class="cb-meta">{count}</p><ul>{items}</ul></div>'


def link(url: str) -> str:
    """An `<a>` for http and https addresses, else the address as text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return escape(url)
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer nofollow">{escape(parts.netloc)}</a>'


def date(value: dt.date) -> str:
    return f'<time datetime="{value.isoformat()}">{value.day} {value:%b} {value.year}</time>'


def _exchange(number: int, exchange: Exchange) -> str:
    return (
        f'<section class="cb-exchange"><h3 class="cb-question" dir="auto">{escape(exchange.question)}</h3>'
        f"{_body(number, exchange)}</section>"
    )


def _body(number: int, exchange: Exchange) -> str:
    answer = exchange.answer
    if answer and answer.refused:
        shown = f"<p>{escape(answer.text)}</p>{_notes(exchange)}{_nearest(answer)}"
        return f'<div class="cb-answer cb-refusal" dir="auto">{shown}</div>'
    sentences = " ".join(_sentence(number, exchange, sentence) for sentence in exchange.sentences)
    if answer and not sentences:
        sentences = escape(answer.text)
    if exchange.tentative:
        sentences += f' <span class="cb-tentative">{escape(exchange.tentative)}</span>'
    waiting = '<span class="cb-caret" aria-hidden="true"></span>' if exchange.running else ""
    return (
        f'<div class="cb-answer" dir="auto"><p>{sentences}{waiting}</p>{_notes(exchange)}'
        f"{_sources(number, exchange)}{_copy(exchange)}</div>"
    )


def _sentence(number: int, exchange: Exchange, sentence: Sentence) -> str:
    citations = [citation for marker in sentence.markers if (citation := exchange.citation(marker))]
    markers = "".join(_marker(number, citation) for citation in citations)
    if citations:
        end = len(sentence.text.rpartition(" ")[2][-12:])  # kept on one line with the markers
        head, tail = sentence.text[: len(sentence.text) - end], sentence.text[len(sentence.text) - end :]
        return f'<span>{escape(head)}<span class="cb-markers">{escape(tail)}{markers}</span></span>'
    note = '<span class="cb-meta"> (not in the articles)</span>'
    return f'<span class="cb-unsupported">{escape(sentence.text)}{note}</span>'


def _marker(number: int, citation: Citation, chosen: int = 0) -> str:
    about = f"Source {citation.marker}: {citation.title}"
    current = ' aria-current="true"' if citation.marker == chosen else ""
    return (
        f'<button type="button" class="cb-marker" data-exchange="{number}" data-marker="{citation.marker}"{current} '
        f'aria-label="{escape(about)}" title="“{escape(citation.quote)}”">[{citation.marker}]</button>'
    )


def _acts() -> str:
    """What can be done with the last question."""
    return (
        '<div class="cb-acts cb-meta"><button type="button" data-act="again">Ask again</button>'
        '<button type="button" data-act="edit">Edit the question</button></div>'
    )


def _copy(exchange: Exchange) -> str:
    """The answer with its quotes, to be pasted elsewhere."""
    if not exchange.answer or not exchange.answer.sentences:
        return ""
    text = escape(answer_as_markdown(exchange.answer))
    return f'<div class="cb-acts cb-meta"><button type="button" data-copy="{text}">Copy with quotes</button></div>'


def _sources(number: int, exchange: Exchange) -> str:
    if exchange.running or not exchange.citations:
        return ""
    items = "".join(
        f'<li><button type="button" class="cb-source" data-exchange="{number}" data-marker="{citation.marker}">'
        f'<span class="cb-marker">[{citation.marker}]</span><span><q dir="auto">{escape(citation.quote)}</q>'
        f'<span class="cb-meta">{_facts(citation.title, citation.date, note(citation.days))}</span>'
        "</span></button></li>"
        for citation in _by_marker(exchange.citations)
    )
    return f'<ol class="cb-sources" aria-label="Sources">{items}</ol>'


def _by_marker(citations: Sequence[Citation]) -> list[Citation]:
    """One of each marker, in their order: sentences that cite the same words share a marker."""
    return [one for _, one in sorted({citation.marker: citation for citation in reversed(citations)}.items())]


def _notes(exchange: Exchange) -> str:
    answer, notes = exchange.answer, ""
    if answer and answer.trace and (limited := limits.said(answer.trace.filters)):
        notes += f'<p class="cb-note"><bdi>{escape(limited)}</bdi></p>'
    if answer and answer.period:
        notes += f'<p class="cb-note">{escape(searched(answer.period))}</p>'
    if exchange.problem:
        notes += problem(exchange.problem)
    if answer and answer.stopped:
        notes += '<p class="cb-note">Stopped here.</p>'
    if answer and answer.dropped_sentences:
        left_out = "".join(f'<li dir="auto">{escape(sentence)}</li>' for sentence in answer.dropped_sentences)
        notes += (
            f'<details class="cb-note"><summary>Left out, as the articles do not support it: '
            f"{_number(len(answer.dropped_sentences), 'sentence')}</summary><ul>{left_out}</ul></details>"
        )
    return notes


def _nearest(answer: Answer) -> str:
    titles = {passage.article: passage.title for passage in reversed(answer.retrieved[:3])}
    if not titles:
        return ""
    items = "".join(
        f'<li><button type="button" data-article="{escape(key)}"><bdi>{escape(title) or "Untitled"}</bdi></button></li>'
        for key, title in reversed(titles.items())
    )
    return f'<div class="cb-nearest"><p class="cb-meta">The nearest articles:</p><ul>{items}</ul></div>'


def _only(article: str) -> str:
    button = f'<button type="button" data-only="{escape(article)}">Ask only this article</button>'
    return f'<div class="cb-acts cb-meta">{button}</div>'


def _marker_row(exchange: int, citations: Sequence[Citation], chosen: int) -> str:
    if not citations:
        return ""
    markers = "".join(_marker(exchange, citation, chosen) for citation in _by_marker(citations))
    return f'<nav class="cb-marker-row" aria-label="Quotes of this answer">Quotes of this answer: {markers}</nav>'


def _credit(article: Article) -> str:
    return f'<p class="cb-meta" dir="auto">{escape(article.credit)}</p>' if article.credit else ""


def _facts(*facts: str | dt.date | None, url: str | None = None) -> str:
    shown = [date(fact) if isinstance(fact, dt.date) else f"<bdi>{escape(fact)}</bdi>" for fact in facts if fact]
    return " · ".join([*shown, link(url)] if url else shown)


def _welcome(articles: int) -> str:
    if not articles:
        return f'<div class="cb-welcome">{_no_articles()}</div>'
    return (
        f'<div class="cb-welcome"><h2>Ask about your {_number(articles, "article")}</h2>'
        "<p>Each sentence of an answer ends in the numbers of its sources. Choose one to read the exact words in "
        "their article.</p></div>"
    )


def _no_articles() -> str:
    return (
        "<h2>There are no articles yet</h2><p>Add files under <b>Articles</b> (text, Markdown, HTML, PDF or JSONL), "
        "or run <code>bot ingest PATH</code> in a terminal and reload this page.</p>"
    )


def _count(found: Sequence[ArticleInfo], articles: Sequence[ArticleInfo]) -> str:
    chunks = sum(info.chunks for info in found)
    of = f"{len(found):,} of " if len(found) < len(articles) else ""
    count = f"{of}{_number(len(articles), 'article')}" + (f", {_number(chunks, 'chunk')}" if chunks else "")
    return count + (f"; the newest {LISTED} are shown, type to narrow" if len(found) > LISTED else "")


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
