"""server: against a real OpenAI-compatible server with the small model."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import free_port, running

from bot.errors import LLMError, Stopped
from bot.llm import Finished, Output, Piece, Reading
from bot.llm.server import ServerLLM
from bot.schema import Message

STORY = [Message(role="user", content="Tell a long story about the sea.")]


@pytest.fixture(scope="module")
def url(small_llm_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(small_llm_path), "--host", "127.0.0.1",
               "--port", str(port), "--n_ctx", "2048", "--n_threads", "1", "--api_key", "sesame"]  # fmt: skip
    base = f"http://127.0.0.1:{port}/v1"
    with running(command, f"{base}/models", tmp_path_factory.mktemp("server") / "log"):
        yield base


@pytest.fixture
def llm(url: str) -> Iterator[ServerLLM]:
    made = ServerLLM(url, model="small", api_key="sesame", context_tokens=2048)
    yield made
    made.close()


def stream(llm: ServerLLM, stop: threading.Event | None = None, max_tokens: int = 24) -> Iterator[Output]:
    return llm.stream(STORY, max_tokens=max_tokens, stop=stop or threading.Event())


def test_it_streams_and_counts(llm: ServerLLM) -> None:
    outputs = list(stream(llm))
    kinds = [type(output) for output in outputs]
    assert kinds[0] is Reading
    assert kinds[-1] is Finished
    assert kinds.count(Piece) > 5
    last = outputs[-1]
    assert isinstance(last, Finished)
    assert 0 < last.tokens.answer <= 24
    assert last.tokens.answer == kinds.count(Piece)
    assert 0 < last.tokens.prompt <= llm.count_tokens(STORY), "what a server does not tell is estimated"
    assert (last.stopped, last.cut) == (False, True)


def test_temperature_0_says_the_same_twice(llm: ServerLLM) -> None:
    first, second = ([output.text for output in stream(llm) if isinstance(output, Piece)] for _ in range(2))
    assert first == second


def test_a_stop_closes_soon(llm: ServerLLM) -> None:
    stop, outputs = threading.Event(), []
    for output in stream(llm, stop, max_tokens=1000):
        outputs.append(output)
        if isinstance(output, Piece) and not stop.is_set():
            stop.set()
            began = time.perf_counter()
    assert time.perf_counter() - began < 5, "a thousand tokens take longer"
    last = outputs[-1]
    assert isinstance(last, Finished)
    assert (last.stopped, last.cut) == (True, False)
    assert len(outputs) < 10


def test_a_stop_before_the_start(llm: ServerLLM) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        list(stream(llm, stop))


def test_a_stream_that_is_given_up_ends_its_thread(llm: ServerLLM) -> None:
    before = threading.active_count()
    outputs = stream(llm, max_tokens=500)
    assert isinstance(next(output for output in outputs if isinstance(output, Piece)), Piece)
    outputs.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_no_server_is_an_error_with_a_remedy() -> None:
    llm = ServerLLM(f"http://127.0.0.1:{free_port()}/v1", model="small", api_key=None, context_tokens=2048)
    with pytest.raises(LLMError, match=r"No language model answers at http://127.*Start that server.*llm\.server"):
        list(stream(llm))
    llm.close()


@pytest.mark.parametrize(("suffix", "key", "status"), [("", "wrong", "401"), ("/nosuch", "sesame", "404")])
def test_a_refusal_is_an_error_with_its_status(url: str, suffix: str, key: str, status: str) -> None:
    llm = ServerLLM(f"{url}{suffix}", model="small", api_key=key, context_tokens=2048)
    with pytest.raises(LLMError, match=rf"HTTP {status}.*llm\.api_key") as caught:
        list(stream(llm))
    assert "\n" not in str(caught.value)
    assert "sesame" not in str(caught.value)
    llm.close()


def test_a_prompt_too_long_for_the_server_is_an_error(llm: ServerLLM) -> None:
    long = [Message(role="user", content="The ferry leaves at noon. " * 900)]
    with pytest.raises(LLMError, match="context"):
        list(llm.stream(long, max_tokens=10, stop=threading.Event()))


@pytest.mark.parametrize("text", ["", "Hello.", "Grüße aus Köln, wo der Rhein fließt.", "a" * 3000])
def test_tokens_are_estimated(llm: ServerLLM, text: str) -> None:
    assert llm.count_tokens([Message(role="user", content=text)]) >= len(text) // 3
    assert llm.count_tokens([]) == 0
