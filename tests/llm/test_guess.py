"""guess: what stood after the last tokens before comes again; and answers of the small model that are guessed ahead."""

import threading
from collections import Counter
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
from bot.llm.guess import GUESSED, LONGEST, NEAR, Guesses, Pieces
from bot.llm.tune import Tuned
from bot.schema import Message

TEXT = "The ferry to Lindaby sails at noon from the old pier, and at six from the harbour wall."
REPEAT = [Message(role="user", content=f"{TEXT} {TEXT} {TEXT} {TEXT} Repeat this sentence.")]


class Words:
    """A vocabulary of words and their parts, with or without a space before them, and of all characters."""

    WORDS = (
        *("<end>", " the", "The", " ferry", " Sev", "Se", "ver", "in", "erin", " Holt", " sails", " at", " noon"),
        *("?", ".", ".\n\n", "\n", " When", " does", "ferry", ' pier."', " it", " is", " red", " blue", " old", " six"),
        " The",
    )

    def piece(self, token: int) -> bytes:
        one = self.WORDS[token] if token < len(self.WORDS) else chr(token - len(self.WORDS))
        return one.encode() if token else b""

    def tokenize(self, text: str, *, control: bool) -> list[int]:
        """The longest words first."""
        assert not control
        found: list[int] = []
        while text:
            fit = [at for at, word in enumerate(self.WORDS) if at and text.startswith(word)]
            found.append(max(fit, key=lambda at: len(self.WORDS[at])) if fit else len(self.WORDS) + ord(text[0]))
            text = text[len(self.piece(found[-1]).decode()) :]
        return found


WORDS = Words()


def guessed(prompt: str, answer: str, most: int = GUESSED) -> str:
    """What is guessed to go on after the words of an answer."""
    known = Guesses(Pieces(WORDS), [*WORDS.tokenize(prompt, control=False), 0, 3])
    for token in WORDS.tokenize(answer, control=False):
        known.add(token)
    return "".join(WORDS.piece(token).decode() for token in known.next(most))


def test_what_stood_after_the_last_tokens_comes_again() -> None:
    text = " the ferry sails at noon"
    assert guessed(text, " old the ferry") == " sails at noon"
    assert guessed(text, " old the ferry", 1) == " sails"
    assert guessed(text, " old the ferry", 0) == guessed(text, " old the ferry", -1) == ""
    assert guessed(text, " old the ferry it") == "", "it stood nowhere"
    assert guessed("", " old the ferry old the") == " ferry old the", "in the answer, too"
    nothing = Guesses(Pieces(WORDS), [])
    assert nothing.next(3) == []
    nothing.add(1)
    assert nothing.next(3) == []


def test_places_with_more_tokens_alike_and_more_of_them_count_more() -> None:
    assert guessed(" old the ferry is red it the ferry is blue", " at old the ferry is", 1) == " red"
    assert guessed(" old the ferry is red it the ferry is blue", " at the ferry is", 1) == " blue", "the last of equals"
    thrice = " the ferry is red" * 2 + " it at the ferry is blue"
    assert guessed(thrice, " six the ferry is", 1) == " red"


def test_one_token_alike_must_go_on_alike_mostly() -> None:
    assert guessed(" it is red the ferry is red at noon is red", " six sails is", 1) == " red"
    assert guessed(" it is red the ferry is blue", " six sails is", 1) == ""
    assert guessed(" it is red the ferry is blue", " six it is", 1) == " red"


def test_the_end_of_the_prompt_counts_more() -> None:
    far = " the ferry is red" + " noon six" * NEAR
    assert guessed(far + " it sails is blue", " at is", 1) == " blue"
    assert guessed(far + " it sails is blue" + " noon six" * NEAR, " at is", 1) == "", "both are far"


def test_a_word_is_alike_with_and_without_its_space_and_in_capitals() -> None:
    assert guessed(" When does it sails. The ferry is red", " old the") == " ferry is red"
    assert guessed(" old the ferry is red", "The ferry") == " is red"


def test_a_first_word_that_has_other_tokens_within_a_text_goes_on() -> None:
    assert WORDS.tokenize(" Severin Holt", control=False)[:1] != WORDS.tokenize("Severin Holt", control=False)[:1]
    known = " it is Severin Holt at noon"
    first, *rest = WORDS.tokenize("Severin Holt", control=False)
    guesses = Guesses(Pieces(WORDS), WORDS.tokenize(known, control=False))
    guesses.add(first)
    assert guesses.next(GUESSED) == [*rest, *WORDS.tokenize(" at", control=False)][:GUESSED]
    assert guessed(known, " redSe") == "", "only an answer's first word"


def test_guesses_end_with_their_sentence_and_nothing_is_guessed_after_one() -> None:
    assert guessed(" it is red. The ferry sails", " six it") == " is red."
    assert guessed(" it is red?", " six it") == " is red.", "answers ask nothing"
    assert guessed(" it is red.\n\n", " six it") == " is red."
    assert guessed(" it is red\n", " six it") == " is red"
    assert guessed(" it is", " six it") == " is", "the text ends"
    assert guessed(" it is red. The ferry sails. The ferry", " it is red.") == ""
    assert guessed(' it sails at pier."', " six it sails") == ' at pier."'
    assert guessed(" it is\n", " six it is") == ""


ANY = st.integers(0, len(Words.WORDS) - 1)


@given(st.lists(ANY, max_size=60), st.lists(ANY, max_size=12), st.integers(-1, 4))
def test_whatever_is_guessed_is_of_the_right_length_and_ends_no_text(
    prompt: list[int], answer: list[int], most: int
) -> None:
    guesses = Guesses(Pieces(WORDS), prompt)
    for token in answer:
        guesses.add(token)
    found = guesses.next(most)
    assert len(found) <= max(0, most)
    assert all(WORDS.piece(token) and b"\n" not in WORDS.piece(token) for token in found)


FEW = st.sampled_from([WORDS.tokenize(word, control=False)[0] for word in (" red", " blue", " it", " is", " old")])


@given(st.lists(FEW, max_size=30), st.lists(FEW, min_size=2, max_size=8))
def test_the_first_guess_has_the_most_votes(prompt: list[int], answer: list[int]) -> None:
    """By a count that looks at each place by itself; all are near the end, and all words have a space before them."""
    guesses, tokens = Guesses(Pieces(WORDS), prompt), [*prompt, *answer]
    for token in answer:
        guesses.add(token)
    votes: Counter[int] = Counter()
    longest: Counter[int] = Counter()
    for place in range(1, len(tokens)):
        alike = next((count for count in range(LONGEST, 0, -1) if _ends_alike(tokens, place, count)), 0)
        if alike:
            votes[tokens[place]] += 4**alike
            longest[tokens[place]] = max(longest[tokens[place]], alike)
    found = guesses.next(1)
    if not votes:
        assert found == []
    elif found:
        assert votes[found[0]] == max(votes.values())
    else:
        assert all(longest[token] == 1 for token in votes if votes[token] == max(votes.values()))
        assert max(votes.values()) < 0.6 * votes.total()


def _ends_alike(tokens: list[int], place: int, count: int) -> bool:
    return count <= place and tokens[place - count : place] == tokens[-count:]


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
