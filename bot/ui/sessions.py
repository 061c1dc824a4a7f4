"""What Gradio holds of each session: of a tab while it may come back, of a call by the API only while it is in work.

By itself Gradio holds a tenth of a megabyte for every tab and every call, and lets go of none until there are 10,000.
It knows no user and not what a session holds.
"""

import re
from typing import Any

from gradio.state_holder import SessionState, StateHolder

from bot.ui.connection import MOST

MOST_TABS = MOST  # an open tab holds a connection; the one used longest ago is forgotten, and open ones tick
MOST_CALLS = 50  # more than may be in work at once; one that is forgotten too early is only made again
_CALL = re.compile(
    r"[0-9a-f]{32}"
)  # the queue's own names, where a caller gives none; browsers and clients have others


class Sessions(StateHolder):
    """In the place of Gradio's own holder."""

    def __init__(self, blocks: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._calls = StateHolder()  # type: ignore[no-untyped-call]
        for holder, most in ((self._calls, MOST_CALLS), (self, MOST_TABS)):
            holder.set_blocks(blocks)  # the last becomes the page's
            holder.capacity = most

    def __getitem__(self, session_id: str) -> SessionState:
        return self._calls[session_id] if _CALL.fullmatch(session_id) else super().__getitem__(session_id)
