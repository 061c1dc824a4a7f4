"""A GGUF chat model run by llama.cpp in this process.

The prompt is read in slices, so that progress can be shown; a stop breaks off even within one. Cells of the last
prompt are kept: what the next prompt begins with alike is not read again, and segments of articles that were read
before are joined into it.
"""

import codecs
import contextlib
import logging
import math
import threading
from collections.abc import Container, Generator, Hashable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from bot.errors import LLMError, ModelError, Stopped
from bot.llama import Decoder, Model, Vectors, llama_version, supports_gpu
from bot.llm.base import NOTHING, Finished, Output, Piece, ReadAhead, Reading
from bot.llm.cells import Cells, alike
from bot.llm.guess import Guesses, Pieces
from bot.llm.joined import ROOM, ROOM_TO_JOIN, SEQUENCES, SEQUENCES_TO_JOIN, Joined, Joiner, Joins, plain_tokens
from bot.llm.kept import Kept
from bot.llm.pages import let_go, mappings
from bot.llm.tokens import Apart, PromptTokens
from bot.llm.tune import AS_IT_COMES, Tuned
from bot.llm.turns import stoppable, turn
from bot.llm.weigh import TOKENS, Weigher
from bot.schema import Message, Tokens

log = logging.getLogger("bot.llm")
FIRST_CELLS = 2048  # most prompts fit, and before moved cells are read, llama.cpp rotates all that it has room for
LONGER_IN_CELLS = 64  # tokens that a prompt may have more where its segments are joined: sentences are split apart then


