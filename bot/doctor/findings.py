"""What the doctor says: a line for each thing looked at, and how it can be mended. It looks at nothing itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from bot.embed import Embedder
from bot.ingest import Ingester
from bot.store import Store

Level = Literal["ok", "warning", "error"]


class Mend(NamedTuple):
    """`will` says what `do` does; `do` says what it did, and raises BotError or OSError where that is not possible."""

    will: str
    do: Callable[[], str]


class Finding(NamedTuple):
    """`text` is a sentence, `remedy` another one, what the user can do; "" where nothing is to be done."""

    part: str
    level: Level
    text: str
    remedy: str = ""
    mend: Mend | None = None


class Tools(NamedTuple):
    """How things are opened, as the settings say: the embedder, the store (in a folder, if given), an ingester."""

    open_embedder: Callable[[], Embedder]
    open_store: Callable[[Embedder, Path | None], Store]
    open_ingester: Callable[[Embedder, Store], Ingester]


REPAIR = "Run `bot doctor --repair`."
