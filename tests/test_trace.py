"""trace: what each section tells, and that no text of others can do anything to a terminal."""

import datetime as dt
import io
import unicodedata
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bot.cli.trace import show_trace
from bot.schema import (
    Answer,
    Days,
    Filters,
    LeftOut,
    Passage,
    PromptMessage,
    Refusal,
    Sentence,
    Span,
    Timings,
    Tokens,
    Trace,
)
from bot.trace import Section, sections, visible

FERRY = "A single ticket costs 4 crowns. Mayor Ada Quill opened the new quay in June."
STORM = "A storm closed the airport on Friday."
ESCAPES = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;another title\x07",
    "\x1b]8;;https://evil.example\x1b\\a link\x1b]8;;\x1b\\",
    "\x9b2J",
    "over\rwritten\x08\x08",
    "\u202ereversed\u2066",
    "hidden\U000e0041\U000e0042 tags",
    "\u200bnothing\ufeff\u2028",
    "half a pair \ud800",
]
MARKUP = ["[bold red]x[/bold red]", ":smile:", "[/]", "<script>alert(1)</script>", "\\[x]"]


def passage(text: str = FERRY, article: str = "ferry", **more: object) -> Passage:
    return Passage.model_validate(
        {"article": article, "start": 0, "end": len(text), "title": article, "text": text} | more
    )


def span(one: Span) -> Span:
    return Span(article=one.article, start=one.start, end=one.end)


FOUND = (
    passage(title="The ferry", date=dt.date(2025, 5, 18), score=0.0325, similarity=0.5, dense_rank=1, bm25_rank=2),
    passage(STORM, "storm", score=0.0164, bm25_rank=1),
)
TOLD = Trace(
    searched="How much?",
    messages=(
        PromptMessage(role="system", content="Be brief.", tokens=2),
        PromptMessage(role="user", content=f"The ferry: {FERRY}\n\nHow much?", tokens=19),
    ),
    evidence_tokens=(15,),
    min_support=0.5,
)


def answer(trace: Trace | None = TOLD, **more: object) -> Answer:
    plain = Answer(
        question="How much?",
        text="It costs 4 crowns.",
        sentences=(Sentence(text="It costs 4 crowns.", markers=(1, 2), support=0.875),),
        evidence=(span(FOUND[0]),),
        retrieved=FOUND,
        model="fake",
        timings=Timings(retrieve_s=0.5, first_token_s=2.5, total_s=4.5),
        tokens=Tokens(prompt=31, reused=11, answer=10),
        trace=trace,
    )
    return plain.model_copy(update=more)


def told(answer: Answer, title: str) -> Section:
    return next(section for section in sections(answer) if section.title.startswith(title))


def strings(made: Sequence[Section]) -> Iterator[str]:
    for section in made:
        yield section.title
        for pair in (*section.facts, *section.texts):
            yield from pair
        for cells in section.table.rows if section.table else ():
            yield from cells


def printed(answer: Answer, width: int = 100) -> str:
    screen = io.StringIO()
    show_trace(Console(file=screen, width=width, highlight=False, soft_wrap=True), answer)
    return screen.getvalue()


def test_the_sections_are_in_the_order_of_the_work() -> None:
    assert [section.title for section in sections(answer())] == [
        "Search", "Passages: 2 found, 1 shown to the model", "Prompt", "Sentences", "Times",
    ]  # fmt: skip


def test_without_a_trace_there_is_nothing() -> None:
    assert sections(answer(None)) == []
    assert printed(answer(None)) == ""


@pytest.mark.parametrize(
    ("trace", "facts"),
    [
        (TOLD, {"searched for": "How much?", "in": "all articles"}),
        (Trace(searched="The ferry. How much?"), {"asked": "How much?", "searched for": "The ferry. How much?"}),
        (Trace(searched="x", filters=Filters(articles=("a", "b"))), {"in": "the articles a, b"}),
        (
            Trace(searched="x", filters=Filters(sources=("gazette",), since=dt.date(2025, 1, 2))),
            {"in": "articles of gazette and articles from 2025-01-02 on"},
        ),
        (Trace(searched="x", filters=Filters(until=dt.date(2025, 1, 2))), {"in": "articles up to 2025-01-02"}),
    ],
)
def test_what_was_searched_for(trace: Trace, facts: dict[str, str]) -> None:
    found = dict(told(answer(trace), "Search").facts)
    assert found | facts == found
    assert ("asked" in found) == (found["searched for"] != "How much?")


def test_the_period_that_limited_the_search_is_told() -> None:
    week = Days(text="this\nweek", first=dt.date(2025, 5, 12), last=dt.date(2025, 5, 18))
    found = dict(told(answer(period=week), "Search").facts)
    assert found["in"] == "articles from 2025-05-12 to 2025-05-18, for “this week”"


