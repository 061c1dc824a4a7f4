"""Both directions of every rule, then that nothing is ever lost. All texts are made up."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.articles.clean import CREDIT, DATE, HEADLINE, PLUG, Cleaned, clean, in_capitals, is_credit, is_plug

FIRST = "The harbour of Lindow opened again on Tuesday."
SECOND = "Boats had waited outside for nine days, the harbour master said."
THIRD = "“We missed the fish market twice,” one skipper said."
LINK = "LINDOW COUNCIL TO VOTE ON HARBOUR FEES"


def story(*paragraphs: str) -> str:
    return "\n\n".join((FIRST, *paragraphs))


def reasons(cleaned: Cleaned) -> list[str]:
    return [piece.reason for piece in cleaned.dropped]


@pytest.mark.parametrize(
    ("text", "date", "rest"),
    [
        (" date 2024-03-05 " + FIRST, dt.date(2024, 3, 5), FIRST),
        ("date 2024-03-05\n\n" + FIRST, dt.date(2024, 3, 5), FIRST),
        ("\n\ndate 2024-03-05\n" + FIRST, dt.date(2024, 3, 5), FIRST),
        ("Date: 2024-03-05\n" + FIRST, dt.date(2024, 3, 5), FIRST),
        ("date 2024-13-45 " + FIRST, None, "date 2024-13-45 " + FIRST),
        ("date 2024-03-051 " + FIRST, None, "date 2024-03-051 " + FIRST),
        ("Date 2024-03-05 was a wet day.", None, "Date 2024-03-05 was a wet day."),
        ("dated 2024-03-05 " + FIRST, None, "dated 2024-03-05 " + FIRST),
        (FIRST + "\n\ndate 2024-03-05 " + SECOND, None, FIRST + "\n\ndate 2024-03-05 " + SECOND),
    ],
)
def test_date_line(text: str, date: dt.date | None, rest: str) -> None:
    cleaned = clean(text)
    assert (cleaned.text, cleaned.date) == (rest, date)
    assert reasons(cleaned) == ([DATE] if date else [])


def test_date_line_is_left_alone_where_none_is_expected() -> None:
    text = "date 2024-03-05 " + FIRST
    assert clean(text, date_line=False) == Cleaned(text, None, None, ())


@pytest.mark.parametrize(
    "line",
    [
        LINK,
        "MAYOR SAYS FERRY IS ‘TIRED’ OF WAITING",
        "MAYOR’s PLAN FOR QUAY FAILS AGAIN",
        "McBRIDE TAKES OVER LINDOW FERRY LINE",
        "5 THINGS TO KNOW ABOUT THE NEW QUAY",
        "FERRY, AFTER LONG WAIT, ‘GOES WHEN IT GOES’",
        "ПРАВИТЕЛЬСТВО ЗАКРЫЛО ПОРТ НА НЕДЕЛЮ",
    ],
)
def test_drops_link_headline(line: str) -> None:
    cleaned = clean(story(SECOND, line, THIRD))
    assert cleaned.text == story(SECOND, THIRD)
    assert [(piece.text, piece.reason) for piece in cleaned.dropped] == [(line, HEADLINE)]


@pytest.mark.parametrize(
    "paragraphs",
    [
        (SECOND, "“THE HARBOUR IS OPEN AND WILL STAY OPEN,” the mayor wrote.", THIRD),
        (SECOND, "“THE HARBOUR IS OPEN AND WILL STAY OPEN”", THIRD),
        (SECOND, '"THE HARBOUR IS OPEN FROM NOW', THIRD),
        (SECOND, "‘THE HARBOUR IS OPEN FROM NOW ON’", THIRD),
        (SECOND, "THE HARBOUR IS OPEN AGAIN TODAY.", THIRD),
        (SECOND, "IS THE HARBOUR OPEN AGAIN TODAY?", THIRD),
        (SECOND, "THE HARBOUR IS OPEN AGAIN TODAY!", THIRD),
        (SECOND, "THE HARBOUR IS OPEN AND SO…", THIRD),
        (SECOND, "THE HARBOUR IS OPEN AND SO,", THIRD),
        (SECOND, "NATO, UN, EU", THIRD),
        (SECOND, "WHAT COMES NEXT", THIRD),
        (SECOND, "A sign on the quay now reads:", LINK, THIRD),
        (SECOND, "A new sign was put up, and it says", LINK, THIRD),
        (SECOND, LINK, "was what the sign said.", THIRD),
        (SECOND, "THE SIGN HAS FOUR LINES OF TEXT.", LINK, THIRD),
        (SECOND, LINK + "\nAND PARKING", THIRD),
        (SECOND, "“I will say this once.", LINK, "That is all,” the mayor said."),
        (SECOND, '"I will say this once.', LINK, 'That is all," the mayor said.'),
        (SECOND, "„Ich sage das einmal.", LINK, "Das ist alles“, sagte er."),
        (SECOND, "«Je le dis une fois.", LINK, "C'est tout», dit-il."),
        (SECOND, " ".join(["WORD"] * 40), THIRD),
        (LINK,),
        (SECOND, "政府は新しい経済対策を 発表した 東京で 会見が", THIRD),
    ],
)
def test_keeps_what_may_be_story(paragraphs: tuple[str, ...]) -> None:
    assert clean(story(*paragraphs)) == Cleaned(story(*paragraphs), None, None, ())


def test_keeps_capitals_at_the_beginning_and_an_article_all_in_capitals() -> None:
    headline = f"{LINK}\n\n{FIRST}\n\n{SECOND}\n\n{THIRD}"
    assert clean(headline).text == headline
    shouted = "\n\n".join(f"LINE {word} OF THE OLD TELEGRAM" for word in ("ONE", "TWO", "THREE", "FOUR"))
    assert clean(shouted).text == shouted


def test_keeps_capitals_that_are_more_than_a_third() -> None:
    text = story(LINK, SECOND, LINK + " AGAIN", THIRD)
    assert clean(text).text == text


def test_headline_is_dropped_after_a_quotation_of_several_paragraphs_has_closed() -> None:
    text = story("“I will say this once.", "“That is all,” the mayor said.", LINK, SECOND, THIRD)
    assert reasons(clean(text)) == [HEADLINE]


def test_lines_are_paragraphs_where_there_is_no_blank_line() -> None:
    text = "\n".join((FIRST, SECOND, LINK, THIRD, SECOND))
    assert clean(text).text == "\n".join((FIRST, SECOND, THIRD, SECOND))
    wrapped = "The sign on the quay was painted\nTHE HARBOUR IS CLOSED TO ALL\nand nobody had\ntaken it down."
    assert clean(wrapped).text == wrapped


@pytest.mark.parametrize(
    "line",
    [
        "CLICK HERE TO GET THE LINDOW POST APP",
        "CLICK HERE FOR MORE HARBOUR COVERAGE ON LINDOWPOST.EXAMPLE",
        'CLICK HERE TO GET THE "TIDE" APP',
        "Click here to get the Lindow Post app",
        "Click here to sign up for our weekend newsletter.",
        "Download the Lindow Post app today!",
        "Get our app for free",
        "Sign up for Tide Table, our daily newsletter.",
        "Subscribe to the Lindow Post podcast",
    ],
)
def test_plug(line: str) -> None:
    assert is_plug(line)
    cleaned = clean(story(SECOND, line))
    assert cleaned.text == story(SECOND)
    assert reasons(cleaned) == [PLUG]


@pytest.mark.parametrize(
    "line",
    [
        "Click here to win, the message said, and thousands did.",
        "“CLICK HERE TO GET THE APP,” the banner said.",
        "Download the app, officials said, or pay at the gate.",
        "Get the app that changed how skippers work: a short history.",
        "Subscribe to the newsletter, she told the crowd.",
        "Sign up for the race ends on Friday.",
        "Subscribers to the newsletter grew by a third.",
        "The council will download the app on all phones.",
        "Click here.",
    ],
)
def test_no_plug(line: str) -> None:
    assert not is_plug(line)
    assert line in clean(story(SECOND, line)).text


@pytest.mark.parametrize(
    "line",
    [
        "Lindow Post’s Mara Voss contributed to this report.",
        "The Coast Agency and Lindow Radio contributed to this report.",
        "Coast Agency writers Mara Voss in Lindow and Abe Tarn in Selm contributed to this story.",
        "Mara Voss contributed reporting from Selm.",
        "Ida van der Kemp also contributed to this article",
        "Reporting by Mara Voss; editing by Abe Tarn.",
        "(Reporting by Mara Voss in Lindow; Editing by A. J. Tarn)",
        "Additional reporting by Mara Voss and Abe Tarn.",
        "Writing by Mara Voss. Editing by Abe Tarn.",
        "Reporting and writing by Mara Voss",
    ],
)
def test_credit(line: str) -> None:
    assert is_credit(line)
    cleaned = clean(story(SECOND, line))
    assert (cleaned.text, cleaned.credit, reasons(cleaned)) == (story(SECOND), line, [CREDIT])


@pytest.mark.parametrize(
    "line",
    [
        "Scientists from 40 countries contributed to this report.",
        "Three labs contributed to the report.",
        "Heavy rain contributed to this story of loss.",
        "Mara Voss contributed to this report, which the council then buried.",
        "Mara Voss contributed 40 crowns.",
        "Reporting by phone is allowed until noon.",
        "Reporting by the agency showed that fees had doubled.",
        "Editing by hand takes weeks.",
        "Mara Voss wrote the report.",
        "“Mara Voss contributed to this report,” the chairman said.",
    ],
)
def test_no_credit(line: str) -> None:
    assert not is_credit(line)
    assert clean(story(SECOND, line)).credit is None


def test_several_credits_are_joined_and_wrapped_ones_made_one_line() -> None:
    text = story(SECOND, "Mara Voss and Abe Tarn\ncontributed to this report.", "Editing by Ida Kemp.")
    assert clean(text).credit == "Mara Voss and Abe Tarn contributed to this report. Editing by Ida Kemp."


def test_whole_article_of_the_users_form() -> None:
    plug, credit = "CLICK HERE TO GET THE LINDOW POST APP", "Lindow Post’s Mara Voss contributed to this report."
    quote = "“NO BOAT LEAVES BEFORE 6:00 A.M. ON FRIDAY,” the mayor posted. “THANK YOU ALL!!!”"
    text = f" date 2024-03-05 {FIRST}\n\n{SECOND}\n\n{LINK}\n\n{THIRD}\n\n{plug}\n\n{quote}\n\n{credit}"
    cleaned = clean(text)
    assert cleaned.text == story(SECOND, THIRD, quote)
    assert [(piece.text, piece.reason) for piece in cleaned.dropped] == [
        ("date 2024-03-05", DATE),
        (LINK, HEADLINE),
        (plug, PLUG),
        (credit, CREDIT),
    ]


@pytest.mark.parametrize("text", ["", " \n\n ", "date 2024-03-05", LINK, "CLICK HERE TO GET THE APP"])
def test_little_or_nothing(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.text + "".join(piece.text for piece in cleaned.dropped) == text.strip()


@pytest.mark.parametrize(
    ("text", "expected"), [("ABC 12", True), ("McADAM’s WIN", True), ("AbC", False), ("12", False), ("東京", False)]
)
def test_in_capitals(text: str, expected: bool) -> None:
    assert in_capitals(text) is expected


PARAGRAPHS = st.sampled_from(
    [FIRST, SECOND, THIRD, LINK, "CLICK HERE TO GET THE TIDE APP", "Editing by Mara Voss.", "“OPEN", 'A "b', "x", "SO:"]
) | st.text(max_size=30)
BREAKS = st.sampled_from(["\n\n", "\n", "\n \n\n", "\n\n   "])


@given(
    st.sampled_from(["", "date 2024-03-05 ", " date 2024-02-31 "]), st.lists(st.tuples(PARAGRAPHS, BREAKS), max_size=9)
)
def test_nothing_is_lost_and_order_stays(date: str, pieces: list[tuple[str, str]]) -> None:
    text = date + "".join(paragraph + gap for paragraph, gap in pieces)
    cleaned = clean(text)
    position = 0
    rest = text
    for piece in cleaned.dropped:  # in order, each found as it stood
        found = text.index(piece.text, position)
        position = found + len(piece.text)
    for piece in reversed(cleaned.dropped):
        before, _, after = rest.rpartition(piece.text)
        rest = before + after
    kept = iter(text)
    assert all(char in kept for char in cleaned.text), "kept text is not in the input's order"
    whole = cleaned.text + "".join(piece.text for piece in cleaned.dropped)
    assert sorted("".join(whole.split())) == sorted("".join(text.split()))
