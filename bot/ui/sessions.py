"""What Gradio holds of each session: of a tab while it may come back, of a call by the API only while it is in work.

By itself Gradio holds a tenth of a megabyte for every tab and every call, and as much for every answer (a component
that is updated and then given a value is noted once more, under a new number), and lets go of none until there are
10,000. It knows no user and not what a session holds.
"""

import re
from typing import Any

from gradio.state_holder import SessionState, StateHolder

from bot.ui.connection import MOST

MOST_TABS = MOST  # an open tab holds a connection; the one used longest ago is forgotten, and open ones tick
MOST_CALLS = 50  # more than may be in work at once; one that is forgotten too early is only made again
_CALL = re.compile(r"[0-9a-f]{32}")  # names of the queue, where a caller gives none; tabs and clients have others


class Session(SessionState):
    """Holds the page's own components and states alone, and no copies of what they show: only deep links need those."""

    def __init__(self, blocks: Any) -> None:
        super().__init__(blocks)
        self.config_values.clear()

    def __setitem__(self, key: int, value: Any) -> None:
        if key in self.blocks_config.blocks:
            super().__setitem__(key, value)
            self.config_values.clear()

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class _Holder(StateHolder):
    def __init__(self, blocks: Any, most: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.set_blocks(blocks)
        self.capacity = most

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = Session(self.blocks)
        return super().__getitem__(session_id)


class Sessions(_Holder):
    """In the place of Gradio's own holder."""

    def __init__(self, blocks: Any) -> None:
        self._calls = _Holder(blocks, MOST_CALLS)
        super().__init__(blocks, MOST_TABS)  # the last becomes the page's

    def __getitem__(self, session_id: str) -> SessionState:
        return self._calls[session_id] if _CALL.fullmatch(session_id) else super().__getitem__(session_id)