def test_passages_with_their_ranks() -> None:
    table = told(answer(), "Passages").table
    assert table is not None
    assert table.head == ("rank", "vectors", "BM25", "fused", "cosine", "tokens shown", "passage")
    assert table.rows == (
        ("1", "1", "2", "0.0325", "0.500", "15", f"The ferry\n2025-05-18 · ferry, characters 0-76\n{FERRY}"),
        ("2", "–", "1", "0.0164", "–", "–", f"storm\nstorm, characters 0-37\n{STORM}"),
    )


def test_a_long_passage_shows_its_first_words_and_an_untitled_one_says_so() -> None:
    table = told(answer(retrieved=(passage("word " * 100, title="\n"),)), "Passages").table
    assert table is not None
    title, _, words = table.rows[0][-1].split("\n")
    assert title == "Untitled"
    assert words == f"{('word ' * 32).strip()}…"


@pytest.mark.parametrize(
    ("evidence", "counts", "shown"),
    [
        ((span(FOUND[0]),), (15,), ["15", "–"]),
        ((span(FOUND[1]), span(FOUND[0])), (7, 15), ["15", "7"]),
        ((span(FOUND[0]),), (), ["all", "–"]),
        ((Span(article="storm", start=2, end=9),), (2,), ["–", "in part"]),
        ((), (), ["–", "–"]),
    ],
)
def test_which_passages_the_model_was_shown(evidence: Sequence[Span], counts: Sequence[int], shown: list[str]) -> None:
    trace = TOLD.model_copy(update={"evidence_tokens": tuple(counts)})
    table = told(answer(trace, evidence=tuple(evidence)), "Passages").table
    assert table is not None
    assert [cells[5] for cells in table.rows] == shown


@pytest.mark.parametrize(
    ("tokens", "facts"),
    [
        (
            Tokens(prompt=1031, reused=1011),
            ["1,031, of which 1,011 were still held from the prompt before", "21; the rest is the markup of a chat"],
        ),
        (  # as with a server, whose tokens are estimated high
            Tokens(prompt=16),
            [
                "16, of which 0 were still held from the prompt before",
                "about 21, estimated: the server counts only the whole",
            ],
        ),
        (Tokens(), ["21 in the messages; the model read none of them"]),
    ],
)
def test_the_prompt_with_its_tokens(tokens: Tokens, facts: list[str]) -> None:
    prompt = told(answer(tokens=tokens), "Prompt")
    assert [value for _, value in prompt.facts] == facts
    assert prompt.texts == (
        ("system: 2 tokens", "Be brief."),
        ("user: 19 tokens", f"The ferry: {FERRY}\n\nHow much?"),
    )


LEFT_OUT = [
    (
        LeftOut(
            text="9 boats.",
            reason="unsupported",
            support=0.31,
            doubts=("9", "boats"),
            odds=-1.234,
            nearest=Span(article="gone", start=3, end=7),
        ),
        "0.310",
        "9 boats.\nIts support is below 0.5; against it: “9”, “boats”; the model's log-odds that the passages "
        "state it: -1.23. The nearest words: (gone, characters 3-7)",
    ),
    (
        LeftOut(
            text="A quay was built.",
            reason="unsupported",
            support=0.31,
            nearest=Span(article="ferry", start=32, end=76),
        ),
        "0.310",
        "A quay was built.\nIts support is below 0.5. "
        "The nearest words: “Mayor Ada Quill opened the new quay in June.” (ferry, characters 32-76)",
    ),
    (
        LeftOut(text="Gone.", reason="unsupported", support=0.31, nearest=Span(article="gone", start=3, end=7)),
        "0.310",
        "Gone.\nIts support is below 0.5. The nearest words: (gone, characters 3-7)",
    ),
    (
        LeftOut(text="Zebras graze.", reason="unsupported", support=0.0),
        "0.000",
        "Zebras graze.\nNothing in the passages comes near it.",
    ),
    (LeftOut(text="I do not know.", reason="declined"), "–", "I do not know.\nThe model says that it does not know."),
]


@pytest.mark.parametrize(("left_out", "support", "why"), LEFT_OUT, ids=[one.text for one, _, _ in LEFT_OUT])
def test_sentences_with_their_support(left_out: LeftOut, support: str, why: str) -> None:
    section = told(answer(TOLD.model_copy(update={"left_out": (left_out,)}), dropped_markers=2), "Sentences")
    assert section.facts == (("support needed", "0.5"), ("citation marks that the model invented", "2"))
    assert section.table is not None
    assert section.table.rows == (("0.875", "cites [1][2]", "It costs 4 crowns."), (support, "left out", why))


def test_times_and_rates() -> None:
    """31 - 11 tokens read in 2 s, 10 written in 2 s."""
    assert told(answer(), "Times").facts == (
        ("search", "0.50 s"),
        ("first word", "after 2.50 s"),
        ("reading", "20 tokens, 10.0 a second (waiting for a turn included)"),
        ("writing", "10 tokens, 5.0 a second (attribution included)"),
        ("whole", "4.50 s"),
        ("model", "fake"),
    )


