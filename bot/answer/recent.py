"""The prompts of the last answers, so that a conversation can go on from one instead of beginning another."""

import threading
from collections import OrderedDict

from bot.prompt import Prompt
from bot.schema import Turn

ANSWERS = 64  # remembered; of all conversations


class Recent:
    """Prompts by the turns that came of them; safe for several threads."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[tuple[str, str], Prompt] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, question: str, answer: str, prompt: Prompt) -> None:
        with self._lock:
            self._prompts[question, answer] = prompt
            self._prompts.move_to_end((question, answer))
            while len(self._prompts) > ANSWERS:
                self._prompts.popitem(last=False)

    def find(self, turn: Turn) -> Prompt | None:
        """The prompt that this turn's answer came of, if it is remembered."""
        with self._lock:
            return self._prompts.get((turn.question, turn.answer))

    def forget(self) -> None:
        with self._lock:
            self._prompts.clear()
