"""Cells with two layouts of the weights, with the small real model: one reads prompts, the other writes answers."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from remedies import told

from bot.errors import LLMError
from bot.llama import Decoder, Model, Vectors
from bot.llm import Finished, LlamaCpp, Reading
from bot.llm.cells import FEW, SLICE
from bot.llm.tune import Tuned
from bot.schema import Message
from llm.test_joined import (
    FERRY,
    SAME,
    STORM,
    alike,
    ask,
    keep,
    leaves_nothing,
    noting_reads,
    open_llm,
    prompt,
    segment,
)

READS_PLAIN = Tuned(writes_repacked=True, reads_repacked=False)
SHORT = "Question: How many people use the ferry?"
LONG = f"{SHORT} Say it in a word or two, as it stands there; if it does not stand there, name the day and the captain."


@pytest.fixture
def two(small_llm_path: Path) -> Iterator[LlamaCpp]:
    made = open_llm(small_llm_path, None, tuned=READS_PLAIN)
    yield made
    made.close()


@pytest.fixture
def readers() -> Iterator[list[tuple[Decoder, int]]]:
    with noting_reads() as read:
        yield read


def test_what_reads_prompts_joins_too_and_reads_all_that_is_left(
    two: LlamaCpp, small_llm_path: Path, readers: list[tuple[Decoder, int]]
) -> None:
    """The answer is written by the other, which gets the cells: the scores of one layout, but for rounding."""
    messages = prompt(segment(), end=LONG)
    keep(two, messages)
    readers.clear()
    said, last, scores = ask(two, messages)
    read = list(readers)
    left = last.tokens.prompt - last.tokens.reused
    assert FEW < left < SLICE
    reader, writer = two._reader, two._cells.decoder
    assert read[0] == (reader, left)
    assert {decoder for decoder, _ in read[1:]} == {writer}
    one = open_llm(small_llm_path, None)
    keep(one, messages)
    expected, _, others = ask(one, messages)
    assert alike(scores, others) > SAME
    assert said.split()[:3] == expected.split()[:3]
    assert alike(*(after_a_word(llm, messages) for llm in (two, one))) > SAME, "by the cells that were handed over"
    one.close()


def after_a_word(llm: LlamaCpp, messages: Sequence[Message]) -> Vectors:
    """Scores of what comes after the prompt and a word."""
    ask(llm, messages, max_tokens=1)
    assert llm._cells.extend(llm._tokens.plain(" The"))
    return np.array(llm._cells.decoder.logits())


def test_few_tokens_are_read_by_what_writes(two: LlamaCpp, readers: list[tuple[Decoder, int]]) -> None:
    """Handing the cells over would take as long as is gained."""
    messages = prompt(segment(), end=SHORT)
    keep(two, messages)
    readers.clear()
    _, last, _ = ask(two, messages)
    assert last.tokens.prompt - last.tokens.reused < FEW
    assert {decoder for decoder, _ in readers} == {two._cells.decoder}


def test_a_whole_prompt_is_read_to_its_end_by_what_reads(two: LlamaCpp, readers: list[tuple[Decoder, int]]) -> None:
    whole = [Message(role="user", content="The ferry sails at noon, and again at six. " * 20 + "Sum up.")]
    _, last, _ = ask(two, whole)
    parts = [count for decoder, count in readers if decoder is two._reader]
    assert sum(parts) == last.tokens.prompt
    assert FEW <= parts[-1] < SLICE, "not only whole slices"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("flash", [True, False])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_answer_does_not_hang_on_what_was_asked_before(
    small_llm_path: Path, threads: int, flash: bool, times: int
) -> None:
    """The same passages, joined for a prompt that is read by one, for one that the other reads, or anew."""
    tuned = READS_PLAIN.model_copy(update={"flash": flash})
    two = open_llm(small_llm_path, None, tuned=tuned, threads=threads)
    short, long = prompt(segment(), end=SHORT), prompt(segment(), end=" ".join([LONG] * times))
    keep(two, long)
    expected = {}
    for name, messages in (("short", short), ("long", long)):
        ask(two, [Message(role="user", content="Name three colours.")])
        expected[name] = ask(two, messages)[2]
    for name, messages in (("short", short), ("long", long), ("long", long), ("short", short), ("short", short)):
        _, last, scores = ask(two, messages)
        assert last.tokens.reused > 100
        assert np.array_equal(scores, expected[name])
    two.close()


@pytest.mark.parametrize("end", [SHORT, LONG], ids=["short", "long"])
def test_who_leaves_before_a_word_is_read_leaves_no_joined_cells_unread(two: LlamaCpp, end: str) -> None:
    """Neither with the one, nor with the other: the next prompt has the same passages."""
    messages, others = prompt(segment(), end=end), prompt(segment(), end=LONG if end == SHORT else SHORT)
    keep(two, messages)
    expected = [ask(two, one)[2] for one in (others, messages)]
    for one, scores in zip((others, messages), expected, strict=True):
        ask(two, [Message(role="user", content="Name three colours.")])
        stream = two.stream(messages, max_tokens=4, stop=threading.Event())
        assert isinstance(next(stream), Reading)
        stream.close()
        assert np.array_equal(ask(two, one)[2], scores)
    assert keep(two, prompt(segment(FERRY + STORM))) == 1, "nor is room taken"


def test_a_stop_in_what_reads_while_moved_keys_are_rotated_leaves_nothing_of_them(
    two: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaves_nothing(two, prompt(segment(shown=(2, 6)), end=LONG), monkeypatch)


def test_joined_cells_for_which_the_reader_has_no_room_are_read_as_words(
    two: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = prompt(segment(), end=LONG)
    keep(two, messages)
    _, _, expected = ask(two, messages)
    ask(two, [Message(role="user", content="Name three colours.")])
    with monkeypatch.context() as patch:
        patch.setattr(two._reader, "load", lambda *_: False)
        _, last, scores = ask(two, messages)
    assert last.tokens.reused == 0
    assert last.tokens.prompt == two.count_tokens(messages)
    assert alike(scores, expected) > SAME
    assert np.array_equal(ask(two, messages)[2], expected), "it joins again"


def test_what_cannot_forget_a_part_forgets_all_where_it_is_stopped(
    two: LlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As models with a state do; else the next answer would lack all that came before."""
    first = [Message(role="user", content="The ferry sails at noon, and again at six. " * 20 + "Sum up.")]
    more = Message(role="user", content="The storm of 9 March took eleven roofs in Lomel. " * 8 + "And this?")
    follow_up = [*first, Message(role="assistant", content="It sails twice."), more]
    _, _, expected = ask(two, follow_up)
    ask(two, first)
    reader = two._reader
    assert reader

    stop = threading.Event()

    def keep_none(_: int, sequence: int = 0) -> int:
        reader.forget(sequence, 0)
        return 0

    def stopped(*_: object) -> bool:
        stop.set()
        return False

    with monkeypatch.context() as patch:
        patch.setattr(reader, "read", stopped)
        patch.setattr(reader, "keep", keep_none)
        *_, last = two.stream(follow_up, max_tokens=4, stop=stop)
    assert isinstance(last, Finished)
    assert two._cells.tokens == []
    assert alike(ask(two, follow_up)[2], expected) > SAME


