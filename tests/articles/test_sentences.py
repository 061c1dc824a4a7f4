"""Sentences of news and encyclopaedia text, and that offsets hold for any text. All texts are made up."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.articles.sentences import LONG, WINDOW, split


def texts(text: str) -> list[str]:
    return [text[start:end] for start, end in split(text)]


CASES = {
    "plain": ["It rained.", "Nobody came.", "Why?", "Well!"],
    "titles": ["Dr. Orla Finn met Gov. Smith at St. Paul on Jan. 5.", "They talked."],
    "title after a dash": ["She prayed at Trinity-St. Paul’s Church.", "It was cold."],
    "initials": ["J. R. R. Tarn wrote it.", "No. 5 sold best."],
    "abbreviations": ["The U.S. delegation came at 10:00 a.m. on Monday.", "The U.K. did not."],
    "curly quotation stays whole": ["“It is late. I am off,” he said.", "He left."],
    "curly quotation ends": ["“It is late.”", "Then he left."],
    "straight quotation ends": ['"It is late."', "Then he left."],
    "question in quotation": ["“Who goes?” she asked.", "“Me.”", "The end."],
    "quotation opens the next": ["“It is late,” he said.", "“We go now.”"],
    "parenthesis": ["(See No. 5.)", "The fee rose."],
    "spaces before stops": ["It was a hit in Lindow .", "It sold well ."],
    "ellipsis": ["He waited… and then he left.", "She stayed."],
    "accents and emoji": ["Zoë 😀 fährt.", "Überall Öl.", "Çok güzel."],
    "cjk": ["日本語です。", "次の文。"],
}


@pytest.mark.parametrize("sentences", CASES.values(), ids=CASES)
def test_sentences(sentences: list[str]) -> None:
    gap = "" if sentences[0].endswith("。") else " "
    assert texts(gap.join(sentences)) == sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One\nsentence\nwrapped. Two.", ["One\nsentence\nwrapped.", "Two."]),
        ("A headline\n\nThe story.", ["A headline", "The story."]),
        ("A headline\n \t\nThe story.", ["A headline", "The story."]),
        ("# Heading\nText here. More.", ["# Heading", "Text here.", "More."]),
        ("- first item\n- second item\n* third", ["- first item", "- second item", "* third"]),
        ("Steps:\n1. Mix it.\n2. Bake it.", ["Steps:", "1. Mix it.", "2. Bake it."]),
        ("1. Mix it\n2. Bake it", ["1. Mix it", "2. Bake it"]),
        ("| a | b |\n| 1 | 2 |", ["| a | b |", "| 1 | 2 |"]),
        ("It was low.[citation needed] It rose.[2] End.", ["It was low.[citation needed]", "It rose.[2]", "End."]),
        ("It was low.:12–14 It rose.", ["It was low.:12–14", "It rose."]),
        ("He agreed. “We go.”", ["He agreed.", "“We go.”"]),
        ("He agreed. “We go. She stays.", ["He agreed.", "“We go.", "She stays."]),
        ("", []),
        (" \n\n ", []),
        ("...", ["..."]),
    ],
)
def test_lines_and_marks(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_only_the_part_asked_for() -> None:
    text = "One here. Two here. Three here."
    assert split(text, 10, 19) == [(10, 19)]
    assert split(text, 12) == [(12, 19), (20, 31)]
    assert split(text, 5, 5) == []


def test_long_quotation_is_cut_inside() -> None:
    sentence = "The quay was cold and the boats stayed out all night long"
    quotation = "“" + " ".join(f"{sentence} {word}." for word in ("here", "there", "again") * 4) + "” he said."
    assert len(quotation) > LONG
    assert len(texts(quotation)) == 12


def covers(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    position = start
    for first, last in spans:
        assert position <= first < last <= end
        assert not text[position:first].strip()
        assert text[first:last] == text[first:last].strip()
        assert "\n\n" not in text[first:last]
        position = last
    assert not text[position:end].strip()


PIECES = st.sampled_from(
    [
        "The fee rose. ",
        "“No,” ",
        "he said. “",
        "”",
        '"',
        "Dr. ",
        "1. ",
        "\n",
        "\n\n",
        "- ",
        "(a.) B",
        "[2]",
        ".",
        "é",
        "😀",
    ]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=40).map("".join), st.integers(0, 60), st.integers(0, 400))
def test_spans_cover_all_in_order(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    end = min(start + length, len(text))
    covers(text, start, end, split(text, start, end))


@pytest.mark.parametrize("blank", ["\u00a0", "\u2009", "\u202f", "\u3000"])
def test_a_blank_of_several_bytes_before_a_full_stop_ends_nothing(blank: str) -> None:
    """sentencex 1.0 panics there, and a panic is no Exception: one article ended `bot ingest`."""
    text = f"Mayor Ada Q{blank}. He left. Six{blank}crowns."
    covers(text, 0, len(text), split(text))


@pytest.mark.parametrize("unit", ["word ", "x", "“", '“‘"(', "It rained. He said “no. ", "\n", "A.\n", "[a] "])
def test_long_single_lines_take_bounded_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    began = time.perf_counter()
    spans = split(text)
    assert time.perf_counter() - began < 5  # without windows, 100,000 open quotation marks take 5 s and more
    covers(text, 0, len(text), spans)
    assert all(end - start <= WINDOW for start, end in spans)
