"""What an answer may go on with, guessed from what stood before: answers repeat words of the passages and the question.

Prompt lookup decoding (Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding): what came after the last
tokens where they stood before is guessed to come again, and all guesses are read at once. The model chooses each token
from the same scores as without guesses, up to how a batch of another size is rounded. Where the last tokens stood
several times, those places vote (docs/experiments.md, "Better guesses").
"""

from collections.abc import Iterable
from typing import Protocol

from bot.llama import SCORED

GUESSED = SCORED - 1  # tokens at most; batches of four are what llama.cpp's kernels are made for
LONGEST = 6  # of so many tokens before a place it is seen whether they are alike
LONGER = 4  # a place counts so many times as much for one more token alike,
NEAR, NEARER = 80, 4  # and as one of the last tokens of the prompt: the question, and what is nearest to it
AGREED = 0.6  # of the votes, where no more than one token is alike
_ENDS = (b".", b"!", b"?", "…".encode())
_CLOSING = b" \"')" + "”’".encode()


class Vocabulary(Protocol):
    """What of a model's tokens guesses are made by (bot.llama.Model)."""

    def piece(self, token: int) -> bytes: ...
    def tokenize(self, text: str, *, control: bool) -> list[int]: ...


class Pieces:
    """The bytes that tokens stand for, each asked for once."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._pieces: dict[int, bytes] = {}
        point = vocabulary.tokenize(".", control=False)  # some put a space before it
        self._point = point[0] if len(point) == 1 and vocabulary.piece(point[0]) == b"." else None

    def of(self, token: int) -> bytes:
        """b"" for control tokens."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._vocabulary.piece(token)
        return piece

    def key(self, token: int) -> bytes:
        """The same for tokens that are alike: a word has others where it begins an answer than within one."""
        piece = self.of(token)
        return piece.strip().lower() or piece

    def parts(self, text: bytes) -> list[int]:
        return self._vocabulary.tokenize(text.decode("utf-8", "replace"), control=False)

    def stated(self, token: int) -> int:
        """A full stop for a question mark, as answers ask nothing, and for one with the end of its line."""
        return self._point if self._point is not None and self.of(token).rstrip() in (b"?", b".") else token

    def ends_text(self, token: int) -> bool:
        return not self.of(token) or b"\n" in self.of(token)

    def ends_sentence(self, token: int) -> bool:
        return self.of(token).rstrip(_CLOSING).endswith(_ENDS)


class Guesses:
    """A prompt and the answer that is written after it, as tokens, and where each of them stood."""

    def __init__(self, pieces: Pieces, prompt: Iterable[int]) -> None:
        self._pieces = pieces
        self._tokens: list[int] = []
        self._keys: list[bytes] = []
        self._after: dict[bytes, list[int]] = {}  # the places after tokens that are alike
        for token in prompt:
            self.add(token)
        self._prompt = len(self._tokens)

    def add(self, token: int) -> None:
        key = self._pieces.key(token)
        self._tokens.append(token)
        self._keys.append(key)
        self._after.setdefault(key, []).append(len(self._tokens))

    def next(self, most: int) -> list[int]:
        """At most so many tokens that may follow; none where nothing says which, or the answer may be at its end."""
        written = len(self._tokens) - self._prompt
        if most <= 0 or not self._tokens or (written and self._pieces.ends_sentence(self._tokens[-1])):
            return []
        return (written == 1 and self._rest_of_word(most)) or self._voted(most)

    def _rest_of_word(self, most: int) -> list[int]:
        """What may follow an answer's first token, which has no space before it: within a text its word has one."""
        first = self._tokens[-1]
        piece = self._pieces.of(first)
        for place in range(self._prompt - 1, max(0, self._prompt - NEAR), -1):
            if self._pieces.of(self._tokens[place])[:2] == b" " + piece[:1]:
                text = b"".join(map(self._pieces.of, self._tokens[place : place + most + 1]))[1:]
                if text.startswith(piece) and (tokens := self._pieces.parts(text))[:1] == [first] and tokens[1:]:
                    return self._until_end(tokens[1 : 1 + most])
        return []

    def _voted(self, most: int) -> list[int]:
        votes: dict[int, int] = {}
        best: dict[int, tuple[int, int]] = {}  # how many tokens are alike, and the last such place
        for place in self._after[self._keys[-1]][:-1]:  # the last one is here
            token, alike = self._pieces.stated(self._tokens[place]), self._alike(place)
            if self._pieces.ends_text(token):
                continue
            near = self._prompt - NEAR <= place
            votes[token] = votes.get(token, 0) + LONGER**alike * (NEARER if near else 1)
            best[token] = max(best.get(token, (0, 0)), (alike, place))
        if not votes:
            return []
        chosen = max(votes, key=lambda token: (votes[token], best[token]))
        alike, place = best[chosen]
        if alike == 1 and votes[chosen] < AGREED * sum(votes.values()):
            return []
        return self._until_end(self._tokens[place : place + most])

    def _alike(self, place: int) -> int:
        """How many tokens before it are alike the last ones."""
        count, keys = 1, self._keys
        while count < LONGEST and count < place and keys[place - 1 - count] == keys[-1 - count]:
            count += 1
        return count

    def _until_end(self, tokens: Iterable[int]) -> list[int]:
        """These, up to the end of their sentence or text."""
        found: list[int] = []
        for token in map(self._pieces.stated, tokens):
            if self._pieces.ends_text(token):
                break
            found.append(token)
            if self._pieces.ends_sentence(token):
                break
        return found