def test_what_layers_no_longer_see_is_not_handed_over(
    small_llm_path: Path, monkeypatch: pytest.MonkeyPatch, readers: list[tuple[Decoder, int]]
) -> None:
    monkeypatch.setattr(Model, "window", lambda _: 2 * SLICE)
    two = open_llm(small_llm_path, None, tuned=READS_PLAIN)
    ask(two, [Message(role="user", content="The ferry sails at noon, and again at six. " * 40 + "Sum up.")])
    assert sum(count for decoder, count in readers if decoder is two._reader) == 2 * SLICE
    two.close()


def test_after_a_long_start_nothing_is_handed_over(small_llm_path: Path, readers: list[tuple[Decoder, int]]) -> None:
    """Joined cells share its cells; a copy would need room for it twice."""
    two = open_llm(small_llm_path, None, tuned=READS_PLAIN)
    system = Message(role="system", content="Answer from the passages, in one sentence. " * 100)
    messages = [system, *prompt(segment(), end=LONG)[1:]]
    keep(two, messages)
    readers.clear()
    _, last, scores = ask(two, messages)
    assert last.tokens.prompt - last.tokens.reused > FEW
    assert {decoder for decoder, _ in readers} == {two._cells.decoder}
    ask(two, [Message(role="user", content="Name three colours.")])
    assert np.array_equal(ask(two, messages)[2], scores)
    two.close()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tuned", [READS_PLAIN, READS_PLAIN.model_copy(update={"slice_tokens": 256, "flash": False})])
