"""The keys and values that a decoder holds of one prompt: what stays for the next one, and what it reads anew."""

import threading
from collections.abc import Hashable, Iterator, Sequence

from bot.errors import LLMError, Stopped
from bot.llama import Decoder, Vectors

SLICE = 128  # tokens, unless another was measured to be better; smaller ones are slower on a CPU
FEW = 32  # tokens; what is gained by fewer is no more than what handing cells over costs
NOT_TAKEN = (
    "llama.cpp could not hand over what it read of the prompt. Ask again with a shorter question, or set "
    "llm.spare_memory = true, where nothing is handed over."
)


class Cells:
    """A decoder with what its first sequence holds, in order: tokens, or the names of cells that were joined.

    `sliced` of them were read as a prompt, in slices that begin at `base`; `asked` are the last prompt, and what comes
    after was answered. Slices, but for a last one of less than FEW tokens, are read by `reader`, where there is one and
    they end before its `reach`, and handed over: a context may be faster at many tokens than at one. Both have slices
    of one length. Where the reader begins after joined cells, they are joined there.
    """

    def __init__(self, decoder: Decoder, reader: Decoder | None = None, reach: int = 0) -> None:
        self.decoder, self.reader, self.reach = decoder, reader, reach
        self._slice = decoder.slice_tokens
        self.tokens: list[Hashable] = []
        self.base = self.sliced = self.asked = 0
        self._moved = False  # they are as they should be only after the next read
        self._elsewhere = False  # the reader has them
        self._copied = False  # they were handed over, so they lie in another order than joined ones
        self._scores: Vectors | None = None  # of the reader, for what comes after the last token

    def logits(self, back: int = 0) -> Vectors:
        """As Decoder.logits, of whichever context read the last token."""
        return self.decoder.logits(back) if self._scores is None else self._scores

    def reuse(self, prompt: Sequence[Hashable]) -> int:
        """Keep the cells that this prompt begins with; at least its last token is read again, for its logits.

        Only whole slices of an earlier prompt are kept: sums are rounded differently in batches of another size, so
        that an answer would depend on what was asked before. Only where a conversation goes on, with all of the last
        prompt and what was answered, everything alike is: there it does so depend.
        """
        same = alike(self.tokens, prompt[:-1])
        if self.goes_on(prompt):
            self.sliced -= (self.sliced - self.base) % self._slice
            return self.keep(same)
        same = min(same, self.sliced)
        return self.keep(same - (same - self.base) % self._slice if same >= self.base else 0)

    def goes_on(self, prompt: Sequence[Hashable]) -> bool:
        """Whether it begins with all of the last prompt, and has more."""
        return 0 < self.asked <= alike(self.tokens, prompt[:-1])

    def keep(self, count: int) -> int:
        """Forget all but the first `count` cells; how many are left (none where the model cannot forget a part)."""
        if self.reader and self._elsewhere:
            self.reader.forget(0, 0)
            self._elsewhere, count = False, 0
        kept = self.decoder.keep(count)
        del self.tokens[kept:]
        self.sliced = min(self.sliced, kept)
        self.asked = self.asked if kept >= self.asked else 0
        if kept < self.base:
            self.base, self._moved, self._copied = kept, False, False
        return kept

    def hold(self, joined: Sequence[Hashable], moved: bool = True, by: Decoder | None = None) -> None:
        """Note that the first sequence was filled by joining (`by` the reader, perhaps): the prompt goes on there."""
        self.tokens = list(joined)
        self.base = self.sliced = len(joined)
        self._elsewhere = by is not None and by is self.reader
        self._moved, self._copied = moved, False

    def holds(self, joined: Sequence[Hashable], prompt: Sequence[Hashable], by: Decoder) -> bool:
        """Whether it begins with what was filled by joining, and `by` reads on as if the prompt were joined anew.

        Sums are rounded differently where cells lie in another order; where a conversation goes on, that is so.
        """
        there = not self._elsewhere and self.base == len(joined) and self.tokens[: len(joined)] == joined
        return there and (self.goes_on(prompt) or (by is self.decoder and not self._copied))

    def joins_by(self, start: int, end: int) -> Decoder:
        """Which context reads a prompt of `end` tokens on, of which `start` are joined."""
        return self.reader if self.reader and self._for_reader(start, end) else self.decoder

    def read(self, prompt: Sequence[Hashable], start: int, stop: threading.Event) -> Iterator[int]:
        """Read `prompt` from index `start` on, up to a stop; yields how many of its tokens are read."""
        while start < len(prompt) and not stop.is_set():
            if self.reader and (elsewhere := self._for_reader(start, len(prompt))):
                yield from self._read_by(self.reader, prompt, elsewhere, stop)
                if len(self.tokens) <= elsewhere[-1]:
                    return  # it was stopped
                start = len(self.tokens)
                continue
            part = [token for token in prompt[start : start + self._slice] if isinstance(token, int)]  # all of them
            if not self.extend(part):
                return
            if start == self.sliced:
                self.sliced += len(part)
            start += len(part)
            yield start
        if start == len(prompt):
            self.asked = start

    def _for_reader(self, start: int, end: int) -> list[int]:
        """Where the slices begin that the reader reads of a prompt of `end` tokens, from `start` on.

        It hangs on the place alone: a prompt is read alike whatever of it was there before.
        """
        slices = [at for at in range(start, end, self._slice) if min(at + self._slice, end) <= self.reach]
        return slices[:-1] if slices and end - slices[-1] < FEW else slices

    def _read_by(
        self, reader: Decoder, prompt: Sequence[Hashable], slices: Sequence[int], stop: threading.Event
    ) -> Iterator[int]:
        """Let `reader` read the slices that begin at these indices, and take its cells."""
        if not self._elsewhere:
            reader.forget(0, 0)
            if self.tokens and not reader.load(self.decoder.save(0), 0):
                raise LLMError(NOT_TAKEN)
        before = len(self.tokens)
        try:
            for at in slices:
                part = [token for token in prompt[at : at + self._slice] if isinstance(token, int)]  # all of them
                if stop.is_set() or not reader.read(part, at):
                    break
                self.tokens.extend(part)
                if at == self.sliced:
                    self.sliced = len(self.tokens)
                self._scores = reader.logits().copy() if len(self.tokens) == len(prompt) else None
                yield len(self.tokens)
        finally:  # also where nobody wants the rest
            taken = self._take_over(reader, before)
        if not taken:
            raise LLMError(NOT_TAKEN)

    def _take_over(self, reader: Decoder, before: int) -> bool:
        """Take its cells; False where they have no room. It read on after `before` of them."""
        if self._elsewhere and len(self.tokens) == before:
            self.keep(0)  # it may have stopped while moved keys were rotated, some done and some not
            return True
        self._elsewhere, self._moved, self._copied = False, False, True
        if reader.keep(len(self.tokens)) < len(self.tokens):
            self.keep(0)  # of what was broken off it cannot forget a part
            return True
        self.decoder.forget(0, 0)
        taken = not self.tokens or self.decoder.load(reader.save(0), 0)
        reader.forget(0, 0)
        if not taken:
            self.keep(0)
        return taken

    def read_all(self, prompt: Sequence[Hashable], start: int, stop: threading.Event) -> None:
        """The same at once; raises Stopped where a stop broke it off."""
        *_, done = start, *self.read(prompt, start, stop)
        if done < len(prompt):
            raise Stopped

    def extend(self, tokens: Sequence[int], scored: int = 1) -> bool:
        """Read `tokens` after those read before, with scores of the last ones; False if a stop broke it off."""
        try:
            whole = self.decoder.read(tokens, len(self.tokens), scored=scored)
        except LLMError:
            self.keep(0)
            raise
        self._scores = None
        if whole:
            self.tokens.extend(tokens)
            self._moved = False
        elif self._moved and len(self.tokens) == self.base:
            self.keep(0)  # it may have stopped while moved keys were rotated, some done and some not
        else:
            self.keep(len(self.tokens))
        return whole


def alike(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """How many both begin with."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)
