"""How an answer came about, laid out for people: sections of facts, a table and texts, for terminal and page alike.

Articles, questions and models may say anything: characters that are not seen but do something (terminal escapes,
reversed reading order, hidden tags) come out as their codes. It knows no terminal and no HTML.
"""

import unicodedata
from typing import NamedTuple

from bot.schema import Answer, Days, Filters, LeftOut, Passage, Refusal, Sentence, Span, Trace

FIRST_WORDS = 160  # characters of a passage or sentence that a table shows
NOTHING = "–"
REASONS: dict[Refusal, str] = {
    "nothing_found": "no passage was found",
    "not_answered": "passages were found, but they do not answer the question",
    "not_supported": "nothing of what the model wrote has enough support in the passages",
}

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_HARMLESS = "\n\t\u00ad\u200c\u200d"  # line ends, soft hyphens, and what joins letters and emoji


class Table(NamedTuple):
    """Lines within a cell are separate; the last column is the widest."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(NamedTuple):
    """`facts` are names with values; `texts` are captions with a text to be shown as it is, its line ends included."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    table: Table | None = None
    texts: tuple[tuple[str, str], ...] = ()


def sections(answer: Answer) -> list[Section]:
    """In the order of the work: search, passages, prompt, sentences, times; none for an Answer without a trace."""
    if answer.trace is None:
        return []
    made = [_search(answer, answer.trace), _passages(answer, answer.trace)]
    made += [_prompt(answer, answer.trace), _sentences(answer, answer.trace), _times(answer)]
    return [_shown(section) for section in made]


def visible(text: str) -> str:
    """`text` with each character that is not seen, but for ordinary ones, as its code, such as \\x1b."""
    return "".join(char.encode("unicode_escape").decode() if _is_hidden(char) else char for char in text)


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _UNSEEN and char not in _HARMLESS


def _shown(section: Section) -> Section:
    """Everything goes through `visible` here, once, so that nothing is forgotten."""
    return Section(
        section.title,
        tuple((name, visible(value)) for name, value in section.facts),
        section.table
        and section.table._replace(rows=tuple(tuple(map(visible, cells)) for cells in section.table.rows)),
        tuple((caption, visible(text)) for caption, text in section.texts),
    )


def _search(answer: Answer, trace: Trace) -> Section:
    asked = [] if trace.searched == answer.question else [("asked", _one_line(answer.question))]
    return Section(
        "Search", (*asked, ("searched for", _one_line(trace.searched)), ("in", _limits(trace.filters, answer.period)))
    )


def _limits(filters: Filters, period: Days | None) -> str:
    """What the user limited the search to, or words of the question did."""
    limits = [
        period and f"articles from {period.first} to {period.last}, for “{_one_line(period.text)}”",
        filters.articles and f"the articles {', '.join(map(_one_line, filters.articles))}",
        filters.sources and f"articles of {', '.join(map(_one_line, filters.sources))}",
        filters.since and f"articles from {filters.since} on",
        filters.until and f"articles up to {filters.until}",
    ]
    return " and ".join(limit for limit in limits if limit) or "all articles"


def _passages(answer: Answer, trace: Trace) -> Section:
    title = f"Passages: {len(answer.retrieved)} found, {len(answer.evidence)} shown to the model"
    rows = tuple(
        (
            str(fused),
            str(one.dense_rank or NOTHING),
            str(one.bm25_rank or NOTHING),
            f"{one.score:.4f}",
            _share(one.similarity),
            _part_shown(one, answer, trace),
            _described(one),
        )
        for fused, one in enumerate(answer.retrieved, start=1)
    )
    head = ("rank", "vectors", "BM25", "fused", "cosine", "tokens shown", "passage")
    return Section(title, table=Table(head, rows) if rows else None)


def _part_shown(passage: Passage, answer: Answer, trace: Trace) -> str:
    """How many tokens of the passage the model was shown."""
    for index, span in enumerate(answer.evidence):
        if _place(span) == _place(passage):
            return str(trace.evidence_tokens[index]) if index < len(trace.evidence_tokens) else "all"
    return "in part" if any(span.overlap(passage) for span in answer.evidence) else NOTHING


def _described(passage: Passage) -> str:
    about = " · ".join(part for part in (str(passage.date or ""), _place(passage)) if part)
    return f"{_one_line(passage.title) or 'Untitled'}\n{about}\n{_first_words(passage.text)}"


