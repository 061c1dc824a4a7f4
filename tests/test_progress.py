"""progress: the time left, with runs that were taken up and slow questions; the lines where there is no terminal."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from bot.cli.progress import Lines, Pace, asking, duration


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("steps", "waited", "left"),
    [
        ([], 5, 0),
        ([(0, (0, 10))], 50, None),  # nothing is known before a question is answered
        ([(0, (0, 10)), (20, (1, 10))], 0, 180),
        ([(0, (0, 10)), (20, (1, 10)), (60, (2, 10))], 0, 240),  # 30 s each by now
        ([(0, (200, 300)), (10, (201, 300)), (20, (202, 300))], 0, 980),  # what was there when it began took no time
        ([(0, (200, 300)), (10, (201, 300))], 4, 986),  # it goes down while a question is under way
        ([(0, (200, 300)), (10, (201, 300))], 500, 980),  # and stays at what the others need
        ([(0, (9, 10)), (7, (10, 10))], 0, 0),
        ([(0, (10, 10))], 0, 0),
    ],
)
def test_time_left(steps: Sequence[tuple[float, tuple[int, int]]], waited: float, left: float | None) -> None:
    clock = Clock()
    pace = Pace(clock)
    for at, step in steps:
        clock.now = 1000 + at
        pace.step(*step)
    clock.now += waited
    assert pace.left() == (None if left is None else pytest.approx(left))


def lines(total: int, seconds: float, done: int = 0) -> list[str]:
    clock, said = Clock(), list[str]()
    told = Lines(said.append, clock)
    told.step(done, total)
    while done < total:
        clock.now += seconds
        done += 1
        told.step(done, total)
    return said


def test_lines_come_at_each_tenth_or_half_a_minute() -> None:
    assert lines(20, 3) == [
        "0 of 20 questions", *(f"{done} of 20 questions, {3 * (20 - done)} s left" for done in range(2, 20, 2)),
        "20 of 20 questions",
    ]  # fmt: skip
    slow = lines(300, 14, done=120)
    assert slow[:3] == [
        "120 of 300 questions",
        "123 of 300 questions, 41 min left",
        "126 of 300 questions, 41 min left",
    ]
    assert len(lines(1000, 0.001)) <= 3, "a quick one does not flood the screen"
    assert lines(5, 1, done=5) == ["5 of 5 questions"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, "0 s"), (89, "89 s"), (90, "2 min"), (840, "14 min"), (5390, "1 h 30 min"), (12_000, "3 h 20 min")],
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_on_a_terminal_and_lines_elsewhere(terminal: bool) -> None:
    screen = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with asking(screen) as tell:
        tell(200, 300)
        tell(300, 300)
    said = screen.file.getvalue()  # type: ignore[attr-defined]
    assert ("Asking" in said) == terminal
    assert "300/300" in said if terminal else said == "200 of 300 questions\n300 of 300 questions\n"
