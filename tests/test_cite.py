"""cite: quotes are the articles' own words, marks are numbered as they appear, invented ones are dropped."""

import re
import time
from collections.abc import Sequence

import pytest
from fakes import FakeEmbedder
from hypothesis import example, given
from hypothesis import strategies as st
from samples import CHEESE, FERRY, STORM, article, passage

from bot.articles.sentences import split
from bot.cite import DOUBTED, READ, Attributor, EvidenceSentence, MarkerFilter, evidence_sentences, joined, parted
from bot.schema import Article, Citation, Passage
from bot.words import content_words

ARTICLES = {
    one.id: one for one in (article("ferry", FERRY, date="2025-05-18"), article("storm", STORM), article("c", CHEESE))
}


def attributor(passages: list[Passage], question: str = "What happened?") -> Attributor:
    return Attributor(question, evidence_sentences(passages, split), FakeEmbedder().embed_documents)


def cited(by: Attributor, *sentences: str) -> list[list[Citation]]:
    return [by.cite(text, index, by.support(text))[1] for index, text in enumerate(sentences)]


# -- marks that the model invents --


@pytest.mark.parametrize(
    ("text", "clean", "dropped"),
    [
        ("It costs 4 crowns [3].", "It costs 4 crowns.", 1),
        ("It costs [1][2] 4 crowns.[3]", "It costs 4 crowns.", 3),
        ("One [1, 2] two [3-4] three [5;6].", "One two three.", 3),
        ("A note [^1].", "A note.", 1),
        ("Odd 【3†source】 brackets.", "Odd brackets.", 1),
        ("[1] At the start", " At the start", 1),
        ("He said [sic] so in [the] hall.", "He said [sic] so in [the] hall.", 0),
        ("Nested [[1]2] marks.", "Nested marks.", 2),
        ("Left open [12", "Left open [12", 0),
        ("Nothing.", "Nothing.", 0),
        ("", "", 0),
    ],
)
def test_invented_marks_are_dropped_and_counted_however_they_come(text: str, clean: str, dropped: int) -> None:
    for size in range(1, max(len(text), 1) + 1):
        marks = MarkerFilter()
        shown = "".join(marks.feed(text[at : at + size]) for at in range(0, len(text), size)) + marks.feed(
            "", last=True
        )
        assert (shown, marks.dropped) == (clean, dropped)


@given(st.text(alphabet=st.sampled_from("a 1,2^[]【】-."), max_size=30), st.data())
@example("[[1]2]", None)
@example("a [[1]", None)
def test_no_mark_is_ever_shown(text: str, data: st.DataObject | None) -> None:
    marks, shown, at = MarkerFilter(), "", 0
    while at < len(text):
        size = 1 if data is None else data.draw(st.integers(1, len(text) - at))
        shown += marks.feed(text[at : at + size])
        at += size
        assert not re.search(r"\[\d+\]", shown)
    shown += marks.feed("", last=True)
    assert not re.search(r"\[\d+\]", shown)
    assert len(shown) <= len(text)


# -- evidence --


def test_evidence_sentences_are_places_in_their_article() -> None:
    cut = passage(ARTICLES["ferry"], 48, 120)
    found = evidence_sentences([cut, passage(ARTICLES["storm"])], split)
    assert [one.text for one in found[:2]] == ["A single ticket costs 4 crowns.", FERRY[80:120].strip()]
    for one in found:
        assert ARTICLES[one.span.article].text[one.span.start : one.span.end] == one.text


def test_a_sentence_in_two_passages_is_one() -> None:
    found = evidence_sentences([passage(ARTICLES["ferry"], 0, 79), passage(ARTICLES["ferry"])], split)
    assert len(found) == len({one.span for one in found}) == 3


