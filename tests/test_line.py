"""line: first come, first answered; who leaves makes room."""

import threading
import time

import pytest

from bot.errors import Stopped
from bot.line import Line


def test_who_is_alone_does_not_wait() -> None:
    with Line().place() as place:
        assert list(place.moves(threading.Event())) == []


def test_each_is_told_how_many_come_first_and_all_go_in_order() -> None:
    line, go = Line(), threading.Event()
    order: list[int] = []
    told: dict[int, list[int]] = {}

    def ask(number: int) -> None:
        with line.place() as place:
            joined[number].set()
            told[number] = list(place.moves(threading.Event()))
            go.wait(5)
            order.append(number)

    joined = [threading.Event() for _ in range(4)]
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread, one in zip(threads, joined, strict=True):
        thread.start()
        assert one.wait(5)
    go.set()
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2, 3]
    for number, counts in told.items():
        assert counts[:1] == [number] * (number > 0)
        assert counts == sorted(counts, reverse=True)


def test_who_stops_leaves_at_once_and_the_next_moves_up() -> None:
    line, stop = Line(), threading.Event()
    with line.place() as first, line.place() as second, line.place() as third:
        waiting = second.moves(stop)
        assert next(waiting) == 1
        behind = third.moves(threading.Event())
        assert next(behind) == 2
        stop.set()
        began = time.perf_counter()
        with pytest.raises(Stopped):
            next(waiting)
        assert time.perf_counter() - began < 1
        assert list(first.moves(stop)) == []


def test_a_place_is_free_again_whatever_ends_the_block() -> None:
    line = Line()
    with pytest.raises(ZeroDivisionError), line.place():
        raise ZeroDivisionError
    with line.place() as place:
        assert list(place.moves(threading.Event())) == []
