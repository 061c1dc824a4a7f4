"""evidence: which sentences are chosen, how they are joined, and that the room is kept."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import FERRY, STORM, article, chunks, passage, split

from bot.evidence import SPREAD, Candidate, select
from bot.schema import Article, Passage, Span

FERRY_TEXT, STORM_TEXT = article("ferry", FERRY), article("storm", STORM)
TEXTS = {"ferry": FERRY, "storm": STORM}


def candidates(one: Article, similarities: Sequence[float], score: float = 1.0) -> list[Candidate]:
    whole = passage(one).model_copy(update={"score": score})
    places = [Span(article=one.id, start=start, end=end) for start, end in split(one.text)]
    return [Candidate(place, similarity, whole) for place, similarity in zip(places, similarities, strict=True)]


def chosen(question: str, given: Sequence[Candidate], characters: int) -> list[str]:
    return [f"{one.article}: {one.text}" for one in select(question, given, TEXTS, characters).passages]


def test_the_sentence_most_like_the_question_comes_first() -> None:
    ferry = candidates(FERRY_TEXT, [0.1, 0.2, 0.9])
    assert chosen("Who opened it?", ferry, 50) == ["ferry: Mayor Ada Quill opened the new quay in June."]


def test_words_of_the_question_count_the_rare_ones_most() -> None:
    ferry = candidates(FERRY_TEXT, [0.3, 0.3, 0.3])
    assert chosen("What do crowns buy?", ferry, 40) == ["ferry: A single ticket costs 4 crowns."]


def test_a_neighbour_of_what_is_asked_about_is_chosen_before_others() -> None:
    text = "It rained. The ferry sank. Nobody knew why. Bread is dear. Milk is dear. Eggs are dear."
    one = article("x", text)
    given = candidates(one, [0.2, 0.9, 0.2, 0.3, 0.3, 0.3])
    (run,) = select("Why did it happen?", given, {"x": text}, 45).passages
    assert run.text == "It rained. The ferry sank. Nobody knew why."


def test_a_better_chunk_goes_before_a_better_sentence_of_a_worse_one() -> None:
    given = [*candidates(FERRY_TEXT, [0.3] * 3, score=1.0), *candidates(STORM_TEXT, [0.5] * 3, score=0.5)]
    assert all(one.startswith("ferry: ") for one in chosen("?", given, len(FERRY)))


def test_articles_by_their_best_sentence_and_runs_in_the_texts_order() -> None:
    given = [*candidates(STORM_TEXT, [0.1, 0.1, 0.5]), *candidates(FERRY_TEXT, [0.9, 0.0, 0.8])]
    runs = chosen("?", given, 130)
    assert runs == [
        "ferry: The harbour ferry stops at Lindaby from Monday.",
        "ferry: Mayor Ada Quill opened the new quay in June.",
        "storm: No one was hurt.",
    ]


def test_sentences_of_neighbouring_chunks_are_one_run() -> None:
    wholes = [passage(FERRY_TEXT, part.start, part.end) for part in chunks(FERRY_TEXT)]
    given = [Candidate(Span(article="ferry", start=one.start, end=one.end), 0.5, one) for one in wholes]
    (run,) = select("ferry", given, TEXTS, 1000).passages
    assert (run.start, run.end, run.text, run.title) == (0, len(FERRY), FERRY, "Ferry")


def test_what_is_too_long_for_the_room_makes_way_for_shorter_ones() -> None:
    ferry = candidates(FERRY_TEXT, [0.9, 0.4, 0.8])
    assert chosen("?", ferry, 80) == [
        "ferry: The harbour ferry stops at Lindaby from Monday. A single ticket costs 4 crowns."
    ]


def test_at_least_one_sentence_however_little_room() -> None:
    given = candidates(FERRY_TEXT, [0.1, 0.1, 0.9])
    assert chosen("Who?", given, 1) == ["ferry: Mayor Ada Quill opened the new quay in June."]
    assert select("ferry", [], TEXTS, 100) == ([], [], None, {})


WORDS = ["ferry", "storm", "crowns", "the", "Monday", "quay", "é", "\U0001f600"]
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(lambda words: " ".join(words) + ".")


@given(
    st.lists(st.lists(SENTENCES, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=3),
    st.integers(1, 400),
    st.lists(SENTENCES, min_size=1, max_size=2).map(" ".join),
    st.randoms(use_true_random=False),
)
def test_what_is_chosen_is_the_articles_words(texts: list[str], room: int, question: str, chance: object) -> None:
    made = [article(f"a{number}", text) for number, text in enumerate(texts)]
    given = [one for each in made for one in candidates(each, [0.5] * len(split(each.text)))]
    chance.shuffle(given)  # type: ignore[attr-defined]
    found, nearest, closest, whole = select(question, given, {one.id: one.text for one in made}, room)
    assert found
    assert nearest
    for one in nearest:
        assert texts[int(one.article[1:])][one.start : one.end] == one.text
        assert any(one.overlap(run) == len(one.text) for run in found)
    assert closest is not None
    assert closest.overlap(nearest[0]) == len(nearest[0].text)
    assert closest.text == texts[int(closest.article[1:])][closest.start : closest.end]
    assert [one.score for one in nearest] == sorted((one.score for one in nearest), reverse=True)
    size = 0
    for run in found:
        assert texts[int(run.article[1:])][run.start : run.end] == run.text != ""
        pieces = re.findall(r"[^.]+\.", run.text)
        size += sum(len(piece.strip()) for piece in pieces)
    assert size <= room or len(found) == 1
    assert sorted(found, key=place) == sorted(set(found), key=place)
    again = select(question, sorted(given, key=lambda one: one.span.start), {o.id: o.text for o in made}, room)
    assert again == (found, nearest, closest, whole)
    assert whole == {one.id: one.text for one in made if one.id in {run.article for run in found}}
    order = list(dict.fromkeys(run.article for run in found))
    assert [run.article for run in found] == [name for name in order for run in found if run.article == name]


def place(run: Passage) -> tuple[str, int]:
    return run.article, run.start


@pytest.mark.parametrize("characters", [40, 90, 400])
def test_more_room_never_loses_the_best(characters: int) -> None:
    given = [*candidates(FERRY_TEXT, [0.2, 0.7, 0.1]), *candidates(STORM_TEXT, [0.1, 0.1, 0.1])]
    assert any("A single ticket" in one for one in chosen("What does a ticket cost?", given, characters))


def test_what_is_far_worse_than_the_best_is_not_shown_however_much_room_there_is() -> None:
    near = [*candidates(FERRY_TEXT, [0.9, 0.9, 0.9]), *candidates(STORM_TEXT, [0.9, 0.9, 0.9], score=1.0 - SPREAD / 2)]
    far = [*candidates(FERRY_TEXT, [0.9, 0.9, 0.9]), *candidates(STORM_TEXT, [0.9, 0.9, 0.9], score=0.9 - SPREAD)]
    assert {one.article for one in select("?", near, TEXTS, 10_000).passages} == {"ferry", "storm"}
    assert {one.article for one in select("?", far, TEXTS, 10_000).passages} == {"ferry"}


def test_the_nearest_are_the_best_sentences_alone_best_first() -> None:
    given = [*candidates(FERRY_TEXT, [0.5, 0.9, 0.6]), *candidates(STORM_TEXT, [0.8, 0.2, 0.1])]
    _, nearest, closest, _ = select("?", given, TEXTS, 10_000)
    assert [one.text for one in nearest][:3] == [
        "A single ticket costs 4 crowns.",
        "Mayor Ada Quill opened the new quay in June.",
        "The harbour ferry stops at Lindaby from Monday.",
    ]
    assert len(nearest) == 6
    assert closest is not None
    assert closest.text == FERRY, "the best sentence with both its neighbours"
    lone = select("?", candidates(STORM_TEXT, [0.2, 0.9, 0.2])[:2], TEXTS, 10).closest
    assert lone is not None
    assert lone.text == "A storm closed the airport on Friday. Two hundred passengers slept in the hall."


def test_only_sentences_among_the_given_places_are_shown_but_all_are_weighed() -> None:
    given = [*candidates(FERRY_TEXT, [0.2, 0.5, 0.9]), *candidates(STORM_TEXT, [0.9, 0.9, 0.9])]
    middle = Span(article="ferry", start=FERRY.index("single"), end=FERRY.index("single") + 6)  # a part is enough
    runs, nearest, closest, texts = select("?", given, TEXTS, 10_000, among=[middle])
    assert [one.text for one in runs] == [one.text for one in nearest] == ["A single ticket costs 4 crowns."]
    assert list(texts) == ["ferry"]
    assert closest is not None
    assert closest.text == FERRY, "its neighbours are there to be looked at"
    everything = {one.text: one.score for one in select("?", given, TEXTS, 10_000).nearest}
    assert runs[0].score == everything[runs[0].text]
    assert select("?", given, TEXTS, 10_000, among=[]).passages == []
