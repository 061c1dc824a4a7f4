"""dates: which days relative words mean, and what is left alone; worked out by hand with a calendar."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dates import asked, asks_for_day, dated, days_of, find, has_date, keeps, label, note, searched
from bot.schema import Days, Passage, Turn

# 2025-05-12 is a Monday: 14 Wednesday, 16 Friday, 18 Sunday.
MON, WED, FRI, SUN = "2025-05-12", "2025-05-14", "2025-05-16", "2025-05-18"


def resolved(text: str, written: str) -> list[str]:
    """Each as "words = days", days as ISO dates, a range with `..`."""
    found = find(text, dt.date.fromisoformat(written))
    shown = [(text[one.start : one.end], one.first.isoformat(), one.last.isoformat()) for one in found]
    return [f"{words} = {first if first == last else f'{first}..{last}'}" for words, first, last in shown]


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        # single days
        ("The pier was closed yesterday.", WED, "yesterday = 2025-05-13"),
        ("Yesterday the pier was closed.", WED, "Yesterday = 2025-05-13"),
        ("“Yesterday was awful,” she said.", WED, "Yesterday = 2025-05-13"),
        ("Yesterday’s vote was close.", WED, "Yesterday = 2025-05-13"),
        ("The council met today.", WED, "today = 2025-05-14"),
        ("The final is tonight.", WED, "tonight = 2025-05-14"),
        ("The storm passed last night.", WED, "last night = 2025-05-13"),
        ("It was found this morning.", WED, "this morning = 2025-05-14"),
        ("The shop opens tomorrow.", WED, "tomorrow = 2025-05-15"),
        ("She left the day before yesterday.", WED, "the day before yesterday = 2025-05-12"),
        ("He returns the day after tomorrow.", WED, "the day after tomorrow = 2025-05-16"),
        ("It closed yesterday.", "2025-01-01", "yesterday = 2024-12-31"),
        ("It opens tomorrow.", "2024-02-28", "tomorrow = 2024-02-29"),
        ("It opens tomorrow.", "2025-02-28", "tomorrow = 2025-03-01"),
        ("It closed yesterday.", "2024-03-01", "yesterday = 2024-02-29"),
        # weekdays of the past
        ("The council approved it on Monday evening.", WED, "Monday = 2025-05-12"),
        ("She said on Friday that she was tired.", WED, "Friday = 2025-05-09"),
        ("On Thursday the students turned the dish.", WED, "Thursday = 2025-05-08"),
        ("The court decided Tuesday.", WED, "Tuesday = 2025-05-13"),
        ("He died on Wednesday.", WED, "Wednesday = 2025-05-14"),
        ("The bridge has been closed since Monday.", WED, "Monday = 2025-05-12"),
        ("The bridge is closed since Monday.", WED, "Monday = 2025-05-12"),
        ("Two people were hurt in Sunday’s crash.", WED, "Sunday = 2025-05-11"),
        ("The report, published on Tuesday, names four men.", WED, "Tuesday = 2025-05-13"),
        ("Friday saw the worst of the rain.", WED, "Friday = 2025-05-09"),
        ("It happened on Monday.", "2025-01-01", "Monday = 2024-12-30"),
        ("It happened on Saturday.", "2024-03-01", "Saturday = 2024-02-24"),
        ("HE WAS HURT ON MONDAY.", WED, "MONDAY = 2025-05-12"),
        # weekdays of the future
        ("The council will vote on Friday.", WED, "Friday = 2025-05-16"),
        ("On Monday the ferry will sail again.", WED, "Monday = 2025-05-19"),
        ("The trial is to begin on Tuesday.", WED, "Tuesday = 2025-05-20"),
        ("The results are due on Thursday.", WED, "Thursday = 2025-05-15"),
        ("She plans to speak on Saturday.", WED, "Saturday = 2025-05-17"),
        ("The call is set for 10:00 a.m. on Monday.", WED, "Monday = 2025-05-19"),
        ("THE CALL IS SET FOR 10:00 A.M. ON MONDAY.", WED, "MONDAY = 2025-05-19"),
        ("Talks scheduled for Friday may fail.", WED, "Friday = 2025-05-16"),
        ("Both teams trained ahead of Sunday’s final.", WED, "Sunday = 2025-05-18"),
        ("The show opens on Friday.", WED, "Friday = 2025-05-16"),
        ("From Monday on, each household can apply, which was not so.", WED, "Monday = 2025-05-19"),
        ("Trains will not run before Wednesday.", SUN, "Wednesday = 2025-05-21"),
        ("It won’t open until Tuesday.", WED, "Tuesday = 2025-05-20"),
        ("We’ll know on Sunday.", WED, "Sunday = 2025-05-18"),
        ("The vote will be held on Wednesday.", WED, "Wednesday = 2025-05-14"),
        ("It will open on Wednesday.", "2024-12-30", "Wednesday = 2025-01-01"),
        ("The funeral is on Saturday.", MON, "Saturday = 2025-05-17"),
        # put off, and called for a day
        ("The hearing was adjourned until Friday.", WED, "Friday = 2025-05-16"),
        ("Judges extended the order until late on Friday.", WED, "Friday = 2025-05-16"),
        ("He was remanded in custody until Thursday.", WED, "Thursday = 2025-05-15"),
        ("The match was postponed until Sunday.", WED, "Sunday = 2025-05-18"),
        ("The vote was put off until at least Monday.", WED, "Monday = 2025-05-19"),
        ("Police have until Tuesday to charge him.", WED, "Tuesday = 2025-05-20"),
        ("They were given until 5pm on Tuesday to leave.", WED, "Tuesday = 2025-05-20"),
        ("A warning of ice has been issued for Thursday.", WED, "Thursday = 2025-05-15"),
        ("A protest has been called for Saturday.", WED, "Saturday = 2025-05-17"),
        ("Strikes were announced for Friday.", WED, "Friday = 2025-05-16"),
        ("The hearing was listed for Tuesday.", WED, "Tuesday = 2025-05-20"),
        ("The court fixed a deadline of Friday.", WED, "Friday = 2025-05-16"),
        ("The road is closed until Friday.", WED, "Friday = 2025-05-16"),
        ("He was remanded until Friday, when he will be sentenced.", WED, "Friday = 2025-05-16"),
        ("The body was not found until Friday.", WED, "Friday = 2025-05-09"),
        ("The vote was not postponed until Friday.", WED, "Friday = 2025-05-09"),
        ("Until Friday, nobody had seen the crack.", WED, "Friday = 2025-05-09"),
        ("The road was closed for two hours on Friday.", WED, "Friday = 2025-05-09"),
        ("Forty had died by Friday.", WED, "Friday = 2025-05-09"),
        ("A rally planned Saturday has been banned.", WED, "Saturday = 2025-05-17"),
        ("It comes before a hearing scheduled Friday.", WED, "Friday = 2025-05-16"),
        ("A ruling is expected Thursday.", WED, "Thursday = 2025-05-15"),
        ("They spoke of results due Friday.", WED, "Friday = 2025-05-16"),
        # of the past all the same
        ("The club, which lost in April, beat United on Saturday.", WED, "Saturday = 2025-05-10"),
        ("The club, which was founded in 1890, on Friday chose a coach.", WED, "Friday = 2025-05-09"),
        ("The union said that it was meeting him when he fell on Friday.", WED, "Friday = 2025-05-09"),
        ("The union announced on Friday that it was ready.", WED, "Friday = 2025-05-09"),
        ("The union announced its decision on Friday.", WED, "Friday = 2025-05-09"),
        ("Police have named the victim of the crash on Friday.", WED, "Friday = 2025-05-09"),
        ("The union said on Friday that the strike would go ahead.", WED, "Friday = 2025-05-09"),
        ("The man who died on Friday will be missed.", WED, "Friday = 2025-05-09"),
        ("The minister announced at a meeting on Friday that he was ill.", WED, "Friday = 2025-05-09"),
        ("He came home on Friday to be met by a dog.", WED, "Friday = 2025-05-09"),
        ("A man has died on Monday.", WED, "Monday = 2025-05-12"),
        ("He has been arrested after a raid on Friday.", WED, "Friday = 2025-05-09"),
        ("A man is being questioned over what he said on Friday.", WED, "Friday = 2025-05-09"),
        ("The union called a meeting when it met on Friday.", WED, "Friday = 2025-05-09"),
        ("It was hit on Sunday night by a lorry.", WED, "Sunday = 2025-05-11"),
        ("It was sold on Monday, a day after the fair.", WED, "Monday = 2025-05-12"),
        ("He spoke ahead of tomorrow’s vote.", WED, "tomorrow = 2025-05-15"),
        ("As of tomorrow it costs more.", WED, "tomorrow = 2025-05-15"),
        ("There will be a rally tomorrow.", WED, "tomorrow = 2025-05-15"),
        # last, this, next
        ("He tore a muscle last Tuesday.", SUN, "last Tuesday = 2025-05-13"),
        ("It was launched last Tuesday.", MON, "last Tuesday = 2025-05-06"),
        ("It was launched last Monday.", MON, "last Monday = 2025-05-05"),
        ("The court sits next Tuesday.", FRI, "next Tuesday = 2025-05-20"),
        ("The court sits next Monday.", MON, "next Monday = 2025-05-19"),
        ("They play this Saturday.", WED, "this Saturday = 2025-05-17"),
        ("They met this Monday.", WED, "this Monday = 2025-05-12"),
        ("They will meet this Monday.", FRI, "this Monday = 2025-05-19"),
        # weeks, months, years
        ("Sales fell last week.", WED, "last week = 2025-05-05..2025-05-11"),
        ("Sales fell earlier this week.", WED, "this week = 2025-05-12..2025-05-18"),
        ("Sales may fall next week.", SUN, "next week = 2025-05-19..2025-05-25"),
        ("Sales fell last week.", "2025-01-01", "last week = 2024-12-23..2024-12-29"),
        ("It closes this month.", WED, "this month = 2025-05-01..2025-05-31"),
        ("It closed last month.", "2025-01-31", "last month = 2024-12-01..2024-12-31"),
        ("It closed last month.", "2024-03-31", "last month = 2024-02-01..2024-02-29"),
        ("It opens early next month.", "2024-12-15", "next month = 2025-01-01..2025-01-31"),
        ("Fares rose last year.", WED, "last year = 2024-01-01..2024-12-31"),
        ("Fares rise late next year.", WED, "next year = 2026-01-01..2026-12-31"),
        ("This year’s harvest is good.", WED, "This year = 2025-01-01..2025-12-31"),
        ("They won last weekend.", WED, "last weekend = 2025-05-10..2025-05-11"),
        ("They won at the weekend.", MON, "at the weekend = 2025-05-10..2025-05-11"),
        ("They will play this weekend.", WED, "this weekend = 2025-05-17..2025-05-18"),
        ("He invited them to the match this weekend.", WED, "this weekend = 2025-05-17..2025-05-18"),
        ("They won this weekend.", MON, "this weekend = 2025-05-10..2025-05-11"),
        ("They play this weekend.", SUN, "this weekend = 2025-05-17..2025-05-18"),
        # so many ago and ahead
        ("He left three days ago.", WED, "three days ago = 2025-05-11"),
        ("He left 14 days ago.", "2024-03-10", "14 days ago = 2024-02-25"),
        ("He left a day ago.", WED, "a day ago = 2025-05-13"),
        ("He left two weeks ago.", WED, "two weeks ago = 2025-04-27..2025-05-03"),
        ("He left three months ago.", "2025-01-15", "three months ago = 2024-10-01..2024-10-31"),
        ("He left two years ago.", "2024-02-29", "two years ago = 2022-01-01..2022-12-31"),
        ("It ends in two days’ time.", "2024-12-30", "two days’ time = 2025-01-01"),
        ("It ends ten days from now.", WED, "ten days from now = 2025-05-24"),
        ("It rained for the past three days.", WED, "the past three days = 2025-05-11..2025-05-14"),
        ("It rained in the last 48 hours.", WED, "the last 48 hours = 2025-05-12..2025-05-14"),
        ("Prices rose over the past year.", "2024-02-29", "the past year = 2023-02-28..2024-02-29"),
        ("Prices rose in the past two months.", "2025-04-30", "the past two months = 2025-02-28..2025-04-30"),
    ],
)
def test_days_are_found(text: str, written: str, expected: str) -> None:
    assert resolved(text, written) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "Shops were crowded on Black Friday.",
        "They were married on Good Friday.",
        "He told the Sunday Times that he was well.",
        "Sunday Times reporters found the letter.",
        "She wrote for the Mail on Sunday.",
        "He appeared on Saturday Night Live.",
        "He was a guest on the Today programme.",
        "The story was in USA Today, which sold well.",
        "She laughed about it on Last Week Tonight.",
        "Paul sang “Yesterday” for them.",
        "Sheffield Wednesday lost.",
        "It was Friday the 13th.",
        "The market was held on Mondays.",
        "The market was held every Monday.",
        "Most Fridays were quiet.",
        "The office was open Monday to Friday.",
        "The office was open Monday-Friday.",
        "It happened on Monday, 12 May.",
        "It happened on Monday May 12, 2025.",
        "It happened on Tuesday 8th April, 2014.",
        "It happened on a Monday.",
        "It happened on the first Monday of the month.",
        "It happened on the following Monday.",
        "It will happen Monday week.",
        "The meeting is held a week on Monday.",
        "She went to Sunday school.",
        "She asked the council to meet on Friday.",  # on which one?
        "He could be there on Friday.",
        "The talks were due to begin on Friday.",
        "The lake is frozen on Monday.",
        "Storm on Friday.",
        "The shop was open until Friday.",
        "He was alive until Sunday.",
        "They stayed until midnight on Sunday.",
        "It was adjourned until Friday, when he pleaded guilty.",
        "The trial had been adjourned until Friday.",
        "They missed a deadline of Friday.",
        "The choir met on Sunday mornings.",
        "She worked Friday evenings.",
        "Drivers are being warned of snow on Friday.",
        "Unions have called a strike on Friday.",
        "A strike has been announced on Friday.",
        "The union called a strike on Friday.",  # was it called on that day, or for it?
        "The office issued a warning of snow on Friday.",
        "The family have asked for privacy before the funeral on Saturday.",
        "The report, to be released on Friday, may be long.",
        "The club, which lost in April, face Leeds on Saturday.",
        "He said he was flying to Paris on Friday.",
        "A planned march on Saturday has been banned.",
        "The deal is being signed on Friday.",
        "The union said the strike on Friday would go ahead.",
        "The company said the talks were taking place on Friday.",
        "Smith was charged and appears in court on Friday.",
        "The game, originally scheduled for Friday, was lost.",
        "It was founded by leaders of tomorrow.",
        "They dreamed of a better tomorrow.",
        "She will leave a week from Friday.",
        "He will leave a week tomorrow.",
        "The vote was set for Friday.",
        "The union demanded a reply by Friday.",
        "The fair, which was cancelled, does not open until Friday.",
        "It will be decided next Friday.",  # in two days, or in nine
        "It was decided last Monday.",  # two days ago, or nine
        "They may play next weekend.",
        "It happened in the last week of the trial.",
        "It was his last year in office.",
        "She left about two weeks ago.",
        "It was built 60 years ago.",
        "It was built 7,000 years ago.",
        "The house is worth 13 million today.",  # nowadays
        "Prices have doubled over the past 20 years.",
        "They stayed away from Friday prayers.",
        "It was a few days ago.",
        "Today’s youth reads less.",
        "It happened three days earlier.",
        "It opened on 3 April 2025.",
        "The mayor opened the new quay in June.",
        "",
    ],
)
def test_what_cannot_be_told_is_left_alone(text: str) -> None:
    assert resolved(text, WED) == []


@pytest.mark.parametrize("text", ["Sales fell last week.", "Sales fell this week."])
def test_on_a_sunday_the_week_is_not_known(text: str) -> None:
    assert resolved(text, SUN) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The bridge will open on Friday, the mayor said on Monday.",
            ["Friday = 2025-05-16", "Monday = 2025-05-12"],
        ),
        (
            "She said on Tuesday that the shop would close on Saturday.",
            ["Tuesday = 2025-05-13", "Saturday = 2025-05-17"],
        ),
        ("He left on Friday. The funeral will be held on Friday.", ["Friday = 2025-05-09", "Friday = 2025-05-16"]),
        ("It began on Sunday and was extended until Friday.", ["Sunday = 2025-05-11", "Friday = 2025-05-16"]),
        ("He was hurt on Monday last week.", ["last week = 2025-05-05..2025-05-11"]),
        ("It broke on Friday night last week.", ["last week = 2025-05-05..2025-05-11"]),
        ("It shut on Monday last year.", ["last year = 2024-01-01..2024-12-31"]),
        ("It sank 30 years ago today.", []),
        ("It sank three years ago this week.", ["three years ago = 2022-01-01..2022-12-31"]),
        ("A year ago today it sank.", ["A year ago = 2024-01-01..2024-12-31"]),
        ("It sank two years ago on Monday.", ["two years ago = 2023-01-01..2023-12-31"]),
        ("It rained on Monday and Tuesday.", ["Monday = 2025-05-12", "Tuesday = 2025-05-13"]),
        (
            "Last week it rained; yesterday it stopped.",
            ["Last week = 2025-05-05..2025-05-11", "yesterday = 2025-05-13"],
        ),
    ],
)
def test_several_in_one_text(text: str, expected: list[str]) -> None:
    assert resolved(text, WED) == expected


@given(
    st.lists(
        st.sampled_from(
            ["on", "last", "this", "week", "Monday", "’s", "yesterday", "will", "said", ". A", "\n", "“", "ago", "two"]
        )
    )
)
def test_places_are_in_order_and_within_the_text(words: list[str]) -> None:
    text = " ".join(words)
    found = find(text, dt.date(2025, 5, 14))
    assert all(0 <= one.start < one.end <= len(text) and one.first <= one.last for one in found)
    assert all(one.end <= two.start for one, two in zip(found, found[1:], strict=False))


def test_a_citation_gets_each_meaning_once() -> None:
    text = "He left on Friday. The funeral will be held on Friday. It was planned on Friday."
    days = days_of(text, dt.date(2025, 5, 14))
    before, after = dt.date(2025, 5, 9), dt.date(2025, 5, 16)
    assert days == (Days(text="Friday", first=before, last=before), Days(text="Friday", first=after, last=after))
    assert note(days) == "Friday = 9 May 2025; Friday = 16 May 2025"
    assert days_of(text, None) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It burned on Monday evening.", "It burned on Monday evening (12 May 2025)."),
        ("Yesterday’s vote and last week’s", "Yesterday’s (13 May 2025) vote and last week’s (5 to 11 May 2025)"),
        ("It burned on 9 May.", "It burned on 9 May."),
        ("It burns on Mondays.", "It burns on Mondays."),
        ("IT BURNED ON MONDAY NIGHT.", "IT BURNED ON MONDAY NIGHT (12 May 2025)."),
    ],
)
def test_relative_days_are_written_out_beside_their_words(text: str, expected: str) -> None:
    assert dated(text, dt.date(2025, 5, 14)) == expected
    assert dated(text, None) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It opens on 6 September.", True),
        ("Sept. 6 is the day", True),
        ("the 3rd of May", True),
        ("on May 3rd", True),
        ("on May the 3rd", True),
        ("ON 3 MAY", True),
        ("on 2025-05-03", True),
        ("on 3/5/2025", True),
        ("He may 10 times", False),
        ("since May 2025", False),
        ("3/5 of it", False),
        ("in May", False),
        ("on Monday", False),
        ("It marched 6 miles", False),
        ("Maybe 5 came", False),
    ],
)
def test_days_of_the_calendar(text: str, expected: bool) -> None:
    assert has_date(text) is expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("On what date did it burn?", True),
        ("Which day was it?", True),
        ("What was the exact date of the launch?", True),
        ("what is the date of the vote", True),
        ("What’s the date of the vote?", True),
        ("On what specific date did it burn?", True),
        ("What was the planned opening date?", True),
        ("Give me the exact date of the launch.", True),
        ("What was the day of the fire?", True),
        ("What was the day like?", False),
        ("What are the day’s stories?", False),
        ("Which day of the week was it?", False),
        ("What day trips are offered?", False),
        ("Which day-care centre burned?", False),
        ("Is the list up to date?", False),
        ("When did it burn?", False),
        ("What happened that day?", False),
        ("What did Day say?", False),
        ("On what days is it open?", False),
    ],
)
def test_questions_for_a_day(question: str, expected: bool) -> None:
    assert asks_for_day(question) is expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2025-05-19", "2025-05-19", "19 May 2025"),
        ("2025-05-12", "2025-05-18", "12 to 18 May 2025"),
        ("2025-04-28", "2025-05-04", "28 April to 4 May 2025"),
        ("2024-12-30", "2025-01-05", "30 December 2024 to 5 January 2025"),
        ("2024-02-01", "2024-02-29", "February 2024"),
        ("2024-01-01", "2024-12-31", "2024"),
    ],
)
def test_label(first: str, last: str, expected: str) -> None:
    assert label(dt.date.fromisoformat(first), dt.date.fromisoformat(last)) == expected


@pytest.mark.parametrize(
    ("question", "today", "expected"),
    [
        ("What happened yesterday?", WED, ("yesterday", "2025-05-12", "2025-05-14")),
        ("What was decided on Monday?", WED, ("Monday", "2025-05-11", "2025-05-14")),
        ("What happened today?", WED, ("today", "2025-05-13", "2025-05-14")),
        ("What is today’s news?", WED, ("today’s news", "2025-05-13", "2025-05-14")),
        ("What happened this week?", WED, ("this week", "2025-05-11", "2025-05-14")),
        ("What happened this week?", SUN, ("this week", "2025-05-11", "2025-05-18")),
        ("What happened last week?", SUN, ("last week", "2025-05-04", "2025-05-18")),
        ("What happened last week?", WED, ("last week", "2025-05-04", "2025-05-14")),
        ("What was decided on Thursday?", WED, ("Thursday", "2025-05-07", "2025-05-11")),
        ("What happened two years ago?", WED, ("two years ago", "2022-12-31", "2024-12-30")),
        ("How much was earned last month?", WED, ("last month", "2025-03-31", "2025-05-14")),
        ("How much was earned last year?", WED, ("last year", "2023-12-31", "2025-05-14")),
        ("Who died in the past two days?", WED, ("the past two days", "2025-05-11", "2025-05-14")),
        ("What happened on Monday and Tuesday?", WED, ("Monday … Tuesday", "2025-05-11", "2025-05-14")),
        ("What is the population today?", WED, None),
        ("What is the language used today called?", WED, None),
        ("What will happen next week?", WED, None),
        ("When will the talks on Friday begin?", WED, None),
        ("What will open this week?", SUN, None),
        ("What will the museum open this week?", WED, None),
        ("What is planned for this month?", WED, None),
        ("What is going to change this year?", WED, None),
        ("What will be said today?", WED, None),
        ("What will be decided on Wednesday?", WED, None),
        ("Who will speak this afternoon?", WED, None),
        ("Who will play tonight?", WED, None),
        ("Who plays tonight?", WED, None),
        ("Will the museum be opened this week?", WED, None),
        ("What did the mayor say that she will open this week?", WED, None),
        ("Who played tonight?", WED, ("tonight", "2025-05-13", "2025-05-14")),
        ("When will the fare rise that was told this week?", WED, ("this week", "2025-05-11", "2025-05-14")),
        ("Who will pay for the past two days?", WED, ("the past two days", "2025-05-11", "2025-05-14")),
        ("What was decided yesterday about tomorrow?", WED, None),
        ("What happened in May 2025?", WED, None),
        ("What happened on 3 April?", WED, None),
        ("What happened on 3 April 2025?", WED, None),
        ("What was lost in the last week of the war?", WED, None),
        ("What is the latest count?", WED, None),
        ("Who wrote for the Sunday Times?", WED, None),
        ("Why?", WED, None),
    ],
)
def test_the_period_that_a_question_asks_about(
    question: str, today: str, expected: tuple[str, str, str] | None
) -> None:
    period = asked(question, dt.date.fromisoformat(today))
    assert (period and (period.text, str(period.first), str(period.last))) == expected


def turns(*said: str | tuple[str, str]) -> list[Turn]:
    """Questions, some with the day on which they were asked."""
    return [
        Turn(question=one, answer="Yes.")
        if isinstance(one, str)
        else Turn(question=one[0], answer="Yes.", day=dt.date.fromisoformat(one[1]))
        for one in said
    ]


THIS_WEEK = ("this week", "2025-05-11", "2025-05-14")


@pytest.mark.parametrize(
    ("earlier", "question", "expected"),
    [
        (["What happened in Velm this week?"], "Was anyone hurt?", THIS_WEEK),
        (["What happened in Velm this week?", "Was anyone hurt?"], "How old was he?", THIS_WEEK),
        (["What happened in Velm last week?", "And this week?"], "Was anyone hurt?", THIS_WEEK),
        (["What happened in Velm last week?"], "And this week?", THIS_WEEK),
        (["What happened in Velm?"], "Was anyone hurt?", None),
        ([], "Was anyone hurt?", None),
        # It names a time of its own, or leads out of the period.
        (["What happened in Velm this week?"], "And in March 2024?", None),
        (["What happened in Velm this week?"], "And in march?", None),
        (["What happened in Velm this week?"], "And in 2019?", None),
        (["What happened in Velm this week?"], "And on 3 April?", None),
        (["What happened in Velm this week?"], "And tomorrow?", None),
        (["What happened in Velm this week?"], "And on Friday?", None),
        (["What happened in Velm this week?"], "Had that ever happened before?", None),
        (["What happened in Velm last week?"], "And now?", None),
        (["What happened in Velm this week?"], "Will it be rebuilt?", None),
        (["What happened in Velm this week?", "And in March 2024?"], "Was anyone hurt?", None),
        (["What happened in Velm this week?", "What will open there?"], "Who said so?", None),
        # An earlier question's words count from its own day.
        ([("What happened in Velm this week?", "2025-05-07")], "Was anyone hurt?",
         ("this week", "2025-05-04", "2025-05-07")),
        ([("What will open in Velm next week?", "2025-05-07")], "Who says so?", None),
    ],
)  # fmt: skip
def test_a_follow_up_asks_about_the_period_of_its_thread(
    earlier: list[str | tuple[str, str]], question: str, expected: tuple[str, str, str] | None
) -> None:
    period = asked(question, dt.date.fromisoformat(WED), turns(*earlier))
    assert (period and (period.text, str(period.first), str(period.last))) == expected


def found(*similarities: float | None) -> list[Passage]:
    return [Passage(article="a", start=0, end=1, title="A", text="a", similarity=one) for one in similarities]


@pytest.mark.parametrize(
    ("within", "anywhere", "kept"),
    [
        (found(0.5), found(0.6, 0.2), True),
        (found(None, 0.5), found(0.6), True),
        (found(0.2), found(0.6), False),
        (found(None), found(0.6), False),
        ([], found(0.6), False),
        ([], [], False),
    ],
)
def test_a_period_with_nothing_near_is_dropped(within: list[Passage], anywhere: list[Passage], kept: bool) -> None:
    assert keeps(within, anywhere) == kept


def test_a_reader_is_told_what_was_searched() -> None:
    period = Days(text="this week", first=dt.date(2025, 5, 11), last=dt.date(2025, 5, 21))
    assert searched(period) == "Only articles of 11 to 21 May 2025 were searched, for “this week”."
