"""The prompts of the last answers, so that a conversation can go on from one instead of beginning another."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from bot.prompt import Prompt
from bot.schema import Filters, Turn

ANSWERS = 64  # remembered; of all conversations


class Recent:
    """Prompts by the turns that came of them, and by what limited their search; safe for several threads."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[tuple[Turn, Filters], tuple[tuple[Turn, ...], Prompt]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, turns: Sequence[Turn], filters: Filters, prompt: Prompt) -> None:
        """The last of the turns came of this prompt, which shows the others."""
        said = _said(turns)
        key = said[-1], filters
        with self._lock:
            self._prompts[key] = said, prompt
            self._prompts.move_to_end(key)
            while len(self._prompts) > ANSWERS:
                self._prompts.popitem(last=False)

    def find(self, turns: Sequence[Turn], filters: Filters) -> Prompt | None:
        """The prompt that the last of the turns came of, if it is remembered, was limited alike, and shows the others.

        Turns before them may have been shown, too: a conversation that has become long is not given whole.
        """
        said = _said(turns)
        with self._lock:
            shown, prompt = self._prompts.get((said[-1], filters), ((), None))
        return prompt if said == shown[-len(said) :] else None

    def forget(self) -> None:
        with self._lock:
            self._prompts.clear()


def _said(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns without their days, which no prompt shows."""
    return tuple(turn.model_copy(update={"day": None}) for turn in turns)