def test_another_layout_may_read_and_hand_over(
    small_llm_path: Path, small_llm: LlamaCpp, tmp_path: Path, tuned: Tuned, threads: int
) -> None:
    """Whole slices are read by one model and the answer is written by the other: the same scores, but for rounding."""
    llm, step = open_llm(small_llm_path, tmp_path, tuned=tuned, threads=threads), tuned.slice_tokens
    long = [Message(role="user", content="The ferry sails at noon, and again at six. " * 80 + "Sum up.")]
    _, first, scores = ask(llm, long)
    assert first.tokens.prompt > 3 * step
    assert alike(scores, ask(small_llm, long)[2]) > 0.98
    ask(llm, [Message(role="user", content="Name three colours.")])
    said, _, again = ask(llm, long)
    assert np.array_equal(again, scores)
    assert ask(llm, long)[0] == said, "with what was read before, too"
    follow_up = [*long, Message(role="assistant", content=said), Message(role="user", content="Shorter, please.")]
    assert ask(llm, follow_up)[1].tokens.reused >= 3 * step
    messages = prompt(segment(FERRY + STORM))
    _, _, cold = ask(llm, messages)
    assert keep(llm, messages) == 1
    _, warm, joined = ask(llm, messages)
    assert alike(cold, joined) > SAME
    assert warm.tokens.reused > 100
    both = prompt(segment(FERRY * 3), segment(FERRY + STORM, range(5, 11)), end="Question: Who was hurt in the storm?")
    plain = open_llm(small_llm_path, None)
    for one in (llm, plain):
        keep(one, prompt(segment(FERRY + STORM)))
    _, last, scores = ask(llm, both)
    assert last.tokens.prompt - last.tokens.reused > 2 * SLICE, "joined first, then read in slices"
    assert alike(scores, ask(plain, both)[2]) > SAME
    ask(llm, messages)
    assert np.array_equal(ask(llm, both)[2], scores)
    plain.close()
    llm.close()


def test_a_stop_reaches_the_layout_that_reads(small_llm_path: Path) -> None:
    llm = open_llm(small_llm_path, None, tuned=READS_PLAIN, context_tokens=4096)
    long = [Message(role="user", content="The harbour ferry carries more people every year. " * 130 + "Sum up.")]
    expected = ask(llm, prompt(segment()))[0]
    for delay in (0.05, 0.5):
        stop, began = threading.Event(), time.perf_counter()
        timer = threading.Timer(delay, stop.set)
        timer.start()
        *_, last = llm.stream(long, max_tokens=4, stop=stop)
        timer.join()
        assert isinstance(last, Finished)
        assert last.stopped or time.perf_counter() - began > delay
        assert time.perf_counter() - began < delay + 1.0
    assert ask(llm, prompt(segment()))[0] == expected
    llm.close()


def test_who_leaves_while_slices_are_read_leaves_the_model_whole(small_llm_path: Path) -> None:
    llm = open_llm(small_llm_path, None, tuned=READS_PLAIN)
    long = [Message(role="user", content="The ferry sails at noon, and again at six. " * 40 + "Sum up.")]
    _, _, expected = ask(llm, long)
    ask(llm, [Message(role="user", content="Name three colours.")])
    stream = llm.stream(long, max_tokens=4, stop=threading.Event())
    while not (isinstance(output := next(stream), Reading) and output.done == SLICE):
        pass
    stream.close()
    assert np.array_equal(ask(llm, long)[2], expected)
    llm.close()


@pytest.mark.parametrize("fails", ["reader", "decoder"])
def test_cells_that_cannot_be_handed_over_are_an_error_not_an_answer(
    small_llm_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Without them the one would read on from nothing, and the other write on from what it last read."""
    llm = open_llm(small_llm_path, None, tuned=READS_PLAIN)
    first = [Message(role="user", content="The ferry sails at noon, and again at six. " * 20 + "Sum up.")]
    more = Message(role="user", content="The storm of 9 March took eleven roofs in Lomel. " * 30 + "And this?")
    follow_up = [*first, Message(role="assistant", content="It sails twice."), more]
    ask(llm, first)
    _, _, expected = ask(llm, follow_up)
    llm._cells.keep(0)
    ask(llm, first)
    monkeypatch.setattr(getattr(llm._cells, fails), "load", lambda *_: False)
    with told(LLMError, "hand over"):
        ask(llm, follow_up)
        pytest.fail("an answer")
    monkeypatch.undo()
    llm._cells.keep(0)
    ask(llm, first)
    assert np.array_equal(ask(llm, follow_up)[2], expected)
    llm.close()