class LlamaCpp:
    """One model and one context behind one lock: users queue, they do not collide. Odds have contexts of their own."""

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
        kept: Kept | None = None,
        cell_type: str = "f16",
        sha256: str = "",
        tuned: Tuned = AS_IT_COMES,
    ) -> None:
        """With `kept`, segments of articles are read once and joined into prompts; `sha256` is the file's sum."""
        self.name, before = name, mappings(path)
        self._model = Model(path, gpu_layers=gpu_layers, repacked=tuned.writes_repacked, mapped=tuned.mapped)
        self._reading_model, writes_from = self._model, mappings(path)
        if tuned.reads_repacked != tuned.writes_repacked:
            try:
                self._reading_model = Model(path, gpu_layers=gpu_layers, repacked=tuned.reads_repacked)
            except ModelError as error:  # one will do
                log.warning("Prompts are read slower than they could be: %s", error)
        self._reads_from = mappings(path) - writes_from  # pages that only prompts are read with
        self._tokens = PromptTokens(self._model, path)
        self.context_tokens = min(context_tokens, self._model.trained_context())
        self.tuned = tuned
        self._threads, self._cell_type = threads or tuned.threads, cell_type
        self._temperature, self.seed = temperature, seed
        self._lock = threading.Lock()
        self._kept = kept
        self._reader: Decoder | None = None
        if kept or self._reading_model is not self._model:
            both = self._reading_model is not self._model  # it also joins and reads prompts, and hands them over
            self._reader = self._new_decoder(self._reading_model, 2 * ROOM if both else ROOM, SEQUENCES)
        self._beside = ROOM_TO_JOIN if kept else 0
        # Cells that some layers no longer see are not saved.
        self._reach = min(ROOM, self.context_tokens, self._model.window() or ROOM)
        self._cells = self._new_cells(FIRST_CELLS)
        self._pieces = Pieces(self._model)
        # Wrong ones must be forgotten, and the likeliest token must be the one that is chosen.
        self._guesses = tuned.guesses if self._cells.decoder.can_join() and not temperature else 0
        self._as_words: set[str] = set()  # names of the segments that the last prompt had as words
        self._joiner: Joiner | None = None
        if kept and self._reader and self._cells.decoder.can_join():
            repacked = tuned.writes_repacked if self._reading_model is self._model else tuned.reads_repacked
            layers = gpu_layers if supports_gpu() else 0
            how = f"{repacked} {layers} {tuned.slice_tokens} {tuned.flash}"
            made_with = f"{sha256} {cell_type} {llama_version()} {how}"
            self._joiner = Joiner(self._cells.decoder, self._reader, kept, made_with)
        self.keeps = self._joiner is not None
        sequences = SEQUENCES_TO_JOIN if self._joiner else 1
        room = min(TOKENS, self.context_tokens)
        self._weigher = Weigher(
            lambda: Cells(self._new_decoder(self._reading_model, room, sequences)), self._joiner, kept, self._resting
        )
        if self._reads_from:  # of the pages of weights that were laid out anew only a part comes back
            let_go(path, mappings(path) - before if tuned.writes_repacked else self._reads_from)

    def _new_cells(self, count: int) -> Cells:
        """Room for `count` cells, or for all that is ever needed, if that is less."""
        count, sequences = min(count, self.context_tokens + self._beside), SEQUENCES if self._kept else 1
        faster = self._reader if self._reading_model is not self._model else None
        return Cells(self._new_decoder(self._model, count, sequences), faster, self._reach)

    def _make_room(self, tokens: int) -> None:
        """For a prompt and its answer; where there is more room then, the old cells are gone, and are joined again."""
        old = self._cells.decoder
        count, needed = old.tokens, min(tokens + LONGER_IN_CELLS, self.context_tokens) + self._beside
        if count >= needed:
            return
        while count < needed:
            count *= 2
        self._cells = self._new_cells(count)
        if self._joiner:
            self._joiner.join_into(self._cells.decoder)
        old.close()

    def _new_decoder(self, model: Model, tokens: int, sequences: int) -> Decoder:
        return Decoder(
            model,
            tokens=tokens,
            threads=self._threads,
            slice_tokens=self.tuned.slice_tokens,
            sequences=sequences,
            cell_type=self._cell_type,
            flash=self.tuned.flash,
        )

    @property
    def _decoders(self) -> tuple[Decoder, ...]:
        return (self._cells.decoder, self._reader) if self._reader else (self._cells.decoder,)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self._tokens.whole(messages))

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event
    ) -> Generator[Output, None, None]:
        count = self.count_tokens(messages)
        if count + max_tokens > self.context_tokens:
            raise LLMError(
                f"The prompt has {count} tokens and the answer may have {max_tokens}, but the context holds "
                f"{self.context_tokens}. Ask a shorter question or raise llm.context_tokens."
            )
        with turn(self._lock, stop), self._resting():
            self._make_room(count + max_tokens)
            with stoppable(stop, *self._decoders):
                prompt, reused = self._begin(messages, self._cells.decoder.tokens - self._beside - max_tokens, stop)
                yield Reading(reused, len(prompt))
                for done in self._cells.read(prompt, reused, stop):
                    yield Reading(done, len(prompt))
                yield from self._write(prompt, reused, max_tokens, stop)

    def _begin(self, messages: Sequence[Message], room: int, stop: threading.Event) -> tuple[Sequence[Hashable], int]:
        """The prompt as it will stand in the cells, of at most `room` tokens, and how much of it stands there already.

        Segments that are kept are joined after the fixed start; whatever is not follows them, and is read. What all
        prompts end their segments with is kept now, if it is not yet: so it is joined from the first question on.
        """
        apart = self._tokens.apart(messages) if self._joiner else None
        if apart is None or not self._joiner or not self._joiner.begin(apart.start):
            return self._begin_whole(messages)
        if (last := apart.reads[-1]).segment.last and not self._joiner.has(last):
            self._joiner.keep(last, stop)
        # Joined cells share those of the start, and cells that are handed over do not.
        self._cells.reach = self._reach if len(apart.start) <= self._beside else 0
        # A conversation goes on as it began, though what was read as words then is kept by now.
        joins, prompt = self._laid_out(self._joiner, apart, self._as_words)
        if self._as_words and not self._cells.goes_on(prompt):
            joins, prompt = self._laid_out(self._joiner, apart, ())
        held = [*apart.start, *joins.cells()]
        if len(prompt) > room:
            return self._begin_whole(messages)
        joined = {name for name, *_ in joins.segments}
        self._as_words = {name for read in apart.reads if (name := self._joiner.name(read)) not in joined}
        by = self._cells.joins_by(len(held), len(prompt))
        if self._cells.holds(held, prompt, by):
            return prompt, self._cells.reuse(prompt)
        self._cells.keep(0)
        if self._joiner.join(joins, by) is None:
            return self._begin_whole(messages)
        self._cells.hold(held, moved=bool(joins.segments), by=by)
        return prompt, len(held)

    def _laid_out(self, joiner: Joiner, apart: Apart, as_words: Container[str]) -> tuple[Joins, list[Hashable]]:
        """What is joined, and the prompt as it then stands in the cells."""
        joins, missing = joiner.find(apart.reads, as_words)
        rest = [token for read in missing for token in plain_tokens(read, self._tokens.plain)]
        return joins, [*apart.start, *joins.cells(), *rest, *apart.end]

    def _begin_whole(self, messages: Sequence[Message]) -> tuple[Sequence[Hashable], int]:
        prompt, self._as_words = self._tokens.whole(messages), set()
        return prompt, self._cells.reuse(prompt)

    def keep(self, messages: Sequence[Message], *, stop: threading.Event, spare: bool = False) -> ReadAhead:
        apart = self._tokens.apart(messages) if self._joiner else None
        if apart is None or not self._joiner:
            return NOTHING
        once = {tuple(one.tokens): one for one in apart.reads}  # a prompt may show parts of a segment apart
        read, left, lost = 0, len(once), 0
        with contextlib.suppress(Stopped):
            for one in once.values():
                with turn(self._lock, stop), self._resting(), stoppable(stop, *self._decoders):
                    if not self._joiner.begin(apart.start):
                        break
                    there = self._joiner.has(one) or not self._joiner.fits(one)
                    if not there and not (spare and self._joiner.is_full()):
                        kept = self._joiner.keep(one, stop)
                        there = kept is not None
                        read, lost = read + there, lost + (kept is False)
                    left -= there
        return ReadAhead(read, left, lost)

    @contextlib.contextmanager
    def _resting(self) -> Iterator[None]:
        """Weights that only prompts are read with need not be in memory afterwards, until the next one is read."""
        try:
            yield
        finally:
            if self._reads_from:
                let_go(self._model.path, self._reads_from)

    def prepare(self, messages: Sequence[Message], *, stop: threading.Event) -> None:
        apart = self._tokens.apart(messages) if self._joiner else None
        if apart is None or not self._joiner or self._joiner.has_begun(apart.start):
            return
        with turn(self._lock, stop), self._resting(), stoppable(stop, *self._decoders):
            if not self._joiner.begin(apart.start) and stop.is_set():
                raise Stopped

    def has_room(self) -> bool:
        return self._joiner is not None and not self._joiner.is_full()

    def odds(self, messages: Sequence[Message], words: tuple[str, str], *, stop: threading.Event) -> float | None:
        first, second = (self._tokens.plain(word)[0] for word in words)
        if first == second:
            return None
        prompt = self._tokens.whole(messages)
        # What is alike in all such prompts is read by itself, so that none of its cells depends on the rest.
        start = alike(prompt, self._tokens.whole([*messages[:-1], Message(role=messages[-1].role, content="")]))
        return self._weigher.odds(prompt, start, self._tokens.apart(messages), (first, second), stop)

    def _write(
        self, prompt: Sequence[Hashable], reused: int, max_tokens: int, stop: threading.Event
    ) -> Iterator[Output]:
        utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        count, ended = 0, False
        with contextlib.closing(self._answer(prompt, max_tokens)) as answer:
            while count < max_tokens and not stop.is_set() and (token := next(answer, None)) is not None:
                if self._model.ends_answer(token):
                    ended = True
                    break
                count += 1
                if text := utf8.decode(self._model.piece(token)):
                    yield Piece(text)
        if text := utf8.decode(b"", final=True):
            yield Piece(text)
        stopped = stop.is_set() and not ended
        tokens = Tokens(prompt=len(prompt), reused=reused, answer=count)
        yield Finished(tokens, stopped=stopped, cut=not ended and not stopped)

    def _answer(self, prompt: Sequence[Hashable], most: int) -> Generator[int, None, None]:
        """Its tokens, until nobody wants more or a stop breaks off; with guesses that are read at once, where it pays.

        What was guessed wrong is forgotten.
        """
        chance = np.random.default_rng(self.seed)
        known: Guesses | None = None
        guesses, right, end = list[int](), 0, len(prompt) + most  # cells may be filled up to there
        try:
            while True:
                token = self._choose(self._cells.logits(len(guesses) - right), chance)
                yield token
                if self._guesses and not known:  # who asked has the first word by now
                    known = Guesses(self._pieces, _tokens(prompt))
                if known:
                    known.add(token)
                if guesses[right : right + 1] == [token]:
                    right += 1
                    continue
                self._forget(len(guesses) - right)
                room = end - len(self._cells.tokens) - 1
                ahead = known.next(min(self._guesses, room - 1)) if known else []
                guesses, right = [], 0
                if room <= 0 or not self._cells.extend([token, *ahead], scored=1 + len(ahead)):
                    return
                guesses = ahead
        finally:
            self._forget(len(guesses) - right)

    def _forget(self, guesses: int) -> None:
        """The last cells."""
        if guesses:
            self._cells.keep(len(self._cells.tokens) - guesses)

    def _choose(self, logits: Vectors, chance: np.random.Generator) -> int:
        if self._temperature == 0:
            return int(logits.argmax())
        scaled = (logits - logits.max()) / self._temperature
        weights = np.exp(scaled, dtype=np.float64)
        return int(chance.choice(len(weights), p=weights / math.fsum(weights)))

    def close(self) -> None:
        self._weigher.close()
        with self._lock:
            for decoder in self._decoders:
                decoder.close()
            if self._kept:
                self._kept.close()
            for model in {self._model, self._reading_model}:
                model.close()


def _tokens(cells: Iterable[Hashable]) -> Iterator[int]:
    """What stands there, read or joined."""
    for cell in cells:
        token = cell.token if isinstance(cell, Joined) else cell
        if isinstance(token, int):
            yield token
