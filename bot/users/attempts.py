"""How often someone may try a password: so often for each name, and so often in all. Kept in memory only."""

import itertools
import threading
import time
from collections.abc import Callable

WINDOW_S = 60.0
PER_NAME = 5  # wrong passwords for one name within the window
IN_ALL = 50  # for all names together, as names can be guessed, too


class Attempts:
    """A try counts as wrong from its beginning, so that many at once are no way around; several threads may use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._tries: dict[int, tuple[str, float]] = {}  # never more than IN_ALL
        self._lock = threading.Lock()

    def begin(self, name: str) -> int:
        """The number of a try for `name`; 0 where there were too many within the last WINDOW_S seconds."""
        with self._lock:
            since = self._clock() - WINDOW_S
            self._tries = {number: one for number, one in self._tries.items() if one[1] > since}
            names = [one for one, _ in self._tries.values()]
            if len(names) >= IN_ALL or names.count(name) >= PER_NAME:
                return 0
            number = next(self._numbers)
            self._tries[number] = (name, self._clock())
            return number

    def take_back(self, number: int) -> None:
        """The password was right: this try does not count."""
        with self._lock:
            self._tries.pop(number, None)
