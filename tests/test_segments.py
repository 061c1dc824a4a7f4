"""segments: an article's sentences in stretches, and which of them passages show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.articles.sentences import split
from bot.schema import Passage, Segment
from bot.segments import cut

TEXT = "The ferry sails at noon.\n\nIt carries  40 people. Nobody\nwas hurt. The quay was closed."


def passage(text: str, words: str) -> Passage:
    start = text.index(words)
    return Passage(article="a", start=start, end=start + len(words), title="t", text=words)


def test_sentences_come_on_one_line_each_with_the_space_before_it() -> None:
    (stretch,) = cut(TEXT, split)
    assert stretch.texts == (
        " The ferry sails at noon.",
        " It carries 40 people.",
        " Nobody was hurt.",
        " The quay was closed.",
    )
    assert [" ".join(TEXT[start:end].split()) for start, end in stretch.spans] == [
        text.strip() for text in stretch.texts
    ]


@given(st.lists(st.sampled_from(["Sie fährt um zwölf.", "渡轮中午开船。", "A.", "No end"]), max_size=40))
def test_stretches_hold_every_sentence_once_and_not_too_many_bytes(sentences: list[str]) -> None:
    text = "\n\n".join(sentences)
    stretches = cut(text, split, size=60)
    assert [span for one in stretches for span in one.spans] == split(text)
    for one in stretches:
        assert len("".join(one.texts).encode()) <= 60
    for before, after in zip(stretches, stretches[1:], strict=False):
        assert len("".join((*before.texts, after.texts[0])).encode()) > 60, "each holds as many as it can"


def test_a_sentence_that_is_too_long_stands_alone() -> None:
    long = "word " * 50 + "end."
    assert [len(one.texts) for one in cut(f"Short one.\n\n{long}\n\nShort two.", split, size=60)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("The ferry sails at noon.", (0,)),
        ("noon.\n\nIt", (0, 1)),
        ("Nobody\nwas hurt.", (2,)),
        (TEXT, (0, 1, 2, 3)),
    ],
)
def test_what_a_passage_covers_a_part_of_is_shown(words: str, shown: tuple[int, ...]) -> None:
    assert cut(TEXT, split)[0].shown([passage(TEXT, words)]) == shown


def test_what_several_passages_cover_is_shown() -> None:
    passages = [passage(TEXT, "The quay was closed."), passage(TEXT, "The ferry sails at noon.")]
    assert cut(TEXT, split)[0].shown(passages) == (0, 3)


@pytest.mark.parametrize(
    ("shown", "ends", "text"),
    [
        ((0, 1, 2), (True, True), "Of ferries: one two three.\n"),
        ((0, 2), (True, True), "Of ferries: one … three.\n"),
        ((1,), (True, False), "Of ferries: two"),
        ((1, 2), (False, True), " two three.\n"),
    ],
)
def test_the_words_of_a_segment(shown: tuple[int, ...], ends: tuple[bool, bool], text: str) -> None:
    one = Segment(head="Of ferries:", texts=(" one", " two", " three."), tail="\n", shown=shown)
    assert one.model_copy(update={"opens": ends[0], "closes": ends[1]}).text() == text
