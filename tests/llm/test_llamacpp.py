"""llamacpp with the small real model: streaming, stopping, reuse of what was read, taking turns, damaged files."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import llama_cpp
import numpy as np
import pytest

from bot.embed import LlamaEmbedder
from bot.errors import LLMError, ModelError, Stopped
from bot.llm import Finished, Likelihood, LlamaCpp, Output, Piece, Reading
from bot.llm.llamacpp import SLICE
from bot.schema import Message

SHORT = [Message(role="user", content="Count from one to twenty, in words.")]
OTHER = [Message(role="user", content="Name three colours of the rainbow.")]
LONG = [Message(role="user", content="The harbour ferry carries more people every year. " * 385 + "Sum up.")]


@pytest.fixture
def llm(small_llm: LlamaCpp) -> LlamaCpp:
    return small_llm


def ask(llm: LlamaCpp, messages: list[Message], max_tokens: int = 24) -> tuple[str, Finished]:
    outputs = list(llm.stream(messages, max_tokens=max_tokens, stop=threading.Event()))
    last = outputs[-1]
    assert isinstance(last, Finished)
    return text_of(outputs), last


def text_of(outputs: list[Output]) -> str:
    return "".join(output.text for output in outputs if isinstance(output, Piece))


def test_a_stream_reads_then_writes_then_ends(llm: LlamaCpp) -> None:
    outputs = list(llm.stream(SHORT, max_tokens=24, stop=threading.Event()))
    kinds = [type(output) for output in outputs]
    assert kinds == sorted(kinds, key=[Reading, Piece, Finished].index)
    assert kinds.count(Finished) == 1
    assert kinds.count(Piece) > 5
    readings = [output for output in outputs if isinstance(output, Reading)]
    assert {reading.total for reading in readings} == {llm.count_tokens(SHORT)}
    assert readings[-1].done == readings[-1].total


def test_pieces_come_before_the_answer_is_finished(llm: LlamaCpp) -> None:
    stream = llm.stream(SHORT, max_tokens=200, stop=threading.Event())
    first = next(output for output in stream if isinstance(output, Piece))
    assert len(llm._cells) <= llm.count_tokens(SHORT) + 1
    assert first.text
    stream.close()
    assert not llm._lock.locked(), "a stream that is given up gives its turn back"


QUESTION = "How many people does the ferry – Möwe – carry?"


def weighed(llm: LlamaCpp, messages: list[Message], weigh: str = QUESTION) -> list[Likelihood]:
    outputs = list(llm.stream(messages, max_tokens=1, stop=threading.Event(), weigh=weigh))
    return [output for output in outputs if isinstance(output, Likelihood)]


def asked_after(words: str) -> list[Message]:
    return [
        Message(role="system", content="You answer questions about the ferries of a small harbour town."),
        Message(role="user", content=f"Passages: {words}\n\nQuestion: {QUESTION}"),
    ]


@pytest.fixture(scope="module")
def other(small_llm_path: Path) -> llama_cpp.Llama:
    """The same file, read by the class that we do not use."""
    return llama_cpp.Llama(
        str(small_llm_path),
        n_ctx=1024,
        n_threads=1,
        n_batch=SLICE,
        n_ubatch=SLICE,
        logits_all=True,
        flash_attn=True,
        verbose=False,
    )


def log_probabilities(other: llama_cpp.Llama, llm: LlamaCpp, messages: list[Message]) -> list[float]:
    """Those of the question's tokens, found by the text in front of them."""
    prompt = llm._prompt(messages)
    other.reset()
    other.eval(prompt)
    scores = other.logits_to_logprobs(np.array(other.scores[: len(prompt)]))
    pieces = [llm._model.piece(token) for token in prompt]
    start = next(at for at in range(len(prompt)) if b"".join(pieces[at:]).startswith(f" {QUESTION}".encode()))
    end = next(at for at in range(start, len(prompt)) if b"".join(pieces[start:at]).endswith(b"carry?"))
    return [float(scores[at - 1][prompt[at]]) for at in range(start, end)]


@pytest.mark.parametrize("words_before", [3, SLICE - 60, SLICE - 50, SLICE - 45, 2 * SLICE])
def test_the_likelihood_of_words_is_that_of_another_implementation(
    llm: LlamaCpp, other: llama_cpp.Llama, words_before: int
) -> None:
    messages = asked_after("ferry " * words_before)
    (likelihood,) = weighed(llm, messages)
    assert "".join(likelihood.tokens).startswith(" How many people does the ferry")
    assert "".join(likelihood.tokens).endswith("carry?")
    known, expected = likelihood.log_probabilities, log_probabilities(other, llm, messages)
    assert known == pytest.approx(expected, abs=0.4)  # rounded in other batches; the next token's is nats away
    assert np.mean(np.abs(np.subtract(known, expected))) < 0.15


