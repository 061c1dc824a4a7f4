"""llamacpp with the small real model: streaming, stopping, reuse of what was read, taking turns, damaged files."""

import re
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
from bot.llama import Model
from bot.llm import Finished, LlamaCpp, Output, Piece, Reading
from bot.llm.cells import SLICE
from bot.llm.llamacpp import FIRST_CELLS
from bot.llm.tune import Tuned
from bot.llm.weigh import CONTEXTS
from bot.schema import Message

SHORT = [Message(role="user", content="Count from one to twenty, in words.")]
OTHER = [Message(role="user", content="Name three colours of the rainbow.")]
MIDDLE = [Message(role="user", content="The harbour ferry carries more people every year. " * 250 + "Sum up.")]
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
    assert len(llm._cells.tokens) <= llm.count_tokens(SHORT) + 1
    assert first.text
    stream.close()
    assert not llm._lock.locked(), "a stream that is given up gives its turn back"


EXAMPLES = [
    Message(role="system", content="You check whether a text answers a question. " * 4),
    Message(role="user", content="Text: The ferry costs 4 crowns. Question: What does the ferry cost?"),
    Message(role="assistant", content="Yes"),
]


def odds(llm: LlamaCpp, text: str, words: tuple[str, str] = ("Yes", "No")) -> float | None:
    asked = Message(role="user", content=f"Text: {text} Question: How many people does the Möwe carry?")
    return llm.odds([*EXAMPLES, asked], words, stop=threading.Event())


@pytest.fixture(scope="module")
def other(small_llm_path: Path) -> llama_cpp.Llama:
    """The same file, read by the class that we do not use."""
    return llama_cpp.Llama(str(small_llm_path), n_ctx=1024, n_threads=1, flash_attn=True, verbose=False)