# -- support --


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("A single ticket costs 4 crowns.", "A single ticket costs 4 crowns."),
        ("The ferry stops at Lindaby.", "The harbour ferry stops at Lindaby from Monday."),
        ("Because of a storm, the airport was closed on Friday.", "A storm closed the airport on Friday."),
    ],
)
def test_the_sentence_that_says_it_is_quoted(answer: str, quote: str) -> None:
    by = attributor([passage(one) for one in ARTICLES.values()])
    assert by.support(answer).score > 0.5
    assert cited(by, answer)[0][0].quote == quote


@pytest.mark.parametrize("answer", ["Zebras graze quietly.", "", "...", "It was so.", "Yes.", "No, it was not."])
def test_nothing_supports_what_shares_no_word(answer: str) -> None:
    support = attributor([passage(one) for one in ARTICLES.values()]).support(answer)
    assert support.sentences == ()
    assert support.score == 0


COUNTS = [
    ("Rovers scored 3 goals.", "Three.", True),
    ("Rovers scored three goals.", "3", True),
    ("Rovers scored three goals.", "3 goals.", True),
    ("Rovers sold twenty-three thousand tickets.", "23,000", True),
    ("Rovers sold 200 tickets.", "Two hundred tickets.", True),
    ("Rovers scored 3 goals.", "Four.", False),
    ("Rovers scored the third goal.", "3", False),
    ("Rovers scored one goal.", "1", False),
]


@pytest.mark.parametrize(("said", "answer", "supported"), COUNTS)
def test_a_number_in_words_is_the_same_in_figures(said: str, answer: str, supported: bool) -> None:
    by = attributor([passage(article("cup", f"{said} It rained.")), passage(ARTICLES["storm"])], "How many of Rovers?")
    support = by.support(answer)
    assert bool(support.sentences) == supported
    if supported:
        assert support.sentences[0].text == said
        assert support.score > 0.4  # cite.min_support


def test_a_yes_before_an_answer_is_no_word_but_the_model_is_asked_whether_it_is_so() -> None:
    asked: list[str] = []

    def says(text: str, _: object) -> float:
        asked.append(text)
        return 1.0

    ferry = "The harbour ferry stops at Lindaby from Monday."
    evidence = evidence_sentences([passage(ARTICLES["ferry"])], split)
    by = Attributor("Where does the ferry stop?", evidence, FakeEmbedder().embed_documents, says)
    plain = by.support(ferry)
    for said in (f"Yes, {ferry}", f"Yes – {ferry}", f"“Yes. {ferry}”", f"yes: {ferry}"):
        assert by.support(said).score == pytest.approx(plain.score, abs=0.1)
        assert by.support(said).sentences == plain.sentences
    assert asked[::2] == asked[1::2] == [f"Yes, {ferry}", f"Yes – {ferry}", f"“Yes. {ferry}”", f"yes: {ferry}"]
    asked.clear()
    by.support(ferry)
    assert asked == []
    by.support("The ferry stops at Lindaby, a yes for the mayor.")
    by.support("Yes Minister stops at Lindaby.")
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("text", "said", "rest"),
    [
        ("Yes.", "yes", ""),
        ("“No.”", "no", "”"),
        ("no", "no", ""),
        ("Yes, it stops.", "yes", "it stops."),
        ("No. The ferry stops.", "no", "The ferry stops."),
        ("No – it stops.", "no", "it stops."),
        ("No - it stops.", "no", "it stops."),
        ("No. 7 stops.", "", "No. 7 stops."),
        ("No.7 stops.", "", "No.7 stops."),
        ("No, 7 stop.", "no", "7 stop."),
        ("No-one stops.", "", "No-one stops."),
        ("No one stops.", "", "No one stops."),
        ("Yesterday it stopped.", "", "Yesterday it stopped."),
        ("Norway stopped.", "", "Norway stopped."),
        ("", "", ""),
    ],
)
def test_a_yes_or_no_at_the_beginning(text: str, said: str, rest: str) -> None:
    assert parted(text) == (said, rest)