def test_a_check_has_a_time_of_its_own() -> None:
    times = Timings(retrieve_s=0.5, checked_s=1.5, first_token_s=2.5, total_s=4.5)
    facts = dict(told(answer(timings=times), "Times").facts)
    assert facts["check"] == "1.00 s (waiting for a turn included)"
    assert facts["reading"] == "20 tokens, 20.0 a second (waiting for a turn included)"


def test_how_likely_an_answer_was() -> None:
    trace = Trace(searched="q", answerable=0.3, min_answerable=0.5, signals={"similarity": 0.5, "odds": -2.254})
    line = "0.30 (similarity 0.50, odds -2.25); at least 0.5 is needed"
    assert ("probability that the passages answer it", line) in told(answer(trace=trace), "Sentences").facts
    assert "probability that" not in str(told(answer(), "Sentences").facts)


def test_how_likely_an_answer_was_where_the_model_was_not_asked() -> None:
    trace = Trace(searched="q", answerable=0.3, min_answerable=0.15, signals={"similarity": 0.5, "assumed_odds": -0.25})
    line = "0.30 or more, as the model was not asked (similarity 0.50, assumed odds -0.25); at least 0.15 is needed"
    assert ("probability that the passages answer it", line) in told(answer(trace=trace), "Sentences").facts


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("nothing_found", "no passage was found"),
        ("not_answered", "passages were found, but they do not answer the question"),
        ("not_supported", "nothing of what the model wrote has enough support in the passages"),
    ],
)
def test_a_refusal_says_why(reason: Refusal, said: str) -> None:
    refusal = answer(refused=True, reason=reason, sentences=())
    assert dict(told(refusal, "Sentences").facts)["refused"] == said


def test_nothing_found_and_nothing_asked_of_the_model() -> None:
    nothing = Answer(
        question="Why?", text="No.", refused=True, reason="nothing_found", timings=Timings(retrieve_s=0.1, total_s=0.1),
        trace=Trace(searched="Why?"),
    )  # fmt: skip
    assert [section.table for section in sections(nothing)] == [None] * 5
    assert told(nothing, "Passages").title == "Passages: 0 found, 0 shown to the model"
    assert told(nothing, "Prompt").facts == (("tokens", "none: the model was not asked"),)
    assert told(nothing, "Times").facts == (("search", "0.10 s"), ("whole", "0.10 s"))


def test_an_answer_stopped_before_its_first_word() -> None:
    times = Timings(retrieve_s=0.5, total_s=1.0)
    stopped = answer(stopped=True, sentences=(), text="", tokens=Tokens(), timings=times)
    assert dict(told(stopped, "Sentences").facts)["stopped"] == "by the user"
    assert [name for name, _ in told(stopped, "Times").facts] == ["search", "whole", "model"]


def test_no_time_at_all_gives_no_rate() -> None:
    times = Timings(retrieve_s=1.0, first_token_s=1.0, total_s=1.0)
    assert dict(told(answer(timings=times), "Times").facts)["writing"] == "10 tokens (attribution included)"


# -- texts of others --


def everywhere(text: str) -> Answer:
    """An answer with `text` wherever text of others can stand."""
    one = passage(f"{text}x", f"{text}x"[:200], title=text)
    return Answer(
        question=text, text=text, sentences=(Sentence(text=text, markers=(1,)),), retrieved=(one,),
        evidence=(span(one),), model=text,
        trace=Trace(
            searched=f"{text} {text}", filters=Filters(articles=(text,), sources=(text,)),
            messages=(PromptMessage(role="user", content=text),),
            left_out=(LeftOut(text=text, reason="unsupported", support=0.1, nearest=span(one)),),
        ),
    )  # fmt: skip


def is_safe(text: str) -> bool:
    return all(
        char in "\n\t\u00ad\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        for char in text
    )


@pytest.mark.parametrize("text", ESCAPES)
def test_hidden_characters_come_out_as_their_codes(text: str) -> None:
    assert all(map(is_safe, strings(sections(everywhere(text)))))
    out = printed(everywhere(text), width=1000)
    assert is_safe(out)
    assert visible(text) in out
    out.encode("utf-8")


@given(st.text(st.characters(), max_size=50))
def test_any_text_is_made_safe(text: str) -> None:
    assert all(map(is_safe, strings(sections(everywhere(text)))))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[0m", "\\x1b[0m"),
        ("a\u202eb", "a\\u202eb"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("Žofie – “quoted”\n\tनमस्ते 👩\u200d👧 Ａ\u00a0b", "Žofie – “quoted”\n\tनमस्ते 👩\u200d👧 Ａ\u00a0b"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("text", MARKUP)
def test_markup_is_printed_as_text(text: str) -> None:
    assert printed(everywhere(text), width=1000).count(text) >= 9


def test_a_narrow_terminal_still_shows_all() -> None:
    out = printed(answer(), width=60)
    assert all(len(line) <= 60 for line in out.splitlines() if line.startswith(" "))
    for word in FERRY.split():
        assert word in out
