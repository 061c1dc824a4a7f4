"""How likely a model's answer begins with one word rather than another, with cells of their own for such questions.

The examples of such a prompt are read once and kept; the answers' prompts are left as they are.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from bot.errors import ModelError
from bot.llm.cells import Cells, alike
from bot.llm.joined import Joiner, Joins, join_to
from bot.llm.kept import Kept
from bot.llm.tokens import Apart
from bot.llm.turns import stoppable, turn

log = logging.getLogger("bot.llm")
TOKENS = 2048  # room for a prompt whose answer is only weighed
CONTEXTS = 2  # of so many kinds of such prompts the examples are kept
ROOM_TO_LOAD = 512  # cells for a block of a segment while it is loaded, beside those of the prompt


class Weigher:
    """Contexts behind one lock, so that it can be asked while an answer streams; `new_cells` makes one.

    Each question is asked within a `resting`.
    """

    def __init__(
        self,
        new_cells: Callable[[], Cells],
        joiner: Joiner | None,
        kept: Kept | None,
        resting: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._new_cells, self._joiner, self._kept, self._resting = new_cells, joiner, kept, resting
        self.cells: list[Cells] = []  # made when first asked for; the last used one comes last
        self._contexts = CONTEXTS
        self.lock = threading.Lock()

    def odds(
        self, prompt: list[int], start: int, apart: Apart | None, words: tuple[int, int], stop: threading.Event
    ) -> float | None:
        """Log-odds of the first of `words` (tokens) after `prompt`, whose first `start` tokens are the same each time.

        `apart` is the same prompt with its segments, which are joined where all of them are kept. None where the prompt
        is too long, or memory lacks.
        """
        joins = self._joins(apart)
        if apart and alike(prompt, apart.start) == len(apart.start):
            start = len(apart.start)  # the same cells, whether the rest is joined or read
        with turn(self.lock, stop), self._resting():
            cells = self._cells_for(prompt[:start])
            if cells is None or len(prompt) > cells.decoder.tokens:
                return None
            if joins and len(prompt) + ROOM_TO_LOAD > cells.decoder.tokens:
                joins = None
            with stoppable(stop, cells.decoder):
                if not (apart and joins and self._read_joined(cells, apart, joins, stop)):
                    self._hold(cells, prompt[:start], stop)
                    cells.read_all(prompt, start, stop)
            logits = cells.decoder.logits()
            return float(logits[words[0]] - logits[words[1]])

    def _joins(self, apart: Apart | None) -> Joins | None:
        """What is kept of a prompt's segments, where all of it is."""
        if self._joiner is None or apart is None:
            return None
        joins, missing = self._joiner.find(apart.reads)
        return None if missing else joins

    def _read_joined(self, cells: Cells, apart: Apart, joins: Joins, stop: threading.Event) -> bool:
        """Join the segments between start and end; False where they had no room."""
        self._hold(cells, apart.start, stop)
        if join_to(cells.decoder, len(apart.start), joins) is None:
            cells.keep(0)
            return False
        cells.hold([*apart.start, *joins.cells()])
        cells.read_all([*cells.tokens, *apart.end], len(cells.tokens), stop)
        return True

    def _hold(self, cells: Cells, start: Sequence[int], stop: threading.Event) -> None:
        """Keep these cells and no others; what of them is not there is loaded, or read and kept for other processes."""
        if alike(cells.tokens, start) == len(start) and cells.keep(len(start)) == len(start):
            return
        cells.keep(0)
        name = self._joiner.examples(start) if self._joiner else ""
        saved = self._kept.get(name) if self._kept and name else None
        if saved is not None and cells.decoder.load(saved, 0):
            cells.hold(start)
            return
        cells.keep(0)
        cells.read_all(start, 0, stop)
        if self._kept and name:
            self._kept.put(name, cells.decoder.save(0))

    def _cells_for(self, examples: Sequence[int]) -> Cells | None:
        """Those that hold the examples, else new ones, else those not used for longest; None where memory lacks."""
        same = [cells for cells in self.cells if cells.tokens[: len(examples)] == list(examples)]
        if not same and len(self.cells) < self._contexts:
            try:
                same = [self._new_cells()]
            except ModelError as error:  # answers do without it
                self._contexts = len(self.cells)
                log.warning("Checks of passages and answers are left out, or slower: %s", error)
        chosen = next(iter(same or self.cells), None)
        if chosen:
            self.cells = [*(cells for cells in self.cells if cells is not chosen), chosen]
        return chosen

    def close(self) -> None:
        with self.lock:
            for cells in self.cells:
                cells.decoder.close()
            self.cells, self._contexts = [], 0