@pytest.mark.parametrize(
    ("answer", "yes", "no", "kept"),
    [
        ("Yes.", 2.5, 1.0, True),
        ("“Yes!”", -1.0, -2.5, True),
        ("Yes.", 1.0, 2.5, False),
        ("No.", 1.0, 2.5, True),
        ("no", 2.5, 1.0, False),
        ("Yes.", None, None, False),
        ("Yes.", 2.5, None, False),
    ],
)
def test_a_yes_or_no_alone_must_be_likelier_to_the_model_than_the_other(
    answer: str, yes: float | None, no: float | None, kept: bool
) -> None:
    question, ferry = "Does the harbour ferry stop at Lindaby from Monday?", ARTICLES["ferry"].text.split("\n")[0]

    def says(text: str, evidence: Sequence[EvidenceSentence]) -> float | None:
        assert evidence[0].text in ferry
        return {f"{question} Yes.": yes, f"{question} No.": no}[text]

    evidence = evidence_sentences([passage(one) for one in ARTICLES.values()], split)
    support = Attributor(question, evidence, FakeEmbedder().embed_documents, says, min_odds=0.3).support(answer)
    assert (support.score >= 0.4) == kept  # cite.min_support
    assert support.doubts == ()
    if yes is None or no is None:
        assert (support.odds, support.sentences) == (None, ())
    else:
        assert support.odds == (1.5 if kept else -1.5)
        assert support.sentences[0].text == "The harbour ferry stops at Lindaby from Monday."


def test_without_evidence_nothing_is_supported() -> None:
    assert attributor([]).support("A single ticket costs 4 crowns.").sentences == ()


def test_what_two_sentences_say_cites_both() -> None:
    by = attributor([passage(ARTICLES["ferry"])])
    citations = cited(by, "A single ticket costs 4 crowns and mayor Ada Quill opened the new quay in June.")[0]
    assert {citation.quote[:8] for citation in citations} == {"A single", "Mayor Ad"}


def test_a_sentence_that_is_as_fit_is_cited_too() -> None:
    again = article("again", "Mind the gap. A single ticket costs 4 crowns there.")
    by = attributor([passage(ARTICLES["ferry"]), passage(again)], "What does a ticket cost?")
    citations = cited(by, "A single ticket costs 4 crowns.")[0]
    assert [citation.article for citation in citations] == ["ferry", "again"]
    (alone,) = cited(by, "Mayor Ada Quill opened the new quay in June.")[0]
    assert alone.article == "ferry"


def test_the_words_support_more_than_others() -> None:
    by = attributor([passage(one) for one in ARTICLES.values()])
    assert by.support("A single ticket costs 4 crowns.").score > by.support("A single ticket costs 9 crowns.").score


@pytest.mark.parametrize(
    ("question", "answer", "doubts"),
    [
        ("What costs 4 crowns?", "A single ticket costs 4 crowns.", ()),
        ("What costs 9 crowns?", "A single ticket costs 9 crowns.", ()),  # what the question says is its own affair
        ("What does it cost?", "A single ticket costs 9 crowns.", ("9",)),
        ("What does it cost?", "A single ticket to Ebenthal costs 4 crowns.", ("Ebenthal",)),
        ("What does it cost?", "A single ticket does not cost 4 crowns.", ("not",)),
        ("When was it closed?", "A storm closed the airport on Friday, 16 May 2025.", ()),  # the article's Friday
        ("When was it closed?", "A storm closed the airport on Friday, 9 May 2025.", ("9",)),
        ("When?", "On 18 May, the ferry said that it stops at Lindaby.", ()),  # the article's own date
    ],
)
def test_what_speaks_against_an_answer_takes_most_of_its_support(
    question: str, answer: str, doubts: tuple[str, ...]
) -> None:
    by = attributor([passage(ARTICLES["ferry"]), passage(article("storm", STORM, date="2025-05-18"))], question)
    support = by.support(answer)
    assert support.doubts == doubts
    assert (support.score < 0.4) == bool(doubts)
    assert by.cite(answer, 0, support)[0].doubts == doubts


