"""The keys and values that a decoder holds of one prompt: what stays for the next one, and what it reads anew."""

import threading
from collections.abc import Hashable, Iterator, Sequence

from bot.errors import LLMError, Stopped
from bot.llama import Decoder

SLICE = 128  # tokens; larger ones are read no faster on a CPU, smaller ones are slower


class Cells:
    """A decoder with what its first sequence holds, in order: tokens, or the names of cells that were joined.

    `sliced` of them were read as a prompt, in slices that begin at `base`.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.tokens: list[Hashable] = []
        self.base = self.sliced = 0

    def reuse(self, prompt: Sequence[Hashable]) -> int:
        """Keep the cells that this prompt begins with; at least its last token is read again, for its logits.

        Only whole slices of an earlier prompt are kept: sums are rounded differently in batches of another size, so
        that an answer would depend on what was asked before.
        """
        same = alike(self.tokens[: self.sliced], prompt[:-1])
        return self.keep(same - (same - self.base) % SLICE if same >= self.base else 0)

    def keep(self, count: int) -> int:
        """Forget all but the first `count` cells; how many are left (none where the model cannot forget a part)."""
        kept = self.decoder.keep(count)
        del self.tokens[kept:]
        self.sliced = min(self.sliced, kept)
        self.base = min(self.base, kept)
        return kept

    def hold(self, joined: Sequence[Hashable]) -> None:
        """Note that the first sequence was filled by joining: the prompt goes on after these."""
        self.tokens = list(joined)
        self.base = self.sliced = len(joined)

    def read(self, prompt: Sequence[Hashable], start: int, stop: threading.Event) -> Iterator[int]:
        """Read `prompt` from index `start` on, up to a stop; yields how many of its tokens are read."""
        while start < len(prompt) and not stop.is_set():
            part = [token for token in prompt[start : start + SLICE] if isinstance(token, int)]  # all of them
            if not self.extend(part):
                return
            start += len(part)
            self.sliced = start
            yield start

    def read_all(self, prompt: Sequence[Hashable], start: int, stop: threading.Event) -> None:
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


def alike(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """How many both begin with."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)
