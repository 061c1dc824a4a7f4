"""The page's head, status line and conversation, as HTML strings; pure, and ignorant of Gradio (see `bits.py`)."""

from collections.abc import Sequence
from html import escape

from bot.conversations import answer_as_markdown
from bot.dates import note, searched
from bot.schema import Answer, Citation, Progress, Sentence, Setup, StageEvent
from bot.ui import how, limits
from bot.ui.bits import by_marker, counted, facts, marker, problem, words
from bot.ui.exchange import Exchange
from bot.ui.shelf import no_articles, no_models

NEAREST = 3  # articles offered with a refusal
MISSING = -1  # articles, as long as the models are missing


def header(model_name: str, reading: Progress, user: str = "", setup: Setup | None = None) -> str:
    """The page's name; what must be fetched first; while articles are read ahead, how many are; the `user`, if any."""
    ahead = f"<p>Reading ahead: {reading.done:,} of {reading.total:,} articles</p>"
    out = f'<p class="cb-user"><bdi>{words(user)}</bdi><a href="logout">Log out</a></p>'
    return (
        '<header class="cb-header"><h1>Citebot</h1>'
        f"<p>Answers from your own articles, on this machine, with {escape(model_name)}</p>"
        f"{ahead if reading.done < reading.total else ''}{out if user else ''}{_setup(setup) if setup else ''}</header>"
    )


def _setup(setup: Setup) -> str:
    """What is missing, with a button that fetches it; or how far that is."""
    failed = problem(setup.problem) if setup.problem else ""
    if setup.running:
        bar = (
            f'<progress max="{setup.total}" value="{setup.done}" aria-label="Fetching"></progress>'
            if setup.total
            else ""
        )
        done = f" {setup.done / 1e6:,.0f} of {setup.total / 1e6:,.0f} MB" if setup.total else ""
        return f'<div class="cb-setup" role="status"><p>{escape(setup.stage or "Beginning")}{done}</p>{bar}</div>'
    return (
        f'<div class="cb-setup"><p>Not here yet: {escape(setup.missing)}. Nothing can be answered without.</p>'
        f'<button type="button" class="cb-button" data-act="fetch">Fetch now</button>{failed}</div>'
    )


def conversation(exchanges: Sequence[Exchange], articles: int, talk: str = "", *, samples: bool = False) -> str:
    """All exchanges of the conversation with id `talk`, oldest first; with none, what to do, given so many `articles`.

    Without articles it offers the `samples`, where there are some; MISSING articles: the models must be fetched first.

    The last one, when it is finished, has how it was made: all of this is drawn anew at each word of an answer, so
    that more of it would slow the words down.
    """
    shown = "".join(_exchange(number, exchange) for number, exchange in enumerate(exchanges)) or _welcome(
        articles, samples=samples
    )
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
        "waiting": f"Waiting: {counted(event.before, 'other question')} first",
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
    counted_on = f'<span class="cb-seconds" data-seconds="{seconds:.1f}" aria-hidden="true">{seconds:.0f} s</span>'
    return status(texts[event.stage], progress + counted_on)


def status(text: str = "", extra: str = "") -> str:
    """The status line; `extra` is HTML."""
    return f'<div class="cb-status" role="status"><span>{words(text)}</span>{extra}</div>'


def _rate_of(answer: Answer) -> str:
    """How fast it was written, in tokens; the first one came with the reading."""
    first, written = answer.timings.first_token_s, answer.tokens.answer - 1
    took = answer.timings.total_s - first if first is not None else 0.0
    return f" ({written / took:.0f} a second)" if took > 0 and written > 0 else ""


def editing() -> str:
    """Says that the next question replaces the last one, with a button that ends that."""
    return (
        '<div class="cb-chips"><span class="cb-meta">Editing the last question: its answer is replaced.</span>'
        '<ul><li><button type="button" data-act="unedit">Keep it <span aria-hidden="true">×</span></button></li></ul>'
        "</div>"
    )


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
        parts.append(f"{read:,} tokens read{known}, {answer.tokens.answer:,} written{_rate_of(answer)}")
    return status(" · ".join(parts))


def _exchange(number: int, exchange: Exchange) -> str:
    return (
        f'<section class="cb-exchange"><h3 class="cb-question" dir="auto">{words(exchange.question)}</h3>'
        f"{_body(number, exchange)}</section>"
    )


def _body(number: int, exchange: Exchange) -> str:
    answer = exchange.answer
    if answer and answer.refused:
        shown = f"<p>{words(answer.text)}</p>{_notes(exchange)}{_nearest(answer)}{_after(number, exchange)}"
        return f'<div class="cb-answer cb-refusal" dir="auto">{shown}</div>'
    every = exchange.sentences
    sentences = " ".join(_sentence(number, place, exchange, sentence) for place, sentence in enumerate(every))
    if answer and not sentences:
        sentences = words(answer.text)
    if exchange.tentative:
        sentences += f' <bdi class="cb-tentative">{words(exchange.tentative)}</bdi>'
    waiting = '<span class="cb-caret" aria-hidden="true"></span>' if exchange.running else ""
    return (
        f'<div class="cb-answer" dir="auto"><p>{sentences}{waiting}</p>{_notes(exchange)}'
        f"{_sources(number, exchange)}{_after(number, exchange)}</div>"
    )