@pytest.mark.parametrize(("log_odds", "falls"), [(0.5, False), (0.0, False), (-0.1, True), (None, False)])
def test_the_model_is_asked_about_words_of_the_answers_own(log_odds: float | None, falls: bool) -> None:
    asked: list[tuple[str, list[str]]] = []

    def says(text: str, evidence: Sequence[EvidenceSentence]) -> float | None:
        asked.append((text, [one.text for one in evidence]))
        return log_odds

    passages = [passage(one) for one in ARTICLES.values()]
    plain = attributor(passages)
    by = Attributor("What is the fee?", evidence_sentences(passages, split), FakeEmbedder().embed_documents, says)
    by.support("A single ticket costs 4 crowns.")  # the evidence's words
    by.support("The fee is 4 crowns.")  # and the question's
    by.support("The ferry never sails to Lindaby on Monday.")  # the program itself knows better
    by.support("Zebras graze.")
    assert asked == []
    own = "A single ticket costs travellers 4 crowns."
    support = by.support(own)
    ((text, shown),) = asked
    assert text == own
    assert shown[0] == "A single ticket costs 4 crowns."
    assert 1 < len(shown) <= READ
    assert support.odds == log_odds
    assert support.score == pytest.approx(plain.support(own).score * (DOUBTED if falls else 1.0), rel=0.1)
    assert by.cite(own, 0, support)[0].odds == log_odds


def test_sentences_that_follow_each_other_are_joined() -> None:
    ferry, storm = (
        evidence_sentences([passage(ARTICLES["ferry"])], split),
        evidence_sentences([passage(ARTICLES["storm"])], split),
    )
    made = joined([storm[0], ferry[1], ferry[0], storm[2]])
    assert [one.text for one in made] == [
        f"{ferry[0].text} {ferry[1].text}",
        storm[0].text,
        storm[2].text,
    ]
    assert [(one.article, one.start, one.end) for one in made] == [
        ("ferry", 0, ferry[1].span.end),
        ("storm", 0, storm[0].span.end),
        ("storm", storm[2].span.start, storm[2].span.end),
    ]


def test_marks_are_numbered_as_they_appear_and_kept() -> None:
    by = attributor([passage(one) for one in ARTICLES.values()])
    first, second, again = cited(by, "No one was hurt.", "It weighs 12 kilograms.", "No one was hurt.")
    assert [citation.marker for citation in first + second + again] == [1, 2, 1]
    assert [citation.sentence for citation in first + second + again] == [0, 1, 2]


def test_relative_days_of_a_quote_are_told() -> None:
    dated = article("quay", "The quay was opened on Monday.", date="2025-05-14")
    undated = dated.model_copy(update={"date": None})
    for one, days in [(dated, [("Monday", "2025-05-12", "2025-05-12")]), (undated, [])]:
        ((citation,),) = cited(attributor([passage(one)]), "The quay was opened.")
        assert [(day.text, str(day.first), str(day.last)) for day in citation.days] == days


def test_the_day_that_a_weekday_means_is_supported_and_the_articles_own_day_less() -> None:
    asked: list[str] = []

    def says(text: str, _: object) -> float:
        asked.append(text)
        return -9.0

    quay = article("quay", "The council approved the quay on Monday evening by 27 votes.", date="2025-05-14")
    evidence = evidence_sentences([passage(quay)], split)
    by = Attributor("On what date was the quay approved?", evidence, FakeEmbedder().embed_documents, says)
    meant = by.support("The council approved the quay on 12 May 2025.")
    own_day = by.support("The council approved the quay on 14 May 2025.")
    assert asked == ["The council approved the quay on 14 May 2025."], "of the day meant, every word is known"
    assert meant.score > 0.7
    assert own_day.score < 0.4  # cite.min_support