def _prompt(answer: Answer, trace: Trace) -> Section:
    if not trace.messages:
        return Section("Prompt", (("tokens", "none: the model was not asked"),))
    tokens, words = answer.tokens, sum(message.tokens for message in trace.messages)
    facts = [("tokens", f"{tokens.prompt:,}, of which {tokens.reused:,} were still held from the prompt before")]
    if not tokens.prompt:  # a stop or a refusal came before
        facts = [("tokens", f"{words:,} in the messages; the model read none of them")]
    elif words > tokens.prompt:
        facts.append(("in the messages", f"about {words:,}, estimated: the server counts only the whole"))
    else:
        facts.append(("in the messages", f"{words:,}; the rest is the markup of a chat"))
    texts = tuple((f"{one.role}: {one.tokens:,} tokens", one.content) for one in trace.messages)
    return Section("Prompt", tuple(facts), texts=texts)


def _sentences(answer: Answer, trace: Trace) -> Section:
    facts = _answerable(trace)
    facts.append(("support needed", f"{trace.min_support:g}"))
    if answer.reason:
        facts.append(("refused", REASONS[answer.reason]))
    if answer.stopped:
        facts.append(("stopped", "by the user"))
    facts.append(("citation marks that the model invented", str(answer.dropped_markers)))
    kept = (
        (_share(one.support), f"cites {_markers(one)}" if one.markers else "marked as unsupported", _one_line(one.text))
        for one in answer.sentences
    )
    left_out = (
        (_share(one.support), "left out", f"{_one_line(one.text)}\n{_why(one, answer, trace)}")
        for one in trace.left_out
    )
    rows = (*kept, *left_out)
    return Section("Sentences", tuple(facts), Table(("support", "fate", "sentence"), rows) if rows else None)


def _answerable(trace: Trace) -> list[tuple[str, str]]:
    if trace.answerable is None:
        return []
    made_of = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in trace.signals.items())
    least = f"at least {trace.min_answerable:g} is needed"
    unasked = " or more, as the model was not asked" if "assumed_odds" in trace.signals else ""
    return [("probability that the passages answer it", f"{trace.answerable:.2f}{unasked} ({made_of}); {least}")]


def _markers(sentence: Sentence) -> str:
    return "".join(f"[{marker}]" for marker in sentence.markers)


def _why(one: LeftOut, answer: Answer, trace: Trace) -> str:
    if one.reason == "declined":
        return "The model says that it does not know."
    if one.nearest is None:
        return "Nothing in the passages comes near it."
    within = (passage for passage in answer.retrieved if one.nearest.overlap(passage))
    quote = next((f"“{_first_words(_words(one.nearest, passage))}” " for passage in within), "")
    against = f"; against it: “{'”, “'.join(one.doubts)}”" if one.doubts else ""
    against += "" if one.odds is None else f"; the model's log-odds that the passages state it: {one.odds:.2f}"
    return f"Its support is below {trace.min_support:g}{against}. The nearest words: {quote}({_place(one.nearest)})"


def _times(answer: Answer) -> Section:
    times, tokens = answer.timings, answer.tokens
    facts = [("search", f"{times.retrieve_s:.2f} s")]
    began = times.retrieve_s if times.checked_s is None else times.checked_s
    if times.checked_s is not None:
        facts.append(("check", f"{times.checked_s - times.retrieve_s:.2f} s (waiting for a turn included)"))
    if times.first_token_s is not None:
        facts.append(("first word", f"after {times.first_token_s:.2f} s"))
        read = _rate(tokens.prompt - tokens.reused, times.first_token_s - began)
        facts.append(("reading", f"{read} (waiting for a turn included)"))
        written = _rate(tokens.answer, times.total_s - times.first_token_s)
        facts.append(("writing", f"{written} (attribution included)"))
    facts.append(("whole", f"{times.total_s:.2f} s"))
    if answer.model:
        facts.append(("model", _one_line(answer.model)))
    return Section("Times", tuple(facts))


def _rate(tokens: int, seconds: float) -> str:
    return f"{tokens:,} tokens" + (f", {tokens / seconds:,.1f} a second" if seconds > 0 else "")


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _words(span: Span, passage: Passage) -> str:
    return passage.text[max(0, span.start - passage.start) : span.end - passage.start]


def _place(span: Span) -> str:
    return f"{span.article}, characters {span.start}-{span.end}"


def _first_words(text: str) -> str:
    line = _one_line(text)
    return line if len(line) <= FIRST_WORDS else f"{line[:FIRST_WORDS].rstrip()}…"


def _one_line(text: str) -> str:
    return " ".join(text.split())
