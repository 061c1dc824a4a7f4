"""What a language model is to the rest of the program, and what comes out of it.

A stream yields `Reading` while the prompt is read, then `Piece`s of text, then one `Finished`. It knows nothing of
questions, passages or citations.
"""

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bot.schema import Message, Tokens


@dataclass(frozen=True)
class Reading:
    """`done` of the prompt's `total` tokens are read."""

    done: int
    total: int


@dataclass(frozen=True)
class Piece:
    """More text of the answer, whole characters only."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The end of a stream; `stopped` when the stop signal ended it, `cut` when the token limit did."""

    tokens: Tokens
    stopped: bool = False
    cut: bool = False


Output = Reading | Piece | Finished


class ReadAhead(NamedTuple):
    """Of a prompt's segments, how many were read ahead now, and how many are `left` that are not kept.

    `lost` of those read are kept for this process at most: the disk failed.
    """

    read: int
    left: int
    lost: int = 0


NOTHING = ReadAhead(0, 0)


class LLM(Protocol):
    """A chat model. Several threads may call it at once; they take turns.

    `keeps` says whether it keeps what it read of articles, for other prompts; `seed` is what words are drawn with, at
    temperatures over 0, and may be set to another between two answers.
    """

    name: str
    context_tokens: int
    seed: int
    keeps: bool

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the whole prompt that these messages make, the model's own markup included."""
        ...

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event
    ) -> Generator[Output, None, None]:
        """Write an answer of at most `max_tokens` tokens; ends within a second after `stop` is set.

        Raises LLMError when the model fails and Stopped when `stop` was set while waiting for a turn.
        """
        ...

    def odds(self, messages: Sequence[Message], words: tuple[str, str], *, stop: threading.Event) -> float | None:
        """By how much the answer is likelier to begin with the first of `words` than with the second.

        A difference of log-probabilities (natural). What stands before the last message should be the same each time:
        it is read once. It may be asked for while an answer streams. None for a model that cannot tell, or a prompt too
        long for it. Raises LLMError when the model fails and Stopped when `stop` was set.
        """
        ...

    def keep(self, messages: Sequence[Message], *, stop: threading.Event, spare: bool = False) -> ReadAhead:
        """Read ahead the segments of the messages that are not kept yet, and can be.

        With `spare`, only as long as that pushes out nothing that is kept. Ends within a second after `stop` is set,
        and what was read by then stays. Raises LLMError when the model fails.
        """
        ...

    def prepare(self, messages: Sequence[Message], *, stop: threading.Event) -> None:
        """Make ready what these messages begin with, before odds about their segments are asked for.

        Raises LLMError when the model fails and Stopped when `stop` was set.
        """
        ...

    def has_room(self) -> bool:
        """Whether more can be kept without forgetting what is; False where the model keeps nothing."""
        ...

    def close(self) -> None: ...