@pytest.mark.parametrize("text", ["The Möwe carries 40 people.", "It rained. " * (SLICE // 3)])
@pytest.mark.parametrize("words", [("Yes", "No"), ("The", "I")])
def test_odds_are_those_of_another_implementation(
    llm: LlamaCpp, other: llama_cpp.Llama, text: str, words: tuple[str, str]
) -> None:
    asked = Message(role="user", content=f"Text: {text} Question: How many people does the Möwe carry?")
    other.reset()
    other.eval(llm._tokens.whole([*EXAMPLES, asked]))
    scores = np.ctypeslib.as_array(llama_cpp.llama_get_logits(other.ctx), shape=(other.n_vocab(),))
    first, second = (other.tokenize(word.encode(), add_bos=False)[0] for word in words)
    expected = float(scores[first] - scores[second])
    assert odds(llm, text, words) == pytest.approx(expected, abs=0.4)  # rounded in other batches
    assert odds(llm, text, (words[1], words[0])) == pytest.approx(-expected, abs=0.4)


def test_odds_do_not_depend_on_what_was_asked_before(llm: LlamaCpp) -> None:
    first = odds(llm, "The Möwe carries 40 people.")
    second = odds(llm, "The Möwe was built in 1962, " * 20)
    llm.odds(SHORT, ("Yes", "No"), stop=threading.Event())  # other examples
    assert odds(llm, "The Möwe was built in 1962, " * 20) == second != first
    assert odds(llm, "The Möwe carries 40 people.") == first is not None


def test_examples_are_read_once_and_answers_prompts_stay(llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = [Message(role="system", content="The ferry sails at noon, and again at six. " * 30), *SHORT]
    ask(llm, prompt)
    odds(llm, "The Möwe carries 40 people.")
    decoder, read = llm._weigher.cells[-1].decoder, []
    plain = decoder.read
    monkeypatch.setattr(decoder, "read", lambda tokens, at, **how: read.append(len(tokens)) or plain(tokens, at))
    odds(llm, "The Möwe carries 60 people.")
    assert 0 < sum(read) < llm.count_tokens(EXAMPLES)
    assert ask(llm, prompt)[1].tokens.reused > SLICE


def examples(word: str) -> list[Message]:
    return [Message(role="system", content=f"{word} " * 60), *EXAMPLES[1:]]


def reads_less(llm: LlamaCpp, start: list[Message], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether odds are told without the examples being read again."""
    read: list[int] = []
    for cells in llm._weigher.cells:
        plain = cells.decoder.read
        monkeypatch.setattr(
            cells.decoder,
            "read",
            lambda tokens, at, plain=plain, **how: read.append(len(tokens)) or plain(tokens, at),
        )
    llm.odds([*start, Message(role="user", content="Is it so?")], ("Yes", "No"), stop=threading.Event())
    monkeypatch.undo()
    return sum(read) < llm.count_tokens(start)


def test_examples_of_two_kinds_of_prompts_are_kept(llm: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = (examples(word) for word in ("ferry", "harbour", "storm"))
    for start in (one, two):
        reads_less(llm, start, monkeypatch)
    assert all(reads_less(llm, start, monkeypatch) for start in (one, two, one))
    assert not reads_less(llm, three, monkeypatch)
    assert reads_less(llm, one, monkeypatch), "what was not used for longest has to go"
    assert not reads_less(llm, two, monkeypatch)
    assert len(llm._weigher.cells) == CONTEXTS


def test_odds_can_be_asked_for_while_an_answer_streams(llm: LlamaCpp) -> None:
    whole, _ = ask(llm, SHORT)
    expected = odds(llm, "The Möwe carries 40 people.")
    pieces = []
    for output in llm.stream(SHORT, max_tokens=24, stop=threading.Event()):
        if isinstance(output, Piece):
            pieces.append(output)
            assert odds(llm, "The Möwe carries 40 people.") == expected
    assert text_of(pieces) == whole


def test_odds_of_a_prompt_that_does_not_fit_are_not_known(llm: LlamaCpp) -> None:
    assert odds(llm, "The Möwe carries 40 people. " * 500) is None
    assert odds(llm, "The Möwe carries 40 people.") is not None


def ask_for_odds_without_end(llm: LlamaCpp, stop: threading.Event) -> None:
    for number in range(100):
        llm.odds([Message(role="user", content=f"{number} " + "ferry " * 1500)], ("Yes", "No"), stop=stop)


def test_a_stop_breaks_off_the_odds(llm: LlamaCpp) -> None:
    expected = odds(llm, "The Möwe carries 40 people.")
    for delay in (0.0, 0.3):
        stop = threading.Event()
        timer = threading.Timer(delay, stop.set)
        timer.start()
        began = time.perf_counter()
        with pytest.raises(Stopped):
            ask_for_odds_without_end(llm, stop)
        timer.join()
        assert time.perf_counter() - began < delay + 10, "all would take minutes"
    assert odds(llm, "The Möwe carries 40 people.") == expected


def test_words_that_begin_alike_have_no_odds(llm: LlamaCpp) -> None:
    assert odds(llm, "Anything.", ("Yes", "Yes")) is None


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


def test_a_conversation_that_goes_on_reads_only_what_is_new(llm: LlamaCpp) -> None:
    """All of the last prompt and its answer stay; the same conversation, gone through again, ends in the same words."""
    first = [Message(role="system", content="The ferry sails at noon, and again at six. " * 20), *SHORT]
    more = Message(role="user", content="And in one word?")
    ended = []
    for _ in range(2):
        ask(llm, OTHER)
        said, before = ask(llm, first)
        onward = [*first, Message(role="assistant", content=said), more]
        again, after = ask(llm, onward)
        assert after.tokens.reused >= before.tokens.prompt + before.tokens.answer - 2
        third = [*onward, Message(role="assistant", content=again), more]
        last, ending = ask(llm, third)
        assert ending.tokens.reused >= after.tokens.prompt
        ended.append((said, again, last))
    assert ended[0] == ended[1]


def test_after_a_conversation_only_whole_slices_count_again(llm: LlamaCpp) -> None:
    start = Message(role="system", content="The ferry sails at noon, and again at six. " * 30)
    llm._cells.keep(0)
    fresh, _ = ask(llm, [start, *OTHER])
    llm._cells.keep(0)
    said, _ = ask(llm, [start, *SHORT])
    ask(
        llm,
        [start, *SHORT, Message(role="assistant", content=said), Message(role="user", content="Say it again. " * 90)],
    )
    again, last = ask(llm, [start, *OTHER])
    assert again == fresh
    assert last.tokens.reused % SLICE == 0


def test_what_was_read_is_used_again_and_changes_nothing(llm: LlamaCpp) -> None:
    """Only whole slices: a prompt's answer must not depend on the prompts before it."""
    start = Message(role="system", content="The ferry sails at noon, and again at six. " * 30)
    prompt, follow_up = [start, *SHORT], [start, *OTHER]
    llm._cells.keep(0)
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
    return np.array(llm._cells.decoder.logits())


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


def test_room_grows_with_prompts_and_says_the_same(small_llm_path: Path) -> None:
    """Little at first; a long prompt gets more, and is answered as by one that had it from the beginning."""
    grown = LlamaCpp(small_llm_path, name="small", context_tokens=4096, threads=1)
    before, said = grown._cells.decoder, ask(grown, SHORT)
    assert before.tokens == FIRST_CELLS
    long = ask(grown, MIDDLE)
    assert grown._cells.decoder.tokens == grown.context_tokens
    assert before.handle is None, "the smaller one takes no memory any more"
    assert ask(grown, SHORT) == said
    assert grown._cells.decoder.tokens == grown.context_tokens, "it stays"
    grown.close()
    fresh = LlamaCpp(small_llm_path, name="small", context_tokens=4096, threads=1)
    assert ask(fresh, MIDDLE) == long
    fresh.close()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what a process maps")
def test_weights_laid_out_anew_can_do_without_the_files_pages(llm: LlamaCpp, small_llm_path: Path) -> None:
    def pages() -> int:
        return Path("/proc/self/maps").read_text().count(small_llm_path.name)

    before, found = pages(), {}
    for mapped in (True, False):
        one = LlamaCpp(small_llm_path, name="small", context_tokens=512, threads=1, tuned=Tuned(mapped=mapped))
        found[mapped] = pages() - before, ask(one, SHORT)
        one.close()
        assert pages() == before
    assert found[True][0] > found[False][0] == 0
    assert found[True][1] == found[False][1], "the same answer"


def test_no_memory_for_a_longer_prompt_is_an_error_and_loses_nothing(
    small_llm_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = LlamaCpp(small_llm_path, name="small", context_tokens=4096, threads=1)
    said = ask(llm, SHORT)
    with monkeypatch.context() as patched:
        patched.setattr(llama_cpp, "llama_init_from_model", lambda *_: None)
        with pytest.raises(ModelError, match="smaller llm.context_tokens"):
            ask(llm, MIDDLE)
    assert ask(llm, SHORT)[0] == said[0]
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


@pytest.mark.parametrize(
    ("processor", "repacked"), [(b"CPU : AMX_INT8 = 1 | REPACK = 1 | ", False), (b"CPU : AVX2 = 1 | ", True)]
)
def test_weights_are_not_repacked_for_amx(monkeypatch: pytest.MonkeyPatch, processor: bytes, repacked: bool) -> None:
    """Where llama.cpp used AMX for them, the process ended (docs/experiments.md, On a GPU)."""
    asked = []

    def load(path: bytes, params: llama_cpp.llama_model_params) -> None:
        asked.append(params.use_extra_bufts)

    monkeypatch.setattr(llama_cpp, "llama_print_system_info", lambda: processor)
    monkeypatch.setattr(llama_cpp, "llama_model_load_from_file", load)
    with pytest.raises(ModelError, match=re.escape("model.gguf could not be loaded")):
        Model(Path("model.gguf"), repacked=True)
    assert asked == [repacked]
