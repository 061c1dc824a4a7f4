"""guess: what stood after the last tokens before comes again; and answers of the small model that are guessed ahead."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import LLMError
from bot.llama import Decoder
from bot.llm import Finished, LlamaCpp, Piece
from bot.llm.guess import ALIKE, GUESSED, Guesses
from bot.llm.tune import Tuned
from bot.schema import Message

TEXT = "The ferry to Lindaby sails at noon from the old pier, and at six from the harbour wall."
REPEAT = [Message(role="user", content=f"{TEXT} {TEXT} {TEXT} {TEXT} Repeat this sentence.")]


def test_what_stood_after_the_last_tokens_comes_again() -> None:
    known = Guesses([1, 2, 3, 4, 5, 6, 1, 2])
    assert known.next(3) == [3, 4, 5]
    assert known.next(1) == [3]
    assert known.next(0) == known.next(-1) == []
    known.add(9)
    assert known.next(3) == []
    assert Guesses([]).next(3) == Guesses([1]).next(3) == Guesses([1, 1]).next(3) == []


def test_more_tokens_alike_come_before_later_ones() -> None:
    assert Guesses([7, 1, 2, 3, 8, 1, 2, 4, 7, 1, 2]).next(1) == [3]
    assert Guesses([7, 1, 2, 3, 8, 1, 2, 4, 9, 1, 2]).next(1) == [4], "the later of two that are alike"


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 4))
def test_guesses_are_those_of_a_search(tokens: list[int], most: int) -> None:
    def search() -> list[int]:
        for count in ALIKE:
            for at in range(len(tokens) - 1, count - 1, -1):
                if tokens[at - count : at] == tokens[-count:]:
                    return tokens[at : at + most]
        return []

    assert Guesses(tokens).next(most) == search()


@pytest.fixture(scope="module")
def guessing(small_llm_path: Path) -> Iterator[LlamaCpp]:
    tuned = Tuned(guesses=GUESSED)
    with closing(LlamaCpp(small_llm_path, name="small", context_tokens=1024, threads=1, tuned=tuned)) as llm:
        yield llm


def answer(llm: LlamaCpp, messages: Sequence[Message], most: int = 48) -> tuple[str, list[int], Finished]:
    """Its text, its tokens as they stand in the cells, and the end."""
    *outputs, end = llm.stream(messages, max_tokens=most, stop=threading.Event())
    assert isinstance(end, Finished)
    tokens = [token for token in llm._cells.tokens if isinstance(token, int)]
    return "".join(one.text for one in outputs if isinstance(one, Piece)), tokens[end.tokens.prompt :], end


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens were read at once, each time that a score for each was wanted."""
    found: list[int] = []
    read = Decoder.read

    def noted(self: Decoder, tokens: Sequence[int], position: int, sequence: int = 0, scored: int = 1) -> bool:
        if scored == len(tokens):
            found.append(scored)
        return read(self, tokens, position, sequence, scored)

    monkeypatch.setattr(Decoder, "read", noted)
    return found


def test_a_repeated_sentence_is_written_in_few_reads(guessing: LlamaCpp, reads: list[int]) -> None:
    text, tokens, end = answer(guessing, REPEAT)
    assert TEXT[:40] in text
    assert len(reads) < 0.6 * end.tokens.answer
    assert max(reads) == 1 + GUESSED
    assert "".join(guessing._model.piece(token).decode() for token in tokens).startswith(text[:-8])
    assert len(tokens) == end.tokens.answer - end.cut, "what was guessed wrong, or not asked for, is gone"