def test_the_likelihood_is_the_same_when_all_was_read_before(llm: LlamaCpp) -> None:
    messages = asked_after("ferry " * 140)
    first = weighed(llm, messages)
    assert first == weighed(llm, messages) != []


def test_a_question_is_likelier_after_words_about_it(llm: LlamaCpp) -> None:
    (after,) = weighed(llm, asked_after("The ferry Möwe carries 40 people. People like to ride on the Möwe."))
    (without,) = weighed(llm, asked_after(""))
    assert np.mean(after.log_probabilities) > np.mean(without.log_probabilities) + 0.3


def test_words_that_a_prompt_does_not_hold_are_not_weighed(llm: LlamaCpp) -> None:
    assert weighed(llm, SHORT, "Who steers the ferry?") == []
    assert weighed(llm, SHORT, "") == []


def test_an_answer_is_the_same_whether_words_are_weighed(llm: LlamaCpp) -> None:
    messages = asked_after("The Möwe carries 40 people. " * 20)
    plain = text_of(list(llm.stream(messages, max_tokens=24, stop=threading.Event())))
    assert text_of(list(llm.stream(messages, max_tokens=24, stop=threading.Event(), weigh=QUESTION))) == plain != ""


def test_temperature_0_says_the_same_twice(llm: LlamaCpp) -> None:
    assert ask(llm, SHORT)[0] == ask(llm, SHORT)[0] != ""


def test_a_seed_says_the_same_twice(small_llm_path: Path) -> None:
    def say(seed: int) -> str:
        llm = LlamaCpp(small_llm_path, name="s", context_tokens=512, threads=1, temperature=1.5, seed=seed)
        try:
            return ask(llm, SHORT, 12)[0]
        finally:
            llm.close()

    assert say(1) == say(1) != say(2)


def test_max_tokens_cut_the_answer(llm: LlamaCpp) -> None:
    _, last = ask(llm, SHORT, 3)
    assert (last.tokens.answer, last.cut, last.stopped) == (3, True, False)
    _, last = ask(llm, [Message(role="user", content="Say only: yes")], 150)
    assert (last.cut, last.stopped) == (False, False)
    assert last.tokens.answer < 150


def test_what_was_read_is_used_again_and_changes_nothing(llm: LlamaCpp) -> None:
    """Only whole slices: a prompt's answer must not depend on the prompts before it."""
    start = Message(role="system", content="The ferry sails at noon, and again at six. " * 30)
    prompt, follow_up = [start, *SHORT], [start, *OTHER]
    llm._decoder.keep(0)
    llm._cells.clear()
    fresh, first = ask(llm, prompt)
    again, second = ask(llm, prompt)
    other, third = ask(llm, follow_up)
    ask(llm, OTHER)
    assert (again, first.tokens.reused) == (fresh, 0)
    assert second.tokens.reused == (first.tokens.prompt - 1) // SLICE * SLICE > SLICE
    assert SLICE < third.tokens.reused < third.tokens.prompt
    assert ask(llm, follow_up)[0] == other


def test_a_stop_while_reading_is_quick_and_leaves_the_model_whole(llm: LlamaCpp) -> None:
    expected = ask(llm, SHORT)[0]
    assert 3000 < llm.count_tokens(LONG) < 3700
    stop, began = threading.Event(), time.perf_counter()
    timer = threading.Timer(1.0, stop.set)
    timer.start()
    outputs, times = [], [began]
    for output in llm.stream(LONG, max_tokens=100, stop=stop):
        outputs.append(output)
        times.append(time.perf_counter())
    timer.join()
    late = [output for output, at in zip(outputs, times[1:], strict=True) if at > began + 1.05]
    assert sum(isinstance(output, Reading) for output in late) <= 1, "at most the slice that was being read"
    assert times[-1] - began < 2.0, "a stop takes effect within a second"
    last = outputs[-1]
    assert isinstance(last, Finished)
    assert (last.stopped, last.cut, last.tokens.answer, text_of(outputs)) == (True, False, 0, "")
    assert ask(llm, SHORT)[0] == expected


