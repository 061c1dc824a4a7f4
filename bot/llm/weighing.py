"""How likely some words of a prompt are, collected while the prompt is read; it decodes nothing itself."""

import math
from collections.abc import Callable, Sequence
from itertools import takewhile

import numpy as np

from bot.llama import Vectors
from bot.llm.base import Likelihood


class Words:
    """The tokens of `words` where they stand last in the prompt `tokens`, and their log-probabilities so far.

    `place` are the tokens' indices, empty where the prompt does not hold the words.
    """

    def __init__(self, words: str, tokens: Sequence[int], piece: Callable[[int], bytes]) -> None:
        self.tokens = tokens
        self.place = _find(words.encode("utf-8", "replace"), tokens, piece)
        self.logs: list[float] = []

    def told_by(self, start: int, end: int) -> range:
        """Indices of the prompt, from `start` to `end`, whose logits tell of the words: one before each of them."""
        return range(max(self.place.start - 1, start), max(start, min(self.place.stop - 1, end)))

    def add(self, index: int, logits: Vectors) -> None:
        """Take what the token at `index` says of the one after it."""
        highest = logits.max()
        total = math.log(float(np.exp(logits - highest).sum(dtype=np.float64)))
        self.logs.append(float(logits[self.tokens[index + 1]] - highest) - total)

    @property
    def known(self) -> bool:
        return len(self.logs) == len(self.place) > 0


class Weighing:
    """The words in the prompt and, if there is one, in the other prompt that begins like it."""

    def __init__(self, words: str, prompt: Sequence[int], other: Sequence[int], piece: Callable[[int], bytes]) -> None:
        self.main, self.other = Words(words, prompt, piece), Words(words, other, piece)
        self._texts = tuple(piece(prompt[index]).decode("utf-8", "replace") for index in self.main.place)
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(prompt, other, strict=False)))
        # The token before the words must be read in each prompt, for what it says of the first.
        self.common = max(0, min(alike, self.main.place.start - 1, self.other.place.start - 1))
        same = [prompt[index] for index in self.main.place] == [other[index] for index in self.other.place]
        self.has_other = same and bool(self.main.place) and self.common > 0

    def likelihood(self) -> Likelihood:
        other = tuple(self.other.logs) if self.has_other and self.other.known else None
        return Likelihood(self._texts, tuple(self.main.logs), other)


def _find(words: bytes, tokens: Sequence[int], piece: Callable[[int], bytes]) -> range:
    """Indices of the tokens that the last `words` touch."""
    text = b""
    for start in range(len(tokens) - 1, 0, -1):  # the first token has nothing before it
        text = piece(tokens[start]) + text
        if words in text:
            end, length, wanted = start, 0, text.index(words) + len(words)
            while length < wanted:
                length += len(piece(tokens[end]))
                end += 1
            return range(start, end)
    return range(0)
