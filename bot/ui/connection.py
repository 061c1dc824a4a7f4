"""Connections: how long and how large the head of a request may be. It knows nothing of what is asked.

Uvicorn waits for ever for the rest of a request's head, so that whoever opens connections and says nothing, or a letter
now and then ("slowloris"), could take them all.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 20.0  # from the opening, or from the end of the answer before
LONGEST_HEAD = 32_768  # bytes; Gradio's own are below 2,000
MOST = 500  # connections at once


class Connection(H11Protocol):
    """Uvicorn's, closed where a request's head does not come in time."""

    head_s = HEAD_S

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """The clock runs while a head is awaited; what has come of one does not stop it."""
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._late is None:
            self._late = self.loop.call_later(self.head_s, self.transport.close)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
