"""How far a run is and how long it still takes: a bar on a terminal, a plain line now and then where there is none."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from bot.cli.state import console_for_errors

LINE_SECONDS = 30.0  # between two lines, at most
SHORTEST = 1.0  # and at least
SHARES = 10  # a line for each tenth of the questions

Tell = Callable[[int, int], None]
"""Called with questions answered and questions in all."""


class Pace:
    """From how far a run is, and when, to the time that it still takes; `clock` gives seconds.

    What was answered before it began does not count: a run that is taken up is no faster for it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._last = clock()
        self._first: int | None = None
        self.done = self.total = 0

    def step(self, done: int, total: int) -> None:
        self._last = self._clock()
        if self._first is None:
            self._first, self._began = done, self._last
        self.done, self.total = done, total

    def left(self) -> float | None:
        """Seconds; None as long as nothing was answered now. It goes down within a question, but not past it."""
        waiting, answered = self.total - self.done, self.done - (self._first or 0)
        if not waiting:
            return 0.0
        if not answered:
            return None
        each = (self._last - self._began) / answered
        return max(each * (waiting - 1), each * waiting - (self._clock() - self._last))

    def told(self) -> str:
        left = self.left()
        return "" if left is None else f"{duration(left)} left"


class Lines:
    """Says now and then how far a run is: as it begins, at each tenth, at least every half minute, and at its end."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._pace = Pace(clock)
        self._told, self._tenths = -SHORTEST, 0

    def step(self, done: int, total: int) -> None:
        first = not self._pace.total
        self._pace.step(done, total)
        now, tenths = self._clock(), done * SHARES // max(total, 1)
        due = now - self._told >= (SHORTEST if tenths > self._tenths else LINE_SECONDS)
        if first or due or done == total:
            self._told, self._tenths = now, tenths
            left = self._pace.told() if done < total else ""
            self._say(", ".join(filter(None, (f"{done} of {total} questions", left))))


def duration(seconds: float) -> str:
    """In the unit that says enough: "40 s", "14 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class _Left(ProgressColumn):
    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def render(self, task: Task) -> Text:
        return Text(self._pace.told())


@contextmanager
def asking(console: Console | None = None) -> Iterator[Tell]:
    """Yields what moves the bar, or says the lines; on stderr unless another console is given."""
    console = console or console_for_errors()
    if not console.is_terminal:
        yield Lines(lambda line: console.print(line, soft_wrap=True)).step
        return
    pace = Pace()
    columns = (TextColumn("Asking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), _Left(pace))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None)

        def move(done: int, total: int) -> None:
            pace.step(done, total)
            bar.update(task, completed=done, total=total)

        yield move
