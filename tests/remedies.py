"""What every message for people has in common: its last sentence says what to do. Knows no error by name."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import BotError

# With which such a sentence begins; a new verb is worth a look at the whole sentence.
VERBS = frozenset(
    """add ask begin check choose compare copy cut end fetch free give go group install keep leave look make mark mend
    move name open pass put raise rate remove rename restore run save say send set shorten split start stop swap take
    try type use wait write""".split()  # noqa: SIM905 - a list literal of it would fill the page
)
_ENDS = re.compile(r"(?<=[.!?:;])\s+(?=[A-Z`“])")
_COMMAND = re.compile(r"\b(?:bot|chroma|pip) [a-z-]+\b")


def remedy(message: str) -> str:
    """The sentence that says what to do, "" where there is none."""
    last = _ENDS.split(message.strip())[-1]
    does = re.match(r"[A-Z][a-z]+", last)
    if last[-1:] in "." and does and does[0].lower() in VERBS:
        return last
    return last if _COMMAND.search(last) else ""


@contextmanager
def told(kind: type[BotError], about: object = "") -> Iterator[None]:
    """Passes over an error of this kind, if it speaks of `about` in one line and says what to do."""
    try:
        yield
    except kind as error:
        check(str(error), str(about))


def check(message: str, about: str = "") -> None:
    assert remedy(message), f"what is to be done? {message}"
    assert about in message
    assert "\n" not in message.replace(about, ""), message
