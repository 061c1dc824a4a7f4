"""Stand-ins for the two models, behind the real interfaces: replies from a queue, and vectors of hashed words."""

import hashlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

import numpy as np

from bot.errors import Stopped
from bot.llama import Vectors
from bot.llm import Finished, Output, Piece, ReadAhead, Reading
from bot.schema import Message, Segment, Tokens

Reply = str | Exception


class FakeLLM:
    """A chat model that says what was queued, word by word, and notes the messages it got.

    A queued exception is raised once half of the prompt is read; `delay` is seconds before each word; with `letters`,
    the reply comes letter by letter; `log_odds` is what it says of any words, None for a model that cannot tell. One
    token is one word.
    """

    name = "fake"
    keeps = False
    seed = 0

    def __init__(
        self,
        replies: Iterable[Reply] = (),
        *,
        context_tokens: int = 4096,
        delay: float = 0.0,
        letters: bool = False,
        log_odds: float | None = None,
    ) -> None:
        self.context_tokens = context_tokens
        self.replies: deque[Reply] = deque(replies)
        self.asked: list[list[Message]] = []
        self.closed = False
        self._delay, self._letters, self.log_odds = delay, letters, log_odds
        self.weighed: list[list[Message]] = []
        self.kept: list[list[Message]] = []
        self.prepared: list[list[Message]] = []
        self.room = 0  # for so many prompts' segments
        self._lock = threading.Lock()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) + 1 for message in messages)

    def odds(self, messages: Sequence[Message], words: tuple[str, str], *, stop: threading.Event) -> float | None:
        if stop.is_set():
            raise Stopped
        self.weighed.append(list(messages))
        return self.log_odds if self.count_tokens(messages) <= self.context_tokens else None

    def keep(self, messages: Sequence[Message], *, stop: threading.Event, spare: bool = False) -> ReadAhead:
        self.kept.append(list(messages))
        return ReadAhead(sum(isinstance(part, Segment) for message in messages for part in message.parts), 0)

    def prepare(self, messages: Sequence[Message], *, stop: threading.Event) -> None:
        self.prepared.append(list(messages))

    def has_room(self) -> bool:
        return len(self.kept) < self.room

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event
    ) -> Generator[Output, None, None]:
        with self._lock:
            self.asked.append(list(messages))
            reply = self.replies.popleft()
            total = self.count_tokens(messages)
            yield Reading(total // 2, total)
            if isinstance(reply, Exception):
                raise reply
            yield Reading(total, total)
            yield from self._write(reply, total, max_tokens, stop)

    def _write(self, reply: str, prompt: int, max_tokens: int, stop: threading.Event) -> Iterator[Output]:
        words = re.findall(r"\s*\S+\s*$|\s*\S+", reply)
        written = 0
        for word in words[:max_tokens]:
            time.sleep(self._delay)
            if stop.is_set():
                break
            written += 1
            yield from map(Piece, word if self._letters else [word])
        stopped = stop.is_set() and written < len(words)
        tokens = Tokens(prompt=prompt, answer=written)
        yield Finished(tokens, stopped=stopped, cut=not stopped and written < len(words))

    def close(self) -> None:
        self.closed = True


class FakeEmbedder:
    """Vectors of hashed words: texts that share words are alike. One token is one word, plus two around the text."""

    def __init__(self, name: str = "fake", dimension: int = 64, max_tokens: int = 256) -> None:
        self.name, self.dimension, self.max_tokens = name, dimension, max_tokens
        self.sha256 = hashlib.sha256(name.encode()).hexdigest()
        self.embedded = 0

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed_documents([text])[0]
        return vector

    def embed_documents(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row[0] = 0.1  # a text without words has a direction, too
            for word in re.findall(r"\w+", text.lower()):
                row[1 + int(hashlib.md5(word.encode()).hexdigest(), 16) % (self.dimension - 1)] += 1.0
            row /= np.linalg.norm(row)
        self.embedded += len(texts)
        if done:
            done(len(texts))
        return vectors