@pytest.mark.parametrize(
    ("words", "weekday", "expected"),
    [("last week", "Monday", False), ("last month", "Tuesday", False), ("yesterday", "Tuesday", True)],
)
def test_a_weekday_is_known_of_a_single_day_only(words: str, weekday: str, expected: bool) -> None:
    quay = article("quay", f"The quay was opened {words}.", date="2025-05-14")
    (one,) = evidence_sentences([passage(quay)], split)
    assert one.words.issuperset(content_words(weekday)) == expected
    assert one.words.issuperset(content_words("2025"))
    by = Attributor("When was the quay opened?", [one], FakeEmbedder().embed_documents)
    assert (by.support(f"The quay was opened on {weekday}.").doubts == ()) == expected


def test_a_citation_carries_what_a_reader_needs() -> None:
    by = attributor([passage(ARTICLES["ferry"])])
    sentence, (citation,) = by.cite("A ticket costs 4 crowns.", 0, by.support("A ticket costs 4 crowns."))
    assert sentence.markers == (1,)
    assert 0 < sentence.support <= 1
    assert (citation.title, str(citation.date), citation.article) == ("Ferry", "2025-05-18", "ferry")


WORDS = st.sampled_from(
    [
        "ferry",
        "harbour",
        "4",
        "crowns",
        "No.",
        "Mr.",
        "“Yes.”",
        "(June)",
        "Ada\n\n",
        "3.5",
        "[1]",
        "e\u0301té",
        "😀",
        "storm.",
    ]
)
PROSE = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)


@given(text=PROSE, cut=st.tuples(st.integers(0, 60), st.integers(1, 200)), answers=st.lists(PROSE, max_size=4))
def test_quotes_are_exactly_the_articles_words(text: str, cut: tuple[int, int], answers: list[str]) -> None:
    one = Article(id="x", title="X", text=text)
    start = min(cut[0], len(text) - 1)
    part = passage(one, start, min(len(text), start + cut[1]))
    by = attributor([part])
    markers: list[int] = []
    for index, answer in enumerate(answers):
        support = by.support(answer)
        assert 0 <= support.score <= 1
        sentence, citations = by.cite(answer, index, support)
        assert list(sentence.markers) == [citation.marker for citation in citations]
        for citation in citations:
            assert text[citation.start : citation.end] == citation.quote != ""
            assert part.start <= citation.start < citation.end <= part.end
            markers.append(citation.marker)
    assert set(markers) == set(range(1, len(set(markers)) + 1))
    firsts = list(dict.fromkeys(markers))
    assert firsts == sorted(firsts)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It left [2, 【4†x】7].", "It left."),
        ("It left 【" + "a" * 39 + "[12]】.", "It left."),
        ("It left 【" + "a" * 30 + "【" + "b" * 30 + "】】.", "It left."),
        ("It left 【" + "a" * 50 + "】.", "It left 【" + "a" * 50 + "】."),
        ("【" * 60 + "】", "【" * 19),
        ("【[" * 60 + "x", "【[" * 60 + "x"),
    ],
)
def test_marks_within_marks_are_dropped_however_they_come(text: str, shown: str) -> None:
    for size in (1, 3, len(text)):
        marks = MarkerFilter()
        pieces = [marks.feed(text[at : at + size]) for at in range(0, len(text), size)]
        assert "".join(pieces) + marks.feed("", last=True) == shown


@pytest.mark.parametrize("unit", ["【", "[1 ", "【[", " ", "[【1", "\n[", "words "])
def test_any_text_is_looked_through_in_time(unit: str) -> None:
    began = time.perf_counter()
    marks = MarkerFilter()
    marks.feed(unit * (1500 // len(unit)))
    marks.feed("", last=True)
    assert time.perf_counter() - began < 20  # under a second; 20 s and more where the blanks are tried one by one