def test_a_stop_while_writing_keeps_what_was_said(llm: LlamaCpp) -> None:
    whole = ask(llm, SHORT, 40)[0]
    stop, outputs = threading.Event(), []
    for output in llm.stream(SHORT, max_tokens=40, stop=stop):
        outputs.append(output)
        if sum(isinstance(output, Piece) for output in outputs) == 3:
            stop.set()
    last = outputs[-1]
    assert isinstance(last, Finished)
    assert last.stopped
    assert sum(isinstance(output, Piece) for output in outputs) == 3
    assert whole.startswith(text_of(outputs))
    assert ask(llm, SHORT, 40)[0] == whole


def test_after_a_stop_the_model_thinks_as_a_fresh_one(llm: LlamaCpp, small_llm_path: Path) -> None:
    """llama.cpp rounds a little differently when it reads more at once, so scores are alike but not the same."""
    fresh = LlamaCpp(small_llm_path, name="fresh", context_tokens=4096, threads=1)
    expected = scores(fresh, OTHER)
    fresh.close()
    for delay in (0.05, 0.4):
        stop = threading.Event()
        timer = threading.Timer(delay, stop.set)
        timer.start()
        *_, last = llm.stream(LONG, max_tokens=10, stop=stop)
        timer.join()
        assert isinstance(last, Finished)
        assert last.stopped
        assert np.corrcoef(expected, scores(llm, OTHER))[0, 1] > 0.99
    assert np.corrcoef(expected, scores(llm, SHORT))[0, 1] < 0.98, "other prompts give other scores"


def scores(llm: LlamaCpp, messages: list[Message]) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """The scores of the first token of an answer, shape (vocabulary,)."""
    ask(llm, messages, 1)
    return np.array(llm._decoder.logits())


def test_two_users_queue_and_both_get_whole_answers(llm: LlamaCpp) -> None:
    expected = {0: ask(llm, SHORT)[0], 1: ask(llm, OTHER)[0]}
    said: dict[int, str] = {}
    start = threading.Barrier(4)

    def user(number: int) -> None:
        start.wait()
        said[number] = ask(llm, [SHORT, OTHER][number % 2])[0]

    threads = [threading.Thread(target=user, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {number: expected[number % 2] for number in range(4)}


def test_a_stop_while_waiting_for_a_turn(llm: LlamaCpp) -> None:
    busy = llm.stream(SHORT, max_tokens=10, stop=threading.Event())
    next(busy)
    stop = threading.Event()
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    with pytest.raises(Stopped):
        list(llm.stream(OTHER, max_tokens=10, stop=stop))
    timer.join()
    busy.close()
    assert ask(llm, SHORT)[0]


def test_a_prompt_too_long_is_an_error(llm: LlamaCpp) -> None:
    room = llm.context_tokens - llm.count_tokens(SHORT)
    with pytest.raises(LLMError, match=r"context holds 4096.*llm\.context_tokens"):
        list(llm.stream(SHORT, max_tokens=room + 1, stop=threading.Event()))
    stream = llm.stream(SHORT, max_tokens=room, stop=threading.Event())
    assert isinstance(next(stream), Reading)
    stream.close()


def test_the_context_may_be_filled_to_its_end(small_llm_path: Path) -> None:
    llm = LlamaCpp(small_llm_path, name="s", context_tokens=64, threads=1)
    text, last = ask(llm, SHORT, llm.context_tokens - llm.count_tokens(SHORT))
    assert text
    assert last.tokens.prompt + last.tokens.answer <= llm.context_tokens
    llm.close()


def test_an_embedder_is_no_chat_model(embedder_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no chat template.*instruct model"):
        LlamaCpp(embedder_path, name="e", context_tokens=512)


def test_a_chat_model_is_no_embedder(small_llm_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no embedding model.*embed\.model"):
        LlamaEmbedder(small_llm_path, name="e", sha256="0")


DAMAGES = {"empty": 0.0, "header": 1e-5, "half": 0.5, "tail": 0.999, "magic": -1.0}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_an_error_and_no_crash(damage: str, embedder_path: Path, tmp_path: Path) -> None:
    whole, share = embedder_path.read_bytes(), DAMAGES[damage]
    file = tmp_path / "damaged.gguf"
    file.write_bytes(b"FUGG" + whole[4:] if share < 0 else whole[: int(len(whole) * share)])
    program = (
        "import sys; from pathlib import Path; from bot.errors import ModelError; from bot.llm import LlamaCpp\n"
        "try: LlamaCpp(Path(sys.argv[1]), name='x', context_tokens=512)\n"
        "except ModelError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "could not be loaded" in done.stdout
    assert "bot models verify" in done.stdout
