"""figures: numbers with what they count, days, and when two of them agree."""

import datetime as dt

import pytest

from bot.figures import Figure, figures, numbers

WRITTEN = dt.date(2025, 5, 14)  # a Wednesday


def found(text: str) -> dict[float, set[str]]:
    return {figure.value: set(figure.unit) for figure in figures(text, WRITTEN)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("At least 340 homes were flooded.", {340: {"home"}}),
        ("Some 1,200 people, most of them old, left.", {1200: {"peopl"}}),
        ("Twenty-three people were hurt, and not 14 as first said.", {23: {"peopl"}}),
        ("Two hundred and fifty people, all of them old, left.", {250: {"peopl"}}),
        ("It flooded a hundred and twenty homes.", {120: {"home"}}),
        ("Five million two hundred thousand crowns were lost.", {5.2e6: {"crown"}}),
        ("Two and a half tonnes of coal were lost.", {2.5: {"tonn"}}),
        ("Half of two hundred and three hundred homes burned.", {300: {"home", "burn"}}),
        ("Twenty-five per cent of two dozen boats sank.", {25: {"%"}, 24: {"boat", "sank"}}),
        ("A hundred homes, a dozen boats, half a million trees and a quarter of a million crowns were lost.", {}),
        ("A year and a half later, in the two hundred and first week, one boat sank.", {}),
        ("The nineties began at twelve o’clock.", {}),
        ("It rose by 5.4 metres.", {5.4: {"metr"}}),
        ("It cost 12.5 million crowns.", {12.5e6: {"crown"}}),
        ("It cost $5m or £3.2 billion.", {5e6: {"$"}, 3.2e9: {"£"}}),
        ("Prices rose by 7 percent, then 6%.", {7: {"%"}, 6: {"%"}}),
        ("74 burnt market stalls of the town.", {74: {"burnt", "market", "stall"}}),
        ("He put the number of stalls burnt at 60.", {60: {"stall"}}),
        ("The number of dead has risen to three.", {3: {"dead"}}),
        ("It opens on 18 October.", {1018: {"day of open"}}),
        ("It opened on Oct. 3rd, 2024.", {1003: {"day of open"}}),
        ("It opened at the town hall on Monday.", {512: {"day of hall"}}),
        ("On Monday the council voted.", {512: {"day of council"}}),
        ("It opened in Orra on 3 May, said Ada Quill on Monday.", {503: {"day of open"}, 512: {"day of said"}}),
        ("It opened last week.", {}),
        ("At 10:00 a.m. or 5 p.m. they won 3-2.", {}),
        ("In 2023 there were none; the 2019 election was quiet.", {}),
        ("One of them, Ada Quill, 58, was the third.", {}),
        ("", {}),
    ],
)
def test_figures_of_a_text(text: str, expected: dict[float, set[str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "fates"),
    [
        ("Three people were killed and 23 people hurt.", {3: "die", 23: "hurt"}),
        ("It killed at least three people, wounding 23 others.", {3: "die", 23: "hurt"}),
        ("Two men charged with killing three women were jailed.", {2: "charged", 3: "die"}),
        ("The number of people killed by the storm is at six.", {6: "die"}),
        ("The bus, which carried 40 people, killed two children.", {40: "carried", 2: "die"}),
        ("Some 200 people slept in the hall, and two men died.", {200: "", 2: "die"}),
        ("The blaze that hurt many destroyed 40 homes.", {40: ""}),
    ],
)
def test_what_befell_people(text: str, fates: dict[float, str]) -> None:
    assert {one.value: one.fate for one in figures(text)} == fates


def test_without_a_date_no_relative_day_is_known() -> None:
    assert figures("It opened on Monday.") == []


def test_numbers_need_nothing_that_they_count() -> None:
    assert sorted(numbers("Twelve, or 1,300.5, a hundred and twenty, a dozen.")) == [12, 12, 120, 1300.5]


def test_words_and_digits_say_the_same_figure() -> None:
    for words, digits in (("Two hundred and fifty", "250"), ("A hundred and twenty", "120"), ("Three dozen", "36")):
        (one,), (other,) = figures(f"{words} people left."), figures(f"{digits} people left.")
        assert one == other


@pytest.mark.parametrize(
    ("one", "other", "like", "agree"),
    [
        (Figure(340, frozenset({"home"})), Figure(512, frozenset({"damag", "home"})), True, False),
        (Figure(5000, frozenset({"home"})), Figure(5012, frozenset({"home"})), True, True),
        (Figure(98, frozenset({"home"})), Figure(97, frozenset({"home"})), True, False),
        (Figure(100, frozenset({"home"})), Figure(98, frozenset({"home"})), True, True),
        (Figure(405, frozenset({"home"})), Figure(400, frozenset({"home"})), True, True),
        (Figure(405, frozenset({"home"})), Figure(412, frozenset({"home"})), True, False),
        (Figure(3.5e6, frozenset({"$"})), Figure(3.48e6, frozenset({"$"})), True, True),
        (Figure(3.5e6, frozenset({"$"})), Figure(3.52e6, frozenset({"$"})), True, True),
        (Figure(3.51e6, frozenset({"$"})), Figure(3.52e6, frozenset({"$"})), True, False),
        (Figure(340, frozenset({"home"})), Figure(340, frozenset({"horse"})), False, True),
        (Figure(14, frozenset({"peopl"}), "hurt"), Figure(14, frozenset({"peopl"}), "die"), False, True),
        (Figure(14, frozenset({"peopl"}), "hurt"), Figure(23, frozenset({"peopl"}), "hurt"), True, False),
        (Figure(14, frozenset({"peopl"}), "hurt"), Figure(23, frozenset({"peopl"})), True, False),
        (Figure(1017, frozenset({"day of open"})), Figure(1018, frozenset({"day of open"})), True, False),
        (Figure(1017, frozenset({"day of open"})), Figure(1018, frozenset({"day of said"})), False, False),
    ],
)
def test_two_figures(one: Figure, other: Figure, like: bool, agree: bool) -> None:
    assert (one.is_like(other), one.agrees(other)) == (like, agree)
