"""A GGUF chat model run by llama.cpp in this process.

The prompt is read in slices, so that progress can be shown; a stop breaks off even within one. Cells of the last
prompt are kept: what the next prompt begins with alike is not read again.
"""

import codecs
import math
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bot.errors import LLMError, ModelError, Stopped
from bot.llama import Decoder, Model, Vectors
from bot.llm.base import Finished, Likelihood, Output, Piece, Reading
from bot.llm.template import ChatTemplate
from bot.schema import Message, Tokens

SLICE = 128  # tokens; larger ones are read no faster on a CPU, smaller ones are slower
WATCH_SECONDS = 0.1


class LlamaCpp:
    """One model and one context behind one lock: users queue, they do not collide."""

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        context_tokens: int,
        threads: int = 0,
        gpu_layers: int = -1,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.name = name
        self._model = Model(path, gpu_layers=gpu_layers)
        source = self._model.metadata("tokenizer.chat_template")
        if source is None:
            raise ModelError(f"{path.name} has no chat template, so it is no chat model. Choose an instruct model.")
        bos, eos = (self._model.metadata(f"tokenizer.ggml.{end}_token_id") for end in ("bos", "eos"))
        self._template = ChatTemplate(source, bos=self._special(bos), eos=self._special(eos))
        self.context_tokens = min(context_tokens, self._model.trained_context())
        self._decoder = Decoder(self._model, tokens=self.context_tokens, threads=threads, slice_tokens=SLICE)
        self._lock = threading.Lock()
        self._cells: list[int] = []  # tokens whose keys and values are in the context, in order
        self._sliced = 0  # how many of them were read as a prompt
        self._temperature, self._seed = temperature, seed

    def _special(self, token_id: str | None) -> str:
        return "" if token_id is None else self._model.piece(int(token_id), control=True).decode("utf-8", "replace")

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self._prompt(messages))

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event, weigh: str = ""
    ) -> Generator[Output, None, None]:
        prompt = self._prompt(messages)
        weighed = self._find(weigh, prompt) if weigh else range(0)
        if len(prompt) + max_tokens > self.context_tokens:
            raise LLMError(
                f"The prompt has {len(prompt)} tokens and the answer may have {max_tokens}, but the context holds "
                f"{self.context_tokens}. Ask a shorter question or raise llm.context_tokens."
            )
        self._take_turn(stop)
        try:
            reused = self._reuse(prompt if not weighed else prompt[: weighed.start])
            yield Reading(reused, len(prompt))
            with self._stoppable(stop):
                logs: list[float] = []
                for done in self._read(prompt, reused, stop, weighed, logs):
                    yield Reading(done, len(prompt))
                if weighed and len(logs) == len(weighed):
                    yield Likelihood(tuple(self._text(prompt[index]) for index in weighed), tuple(logs))
                yield from self._write(len(prompt), reused, max_tokens, stop)
        finally:
            self._lock.release()

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        tokens = self._template.tokens(messages, self._model)
        if self._model.starts_with_bos() and (not tokens or tokens[0] != self._model.bos()):
            tokens.insert(0, self._model.bos())
        return tokens

    def _text(self, token: int) -> str:
        return self._model.piece(token).decode("utf-8", "replace")

    def _find(self, words: str, prompt: Sequence[int]) -> range:
        """Indices of the tokens that the last `words` of the prompt touch; empty if they are not in it."""
        wanted, text = words.encode("utf-8", "replace"), b""
        for start in range(len(prompt) - 1, 0, -1):  # the first token has nothing before it
            text = self._model.piece(prompt[start]) + text
            if wanted in text:
                end, length = start, 0
                while length < text.index(wanted) + len(wanted):
                    length += len(self._model.piece(prompt[end]))
                    end += 1
                return range(start, end)
        return range(0)

    def _take_turn(self, stop: threading.Event) -> None:
        while not self._lock.acquire(timeout=0.1):
            if stop.is_set():
                raise Stopped
        if stop.is_set():
            self._lock.release()
            raise Stopped

    @contextmanager
    def _stoppable(self, stop: threading.Event) -> Iterator[None]:
        """While inside, a stop reaches llama.cpp even in the middle of a slice."""
        finished = threading.Event()

        def watch() -> None:
            while not finished.wait(WATCH_SECONDS):
                if stop.is_set():
                    self._decoder.stop()
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            finished.set()
            watcher.join()
            self._decoder.stop(now=False)

    def _reuse(self, prompt: Sequence[int]) -> int:
        """Keep the cells that this prompt begins with; at least its last token is read again, for its logits.

        Only whole slices of an earlier prompt are kept: sums are rounded differently in batches of another size, so
        that an answer would depend on what was asked before.
        """
        same = 0
        for old, new in zip(self._cells[: self._sliced], prompt[:-1], strict=False):
            if old != new:
                break
            same += 1
        kept = self._decoder.keep(same - same % SLICE)
        del self._cells[kept:]
        self._sliced = kept
        return kept

    def _read(
        self, prompt: Sequence[int], start: int, stop: threading.Event, weighed: range, logs: list[float]
    ) -> Iterator[int]:
        """Yields how many tokens are read; adds the log-probabilities of the `weighed` ones to `logs`."""
        while start < len(prompt) and not stop.is_set():
            part = prompt[start : start + SLICE]
            told = range(max(weighed.start - 1, start), min(weighed.stop - 1, start + len(part)))
            if not self._extend(part, told.start - start if told else None):
                return
            logs += (_log_probability(self._decoder.logits(at - start), prompt[at + 1]) for at in told)
            start += len(part)
            self._sliced = start
            yield start

    def _write(self, prompt: int, reused: int, max_tokens: int, stop: threading.Event) -> Iterator[Output]:
        utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        chance = np.random.default_rng(self._seed)
        count, ended = 0, False
        while count < max_tokens and not stop.is_set():
            token = self._choose(self._decoder.logits(), chance)
            if self._model.ends_answer(token):
                ended = True
                break
            count += 1
            if text := utf8.decode(self._model.piece(token)):
                yield Piece(text)
            if count < max_tokens and not self._extend([token]):
                break
        if text := utf8.decode(b"", final=True):
            yield Piece(text)
        stopped = stop.is_set() and not ended
        tokens = Tokens(prompt=prompt, reused=reused, answer=count)
        yield Finished(tokens, stopped=stopped, cut=not ended and not stopped)

    def _extend(self, tokens: Sequence[int], logits_from: int | None = None) -> bool:
        """Read `tokens` after those read before; False if a stop broke it off."""
        try:
            whole = self._decoder.read(tokens, len(self._cells), logits_from=logits_from)
        except LLMError:
            del self._cells[self._decoder.keep(0) :]
            raise
        if whole:
            self._cells.extend(tokens)
        else:
            del self._cells[self._decoder.keep(len(self._cells)) :]
        return whole

    def _choose(self, logits: Vectors, chance: np.random.Generator) -> int:
        if self._temperature == 0:
            return int(logits.argmax())
        scaled = (logits - logits.max()) / self._temperature
        weights = np.exp(scaled, dtype=np.float64)
        return int(chance.choice(len(weights), p=weights / math.fsum(weights)))

    def close(self) -> None:
        with self._lock:
            self._decoder.close()
            self._model.close()


def _log_probability(logits: Vectors, token: int) -> float:
    highest = logits.max()
    return float(logits[token] - highest) - math.log(float(np.exp(logits - highest).sum(dtype=np.float64)))
