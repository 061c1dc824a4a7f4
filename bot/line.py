"""Who asks first is answered first: the line in which questions wait for the model; it knows no model.

One question is answered at a time, as two at once would each take twice as long (docs/experiments.md, "Guessing ahead,
and several at once").
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import Stopped

LOOK_SECONDS = 0.1  # between two looks for a stop


class Line:
    """For any number of threads."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._places: list[Place] = []

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """The last place, kept until the end of the block: whoever goes makes room for the next."""
        own = Place(self)
        with self._moved:
            self._places.append(own)
        try:
            yield own
        finally:
            with self._moved:
                self._places.remove(own)
                self._moved.notify_all()

    def before(self, place: "Place") -> int:
        """How many come first."""
        with self._moved:
            return self._places.index(place)

    def wait(self) -> None:
        """Until the line moves, or for a moment."""
        with self._moved:
            self._moved.wait(LOOK_SECONDS)


class Place:
    """One question's place."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def moves(self, stop: threading.Event) -> Iterator[int]:
        """How many come first, now and whenever that changes, until nobody does. Raises Stopped on a `stop`."""
        told = 0
        while before := self._line.before(self):
            if stop.is_set():
                raise Stopped
            if before != told:
                told = before
                yield before
            self._line.wait()
