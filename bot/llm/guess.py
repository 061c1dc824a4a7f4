"""What an answer may go on with, guessed from what stood before: answers repeat words of the passages.

Prompt lookup decoding (Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding): what came after the last
tokens where they stood before is guessed to come again, and all guesses are read at once. The model chooses each token
from the same scores as without guesses, up to how a batch of another size is rounded.
"""

from collections.abc import Iterable

from bot.llama import SCORED

GUESSED = SCORED - 1  # tokens at most; batches of four are what llama.cpp's kernels are made for
ALIKE = (3, 2)  # so many tokens must have stood before; one alone says little


class Guesses:
    """Text as tokens, and where its runs of tokens stood last."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        for count in ALIKE:
            self._after[tuple(self._tokens[-count:])] = len(self._tokens)
        self._tokens.append(token)

    def next(self, most: int) -> list[int]:
        """At most so many tokens that may follow; none where the last ones stood nowhere before."""
        for count in ALIKE:
            at = self._after.get(tuple(self._tokens[-count:]))
            if at is not None:
                return self._tokens[at : at + max(0, most)]
        return []
