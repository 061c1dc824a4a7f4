import datetime as dt
import re
from html.parser import HTMLParser

import pytest
from fake_bot import ARTICLES, COST, HOSTILE, STORM, cite, hostile_answer, tram_answer
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations import Talk
from bot.schema import (
    Answer,
    Article,
    ArticleInfo,
    Citation,
    Days,
    Filters,
    Passage,
    Progress,
    Sentence,
    StageEvent,
    Tokens,
)
from bot.ui import bits, limits, reading, shelf, talks, views
from bot.ui.exchange import Exchange

ALLOWED_TAGS = {
    "header", "h1", "h2", "h3", "p", "div", "section", "nav", "span", "button", "bdi", "ol", "ul", "li", "q", "time",
    "mark", "a", "details", "summary", "b", "code", "progress", "h4", "h5", "dl", "dt", "dd", "pre",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
NASTY = [
    HOSTILE,
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</mark></div><iframe src=javascript:alert(1)>",
    "&lt;b&gt; &amp;amp; ${alert(1)} {{constructor}} `x`",
    "\u202e\u2066reversed\u200b\x00",
]


class Parsed(HTMLParser):
    """The elements of a piece of HTML with their attributes, its text, and the text of each `<mark>`."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.marks: dict[str, str] = {}
        self._open: list[str] = []
        self._number = ""
        self.feed(html)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "mark":
            self._number = dict(attrs)["data-number"] or ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "mark" in self._open:
            self.marks[self._number] = self.marks.get(self._number, "") + data

    def check_harmless(self) -> None:
        for tag, attributes in self.elements:
            assert tag in ALLOWED_TAGS
            assert not [name for name in attributes if name.startswith("on") or name in {"src", "style"}]
            href = attributes.get("href") or "https://"
            assert href.startswith(("http://", "https://")) or re.fullmatch(
                r"conversations/[0-9a-f]{16}\.\w+|logout", href
            )


def views_of(text: str) -> list[str]:
    """Every view, with `text` wherever text of others can stand."""
    article = Article(id=text, title=text, text=text, source=text, author=text, credit=text, url=text)
    citation = Citation(
        marker=1, article=text, start=0, end=len(text), quote=text, sentence=0, title=text, date=dt.date(2025, 1, 2),
        days=(Days(text=text, first=dt.date(2025, 1, 1), last=dt.date(2025, 1, 2)),),
    )  # fmt: skip
    answer = Answer(
        question=text, text=text, sentences=(Sentence(text=text, markers=(1,)), Sentence(text=text)),
        citations=(citation,), dropped_sentences=(text,), model=text,
    )  # fmt: skip
    passage = Passage(article=text, start=0, end=1, title=text, text=text)
    refusal = Answer(question=text, text=text, refused=True, retrieved=(passage,))
    exchanges = [
        Exchange(text, answer=answer, sentences=answer.sentences, citations=answer.citations),
        Exchange(text, answer=refusal),
        Exchange(text, problem=text),
        Exchange(text, tentative=text),
    ]
    info = ArticleInfo(id=text, title=text, source=text, url=text)
    return [
        views.header(text, Progress(0, 0), text),
        views.conversation(exchanges, 1),
        reading.article(article, 0, [citation], 1),
        shelf.article_list([info], [info]),
        limits.chips(Filters(articles=(text,), sources=(text,)), {text: text}),
        talks.talk_list([Talk("0" * 16, text, dt.datetime(2025, 1, 2, tzinfo=dt.UTC), 2)], text),
        shelf.report([text]),
        bits.problem(text),
        views.status(text),
    ]


@pytest.mark.parametrize("text", NASTY)
def test_text_of_others_is_shown_as_text(text: str) -> None:
    for html in views_of(text):
        parsed = Parsed(html)
        parsed.check_harmless()
        assert text in parsed.text


@given(st.text(min_size=1, max_size=200))
def test_any_text_leaves_the_html_whole(text: str) -> None:
    for html in views_of(text):
        Parsed(html).check_harmless()


@pytest.mark.parametrize(
    ("url", "href"),
    [
        ("https://courier.example/a?b=1&c=2", "https://courier.example/a?b=1&c=2"),
        ("http://courier.example", "http://courier.example"),
        ('https://x.example/"><img src=x onerror=alert(1)>', 'https://x.example/"><img src=x onerror=alert(1)>'),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("java\nscript:alert(1)", None),
        (" javascript:alert(1)", None),
        ("data:text/html,<script>alert(1)</script>", None),
        ("file:///etc/passwd", None),
        ("//courier.example/a", None),
        ("https:", None),
        ("http://[broken", None),
    ],
)
def test_only_web_addresses_become_links(url: str, href: str | None) -> None:
    parsed = Parsed(bits.link(url))
    assert [attributes.get("href") for _, attributes in parsed.elements] == ([href] if href else [])
    for _, attributes in parsed.elements:
        assert "noopener" in (attributes["rel"] or "")
    if href is None:
        assert parsed.text == url


def test_marks_are_exactly_the_quotes() -> None:
    answer = tram_answer("q")
    parsed = Parsed(reading.article(ARTICLES[0], 0, answer.citations, 2))
    assert parsed.marks == {str(c.marker): c.quote for c in answer.citations if c.article == "tram"}
    assert [a["data-number"] for tag, a in parsed.elements if a.get("class") == "cb-here"] == ["2"]
    assert ARTICLES[0].text in parsed.text


@pytest.mark.parametrize(
    ("spans", "chosen", "marks"),
    [
        ({1: (0, 5), 2: (3, 8)}, 2, {"1": "012", "2": "34567"}),
        ({1: (0, 5), 2: (3, 8)}, 1, {"1": "01234", "2": "567"}),
        ({1: (0, 5), 2: (3, 8)}, 0, {"1": "01234", "2": "567"}),
        ({1: (2, 4), 2: (0, 9)}, 2, {"2": "012345678"}),
        ({1: (0, 3), 2: (0, 3)}, 2, {"2": "012"}),
        ({1: (4, 9)}, 1, {"1": "45678"}),
    ],
)
def test_the_chosen_quote_is_whole_where_quotes_overlap(
    spans: dict[int, tuple[int, int]], chosen: int, marks: dict[str, str]
) -> None:
    text = "012345678"
    citations = [
        Citation(marker=marker, article="a", start=start, end=end, quote=text[start:end], sentence=0, title="t")
        for marker, (start, end) in spans.items()
    ]
    parsed = Parsed(reading.marked(text, citations, chosen))
    assert parsed.marks == marks
    assert parsed.text == text


def test_a_changed_article_is_not_marked_in_the_wrong_place() -> None:
    citation = cite(1, ARTICLES[0], COST, 0)
    changed = ARTICLES[0].model_copy(update={"text": f"News. {ARTICLES[0].text}"})
    parsed = Parsed(reading.article(changed, 0, [citation], 1))
    assert parsed.marks == {}
    assert "has changed" in parsed.text


def test_each_sentence_ends_in_its_markers_and_the_sources_are_listed() -> None:
    answer = tram_answer("What?")
    html = views.conversation([Exchange("What?", answer.sentences, answer.citations, answer=answer)], 3)
    parsed = Parsed(html)
    assert "twice.[2]" in parsed.text
    cards = [a["id"] for _, a in parsed.elements if a.get("role") == "tooltip"]
    assert len(cards) == len(set(cards)) == 4
    assert [a["aria-describedby"] for _, a in parsed.elements if "aria-describedby" in a] == cards
    assert STORM in parsed.text[parsed.text.index("[4]") :], "the list of sources comes after the answer"
    markers = [a for tag, a in parsed.elements if tag == "button" and a.get("class") == "cb-marker"]
    assert [marker["data-marker"] for marker in markers] == ["1", "2", "3", "4"]
    assert all(marker["aria-label"] and marker["data-exchange"] == "0" for marker in markers)
    assert 'class="cb-unsupported"' not in html
    assert "The mayor drove the first tram." in parsed.text


def test_a_marker_that_two_sentences_share_is_listed_once() -> None:
    said = tuple(Sentence(text=text, markers=(1, 2)) for text in ("It cost much.", "It did."))
    cited = tuple(cite(marker, ARTICLES[0], quote, n) for n in (0, 1) for marker, quote in ((2, STORM), (1, COST)))
    answer = Answer(question="q", text="It cost much. It did.", sentences=said, citations=cited)
    shown = Parsed(views.conversation([Exchange("q", said, cited, answer=answer)], 1))
    row = Parsed(reading.article(ARTICLES[0], 0, cited, 1))
    for parsed, style in [(shown, "cb-source"), (row, "cb-marker")]:
        assert [a["data-marker"] for tag, a in parsed.elements if tag == "button" and a.get("class") == style] == [
            "1",
            "2",
        ]


def test_a_source_says_what_its_relative_days_mean() -> None:
    answer = tram_answer("What?")
    monday = Days(text="Monday", first=dt.date(2025, 3, 10), last=dt.date(2025, 3, 10))
    cited = (answer.citations[0].model_copy(update={"days": (monday,)}), *answer.citations[1:])
    parsed = Parsed(views.conversation([Exchange("What?", answer.sentences, cited, answer=answer)], 3))
    assert "10 Mar 2025 · Monday = 10 March 2025[2]" in parsed.text


@pytest.mark.parametrize("refused", [False, True])
def test_a_period_that_limited_the_search_is_told(refused: bool) -> None:
    period = Days(text="yesterday", first=dt.date(2025, 3, 8), last=dt.date(2025, 3, 10))
    answer = Answer(question="q", text="So it is.", refused=refused, period=period)
    parsed = Parsed(views.conversation([Exchange("q", answer=answer)], 1))
    assert "Only articles of 8 to 10 March 2025 were searched, for “yesterday”." in parsed.text


def test_a_sentence_without_a_source_and_a_refusal_look_different() -> None:
    plain = Answer(question="q", text="So it is.", sentences=(Sentence(text="So it is."),))
    shown = views.conversation([Exchange("q", plain.sentences, answer=plain)], 1)
    assert "cb-unsupported" in shown
    assert "So it is. (not in the articles)" in Parsed(shown).text
    refusal = Answer(question="q", text="Not in your articles.", refused=True)
    assert "cb-refusal" in views.conversation([Exchange("q", answer=refusal)], 1)


def test_a_refusal_offers_three_different_articles() -> None:
    found = tuple(
        Passage(article=key, start=at, end=at + 1, title=f"Title {key}", text="x") for at, key in enumerate("aababcd")
    )
    refusal = Answer(question="q", text="Not in your articles.", refused=True, retrieved=found)
    shown = views.conversation([Exchange("q", answer=refusal)], 1)
    assert re.findall(r'data-article="(\w)"><bdi>(Title \w)', shown) == [(key, f"Title {key}") for key in "abc"]


def test_while_an_answer_grows_it_is_busy_and_has_no_source_list() -> None:
    sentence = Sentence(text="Done.", markers=(1,))
    html = views.conversation([Exchange("q", (sentence,), (cite(1, ARTICLES[0], COST, 0),), tentative="And no")], 1)
    assert 'aria-busy="true"' in html
    assert "cb-sources" not in html
    assert "And no" in Parsed(html).text


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (StageEvent(stage="waiting", before=1), "Waiting: 1 other question first3 s"),
        (StageEvent(stage="waiting", before=2), "Waiting: 2 other questions first3 s"),
        (StageEvent(stage="searching"), "Searching your articles3 s"),
        (StageEvent(stage="checking"), "Checking whether they hold an answer3 s"),
        (StageEvent(stage="reading", done=640, total=1200), "Reading the passages found640 of 1,200 tokens3 s"),
        (StageEvent(stage="reading"), "Reading the passages found3 s"),
        (StageEvent(stage="answering"), "Answering3 s"),
    ],
)
def test_the_status_line_tells_the_stage(event: StageEvent, words: str) -> None:
    assert Parsed(views.stage(event, 3.2)).text == words


@pytest.mark.parametrize(
    ("progress", "told"),
    [(Progress(0, 0), ""), (Progress(7, 1240), "Reading ahead: 7 of 1,240 articles"), (Progress(9, 9), "")],
)
def test_the_header_tells_how_far_articles_are_read_ahead(progress: Progress, told: str) -> None:
    text = Parsed(views.header("a model", progress)).text
    assert text == f"CitebotAnswers from your own articles, on this machine, with a model{told}"


def test_the_header_tells_who_is_logged_in() -> None:
    assert "Log out" not in Parsed(views.header("a model", Progress(0, 0))).text
    parsed = Parsed(views.header("a model", Progress(0, 0), "Anna"))
    assert parsed.text.endswith("AnnaLog out")
    assert [a["href"] for tag, a in parsed.elements if tag == "a"] == ["logout"]


def test_the_status_line_tells_how_long_it_took() -> None:
    text = Parsed(views.finished(tram_answer("q"))).text
    assert text == "Took 3.4 s · search 0.2 s · first words after 0.9 s · 1,200 tokens read, 58 written (23 a second)"
    answer = tram_answer("q").model_copy(update={"tokens": Tokens(prompt=1200, reused=1100, answer=58)})
    assert Parsed(views.finished(answer)).text.endswith("100 tokens read, 1,100 known before, 58 written (23 a second)")
    stopped = hostile_answer("q").model_copy(update={"stopped": True})
    assert Parsed(views.finished(stopped)).text == "Stopped after 0.0 s"


def infos(count: int) -> list[ArticleInfo]:
    """As the bot gives them: newest first."""
    day = dt.date(2024, 1, 1)
    return [
        ArticleInfo(id=f"a{n}", title=f"Title {n}", source="Courier", date=day + dt.timedelta(n))
        for n in reversed(range(count))
    ]


@pytest.mark.parametrize(
    ("count", "query", "shown", "words"),
    [
        (3, "", ["a2", "a1", "a0"], "3 articles"),
        (1, "", ["a0"], "1 article"),
        (3, "COURIER a1", ["a1"], "1 of 3 articles"),
        (3, "2024-01-03", ["a2"], "1 of 3 articles"),
        (3, "nothing such", [], "0 of 3 articles"),
        (300, "", [f"a{n}" for n in range(299, 99, -1)], "300 articles; the first 200 are shown, type to narrow"),
    ],
)
def test_the_list_of_articles(count: int, query: str, shown: list[str], words: str) -> None:
    articles = infos(count)
    parsed = Parsed(shelf.article_list(limits.found(articles, query, Filters()), articles))
    assert [attributes["data-article"] for tag, attributes in parsed.elements if tag == "button"] == shown
    assert parsed.text.startswith(words)


def test_the_list_of_articles_keeps_the_order_given() -> None:
    day = dt.date(2024, 1, 1)
    given = [ArticleInfo(id=name, title=name, date=when) for name, when in [("a", day), ("b", day), ("c", None)]]
    parsed = Parsed(shelf.article_list(limits.found(given, "", Filters()), given))
    assert [a["data-article"] for tag, a in parsed.elements if tag == "button"] == ["a", "b", "c"]


@pytest.mark.parametrize("html", [shelf.article_list([], []), views.conversation([], 0)])
def test_without_articles_the_page_says_what_to_do(html: str) -> None:
    assert "There are no articles yet" in Parsed(html).text
    assert "bot ingest" in Parsed(html).text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a \u202eb", 'a <bdi class="cb-unseen" data-code="202E">\u202e</bdi>b'),
        ("\u2067<b>\u2069", '<bdi class="cb-unseen" data-code="2067">\u2067</bdi>&lt;b&gt;<bdi class="cb-unseen" '
         'data-code="2069">\u2069</bdi>'),
        ("\U000e0073", '<bdi class="cb-unseen" data-code="E0073">\U000e0073</bdi>'),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),  # a flag
        ("\u200eשלום\u200d\u00ad", "\u200eשלום\u200d\u00ad"),
    ],
)  # fmt: skip
def test_characters_that_turn_or_hide_words_stand_alone(text: str, html: str) -> None:
    assert bits.words(text) == html
    assert Parsed(f"<p>{html}</p>").text == text, "what is copied is what was there"
