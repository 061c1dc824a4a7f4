"""Who waits for whom: one user of a context at a time, and a stop that reaches llama.cpp in the middle of a slice."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import Stopped
from bot.llama import Decoder

WATCH_SECONDS = 0.1


@contextmanager
def turn(lock: threading.Lock, stop: threading.Event) -> Iterator[None]:
    """Hold the lock while inside; raises Stopped where a stop comes before it is free."""
    while not lock.acquire(timeout=WATCH_SECONDS):
        if stop.is_set():
            raise Stopped
    try:
        if stop.is_set():
            raise Stopped
        yield
    finally:
        lock.release()


@contextmanager
def stoppable(stop: threading.Event, *decoders: Decoder) -> Iterator[None]:
    """While inside, a stop reaches llama.cpp even in the middle of a slice."""
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(WATCH_SECONDS):
            if stop.is_set():
                for decoder in decoders:
                    decoder.stop()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
        for decoder in decoders:
            decoder.stop(now=False)
