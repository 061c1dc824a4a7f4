"""Where words stand in a text: exactly, written a little differently, or as far as they agree. Pure.

Each search takes time in proportion to the text.
"""

import re
import unicodedata
from typing import NamedTuple

LEAST = 12  # characters that must agree before it is worth telling

_ALIKE = ("'‘’ʼ`´", '"“”„«»', "-‐‑‒–—−")  # noqa: RUF001 - that they look alike is the point
_CLASS = {char: f"[{re.escape(group)}]" for group in _ALIKE for char in group}


class Place(NamedTuple):
    start: int
    end: int


def exactly(text: str, words: str, near: int = 0) -> Place | None:
    """The place of `words` that begins nearest to `near`."""
    before = text.rfind(words, 0, max(0, near) + len(words))
    after = text.find(words, max(0, near))
    starts = [start for start in (before, after) if start >= 0]
    if not starts:
        return None
    start = min(starts, key=lambda start: abs(start - near))
    return Place(start, start + len(words))


def loosely(text: str, words: str, near: int = 0) -> Place | None:
    """The same where case, white space, kinds of quotation marks and dashes, or the Unicode form differ."""
    forms = (words, unicodedata.normalize("NFC", words), unicodedata.normalize("NFD", words))
    for form in dict.fromkeys(forms):
        pattern = r"\s+".join("".join(_CLASS.get(char, re.escape(char)) for char in word) for word in form.split())
        found = [Place(*match.span()) for match in re.finditer(pattern, text, re.IGNORECASE)] if pattern else []
        if found:
            return min(found, key=lambda place: abs(place.start - near))
    return None


def beginning(text: str, words: str, near: int = 0) -> Place | None:
    """The place of the longest beginning of `words` that stands in `text`, None if it is too short to tell."""
    low, high = 0, len(words)
    while low < high:  # what a text holds, it holds the beginning of
        middle = (low + high + 1) // 2
        low, high = (middle, high) if words[:middle] in text else (low, middle - 1)
    return exactly(text, words[:low], near) if low >= LEAST else None