def test_each_token_is_what_the_model_says_after_those_before(guessing: LlamaCpp, reads: list[int]) -> None:
    """A batch is rounded otherwise, so the best score is reached up to a little."""
    messages = [
        Message(role="user", content=f"{TEXT} When does the ferry sail, and from where? Tell it in many words.")
    ]
    _, tokens, _ = answer(guessing, messages)
    assert max(reads) == 1 + GUESSED
    prompt = guessing._tokens.whole(messages)
    with closing(guessing._new_decoder(guessing._model, 1024, 1)) as decoder:
        decoder.read(prompt, 0)
        for at, token in enumerate(tokens):
            scores = np.array(decoder.logits())
            assert scores[token] > scores.max() - 0.5, f"token {at}"
            decoder.read([token], len(prompt) + at)


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8])
def test_no_more_is_written_than_asked_for(guessing: LlamaCpp, most: int) -> None:
    whole, _, _ = answer(guessing, REPEAT)
    text, tokens, end = answer(guessing, REPEAT, most)
    assert end.tokens.answer == most
    assert end.cut
    assert len(tokens) <= most
    assert whole.startswith(text)


def test_the_same_is_answered_again_and_a_conversation_goes_on(guessing: LlamaCpp) -> None:
    first = answer(guessing, REPEAT)
    assert answer(guessing, REPEAT)[:2] == first[:2]
    onward = [*REPEAT, Message(role="assistant", content=first[0]), Message(role="user", content="Again.")]
    again = answer(guessing, onward)
    assert again[2].tokens.reused >= first[2].tokens.prompt


def test_a_stop_amid_guesses_leaves_nothing_behind(guessing: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = answer(guessing, REPEAT)[:2]
    read, stop = Decoder.read, threading.Event()

    def stopping(self: Decoder, tokens: Sequence[int], position: int, sequence: int = 0, scored: int = 1) -> bool:
        if scored > 1:
            stop.set()
            self.stop()
        return read(self, tokens, position, sequence, scored)

    with monkeypatch.context() as patched:
        patched.setattr(Decoder, "read", stopping)
        *_, end = guessing.stream(REPEAT, max_tokens=48, stop=stop)
    assert isinstance(end, Finished)
    assert end.stopped
    assert len(guessing._cells.tokens) - end.tokens.prompt == end.tokens.answer - 1
    assert answer(guessing, REPEAT)[:2] == expected


def test_a_fault_amid_guesses_is_told_and_the_next_answer_is_whole(
    guessing: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = answer(guessing, REPEAT)[:2]
    read = Decoder.read

    def failing(self: Decoder, tokens: Sequence[int], position: int, sequence: int = 0, scored: int = 1) -> bool:
        if scored > 1:
            raise LLMError("llama.cpp could not read")
        return read(self, tokens, position, sequence, scored)

    with monkeypatch.context() as patched:
        patched.setattr(Decoder, "read", failing)
        with pytest.raises(LLMError, match="could not read"):
            answer(guessing, REPEAT)
    assert answer(guessing, REPEAT)[:2] == expected


def test_wrong_guesses_change_nothing_and_are_gone_when_the_answer_is_given_up(
    guessing: LlamaCpp, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = answer(guessing, REPEAT)[:2]
    wrong = guessing._tokens.plain("!?!")[0]
    monkeypatch.setattr(Guesses, "next", lambda self, most: [wrong] * most)
    prompt = guessing._tokens.whole(REPEAT)
    stream = guessing.stream(REPEAT, max_tokens=48, stop=threading.Event())
    reads.clear()
    while 4 not in reads:
        next(stream)
    stream.close()
    assert guessing._cells.tokens == [*prompt, expected[1][0]]
    text, tokens, _ = answer(guessing, REPEAT)
    assert wrong not in tokens
    assert text[:40] == expected[0][:40]


def test_where_nothing_can_be_forgotten_nothing_is_guessed(
    small_llm_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[int]
) -> None:
    monkeypatch.setattr(Decoder, "can_join", lambda self: False)
    tuned = Tuned(guesses=GUESSED)
    with closing(LlamaCpp(small_llm_path, name="small", context_tokens=1024, threads=1, tuned=tuned)) as llm:
        answer(llm, REPEAT)
    assert set(reads) == {1}


def test_with_a_temperature_nothing_is_guessed(small_llm_path: Path, reads: list[int]) -> None:
    how = Tuned(guesses=GUESSED)
    with closing(
        LlamaCpp(small_llm_path, name="small", context_tokens=1024, threads=1, temperature=0.3, tuned=how)
    ) as llm:
        answer(llm, REPEAT, 12)
    assert set(reads) == {1}
