"""A chat model behind an OpenAI-compatible server: llama-server, llama_cpp.server, vLLM, LM Studio, Ollama, …

The server's tokenizer is out of reach, so tokens are estimated high. It is asked from a thread of its own, so that a
stop need not wait for the server's next word.
"""

import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from typing import Any, cast

import openai
from openai.types.chat import ChatCompletionChunk

from bot.errors import LLMError, Stopped
from bot.llm.base import NOTHING, Finished, Output, Piece, ReadAhead, Reading
from bot.schema import Message, Tokens

CHARACTERS_A_TOKEN = 3.0  # English has about 4; counting high keeps the prompt inside the context
MESSAGE_TOKENS = 8  # markup around each message
POLL_SECONDS = 0.1

_Item = ChatCompletionChunk | Exception | None


class ServerLLM:
    """Asks `url` (such as http://127.0.0.1:8080/v1) for `model`."""

    def __init__(
        self, url: str, *, model: str, api_key: str | None, context_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> None:
        self.name = f"{model} at {url}"
        self.keeps = False
        self.context_tokens = context_tokens
        self._url, self._model = url, model
        self._temperature, self.seed = temperature, seed
        self._client = openai.OpenAI(base_url=url, api_key=api_key or "none", max_retries=1)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """An estimate, too high for European languages rather than too low."""
        return sum(int(len(message.content) / CHARACTERS_A_TOKEN) + MESSAGE_TOKENS for message in messages)

    def odds(self, messages: Sequence[Message], words: tuple[str, str], *, stop: threading.Event) -> None:
        """Servers need not tell log-probabilities, and few do."""

    def keep(self, messages: Sequence[Message], *, stop: threading.Event, spare: bool = False) -> ReadAhead:
        """A server keeps what it likes."""
        return NOTHING

    def prepare(self, messages: Sequence[Message], *, stop: threading.Event) -> None:
        """Nothing of it is here."""

    def has_room(self) -> bool:
        return False

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event
    ) -> Generator[Output, None, None]:
        if stop.is_set():
            raise Stopped
        estimate = self.count_tokens(messages)
        yield Reading(0, estimate)
        prompt, answer, cut, ended = estimate, 0, False, False
        for chunk in self._chunks(messages, max_tokens, stop):
            if chunk.usage is not None:
                prompt, answer = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
            for choice in chunk.choices:
                if choice.delta.content:
                    answer += chunk.usage is None
                    yield Piece(choice.delta.content)
                cut = cut or choice.finish_reason == "length"
                ended = ended or choice.finish_reason is not None
        if not (ended or answer or stop.is_set()):  # some servers have begun to send when they find the prompt too long
            raise LLMError(f"The server at {self._url} said nothing. Look at its log; its context may be too small.")
        yield Finished(Tokens(prompt=prompt, answer=answer), stopped=stop.is_set(), cut=cut)

    def _chunks(
        self, messages: Sequence[Message], max_tokens: int, stop: threading.Event
    ) -> Iterator[ChatCompletionChunk]:
        items: queue.Queue[_Item] = queue.Queue()
        gone = threading.Event()
        threading.Thread(target=self._ask, args=(messages, max_tokens, items, gone), daemon=True).start()
        try:
            while not stop.is_set():
                try:
                    item = items.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                if item is None:
                    return
                if isinstance(item, Exception):
                    raise self._explain(item) from None
                yield item
        finally:
            gone.set()

    def _ask(
        self, messages: Sequence[Message], max_tokens: int, items: queue.Queue[_Item], gone: threading.Event
    ) -> None:
        try:
            with self._client.chat.completions.create(
                model=self._model,
                messages=cast(Any, [message.model_dump() for message in messages]),
                max_tokens=max_tokens,
                temperature=self._temperature,
                seed=self.seed,
                stream=True,
                stream_options={"include_usage": True},
            ) as chunks:
                for chunk in chunks:
                    if gone.is_set():
                        return  # closes the connection, by which the server knows to stop
                    items.put(chunk)
            items.put(None)
        except Exception as error:  # noqa: BLE001 - whatever went wrong is told to the thread that waits
            items.put(error)

    def _explain(self, error: Exception) -> LLMError:
        if isinstance(error, openai.APIConnectionError):
            return LLMError(f"No language model answers at {self._url}. Start that server or change llm.server.")
        if isinstance(error, openai.APIStatusError):
            return LLMError(
                f"The server at {self._url} refused (HTTP {error.status_code}): {error.message} "
                "Check llm.server, llm.server_model and llm.api_key."
            )
        return LLMError(f"The server at {self._url} broke off: {error}. Ask again, or look at the server's log.")

    def close(self) -> None:
        self._client.close()
