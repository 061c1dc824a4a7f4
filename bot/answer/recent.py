"""The prompts of the last answers, so that a conversation can go on from one instead of beginning another."""

import threading
from collections import OrderedDict

from bot.prompt import Prompt
from bot.schema import Filters, Turn

ANSWERS = 64  # remembered; of all conversations


class Recent:
    """Prompts by the turns that came of them, and by what limited their search; safe for several threads."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[tuple[str, str, Filters], Prompt] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, question: str, answer: str, filters: Filters, prompt: Prompt) -> None:
        key = question, answer, filters
        with self._lock:
            self._prompts[key] = prompt
            self._prompts.move_to_end(key)
            while len(self._prompts) > ANSWERS:
                self._prompts.popitem(last=False)

    def find(self, turn: Turn, filters: Filters) -> Prompt | None:
        """The prompt that this turn's answer came of, if it is remembered and was limited alike."""
        with self._lock:
            return self._prompts.get((turn.question, turn.answer, filters))

    def forget(self) -> None:
        with self._lock:
            self._prompts.clear()
