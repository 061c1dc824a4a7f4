"""passages: what is shown of an article, by places worked by hand."""

from hypothesis import given
from hypothesis import strategies as st

from bot.evaluate.page.passages import AROUND, LONGEST, Piece, passages
from bot.evaluate.run import Row, make_row

from .library import TEXT, citation, make_answer, question

ONE = question("q")  # its evidence is 0–30


def row(*cited: tuple[int, int, int]) -> Row:
    return make_row(ONE, make_answer("q", "Mara.", 1, *(citation(*places) for places in cited)))


def test_pieces_tell_gold_from_cited() -> None:
    (shown,) = passages(ONE, row((15, 45, 1), (40, 45, 2)), {"coast": TEXT})
    (excerpt,) = shown.excerpts
    assert excerpt.pieces == (
        Piece(TEXT[:15], True, ()),
        Piece(TEXT[15:30], True, (1,)),
        Piece(TEXT[30:40], False, (1,)),
        Piece(TEXT[40:45], False, (1, 2)),
        Piece(TEXT[45:], False, ()),
    )
    assert (excerpt.before, excerpt.after, shown.complete) == (False, False, True)


def test_far_marks_are_apart_and_cut_at_spaces() -> None:
    far = TEXT[:30] + " word" * 400 + " The end of it"
    (shown,) = passages(ONE, row((len(far) - 13, len(far), 1)), {"coast": far})
    first, last = shown.excerpts
    assert (first.before, first.after, last.before, last.after) == (False, True, True, False)
    assert "".join(piece.text for piece in last.pieces).startswith("word word")
    assert "".join(piece.text for piece in first.pieces).endswith(" word")
    assert max(sum(len(piece.text) for piece in one.pieces) for one in shown.excerpts) <= 30 + 2 * AROUND


def test_without_the_article_the_marked_words_are_shown() -> None:
    (shown,) = passages(ONE, row((31, 41, 1)), {})
    assert not shown.complete
    assert [one.pieces[0] for one in shown.excerpts] == [Piece(TEXT[:30], True, ()), Piece(TEXT[31:41], False, (1,))]
    assert not passages(ONE, row(), {"coast": "short"})[0].complete  # another version of it


def test_of_a_very_long_mark_the_middle_is_left_out() -> None:
    (shown,) = passages(ONE, row((31, 5000, 1)), {"coast": TEXT[:31] + "ab" * 3000})
    cited = next(piece for piece in shown.excerpts[0].pieces if piece.cited)
    assert " […] " in cited.text
    assert len(cited.text) <= LONGEST + 5


@given(st.lists(st.tuples(st.integers(0, 2900), st.integers(1, 99)), max_size=6), st.text("ab \n", min_size=3000))
def test_excerpts_are_the_articles_own_words(places: list[tuple[int, int]], text: str) -> None:
    cited = [
        citation(start, start + length, number + 1).model_copy(update={"quote": "x"})
        for number, (start, length) in enumerate(places)
    ]
    told = make_row(ONE, make_answer("q", "Mara.", 1, *cited))
    (shown,) = passages(ONE, told, {"coast": text})
    found = ["".join(piece.text for piece in one.pieces) for one in shown.excerpts]
    assert all(one in text for one in found)
    assert all(piece.text for one in shown.excerpts for piece in one.pieces)
    marked = {number for one in shown.excerpts for piece in one.pieces for number in piece.cited}
    assert marked == {one.marker for one in cited}