def _sentence(number: int, place: int, exchange: Exchange, sentence: Sentence) -> str:
    citations = [citation for marker in sentence.markers if (citation := exchange.citation(marker))]
    markers = "".join(_with_card(number, place, citation) for citation in citations)
    if citations:
        end = len(sentence.text.rpartition(" ")[2][-12:])  # kept on one line with the markers
        head, tail = sentence.text[: len(sentence.text) - end], sentence.text[len(sentence.text) - end :]
        return f'<bdi>{words(head)}<span class="cb-markers">{words(tail)}{markers}</span></bdi>'
    note = '<span class="cb-meta"> (not in the articles)</span>'
    return f'<bdi class="cb-unsupported">{words(sentence.text)}{note}</bdi>'


def _with_card(number: int, place: int, citation: Citation) -> str:
    """A marker with the card that is shown while it is pointed at or has the focus; `place` is the sentence's."""
    card = f"cb-card-{number}-{place}-{citation.marker}"
    described = marker(number, citation, f' aria-describedby="{card}"')
    return (
        f'<span class="cb-cite">{described}'
        f'<span class="cb-card" role="tooltip" id="{card}"><q dir="auto">{words(citation.quote)}</q> '
        f'<span class="cb-meta">{facts(citation.title, citation.date, note(citation.days))}</span></span></span>'
    )


def _acts() -> str:
    """What can be done with the last question."""
    return (
        '<div class="cb-acts cb-meta"><button type="button" data-act="again">Ask again</button>'
        '<button type="button" data-act="edit">Edit the question</button></div>'
    )


def _after(number: int, exchange: Exchange) -> str:
    """What can be done with a finished answer: copy it with its quotes, and say whether it is good."""
    if not exchange.answer or not exchange.answer.text.strip():
        return ""
    copy = ""
    if exchange.answer.sentences:
        text = escape(answer_as_markdown(exchange.answer))
        copy = f'<button type="button" data-copy="{text}">Copy with quotes</button>'
    rates = _rate(number, "good", "Good answer", exchange.good is True) + _rate(
        number, "bad", "Bad answer", exchange.good is False
    )
    return f'<div class="cb-acts cb-meta">{copy}<span role="group" aria-label="Rate this answer">{rates}</span></div>'


def _rate(number: int, rate: str, said: str, chosen: bool) -> str:
    pressed = "true" if chosen else "false"
    return f'<button type="button" data-rate="{rate}" data-exchange="{number}" aria-pressed="{pressed}">{said}</button>'


def _sources(number: int, exchange: Exchange) -> str:
    if exchange.running or not exchange.citations:
        return ""
    items = "".join(
        f'<li><button type="button" class="cb-source" data-exchange="{number}" data-marker="{citation.marker}">'
        f'<span class="cb-marker">[{citation.marker}]</span><span><q dir="auto">{words(citation.quote)}</q>'
        f'<span class="cb-meta">{facts(citation.title, citation.date, note(citation.days))}</span>'
        "</span></button></li>"
        for citation in by_marker(exchange.citations)
    )
    return f'<ol class="cb-sources" aria-label="Sources">{items}</ol>'


def _notes(exchange: Exchange) -> str:
    answer, notes = exchange.answer, ""
    if (
        answer
        and answer.trace
        and (limited := limits.said(answer.trace.filters, {one.article: one.title for one in answer.retrieved}))
    ):
        notes += f'<p class="cb-note"><bdi>{words(limited)}</bdi></p>'
    if answer and answer.period:
        notes += f'<p class="cb-note">{escape(searched(answer.period))}</p>'
    if exchange.problem:
        notes += problem(exchange.problem)
    if answer and answer.stopped:
        notes += '<p class="cb-note">Stopped here.</p>'
    if answer and answer.dropped_sentences:
        left_out = "".join(f'<li dir="auto">{words(sentence)}</li>' for sentence in answer.dropped_sentences)
        notes += (
            f'<details class="cb-note"><summary>Left out, as the articles do not support it: '
            f"{counted(len(answer.dropped_sentences), 'sentence')}</summary><ul>{left_out}</ul></details>"
        )
    return notes


def _nearest(answer: Answer) -> str:
    """The first articles of what was found; several passages may be of one."""
    titles: dict[str, str] = {}
    for passage in answer.retrieved:
        titles.setdefault(passage.article, passage.title)
    if not titles:
        return ""
    items = "".join(
        f'<li><button type="button" data-article="{escape(key)}"><bdi>{words(title) or "Untitled"}</bdi></button></li>'
        for key, title in list(titles.items())[:NEAREST]
    )
    return f'<div class="cb-nearest"><p class="cb-meta">The nearest articles:</p><ul>{items}</ul></div>'


def _welcome(articles: int, *, samples: bool) -> str:
    if articles == MISSING:
        return f'<div class="cb-welcome">{no_models()}</div>'
    if not articles:
        return f'<div class="cb-welcome">{no_articles(samples=samples)}</div>'
    return (
        f'<div class="cb-welcome"><h2>Ask about your {counted(articles, "article")}</h2>'
        "<p>Each sentence of an answer ends in the numbers of its sources. Choose one to read the exact words in "
        "their article.</p></div>"
    )
