"""A GGUF chat model run by llama.cpp in this process.

The prompt is read in slices, so that progress can be shown; a stop breaks off even within one. Cells of the last
prompt are kept: what the next prompt begins with alike is not read again. Questions of yes or no have cells of their
own, so that their examples are read once and the answers' prompts are left as they are.
"""

import codecs
import logging
import math
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bot.errors import LLMError, ModelError, Stopped
from bot.llama import Decoder, Model, Vectors
from bot.llm.base import Finished, Output, Piece, Reading
from bot.llm.template import ChatTemplate
from bot.schema import Message, Tokens

log = logging.getLogger("bot.llm")
SLICE = 128  # tokens; larger ones are read no faster on a CPU, smaller ones are slower
WATCH_SECONDS = 0.1
ODDS_TOKENS = 2048  # room for a prompt whose answer is only weighed
ODDS_CONTEXTS = 2  # of so many kinds of such prompts the examples are kept


class _Cells:
    """A decoder with the tokens whose keys and values it holds, in order; `sliced` of them were read as a prompt."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.tokens: list[int] = []
        self.sliced = 0

    def reuse(self, prompt: Sequence[int]) -> int:
        """Keep the cells that this prompt begins with; at least its last token is read again, for its logits.

        Only whole slices of an earlier prompt are kept: sums are rounded differently in batches of another size, so
        that an answer would depend on what was asked before.
        """
        same = _alike(self.tokens[: self.sliced], prompt[:-1])
        return self.keep(same - same % SLICE)

    def keep(self, count: int) -> int:
        """Forget all but the first `count` cells; how many are left (none where the model cannot forget a part)."""
        kept = self.decoder.keep(count)
        del self.tokens[kept:]
        self.sliced = min(self.sliced, kept)
        return kept

    def read(self, prompt: Sequence[int], start: int, stop: threading.Event) -> Iterator[int]:
        """Read `prompt` from index `start` on, up to a stop; yields how many of its tokens are read."""
        while start < len(prompt) and not stop.is_set():
            part = prompt[start : start + SLICE]
            if not self.extend(part):
                return
            start += len(part)
            self.sliced = start
            yield start

    def read_all(self, prompt: Sequence[int], start: int, stop: threading.Event) -> None:
        """The same at once; raises Stopped where a stop broke it off."""
        *_, done = start, *self.read(prompt, start, stop)
        if done < len(prompt):
            raise Stopped

    def extend(self, tokens: Sequence[int]) -> bool:
        """Read `tokens` after those read before; False if a stop broke it off."""
        try:
            whole = self.decoder.read(tokens, len(self.tokens))
        except LLMError:
            self.keep(0)
            raise
        if whole:
            self.tokens.extend(tokens)
        else:
            self.keep(len(self.tokens))
        return whole


class LlamaCpp:
    """One model and one context behind one lock: users queue, they do not collide.

    Odds have contexts and a lock of their own, so that they can be asked for while an answer is being written.
    """

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
        self._threads = threads
        self._cells = self._new_cells(self.context_tokens)
        self._odds_cells: list[_Cells] = []  # made when first asked for; the last used one comes last
        self._odds_contexts = ODDS_CONTEXTS
        self._lock, self._odds_lock = threading.Lock(), threading.Lock()
        self._temperature, self._seed = temperature, seed

    def _special(self, token_id: str | None) -> str:
        return "" if token_id is None else self._model.piece(int(token_id), control=True).decode("utf-8", "replace")

    def _new_cells(self, tokens: int) -> _Cells:
        return _Cells(Decoder(self._model, tokens=tokens, threads=self._threads, slice_tokens=SLICE))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self._prompt(messages))

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event
    ) -> Generator[Output, None, None]:
        prompt = self._prompt(messages)
        if len(prompt) + max_tokens > self.context_tokens:
            raise LLMError(
                f"The prompt has {len(prompt)} tokens and the answer may have {max_tokens}, but the context holds "
                f"{self.context_tokens}. Ask a shorter question or raise llm.context_tokens."
            )
        self._take_turn(self._lock, stop)
        try:
            reused = self._cells.reuse(prompt)
            yield Reading(reused, len(prompt))
            with self._stoppable(stop, self._cells.decoder):
                for done in self._cells.read(prompt, reused, stop):
                    yield Reading(done, len(prompt))
                yield from self._write(len(prompt), reused, max_tokens, stop)
        finally:
            self._lock.release()

    def odds(self, messages: Sequence[Message], words: tuple[str, str], *, stop: threading.Event) -> float | None:
        prompt = self._prompt(messages)
        first, second = (self._model.tokenize(word, control=False)[0] for word in words)
        if first == second:
            return None
        # What is alike in all such prompts is read by itself, so that none of its cells depends on the rest.
        start = _alike(prompt, self._prompt([*messages[:-1], Message(role=messages[-1].role, content="")]))
        self._take_turn(self._odds_lock, stop)
        try:
            cells = self._cells_for_odds(prompt[:start])
            if cells is None or len(prompt) > cells.decoder.tokens:
                return None
            with self._stoppable(stop, cells.decoder):
                if cells.tokens[:start] != prompt[:start]:
                    cells.keep(0)
                    cells.read_all(prompt[:start], 0, stop)
                cells.read_all(prompt, cells.keep(start), stop)
            logits = cells.decoder.logits()
            return float(logits[first] - logits[second])
        finally:
            self._odds_lock.release()

    def _cells_for_odds(self, examples: Sequence[int]) -> _Cells | None:
        """Those that hold the examples, else new ones, else those not used for longest; None where memory lacks."""
        same = [cells for cells in self._odds_cells if cells.tokens[: len(examples)] == list(examples)]
        if not same and len(self._odds_cells) < self._odds_contexts:
            try:
                same = [self._new_cells(min(ODDS_TOKENS, self.context_tokens))]
            except ModelError as error:  # answers do without it
                self._odds_contexts = len(self._odds_cells)
                log.warning("Checks of passages and answers are left out, or slower: %s", error)
        chosen = next(iter(same or self._odds_cells), None)
        if chosen:
            self._odds_cells = [*(cells for cells in self._odds_cells if cells is not chosen), chosen]
        return chosen

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        tokens = self._template.tokens(messages, self._model)
        if self._model.starts_with_bos() and (not tokens or tokens[0] != self._model.bos()):
            tokens.insert(0, self._model.bos())
        return tokens

    @staticmethod
    def _take_turn(lock: threading.Lock, stop: threading.Event) -> None:
        while not lock.acquire(timeout=0.1):
            if stop.is_set():
                raise Stopped
        if stop.is_set():
            lock.release()
            raise Stopped

    @contextmanager
    def _stoppable(self, stop: threading.Event, decoder: Decoder) -> Iterator[None]:
        """While inside, a stop reaches llama.cpp even in the middle of a slice."""
        finished = threading.Event()

        def watch() -> None:
            while not finished.wait(WATCH_SECONDS):
                if stop.is_set():
                    decoder.stop()
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            finished.set()
            watcher.join()
            decoder.stop(now=False)

    def _write(self, prompt: int, reused: int, max_tokens: int, stop: threading.Event) -> Iterator[Output]:
        utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        chance = np.random.default_rng(self._seed)
        count, ended = 0, False
        while count < max_tokens and not stop.is_set():
            token = self._choose(self._cells.decoder.logits(), chance)
            if self._model.ends_answer(token):
                ended = True
                break
            count += 1
            if text := utf8.decode(self._model.piece(token)):
                yield Piece(text)
            if count < max_tokens and not self._cells.extend([token]):
                break
        if text := utf8.decode(b"", final=True):
            yield Piece(text)
        stopped = stop.is_set() and not ended
        tokens = Tokens(prompt=prompt, reused=reused, answer=count)
        yield Finished(tokens, stopped=stopped, cut=not ended and not stopped)

    def _choose(self, logits: Vectors, chance: np.random.Generator) -> int:
        if self._temperature == 0:
            return int(logits.argmax())
        scaled = (logits - logits.max()) / self._temperature
        weights = np.exp(scaled, dtype=np.float64)
        return int(chance.choice(len(weights), p=weights / math.fsum(weights)))

    def close(self) -> None:
        with self._lock, self._odds_lock:
            for cells in (self._cells, *self._odds_cells):
                cells.decoder.close()
            self._odds_cells, self._odds_contexts = [], 0
            self._model.close()


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)
